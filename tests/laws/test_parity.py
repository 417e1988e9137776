"""The numbers of scikit-learn and scipy, where they compute the same."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax
from scipy.stats import entropy
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    root_mean_squared_error,
)

import lossctl

Floats = NDArray[np.float64]

SAMPLE_DATA = Path(__file__).resolve().parents[2] / "sample_data"
REGRESSION = {
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rmse": root_mean_squared_error,
}
CLOSE: dict[str, Any] = {"rel": 1e-12, "abs": 0.0}


@pytest.fixture(name="rng")
def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def columns(table: Floats, prefix: str) -> dict[str, Floats]:
    return {f"{prefix}{index}": column for index, column in enumerate(table.T)}


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("weight", [None, "w"])
def test_regression(name: str, weight: str | None, rng: np.random.Generator) -> None:
    y = rng.normal(0.0, 10.0, 500)
    yhat = y + rng.standard_t(2.0, 500)
    w = rng.gamma(1.0, 1.0, 500)
    report = lossctl.evaluate({"y": y, "yhat": yhat, "w": w}, name, "y", "yhat", weight)
    peer = REGRESSION[name](y, yhat, sample_weight=w if weight else None)
    assert report.value == pytest.approx(peer, **CLOSE)


@pytest.mark.parametrize("name", ["mae", "mse"])
def test_regression_of_several_outputs(name: str, rng: np.random.Generator) -> None:
    y = rng.normal(0.0, 1.0, (300, 4))
    yhat = y + rng.normal(0.0, 1.0, (300, 4))
    w = rng.gamma(1.0, 1.0, 300)
    data = {**columns(y, "y_"), **columns(yhat, "p_"), "w": w}
    report = lossctl.evaluate(data, name, "y_*", "p_*", "w")
    assert report.value == pytest.approx(REGRESSION[name](y, yhat, sample_weight=w), **CLOSE)


def test_rmse_of_several_outputs_is_the_root_of_the_mean(rng: np.random.Generator) -> None:
    y, yhat = rng.normal(0.0, 1.0, (2, 300, 4)) * [1.0, 2.0, 5.0, 0.1]
    data = {**columns(y, "y_"), **columns(yhat, "p_")}
    value = lossctl.evaluate(data, "rmse", "y_*", "p_*").value
    assert value == pytest.approx(np.sqrt(mean_squared_error(y, yhat)), **CLOSE)
    # scikit-learn takes the mean of the roots
    assert value != pytest.approx(root_mean_squared_error(y, yhat), rel=1e-2)


@pytest.mark.parametrize("weight", [None, "w"])
def test_binary_log_loss(weight: str | None, rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 3.0, 500)
    p = expit(z)
    y = (rng.uniform(0.0, 1.0, 500) < p).astype(np.float64)
    w = rng.gamma(1.0, 1.0, 500)
    data = {"y": y, "p": p, "z": z, "w": w}
    peer = log_loss(y, p, sample_weight=w if weight else None)
    report = lossctl.evaluate(data, "bce:pred=p,bce_with_logits:pred=z", "y", None, weight)
    assert [result.value for result in report.results] == pytest.approx([peer, peer], **CLOSE)


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("k", [2, 3, 12])
def test_multi_class_log_loss(k: int, weight: str | None, rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 3.0, (400, k))
    p = softmax(z, axis=1)
    y = rng.integers(0, k, 400)
    w = rng.gamma(1.0, 1.0, 400)
    peer = log_loss(y, p, labels=range(k), sample_weight=w if weight else None)
    data = {"y": y, **columns(p, "p_"), **columns(z, "z_"), "w": w}
    report = lossctl.evaluate(data, "cce:pred=p_*,cce_with_logits:pred=z_*", "y", None, weight)
    assert [result.value for result in report.results] == pytest.approx([peer, peer], **CLOSE)


def test_binary_cross_entropies_over_classes_summed(rng: np.random.Generator) -> None:
    p = softmax(rng.normal(0.0, 2.0, (200, 3)), axis=1)
    y = rng.integers(0, 3, 200)
    data = {"y": y, **columns(p, "p_")}
    peer = sum(log_loss(y == k, p[:, k]) for k in range(3))
    report = lossctl.evaluate(data, "bce", "y", "p_*", outputs="sum")
    assert report.value == pytest.approx(peer, **CLOSE)


@pytest.mark.parametrize("base", [None, 2.0, 10.0])
def test_entropy_and_cross_entropy(base: float | None, rng: np.random.Generator) -> None:
    p, q = rng.dirichlet([0.5] * 6, (2, 100))
    option = "" if base is None else f":base={base}"
    data = {**columns(p, "y_"), **columns(q, "p_")}
    peer = entropy(q, base=base, axis=1)
    rows = lossctl.evaluate(data, f"entropy{option}", None, "p_*")
    assert rows.value == pytest.approx(peer.mean(), **CLOSE)
    peer = entropy(p, base=base, axis=1) + entropy(p, q, base=base, axis=1)
    rows = lossctl.evaluate(data, f"cross_entropy{option}", "y_*", "p_*")
    assert rows.value == pytest.approx(peer.mean(), **CLOSE)
    down = lossctl.evaluate({"y": p[0], "yhat": q[0]}, f"cross_entropy{option}")
    assert down.value == pytest.approx(peer[0], **CLOSE)
    down = lossctl.evaluate({"yhat": q[0]}, f"entropy{option}")
    assert down.value == pytest.approx(entropy(q[0], base=base), **CLOSE)


def test_tensorflow_form_of_the_binary_logits_loss(rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 4.0, 500)
    y = rng.integers(0, 2, 500).astype(np.float64)
    by_hand = np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))
    loss = lossctl.get_loss("bce_with_logits")
    assert loss(y, z) == pytest.approx(by_hand, rel=1e-9, abs=0.0)  # the form by hand cancels
    assert loss.slope(y, z) == pytest.approx(expit(z) - y, rel=0.0, abs=1e-15)


def test_tensorflow_form_of_the_weighted_logits_loss(rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 4.0, 500)
    y = rng.uniform(0.0, 1.0, 500)
    c = 2.5
    by_hand = (1 - y) * z + (1 + (c - 1) * y) * (np.log1p(np.exp(-np.abs(z))) + np.maximum(-z, 0))
    loss = lossctl.get_loss(f"bce_with_logits:pos_weight={c}")
    assert loss(y, z) == pytest.approx(by_hand, rel=1e-11, abs=0.0)


def test_tensorflow_form_of_the_softmax_loss(rng: np.random.Generator) -> None:
    z = rng.normal(0.0, 4.0, (300, 5))
    t = rng.dirichlet([1.0] * 5, 300)
    loss = lossctl.get_loss("cce_with_logits")
    assert loss(t, z) == pytest.approx(-(t * log_softmax(z, axis=1)).sum(axis=1), rel=1e-12)
    assert loss.slope(t, z) == pytest.approx(softmax(z, axis=1) - t, rel=0.0, abs=1e-14)
    labels = rng.integers(0, 5, 300)
    picked = -log_softmax(z, axis=1)[np.arange(300), labels]
    assert loss(labels, z) == pytest.approx(picked, rel=1e-9, abs=0.0)


def committed(name: str) -> dict[str, list[str]]:
    with (SAMPLE_DATA / name).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return {column: [row[index] for row in rows] for index, column in enumerate(header)}


def numbers(table: dict[str, list[str]], *names: str) -> Floats:
    return np.array([[float(cell) for cell in table[name]] for name in names]).T


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("pred", ["yhat", "yhat_boosting", "q50"])
@pytest.mark.parametrize("weight", [None, "weight"])
def test_diabetes(name: str, pred: str, weight: str | None) -> None:
    table = committed("diabetes.csv")
    y, yhat, w = numbers(table, "y", pred, "weight").T
    peer = REGRESSION[name](y, yhat, sample_weight=None if weight is None else w)
    report = lossctl.evaluate(str(SAMPLE_DATA / "diabetes.csv"), name, "y", pred, weight)
    assert report.value == pytest.approx(peer, **CLOSE)


def test_diabetes_by_group() -> None:
    table = committed("diabetes.csv")
    y, yhat = numbers(table, "y", "yhat").T
    sex = np.array(table["sex"])
    path = str(SAMPLE_DATA / "diabetes.csv")
    report = lossctl.evaluate(path, "mae", "y", "yhat", by="sex")
    assert [result.group for result in report.results] == [{"sex": "sex_1"}, {"sex": "sex_2"}]
    for result in report.results:
        assert result.group is not None
        rows = sex == result.group["sex"]
        assert result.n == rows.sum()
        assert result.value == pytest.approx(mean_absolute_error(y[rows], yhat[rows]), **CLOSE)


def test_breast_cancer() -> None:
    y, p, z = numbers(committed("breast_cancer.csv"), "label", "prob", "logit").T
    path = str(SAMPLE_DATA / "breast_cancer.csv")
    report = lossctl.evaluate(path, "bce:pred=prob,bce_with_logits:pred=logit", "label")
    peers = [log_loss(y, p), log_loss(y, expit(z))]
    assert [result.value for result in report.results] == pytest.approx(peers, **CLOSE)
    for c in (2.0, 7.5):
        w = np.where(y == 1.0, c, 1.0)
        report = lossctl.evaluate(path, "bce", "label", "prob", class_weight={"1": c})
        assert report.value == pytest.approx(log_loss(y, p, sample_weight=w), **CLOSE)
        report = lossctl.evaluate(path, f"bce_with_logits:pos_weight={c}", "label", "logit")
        peer = np.mean(w * (np.logaddexp(0.0, z) - y * z))
        assert report.value == pytest.approx(peer, rel=1e-12)


def test_digits() -> None:
    table = committed("digits.csv")
    digit = np.array(table["digit"])
    p = numbers(table, *(f"p_{k}" for k in range(10)))
    z = numbers(table, *(f"z_{k}" for k in range(10)))
    path = str(SAMPLE_DATA / "digits.csv")
    report = lossctl.evaluate(path, "cce:pred=p_*,cce_with_logits:pred=z_*", "digit")
    picked = p[np.arange(len(p)), digit.astype(int)]
    peer = -log_softmax(z, axis=1)[np.arange(len(p)), digit.astype(int)]
    values = [result.value for result in report.results]
    assert values == pytest.approx([-np.log(picked).mean(), peer.mean()], **CLOSE)
    # scikit-learn rescales no row either, but warns of sums that are off by 1e-8 of rounding
    scaled = p / p.sum(axis=1, keepdims=True)
    normalized = lossctl.evaluate(path, "cce", "digit", "p_*", normalize=True)
    assert normalized.value == pytest.approx(log_loss(digit, scaled), **CLOSE)


def test_wine() -> None:
    table = committed("wine.csv")
    names = ["barolo", "grignolino", "barbera"]
    p = numbers(table, *(f"p_{name}" for name in names))
    p /= p.sum(axis=1, keepdims=True)
    codes = np.array([names.index(cell) for cell in table["cultivar"]])
    path = str(SAMPLE_DATA / "wine.csv")
    report = lossctl.evaluate(path, "cce", "cultivar", "p_*", normalize=True)
    assert report.value == pytest.approx(log_loss(codes, p), **CLOSE)
    weights = {"barolo": 3.0, "barbera": 0.5}
    w = np.array([weights.get(cell, 1.0) for cell in table["cultivar"]])
    report = lossctl.evaluate(path, "cce", "cultivar", "p_*", normalize=True, class_weight=weights)
    assert report.value == pytest.approx(log_loss(codes, p, sample_weight=w), **CLOSE)


def test_dice() -> None:
    fair, loaded = numbers(committed("dice.csv"), "fair", "loaded").T
    path = str(SAMPLE_DATA / "dice.csv")
    assert lossctl.evaluate(path, "entropy", None, "fair").value == pytest.approx(
        entropy(fair), **CLOSE
    )
    assert lossctl.evaluate(path, "cross_entropy", "fair", "loaded").value == pytest.approx(
        entropy(fair) + entropy(fair, loaded), **CLOSE
    )
