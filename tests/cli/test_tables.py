"""Tables for people and Markdown: numbers whole, columns aligned, text of the input only text."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import lossctl
from lossctl.gates import Lines
from lossctl.renderers import render
from lossctl.renderers.bars import EIGHTHS, bar
from lossctl.renderers.look import BLOCKS, Look, sparkline
from lossctl.renderers.markdown import escape

from .program import SAMPLES, Outcome, Run

Write = Callable[..., Path]

DIABETES = SAMPLES / "diabetes.csv"
DIGITS = SAMPLES / "digits.csv"
STATISTICS = ("mean", "std", "min", "p05", "p50", "p95", "max")
COUNTS = ("positive", "negative", "zero")

HOSTILE = [
    "[red]red[/red]",
    "[link=https://example.org]click[/link]",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    ":smile:",
    "a|b",
    r"a\|b",
    "<script>alert(1)<script>",
    "<!-- gone -->",
    "`code`",
    "**bold** _it_ ~~no~~",
    "![i](j)",
    "&amp;",
    "two\nlines",
    "over\rwritten",
    "back\bspace",
    "tab\tbed",
    "\u202eright to left",
    "line\u2028separated",
    "next\x85line",
    "# title",
    "##[error]boom",
    "##vso[task.complete result=Failed;]",
    "##teamcity[testFailed name='x']",
    "$\\frac{1}{2}$",
]


def printable(text: str) -> str:
    """Return the text as it may be shown: one visible mark for what is not printable."""
    shown = "".join(char if char.isprintable() else "�" for char in text)
    return re.sub(r"##(?=(vso|teamcity)?\[)", "#�", shown)


def csv_text(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue()


def tokens(text: str) -> set[str]:
    return set(re.split(r"[\s,;:\[\]]+", text))


def numbers_of(report: dict[str, Any], precision: int) -> set[str]:
    """Return every number that a table of the report shows, as it is to be spelled."""
    found: list[float | int] = []
    for result in report["results"]:
        found += [result["value"], result["n"]]
        found += [result["per_sample"][name] for name in STATISTICS]
        found += [result["gradient"][name] for name in (*STATISTICS, "l1", "l2", *COUNTS)]
        found += [row["loss"] for row in result["worst"]]
    return {str(x) if isinstance(x, int) else f"{x:.{precision}g}" for x in found}


def cells(line: str) -> list[str]:
    """Return the line as the cells of a terminal: a wide character takes two, a mark none."""
    laid: list[str] = []
    for char in line:
        if cell_len(char) == 0:
            laid[-1] += char
        else:
            laid += [char] * cell_len(char)
    return laid


def assert_right_edge(lines: list[str], name: str) -> None:
    """Every line has a character in the last cell of the column of that name, and a gap after."""
    head, *rows = lines
    word = re.search(rf"(?<!\S){re.escape(name)}(?!\S)", head)
    assert word
    edge = cell_len(head[: word.end()]) - 1
    assert rows
    for row in rows:
        laid = cells(row)
        assert laid[edge] != " ", row
        assert edge + 1 == len(laid) or laid[edge + 1] == " ", row


def block(done: Outcome, first_word: str) -> list[str]:
    """Return the lines of the table whose header begins with a word."""
    lines = done.lines
    start = next(at for at, line in enumerate(lines) if line.split()[:1] == [first_word])
    stop = next((at for at in range(start, len(lines)) if not lines[at]), len(lines))
    return lines[start:stop]


# Numbers

LOSSES = "mse,mae,rmse,mse:pred=q10,mae:pred=q90,rmse:pred=yhat_boosting"


@pytest.mark.parametrize("losses", ["mse", "mse,mae,rmse", LOSSES])
@pytest.mark.parametrize("precision", [3, 6, 17])
@pytest.mark.parametrize("width", [60, 80, 200, None])
def test_no_number_is_wrapped_or_cut(
    run: Run, monkeypatch: pytest.MonkeyPatch, width: int | None, precision: int, losses: str
) -> None:
    if width is None:
        monkeypatch.delenv("COLUMNS")
    else:
        monkeypatch.setenv("COLUMNS", str(width))
    common = ("eval", losses, DIABETES, "-y", "y", "-p", "yhat", "-w", "weight")
    done = run(*common, "--precision", precision)
    report = run(*common, "--json").report
    assert numbers_of(report, precision) <= tokens(done.out)
    # only names may be too long: of the file, and of the columns behind a value
    figures = [line for line in done.table[1:] if "ŷ =" not in line]
    assert max(map(cell_len, figures)) <= (width or 80)


@pytest.mark.parametrize("width", [60, 200])
def test_the_columns_of_a_figure_table_end_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = run("eval", "mse,mae", DIABETES, "-y", "y", "-p", "yhat")
    at = next(at for at, line in enumerate(done.lines) if line.split() == ["mse", "mae"])
    rows = [line for line in done.lines[at + 1 : at + 24] if re.search(r"\d$", line)]
    assert len(rows) == 19
    assert_right_edge([done.lines[at], *rows], "mse")
    assert_right_edge([done.lines[at], *rows], "mae")
    assert_right_edge(block(done, "loss"), "value")
    assert_right_edge(block(done, "loss"), "n")


def test_worst_rows_keep_loss_and_share_where_it_is_narrow(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("eval", "mse", DIABETES, "-y", "y", "-p", "yhat")
    shown = {}
    for width in (40, 48, 60, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = block(run(*common), "worst")
        shown[width] = lines[0].split()[3:]
        assert_right_edge(lines, "loss")
        assert_right_edge(lines, "share")
    assert shown[200] == ["line", "y", "ŷ", "loss", "share", "gradient"]
    assert shown[60] == ["line", "y", "ŷ", "loss", "share"]
    assert shown[48] == ["line", "y", "loss", "share"]
    assert shown[40] == ["line", "loss", "share"]


def test_infinite_values(run: Run, write: Write) -> None:
    done = run("eval", "bce", write("y,p\n1,0\n0,0.5\n1,1\n"), "--batch-size", "1")
    assert block(done, "loss")[1].split() == ["bce", "inf", "3"]
    worst = block(done, "worst")
    assert worst[1].split() == ["1", "2", "1", "0", "inf", "–", "-inf"]
    assert_right_edge(worst, "share")
    assert "  infinite ℓ             1" in done.lines
    assert done.table[-1] == "bce of 3 mini-batches: inf ██▁ 0"


def test_a_perfect_prediction_blames_nobody(run: Run, write: Write) -> None:
    done = run("eval", "mse", write("y,yhat\n1,1\n2,2\n"))
    assert block(done, "worst")[1].split() == ["1", "2", "1", "1", "0", "–", "0"]


def test_k_outputs(run: Run) -> None:
    done = run("eval", "cce,bce", DIGITS, "-y", "digit", "-p", "p_*", "--top", "3")
    assert done.lines[0] == f"{DIGITS}: 1797 rows; y = digit, ŷ = p_0 … p_9"
    report = run("eval", "cce,bce", DIGITS, "-y", "digit", "-p", "p_*", "--top", "3", "--json")
    assert numbers_of(report.report, 6) <= tokens(done.out)


def test_many_groups_have_a_line_each(run: Run, write: Write) -> None:
    rows = "".join(f"{i},{i + i % 7},group {i % 300:03}\n" for i in range(900))
    path = write(f"y,yhat,g\n{rows}")
    lines = block(run("eval", "mse,mae", path, "--by", "g"), "loss")
    assert len(lines) == 1 + 2 * 300
    for name in ("value", "n", "p50", "p95", "max"):
        assert_right_edge(lines, name)


def test_groups_of_losses_with_columns_of_their_own(run: Run) -> None:
    done = run(
        *("eval", "mse:pred=yhat,mse:pred=q50", DIABETES, "-y", "y"),
        *("--by", "sex", "--by", "age_band"),
    )
    lines = block(done, "loss")
    assert lines[0].split() == [
        *("loss", "sex", "age_band", "value", "n", "p50", "p95", "max", "columns")
    ]
    assert sum("ŷ = yhat" in line for line in lines) == 8
    assert sum("ŷ = q50" in line for line in lines) == 8
    assert_right_edge(lines, "max")


def test_mini_batches_are_a_line_that_fits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        common = ("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--batch-size", "3")
        line = run(*common).table[-1]
        batches = run(*common, "--json").result["batches"]
        before, first, marks, last = re.fullmatch(  # type: ignore[union-attr]  # it matches
            r"(mse of 148 mini-batches: )(\S+) (\S+) (\S+)", line
        ).groups()
        assert (first, last) == (f"{batches[0]:.6g}", f"{batches[-1]:.6g}")
        assert set(marks) <= set(BLOCKS)
        assert len(before + first + marks + last) <= width


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((), ""),
        ((0.0, 7.0), "▁█"),
        ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), BLOCKS),
        ((5.0, 5.0), "▁▁"),
        ((0.0, math.inf, math.nan, 7.0), "▁█ █"),
        ((math.inf, math.nan), ""),
        ((-1.7e308, 0.0, 1.7e308), "▁▅█"),
        ((0.0, 1e-300), "▁█"),
    ],
)
def test_sparkline(values: tuple[float, ...], line: str) -> None:
    assert sparkline(values) == line


def test_a_number_that_is_not_there() -> None:
    assert Look().number(None) == "–"


# Text of the input


WIDE = ["서울", "부산광역시", "🙂🙂", "ab", "e\u0301", "漢字かな", "naïve"]


def test_wide_names_stay_aligned(run: Run, write: Write) -> None:
    text = csv_text([["정답", "예측", "그룹"], *[["1", "2", name] for name in WIDE]])
    path = write(text, "예측 🙂.csv")
    done = run("eval", "mse", path, "--by", "그룹")
    assert done.lines[0] == f"{path}: {len(WIDE)} rows; y = 정답, ŷ = 예측"
    lines = block(done, "loss")
    for name in ("value", "n", "p50", "p95", "max"):
        assert_right_edge(lines, name)
    assert {line.split()[1] for line in lines[1:]} == set(WIDE)
    table = run("samples", "mse", path, "--top", "9", "-f", "table", "--keep", "그룹").lines
    assert_right_edge(table, "gradient")
    assert_right_edge(table, "그룹")


def test_wide_labels_stay_aligned(run: Run, write: Write) -> None:
    head = ["label", *(f"p_{name}" for name in WIDE)]
    share = [str(1 / len(WIDE))] * len(WIDE)
    path = write(csv_text([head, *[[name, *share] for name in WIDE]]))
    done = run("eval", "cce", path, "-p", "p_*", "--top", "7")
    lines = block(done, "worst")
    for name in ("y", "loss", "share"):
        assert_right_edge(lines, name)


def test_long_names_are_cut_and_numbers_are_not(run: Run, write: Write) -> None:
    long = "한" * 40
    path = write(csv_text([["y", "yhat", long], ["1", "2.25", "x" * 500]]))
    done = run("eval", "mse", path, "--by", long)
    head, row = block(done, "loss")
    assert "…" in head
    assert "…" in row
    assert "1.5625" in row.split()
    assert_right_edge([head, row], "value")


def shown_safely(text: str) -> bool:
    """Whether a terminal would only print it, and a CI service only keep it."""
    commands = re.search(r"##(vso|teamcity)?\[|^\s*::", text, re.MULTILINE)
    return commands is None and all(char == "\n" or char.isprintable() for char in text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_only_text_in_tables(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    column = f"c {text}"
    rows = [["y", column, "g", "note"], ["1", "2", text, text], ["3", "5", text, "x"]]
    path = write(csv_text(rows), f"f{text.replace('/', '')}.csv")
    monkeypatch.chdir(path.parent)
    name = path.name
    visible = printable(text)
    done = run("eval", "mse", name, "-p", column)
    assert done.code == 0, done.err
    assert shown_safely(done.out)
    assert done.lines[0] == f"{printable(name)}: 2 rows; y = y, ŷ = {shortened(column)}"
    grouped = run("eval", "mse", name, "-p", column, "--by", "g", "--batch-size", "1")
    assert shown_safely(grouped.out)
    assert shortened(text) in block(grouped, "loss")[1]
    assert grouped.table[-1].startswith(f"mse [{shortened(text)}] of 2 mini-batches: ")
    several = run("eval", "mse", name, name, "-p", column, "--top", "4")
    assert shown_safely(several.out)
    assert all(f"{printable(name)}:" in line for line in block(several, "worst")[1:])
    table = run(
        *("samples", "mse", name, "-p", column, "--top", "2", "-f", "table", "--keep", "note")
    )
    assert shown_safely(table.out)
    assert len(table.lines) == 3
    assert table.lines[2].endswith(visible if cell_len(visible) <= 28 else "…")


def shortened(text: str) -> str:
    """Return a name as a table shows it."""
    shown = printable(text)
    if cell_len(shown) <= 28:
        return shown
    while cell_len(shown) >= 28:
        shown = shown[:-1]
    return f"{shown}…"


def test_no_line_begins_as_a_workflow_command_does(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("y,yhat\n1,2\n", "::error file=x::boom.csv")
    monkeypatch.chdir(path.parent)
    assert run("eval", "mse", path.name).lines[0].startswith("./::error")
    for args in ((path.name, "-y", "z"), ("::warning::absent.csv",), (path.name, path.name)):
        done = run("eval", "mse", *args)
        assert shown_safely(done.out)
        assert shown_safely(done.err)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_labels_are_only_text(run: Run, write: Write, text: str) -> None:
    path = write(csv_text([["label", text, "b"], [text, "0.5", "0.5"]]))
    done = run("eval", "cce", path, "-p", "2,3")
    assert shown_safely(done.out)
    assert shortened(text) in block(done, "worst")[1]
    markdown = markdown_tables(run("eval", "cce", path, "-p", "2,3", "-f", "markdown").out)
    assert markdown[1][1][1] == printable(text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_only_text_in_messages(run: Run, write: Write, text: str) -> None:
    column = f"c {text}"
    path = write(csv_text([["y", column], ["1", text]]))
    for args in (
        ("eval", "mse", path, "-p", column),
        ("eval", "mse", path, "-p", text),
        ("eval", text, path),
        ("eval", "mse", text),
        ("eval", "mse", path, "--missing", text),
        ("eval", "bce", path, "-p", column, "--positive", text),
    ):
        done = run(*args)
        assert done.code in (2, 3)
        assert shown_safely(done.err)
        assert done.err.count("\n") == 1
        assert done.out == ""
    uneven = write(csv_text([["y", text, "b"], ["b", "0.2", "0.80001"]]))
    done = run("eval", "cce", uneven, "-p", "2,3", "-q")
    assert done.err.startswith("note: ")
    assert shown_safely(done.err)
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_only_text_in_a_notebook(text: str) -> None:
    data = {"y": [1.0], "yhat": [2.0], "g": [text]}
    html = lossctl.evaluate(data, "mse", by="g")._repr_html_()
    assert "<script>" not in html
    assert "<!--" not in html


# Markdown


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Return the pipe tables of a text, cell by cell and without escapes."""
    tables: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            tables.append([])
            inside = True
        assert line.endswith(" |")
        row = [part.strip() for part in re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]]
        tables[-1].append([re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell) for cell in row])
    for head, rule, *rows in tables:
        assert all(re.fullmatch(r":---|---:", cell) for cell in rule)
        for row in (rule, *rows):
            assert len(row) == len(head)
    return [[head, *rows] for head, _, *rows in tables]


def test_markdown_has_the_values_and_the_worst_rows(run: Run) -> None:
    common = ("eval", "mse,rmse", DIABETES, "-y", "y", "-p", "yhat")
    done = run(*common, "-f", "markdown")
    report = run(*common, "--json").report
    values, *worst = markdown_tables(done.out)
    assert values[0] == ["loss", "value", "n", "mean ℓ", "p95 ℓ", "max ℓ", "‖g‖₂"]
    for row, result in zip(values[1:], report["results"], strict=True):
        sample, gradient = result["per_sample"], result["gradient"]
        figures = [sample["mean"], sample["p95"], sample["max"], gradient["l2"]]
        assert row[:3] == [result["spec"], f"{result['value']:.6g}", str(result["n"])]
        assert row[3:] == [f"{figure:.6g}" for figure in figures]
    assert len(worst) == 2
    for table, result in zip(worst, report["results"], strict=True):
        assert table[0] == ["row", "y", "ŷ", "ℓ", "share"]
        for row, wrong in zip(table[1:], result["worst"], strict=True):
            assert row == [
                f"{wrong['file']}:{wrong['line']}",
                f"{wrong['y']:.6g}",
                f"{wrong['pred']:.6g}",
                f"{wrong['loss']:.6g}",
                f"{wrong['share']:.2%}",
            ]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_only_text_in_markdown(run: Run, write: Write, text: str) -> None:
    path = write(csv_text([["y", "yhat", f"g {text}"], ["1", "2", text]]))
    done = run("eval", "mse", path, "--by", "3", "-f", "markdown")
    ((head, row),) = markdown_tables(done.out)
    assert head[1] == printable(f"g {text}")
    assert row[1] == printable(text)
    assert shown_safely(done.out)
    assert not re.search(r"(?<!\\)[<`*\[]", done.out)
    named = write("y,yhat\n1,2\n", text.replace("/", ""))
    worst = markdown_tables(run("eval", "mse", named, "-f", "markdown").out)[1]
    assert worst[1][0] == f"{printable(str(named))}:2"


def test_markdown_escapes_what_it_must() -> None:
    assert escape(r"a|b\c") == r"a\|b\\c"
    assert escape("plain words 1.5") == "plain words 1.5"


def test_infinite_values_in_markdown(run: Run, write: Write) -> None:
    done = run("eval", "bce", write("y,p\n1,0\n"), "-f", "markdown")
    values, worst = markdown_tables(done.out)
    assert values[1][1] == "inf"
    assert worst[1][-2:] == ["inf", ""]


# Bars of groups


GROUPS = "y,yhat,g\n0,4,a\n0,2,b\n0,1,c\n0,0,d\n"


def bars_of(done: Outcome) -> list[str]:
    """Return what stands between value and n, group by group."""
    lines = block(done, "loss")
    start, stop = (lines[0].index(name) + len(name) for name in ("value", "n"))
    return [line[start:stop].rstrip("0123456789").strip() for line in lines[1:]]


def test_groups_have_bars_from_0_to_the_largest_of_their_loss(run: Run, write: Write) -> None:
    done = run("eval", "mae,mse", write(GROUPS), "--by", "g")
    assert bars_of(done) == [
        *("██████████", "█████", "██▌", ""),
        *("██████████", "██▌", "▋", ""),
    ]


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e-3, 0.1, 0.5, 0.99, 1.0])
def test_a_bar_is_as_long_as_its_share(value: float) -> None:
    for largest in (1.0, 3.5, 1e300):
        drawn = bar(value * largest, largest)
        eighths = sum(EIGHTHS.index(char) + 1 for char in drawn)
        assert abs(eighths - 80 * value) <= (0.5 if value > 1 / 160 else 1)
        assert bool(drawn) == (value > 0.0)
        assert set(drawn[:-1]) <= {"█"}


def test_the_bar_of_an_infinite_value_has_no_end(run: Run, write: Write) -> None:
    path = write("y,p,g\n1,0,a\n1,0.5,b\n1,0.25,c\n")
    assert bars_of(run("eval", "bce", path, "--by", "g")) == ["█████████…", "█████", "██████████"]
    only = write("y,p,g\n1,0,a\n1,0,b\n")
    assert bars_of(run("eval", "bce", only, "--by", "g")) == ["█████████…"] * 2


@pytest.mark.parametrize(
    ("losses", "text"),
    [
        ("r2", "y,yhat,g\n1,1,a\n2,3,a\n1,1,b\n2,2,b\n"),  # more is better
        ("mean_bias", "y,yhat,g\n1,2,a\n1,3,b\n"),  # neither is
        ("poisson_nll", "y,yhat,g\n2,2,a\n9,9,b\n"),  # below 0
        ("mse", "y,yhat,g\n1,2,a\n2,4,a\n"),  # nothing beside it
    ],
)
def test_no_bars_where_length_says_nothing(run: Run, write: Write, losses: str, text: str) -> None:
    done = run("eval", losses, write(text), "--by", "g")
    assert set("".join(bars_of(done))) == set()
    assert block(done, "loss")[0].split() == ["loss", "g", "value", "n", "p50", "p95", "max"]


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "jsonl", "markdown"])
def test_bars_are_for_tables_only(run: Run, write: Write, form: str) -> None:
    done = run("eval", "mae", write(GROUPS), "--by", "g", "-f", form)
    assert not set(EIGHTHS) & set(done.out)


def test_bars_go_before_numbers_where_it_is_narrow(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("eval", "mse", DIABETES, "--by", "sex", "--by", "age_band", "--top", "0")
    shown = {}
    for width in (40, 60, 64, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        done = run(*args)
        lines = block(done, "loss")
        shown[width] = (lines[0].split()[3:], any("█" in line for line in lines))
        assert max(map(cell_len, lines)) <= width
        for name in shown[width][0]:
            assert_right_edge(lines, name)
    assert shown[200] == shown[80] == (["value", "n", "p50", "p95", "max"], True)
    assert shown[64] == (["value", "n", "p50", "p95", "max"], False)
    assert shown[60] == (["value", "n", "p95", "max"], False)
    assert shown[40] == (["value", "n"], False)


# Colours


def painted(text: str, colour: int) -> set[str]:
    return set(re.findall(rf"\x1b\[1;{colour}m *([^\x1b]+?) *\x1b", text))


def test_colour_is_for_verdicts_and_for_what_is_not_finite() -> None:
    data = {"y": [0.0, 0.0, 1.0], "yhat": [1.0, 3.0, 2.0], "g": ["a", "b", "a"]}
    report = lossctl.evaluate(data, "mse", by="g")
    bright = Look(80, colour=True)
    plain = render(report, "table", bright)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)
    gates = [Lines(maximum=2.0).hold(result.value, "mse") for result in report.results]
    text = render(report, "table", bright, gates)
    assert painted(text, 32) == {"pass", "1"}
    assert painted(text, 31) == {"FAIL", "9"}
    infinite = lossctl.evaluate({"y": [1.0], "p": [0.0]}, "bce")
    assert painted(render(infinite, "table", bright), 31) == {"inf"}


def test_a_table_says_what_became_of_a_gate_without_colours(run: Run, write: Write) -> None:
    done = run("eval", "mae", write(GROUPS), "--by", "g", "--max", "3")
    assert done.code == 1
    lines = block(done, "loss")
    assert lines[0].split()[2:4] == ["gate", "value"]
    assert [line.split()[2] for line in lines[1:]] == ["FAIL", "pass", "pass", "pass"]
