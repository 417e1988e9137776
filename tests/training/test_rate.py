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


def test_features_of_any_size_do_not_make_it_diverge() -> None:
    x, y = problem()
    for size in (1e-6, 1e3, 1e9):
        found = fit(size * x, y, "mse")
        assert found.value < found.start
    with pytest.raises(lossctl.errors.InputError, match="the training diverges"):
        fit(1e3 * x, y, "mse", lr=0.01)


def test_a_rate_that_was_too_high_is_cut_from_the_start() -> None:
    # A feature that only later rows have: the first window does not show how steep it is.
    rng = np.random.default_rng(0)
    size, late = 1 << 17, 1 << 16
    x = np.column_stack([rng.normal(size=size), np.where(np.arange(size) < late, 0.0, 30.0)])
    y = 5.0 + x[:, 0] + rng.normal(size=size)
    early = rate_of(fit(x[:late, :1], y[:late], "mse", epochs=1))
    found = fit(x, y, "mse", epochs=2)
    assert rate_of(found) < 0.11 * early
    assert found.value < 2.0
