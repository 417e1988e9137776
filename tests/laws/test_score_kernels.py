"""Margin and focal losses and scores, where they are easily got wrong."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lossctl.losses import find
from lossctl.losses.domain import LOG_UNIT, UNIT
from tests.laws.oracles import mp

INF = math.inf


def value(name: str, y: Any, yhat: Any, **params: Any) -> list[float]:
    found: list[float] = find(name).kernel(np.array(y), np.array(yhat), **params)[0].tolist()
    return found


def slope(name: str, y: Any, yhat: Any, **params: Any) -> list[Any]:
    found: list[Any] = find(name).kernel(np.array(y), np.array(yhat), **params)[1]().tolist()
    return found


@pytest.mark.parametrize("name", ["hinge", "squared_hinge", "exponential", "focal_with_logits"])
def test_an_infinite_score_on_the_right_side_costs_nothing(name: str) -> None:
    assert value(name, [1.0, 0.0], [INF, -INF]) == [0.0, 0.0]
    assert value(name, [1.0, 0.0], [-INF, INF]) == [INF, INF]


@pytest.mark.parametrize("name", ["categorical_hinge", "multiclass_hinge", "focal_with_logits"])
def test_an_infinite_score_of_the_right_class_costs_nothing(name: str) -> None:
    rows = [[0.0, INF, 1.0], [0.0, 1.0, -INF]]
    assert value(name, [1, 2], rows) == [0.0, INF]
    assert value(name, [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], rows) == [0.0, INF]


def test_a_share_of_what_is_beyond_float64() -> None:
    assert value("squared_hinge", [1e-300], [-1e155]) == pytest.approx([1e10])
    assert value("multiclass_hinge", [[0.25, 0.75]], [[-1.2e308, 1.2e308]]) == pytest.approx(
        [0.6e308]
    )
    assert value("exponential", [1e-300], [-1000.0]) == pytest.approx([1.9700711140170e134])


def test_hinges_at_kinks_and_ties() -> None:
    assert slope("hinge", [1.0, 0.0], [1.0, -1.0]) == [0.0, 0.0]
    assert slope("multiclass_hinge", [0], [[1.0, 0.0, -1.0]]) == [[0.0, 0.0, 0.0]]
    assert slope("multiclass_hinge", [0], [[0.0, 0.5, 0.5]]) == [[-1.0, 1.0, 0.0]]
    assert slope("multiclass_hinge", [1], [[0.5, 0.5, 0.5]]) == [[1.0, -1.0, 0.0]]
    assert slope("categorical_hinge", [0], [[0.0, 0.0, -1.0]]) == [[-1.0, 0.0, 0.0]]
    assert value("multiclass_hinge", [0], [[1e17, 1e17 - 16.0]]) == [0.0]
    assert value("multiclass_hinge", [0], [[-1e-20, 1.0 - 2.0**-53]]) == [2.0 - 2.0**-53]


def test_a_brier_score_next_to_a_smoothed_label() -> None:
    assert value("brier", [1.0], [1.0], label_smoothing=1e-20) == pytest.approx([0.25e-40])
    assert slope("brier", [0], [[1.0, 0.0]], label_smoothing=1e-20) == [
        pytest.approx([1e-20, -1e-20])
    ]


def test_zero_one_of_ties_and_soft_labels() -> None:
    assert value("zero_one", [1.0, 0.0], [0.5, 0.5]) == [1.0, 0.0]
    assert value("zero_one", [0, 1], [[0.5, 0.5], [0.5, 0.5]]) == [0.0, 1.0]
    assert value("zero_one", [[1e-20, 1.0]], [[0.1, 0.9]]) == [1e-20]


def test_squares_are_rounded_once_and_do_not_vanish_before_their_sum() -> None:
    t = [0.4030183115908298, 0.22838385661991104, 0.36859783178925926]
    p = [0.1, 0.5873112829071889, 0.3126887170928111]
    exact = sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(p, t, strict=True))
    assert abs(Fraction(value("brier", [t], [p])[0]) - exact) < 1.2 * math.ulp(float(exact))
    tiny = [[1.0] + [1e-162] * 999]
    assert value("brier", [0], tiny) == [9.99e-322]


def test_terms_of_soft_labels_do_not_vanish_before_their_sum() -> None:
    """A share and a factor near the smallest float64, and k of them in a sum."""
    t, z = [[1.0 / 64.0] * 64], [[0.0] * 64]
    plain, small = ({"gamma": 0.0, "alpha": alpha} for alpha in (1.0, 2.0**-1066))
    wanted = math.ldexp(value("focal_with_logits", t, z, **plain)[0], -1066)
    assert wanted > 0.0
    assert value("focal_with_logits", t, z, **small) == [wanted]
    p = [[1.0 / 64.0] * 64]
    assert value("focal", t, p, **small) == [wanted]
    skewed = [[1.0, *[0.0] * 63]]
    found = slope("focal_with_logits", t, skewed, **plain)[0]
    assert slope("focal_with_logits", t, skewed, **small)[0] == np.ldexp(found, -1066).tolist()


SCORES = ["brier", "zero_one", "focal", "focal_with_logits"]
RIVALS = ["categorical_hinge", "multiclass_hinge", "cce", "cce_with_logits", "nll", "perplexity"]


@pytest.mark.parametrize("name", SCORES + RIVALS)
def test_one_hot_shares_have_the_bits_of_their_label(name: str) -> None:
    loss, rng = find(name), np.random.default_rng(0)
    for k in (2, 3, 10, 30):
        p, labels = rng.dirichlet(np.full(k, 0.3), 400), rng.integers(0, k, 400)
        yhat = p if loss.pred == UNIT else np.log(p) if loss.pred == LOG_UNIT else np.log(p) + 1.0
        shares = np.eye(k)[labels]
        mixed = np.concatenate([shares, rng.dirichlet(np.ones(k), 400)])
        wanted = loss.kernel(labels, yhat)
        for y, rows in ((shares, yhat), (mixed, np.concatenate([yhat, yhat]))):
            found = loss.kernel(y, rows)
            assert found[0][:400].tolist() == wanted[0].tolist()
            assert found[1]()[:400].tolist() == wanted[1]().tolist()


@pytest.mark.parametrize("name", SCORES)
def test_blocks_and_neighbours_make_no_difference(name: str) -> None:
    loss, rng = find(name), np.random.default_rng(0)
    p, hard = rng.uniform(0.0, 1.0, 10_000), rng.integers(0, 2, 10_000).astype(np.float64)
    soft = np.where(np.arange(10_000) % 3 == 0, rng.uniform(0.0, 1.0, 10_000), hard)
    rows, some = rng.dirichlet(np.ones(20), 10_000), slice(4090, 4200)
    labels = rng.integers(0, 20, 10_000)
    for y, yhat in ((hard, p), (soft, p), (labels, rows), (rows[::-1], rows)):
        whole, part = loss.kernel(y, yhat), loss.kernel(y[some], yhat[some])
        assert whole[0][some].tolist() == part[0].tolist()
        assert whole[1]()[some].tolist() == part[1]().tolist()


def test_slopes_of_many_classes_keep_what_sums_lose() -> None:
    z = np.random.default_rng(1).normal(0.0, 1.0, (1, 100))
    found = find("focal_with_logits").kernel(np.array([3]), z)[1]()[0]
    with mp.workprec(200):
        powers = [mp.exp(mp.mpf(x)) for x in z[0].tolist()]
        p = [power / mp.fsum(powers) for power in powers]
        pull = (1 - p[3]) ** 2 * (1 - p[3] - 2 * p[3] * mp.log(p[3]))
        wanted = [-pull if at == 3 else pull * x / (1 - p[3]) for at, x in enumerate(p)]
        errors = [abs(a - b) / math.ulp(a) for a, b in zip(found.tolist(), wanted, strict=True)]
    assert max(errors) < 3.0


def test_focal_powers_keep_their_bits() -> None:
    assert value("focal", [1.0], [1e-3], gamma=7e5)[0] == pytest.approx(
        float(math.exp(7e5 * math.log1p(-1e-3)) * math.log(1e3)), rel=1e-12
    )
    assert value("focal", [1.0], [1.0 - 2.0**-53], gamma=2.0) == [2.0**-159]
    assert slope("focal", [1.0, 1.0], [1.0, 1.0], gamma=0.0) == [-1.0, -1.0]
    assert slope("focal", [1.0, 0.0], [1.0, 0.0], gamma=0.5) == [0.0, 0.0]
    assert value("focal", [1.0], [0.0], alpha=0.0) == [0.0]


def test_focal_logits_do_not_saturate() -> None:
    assert value("focal_with_logits", [1.0], [-1e4]) == [1e4]
    assert slope("focal_with_logits", [1.0, 0.0], [-1e4, 1e4]) == [-1.0, 1.0]
    assert value("focal_with_logits", [1.0], [40.0]) == pytest.approx([math.exp(-120.0)], rel=1e-15)
    tiny = slope("focal_with_logits", [0], [[100.0, 0.0]])[0]
    assert tiny == pytest.approx([-3.0 * math.exp(-300.0), 3.0 * math.exp(-300.0)], rel=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 37.5, 1e6])
def test_two_classes_are_a_binary_focal_loss(gamma: float) -> None:
    z = np.random.default_rng(0).normal(0.0, 6.0, 400)
    rows, labels = np.column_stack([np.zeros_like(z), z]), (z * 7.0 % 2.0 > 1.0).astype(np.intp)
    one = find("focal_with_logits").kernel(labels.astype(np.float64), z, gamma=gamma)
    two = find("focal_with_logits").kernel(labels, rows, gamma=gamma)
    assert two[0] == pytest.approx(one[0], rel=1e-15, abs=0.0)
    assert two[1]()[:, 1] == pytest.approx(one[1](), rel=1.5e-15, abs=0.0)
