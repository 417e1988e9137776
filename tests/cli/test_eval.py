"""``lossctl eval``: its help, every option, every format, the shorthand."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import lossctl

from .program import HELP, SAMPLES, Run, validator, without_places

Write = Callable[..., Path]

DIABETES = SAMPLES / "diabetes.csv"
DIGITS = SAMPLES / "digits.csv"
WINE = SAMPLES / "wine.csv"
CANCER = SAMPLES / "breast_cancer.csv"
DICE = SAMPLES / "dice.csv"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mean(terms: list[float], weights: list[float] | None = None) -> float:
    """Return the exact mean of float64 numbers, rounded once."""
    shares = [Fraction(1)] * len(terms) if weights is None else [Fraction(w) for w in weights]
    total = sum((share * Fraction(term) for share, term in zip(shares, terms, strict=True)), 0)
    return float(Fraction(total) / sum(shares))


def squares(path: Path, y: str, yhat: str) -> list[float]:
    return [(float(row[yhat]) - float(row[y])) ** 2 for row in rows_of(path)]


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl eval --help > tests/cli/help/eval.txt."""
    done = run("eval", "--help")
    assert done.code == 0
    assert done.out == (HELP / "eval.txt").read_text(encoding="utf-8")
    assert run("eval", "-h").out == done.out


# Columns


@pytest.mark.parametrize(
    ("y", "pred"),
    [
        ("y", "yhat"),
        ("5", "6"),
        ("y", "6"),
        ("5", "yhat"),
        ("y", "yha?"),
        ("?", "yhat"),
    ],
    ids=str,
)
def test_columns_go_by_name_position_and_glob(run: Run, y: str, pred: str) -> None:
    done = run("eval", "mse", DIABETES, "-y", y, "-p", pred, "--json")
    assert done.result["value"] == mean(squares(DIABETES, "y", "yhat"))
    assert done.result["columns"] == {
        "y": ["y"],
        "pred": ["yhat"],
        "weight": None,
        "classes": None,
        "roles": None,
    }


def test_columns_are_guessed_from_their_names(run: Run, write: Write) -> None:
    path = write("id,Target,other,PREDICTED\n7,1,0,2\n8,3,0,5\n")
    assert run("eval", "mse", path, "--json").result["columns"]["pred"] == ["PREDICTED"]


def test_two_columns_need_no_names(run: Run, write: Write) -> None:
    assert run("eval", "mse", write("a,b\n1,2\n3,5\n"), "-q").out == "2.5\n"


def test_a_name_beats_a_position(run: Run, write: Write) -> None:
    path = write("y,yhat,1\n1,2,u\n3,5,v\n")
    results = run("eval", "mse", path, "--by", "1", "--json").report["results"]
    assert [result["group"] for result in results] == [{"1": "u"}, {"1": "v"}]


def test_a_list_of_columns_keeps_its_order(run: Run, write: Write) -> None:
    path = write('a,b,"c,d",e\n1,2,3,5\n')
    result = run("eval", "mse", path, "-y", 'a,"c,d"', "-p", "e,2", "--json").result
    assert result["columns"]["y"] == ["a", "c,d"]
    assert result["columns"]["pred"] == ["e", "b"]
    assert result["value"] == ((5 - 1) ** 2 + (2 - 3) ** 2) / 2


def test_a_glob_matches_truth_and_prediction_by_what_its_star_matched(
    run: Run, write: Write
) -> None:
    path = write("y_a,y_b,p_b,p_a\n1,2,3,5\n")
    result = run("eval", "mse", path, "-y", "y_*", "-p", "p_*", "--json").result
    assert result["columns"]["y"] == ["y_b", "y_a"]
    assert result["value"] == ((3 - 2) ** 2 + (5 - 1) ** 2) / 2


def test_the_star_of_a_glob_matches_any_text(run: Run, write: Write) -> None:
    path = write('c,"p_a\nb",p_c\nc,0.5,0.5\n')
    result = run("eval", "cce", path, "-y", "c", "-p", "p_*", "--json").result
    assert result["columns"]["classes"] == ["a\nb", "c"]


def test_weight(run: Run) -> None:
    done = run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "-w", "weight", "--json")
    weights = [float(row["weight"]) for row in rows_of(DIABETES)]
    assert done.result["columns"]["weight"] == "weight"
    assert done.result["weight"] == math.fsum(weights)
    assert done.result["value"] == mean(squares(DIABETES, "y", "yhat"), weights)


def test_a_row_of_weight_zero_counts_nothing(run: Run, write: Write) -> None:
    path = write("y,p,w\n1,0.5,1\n1,0,0\n")
    result = run("eval", "bce", path, "-w", "w", "--json").result
    assert result["value"] == pytest.approx(math.log(2), rel=1e-15)
    assert result["per_sample"]["infinite"] == 0


def test_specs_carry_their_own_columns(run: Run) -> None:
    done = run("eval", "bce:pred=prob,bce_with_logits:pred=logit", CANCER, "--json")
    assert [r["columns"]["pred"] for r in done.report["results"]] == [["prob"], ["logit"]]
    assert [r["columns"]["y"] for r in done.report["results"]] == [["label"], ["label"]]


def test_a_spec_may_hold_every_column_and_overrules_the_options(run: Run, write: Write) -> None:
    path = write('"a,1",b:2,c=3,w\n1,2,4,1\n3,5,9,3\n')
    done = run("eval", 'mse:y="a,1":pred="b:2":weight=w', path, "-p", "c=3", "--json")
    assert done.result["columns"] == {
        "y": ["a,1"],
        "pred": ["b:2"],
        "weight": "w",
        "classes": None,
        "roles": None,
    }
    assert done.result["value"] == (1 * 1 + 3 * 4) / 4


def test_parameters_and_names_fold_case_and_dashes(run: Run) -> None:
    spec = "BCE:EPS=1e-7,Bce-With-Logits:pred=logit:pos-weight=2"
    results = run("eval", spec, CANCER, "-p", "prob", "--json").report["results"]
    assert [r["loss"] for r in results] == ["bce", "bce_with_logits"]
    assert results[0]["params"]["eps"] == 1e-7
    assert results[1]["params"]["pos_weight"] == 2.0
    assert [r["spec"] for r in results] == ["bce:eps=1e-07", "bce_with_logits:pos_weight=2.0"]


def test_a_printed_spec_names_the_same_loss_again(run: Run) -> None:
    first = run("eval", "bce:eps=0.001:label-smoothing=0.1", CANCER, "-p", "prob", "--json").result
    again = run("eval", first["spec"], CANCER, "-p", "prob", "--json").result
    assert first == again


# Groups and mini-batches


def test_every_group_is_what_its_rows_alone_would_give(run: Run, write: Write) -> None:
    common = ("-y", "y", "-p", "yhat", "--json", "--top", "0")
    done = run("eval", "mse,rmse", DIABETES, "--by", "sex", "--by", "age_band", *common)
    rows = rows_of(DIABETES)
    groups = sorted({(row["sex"], row["age_band"]) for row in rows})
    results = done.report["results"]
    assert [tuple(r["group"].values()) for r in results] == [*groups, *groups]
    for result in results:
        own = [row for row in rows if result["group"].items() <= row.items()]
        text = "".join(f"{row['y']},{row['yhat']}\n" for row in own)
        alone = run("eval", result["spec"], write(f"y,yhat\n{text}"), *common).result
        for figure in ("n", "weight", "value", "sum", "per_sample", "gradient"):
            assert result[figure] == alone[figure]


def test_groups_take_lists_and_globs(run: Run) -> None:
    common = ("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--json")
    one_by_one = run(*common, "--by", "sex", "--by", "age_band").out
    assert run(*common, "--by", "sex,age_band").out == one_by_one
    by_glob = run(*common, "--by", "*_band").report["results"]
    assert by_glob[0]["group"].keys() == {"age_band"}


def test_groups_are_listed_numbers_first_and_as_numbers(run: Run, write: Write) -> None:
    path = write("y,yhat,g\n1,2,b\n1,2,10\n1,2,2\n1,2,a\n1,2,-1\n")
    results = run("eval", "mse", path, "--by", "g", "--json").report["results"]
    assert [result["group"]["g"] for result in results] == ["-1", "2", "10", "a", "b"]


def test_mini_batches_follow_the_file(run: Run) -> None:
    common = ("-y", "y", "-p", "yhat")
    batches = run("eval", "rmse", DIABETES, *common, "--batch-size", "100", "--json").result[
        "batches"
    ]
    terms = squares(DIABETES, "y", "yhat")
    assert len(batches) == 5
    for index, value in enumerate(batches):
        part = terms[100 * index : 100 * (index + 1)]
        assert value == pytest.approx(math.sqrt(mean(part)), rel=1e-15)
    assert run("eval", "rmse", DIABETES, *common, "--json").result["batches"] is None


def test_one_mini_batch_is_the_value(run: Run) -> None:
    common = ("-y", "y", "-p", "yhat", "-w", "weight", "--json")
    result = run("eval", "rmse", DIABETES, *common, "--batch-size", "442").result
    assert result["batches"] == [result["value"]]


# Rows and labels


def test_outputs_sum_is_k_times_the_mean(run: Run) -> None:
    common = ("eval", "mse", DIABETES, "-y", "y,y,y", "-p", "q*", "--json")
    assert run(*common).result["value"] * 3 == pytest.approx(
        run(*common, "--outputs", "sum").result["value"], rel=1e-15
    )


def test_the_sum_over_outputs_is_the_mini_batch_form(run: Run, write: Write) -> None:
    path = write("a,b,p,q\n0,0,3,4\n0,0,1,0\n")
    done = run("eval", "mse", path, "-y", "a,b", "-p", "p,q", "--outputs", "sum", "-q")
    assert done.out == "13.0\n"  # (25 + 1) / 2


MISSING = "y,yhat\n1,2\n,4\n3,5\n2,NA\n2,inf\n"


def test_a_missing_cell_is_an_error_that_says_where_and_how_many(run: Run, write: Write) -> None:
    done = run("eval", "mse", write(MISSING))
    assert done.code == 3
    assert done.out == ""
    assert ":3: y: a missing value, and 3 rows in all." in done.err
    assert "--missing skip" in done.err


def test_missing_skip_leaves_rows_out_and_counts_them(run: Run, write: Write) -> None:
    path = write(MISSING)
    report = run("eval", "mse", path, "--missing", "skip", "--json").report
    assert report["results"][0]["value"] == 2.5
    assert report["input"] == {
        "files": [str(path)],
        "rows": 5,
        "skipped": 3,
        "nonfinite": 1,
        "truth": None,
    }
    assert [row["row"] for row in report["results"][0]["worst"]] == [3, 1]
    assert "3 rows skipped" in run("eval", "mse", path, "--missing", "skip").out


def test_positive_names_the_label_that_counts(run: Run, write: Write) -> None:
    path = write("y,p\nspam,0.75\nham,0.5\neggs,0.5\n")
    done = run("eval", "bce", path, "--positive", "spam", "--json")
    expected = mean([-math.log(0.75), -math.log(0.5), -math.log(0.5)])
    assert done.result["value"] == pytest.approx(expected, rel=1e-15)
    assert {row["y"] for row in done.result["worst"]} == {"spam", "ham", "eggs"}
    refused = run("eval", "bce", path)
    assert refused.code == 3
    assert "--positive 'spam'" in refused.err


def test_true_and_false_are_labels(run: Run, write: Write) -> None:
    path = write("y,p\nTRUE,0.5\nfalse,0.5\n1,0.5\n")
    assert float(run("eval", "bce", path, "-q").out) == pytest.approx(math.log(2))


def test_class_weights_multiply_the_weight_of_a_row(run: Run) -> None:
    rows = rows_of(WINE)
    weights = [{"barolo": 2.0, "grignolino": 0.5}.get(row["cultivar"], 1.0) for row in rows]
    terms = [-math.log(float(row[f"p_{row['cultivar']}"])) for row in rows]
    done = run(
        *("eval", "cce", WINE, "-y", "cultivar", "-p", "p_*"),
        *("--class-weight", "barolo=2,grignolino=0.5", "--json"),
    )
    assert done.result["weight"] == sum(weights)
    assert done.result["value"] == pytest.approx(mean(terms, weights), rel=1e-14)


def test_class_weights_multiply_with_row_weights(run: Run, write: Write) -> None:
    path = write("y,p,w\n1,0.5,2\n0,0.25,3\n")
    done = run("eval", "bce", path, "-w", "w", "--class-weight", "1=10", "--json").result
    assert done["weight"] == 23.0
    expected = mean([math.log(2), -math.log(0.75)], [20.0, 3.0])
    assert done["value"] == pytest.approx(expected, rel=1e-15)


def test_ignore_leaves_rows_out_and_counts_them(run: Run) -> None:
    done = run("eval", "cce", DIGITS, "-y", "digit", "-p", "p_*", "--ignore", "3", "--json")
    rows = rows_of(DIGITS)
    kept = [row for row in rows if row["digit"] != "3"]
    assert done.result["touched"]["ignored"] == len(rows) - len(kept)
    assert done.result["n"] == len(kept)
    expected = mean([-math.log(float(row[f"p_{row['digit']}"])) for row in kept])
    assert done.result["value"] == pytest.approx(expected, rel=1e-14)


UNEVEN = "c,p_a,p_b\na,0.2,0.6\nb,0.5,0.5\n"


def test_normalize_rescales_and_counts(run: Run, write: Write) -> None:
    path = write(UNEVEN)
    refused = run("eval", "cce", path, "-y", "c", "-p", "p_*")
    assert refused.code == 3
    assert ":2: " in refused.err
    assert "--normalize" in refused.err
    result = run("eval", "cce", path, "-y", "c", "-p", "p_*", "--normalize", "--json").result
    assert result["touched"]["normalized"] == 1
    assert result["value"] == pytest.approx(mean([math.log(4), math.log(2)]), rel=1e-15)
    table = run("eval", "cce", path, "-y", "c", "-p", "p_*", "--normalize").out
    assert "cce: 1 rows normalized" in table


def test_shares_that_miss_1_by_little_are_used_and_noted(run: Run, write: Write) -> None:
    path = write("c,p_a,p_b\na,0.3333,0.6666\nb,0.5,0.5\n")
    done = run("eval", "cce", path, "-y", "c", "-p", "p_*", "-q")
    assert done.code == 0
    assert done.err.startswith("note: p_a…p_b: 1 of 2 rows sum to 1 only within 1e-2")
    assert len(done.lines) == 1


# Files and how they are read


@pytest.mark.parametrize(
    ("mark", "option"), [(";", ";"), ("\t", "tab"), ("\t", r"\t"), ("|", "|"), ("~", "~")]
)
def test_delimiter(run: Run, write: Write, mark: str, option: str) -> None:
    path = write("y,yhat\n1,2\n3,5\n".replace(",", mark))
    assert run("eval", "mse", path, "-q", "-d", option).out == "2.5\n"


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_read_off_the_header(run: Run, write: Write, mark: str) -> None:
    path = write("y,yhat,z\n1,2,9\n3,5,9\n".replace(",", mark))
    assert run("eval", "mse", path, "-q").out == "2.5\n"


def test_a_suffix_tells_the_delimiter(run: Run, write: Write) -> None:
    path = write("y,1\tyhat,1\n1\t2\n3\t5\n", name="preds.TSV")
    assert run("eval", "mse", path, "-q").out == "2.5\n"


def test_input_format_holds_whatever_the_name_says(run: Run, write: Write) -> None:
    tabs = write("y,1\tyhat,1\n1\t2\n3\t5\n", name="preds.csv")
    assert run("eval", "mse", tabs, "-q", "--input-format", "tsv").out == "2.5\n"


def test_input_format_csv_holds_for_a_tsv_name(run: Run, write: Write) -> None:
    commas = write("y,yhat\n1,2\n3,5\n", name="preds.tsv")
    assert run("eval", "mse", commas, "-q", "--input-format", "csv").out == "2.5\n"


def test_no_header(run: Run, write: Write) -> None:
    path = write("1,2,7\n3,5,7\n")
    done = run("eval", "mse", path, "--no-header", "-y", "1", "-p", "2", "--json")
    assert done.result["value"] == 2.5
    assert done.result["n"] == 2
    assert done.result["worst"][0]["line"] == 2
    refused = run("eval", "mse", path, "-y", "1", "-p", "2")
    assert refused.code == 3
    assert "--no-header" in refused.err


def test_files_are_one_data_set(run: Run, write: Write) -> None:
    one = write("y,yhat\n1,2\n", name="one.csv")
    two = write("y,yhat\n3,5\n", name="two.csv")
    report = run("eval", "mse", one, two, "--json").report
    assert report["input"] == {
        "files": [str(one), str(two)],
        "rows": 2,
        "skipped": 0,
        "nonfinite": 0,
        "truth": None,
    }
    worst = report["results"][0]["worst"]
    assert [(row["row"], row["file"], row["line"]) for row in worst] == [
        (2, str(two), 2),
        (1, str(one), 2),
    ]


def test_files_of_other_columns_are_refused_by_name(run: Run, write: Write) -> None:
    one = write("y,yhat\n1,2\n", name="one.csv")
    two = write("y,pred\n3,5\n", name="two.csv")
    done = run("eval", "mse", one, two)
    assert done.code == 3
    assert str(one) in done.err
    assert str(two) in done.err


def test_standard_input_by_dash_and_by_default(run: Run) -> None:
    data = b"y,yhat\n1,2\n3,5\n"
    assert run("eval", "mse", "-q", stdin=data).out == "2.5\n"
    assert run("eval", "mse", "-", "-q", stdin=data).out == "2.5\n"
    assert run("eval", "mse", "--json", stdin=data).report["input"]["files"] == ["<stdin>"]


def test_threads_make_no_difference(run: Run, big: Path) -> None:
    one = run("eval", "mse,rmse", big, "--json", "--threads", "1").out
    assert run("eval", "mse,rmse", big, "--json", "--threads", "3").out == one


# What is printed


def test_top(run: Run) -> None:
    common = ("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--json")
    worst = run(*common, "--top", "7").result["worst"]
    terms = squares(DIABETES, "y", "yhat")
    order = sorted(range(len(terms)), key=lambda i: (-terms[i], i))[:7]
    assert [row["row"] - 1 for row in worst] == order
    assert [row["loss"] for row in worst] == [terms[i] for i in order]
    assert len(run(*common).result["worst"]) == 5
    assert run(*common, "--top", "0").result["worst"] is None


GATES: list[tuple[tuple[str, ...], int]] = [
    (("--max", "2.5"), 0),
    (("--max", "2.4999"), 1),
    (("--min", "2.5"), 0),
    (("--min", "2.5001"), 1),
    (("--min", "2", "--max", "3"), 0),
    (("--min", "-1", "--max", "1e0"), 1),
]


@pytest.mark.parametrize(("gate", "code"), GATES, ids=str)
def test_a_gate_tells_by_its_exit_code(
    run: Run, write: Write, gate: tuple[str, ...], code: int
) -> None:
    done = run("eval", "mse", write("y,yhat\n1,2\n3,5\n"), "-q", *gate)
    assert done.code == code
    assert done.out == "2.5\n"
    assert bool(done.err) == bool(code)
    if code:
        assert done.err.startswith("gate failed: mse is 2.5, ")


@pytest.mark.parametrize("flag", ["--max", "--min"])
def test_a_line_is_a_number(run: Run, write: Write, flag: str) -> None:
    done = run("eval", "mse", write("y,yhat\n1,2\n"), "-q", flag, "nan")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"lossctl: {flag} must be a number, got nan")


def test_a_gate_holds_every_group(run: Run, write: Write) -> None:
    path = write("y,yhat,g\n1,1,a\n1,4,b\n")
    done = run("eval", "mse", path, "--by", "g", "-q", "--max", "5")
    assert (done.code, done.out, done.err) == (
        1,
        "0.0\n9.0\n",
        "gate failed: mse [b] is 9.0, above max 5\n",
    )
    assert run("eval", "mse", path, "-q", "--max", "5").code == 0


def test_an_infinite_value_fails_every_gate(run: Run, write: Write) -> None:
    path = write("y,p\n1,0\n")
    for gate in (("--max", "inf"), ("--min", "0"), ("--max", "1e308")):
        done = run("eval", "bce", path, "-q", *gate)
        assert (done.code, done.out) == (1, "inf\n")
    assert run("eval", "bce", path, "-q").code == 0


def test_a_failed_gate_still_writes_the_output(run: Run, write: Write, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = run("eval", "mse", write("y,yhat\n1,9\n"), "--json", "-o", out, "--max", "1")
    assert done.code == 1
    assert json.loads(out.read_text())["results"][0]["value"] == 64.0


def test_a_gate_is_for_one_loss(run: Run, write: Write) -> None:
    path = write("y,yhat\n1,2\n")
    assert run("eval", "mse,mae", path, "--max", "1").code == 2
    # told before anything is read
    assert run("eval", "mse,mae", "absent.csv", "--max", "1").code == 2


def test_value_prints_bare_numbers(run: Run, write: Write) -> None:
    path = write("y,yhat\n1,2\n3,6\n")
    assert run("eval", "mse,mae,rmse", path, "-q").lines == ["5.0", "2.0", repr(math.sqrt(5))]
    assert run("eval", "mse,mae,rmse", path, "--value").lines[2] == repr(math.sqrt(5))


def test_precision_rounds_tables_and_bare_values_and_nothing_else(run: Run, write: Write) -> None:
    path = write("y,yhat\n1,2\n3,6\n")
    assert run("eval", "rmse", path, "-q", "--precision", "3").out == "2.24\n"
    assert run("eval", "rmse", path, "-q", "--precision", "17").out == f"{math.sqrt(5):.17g}\n"
    assert "2.2\n" not in run("eval", "rmse", path, "--precision", "3").out
    assert " 2.24 " in run("eval", "rmse", path, "--precision", "3").out
    for form in ("json", "jsonl", "csv", "tsv"):
        rounded = run("eval", "rmse", path, "-f", form, "--precision", "3").out
        assert rounded == run("eval", "rmse", path, "-f", form).out
        assert repr(math.sqrt(5)) in rounded


def test_output_goes_to_the_file(run: Run, write: Write, tmp_path: Path) -> None:
    path = write("y,yhat\n1,2\n3,5\n")
    out = tmp_path / "value.txt"
    done = run("eval", "mse", path, "-q", "-o", out)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert out.read_text() == "2.5\n"
    assert run("eval", "mse", path, "-q", "-o", "-").out == "2.5\n"


def test_json_is_short_for_the_format(run: Run) -> None:
    common = ("eval", "mse,mae", DIABETES, "-y", "y", "-p", "yhat")
    assert run(*common, "--json").out == run(*common, "-f", "json").out
    assert run(*common, "-f", "JSON").out == run(*common, "-f", "json").out


def test_json_lines_are_the_results(run: Run) -> None:
    common = ("eval", "mse,mae", DIABETES, "-y", "y", "-p", "yhat", "--by", "sex")
    lines = run(*common, "-f", "jsonl").records
    assert lines == run(*common, "--json").report["results"]
    for line in lines:
        validator(closed=True, part="result").validate(line)


@pytest.mark.parametrize(("form", "mark"), [("csv", ","), ("tsv", "\t")])
def test_csv_has_a_row_for_every_result(run: Run, form: str, mark: str) -> None:
    common = ("eval", "mse,mae", DIABETES, "-y", "y", "-p", "yhat", "--by", "sex")
    rows = list(csv.DictReader(io.StringIO(run(*common, "-f", form).out), delimiter=mark))
    results = run(*common, "--json").report["results"]
    assert len(rows) == len(results) == 4
    for row, result in zip(rows, results, strict=True):
        assert row["loss"] == result["spec"]
        assert row["sex"] == result["group"]["sex"]
        assert (row["y"], row["pred"]) == ("y", "yhat")
        assert int(row["n"]) == result["n"]
        for name in ("weight", "value", "sum"):
            assert float(row[name]) == result[name]
        for name in ("mean", "std", "min", "p05", "p50", "p95", "max"):
            assert float(row[f"loss_{name}"]) == result["per_sample"][name]
            assert float(row[f"gradient_{name}"]) == result["gradient"][name]
        assert float(row["gradient_l1"]) == result["gradient"]["l1"]
        assert float(row["gradient_l2"]) == result["gradient"]["l2"]


@pytest.mark.parametrize("text", ["a,b", 'a"b', "a\nb", "a\rb", "a\tb", " a ", "-1", "서울"])
def test_csv_gives_names_back_as_they_were(run: Run, write: Write, text: str) -> None:
    cells = io.StringIO()
    csv.writer(cells, quoting=csv.QUOTE_ALL).writerows([["y", "yhat", text], ["1", "2", text]])
    path = write(cells.getvalue())
    for form, mark in (("csv", ","), ("tsv", "\t")):
        done = run("eval", "mse", path, "--by", "3", "-f", form)
        head, row = csv.reader(io.StringIO(done.out, newline=""), delimiter=mark)
        assert dict(zip(head, row, strict=True))[text.strip()] == text


def test_csv_keeps_a_group_apart_from_the_figures(run: Run, write: Write) -> None:
    done = run("eval", "mse", write("y,yhat,value\n1,2,u\n"), "--by", "value", "-f", "csv")
    head, row = csv.reader(io.StringIO(done.out))
    assert len(head) == len(set(head))
    assert {"u", "1.0"} <= set(row)


def test_the_value_alone_is_the_value_of_the_report(run: Run) -> None:
    common = ("eval", "mse,rmse,mae", DIABETES, "-y", "y", "-p", "yhat", "-w", "weight")
    values = [float(line) for line in run(*common, "-q").lines]
    assert values == [result["value"] for result in run(*common, "--json").report["results"]]


# The report and the library

CASES: list[tuple[str, Path, dict[str, Any], list[str]]] = [
    ("mse,rmse,mae", DIABETES, {"y": "y", "pred": "yhat"}, ["-y", "y", "-p", "yhat"]),
    (
        "mse",
        DIABETES,
        {"y": "y", "pred": "yhat", "weight": "weight", "by": ["sex", "age_band"], "top": 2},
        ["-y", "y", "-p", "yhat", "-w", "weight", "--by", "sex", "--by", "age_band", "--top", "2"],
    ),
    (
        "bce:pred=prob,bce_with_logits:pred=logit",
        CANCER,
        {"y": "label", "batch_size": 100, "class_weight": {"0": 2.0}},
        ["-y", "label", "--batch-size", "100", "--class-weight", "0=2"],
    ),
    ("cce", WINE, {"y": "cultivar", "pred": "p_*"}, ["-y", "cultivar", "-p", "p_*"]),
    (
        "bce,mse",
        WINE,
        {"y": "cultivar", "pred": "p_*", "outputs": "sum", "ignore": "barbera"},
        ["-y", "cultivar", "-p", "p_*", "--outputs", "sum", "--ignore", "barbera"],
    ),
    (
        "cce,cce_with_logits:pred=z_*",
        DIGITS,
        {"y": "digit", "pred": "p_*", "normalize": True},
        ["-y", "digit", "-p", "p_*", "--normalize"],
    ),
    ("entropy:base=2", DICE, {"pred": "fair"}, ["-p", "fair"]),
    ("cross_entropy", DICE, {"y": "fair", "pred": "loaded"}, ["-y", "fair", "-p", "loaded"]),
]


@pytest.mark.parametrize(
    ("losses", "path", "options", "flags"),
    CASES,
    ids=[f"{losses}-{path.stem}" for losses, path, _, _ in CASES],
)
def test_the_library_gives_the_same_report(
    run: Run, losses: str, path: Path, options: dict[str, Any], flags: list[str]
) -> None:
    done = run("eval", losses, path, *flags, "--json")
    assert (done.code, done.err) == (0, "")
    assert lossctl.evaluate(str(path), losses, **options).to_json() + "\n" == done.out
    assert lossctl.evaluate([path], losses, **options).to_json() + "\n" == done.out
    polars = pl.read_csv(path)
    arrays = {name: polars[name].to_numpy() for name in polars.columns}
    lists = {name: polars[name].to_list() for name in polars.columns}
    tables: list[Any] = [polars, pd.DataFrame(lists), arrays, lists]
    for table in tables:
        report = lossctl.evaluate(table, losses, **options)
        assert without_places(report.to_dict()) == without_places(done.report)


def test_a_report_of_infinite_values_follows_the_schema(run: Run, write: Write) -> None:
    done = run("eval", "bce", write("y,p\n1,0\n0,0.5\n"), "--batch-size", "1", "--json")
    result = done.result
    assert result["value"] == result["sum"] == "Infinity"
    assert result["per_sample"]["std"] == "NaN"
    assert result["gradient"]["min"] == "-Infinity"
    assert result["batches"] == ["Infinity", pytest.approx(math.log(2))]
    assert [row["share"] for row in result["worst"]] == [None, None]


# The shorthand and near misses


def test_the_first_word_that_is_no_command_is_a_loss(run: Run, write: Write) -> None:
    path = write("y,yhat\n1,2\n3,5\n")
    assert run("mse", path).out == run("eval", "mse", path).out
    assert run("mse", path, "-q").out == "2.5\n"
    assert run("-q", "mse", path).out == "2.5\n"
    assert run("--json", "mse", path).out == run("eval", "mse", path, "--json").out
    assert run("mse,mae", "-q", path, "--by", "y").lines == ["1.0", "4.0", "1.0", "2.0"]


MISSES = [
    (("eval", "msee"), "lossctl: unknown loss 'msee': did you mean mse?"),
    (("eval", "ems"), "lossctl: unknown loss 'ems': did you mean mse?"),
    (("eval", "logg_loss"), "lossctl: unknown loss 'logg_loss': did you mean log_loss?"),
    (("evl", "mse"), "Or the command 'eval'?"),
    (("smaples", "mse"), "Or the command 'samples'?"),
    (("eval", "zzzz"), "run 'lossctl losses' for the list"),
    (("eval", "mse:delta=2"), "mse has no parameter 'delta'; it has y, pred, weight"),
    (("eval", "bce:epss=2"), "bce has no parameter 'epss'; it has label_smoothing, eps, y, "),
    (("eval", "mse", "--wieght", "w"), "--weight"),
]


@pytest.mark.parametrize(("words", "said"), MISSES, ids=lambda value: str(value)[:30])
def test_near_misses_say_what_was_meant(
    run: Run, write: Write, words: tuple[str, ...], said: str
) -> None:
    done = run(*words, write("y,yhat\n1,2\n"))
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_column_that_is_not_there_is_told_with_those_that_are(run: Run, write: Write) -> None:
    path = write("truth,guess\n1,2\n")
    done = run("eval", "mse", path, "-y", "trth", "-p", "guess")
    assert done.code == 3
    assert done.err == (
        f"{path}: there is no column 'trth' (did you mean 'truth'?); the columns are truth, guess\n"
    )


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("a,b,c", "which column is the truth y? Use -y; the columns are a, b, c"),
        ("y,target,p", "which column is the truth y? y, target could be; use -y"),
        ("y,p,pred", "which column is the prediction ŷ? p, pred could be; use -p"),
        ("y,id", "which column is the prediction ŷ? Use -p"),
    ],
)
def test_columns_that_cannot_be_guessed_are_asked_for(
    run: Run, write: Write, header: str, said: str
) -> None:
    done = run("eval", "mse", write(f"{header}\n1,2,3\n"))
    assert (done.code, done.out) == (3, "")
    assert said in done.err


def test_an_error_names_the_file_and_the_line(run: Run, write: Write) -> None:
    path = write("y,p\n1,0.5\n0,1.7\n")
    done = run("eval", "bce", path)
    assert done.code == 3
    assert done.err.startswith(f"{path}:3: p: p must be in [0, 1], got 1.7. Logits?")


def test_a_name_that_is_no_utf8_is_no_obstacle(run: Run, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"pr\xffeds.csv")
    path.write_bytes(b"y\xff,yhat,g\xfe\n1,2,a\n3,5,a\n")
    common = ("eval", "mse", path, "-y", "1", "-p", "2", "--by", "3")
    report = run(*common, "--json").report
    assert report["input"]["files"] == [str(path)]  # JSON spells the byte \udcff
    assert report["results"][0]["value"] == 2.5
    for form in ("table", "jsonl", "csv", "tsv", "markdown"):
        done = run(*common, "-f", form)
        assert (done.code, done.err) == (0, "")
        assert "2.5" in done.out  # and all of it is UTF-8


def test_what_only_the_whole_input_tells_names_file_and_column(run: Run, write: Write) -> None:
    idle = write("y,yhat,w\n1,2,0\n3,5,0\n")
    for command in ("eval", "samples"):
        done = run(command, "mse", idle, "-w", "w")
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith(f"{idle}: w: all weights are zero; ")
    half = write("p\n0.2\n0.3\n", name="half.csv")
    done = run("eval", "entropy", half)
    assert (done.code, done.out) == (3, "")
    assert done.err == f"{half}: p: a distribution must sum to 1; p sums to 0.5\n"


def test_gradients_beyond_float64_are_told_as_no_numbers(run: Run, write: Write) -> None:
    path = write("y,p\n36,1e308\n22,1e308\n")
    gradient = run("eval", "explained_variance", path, "--json").result["gradient"]
    assert gradient["mean"] == gradient["p50"] == "NaN"
    assert gradient["nonfinite"] == 2
