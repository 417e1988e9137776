"""Robust kernels where they are easily got wrong: far distances, thin edges, odd scales."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossctl.losses import BoundLoss, find
from lossctl.losses.accurate import x_minus_log1p
from tests.laws.accuracy import ulps
from tests.laws.oracles import mp

TOP = 1.7e308  # TOP − (−TOP) overflows


def both(name: str, y: float, yhat: float, **params: float) -> tuple[float, float]:
    value, slope = BoundLoss(find(name), params).both([y], [yhat])
    return float(value[0]), float(slope()[0])


def test_x_minus_log1p_has_no_weak_spot() -> None:
    rng = np.random.default_rng(0)
    seams = [side * step + x for x in (-0.5, 0.5, 4.0) for step in (0.0, 1e-15) for side in (1, -1)]
    close = 10.0 ** -rng.uniform(0.001, 16.0, 200)
    wide = 10.0 ** rng.uniform(-320.0, 308.0, 200)
    x = np.concatenate([rng.uniform(-1.0, 5.0, 2000), wide, np.array(seams), -close, close - 1.0])
    x = x[x > -1.0]
    with np.errstate(all="ignore"):
        found = x_minus_log1p(x).tolist()
        assert x_minus_log1p(np.array([-1.0, 0.0, math.inf])).tolist() == [math.inf, 0.0, math.inf]
    exact = [mp.mpf(a) - mp.log1p(mp.mpf(a)) for a in x.tolist()]
    assert max(ulps(f, [e]) for f, e in zip(found, exact, strict=True)) <= 1.5


@pytest.mark.parametrize(
    ("name", "params", "value", "slope"),
    [
        ("huber", {"delta": 1e-10}, 3.4e298, 1e-10),
        ("huber", {"delta": 2.0**-1070}, TOP * 2.0**-1069, 2.0**-1070),
        ("pseudo_huber", {"delta": 1e-10}, 3.4e298, 1e-10),
        ("fair", {"c": 1e-10}, 3.4e298, 1e-10),
        ("cauchy", {"c": 1.0}, math.log(3.4) + 308 * math.log(10.0), 1 / 3.4e307 / 10),
        ("smooth_l1", {"beta": TOP}, math.inf, 1.0),
        ("epsilon_insensitive", {"epsilon": TOP}, TOP, 1.0),
        ("quantile", {"q": 0.75}, 8.5e307, 0.25),
        ("expectile", {"q": 1e-300}, math.inf, math.inf),
        ("smape", {}, 2.0, 0.0),
    ],
)
def test_a_distance_that_overflows(
    name: str, params: dict[str, float], value: float, slope: float
) -> None:
    assert both(name, -TOP, TOP, **params) == pytest.approx((value, slope), rel=1e-15)


def test_the_edge_of_the_tube_is_told_from_the_rounding_of_the_error() -> None:
    assert both("epsilon_insensitive", -1e-20, 0.5, epsilon=0.5) == (1e-20, 1.0)
    assert both("epsilon_insensitive", 1e-20, 0.5, epsilon=0.5) == (0.0, 0.0)
    assert both("epsilon_insensitive", 0.0, 0.5, epsilon=0.5) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["huber", "pseudo_huber", "fair", "cauchy"])
def test_a_scale_far_beyond_the_error_leaves_half_the_square(name: str) -> None:
    parameter = find(name).params[0].name
    for scale in (1e20, 1e200, 1.7e308):
        for e in (1e-150, 1e-10, 1.0):
            expected = (0.5 * e * e, e)
            assert both(name, 0.0, e, **{parameter: scale}) == pytest.approx(expected, rel=5e-16)


def test_a_ratio_of_logarithms_near_its_pole_and_at_both_ends() -> None:
    least = math.nextafter(-1.0, 0.0)
    for y, yhat in ((1e300, least), (least, 1e300), (1e300, 1.0000000001e300), (3.0, 3.0 + 1e-15)):
        exact = mp.log((1 + mp.mpf(yhat)) / (1 + mp.mpf(y)))
        value, slope = both("msle", y, yhat)
        assert ulps(value, [exact**2]) <= 4.0
        assert ulps(slope, [2 * exact / (1 + mp.mpf(yhat))]) <= 4.0


def test_smape_is_two_on_the_wrong_side_and_pulls_nothing_there() -> None:
    for y, yhat in ((3.3, -1e-300), (-0.1, 0.7), (0.0, 5.0), (1e308, -1e308)):
        assert both("smape", y, yhat) == (2.0, 0.0)
    assert both("smape", 5e-324, 5e-324) == (0.0, 0.0)
