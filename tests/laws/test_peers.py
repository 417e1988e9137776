"""The catalogue beside scikit-learn and scipy, wherever they compute the same number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats
from scipy.spatial import distance
from sklearn import metrics
from sklearn._loss import loss as halves

import lossctl

Floats = NDArray[np.float64]
CLOSE: dict[str, Any] = {"rel": 1e-12, "abs": 0.0}


@pytest.fixture(name="rng")
def _rng() -> np.random.Generator:
    return np.random.default_rng(11)


def value(data: dict[str, Any], spec: str, y: str | None, pred: str, weight: str | None) -> float:
    return lossctl.evaluate(data, spec, y, pred, weight).value


def columns(table: Floats, prefix: str) -> dict[str, Floats]:
    return {f"{prefix}{index}": column for index, column in enumerate(table.T)}


ON_REAL = {
    "median_ae": metrics.median_absolute_error,
    "r2": metrics.r2_score,
    "explained_variance": metrics.explained_variance_score,
    "mape": metrics.mean_absolute_percentage_error,
    "quantile:q=0.3": lambda y, p, **w: metrics.mean_pinball_loss(y, p, alpha=0.3, **w),
    "quantile": lambda y, p, **w: metrics.mean_pinball_loss(y, p, **w),
    "mean_bias": lambda y, p, **w: np.average(p - y, weights=w.get("sample_weight")),
    "wape": lambda y, p, **w: (
        np.average(abs(p - y), weights=w.get("sample_weight"))
        / np.average(abs(y), weights=w.get("sample_weight"))
    ),
}
ON_POSITIVE = {
    "msle": metrics.mean_squared_log_error,
    "rmsle": metrics.root_mean_squared_log_error,
    "poisson_deviance": metrics.mean_poisson_deviance,
    "gamma_deviance": metrics.mean_gamma_deviance,
    **{
        f"tweedie_deviance:power={power}": lambda y, p, power=power, **w: (
            metrics.mean_tweedie_deviance(y, p, power=power, **w)
        )
        for power in (-1.5, 0.0, 1.0, 1.3, 1.9, 2.0, 2.7, 4.0)
    },
}


@pytest.mark.parametrize("spec", [*ON_REAL, *ON_POSITIVE])
@pytest.mark.parametrize("weight", [None, "w"])
def test_metrics_of_scikit_learn(spec: str, weight: str | None, rng: np.random.Generator) -> None:
    if spec in ON_REAL:
        y = rng.normal(0.0, 10.0, 401)
        p = y + rng.standard_t(3.0, 401)
    else:
        y = rng.gamma(2.0, 2.0, 401)
        p = y * rng.gamma(3.0, 1 / 3, 401)
    w = rng.gamma(1.0, 1.0, 401)
    peer = {**ON_REAL, **ON_POSITIVE}[spec](y, p, **({"sample_weight": w} if weight else {}))
    found = value({"y": y, "yhat": p, "w": w}, spec, "y", "yhat", weight)
    assert found == pytest.approx(peer, rel=1e-11, abs=0.0)


def test_the_largest_error(rng: np.random.Generator) -> None:
    y, p = rng.normal(0.0, 1.0, (2, 100))
    data = {"y": y, "yhat": p}
    assert value(data, "max_error", "y", "yhat", None) == metrics.max_error(y, p)


@pytest.mark.parametrize("delta", [0.1, 1.0, 3.5])
def test_huber_and_its_smooth_form(delta: float, rng: np.random.Generator) -> None:
    y, p = rng.normal(0.0, 2.0, (2, 300))
    for name, peer in (("huber", special.huber), ("pseudo_huber", special.pseudo_huber)):
        loss = lossctl.get_loss(f"{name}:delta={delta}")
        assert loss(y, p) == pytest.approx(peer(delta, p - y), **CLOSE)
    smooth = lossctl.get_loss(f"smooth_l1:beta={delta}")
    assert smooth(y, p) == pytest.approx(special.huber(delta, p - y) / delta, **CLOSE)


def half(name: str, **params: Any) -> Any:
    return getattr(halves, name)(sample_weight=None, **params)


def raw(peer: Any, y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the losses and gradients of one of scikit-learn's private losses."""
    value, gradient = peer.loss_gradient(y_true=y, raw_prediction=x)
    return value, gradient


def test_gradients_of_scikit_learn(rng: np.random.Generator) -> None:
    y, x = rng.normal(0.0, 2.0, (2, 200))
    for spec, peer in (
        ("quantile:q=0.2", half("PinballLoss", quantile=0.2)),
        ("huber:delta=1.5", half("HuberLoss", quantile=0.5, delta=1.5)),
    ):
        loss, gradient = raw(peer, y, x)
        bound = lossctl.get_loss(spec)
        assert bound(y, x) == pytest.approx(loss, **CLOSE)
        assert bound.slope(y, x) == pytest.approx(gradient, **CLOSE)
    bits = rng.integers(0, 2, 200).astype(np.float64)
    loss, gradient = raw(half("HalfBinomialLoss"), bits, x)
    bound = lossctl.get_loss("bce_with_logits")
    assert bound(bits, x) == pytest.approx(loss, rel=1e-10)
    assert bound.slope(bits, x) == pytest.approx(gradient, rel=1e-10)
    loss, gradient = raw(half("ExponentialLoss"), bits, x / 2.0)
    bound = lossctl.get_loss("exponential")
    assert bound(bits, x / 2.0) == pytest.approx(loss, **CLOSE)
    assert bound.slope(bits, x / 2.0) == pytest.approx(gradient, **CLOSE)
    counts = rng.poisson(3.0, 200).astype(np.float64)
    _, gradient = raw(half("HalfPoissonLoss"), counts, x)
    assert lossctl.get_loss("poisson_nll_with_log").slope(counts, x) == pytest.approx(
        gradient, rel=1e-9
    )
    positive = rng.gamma(2.0, 1.0, 200)
    _, gradient = raw(half("HalfGammaLoss"), positive, x)
    mean = np.exp(x)
    for name, factor in (("gamma_nll", 1.0), ("gamma_deviance", 0.5)):
        slope = lossctl.get_loss(name).slope(positive, mean) * mean * factor
        assert slope == pytest.approx(gradient, rel=1e-9, abs=1e-12)
    _, gradient = raw(half("HalfTweedieLoss", power=1.4), positive, x)
    slope = lossctl.get_loss("tweedie_deviance:power=1.4").slope(positive, mean) * mean / 2.0
    assert slope == pytest.approx(gradient, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("weight", [None, "w"])
def test_binary_scores(weight: str | None, rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 2.0, 300)
    p = special.expit(z)
    y = rng.integers(0, 2, 300)
    w = rng.gamma(1.0, 1.0, 300)
    given = w if weight else None
    data = {"y": y, "p": p, "z": z, "w": w}
    peers = {
        "brier": metrics.brier_score_loss(y, p, sample_weight=given),
        "zero_one": metrics.zero_one_loss(y, p > 0.5, sample_weight=given),
    }
    for name, peer in peers.items():
        assert value(data, name, "y", "p", weight) == pytest.approx(peer, **CLOSE)
    hinge = metrics.hinge_loss(y, z, sample_weight=given)
    assert value(data, "hinge", "y", "z", weight) == pytest.approx(hinge, **CLOSE)
    focal = -np.where(y == 1, 0.25 * (1 - p) ** 2 * np.log(p), 0.75 * p**2 * np.log1p(-p))
    peer = np.average(focal, weights=given)
    for name, column in (("focal", "p"), ("focal_with_logits", "z")):
        assert value(data, f"{name}:alpha=0.25", "y", column, weight) == pytest.approx(
            peer, **CLOSE
        )


@pytest.mark.parametrize("weight", [None, "w"])
def test_multi_class_scores(weight: str | None, rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 2.0, (300, 4))
    p = special.softmax(z, axis=1)
    y = rng.integers(0, 4, 300)
    w = rng.gamma(1.0, 1.0, 300)
    given = w if weight else None
    data = {
        "y": y, "w": w,
        **columns(p, "p_"), **columns(z, "z_"), **columns(np.minimum(np.log(p), 0.0), "l_"),
    }  # fmt: skip
    log_loss = metrics.log_loss(y, p, sample_weight=given, labels=range(4))
    for spec, pred, peer in (
        ("perplexity", "p_*", np.exp(log_loss)),
        ("nll", "l_*", log_loss),
        ("brier", "p_*", metrics.brier_score_loss(y, p, sample_weight=given, labels=range(4))),
        ("zero_one", "z_*", metrics.zero_one_loss(y, z.argmax(axis=1), sample_weight=given)),
        ("multiclass_hinge", "z_*", metrics.hinge_loss(y, z, sample_weight=given)),
    ):
        assert value(data, spec, "y", pred, weight) == pytest.approx(peer, **CLOSE)


@pytest.mark.parametrize("base", [None, 2.0])
def test_divergences(base: float | None, rng: np.random.Generator) -> None:
    p, q = rng.dirichlet([0.7] * 5, (2, 100))
    option = "" if base is None else f":base={base}"
    data = {**columns(p, "y_"), **columns(q, "p_")}
    peer = stats.entropy(p, q, base=base, axis=1).mean()
    assert value(data, f"kl_divergence{option}", "y_*", "p_*", None) == pytest.approx(peer, **CLOSE)
    peer = (distance.jensenshannon(p, q, base=base, axis=1) ** 2).mean()
    found = value(data, f"js_divergence{option}", "y_*", "p_*", None)
    assert found == pytest.approx(peer, rel=1e-11)
    terms = lossctl.get_loss("kl_divergence")(p[0], q[0])
    assert terms == pytest.approx(special.rel_entr(p[0], q[0]), rel=1e-11)


def test_vectors(rng: np.random.Generator) -> None:
    y, p = rng.normal(0.0, 1.0, (2, 80, 6))
    data = {**columns(y, "y_"), **columns(p, "p_")}
    peer = np.mean([distance.cosine(a, b) for a, b in zip(y, p, strict=True)])
    assert value(data, "cosine_distance", "y_*", "p_*", None) == pytest.approx(peer, **CLOSE)


def test_forecasts(rng: np.random.Generator) -> None:
    y = rng.normal(0.0, 1.0, 200)
    mean, variance = rng.normal(0.0, 1.0, 200), rng.gamma(2.0, 1.0, 200)
    data = {"y": y, "mean": mean, "variance": variance}
    peer = -stats.norm.logpdf(y, mean, np.sqrt(variance)) - 0.5 * np.log(2 * np.pi)
    found = value(data, "gaussian_nll", "y", "mean,variance", None)
    assert found == pytest.approx(peer.mean(), **CLOSE)
    lower, upper = mean - variance, mean + variance
    both = metrics.mean_pinball_loss(y, lower, alpha=0.05) + metrics.mean_pinball_loss(
        y, upper, alpha=0.95
    )
    data = {"y": y, "lower": lower, "upper": upper}
    found = value(data, "interval_score:alpha=0.1", "y", "lower,upper", None)
    assert found == pytest.approx(both * 2.0 / 0.1, **CLOSE)


def test_ensembles(rng: np.random.Generator) -> None:
    y = rng.normal(0.0, 1.0, 50)
    members = rng.normal(0.0, 1.0, (50, 7))
    data = {"y": y, **columns(members, "m_")}
    # The energy distance between the ensemble and y is the square root of twice the CRPS.
    peer = np.mean(
        [stats.energy_distance(m, [t]) ** 2 / 2 for m, t in zip(members, y, strict=True)]
    )
    assert value(data, "crps", "y", "m_*", None) == pytest.approx(peer, rel=1e-10)


def test_robust_losses_by_hand(rng: np.random.Generator) -> None:
    y, p = rng.normal(0.0, 3.0, (2, 300))
    e = p - y
    for spec, peer in (
        ("log_cosh", np.log(np.cosh(e))),
        ("cauchy:c=2", 2.0 * np.log1p((e / 2.0) ** 2)),
        ("fair:c=2", 4.0 * (abs(e) / 2.0 - np.log1p(abs(e) / 2.0))),
        ("epsilon_insensitive:epsilon=0.5", np.maximum(0.0, abs(e) - 0.5)),
        ("expectile:q=0.8", np.where(y > p, 0.8, 0.2) * e**2),
        ("smape", 2.0 * abs(e) / (abs(y) + abs(p))),
    ):
        assert lossctl.get_loss(spec)(y, p) == pytest.approx(peer, rel=1e-9, abs=1e-15)
