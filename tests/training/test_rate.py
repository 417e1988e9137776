"""The learning rate that is found where none is given."""

from typing import Any

import numpy as np
import pytest

import lossctl

from .problems import table


def fit(x: Any, y: Any, loss: str, **options: Any) -> lossctl.Fit:
    return lossctl.fit(table(x, y), loss, "y", "x*", **options)


def problem(seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 3))
    return x, x @ [1.0, -2.0, 0.5] + 7.0 + rng.normal(size=300)


def rate_of(found: lossctl.Fit) -> float:
    rates = found.history.rates
    assert rates is not None
    return rates[0]


def test_it_is_a_tenth_of_the_step_that_a_straight_line_would_take_to_0() -> None:
    x, y = problem()
    x = (x - x.mean(axis=0)) / x.std(axis=0)  # as it is inside
    found = fit(x, y, "mse", epochs=1, batch_size=300, lr=1e-300)  # which stays where it starts
    weights = [*found.model.coefficients()["yhat"].values(), found.model.intercepts()["yhat"]]
    design = np.column_stack([x, np.ones(300)])
    e = design @ weights - y
    slope = 2.0 * design.T @ e / 300
    expected = 0.1 * np.mean(e * e) / (slope @ slope)
    assert rate_of(fit(x, y, "mse", epochs=1)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", ["mse", "mae", "rmse", "quantile:q=0.8", "log_cosh"])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_the_unit_of_the_target_does_not_matter(loss: str, scale: float) -> None:
    x, y = problem()
    found = fit(x, scale * y, loss)
    error = np.abs(y - np.column_stack([x, np.ones(300)]) @ [1.0, -2.0, 0.5, 7.0]).mean()
    weights = np.array(list(found.model.coefficients()["yhat"].values())) / scale
    assert weights == pytest.approx([1.0, -2.0, 0.5], abs=0.3), error


def test_the_size_of_the_features_does_not_matter() -> None:
    x, y = problem()
    sizes = np.array([1e-6, 97.0, 1e9])
    for l2 in (0.0, 1e-7):
        best = fit(x * sizes, y, "mse", optimizer="lbfgs", l2=l2)
        found = fit(x * sizes, y, "mse", l2=l2)
        assert found.value == pytest.approx(best.value, rel=1e-3)
    with pytest.raises(lossctl.errors.InputError, match="the training diverges"):
        fit(1e3 * x, y, "mse", lr=0.01)


@pytest.mark.parametrize("loss", ["mse", "mae", "rmse", "wape"])
@pytest.mark.parametrize("batch", [1, 8, 64])
def test_weights_count_as_much_in_batches_of_any_size(loss: str, batch: int) -> None:
    rng = np.random.default_rng(0)
    x, heavy = rng.normal(size=(800, 1)), rng.random(800) < 0.1
    y = np.where(heavy, 2.6 * x[:, 0], 3.0 - 0.7 * x[:, 0]) + rng.normal(size=800)
    data = {**table(x, y), "w": np.where(heavy, 100.0, 1.0)}
    names = [name for name in data if name.startswith("x")]
    best = lossctl.fit(data, loss, "y", names, weight="w", optimizer="lbfgs")
    found = lossctl.fit(data, loss, "y", names, weight="w", batch_size=batch)
    assert found.value == pytest.approx(best.value, rel=1e-4)


def test_class_weights_count_as_much_in_batches_of_any_size() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 1))
    rare = (rng.random(1000) < 1.0 / (1.0 + np.exp(3.0 - x[:, 0]))).astype(float)
    weights = {"class_weight": {"1": 100}}
    best = fit(x, rare, "bce", optimizer="lbfgs", **weights)
    for batch in (4, 64):
        found = fit(x, rare, "bce", batch_size=batch, **weights)
        assert found.value == pytest.approx(best.value, rel=1e-4)


@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_the_penalty_weighs_what_it_weighs_for_lbfgs(loss: str) -> None:
    x, y = problem()
    best = fit(x, y, loss, optimizer="lbfgs", l2=0.5).model.coefficients()["yhat"]
    found = fit(x, y, loss, l2=0.5, epochs=400, tol=1e-7).model.coefficients()["yhat"]
    assert list(found.values()) == pytest.approx(list(best.values()), abs=0.01)


def test_a_penalty_that_is_far_too_large_leaves_the_intercept() -> None:
    x, y = problem()
    assert fit(x, y, "mse", l2=1e300).value == pytest.approx(y.var(), rel=1e-3)


def test_a_rate_that_was_too_high_is_cut_from_the_start() -> None:
    # Rows that weigh much come late: the first window does not show how steep it is.
    rng = np.random.default_rng(0)
    size, late = 1 << 17, 1 << 16
    x = rng.normal(size=(size, 1))
    y = 5.0 + x[:, 0] + rng.normal(size=size)
    weight = np.where(np.arange(size) < late, 1.0, 300.0)
    data = {**table(x, y), "w": weight}
    early = {name: column[:late] for name, column in data.items()}
    (name,) = (name for name in data if name.startswith("x"))
    options: dict[str, Any] = {"weight": "w", "epochs": 2}
    at_first = rate_of(lossctl.fit(early, "mse", "y", name, **options))
    found = lossctl.fit(data, "mse", "y", name, **options)
    assert rate_of(found) < 0.11 * at_first
    assert found.value < 1.1
