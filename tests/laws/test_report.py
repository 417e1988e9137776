"""The figures of a report: what numpy computes naively, and honest where it cannot."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lossctl
from lossctl.errors import InputError
from lossctl.figures import LEVELS
from lossctl.losses import all_losses
from lossctl.sources import arrays
from lossctl.values import ORDERED
from tests.laws.problems import CLASSES, ONE_TRUTH, Problem, figures, problems

Floats = NDArray[np.float64]

PROBLEMS = [case for loss in all_losses() for case in problems(loss, 200, 1)]
every_problem = pytest.mark.parametrize("case", PROBLEMS, ids=str)


def scored(case: Problem) -> tuple[Floats, Floats]:
    """Return the losses (n) and slopes (n × k) of a problem."""
    yhat = np.column_stack([case.table[name] for name in case.predictions])
    y: Any = None
    if case.form == "labelled":
        y = np.array([CLASSES.index(label) for label in case.table["y"]])
        classes = case.bound.loss.form(len(CLASSES)) == "classes"
        y = y if classes else np.eye(len(CLASSES))[y]
    elif case.form in ONE_TRUTH:
        y = case.table["y_ant"]
    elif case.y is not None:
        y = np.column_stack([case.table[f"y_{name[2:]}"] for name in case.predictions])
    if case.form == "one":
        value, slope = case.bound.both(y, yhat[:, 0])
        return value, slope()[:, np.newaxis]
    value, slope = case.bound.both(y, yhat)
    return value, slope()


def naive(x: Floats) -> dict[str, float]:
    """Return the statistics of a stream."""
    largest = float(np.abs(x).max()) or 1.0  # squares of x itself may overflow
    quantiles = np.quantile(x, LEVELS, method="inverted_cdf").tolist()
    names = ("mean", "std", "min", "p05", "p50", "p95", "max")
    figures = (x.mean(), (x / largest).std() * largest, x.min(), *quantiles, x.max())
    return {name: float(figure) for name, figure in zip(names, figures, strict=True)}


def agree(found: dict[str, Any], wanted: dict[str, float], scale: float) -> None:
    for name, figure in wanted.items():
        assert found[name] == pytest.approx(figure, rel=1e-9, abs=1e-9 * scale), name


@every_problem
@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("outputs", ["mean", "sum"])
def test_figures_are_those_of_numpy(case: Problem, weight: str | None, outputs: str) -> None:
    value, slope = scored(case)
    w = np.ones(case.size) if weight is None else case.table["w"]
    if outputs == "sum" and case.bound.loss.form(slope.shape[1]) == "elementwise":
        value, slope = value * slope.shape[1], slope * slope.shape[1]
    result = case.evaluate(weight=weight, outputs=outputs)
    size = (w * np.abs(value)).sum()
    whole, g = by_hand(case, w, value, slope, outputs)
    assert result["n"] == case.size
    assert result["weight"] == pytest.approx(w.sum(), rel=1e-9)
    assert result["sum"] == pytest.approx((w * value).sum(), rel=1e-9, abs=1e-9 * size)
    signed = case.bound.loss.signed or case.bound.loss.higher_is_better
    slack = 1e-9 * max(size / w.sum(), 1.0) if signed else 0.0
    assert result["value"] == pytest.approx(whole, rel=1e-9, abs=slack)
    agree(result["per_sample"], naive(value[w > 0.0]), float(value.max()))
    assert result["per_sample"]["infinite"] == 0
    assert result["per_sample"]["quantiles"] == "exact"
    g = g.ravel()
    norms = {"l1": np.abs(g).sum(), "l2": math.hypot(*g), "max_abs": np.abs(g).max()}
    agree(result["gradient"], {**naive(g), **norms}, float(np.abs(g).max()))
    signs = (w[:, np.newaxis] * slope).ravel()  # where g itself vanishes it has a sign all the same
    if case.bound.loss.aggregate in AS_A_WHOLE:
        signs = g * 2.0**900
    counts = {"positive": signs > 0, "negative": signs < 0, "zero": signs == 0}
    assert result["gradient"]["nonfinite"] == 0
    assert {name: result["gradient"][name] for name in counts} == {
        name: np.count_nonzero(there) for name, there in counts.items()
    }


AS_A_WHOLE = ("r2", "explained_variance", "median", "max")


def by_hand(
    case: Problem, w: Floats, value: Floats, slope: Floats, outputs: str
) -> tuple[float, Floats]:
    """Return L and its gradient (n × k), naively."""
    aggregate = case.bound.loss.aggregate
    mean = float((w * value).sum() / w.sum())
    g = w[:, np.newaxis] * slope / w.sum()
    if aggregate == "root":
        return math.sqrt(mean), g / (2.0 * math.sqrt(mean))
    if aggregate == "exp":
        return math.exp(mean), g * math.exp(mean)
    if aggregate == "ratio":
        size = np.abs(truth_of(case))
        per = (w * (size.sum(axis=1) if outputs == "sum" else size.mean(axis=1))).sum() / w.sum()
        return mean / per, g / per
    if aggregate in ("r2", "explained_variance"):
        y = truth_of(case)[:, 0]
        e = slope[:, 0] / 2.0
        if aggregate == "explained_variance":
            e = e - (w * e).sum() / w.sum()
        spread = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
        return 1.0 - (w * e * e).sum() / spread, (-2.0 * w * e / spread)[:, np.newaxis]
    if aggregate in ("median", "max"):
        at = value[w > 0.0].max()
        sides = [at]
        if aggregate == "median":
            order = np.argsort(value, kind="stable")
            reached = np.cumsum(w[order]) / w.sum()
            sides = [
                value[order][np.argmax(reached >= 0.5)],
                value[order][np.argmax(reached > 0.5)],
            ]
        g = np.zeros_like(slope)
        for side in sides:
            ties = (value == side) & (w > 0.0)
            g[ties] += slope[ties] / ties.sum() / len(sides)
        return float(np.mean(sides)), g
    return mean, g


def truth_of(case: Problem) -> Floats:
    """Return y as n × k numbers, a label one-hot."""
    if case.form == "labelled":
        return np.eye(len(CLASSES))[[CLASSES.index(label) for label in case.table["y"]]]
    return np.column_stack([case.table[f"y_{name[2:]}"] for name in case.predictions])


@every_problem
def test_worst_rows_are_by_contribution_and_ties_by_row_number(case: Problem) -> None:
    value, slope = scored(case)
    for weight, top in ((None, 5), ("w", 17), ("w", 1), (None, 1000)):
        w = np.ones(case.size) if weight is None else case.table["w"]
        result = case.evaluate(weight=weight, top=top)
        counted = np.flatnonzero(w > 0.0).tolist()
        order = sorted(counted, key=lambda row: (-w[row] * value[row], row))[:top]
        worst = result["worst"]
        assert [row["row"] for row in worst] == [at + 1 for at in order]
        assert [row["loss"] for row in worst] == value[order].tolist()
        assert [row["contribution"] for row in worst] == [
            w[at] * value[at] / result["weight"] for at in order
        ]
        assert [row["share"] for row in worst] == [
            w[at] * value[at] / result["sum"] if result["sum"] else None for at in order
        ]
        assert {row["file"] for row in worst} == {row["line"] for row in worst} == {None}
        assert worst[0]["pred"] == (
            [float(case.table[name][order[0]]) for name in case.predictions]
            if len(case.predictions) > 1
            else float(case.table["p_ant"][order[0]])
        )
        if case.form == "labelled":
            assert worst[0]["y"] == case.table["y"][order[0]]
        if case.bound.loss.aggregate == "mean":
            g = w[order[0]] * slope[order[0]] / result["weight"]
            assert np.ravel(worst[0]["gradient"]).tolist() == g.tolist()


def test_many_ties_over_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for rows in (1, 7, 64):
        monkeypatch.setattr(arrays, "ROWS", rows)
        yhat = rng.integers(0, 4, 500).astype(np.float64)
        report = lossctl.evaluate({"y": np.zeros(500), "yhat": yhat}, "mae", top=200, threads=2)
        wanted = sorted(range(500), key=lambda row: (-yhat[row], row))[:200]
        assert report.results[0].worst is not None
        assert [row.row for row in report.results[0].worst] == [row + 1 for row in wanted]


def test_no_worst_rows_and_no_summaries_where_nobody_asks() -> None:
    data = {"y": [0.0, 1.0], "yhat": [1.0, 1.0]}
    assert lossctl.evaluate(data, "mse", top=0).results[0].worst is None
    result = lossctl.evaluate(data, "mse", value_only=True).to_dict()["results"][0]
    assert (result["worst"], result["per_sample"], result["gradient"]) == (None, None, None)
    assert result["value"] == 0.5


def test_an_infinite_loss() -> None:
    data = {"y": [1.0, 0.0, 1.0, 0.0], "p": [0.0, 0.5, 0.25, 1.0]}
    result = lossctl.evaluate(data, "bce").to_dict()["results"][0]
    assert (result["value"], result["sum"], result["weight"]) == ("Infinity", "Infinity", 4.0)
    sample = result["per_sample"]
    assert sample["infinite"] == 2
    assert (sample["mean"], sample["std"], sample["max"]) == ("Infinity", "NaN", "Infinity")
    assert (sample["min"], sample["p50"]) == (-math.log(0.5), -math.log(0.25))
    gradient = result["gradient"]
    assert (gradient["min"], gradient["max"]) == ("-Infinity", "Infinity")
    assert (gradient["mean"], gradient["std"]) == ("NaN", "NaN")
    assert (gradient["l1"], gradient["l2"], gradient["max_abs"]) == ("Infinity",) * 3
    counts = [gradient[name] for name in ("positive", "negative", "zero", "nonfinite")]
    assert counts == [1, 1, 0, 2]
    worst = result["worst"]
    assert [row["row"] for row in worst] == [1, 4, 3, 2]
    assert [row["loss"] for row in worst[:2]] == ["Infinity", "Infinity"]
    assert [row["contribution"] for row in worst[:2]] == ["Infinity", "Infinity"]
    assert {row["share"] for row in worst} == {None}
    frame = lossctl.samples(data, "bce")
    assert frame["share"].isna().all()
    assert frame["contribution"].tolist()[0] == math.inf


def test_an_infinite_loss_of_weight_zero_counts_nothing() -> None:
    data = {"y": [1.0, 0.0], "p": [0.0, 0.5], "w": [0.0, 2.0]}
    result = lossctl.evaluate(data, "bce", weight="w").to_dict()["results"][0]
    assert result["value"] == -math.log(0.5)
    assert result["per_sample"]["infinite"] == 0
    assert result["per_sample"]["max"] == -math.log(0.5)
    assert result["gradient"]["nonfinite"] == 0
    # a row that counts nothing is not to blame
    assert [row["contribution"] for row in result["worst"]] == [-math.log(0.5)]


def test_shares_are_null_where_everything_is_right() -> None:
    data = {"y": [1.0, 2.0], "yhat": [1.0, 2.0]}
    for name in ("mae", "mse", "rmse"):
        result = lossctl.evaluate(data, name).to_dict()["results"][0]
        assert (result["value"], result["sum"]) == (0.0, 0.0)
        assert [row["share"] for row in result["worst"]] == [None, None]
        assert [row["contribution"] for row in result["worst"]] == [0.0, 0.0]
        assert lossctl.samples(data, name)["share"].isna().all()


def test_losses_that_hardly_differ() -> None:
    data = {"y": [0.0, 0.0], "yhat": [1.0, math.nextafter(1.0, 2.0)]}
    result = lossctl.evaluate(data, "mae").to_dict()["results"][0]
    assert result["per_sample"]["std"] == 2.0**-53
    for tiny in (5e-324, 1e-310):
        result = lossctl.evaluate({"y": [0.0, 0.0], "yhat": [0.0, tiny]}, "mae").results[0]
        assert result.value == tiny / 2


def test_the_sign_of_zero_does_not_depend_on_the_order() -> None:
    y = np.zeros(4)
    yhat = np.array([1.0, 2.0, 3.0, -4.0])
    w = np.array([0.0, 1.0, 0.0, 0.0])
    seen = set()
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [3, 0, 1, 2]):
        data = {"y": y[order], "yhat": yhat[order], "w": w[order]}
        result = lossctl.evaluate(data, "mse", weight="w").to_dict()["results"][0]
        seen.add(figures(result, "per_sample", "gradient"))
    assert len(seen) == 1
    assert "-0.0" not in seen.pop()


# Mini-batches


def divisible(case: Problem) -> bool:
    """Whether mini-batches of it have a value: not where that is the error of one row."""
    return case.bound.loss.aggregate not in ORDERED


def alone(case: Problem, size: int, weight: str | None) -> list[Any]:
    """Return the value of each mini-batch as if there were nothing else."""
    values: list[Any] = []
    for start in range(0, case.size, size):
        part = case.take(slice(start, start + size))
        try:
            values.append(part.evaluate(weight=weight)["value"])
        except InputError:  # all weights are zero, or y is constant
            values.append("NaN")
    return values


@pytest.mark.parametrize("case", [c for c in PROBLEMS if divisible(c)], ids=str)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_a_mini_batch_is_worth_what_it_is_alone(
    case: Problem, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == 1:
        case = case.take(slice(60))
    for weight in (None, "w"):
        wanted = alone(case, size, weight)
        whole = case.evaluate(weight=weight, batch_size=size)
        assert whole["batches"] == wanted
        assert whole["value"] == case.evaluate(weight=weight)["value"]
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "ROWS", 50)
            cut = case.evaluate(weight=weight, batch_size=size, threads=2)
        assert cut["batches"] == wanted
        assert figures(cut, "value", "sum", "per_sample", "gradient", "worst") == figures(
            whole, "value", "sum", "per_sample", "gradient", "worst"
        )


def test_mini_batches_with_an_infinite_loss() -> None:
    data = {"y": [1.0, 0.0, 1.0, 0.0], "p": [0.0, 0.5, 0.25, 0.5], "w": [1.0, 1.0, 0.0, 0.0]}
    for size, wanted in ((1, 4), (2, 2), (3, 2), (100, 1)):
        result = lossctl.evaluate(data, "bce", batch_size=size).to_dict()["results"][0]
        assert len(result["batches"]) == wanted
        assert result["batches"][0] == "Infinity"
    assert result["batches"] == ["Infinity"]
    result = lossctl.evaluate(data, "bce", weight="w", batch_size=2).to_dict()["results"][0]
    assert result["batches"] == ["Infinity", "NaN"]


@pytest.fixture(name="big", scope="module")
def _big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Floats]]:
    """Return a CSV file above the size at which blocks are parsed in parallel, and its columns."""
    rng = np.random.default_rng(5)
    n = 1500
    table = {
        "y": rng.normal(0.0, 100.0, n),
        "yhat": rng.normal(0.0, 100.0, n),
        "w": rng.gamma(1.0, 1.0, n),
    }
    path = tmp_path_factory.mktemp("laws") / "big.csv"
    note = "-" * 750
    with path.open("w", encoding="utf-8") as file:
        file.write("y,yhat,w,note\n")
        columns = (column.tolist() for column in table.values())
        file.writelines(f"{y!r},{p!r},{w!r},{note}\n" for y, p, w in zip(*columns, strict=True))
    assert path.stat().st_size > 1 << 20
    return path, table


@pytest.mark.parametrize("size", [1, 3, 64, 10**6])
@pytest.mark.parametrize("weight", [None, "w"])
def test_mini_batches_over_the_blocks_of_a_file(
    big: tuple[Path, dict[str, Floats]], size: int, weight: str | None
) -> None:
    path, table = big
    wanted = lossctl.evaluate(table, "mae,rmse", weight=weight, batch_size=size)
    for block_size, threads in ((10_000, 2), (123_457, 3), (1 << 20, 1)):
        found = lossctl.evaluate(
            str(path),
            "mae,rmse",
            weight=weight,
            batch_size=size,
            block_size=block_size,
            threads=threads,
        )
        for one, other in zip(found.results, wanted.results, strict=True):
            assert one.batches == other.batches
            assert one.value == other.value
            assert one.per_sample == other.per_sample
            assert one.gradient == other.gradient
    y, yhat, w = (column[:size] for column in table.values())
    w = w if weight else np.ones(len(y))
    first = (w * np.abs(yhat - y)).sum() / w.sum()
    assert wanted.results[0].batches is not None
    assert len(wanted.results[0].batches) == -(-len(table["y"]) // size)
    assert wanted.results[0].batches[0] == pytest.approx(first, rel=1e-12)


# JSON


def strict(text: str) -> Any:
    def refuse(literal: str) -> None:
        raise AssertionError(f"{literal} is no JSON")

    return json.loads(text, parse_constant=refuse)


@every_problem
def test_json_is_strict_and_keeps_every_bit(case: Problem) -> None:
    report = case.report(weight="w", batch_size=50 if divisible(case) else None)
    assert strict(report.to_json()) == report.to_dict()
    assert strict(report.to_json(indent=None)) == report.to_dict()
    assert report.to_dict()["results"][0]["value"] == report.value


def test_json_of_numbers_that_json_has_not() -> None:
    data = {"y": [1.0, 1.0, 0.0], "p": [0.0, 0.5, 1.0], "z": [-math.inf, 3.0, math.inf]}
    report = lossctl.evaluate(data, "bce:pred=p,bce_with_logits:pred=z", batch_size=1)
    text = report.to_json()
    first, second = strict(text)["results"]
    assert first["value"] == second["value"] == "Infinity"
    assert first["batches"] == ["Infinity", -math.log(0.5), "Infinity"]
    assert second["worst"][0]["pred"] == "-Infinity"
    assert second["worst"][1]["pred"] == "Infinity"
    assert second["gradient"]["nonfinite"] == 0
    for row in (first["per_sample"], first["gradient"]):
        assert not [x for x in row.values() if isinstance(x, float) and not math.isfinite(x)]
