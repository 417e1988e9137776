"""The judges themselves: held against other people's formulas, and against their own slopes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial import distance
from sklearn import metrics

from tests.laws.oracles import ORACLES, exact, mp

Draw = Callable[[np.random.Generator], Any]


def real(rng: np.random.Generator) -> float:
    return float(rng.normal(0.0, 2.0))


def above(rng: np.random.Generator) -> float:
    return float(rng.gamma(2.0, 1.5))


def unit(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.01, 0.99))


def row(rng: np.random.Generator) -> list[float]:
    return [float(x) for x in rng.normal(0.0, 2.0, 4)]


def shares(rng: np.random.Generator) -> list[float]:
    return [float(x) for x in rng.dirichlet(np.ones(4))]


def label(rng: np.random.Generator) -> Any:
    return int(rng.integers(0, 4)) if rng.integers(0, 2) else shares(rng)


def logs(rng: np.random.Generator) -> list[float]:
    return [math.log(p) for p in shares(rng)]


def side(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 0.0, 0.3, 1.0]))


def interval(rng: np.random.Generator) -> list[float]:
    return sorted(real(rng) for _ in range(2))


def moments(rng: np.random.Generator) -> list[float]:
    return [real(rng), above(rng)]


SMOOTH = {"label_smoothing": 0.1}
FOCAL = {"gamma": 1.7, "alpha": 0.3, **SMOOTH}
IN_BITS = {"base": 2.0, "eps": 0.0}

PLAIN = """
    mae mse rmse wape mape smape median_ae max_error mean_bias r2 explained_variance log_cosh
"""

# What is drawn for y and for ŷ, and parameters none of which is the default.
CASES: dict[str, list[tuple[Draw, Draw, dict[str, Any]]]] = {
    **{name: [(real, real, {})] for name in PLAIN.split()},
    "huber": [(real, real, {"delta": 1.3})],
    "smooth_l1": [(real, real, {"beta": 1.3})],
    "pseudo_huber": [(real, real, {"delta": 1.3})],
    "fair": [(real, real, {"c": 1.3})],
    "cauchy": [(real, real, {"c": 1.3})],
    "quantile": [(real, real, {"q": 0.8})],
    "expectile": [(real, real, {"q": 0.8})],
    "epsilon_insensitive": [(real, real, {"epsilon": 0.7})],
    "msle": [(above, above, {})],
    "rmsle": [(above, above, {})],
    "poisson_nll": [(above, above, {})],
    "poisson_nll_with_log": [(above, real, {})],
    "poisson_deviance": [(above, above, {})],
    "gamma_deviance": [(above, above, {})],
    "gamma_nll": [(above, above, {})],
    "tweedie_deviance": [
        (above, above, {"power": p}) for p in (-1.5, 0.0, 1.0, 1.2, 1.9, 2.0, 3.0, 4.5)
    ],
    "tweedie_nll": [(above, above, {"power": 1.3})],
    "gaussian_nll": [(real, moments, {})],
    "hinge": [(side, real, SMOOTH)],
    "squared_hinge": [(side, real, SMOOTH)],
    "exponential": [(side, real, SMOOTH)],
    "categorical_hinge": [(label, row, SMOOTH)],
    "multiclass_hinge": [(label, row, SMOOTH)],
    "bce": [(unit, unit, {**SMOOTH, "eps": 0.0})],
    "bce_with_logits": [(unit, real, {**SMOOTH, "pos_weight": 2.5})],
    "cce": [(label, shares, {**SMOOTH, "eps": 0.0})],
    "cce_with_logits": [(label, row, SMOOTH)],
    "perplexity": [(label, shares, SMOOTH)],
    "nll": [(label, logs, SMOOTH)],
    "brier": [(unit, unit, SMOOTH), (label, shares, SMOOTH), (label, shares, {})],
    "focal": [(unit, unit, FOCAL), (label, shares, FOCAL)],
    "focal_with_logits": [(unit, real, FOCAL), (label, row, FOCAL)],
    "zero_one": [(unit, unit, {"t": 0.4, **SMOOTH}), (label, shares, {"t": 0.5, **SMOOTH})],
    "entropy": [(lambda _: None, unit, {"base": 2.0})],
    "cross_entropy": [(unit, unit, IN_BITS)],
    "kl_divergence": [(unit, unit, IN_BITS)],
    "js_divergence": [(unit, unit, {"base": 2.0})],
    "interval_score": [(real, interval, {"alpha": 0.3})],
    "crps": [(real, row, {})],
    "cosine_distance": [(row, row, {})],
}


def test_every_oracle_is_examined() -> None:
    assert set(CASES) == set(ORACLES)


def moved(yhat: Any, at: int, step: Any) -> Any:
    """Return ŷ with one of its numbers moved; the rest are floats still."""
    if not isinstance(yhat, list):
        return mp.mpf(yhat) + step
    return [mp.mpf(x) + step if k == at else mp.mpf(x) for k, x in enumerate(yhat)]


@pytest.mark.parametrize("name", CASES)
def test_the_slope_is_the_derivative_of_the_value(name: str) -> None:
    rng = np.random.default_rng(0)
    step = mp.mpf(10) ** -100
    for draw_y, draw_yhat, params in CASES[name]:
        for _ in range(12):
            y, yhat = draw_y(rng), draw_yhat(rng)
            for at, slope in enumerate(exact(name, y, yhat, params).gradient):
                ahead, behind = (
                    exact(name, y, moved(yhat, at, sign * step), params).value for sign in (1, -1)
                )
                quotient = (ahead - behind) / (2 * step)
                assert abs(quotient - slope) <= mp.mpf(10) ** -80 * max(1, abs(slope)), (y, yhat)


def one(x: Any) -> Any:
    return [x]


def hot(y: Any, k: int = 4) -> Any:
    return np.eye(k)[y] if isinstance(y, int) else np.array(y)


def smooth(y: Any, k: int, epsilon: float) -> Any:
    return hot(y, k) * (1.0 - epsilon) + epsilon / k if k > 2 else y * (1.0 - epsilon) + epsilon / 2


def crps_of_cdf(y: float, members: list[float]) -> float:
    """Return ∫(F(x) − 1[x ≥ y])² dx, the definition."""
    knots = np.sort([*members, y])
    middles = (knots[1:] + knots[:-1]) / 2.0
    share = (np.array(members)[:, np.newaxis] <= middles).mean(axis=0)
    return float((np.diff(knots) * (share - (middles >= y)) ** 2).sum())


def focal_of(p: Any, t: Any, gamma: float, alpha: float) -> float:
    p, t = np.array(p), np.array(t)
    return float((-alpha * t * (1.0 - p) ** gamma * np.log(p)).sum())


def binary_focal(p: float, y: float, gamma: float, alpha: float, label_smoothing: float) -> float:
    t = smooth(y, 2, label_smoothing)
    no = focal_of([1.0 - p], [1.0 - t], gamma, 1.0 - alpha)
    return focal_of([p], [t], gamma, alpha) + no


def hinged(y: Any, z: list[float], gap: Callable[[list[float], int], float]) -> float:
    t = smooth(y, 4, 0.1)
    return float(sum(t[k] * max(0.0, gap(z, k)) for k in range(4)))


def rival(z: list[float], k: int) -> float:
    return max(x for j, x in enumerate(z) if j != k)


def normal(y: float, yhat: list[float]) -> float:
    density = stats.norm.logpdf(y, yhat[0], math.sqrt(yhat[1]))
    return float(-density - 0.5 * math.log(2.0 * math.pi))


PEERS: dict[str, Callable[..., Any]] = {
    "mae": lambda y, f: metrics.mean_absolute_error(one(y), one(f)),
    "mse": lambda y, f: metrics.mean_squared_error(one(y), one(f)),
    "mape": lambda y, f: metrics.mean_absolute_percentage_error(one(y), one(f)),
    "smape": lambda y, f: abs(y - f) / ((abs(y) + abs(f)) / 2.0),
    "msle": lambda y, f: metrics.mean_squared_log_error(one(y), one(f)),
    "rmsle": lambda y, f: metrics.root_mean_squared_log_error(one(y), one(f)) ** 2,
    "median_ae": lambda y, f: metrics.median_absolute_error(one(y), one(f)),
    "max_error": lambda y, f: metrics.max_error(one(y), one(f)),
    "quantile": lambda y, f, q: metrics.mean_pinball_loss(one(y), one(f), alpha=q),
    "huber": lambda y, f, delta: special.huber(delta, f - y),
    "smooth_l1": lambda y, f, beta: special.huber(beta, f - y) / beta,
    "pseudo_huber": lambda y, f, delta: special.pseudo_huber(delta, f - y),
    "log_cosh": lambda y, f: math.log(math.cosh(f - y)),
    "poisson_nll": lambda y, f: f - special.xlogy(y, f),
    "poisson_deviance": lambda y, f: metrics.mean_poisson_deviance(one(y), one(f)),
    "gamma_deviance": lambda y, f: metrics.mean_gamma_deviance(one(y), one(f)),
    "tweedie_deviance": lambda y, f, power: metrics.mean_tweedie_deviance(
        one(y), one(f), power=power
    ),
    "gamma_nll": lambda y, f: -stats.gamma.logpdf(y, 1.0, scale=f),  # shape 1
    "gaussian_nll": normal,
    "bce": lambda y, p, label_smoothing, **_: (
        special.rel_entr(smooth(y, 2, label_smoothing), p)
        + special.rel_entr(1 - smooth(y, 2, label_smoothing), 1 - p)
        + special.entr(smooth(y, 2, label_smoothing))
        + special.entr(1 - smooth(y, 2, label_smoothing))
    ),
    "cce_with_logits": lambda y, z, label_smoothing: (
        -(smooth(y, 4, label_smoothing) * special.log_softmax(z)).sum()
    ),
    "nll": lambda y, f, label_smoothing: -(smooth(y, 4, label_smoothing) * np.array(f)).sum(),
    "categorical_hinge": lambda y, z, **_: hinged(
        y, z, lambda z, k: 1.0 + max(0.0, rival(z, k)) - z[k]
    ),
    "multiclass_hinge": lambda y, z, **_: hinged(y, z, lambda z, k: 1.0 + rival(z, k) - z[k]),
    "entropy": lambda _, p, base: special.entr(p) / math.log(base),
    "kl_divergence": lambda y, q, base, **_: special.rel_entr(y, q) / math.log(base),
    "interval_score": lambda y, f, alpha: (
        2.0
        / alpha
        * (
            metrics.mean_pinball_loss(one(y), one(f[0]), alpha=alpha / 2.0)
            + metrics.mean_pinball_loss(one(y), one(f[1]), alpha=1.0 - alpha / 2.0)
        )
    ),
    "crps": crps_of_cdf,
    "cosine_distance": distance.cosine,
}


@pytest.mark.parametrize("name", PEERS)
def test_the_value_is_that_of_another_formula(name: str) -> None:
    rng = np.random.default_rng(1)
    for draw_y, draw_yhat, params in CASES[name]:
        for _ in range(12):
            y, yhat = draw_y(rng), draw_yhat(rng)
            peer = PEERS[name](y, yhat, **params)
            found = float(exact(name, y, yhat, params).value)
            assert found == pytest.approx(peer, rel=1e-9, abs=1e-12), (y, yhat)


def test_js_is_scipys_squared_distance_and_brier_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    for _ in range(12):
        p, q = shares(rng), shares(rng)
        terms = [
            exact("js_divergence", a, b, {"base": 2.0}).value for a, b in zip(p, q, strict=True)
        ]
        assert float(sum(terms)) == pytest.approx(distance.jensenshannon(p, q, base=2.0) ** 2)
        y = int(rng.integers(0, 4))
        peer = metrics.brier_score_loss([y], [q], labels=range(4), scale_by_half=False)
        assert float(exact("brier", y, q, {}).value) == pytest.approx(peer)


def test_focal_losses_are_one_formula_in_two_coordinates() -> None:
    rng = np.random.default_rng(3)
    for _ in range(12):
        y, z, scores, target = unit(rng), real(rng), row(rng), label(rng)
        found = [
            exact("focal", y, float(special.expit(z)), FOCAL),
            exact("focal_with_logits", y, z, FOCAL),
        ]
        peer = binary_focal(float(special.expit(z)), y, **FOCAL)
        assert [float(truth.value) for truth in found] == pytest.approx([peer, peer])
        p = [float(x) for x in special.softmax(scores)]
        found = [
            exact("focal", target, p, FOCAL),
            exact("focal_with_logits", target, scores, FOCAL),
        ]
        peer = focal_of(p, smooth(target, 4, 0.1), FOCAL["gamma"], FOCAL["alpha"])
        assert [float(truth.value) for truth in found] == pytest.approx([peer, peer])


@pytest.mark.parametrize("power", [1.0, 2.0, 0.0])
def test_the_deviance_is_continuous_at_its_limits(power: float) -> None:
    for near in (math.nextafter(power, 9.0), math.nextafter(power, -9.0)):
        if 0.0 < near < 1.0:
            continue
        there = exact("tweedie_deviance", 1.7, 0.3, {"power": power}).value
        close = exact("tweedie_deviance", 1.7, 0.3, {"power": near}).value
        assert abs(close / there - 1) < 1e-13


@pytest.mark.parametrize(
    ("name", "y", "yhat", "params", "slopes"),
    [
        ("mae", 1.0, 1.0, {}, [0]),
        ("quantile", 1.0, 1.0, {"q": 0.8}, [0]),
        ("smape", 1.0, 0.0, {}, [0]),
        ("smape", 0.0, 0.0, {}, [0]),
        ("hinge", 1.0, 1.0, {}, [0]),
        ("hinge", -1.0, 0.5, {}, [1]),
        ("epsilon_insensitive", 1.0, 1.5, {"epsilon": 0.5}, [0]),
        ("multiclass_hinge", 2, [1.0, 1.0, 0.0], {}, [1, 0, -1]),
        ("multiclass_hinge", 2, [-1.0, -1.0, 0.0], {}, [0, 0, 0]),
        ("categorical_hinge", 2, [-1.0, 0.0, 0.5], {}, [0, 0, -1]),
        ("interval_score", 1.0, [1.0, 2.0], {"alpha": 0.1}, [0, 1]),
        ("crps", 1.0, [1.0, 1.0, 4.0], {}, [mp.mpf(1) / 9, mp.mpf(1) / 9, mp.mpf(1) / 9]),
        ("js_divergence", 0.0, 0.0, {"base": math.e}, [mp.log(2) / 2 / mp.log(math.e)]),
        ("focal", 1.0, 1.0, {"gamma": 0.0}, [-1]),
        ("focal", 1.0, 1.0, {"gamma": 2.0}, [0]),
        ("focal_with_logits", 1.0, -math.inf, {"gamma": 2.0}, [-1]),
        ("focal_with_logits", 0.0, -math.inf, {"gamma": 2.0}, [0]),
        ("zero_one", 1.0, 0.5, {"t": 0.5}, [0]),
    ],
)
def test_slopes_at_kinks_ties_and_ends(
    name: str, y: Any, yhat: Any, params: dict[str, Any], slopes: list[Any]
) -> None:
    assert exact(name, y, yhat, params).gradient == slopes


@pytest.mark.parametrize(
    ("name", "y", "yhat", "params", "value"),
    [
        ("pseudo_huber", 0.0, 1e-300, {"delta": 1e300}, "5e-601"),
        ("fair", 0.0, 1e-300, {"c": 1e300}, "5e-601"),
        ("cauchy", 0.0, 1e-300, {"c": 1e300}, "5e-601"),
        ("log_cosh", 0.0, 1e-300, {}, "5e-601"),
        ("log_cosh", 0.0, 1e300, {}, "1e300"),
        ("tweedie_nll", 0.0, 1.0, {"power": 1.5}, "2"),
        ("tweedie_deviance", 1.0, 1.0, {"power": -1e300}, "0"),
        ("zero_one", 1.0, 0.5, {"t": 0.5}, "1"),
        ("zero_one", 0, [0.5, 0.5], {"t": 0.5}, "0"),
        ("nll", 0, [0.0, -math.inf], {}, "0"),
        ("kl_divergence", 0.0, 0.0, {"base": 2.0}, "0"),
        ("focal_with_logits", 0, [math.inf, 0.0], {"gamma": 2.0}, "0"),
    ],
)
def test_extreme_values(name: str, y: Any, yhat: Any, params: dict[str, Any], value: str) -> None:
    found = exact(name, y, yhat, params).value
    assert abs(found - mp.mpf(value)) <= mp.mpf(value) * mp.mpf(10) ** -15
