"""What is easily got wrong in the losses of distributions, ensembles and vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lossctl
from lossctl.errors import UsageError
from lossctl.losses.spec import parse_specs
from tests.laws.accuracy import ulps
from tests.laws.oracles import exact

TINY = 5e-324


def both(spec: str, y: object, yhat: object) -> tuple[list[Any], list[Any]]:
    """Return the losses and the slopes as lists."""
    value, slope = parse_specs(spec)[0].bound.both(y, yhat)
    return value.tolist(), slope().tolist()


@pytest.mark.parametrize(
    ("y", "mean", "variance", "wanted"),
    [
        (-1e308, 1e308, 1.7e308, 1.1764705882352942e308),  # the error is beyond float64
        (0.0, 1e-10, TINY, 1.0120112665365532e303),  # so is its quotient with the variance
        (0.0, 1e200, 1e300, 5e99),  # and its square
    ],
)
def test_the_gaussian_nll_of_what_overflows_in_between(
    y: float, mean: float, variance: float, wanted: float
) -> None:
    value, slope = both("gaussian_nll", [y], [[mean, variance]])
    assert value == pytest.approx([wanted], rel=1e-15)
    assert not np.isnan(slope).any()


def test_the_slope_in_the_variance_does_not_cancel_where_it_is_the_square_of_the_error() -> None:
    error = 1.0 + 2.0**-30  # its square is 1 + 2⁻²⁹ + 2⁻⁶⁰, which float64 does not hold
    _, slope = both("gaussian_nll", [0.0], [[error, 1.0 + 2.0**-29]])
    assert slope[0][1] == pytest.approx(-(2.0**-61), rel=1e-8)


def test_an_end_of_an_interval_that_y_lies_on_is_not_pulled() -> None:
    value, slope = both("interval_score:alpha=0.5", [1.0, 1.0], [[1.0, 2.0], [1.0, 1.0]])
    assert (value, slope) == ([1.0, 0.0], [[0.0, 1.0], [0.0, 0.0]])
    with pytest.raises(UsageError, match="lower must be at most upper"):
        both("interval_score", [1.0], [[2.0, 1.0]])


def test_crps_keeps_small_gaps_between_large_members_and_counts_ties_once() -> None:
    members = [1e16, 1e16 + 2.0, 1e16 + 4.0]
    value, slope = both("crps", [1e16 + 2.0], [members])
    assert value == pytest.approx([4 / 9], rel=1e-15)
    assert slope == [pytest.approx([-1 / 9, 0.0, 1 / 9])]
    assert both("crps", [0.0], [[3.0, 3.0, -0.0]]) == (
        [pytest.approx(4 / 3)],
        [pytest.approx([2 / 9, 2 / 9, 2 / 9])],
    )
    assert both("crps", [1e308], [[-1e308, -1e308]])[0] == [math.inf]
    assert both("crps", [0.0], [[-1.5e308, 1.5e308]])[0] == [7.5e307]


@pytest.mark.parametrize("length", [1.0, 3.0, 1e-300, 1e300])
def test_the_cosine_distance_of_nearly_parallel_vectors_is_half_the_square_of_the_angle(
    length: float,
) -> None:
    for angle in (1e-3, 1e-8, 1e-20, 1e-150):
        y, yhat = [[length, 0.0]], [[length, length * angle]]
        value, slope = both("cosine_distance", y, yhat)
        wanted = angle**2 / 2 * (1 - 0.75 * angle**2) if length * angle > 1e-307 else None
        if wanted is not None:
            assert value == pytest.approx([wanted], rel=1e-9, abs=0.0)
            assert slope[0][1] == pytest.approx(angle / length, rel=1e-5, abs=0.0)


def test_parallel_vectors_cost_nothing_and_a_vector_of_zeros_is_refused() -> None:
    y = np.array([[0.1, 0.2, 0.3], [1e-310, 1e300, 7.0]])
    assert both("cosine_distance", y, 4.0 * y[:1].repeat(2, 0))[0][0] == 0.0
    assert both("cosine_distance", y, y) == ([0.0, 0.0], [[0.0] * 3] * 2)
    assert both("cosine_distance", y, -y)[0] == [2.0, 2.0]
    for zero in (y, 0.0 * y), (-0.0 * y, y):
        with pytest.raises(UsageError, match="no direction"):
            both("cosine_distance", *zero)


def test_terms_of_divergences_at_and_next_to_nothing() -> None:
    p, q = [0.0, -0.0, 0.5, 1.0, 0.5], [0.0, 0.5, -0.0, TINY, 0.5 + 2.0**-53]
    value, slope = both("kl_divergence", p, q)
    assert value == pytest.approx([0.0, 0.0, math.inf, 744.4400719213812, -(2.0**-53)], rel=1e-14)
    assert slope == pytest.approx([0.0, 0.0, -math.inf, -math.inf, -1.0], rel=1e-14)
    value, slope = both("js_divergence", p, q)
    half = math.log(2.0) / 2.0
    wanted = [0.0, half / 2, half / 2, half, 2.0**-106 / 4]
    assert value == pytest.approx(wanted, rel=1e-14, abs=0.0)
    assert slope[:3] == pytest.approx([half, half, -math.inf], rel=1e-14)
    assert slope[4] == pytest.approx(2.0**-54, rel=1e-14, abs=0.0)


def test_the_upper_end_of_a_clipped_divergence_is_not_rounded() -> None:
    eps = 1e-20
    value, _ = both(f"kl_divergence:eps={eps}", [1.0], [1.0])
    assert value == pytest.approx([eps], rel=1e-15, abs=0.0)


@pytest.mark.parametrize(
    ("y", "yhat", "slope"),
    [
        # an entry that scaling by the largest one loses, and a ŷ so short that it counts
        ([-1e150, -5e-324], [2.2e-308, -0.0], [-0.0, 2.2457529356420296e-166]),
        # the large products cancel, and all that is left is far below their rounding
        ([1e200, 1e-10, -1e200], [2.0, 1e-10, 2.0], [-0.25, -2.5e-211, 0.25]),
    ],
)
def test_cosine_slopes_keep_what_is_small_beside_other_entries(
    y: list[float], yhat: list[float], slope: list[float]
) -> None:
    found = lossctl.get_loss("cosine_distance").slope([y], [yhat])[0]
    truth = exact("cosine_distance", y, yhat, {})
    for entry, wanted, terms in zip(found.tolist(), slope, truth.slopes, strict=True):
        assert ulps(entry, terms) <= 4.0
        assert entry == pytest.approx(wanted, rel=1e-12, abs=0.0)
