"""Gradients of the models, through every link, equal central differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lossctl.losses.spec import parse_specs
from lossctl.task import Columns, Task
from lossctl.training.links import (
    EXP,
    EXPM1,
    IDENTITY,
    LOG_SOFTMAX,
    SIGMOID,
    SOFTMAX,
    Link,
    link_of,
)
from lossctl.training.models import Shape, drawn, forward, matrices
from lossctl.training.objective import Goal, curve, seen

from .problems import Floats, features

N, D = 24, 3
H = 1e-6  # of a central difference

# Losses by the link that leads to their predictions.
SINGLE = {
    "mse": "identity",
    "huber:delta=0.7": "identity",
    "log_cosh": "identity",
    "rmse": "identity",
    "wape": "identity",
    "bce_with_logits:label_smoothing=0.1": "identity",
    "exponential": "identity",
    "bce": "sigmoid",
    "brier": "sigmoid",
    "focal": "sigmoid",
    "poisson_nll": "exp",
    "tweedie_deviance": "exp",
    "rmsle": "exp − 1",
}
CLASSES = {
    "cce": "softmax",
    "perplexity": "softmax",
    "brier": "softmax",
    "nll": "log-softmax",
    "cce_with_logits": "identity",
    "focal_with_logits": "identity",
}


def goal_of(spec: str, k: int, hidden: int, activation: str) -> Goal:
    (parsed,) = parse_specs(spec)
    outputs = tuple(f"yhat_{at}" for at in range(k))
    task = Task(parsed.bound, Columns(("y",), outputs, None, outputs if k > 1 else None))
    return Goal.of(task, link_of(parsed.bound, k), Shape(D, k, hidden, activation))


def truth(goal: Goal) -> Any:
    rng = np.random.default_rng(2)
    if goal.shape.outputs > 2:
        return rng.integers(0, goal.shape.outputs, N)
    if goal.link is EXP or goal.link is EXPM1:
        return rng.poisson(2.0, N).astype(float)
    if goal.name.split(":")[0] in ("bce", "bce_with_logits", "brier", "focal", "exponential"):
        return rng.integers(0, 2, N).astype(float)
    return rng.normal(0.0, 2.0, N)


def check(goal: Goal, weight: Floats | None = None) -> None:
    """Hold the gradient of the value against central differences of the value."""
    x = np.vstack([features(N, D, seed=4).T, np.ones(N)])
    y = truth(goal)
    theta = drawn(goal.shape, 3) + 0.3 * np.random.default_rng(9).normal(size=goal.shape.size)

    def value(at: Floats) -> float:
        return curve(goal.aggregate, seen(goal, at, x, y, weight).mean)[0]

    differences = np.empty_like(theta)
    with np.errstate(all="ignore"):  # as the loop has it around the bare kernels
        found = seen(goal, theta, x, y, weight)
        gradient = found.gradient() * curve(goal.aggregate, found.mean)[1] / found.divisor
        for at in range(len(theta)):
            step = np.zeros_like(theta)
            step[at] = H
            differences[at] = (value(theta + step) - value(theta - step)) / (2.0 * H)
    scale = float(np.abs(differences).max())
    assert scale > 1e-4
    assert gradient == pytest.approx(differences, rel=1e-6, abs=1e-6 * scale)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("spec", SINGLE)
def test_gradients_of_one_output(spec: str, activation: str) -> None:
    goal = goal_of(spec, 1, 5, activation)
    assert goal.link.name == SINGLE[spec]
    check(goal)
    check(goal_of(spec, 1, 0, activation))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("spec", CLASSES)
def test_gradients_of_classes(spec: str, activation: str) -> None:
    goal = goal_of(spec, 3, 5, activation)
    assert goal.link.name == CLASSES[spec]
    check(goal)
    check(goal_of(spec, 3, 0, activation))


def test_gradients_of_roles() -> None:
    check(goal_of("gaussian_nll", 2, 5, "tanh"))
    check(goal_of("gaussian_nll", 2, 0, "tanh"))


def test_gradients_with_weights() -> None:
    weight = np.random.default_rng(6).uniform(0.0, 3.0, N)
    weight[::5] = 0.0
    for spec in ("mse", "rmse", "wape", "bce"):
        check(goal_of(spec, 1, 4, "tanh"), weight)
    check(goal_of("cce", 3, 4, "tanh"), weight)


def test_a_row_of_weight_0_counts_nothing_even_where_its_loss_is_infinite() -> None:
    goal = goal_of("bce", 1, 0, "tanh")
    x = np.vstack([np.array([[1.0, 5000.0], [0.0, 0.0], [0.0, 0.0]]), np.ones(2)])
    theta = np.array([1.0, 0.0, 0.0, 0.0])
    with np.errstate(all="ignore"):
        found = seen(goal, theta, x, np.array([1.0, 0.0]), np.array([2.0, 0.0]))
        assert found.loss == pytest.approx(2.0 * math.log1p(math.exp(-1.0)))
        assert np.isfinite(found.gradient()).all()


LINKS: dict[Link, Callable[[Floats], Floats]] = {
    IDENTITY: lambda o: o,
    SIGMOID: lambda o: 1.0 / (1.0 + np.exp(-o)),
    EXP: np.exp,
    EXPM1: lambda o: np.exp(o) - 1.0,
    SOFTMAX: lambda o: np.exp(o) / np.exp(o).sum(axis=0),
    LOG_SOFTMAX: lambda o: o - np.log(np.exp(o).sum(axis=0)),
}


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_links_are_what_they_are_called(link: Link) -> None:
    o = np.random.default_rng(8).normal(0.0, 1.5, (3, 40))
    assert link.forward(o) == pytest.approx(LINKS[link](o), rel=1e-13, abs=1e-14)
    far = link.forward(np.array([[800.0], [0.0], [-800.0]])) if link not in (EXP, EXPM1) else o
    assert np.isfinite(far).all()


def test_the_forward_pass_is_two_layers_with_a_bend() -> None:
    shape = Shape(2, 2, 3, "relu")
    theta = np.arange(float(shape.size)) - 8.0
    inner, outer = matrices(shape, theta)
    x = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 1.0]])
    hidden = np.maximum(inner @ x, 0.0)
    expected = outer @ np.vstack([hidden, np.ones(2)])
    assert forward(shape, theta, x)[0] == pytest.approx(expected)
    assert [part.shape for part in (inner, outer)] == [(3, 3), (2, 4)]
    assert shape.penalised.sum() == 3 * 2 + 2 * 3


def test_the_first_weights_are_random_and_those_of_the_seed() -> None:
    for shape in (Shape(4, 1), Shape(4, 3, 5, "tanh"), Shape(4, 1, 5, "relu")):
        assert (drawn(shape, 1) == drawn(shape, 1)).all()
        assert (drawn(shape, 1) != drawn(shape, 2)).any()
        assert (drawn(shape, 1)[shape.penalised == 0.0] == 0.0).all()
        assert (drawn(shape, 1)[shape.penalised == 1.0] != 0.0).all()
