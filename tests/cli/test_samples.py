"""``lossctl samples``: its help, its columns, every format, every option."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import lossctl

from .program import HELP, SAMPLES, Outcome, Run

Write = Callable[..., Path]

DIABETES = SAMPLES / "diabetes.csv"
DIGITS = SAMPLES / "digits.csv"
WINE = SAMPLES / "wine.csv"
CANCER = SAMPLES / "breast_cancer.csv"
DICE = SAMPLES / "dice.csv"

TINY = "y,yhat,note\n1,2,first\n3,5,second\n"


def table(done: Outcome, mark: str = ",") -> list[dict[str, str]]:
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out), delimiter=mark))


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl samples --help > tests/cli/help/samples.txt."""
    done = run("samples", "--help")
    assert done.code == 0
    assert done.out == (HELP / "samples.txt").read_text(encoding="utf-8")


# Columns


def test_one_row_out_for_one_row_in(run: Run, write: Write) -> None:
    done = run("samples", "mse", write(TINY))
    assert done.out == (
        "row,y,yhat,loss,contribution,share,gradient\n"
        "1,1.0,2.0,1.0,0.5,0.2,1.0\n"
        "2,3.0,5.0,4.0,2.0,0.8,2.0\n"
    )
    assert done.err == ""


def test_several_files_are_told_apart(run: Run, write: Write) -> None:
    one, two = write("y,yhat\n1,2\n", "one.csv"), write("y,yhat\n3,5\n4,4\n", "two.csv")
    rows = table(run("samples", "mse", one, two))
    assert [(row["row"], row["file"]) for row in rows] == [
        ("1", str(one)),
        ("2", str(two)),
        ("3", str(two)),
    ]


def test_the_weight_is_a_column_and_counts(run: Run) -> None:
    rows = table(run("samples", "mse", DIABETES, "-y", "y", "-p", "yhat", "-w", "weight"))
    assert list(rows[0]) == [
        *("row", "y", "yhat", "weight", "loss", "contribution", "share", "gradient")
    ]
    total = math.fsum(float(row["weight"]) for row in rows)
    for row in rows:
        weighted = float(row["weight"]) * float(row["loss"])
        assert float(row["contribution"]) == pytest.approx(weighted / total, rel=1e-14)


def test_k_outputs_have_a_gradient_for_every_class(run: Run) -> None:
    rows = table(run("samples", "cce", WINE, "-y", "cultivar", "-p", "p_*"))
    names = ["barolo", "grignolino", "barbera"]
    assert list(rows[0])[1:5] == ["cultivar", *(f"p_{name}" for name in names)]
    assert list(rows[0])[-3:] == [f"gradient_{name}" for name in names]
    for row in rows:
        label = row["cultivar"]
        p = float(row[f"p_{label}"])
        assert float(row["loss"]) == pytest.approx(-math.log(p), rel=1e-14)
        for name in names:
            expected = -1 / p / len(rows) if name == label else 0.0
            assert float(row[f"gradient_{name}"]) == pytest.approx(expected, rel=1e-14)


def test_a_distribution_down_a_column_is_not_averaged(run: Run) -> None:
    rows = table(run("samples", "entropy:base=2", DICE, "-p", "fair"))
    assert len(rows) == 6
    for row in rows:
        assert row["contribution"] == row["loss"]
        assert float(row["share"]) == pytest.approx(1 / 6, rel=1e-15)


def test_keep_passes_input_columns_through(run: Run, write: Write) -> None:
    path = write('y,yhat,note,z\n1,2,"a, ""b""",NA\n3,5,서울,\n')
    rows = table(run("samples", "mse", path, "--keep", "note,z"))
    assert [(row["note"], row["z"]) for row in rows] == [('a, "b"', "NA"), ("서울", "")]
    assert list(rows[0])[-2:] == ["note", "z"]
    twice = run("samples", "mse", path, "--keep", "note", "--keep", "z")
    assert table(twice) == rows
    assert list(table(run("samples", "mse", path, "--keep", "*"))[0])[-2:] == ["note", "z"]


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("row,yhat", ("-y", "row")),
        ("y,loss", ("-p", "loss")),
        ("y,yhat,share", ("--keep", "share")),
        ("y,yhat,gradient", ("-w", "gradient")),
    ],
)
def test_no_column_of_the_input_is_lost(
    run: Run, write: Write, header: str, options: tuple[str, ...]
) -> None:
    cells = ["11.5", "12.5", "13.5"][: header.count(",") + 1]
    done = run("samples", "mse", write(f"{header}\n{','.join(cells)}\n"), *options)
    if done.code == 0:  # or else refused
        assert {"1", *cells} <= set(done.lines[1].split(","))
    else:
        assert (done.code, done.out) == (2, "")


def test_shares_that_miss_1_by_little_are_noted(run: Run, write: Write) -> None:
    path = write("c,p_a,p_b\na,0.3333,0.6666\n")
    done = run("samples", "cce", path, "-y", "c", "-p", "p_*")
    assert done.err.startswith("note: p_a…p_b: 1 of 1 rows")


def test_nothing_is_blamed_where_the_total_is_zero_or_infinite(run: Run, write: Write) -> None:
    perfect = table(run("samples", "mse", write("y,yhat\n1,1\n3,3\n")))
    assert [row["share"] for row in perfect] == ["", ""]
    path = write("y,p\n1,0\n0,0.5\n")
    endless = table(run("samples", "bce", path))
    assert [row["share"] for row in endless] == ["", ""]
    assert [row["contribution"] for row in endless] == ["inf", repr(math.log(2) / 2)]
    lines = run("samples", "bce", path, "-f", "jsonl").records
    assert lines[0]["loss"] == lines[0]["contribution"] == "Infinity"
    assert lines[0]["gradient"] == "-Infinity"
    assert [line["share"] for line in lines] == [None, None]


# Options that decide which rows count, and how


def test_outputs_sum(run: Run, write: Write) -> None:
    path = write("a,b,p,q\n0,0,3,4\n0,0,1,0\n")
    common = ("samples", "mse", path, "-y", "a,b", "-p", "p,q")
    assert [row["loss"] for row in table(run(*common))] == ["12.5", "0.5"]
    assert [row["loss"] for row in table(run(*common, "--outputs", "sum"))] == ["25.0", "1.0"]
    assert list(table(run(*common))[0])[-2:] == ["gradient_p", "gradient_q"]


def test_rows_keep_their_numbers_where_others_are_left_out(run: Run, write: Write) -> None:
    path = write("y,yhat\n1,2\n,9\n3,5\n")
    assert run("samples", "mse", path).code == 3
    rows = table(run("samples", "mse", path, "--missing", "skip"))
    assert [row["row"] for row in rows] == ["1", "3"]
    assert [row["share"] for row in rows] == ["0.2", "0.8"]
    labels = write("y,p\n1,0.5\n2,0.5\n0,0.5\n")
    rows = table(run("samples", "bce", labels, "--ignore", "2"))
    assert [row["row"] for row in rows] == ["1", "3"]


def test_labels_are_what_the_file_holds(run: Run, write: Write) -> None:
    path = write("y,p\nspam,0.75\nham,0.5\n")
    rows = table(run("samples", "bce", path, "--positive", "spam", "--class-weight", "spam=3"))
    assert [row["y"] for row in rows] == ["spam", "ham"]
    assert float(rows[0]["contribution"]) == pytest.approx(3 * -math.log(0.75) / 4)


def test_normalize(run: Run, write: Write) -> None:
    path = write("c,p_a,p_b\na,0.2,0.6\n")
    assert run("samples", "cce", path, "-y", "c", "-p", "p_*").code == 3
    rows = table(run("samples", "cce", path, "-y", "c", "-p", "p_*", "--normalize"))
    assert float(rows[0]["loss"]) == pytest.approx(math.log(4), rel=1e-15)


def test_how_the_input_is_read(run: Run, write: Write) -> None:
    expected = "1.0,2.0,1.0,0.5,0.2,1.0"
    cases: list[tuple[str, str, tuple[str, ...]]] = [
        ("y~yhat\n1~2\n3~5\n", "a.csv", ("-d", "~")),
        ("1,2\n3,5\n", "b.csv", ("--no-header",)),
        ("y\tyhat\n1\t2\n3\t5\n", "c.csv", ("--input-format", "tsv")),
        ("y,yhat\n1,2\n3,5\n", "d.csv", ("--threads", "2")),
    ]
    for text, name, options in cases:
        done = run("samples", "mse", write(text, name), *options)
        assert done.lines[1] == f"1,{expected}", options


# Formats


def test_the_formats_agree(run: Run, tmp_path: Path) -> None:
    common = ("samples", "mse", DIABETES, "-y", "y", "-p", "yhat", "--keep", "sex")
    rows = table(run(*common))
    assert table(run(*common, "-f", "tsv"), "\t") == rows
    lines = run(*common, "-f", "jsonl").records
    out = tmp_path / "samples.parquet"
    assert run(*common, "-f", "parquet", "-o", out).code == 0
    frame = pl.read_parquet(out)
    assert frame.columns == list(rows[0]) == list(lines[0])
    for row, line, cells in zip(rows, lines, frame.iter_rows(named=True), strict=True):
        assert line == cells
        for name, cell in row.items():
            value = cells[name]
            assert (type(value)(cell)) == value


def test_numbers_are_spelled_as_short_as_they_come_back(run: Run, write: Write) -> None:
    draws = [0.1, 1 / 3, 1e300, 5e-324, 123456789.123, 1e22, 1e-5, -0.0, 2.0**-1074 * 3]
    text = "".join(f"0,{x!r}\n" for x in draws)
    path = write(f"y,yhat\n{text}")
    by_csv = table(run("samples", "mae", path))
    by_json = run("samples", "mae", path, "-f", "jsonl").records
    for x, row, line in zip(draws, by_csv, by_json, strict=True):
        assert math.copysign(1.0, float(row["yhat"])) == math.copysign(1.0, x)
        assert float(row["yhat"]) == line["yhat"] == x
        assert float(row["loss"]) == line["loss"] == abs(x)
        digits = len(repr(abs(x)).partition("e")[0].replace(".", "").strip("0"))
        shown = row["yhat"].lstrip("-").lower().partition("e")[0].replace(".", "").strip("0")
        assert len(shown) <= max(digits, 1)


def test_a_number_is_spelled_one_way_whatever_the_size(run: Run, big: Path, write: Write) -> None:
    lines = big.read_text().splitlines()
    few = write("\n".join(lines[:200]) + "\n")
    wanted = [(row["row"], row["yhat"], row["loss"]) for row in table(run("samples", "mae", few))]
    rows = table(run("samples", "mae", big))[: len(wanted)]
    assert [(row["row"], row["yhat"], row["loss"]) for row in rows] == wanted


def test_the_suffix_of_the_output_is_its_format(run: Run, write: Write, tmp_path: Path) -> None:
    path = write(TINY)
    for form in ("csv", "tsv", "jsonl", "parquet"):
        named, told = tmp_path / f"a.{form}", tmp_path / "b"
        assert run("samples", "mse", path, "-o", named).code == 0
        assert run("samples", "mse", path, "-o", told, "-f", form).code == 0
        assert named.read_bytes() == told.read_bytes()
    odd = tmp_path / "a.dat"
    assert run("samples", "mse", path, "-o", odd).code == 0
    assert odd.read_text().startswith("row,y,")


def test_top_gives_the_rows_that_cost_the_most(run: Run) -> None:
    common = (DIABETES, "-y", "y", "-p", "yhat", "-w", "weight")
    rows = table(run("samples", "mse", *common, "--top", "9"))
    everything = table(run("samples", "mse", *common))
    order = sorted(everything, key=lambda row: (-float(row["contribution"]), int(row["row"])))
    assert rows == order[:9]
    worst = run("eval", "mse", *common, "--top", "9", "--json").result["worst"]
    assert [int(row["row"]) for row in rows] == [row["row"] for row in worst]
    for row, other in zip(rows, worst, strict=True):
        for name in ("loss", "contribution", "share", "gradient"):
            assert float(row[name]) == other[name]
    assert len(table(run("samples", "mse", *common, "--top", "9999"))) == len(everything)


def test_top_of_ties_goes_by_row(run: Run, write: Write) -> None:
    path = write("y,yhat\n" + "0,1\n" * 10)
    assert [row["row"] for row in table(run("samples", "mse", path, "--top", "3"))] == [
        *("1", "2", "3")
    ]


def test_a_table_is_for_the_top_rows(run: Run, write: Write) -> None:
    path = write(TINY)
    done = run("samples", "mse", path, "--top", "2", "-f", "table", "--keep", "note")
    assert done.lines == [
        "row  y  yhat  loss  contribution  share  gradient    note",
        "  2  3     5     4             2    0.8         2  second",
        "  1  1     2     1           0.5    0.2         1   first",
    ]
    refused = run("samples", "mse", path, "-f", "table")
    assert refused.code == 2
    assert "--top" in refused.err


def test_precision_rounds_the_table_only(run: Run, write: Write) -> None:
    path = write("y,yhat\n0,0.123456789\n")
    common = ("samples", "mae", path, "--top", "1", "--precision", "3")
    assert " 0.123 " in run(*common, "-f", "table").out
    assert "0.123456789" in run(*common, "-f", "csv").out


def test_output(run: Run, write: Write, tmp_path: Path) -> None:
    path, out = write(TINY), tmp_path / "out.csv"
    done = run("samples", "mse", path, "-o", out)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert out.read_bytes() == run("samples", "mse", path).raw


def test_the_output_may_be_the_input(run: Run, write: Write) -> None:
    path = write(TINY)
    expected = run("samples", "mse", path).raw
    assert run("samples", "mse", path, "-o", path).code == 0
    assert path.read_bytes() == expected


# The two passes, and the library


def test_a_pipe_is_read_twice_all_the_same(run: Run) -> None:
    options = ("-y", "y", "-p", "yhat")
    by_name = run("samples", "mse", DIABETES, *options)
    assert run("samples", "mse", *options, stdin=DIABETES.read_bytes()).raw == by_name.raw


def test_one_loss_only(run: Run, write: Write) -> None:
    done = run("samples", "mse,mae", write(TINY))
    assert (done.code, done.err) == (2, "lossctl: samples takes one loss, got 2\n")


def test_the_library_gives_the_same_table(run: Run) -> None:
    done = run("samples", "mse", DIABETES, "-y", "y", "-p", "yhat", "--keep", "sex", "-f", "jsonl")
    frame = lossctl.samples(DIABETES, "mse", y="y", pred="yhat", keep=["sex"])
    assert frame.to_dict("records") == done.records


def test_a_name_that_is_no_utf8_is_no_obstacle(run: Run, write: Write, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"pr\xffeds.csv")
    odd.write_bytes(b"y,yhat\n1,2\n")
    other = write("y,yhat\n3,5\n")
    lines = run("samples", "mse", odd, other, "-f", "jsonl").records
    assert [line["file"] for line in lines] == [str(odd), str(other)]  # JSON spells it \udcff
    for options in ((), ("-f", "tsv"), ("-f", "parquet"), ("-f", "table", "--top", "1")):
        done = run("samples", "mse", odd, other, *options)
        assert (done.code, done.err) == (0, "")
