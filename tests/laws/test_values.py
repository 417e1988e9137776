"""Values that are no mean: medians, quotients, powers, and gradients that take a second pass."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import lossctl
from lossctl import order, passes
from lossctl.errors import InputError, UsageError
from lossctl.exact import CUBIC_SHIFT, SCALE_BITS, cubic_units
from lossctl.order import Bracket, Medians, Order, settle
from tests.laws.oracles import mp

Floats = NDArray[np.float64]
ONE = 1 << SCALE_BITS
FINITE = st.floats(allow_nan=False, allow_infinity=False)


# Sums of three factors


@given(st.lists(st.tuples(FINITE, FINITE, FINITE), max_size=30))
def test_sums_of_three_factors_are_exact(rows: list[tuple[float, float, float]]) -> None:
    w, x, y = np.array(rows).reshape(-1, 3).T.copy()
    exact = sum((Fraction(a) * Fraction(b) * Fraction(c) for a, b, c in rows), Fraction())
    assert Fraction(cubic_units(w, x, y), 1 << SCALE_BITS + CUBIC_SHIFT) == exact
    plain = sum((Fraction(b) * Fraction(c) for _, b, c in rows), Fraction())
    assert Fraction(cubic_units(None, x, y), 1 << SCALE_BITS + CUBIC_SHIFT) == plain


def test_sums_of_three_factors_over_several_slices() -> None:
    rng = np.random.default_rng(0)
    w, x, y = rng.normal(0.0, 1.0, (3, 70_000)) * 10.0 ** rng.uniform(-20, 20, (3, 70_000))
    rows = np.column_stack([w, x, y]).tolist()
    exact = sum(math.prod(map(Fraction, row)) for row in rows)
    assert Fraction(cubic_units(w, x, y), 1 << SCALE_BITS + CUBIC_SHIFT) == exact


# The median


def find_median(e: Floats, w: Floats | None, parts: int = 3) -> tuple[float, int]:
    """Return the median of |e|, found over parts of the rows, and how many passes it took."""
    total = len(e) * ONE if w is None else int(sum(Fraction(x) for x in w.tolist()) * ONE)
    brackets: tuple[Bracket, ...] = (Bracket(),)
    for taken in itertools.count(1):
        orders: tuple[Order, ...] = ()
        for rows in np.array_split(np.arange(len(e)), parts):
            some = None if w is None else w[rows]
            found = tuple(Order.of(bracket, e[rows], some) for bracket in brackets)
            orders = tuple(a + b for a, b in zip(orders, found, strict=True)) if orders else found
        answer = settle(orders, total)
        if isinstance(answer, Medians):
            return answer.value, taken
        brackets = answer
    raise AssertionError


STREAMS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(0.0, 1.0, n),
    "magnitudes": lambda rng, n: rng.normal(0.0, 1.0, n) * 10.0 ** rng.uniform(-300, 300, n),
    "ties": lambda rng, n: rng.integers(-3, 4, n).astype(np.float64),
    "one number": lambda _, n: np.full(n, -0.3),
    "two far ones": lambda _, n: np.where(np.arange(n) % 2 == 0, 1e-300, -1e300),
    "neighbours": lambda rng, n: np.asarray(1.0 + rng.integers(0, 50, n) * 2.0**-52),
    "zeros": lambda rng, n: np.asarray(rng.normal(0.0, 1.0, n) * rng.integers(0, 2, n)),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("n", [1, 2, 3, 1000, 1001])
@pytest.mark.parametrize("limit", [0, 10, 1 << 20])
def test_the_median_is_numpys(
    name: str, n: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "LIMIT", limit)
    e = STREAMS[name](np.random.default_rng(1), n)
    value, passes = find_median(e, None)
    assert value == np.median(np.abs(e))
    assert passes == 1 if limit >= n else passes <= 6


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("limit", [0, 10, 1 << 20])
def test_integer_weights_are_repeated_rows(
    name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "LIMIT", limit)
    rng = np.random.default_rng(2)
    for n in (1, 2, 7, 400):
        e = STREAMS[name](rng, n)
        w = rng.integers(1, 5, n)
        weighted, _ = find_median(e, w.astype(float))
        assert weighted == np.median(np.abs(np.repeat(e, w)))


@given(st.lists(st.tuples(FINITE, st.floats(1e-5, 1e5)), min_size=1, max_size=20))
def test_the_weighted_median_has_half_of_the_weight_on_either_side(
    rows: list[tuple[float, float]],
) -> None:
    e, w = np.array(rows).T.copy()
    value, _ = find_median(e, w, parts=2)
    sizes, half = np.abs(e), sum(map(Fraction, w.tolist())) / 2
    below = sum(
        (Fraction(x) for x, s in zip(w.tolist(), sizes, strict=True) if s < value), Fraction()
    )
    above = sum(
        (Fraction(x) for x, s in zip(w.tolist(), sizes, strict=True) if s > value), Fraction()
    )
    assert below <= half
    assert above <= half


@pytest.fixture(name="few")
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make medians take further passes on small data."""
    monkeypatch.setattr(order, "LIMIT", 50)


@pytest.fixture(name="table")
def _table() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    y = rng.normal(5.0, 10.0, 3000)
    return {
        "y": y,
        "yhat": y + rng.standard_t(2.0, 3000),
        "w": rng.integers(0, 4, 3000).astype(float),
        "g": rng.choice(["a", "b", "c"], 3000, p=[0.5, 0.495, 0.005]),
    }


def csv_of(table: dict[str, Any], path: Path) -> Path:
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    path.write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("weight", [None, "w"])
def test_a_median_of_a_file_in_several_passes(
    table: dict[str, Any], tmp_path: Path, weight: str | None
) -> None:
    path = csv_of(table, tmp_path / "t.csv")
    e = np.abs(table["yhat"] - table["y"])
    repeats = np.ones(3000, dtype=int) if weight is None else table["w"].astype(int)
    reports = [
        lossctl.evaluate(source, "median_ae,mae", "y", "yhat", weight, block_size=block)
        for source, block in ((str(path), None), (str(path), 2000), (table, None))
    ]
    for report in reports:
        assert report.results[0].value == np.median(np.repeat(e, repeats))
        assert report.results[0].per_sample == reports[0].results[0].per_sample
        assert report.results[0].gradient == reports[0].results[0].gradient
    grouped = lossctl.evaluate(str(path), "median_ae", "y", "yhat", weight, by="g")
    for result in grouped.results:
        assert result.group is not None
        rows = table["g"] == result.group["g"]
        assert result.value == np.median(np.repeat(e[rows], repeats[rows]))


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("name", ["median_ae", "max_error"])
@pytest.mark.parametrize("ties", [False, True])
def test_the_gradient_of_an_ordered_value_is_that_of_the_value(
    name: str, weight: str | None, ties: bool
) -> None:
    rng = np.random.default_rng(6)
    y = rng.normal(0.0, 1.0, 30)
    yhat = y + (rng.integers(-2, 3, 30) if ties else rng.normal(0.0, 1.0, 30))
    if ties:
        y, yhat = np.round(y), np.round(y) + rng.integers(-2, 3, 30)
    data = {"y": y, "yhat": yhat, "w": rng.integers(0, 3, 30).astype(float)}
    report = lossctl.evaluate(data, name, "y", "yhat", weight, top=30).to_dict()["results"][0]
    frame = lossctl.samples(data, name, "y", "yhat", weight)
    g = frame["gradient"].to_numpy()
    summary = report["gradient"]
    assert summary["l1"] == pytest.approx(math.fsum(np.abs(g)), rel=1e-15)
    assert summary["l2"] == pytest.approx(math.sqrt(math.fsum(g * g)), rel=1e-14)
    assert summary["mean"] == pytest.approx(math.fsum(g) / 30, rel=1e-14)
    assert summary["std"] == pytest.approx(float(np.std(g)), rel=1e-13)
    assert (summary["min"], summary["max"]) == (g.min(), g.max())
    levels = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
    for key, level in levels.items():
        assert summary[key] == np.quantile(g, level, method="inverted_cdf")
    signs = [int((g > 0).sum()), int((g < 0).sum()), int((g == 0).sum())]
    assert [summary["positive"], summary["negative"], summary["zero"]] == signs
    for row in report["worst"]:
        assert row["gradient"] == g[row["row"] - 1]
    if report["value"] > 0:
        assert summary["l1"] == pytest.approx(1.0, rel=1e-15)
    if not ties:
        moved = {**data, "yhat": yhat + 1e-9 * np.sign(g)}
        raised = lossctl.evaluate(moved, name, "y", "yhat", weight).value
        assert raised - report["value"] == pytest.approx(1e-9, rel=1e-5)


def test_ordered_values_take_no_mini_batches_and_one_prediction(table: dict[str, Any]) -> None:
    for name in ("median_ae", "max_error"):
        with pytest.raises(UsageError, match=f"{name} takes no --batch-size"):
            lossctl.evaluate(table, name, "y", "yhat", batch_size=10)
    for name in ("median_ae", "max_error", "r2", "explained_variance"):
        with pytest.raises(UsageError, match=f"{name} takes one prediction column, got 2"):
            lossctl.evaluate(table, name, "y,yhat", "yhat,y")


# Quotients


def exact_r2(y: Floats, yhat: Floats, w: Floats, centred: bool) -> Fraction:
    rows = [
        tuple(map(Fraction, row)) for row in zip(y.tolist(), yhat.tolist(), w.tolist(), strict=True)
    ]
    nothing = Fraction()
    total = sum((c for _, _, c in rows), nothing)
    mean = sum((a * c for a, _, c in rows), nothing) / total
    centre = sum(((b - a) * c for a, b, c in rows), nothing) / total if centred else nothing
    spread = sum((c * (a - mean) ** 2 for a, _, c in rows), nothing)
    return 1 - sum((c * (b - a - centre) ** 2 for a, b, c in rows), nothing) / spread


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_r2_and_explained_variance_do_not_cancel(
    table: dict[str, Any], name: str, weight: str | None, shift: float
) -> None:
    y, yhat = table["y"] / 1e3 + shift, table["yhat"] / 1e3 + shift
    if name == "explained_variance":
        yhat = yhat + 3 * shift  # a bias that it does not see
    w = np.ones(3000) if weight is None else table["w"]
    found = lossctl.evaluate({"y": y, "yhat": yhat, "w": w}, name, "y", "yhat", weight).value
    if name == "r2":  # the losses (ŷ − y)² are rounded; their sums are not
        expected = float(exact_r2(y, yhat, w, centred=False))
        assert found == pytest.approx(expected, rel=0.0, abs=4 * 2.0**-53)
    else:
        assert found == float(exact_r2(y, yhat, w, centred=True))


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("name", ["r2", "explained_variance", "wape"])
def test_the_gradient_of_a_quotient_is_that_of_the_value(
    table: dict[str, Any], tmp_path: Path, name: str, weight: str | None
) -> None:
    report = lossctl.evaluate(table, name, "y", "yhat", weight)
    g = lossctl.samples(table, name, "y", "yhat", weight)["gradient"].to_numpy()
    for row in (0, 7, 2999):
        values = []
        for step in (1e-5, -1e-5):
            yhat = table["yhat"].copy()
            yhat[row] += step
            moved = {**table, "yhat": yhat}
            values.append(lossctl.evaluate(moved, name, "y", "yhat", weight, value_only=True).value)
        assert g[row] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-10)
    summary = report.to_dict()["results"][0]["gradient"]
    assert summary["l1"] == pytest.approx(math.fsum(np.abs(g)), rel=1e-13)
    assert summary["l2"] == pytest.approx(math.sqrt(math.fsum(g * g)), rel=1e-13)
    assert summary["positive"] == (g > 0).sum()
    assert summary["zero"] == (g == 0).sum()
    assert summary["max"] == g.max()
    path = csv_of(table, tmp_path / "t.csv")
    read = lossctl.evaluate(str(path), name, "y", "yhat", weight, block_size=5000)
    assert read.results == report.results or [
        (r.value, r.gradient, r.per_sample) for r in read.results
    ] == [(r.value, r.gradient, r.per_sample) for r in report.results]
    for result in lossctl.evaluate(table, name, "y", "yhat", weight, by="g").results:
        assert result.group is not None
        rows = table["g"] == result.group["g"]
        part = {key: column[rows] for key, column in table.items()}
        alone = lossctl.evaluate(part, name, "y", "yhat", weight).results[0]
        assert (result.value, result.gradient) == (alone.value, alone.gradient)


def test_a_constant_truth_is_an_error() -> None:
    for name in ("r2", "explained_variance"):
        with pytest.raises(InputError, match="compares with the spread of y, and y is constant"):
            lossctl.evaluate({"y": [0.1] * 9, "yhat": np.arange(9.0)}, name)
    with pytest.raises(InputError, match=r"wape divides by Σw\|y\|, and that is 0"):
        lossctl.evaluate({"y": [0.0, 0.0], "yhat": [1.0, 2.0]}, "wape")
    with pytest.raises(InputError, match="y is constant"):
        lossctl.evaluate({"y": [1.0, 1.0], "yhat": [1.0, 2.0], "g": ["a", "a"]}, "r2", by="g")


def test_mini_batches_of_quotients_and_powers(table: dict[str, Any]) -> None:
    for name in ("r2", "wape", "explained_variance"):
        report = lossctl.evaluate(table, name, "y", "yhat", "w", batch_size=700)
        batches = report.results[0].batches
        assert batches is not None
        for at, value in enumerate(batches):
            part = {key: column[at * 700 : (at + 1) * 700] for key, column in table.items()}
            assert value == lossctl.evaluate(part, name, "y", "yhat", "w").value


# exp of the mean


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_perplexity_is_rounded_once(scale: float) -> None:
    rng = np.random.default_rng(9)
    z = rng.normal(0.0, scale, (200, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    data = {"y": rng.integers(0, 4, 200), **{f"p_{k}": p[:, k] for k in range(4)}}
    result = lossctl.evaluate(data, "perplexity,cce", "y", "p_*").results
    losses = lossctl.samples(data, "cce", "y", "p_*")["loss"].tolist()
    mean = sum(map(Fraction, losses), Fraction()) / 200
    assert result[0].value == float(mp.exp(mp.mpf(mean.numerator) / mean.denominator))
    assert result[0].gradient is not None
    assert result[1].gradient is not None
    assert result[0].gradient.l1 == pytest.approx(
        result[1].gradient.l1 * result[0].value, rel=1e-14
    )


def test_perplexity_beyond_float64_is_infinite() -> None:
    data = {"y": [0, 1], "p_0": [1e-320, 1.0], "p_1": [1.0, 0.0]}
    assert lossctl.evaluate(data, "perplexity", "y", "p_*").value == math.inf
    data = {"y": [0] * 3, "p_0": [5e-324] * 3, "p_1": [1.0] * 3}
    assert lossctl.evaluate(data, "perplexity", "y", "p_*").value == math.inf


# Labels of two conventions


@pytest.mark.parametrize("name", ["hinge", "squared_hinge", "exponential"])
def test_signs_and_bits_are_the_same_labels_but_not_in_one_input(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    z = rng.normal(0.0, 1.0, 400)
    bits = rng.integers(0, 2, 400)
    signs = 2 * bits - 1
    by_bits = lossctl.evaluate({"y": bits, "yhat": z}, name).results[0]
    by_signs = lossctl.evaluate({"y": signs, "yhat": z}, name).results[0]
    assert (by_bits.value, by_bits.gradient) == (by_signs.value, by_signs.gradient)
    weights = {"1": 3.0, "0": 0.5}
    a = lossctl.evaluate({"y": bits, "yhat": z}, name, class_weight=weights).value
    weights = {"1": 3.0, "-1": 0.5}
    assert lossctl.evaluate({"y": signs, "yhat": z}, name, class_weight=weights).value == a
    kept = {"y": signs[signs > 0], "yhat": z[signs > 0]}
    ignored = lossctl.evaluate({"y": signs, "yhat": z}, name, ignore="-1")
    assert ignored.value == lossctl.evaluate(kept, name).value
    mixed = np.where(np.arange(400) == 399, 0, np.maximum(signs, 1))
    mixed[3] = -1
    path = csv_of({"y": mixed, "yhat": z}, tmp_path / "mixed.csv")
    for block in (None, 300):
        for by in (None, "y"):
            with pytest.raises(InputError, match="not −1 and 0 in one input") as caught:
                lossctl.evaluate(str(path), name, block_size=block, by=by)
            assert caught.value.line == 401
            assert caught.value.column == "y"


def test_rows_that_are_to_be_skipped_are_counted() -> None:
    data = {"y": [0.0, 2.0, 4.0, -0.0], "yhat": [1.0, 1.0, 5.0, 1.0]}
    with pytest.raises(InputError, match=r"row 1: y must be .*mape:zero=skip"):
        lossctl.evaluate(data, "mape")
    result = lossctl.evaluate(data, "mape:zero=skip").to_dict()["results"][0]
    assert result["value"] == (0.5 + 0.25) / 2
    assert result["n"] == 2
    assert result["touched"]["ignored"] == 2
    assert result["params"] == {"zero": "skip"}
    assert result["spec"] == "mape:zero=skip"


# Where numbers are near the ends of float64


@pytest.mark.parametrize("scale", [1e-170, 1e-160, 1.0, 1e160, 1e170])
@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_quotients_and_their_gradients_at_any_scale(name: str, scale: float) -> None:
    rng = np.random.default_rng(15)
    y = rng.normal(0.0, 1.0, 40) * scale
    yhat = y + rng.normal(0.0, 0.5, 40) * scale
    result = lossctl.evaluate({"y": y, "yhat": yhat}, name).to_dict()["results"][0]
    exact = exact_r2(y, yhat, np.ones(40), centred=name == "explained_variance")
    assert result["value"] == float(exact)
    g = lossctl.samples({"y": y, "yhat": yhat}, name)["gradient"].to_numpy()
    e = (yhat - y) / scale
    if name == "explained_variance":
        e = e - e.mean()
    wanted = -2.0 * e / np.sum((y / scale - np.mean(y / scale)) ** 2) / scale
    assert g == pytest.approx(wanted, rel=1e-12, abs=1e-13 / scale)
    assert result["gradient"]["max_abs"] == np.abs(g).max()
    assert result["worst"][0]["gradient"] == g[result["worst"][0]["row"] - 1]


def test_the_group_of_a_constant_truth_is_named() -> None:
    data = {"y": [1.0, 2.0, 3.0, 3.0], "yhat": [1.0] * 4, "g": ["a", "a", "b", "b"]}
    with pytest.raises(InputError, match="y is constant in group b"):
        lossctl.evaluate(data, "r2", by="g")


# Data that change between the passes


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("change", ["groups", "errors"])
def test_data_that_change_between_the_passes_are_refused(
    table: dict[str, Any], tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv_of(table, tmp_path / "t.csv")
    settled = passes._unsettled

    def rewriting(*args: Any) -> Any:
        foci = settled(*args)
        other = dict(table)
        if change == "groups":
            other["g"] = np.array(["z"] * 3000)
        else:
            other["yhat"] = table["y"] + 1.0
        csv_of(other, path)
        return foci

    monkeypatch.setattr(passes, "_unsettled", rewriting)
    monkeypatch.setattr(passes, "identities", lambda _: [])
    with pytest.raises(InputError, match="changed between the two passes over it"):
        lossctl.evaluate(str(path), "median_ae", "y", "yhat", by="g")
