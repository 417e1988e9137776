"""Margin and focal losses and scores, where they are easily got wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lossctl.losses import find

INF = math.inf


def value(name: str, y: Any, yhat: Any, **params: Any) -> list[float]:
    return find(name).kernel(np.array(y), np.array(yhat), **params)[0].tolist()


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
