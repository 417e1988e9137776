"""``fit`` reaches the optimum that scikit-learn and scipy find, penalties off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
)

import lossctl

from .problems import Floats, binary, classes, counts, linear, table

CLOSE = 1e-6  # in the loss, smooth
NEAR = 1e-4  # in the loss, with kinks or in steps
SGD: dict[str, Any] = {"lr": 0.1, "epochs": 1000}


def fit(x: Floats, y: Any, loss: str, **options: Any) -> lossctl.Fit:
    return lossctl.fit(table(x, y), loss, "y", "x*", **options)


def with_ones(x: Floats) -> Floats:
    return np.column_stack([x, np.ones(len(x))])


def coefficients(found: lossctl.Fit) -> Floats:
    (name,) = found.model.outputs
    values = [*found.model.coefficients()[name].values(), found.model.intercepts()[name]]
    return np.array(values)


# Smooth losses


def test_mse_as_linear_regression() -> None:
    x, y = linear()
    best = LinearRegression().fit(x, y)
    optimum = float(np.mean((y - best.predict(x)) ** 2))
    for options, distance in (({"optimizer": "lbfgs"}, CLOSE), (SGD, NEAR)):
        found = fit(x, y, "mse", **options)
        assert found.value == pytest.approx(optimum, abs=distance)
        assert found.value >= optimum - 1e-12
    expected = [*best.coef_, best.intercept_]
    assert coefficients(fit(x, y, "mse", optimizer="lbfgs")) == pytest.approx(expected, abs=1e-6)


def test_mse_of_features_in_very_different_units() -> None:
    x, y = load_diabetes(return_X_y=True, scaled=False)
    best = LinearRegression().fit(x, y)
    optimum = float(np.mean((y - best.predict(x)) ** 2))
    found = fit(x, y, "mse", optimizer="lbfgs")
    assert found.value == pytest.approx(optimum, abs=CLOSE)
    assert coefficients(found)[:-1] == pytest.approx(best.coef_, rel=1e-5)


def test_mse_with_weights_and_a_penalty() -> None:
    x, y = linear()
    w = np.random.default_rng(3).integers(0, 4, len(y)).astype(float)
    l2 = 0.7
    ones = with_ones(x)
    # The zero of the gradient: 2 Σ w (Xθ − y) X / Σw + λ θ, no λ on the intercept.
    ridge = l2 * np.diag([1.0] * x.shape[1] + [0.0])
    normal = 2.0 * (ones.T * w) @ ones / w.sum() + ridge
    theta = np.linalg.solve(normal, 2.0 * (ones.T * w) @ y / w.sum())
    data = table(x, y, w=w)
    for options, distance in (({"optimizer": "lbfgs"}, 1e-7), (SGD, 1e-2)):
        found = lossctl.fit(data, "mse", "y", "x*", "w", l2=l2, **options)
        assert coefficients(found) == pytest.approx(theta, abs=distance)


def test_bce_with_logits_as_logistic_regression() -> None:
    x, y = binary()
    best = LogisticRegression(C=math.inf, tol=1e-10, max_iter=10_000).fit(x, y)
    z = best.decision_function(x)
    optimum = float(np.mean(np.logaddexp(0.0, z) - y * z))
    found = fit(x, y, "bce_with_logits", optimizer="lbfgs")
    assert found.value == pytest.approx(optimum, abs=CLOSE)
    assert coefficients(found) == pytest.approx([*best.coef_[0], *best.intercept_], abs=1e-4)
    # The same model by way of probabilities: the sigmoid is the link of bce.
    through = fit(x, y, "bce", optimizer="lbfgs")
    assert through.model.link == "sigmoid"
    assert through.value == pytest.approx(optimum, abs=CLOSE)
    assert fit(x, y, "bce_with_logits", **SGD).value == pytest.approx(optimum, abs=NEAR)


def test_cce_with_logits_as_logistic_regression() -> None:
    x, label = classes()
    best = LogisticRegression(C=math.inf, tol=1e-10, max_iter=10_000).fit(x, label)
    p = best.predict_proba(x)
    optimum = float(-np.log(p[np.arange(len(label)), label]).mean())
    for loss, link in (
        ("cce_with_logits", "identity"),
        ("cce", "softmax"),
        ("nll", "log-softmax"),
    ):
        found = fit(x, label, loss, optimizer="lbfgs")
        assert found.model.link == link
        assert found.model.classes == ("0", "1", "2")
        assert found.value == pytest.approx(optimum, abs=CLOSE)
    assert fit(x, label, "perplexity", optimizer="lbfgs").value == pytest.approx(
        math.exp(optimum), abs=CLOSE
    )


def test_poisson_as_poisson_regressor() -> None:
    x, y = counts()
    best = PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=10_000).fit(x, y)
    mu = best.predict(x)
    nll = float(np.mean(mu - y * np.log(mu)))
    ratio = np.where(y > 0.0, y / mu, 1.0)
    deviance = float(np.mean(2.0 * (y * np.log(ratio) - y + mu)))
    assert fit(x, y, "poisson_nll_with_log", optimizer="lbfgs").value == pytest.approx(
        nll, abs=CLOSE
    )
    for loss, optimum in (("poisson_nll", nll), ("poisson_deviance", deviance)):
        found = fit(x, y, loss, optimizer="lbfgs")
        assert found.model.link == "exp"
        assert found.value == pytest.approx(optimum, abs=CLOSE)


def test_gamma_as_gamma_regressor() -> None:
    x, y = counts()
    y = y + 0.5
    mu = GammaRegressor(alpha=0.0, tol=1e-10, max_iter=10_000).fit(x, y).predict(x)
    optimum = float(np.mean(2.0 * (np.log(mu / y) + y / mu - 1.0)))
    assert fit(x, y, "gamma_deviance", optimizer="lbfgs").value == pytest.approx(optimum, abs=CLOSE)


def huber_optimum(x: Floats, y: Floats, delta: float) -> float:
    """Reweighted least squares: at a fixed scale, the weights min(1, δ/|e|) settle."""
    ones, theta = with_ones(x), np.zeros(x.shape[1] + 1)
    for _ in range(2000):
        e = ones @ theta - y
        w = np.minimum(1.0, delta / np.maximum(np.abs(e), 1e-300))
        theta = np.linalg.solve((ones.T * w) @ ones, (ones.T * w) @ y)
    e = np.abs(ones @ theta - y)
    return float(np.mean(np.where(e <= delta, 0.5 * e * e, delta * (e - 0.5 * delta))))


def test_huber_of_a_fixed_scale() -> None:
    x, y = linear()
    found = fit(x, y, "huber:delta=0.5", optimizer="lbfgs")
    assert found.value == pytest.approx(huber_optimum(x, y, 0.5), abs=CLOSE)


def test_rmse_has_the_optimum_of_mse() -> None:
    x, y = linear()
    optimum = float(np.sqrt(np.mean((y - LinearRegression().fit(x, y).predict(x)) ** 2)))
    assert fit(x, y, "rmse", optimizer="lbfgs").value == pytest.approx(optimum, abs=CLOSE)
    # The root of a mini-batch is not the root of the whole: only one of all rows has its optimum.
    whole = fit(x, y, "rmse", lr=0.1, epochs=2000, batch_size=400, tol=0.0)
    assert whole.value == pytest.approx(optimum, abs=NEAR)


def test_msle_is_least_squares_of_logarithms() -> None:
    x, y = counts()
    logs = np.log1p(y)
    optimum = float(np.mean((logs - LinearRegression().fit(x, logs).predict(x)) ** 2))
    found = fit(x, y, "msle", optimizer="lbfgs")
    assert found.model.link == "exp − 1"
    assert found.value == pytest.approx(optimum, abs=CLOSE)


def test_gaussian_nll_learns_mean_and_variance() -> None:
    rng = np.random.default_rng(5)
    x, _ = linear(600, 2)
    y = 1.0 + x[:, 0] + np.exp(0.5 * x[:, 1]) * rng.normal(size=600)
    ones = with_ones(x)

    def nll(theta: Floats) -> float:
        log_variance = ones @ theta[3:]
        e = ones @ theta[:3] - y
        return float(np.mean(0.5 * (log_variance + e * e * np.exp(-log_variance))))

    best = minimize(nll, np.zeros(6), method="BFGS", options={"gtol": 1e-7})
    found = fit(x, y, "gaussian_nll", optimizer="lbfgs")
    assert found.model.outputs == ("mean", "variance")
    assert found.model.link == "mean: identity, variance: exp"
    assert found.value == pytest.approx(float(best.fun), abs=CLOSE)


# Losses with kinks


@pytest.mark.parametrize("q", [0.5, 0.9])
@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_quantile_as_quantile_regressor(q: float, optimizer: str) -> None:
    x, y = linear()
    best = QuantileRegressor(quantile=q, alpha=0.0).fit(x, y)
    e = y - best.predict(x)
    optimum = float(np.mean(np.maximum(q * e, (q - 1.0) * e)))
    options = SGD if optimizer == "sgd" else {"optimizer": "lbfgs"}
    found = fit(x, y, f"quantile:q={q}", **options)
    assert optimum - 1e-9 <= found.value <= optimum + NEAR
    if q == 0.5:
        absolute = fit(x, y, "mae", **options)
        assert 2.0 * optimum - 1e-9 <= absolute.value <= 2.0 * optimum + NEAR


def test_a_loss_with_kinks_says_so_of_lbfgs_only() -> None:
    x, y = linear()
    assert "slopes" in fit(x, y, "mae", optimizer="lbfgs").notes[0]
    assert fit(x, y, "mae", epochs=1000).notes == ()
    assert fit(x, y, "huber", optimizer="lbfgs").notes == ()


def test_a_planted_outlier_moves_the_line_of_mse_and_not_that_of_mae() -> None:
    x = np.linspace(0.0, 1.0, 101)[:, np.newaxis]
    y = 2.0 * x[:, 0] + 1.0 + 0.01 * np.sin(37.0 * x[:, 0])
    spoiled = y.copy()
    spoiled[-1] += 100.0
    moved = {}
    for loss in ("mse", "mae", "huber:delta=0.1"):
        before, after = (coefficients(fit(x, z, loss, optimizer="lbfgs")) for z in (y, spoiled))
        moved[loss] = abs(float(after[0] - before[0]))
    assert moved["mse"] > 1.0
    assert moved["mae"] < 0.01
    assert moved["huber:delta=0.1"] < 0.1
