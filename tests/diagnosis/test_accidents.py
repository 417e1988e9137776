"""Every accident that is planted is found, with its figures, its first row and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossctl

from .planted import binary, changed, classes, found, regression, repeated, series


def test_percent() -> None:
    table = binary()
    findings = found(changed(table, p=table["p"] * 100), y="y", pred="p")
    assert set(findings) == {"percent"}
    percent = findings["percent"]
    first = int(np.argmax(table["p"] * 100 > 1)) + 1
    assert (percent.severity, percent.evidence["row"]) == ("error", first)
    assert percent.evidence["outside"] == np.count_nonzero(table["p"] * 100 > 1)
    assert percent.evidence["high"] == (table["p"] * 100).max()


def test_percent_of_classes() -> None:
    table = classes()
    hundred = {name: x * 100 for name, x in table.items() if name.startswith("p_")}
    assert set(found({**table, **hundred}, y="y", pred="p_*")) == {"percent"}


def test_logits_under_a_name_that_says_probability() -> None:
    table = binary()
    findings = found(changed(table, p=table["logit_of_p"]), y="y", pred="p")
    assert set(findings) == {"logits"}
    assert "bce_with_logits" in findings["logits"].advice
    assert found(table, y="y", pred="logit_of_p") == {}


def test_logarithms_of_probabilities_are_not_taken_for_logits() -> None:
    table = binary()
    assert set(found(changed(table, p=np.log(table["p"])), y="y", pred="p")) == {"logarithms"}
    many = classes()
    logs = {name: np.log(x) for name, x in many.items() if name.startswith("p_")}
    assert set(found({**many, **logs}, y="y", pred="p_*")) == {"logarithms"}


def test_a_probability_just_above_1() -> None:
    table = binary()
    p = table["p"].copy()
    p[[17, 40]] = 1.0000001
    findings = found(changed(table, p=p), y="y", pred="p")
    assert set(findings) == {"overshoot"}
    assert (findings["overshoot"].evidence["outside"], findings["overshoot"].evidence["row"]) == (
        2,
        18,
    )


@pytest.mark.parametrize(
    ("no", "yes", "severity"),
    [(1.0, 2.0, "warning"), (-1.0, 1.0, "note"), (0.0, 100.0, "warning")],
)
def test_labels_that_are_not_0_and_1(no: float, yes: float, severity: str) -> None:
    table = binary()
    data = changed(table, y=np.where(table["y"] == 1, yes, no))
    findings = found(data, y="y", pred="p")
    assert set(findings) == {"labels"}
    labels = findings["labels"]
    assert (labels.severity, labels.evidence["labels"]) == (severity, [no, yes])
    assert f"--positive {yes:g}" in labels.advice
    # With that option the value is that of the labels 0 and 1.
    value = lossctl.evaluate(data, "bce", y="y", pred="p", positive=f"{yes:g}").value
    assert value == lossctl.evaluate(table, "bce", y="y", pred="p").value


def test_text_labels_name_the_one_that_counts_as_1() -> None:
    table = binary()
    # "benign" stands before "malignant", and "no" and "yes" too: order is not what tells.
    for one, zero in (("malignant", "benign"), ("a", "b")):
        findings = found(changed(table, y=np.where(table["y"] == 1, one, zero)), y="y", pred="p")
        assert set(findings) == {"labels"}
        assert findings["labels"].severity == "note"
        assert findings["labels"].advice.endswith(f"--positive {one}")


def test_three_labels_and_one_column() -> None:
    table = classes(k=3)
    findings = found({"y": table["y"], "p": table["p_a"]})
    assert set(findings) == {"labels"}
    assert findings["labels"].evidence["labels"] == 3


def test_reversed_probabilities() -> None:
    table = binary()
    findings = found(changed(table, p=1.0 - table["p"]), y="y", pred="p")
    assert set(findings) == {"reversed"}
    assert findings["reversed"].evidence["correlation"] < -0.3


def test_truth_and_prediction_swapped() -> None:
    table = binary()
    findings = found(table, y="p", pred="y")
    assert set(findings) == {"swapped"}
    assert findings["swapped"].advice == "change them over: -y y -p p"
    text = changed(table, y=np.where(table["y"] == 1, "yes", "no"))
    findings = found(text, y="p", pred="y")
    assert set(findings) == {"swapped"}
    assert findings["swapped"].advice == "lossctl doctor -y y -p p"


@pytest.mark.parametrize("column", ["y", "yhat"])
@pytest.mark.parametrize("size", [5, 400])
@pytest.mark.parametrize(("at", "words"), [((3,), "is no number: 'n.a.'"), ((1, 3), "are no")])
def test_a_few_cells_that_are_no_numbers(
    column: str, size: int, at: tuple[int, ...], words: str
) -> None:
    """One of them does not make the column text, and the columns are not swapped for it."""
    table = {name: [f"{x}" for x in cells[:size]] for name, cells in regression().items()}
    for row in at:
        table[column][row] = "n.a."
    findings = found(table, y="y", pred="yhat")
    assert set(findings) == {"stray"}
    stray = findings["stray"]
    assert words in stray.text
    assert stray.evidence == {
        "column": column,
        "strays": len(at),
        "cells": size,
        "row": at[0] + 1,
    }


def test_labels_of_which_most_are_numbers_are_labels() -> None:
    table = binary()
    y = [str(int(x)) for x in table["y"]]
    assert "stray" not in found({**table, "y": ["other", *y[1:]]}, y="y", pred="p")


@pytest.mark.parametrize("lag", [-1, 1])
@pytest.mark.parametrize("kind", ["regression", "binary", "logits", "text", "classes", "percent"])
def test_a_column_that_slipped_by_a_row(kind: str, lag: int) -> None:
    n = 3000
    table = (
        classes(n) if kind == "classes" else regression(n) if kind == "regression" else binary(n)
    )
    y = np.roll(table["y"], lag)
    pred = {"regression": "yhat", "logits": "logit_of_p", "classes": "p_*"}.get(kind, "p")
    if kind == "text":
        y = np.where(y == 1, "a", "b")
    if kind == "percent":
        table = changed(table, p=100 * table["p"])
    findings = found(changed(table, y=y), y="y", pred=pred)
    assert set(findings) - {"labels", "percent"} == {"shifted"}
    shifted = findings["shifted"]
    # What belonged to row i now stands in row i + lag.
    assert shifted.evidence["lag"] == lag
    assert shifted.evidence["correlation_there"] > 0.5 > shifted.evidence["correlation"]
    assert shifted.evidence["distance_there"] < shifted.evidence["distance"]


def test_a_file_that_was_joined_twice() -> None:
    table = regression()
    findings = found(repeated(table, np.arange(400)), y="y", pred="yhat")
    assert set(findings) == {"repeated rows"}
    evidence = findings["repeated rows"].evidence
    assert (evidence["rows"], evidence["block"]) == (400, 400)
    assert (evidence["row"], evidence["earlier_row"]) == (401, 1)


def test_a_block_that_was_copied_is_found_without_an_id() -> None:
    table = regression()
    del table["id"]
    findings = found(repeated(table, np.arange(100, 130)))
    assert set(findings) == {"repeated rows"}
    evidence = findings["repeated rows"].evidence
    assert (evidence["block"], evidence["row"], evidence["earlier_row"]) == (30, 401, 101)


def test_single_rows_that_came_twice_where_a_column_tells_rows_apart() -> None:
    findings = found(repeated(regression(), [7, 200]), y="y", pred="yhat")
    assert set(findings) == {"repeated rows"}
    assert findings["repeated rows"].evidence["rows"] == 2


def test_repeated_keys() -> None:
    table = regression()
    table["id"][[300, 301]] = 5
    findings = found(table, y="y", pred="yhat")
    assert set(findings) == {"repeated keys"}
    evidence = findings["repeated keys"].evidence
    assert (evidence["rows"], evidence["row"], evidence["earlier_row"]) == (2, 301, 6)
    two = changed(table, part=np.arange(400) // 100)
    assert found(two, y="y", pred="yhat", key=["id", "part"])["repeated keys"].evidence["rows"] == 1


def test_saturated_probabilities() -> None:
    table = binary()
    p = np.where(table["p"] > 0.9, 1.0, table["p"])
    wrong = np.flatnonzero((p == 1.0) & (table["y"] == 0.0))
    findings = found(changed(table, p=p), y="y", pred="p")
    assert set(findings) == {"saturated"}
    saturated = findings["saturated"]
    assert saturated.severity == "error"
    assert saturated.evidence["infinite"] == len(wrong)
    assert saturated.evidence["row"] == wrong[0] + 1
    right = np.where((p == 1.0) & (table["y"] == 0.0), 0.9, p)
    assert found(changed(table, p=right), y="y", pred="p")["saturated"].severity == "note"
    text = changed(table, p=p, y=np.where(table["y"] == 1, "yes", "no"))
    found_text = found(text, y="y", pred="p")
    assert found_text["saturated"].evidence["infinite"] == len(wrong)


def test_saturation_of_float32_is_named() -> None:
    table = binary(4000, spread=9.0)
    p = 1.0 / (1.0 + np.exp(-table["logit_of_p"].astype(np.float32)))
    finding = found(changed(table, p=p.astype(float)), y="y", pred="p")["saturated"]
    assert "float32" in finding.text


def test_saturated_classes() -> None:
    table = classes()
    p = {name: table[name].copy() for name in table if name.startswith("p_")}
    row = int(np.flatnonzero(table["y"] == "b")[3])
    p["p_a"][row] += p["p_b"][row]
    p["p_b"][row] = 0.0
    findings = found({**table, **p}, y="y", pred="p_*")
    assert set(findings) == {"saturated"}
    assert (findings["saturated"].evidence["infinite"], findings["saturated"].evidence["row"]) == (
        1,
        row + 1,
    )


def test_decisions_where_probabilities_are_due() -> None:
    table = binary()
    decided = np.where(table["p"] > 0.5, 1.0, 0.0)
    diagnosis = lossctl.doctor(changed(table, p=decided), y="y", pred="p")
    (finding,) = diagnosis.findings
    assert (finding.name, finding.severity) == ("decisions", "note")
    assert finding.evidence["wrong"] == np.count_nonzero(decided != table["y"])
    assert diagnosis.fits[0].spec == "zero_one"


def test_class_columns_in_another_order() -> None:
    table = classes()
    mixed = changed(table, p_a=table["p_c"], p_c=table["p_a"])
    findings = found(mixed, y="y", pred="p_*")
    assert set(findings) == {"class order"}
    assert findings["class order"].evidence["order"] == ["p_c", "p_b", "p_a", "p_d"]
    # Labels by position: the advice is a command, with which the value is the right one.
    positions = changed(mixed, y=np.array(["abcd".index(label) for label in table["y"]]))
    advice = found(positions, y="y", pred="p_*")["class order"].advice
    assert advice.endswith("-y y -p p_c,p_b,p_a,p_d")
    value = lossctl.evaluate(positions, "cce", y="y", pred="p_c,p_b,p_a,p_d").value
    assert value == lossctl.evaluate(table, "cce", y="y", pred="p_*").value


def test_class_columns_in_a_circle() -> None:
    table = classes()
    names = ["p_a", "p_b", "p_c", "p_d"]
    turned = {name: table[names[(at + 1) % 4]] for at, name in enumerate(names)}
    findings = found({**table, **turned}, y="y", pred="p_*")
    assert findings["class order"].evidence["order"] == ["p_d", "p_a", "p_b", "p_c"]


def test_labels_from_1() -> None:
    table = classes()
    numbers = np.array(["abcd".index(label) + 1 for label in table["y"]])
    findings = found(changed(table, y=numbers), y="y", pred="p_*")
    assert "from 1" in findings["labels"].text
    assert findings["labels"].evidence["rows"] == np.count_nonzero(numbers == 4)


def test_a_label_that_is_no_class() -> None:
    table = classes()
    y = table["y"].astype("<U9")
    y[9] = "other"
    findings = found(changed(table, y=y), y="y", pred="p_*")
    assert set(findings) == {"labels"}
    assert (findings["labels"].evidence["rows"], findings["labels"].evidence["row"]) == (1, 10)


def test_probabilities_that_do_not_sum_to_1() -> None:
    table = classes()
    findings = found(changed(table, p_a=table["p_a"] + 0.03), y="y", pred="p_*")
    assert set(findings) == {"sums", "overshoot"}
    assert findings["sums"].evidence["rows"] == 600
    low = {name: x * 0.9 for name, x in table.items() if name.startswith("p_")}
    sums = found({**table, **low}, y="y", pred="p_*")
    assert set(sums) == {"sums"}
    assert (sums["sums"].severity, sums["sums"].evidence["rows"]) == ("error", 600)
    near = {name: np.round(x, 4) for name, x in table.items() if name.startswith("p_")}
    assert found({**table, **near}, y="y", pred="p_*")["sums"].severity == "note"


def test_one_row_that_holds_nearly_all() -> None:
    table = regression()
    table["yhat"][123] += 1e5
    findings = found(table, y="y", pred="yhat")
    assert set(findings) == {"one row"}
    assert findings["one row"].evidence["row"] == 124
    e = (table["y"] - table["yhat"]) ** 2
    assert findings["one row"].evidence["share"] == pytest.approx(e.max() / e.sum(), rel=1e-12)


@pytest.mark.parametrize("column", ["y", "yhat"])
def test_constants(column: str) -> None:
    table = regression()
    findings = found({**table, column: np.full(400, 7.0)}, y="y", pred="yhat")
    assert set(findings) == {"constant"}
    assert findings["constant"].evidence["column"] == column


def test_truth_among_the_predictions() -> None:
    table = regression()
    findings = found(changed(table, yhat=table["y"]), y="y", pred="yhat")
    assert set(findings) == {"same"}
    assert findings["same"].evidence["rows"] == 400


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (lambda y: y / 1000, "multiply yhat by 1000"),
        (lambda y: y * 100, "divide yhat by 100"),
        (np.log, "take exp of yhat"),
        (np.log1p, "yhat"),
        (lambda y: (y - 50.0) / 10.0, "undo it"),
        (lambda y: 1.8 * y + 32.0 + 300.0, "y is about"),
        (lambda y: -y, "y is about"),
    ],
)
def test_predictions_in_another_unit(made: Callable[[Any], Any], advice: str) -> None:
    table = regression()
    y = np.abs(table["y"]) + 1.0
    near = np.abs(y + np.random.default_rng(5).normal(0.0, 1.0, 400)) + 1e-3
    findings = found(changed(table, y=y, yhat=made(near)), y="y", pred="yhat")
    assert set(findings) == {"unit"}
    assert advice in findings["unit"].advice
    assert findings["unit"].evidence["mse_after"] < findings["unit"].evidence["mse"] / 9


def test_predictions_whose_logarithm_is_meant() -> None:
    table = regression()
    y = table["y"] / 20
    findings = found(changed(table, y=y, yhat=np.exp(table["yhat"] / 20)), y="y", pred="yhat")
    assert findings["unit"].advice == "take the logarithm of yhat"


def test_missing_cells_are_counted() -> None:
    table = regression()
    table["y"][3] = np.nan
    table["y"][9] = np.inf
    diagnosis = lossctl.doctor(table, y="y", pred="yhat")
    (missing,) = diagnosis.findings
    assert (missing.name, missing.evidence["rows"], missing.evidence["row"]) == ("missing", 2, 4)
    assert (diagnosis.skipped, diagnosis.nonfinite) == (2, 1)
    assert all("--missing skip" in fit.command for fit in diagnosis.fits)


def test_weights() -> None:
    table = regression()
    w = np.ones(400)
    assert found(changed(table, w=w), y="y", pred="yhat", weight="w") == {}
    w[5] = -1.0
    negative = found(changed(table, w=w), y="y", pred="yhat", weight="w")["weights"]
    assert (negative.severity, negative.evidence["row"]) == ("error", 6)
    assert found(changed(table, w=0 * w), y="y", pred="yhat", weight="w")["weights"].text == (
        "w: all weights are 0"
    )


def test_a_forecast_that_slipped_is_found_where_the_series_is_not_smooth() -> None:
    table = series(0.0, n=2000)
    signal = np.random.default_rng(1).normal(size=2000)
    data = changed(table, y=signal + 0.5 * table["y"], yhat=np.roll(signal, 1))
    assert found(data, y="y", pred="yhat")["shifted"].evidence["lag"] == -1
