"""Calibration, against scikit-learn's curve and scipy's intervals."""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from lossctl.errors import UsageError
from lossctl.pictures.records import Reliability
from lossctl.pictures.reliability import SeenRates, Sum, wilson

from .seen import picture

DRAW = np.random.default_rng(7)
P = DRAW.random(3000).round(2)  # many on the edges of bins
Y = (DRAW.random(3000) < P**1.3).astype(float)


def rates(data: Any, loss: str | None = None, bins: int = 10, **options: Any) -> Reliability:
    made = picture(data, loss, "calibration", bins, **options)
    assert isinstance(made, Reliability)
    return made


@given(st.integers(1, 5000), st.data())
@settings(max_examples=80, deadline=None)
def test_intervals_are_wilsons(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    expected = scipy.stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("bins", [1, 5, 10, 17])
def test_bins_are_those_of_scikit_learn(bins: int) -> None:
    made = rates({"y": Y, "p": P}, bins=bins)
    happened, predicted = calibration_curve(Y, P, n_bins=bins)
    assert [part.rate for part in made.bins] == pytest.approx(happened.tolist(), abs=1e-12)
    assert [part.mean for part in made.bins] == pytest.approx(predicted.tolist(), abs=1e-12)
    assert sum(part.rows for part in made.bins) == made.n == 3000
    gaps = [part.rows * abs(part.rate - part.mean) for part in made.bins]
    assert made.error == pytest.approx(sum(gaps) / 3000, rel=1e-12)


def test_intervals_are_of_the_rows_of_a_bin() -> None:
    for part in rates({"y": Y, "p": P}).bins:
        k = round(part.rate * part.rows)
        found = scipy.stats.binomtest(k, part.rows).proportion_ci(0.95, method="wilson")
        assert (part.lower, part.upper) == pytest.approx((found.low, found.high), abs=1e-12)
        assert part.effective == part.rows


def test_weights_count_in_shares_and_by_kish_in_intervals() -> None:
    w = DRAW.integers(0, 4, 3000).astype(float)
    made = rates({"y": Y, "p": P, "w": w}, weight="w")
    at = np.clip(np.ceil(P * 10).astype(int) - 1, 0, 9)
    for part in made.bins:
        rows = (at == round(part.low * 10)) & (w > 0.0)
        weight, happened = w[rows], Y[rows]
        assert part.rows == int(rows.sum())
        assert part.rate == pytest.approx(np.average(happened, weights=weight), rel=1e-12)
        assert part.mean == pytest.approx(np.average(P[rows], weights=weight), rel=1e-12)
        kish = weight.sum() ** 2 / (weight**2).sum()
        assert part.effective == pytest.approx(kish, rel=1e-12)
        assert (part.lower, part.upper) == wilson(part.rate, part.effective)
    scaled = rates({"y": Y, "p": P, "w": w * 2.0**700}, weight="w")
    tiny = rates({"y": Y, "p": P, "w": w * 2.0**-700}, weight="w")
    for other in (scaled, tiny):
        assert [part.effective for part in other.bins] == [part.effective for part in made.bins]
        assert [part.lower for part in other.bins] == [part.lower for part in made.bins]


def test_logits_are_their_probabilities() -> None:
    z = DRAW.normal(size=500) * 3.0
    y = (DRAW.random(500) < 0.5).astype(float)
    logits = rates({"y": y, "p": z}, "bce_with_logits")
    shares = rates({"y": y, "p": 1.0 / (1.0 + np.exp(-z))})
    assert [part.rows for part in logits.bins] == [part.rows for part in shares.bins]
    means = [part.mean for part in shares.bins]
    assert [part.mean for part in logits.bins] == pytest.approx(means, rel=1e-12)


def test_of_classes_it_is_the_likeliest_that_counts() -> None:
    z = DRAW.normal(size=(600, 3)) * 2.0
    shares = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    label = DRAW.integers(0, 3, 600)
    names = np.array(["a", "b", "c"])
    truth = names[label]
    data = {"y": truth, **{f"p_{name}": shares[:, k] for k, name in enumerate(names)}}
    made = rates(data, pred="p_*")  # several columns: classes
    assert made.classes
    confidence = shares.max(axis=1)
    right = (shares.argmax(axis=1) == label).astype(float)
    happened, predicted = calibration_curve(right, confidence, n_bins=10)
    assert [part.rate for part in made.bins] == pytest.approx(happened.tolist(), abs=1e-12)
    assert [part.mean for part in made.bins] == pytest.approx(predicted.tolist(), abs=1e-12)
    logits = {"y": truth, **{f"p_{name}": z[:, k] for k, name in enumerate(names)}}
    same = rates(logits, "cce_with_logits", pred="p_*")
    assert [part.rate for part in same.bins] == [part.rate for part in made.bins]
    assert same.error == pytest.approx(made.error, rel=1e-9)
    logs = {"y": truth, **{f"p_{name}": np.log(shares[:, k]) for k, name in enumerate(names)}}
    same = rates(logs, "nll", pred="p_*")
    assert same.error == pytest.approx(made.error, rel=1e-9)


def test_a_logit_of_infinity_is_certain() -> None:
    made = rates({"y": [1, 0, 1.0], "p": [math.inf, -math.inf, 0.0]}, "bce_with_logits")
    assert [(part.mean, part.rate) for part in made.bins] == [(0.0, 0.0), (0.5, 1.0), (1.0, 1.0)]
    data = {"y": ["a", "b"], "p_a": [math.inf, 0.0], "p_b": [0.0, -math.inf]}
    made = rates(data, "cce_with_logits", pred="p_*")
    assert [(part.mean, part.rate, part.rows) for part in made.bins] == [(1.0, 0.5, 2)]


@pytest.mark.parametrize("loss", ["mse", "hinge", "quantile:q=0.9"])
def test_what_is_no_probability_is_refused(loss: str) -> None:
    with pytest.raises(UsageError, match="no probabilities of a label"):
        rates({"y": Y, "p": P}, loss)


SUMS = st.lists(st.builds(Sum, *[st.integers(0, 2**70)] * 5), min_size=3, max_size=3)


@given(st.lists(SUMS.map(tuple).map(SeenRates), min_size=1, max_size=5), st.randoms())
@settings(max_examples=50, deadline=None)
def test_sums_merge_in_any_order(parts: list[SeenRates], random: Any) -> None:
    whole = reduce(add, parts, SeenRates())
    random.shuffle(parts)
    assert reduce(add, parts) == whole
    assert whole + SeenRates() == whole


def test_blocks_and_threads_make_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [f"{y:.0f},{p},{0.1 + p}" for y, p in zip(np.tile(Y, 30), np.tile(P, 30), strict=True)]
    path.write_text("\n".join(["y,p,w", *lines]) + "\n")
    expected = rates(str(path), weight="w")
    assert rates(str(path), weight="w", threads=1) == expected
    assert rates(str(path), weight="w", threads=3) == expected
    assert rates(str(path), weight="w", block_size=70_001) == expected
