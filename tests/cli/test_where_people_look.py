"""What CI services, pull requests and terminals show of comparisons, checks and gates."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

import lossctl.renderers
from lossctl.cli.summary import LIMIT, VARIABLE, append_summary
from lossctl.errors import OutputError
from lossctl.naming import distinct, labels
from lossctl.renderers import check, compare
from lossctl.renderers.cases import Blamed, Case, Suite
from lossctl.renderers.github import command
from lossctl.renderers.github import render as github
from lossctl.renderers.look import Look
from lossctl.verdicts import Check, CheckReport, CompareReport, Gate, Guard, Verdict

from . import records
from .program import SAMPLES, Run, plain, strict_json
from .test_tables import HOSTILE, printable, shown_safely

Write = Callable[..., Path]

LOOK = Look(100)
DIABETES = SAMPLES / "diabetes.csv"
JUNIT = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))
MOVED = ["151", "160.25", "208.5", "85.5625", "3306.25", "3220.69"]
NASTY = [
    *HOSTILE,
    "::error file=x::boom",
    "\n::error::boom",
    "%0A::error::boom",
    "]]>",
    "]]></system-out><failure/>",
    "' onload='x",
    '"><property name="',
    "\x00\x01\x0b\x1f\x7f\ufffe\uffff",
    "\udcff",
    "\u2066a\u2069\u202e\u200f",
    "a,b:c=d",
    "\u2028::warning::x",
    "| --- |",
    "- item",
    "1. item",
    "---",
    "===",
    "    code",
    "> quote",
    "[a]: http://x",
    "&#64;&lt;b&gt;",
]
nasty = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=12),
    st.tuples(st.text(max_size=3), st.sampled_from(NASTY), st.text(max_size=3)).map("".join),
)


# How the readers of each format read it


def read_junit(text: str) -> ET.Element:
    """Return the root of a document that follows the schema and adds up."""
    JUNIT.validate(text)
    root = ET.fromstring(text)
    (suite,) = root
    found = suite.findall("testcase")
    for element in (root, suite):
        assert element.attrib["tests"] == str(len(found))
        for tag, count in (("failure", "failures"), ("error", "errors")):
            assert element.attrib[count] == str(len(suite.findall(f"testcase/{tag}")))
    names = [case.attrib["name"] for case in found]
    assert len(set(names)) == len(names)  # GitLab keeps the first of a name
    return root


def read_commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return level, properties and message of the commands, as GitHub's runner reads them."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        if not line.strip().startswith("::"):
            continue
        command = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
        assert command, line
        level, properties, data = command.groups()
        pairs = dict(part.split("=", 1) for part in properties.split(","))
        found.append((level, {k: _decoded(v) for k, v in pairs.items()}, _decoded(data)))
    return found


def _decoded(text: str) -> str:
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def read_markdown(text: str) -> list[list[list[str]]]:
    """Return the cells of the tables; there may be no markup but that of our own."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert {token.tag for token in tokens} <= OUR_TAGS
    tables: list[list[list[str]]] = []
    for at, token in enumerate(tokens):
        if token.type == "table_open":
            tables.append([])
        if token.type == "tr_open":
            tables[-1].append([])
        if token.type == "inline":
            children = token.children or []
            assert {child.type for child in children} <= OUR_MARKUP
            if tokens[at - 1].type in ("th_open", "td_open"):
                tables[-1][-1].append("".join(child.content for child in children))
    return tables


OUR_TAGS = {"", "p", "h3", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
OUR_MARKUP = {"text", "text_special", "strong_open", "strong_close"}


def safe_log(text: str) -> bool:
    """Whether the lines are printable, and no command but one that is read back whole."""
    kept = "\n".join(line for line in text.split("\n") if not line.startswith("::"))
    return shown_safely(kept) and not re.search(r"##(vso|teamcity)?\[", text)


# Tables


def lines_of(text: str, first: str) -> list[str]:
    """Return the lines of the block that begins with a word."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(first))
    return lines[start : next((at for at in range(start, len(lines)) if not lines[at]), len(lines))]


def test_a_comparison_in_a_table() -> None:
    text = compare.render(records.grouped(), "table", LOOK)
    columns = "y = y, baseline = yhat, candidate = yhat_new"
    first = f"old.csv → new.csv: 442 rows; {columns}; 3 skipped; 1 not finite"
    assert text.splitlines()[0] == first
    figures = [line for line in lines_of(text, "mse  pass") if "detectable" not in line]
    assert figures == [
        "mse  pass",
        "  gate        no worse than 1%: 4.64 % better",
        "  baseline     2998.92",
        "  candidate    2859.69",
        "  difference  -139.231  95 % interval [-310.5, 32.25] (bootstrap, 12 clusters)",
        "  warning     12 clusters are few: the interval may be too short",
        "  relative      -4.64%",
        "  rows        240 better, 2 equal, 200 worse",
        "  p           0.11126 (t, 441 df); 0.1123 (9999 sign flips, seed 0)",
        "  hypothesis  H₀: the candidate is worse than the baseline by 1 % or more; "
        "it is rejected where the",
        "              bound is below 0",
    ]
    head, *rows = lines_of(text, "loss  sex")
    assert head.split()[:3] == ["loss", "sex", "age"]
    assert [row.split()[1] for row in rows] == ["sex_1", "sex_2", "sex_3"]
    assert [row.split()[-1] for row in rows] == ["pass", "FAIL", "inconclusive"]
    assert lines_of(text, "FAIL  [") == [
        "FAIL  [sex_2, 50-64] no worse than 1%: 12.3 % worse than the baseline",
        "inconclusive  [sex_3, 50-64] no worse than 1%: may be 2 % worse "
        "(about 1234 rows would decide it)",
    ]
    worse = lines_of(text, "got worse  ")
    assert worse[1].split() == ["1", "new.csv:13", *MOVED]
    assert lines_of(text, "got better")[1].split()[1] == "new.csv:8"
    assert [line for line in text.splitlines() if line.startswith("got worse [")] != []
    assert "got worse [sex_1" not in text  # its gate held
    assert "FAIL  guard rows: 3 rows of the baseline have no partner\n" in text
    assert text.endswith("\nmse|y=y|rows=442|lossctl=0.1.0\n")


def test_what_a_comparison_has_not_is_not_shown() -> None:
    bare = records.compared(
        interval=None, why="one row has no spread", t=None, permutation=None, relative=None
    )
    text = compare.render(records.comparison(bare._replace(worse=(), better=())), "table", LOOK)
    assert lines_of(text, "mse")[:6] == [
        "mse",
        "  baseline     2998.92",
        "  candidate    2859.69",
        "  difference  -139.231  one row has no spread",
        "  relative           –",
        "  rows        240 better, 2 equal, 200 worse",
    ]
    for word in ("gate", "pass", "FAIL", "  p ", "warning", "got ", "guard", "detectable"):
        assert word not in text
    assert "detectable  245 at 80 % power" in compare.render(records.comparison(), "table", LOOK)


def test_groups_without_a_whole_say_what_is_tested() -> None:
    groups = records.grouped().comparisons[1:]
    text = compare.render(records.comparison(*groups), "table", LOOK)
    assert text.count("  hypothesis  H₀: the candidate is worse") == 1
    whole = compare.render(records.grouped(), "table", LOOK)
    assert whole.count("  hypothesis  ") == 1


def test_a_guard_may_be_all_there_is() -> None:
    guard = Guard("no-rows", "there are no rows to compare")
    bare = replace(records.comparison(guards=(guard,), signature="", rows=0), comparisons=())
    text = compare.render(bare, "table", LOOK)
    assert text.splitlines() == [
        "old.csv → new.csv: 0 rows",
        "",
        "FAIL  guard no-rows: there are no rows to compare",
    ]
    page = compare.render(bare, "markdown", LOOK)
    assert page == (
        "Compared: old.csv → new.csv: 0 rows\n\n"
        "- **FAIL** guard no-rows: there are no rows to compare\n"
    )
    (suite,) = read_junit(compare.render(bare, "junit", LOOK))
    assert suite.attrib["failures"] == "1"
    assert read_commands(compare.render(bare, "github", LOOK)) == [
        ("error", {"title": "guard no-rows: fail"}, "there are no rows to compare")
    ]


def test_losses_of_other_columns_name_them() -> None:
    other = {"y": ["y"], "baseline": ["a"], "candidate": ["b"], "weight": "w"}
    both = records.comparison(records.compared(), records.compared(columns=other))
    text = compare.render(both, "table", LOOK)
    assert text.splitlines()[0] == "old.csv → new.csv: 442 rows"
    assert "  columns     y = y, baseline = a, candidate = b, w = w\n" in text
    names = [case.attrib["name"] for case in read_junit(compare.render(both, "junit", LOOK))[0][1:]]
    assert names == [
        "mse:baseline=yhat:candidate=yhat_new:weight=none",
        "mse:baseline=a:candidate=b:weight=w",
    ]


def test_checks_in_a_table() -> None:
    text = check.render(records.checks(), "table", LOOK)
    assert text.splitlines()[0] == "lossctl.toml: 4 checks: 1 pass, 1 FAIL, 1 inconclusive, 1 ERROR"
    assert [line.split() for line in lines_of(text, "gate")] == [
        ["gate", "check", "group", "value", "rule", "n"],
        ["pass", "pass", "check", "2998.92", "max", "60", "442"],
        ["FAIL", "fail", "check", "[sex=m]", "inf", "no", "worse", "than", "1%", "442"],
        ["inconclusive", "inconclusive", "check", "2998.92", "max", "60", "442"],
        ["ERROR", "error", "check", "–"],
    ]
    assert lines_of(text, "FAIL  fail") == [
        "FAIL  fail check: mse is 2998.9, above max 60  (lossctl.toml:7)",
        "  guard constant: the prediction is the same in all rows",
    ]
    beyond = lines_of(text, "gate  sex")
    assert len(beyond) == 2
    assert beyond[1].split()[:5] == ["FAIL", "m", "inf", "61.5", "[-310.5,"]
    assert text.count("worst by mse") == 2
    assert "ERROR  error check: preds.csv: no such file  (lossctl.toml:7)\n" in text


def test_what_would_decide_a_check_is_said_wherever_it_is_shown() -> None:
    undecided = records.check(Verdict.INCONCLUSIVE, lines=(records.line(records.OPEN),))
    rows = "(about 1234 rows would decide it)"
    for message in ("between -1 and 2", ""):
        report = records.checks(undecided._replace(message=message))
        told = f"{message or records.OPEN.text} {rows}"
        assert told in check.render(report, "table", LOOK)
        assert f'message="{told}"' in check.render(report, "junit", LOOK)
        assert told in check.render(report, "github", LOOK)
        assert told.replace("(", "\\(").replace(")", "\\)") in check.render(
            report, "markdown", LOOK
        )
    bare = records.check(Verdict.PASS, lines=(), message="")
    assert "pass: pass check: mse\n" in check.render(records.checks(bare), "github", LOOK)


def test_checks_that_all_pass_take_a_line_each() -> None:
    text = check.render(records.checks(records.check(Verdict.PASS)), "table", LOOK)
    assert len(text.splitlines()) == 4
    assert check.render(CheckReport("0.1.0", "a.toml", ()), "table", LOOK) == "a.toml: 0 checks\n"


@pytest.mark.parametrize("width", [40, 48, 60, 80, 120, 200])
@pytest.mark.parametrize("precision", [3, 6, 17])
def test_no_number_is_wrapped_or_cut(width: int, precision: int) -> None:
    look = Look(width, precision=precision)
    record = records.grouped()
    text = compare.render(record, "table", look)
    for found in record.comparisons:
        numbers = [found.difference]
        if found.group is None:
            numbers += [found.baseline, found.candidate]
        assert {look.number(x) for x in numbers} <= set(text.split())
    interval = f"[{look.number(-310.5)}, {look.number(32.25)}]"
    assert interval in text
    assert any(look.number(3220.6875) in line for line in text.splitlines())
    checked = check.render(records.checks(), "table", look)
    assert {look.number(x) for x in (2998.920935661154, 3306.25)} <= set(checked.split())
    tables = [line for line in lines_of(text, "loss ") if precision < 17]
    assert max(map(cell_len, tables), default=0) <= max(width, 48)


def test_narrow_terminals_lose_what_matters_least() -> None:
    heads = {
        width: lines_of(compare.render(records.grouped(), "table", Look(width)), "loss ")[0].split()
        for width in (48, 64, 90, 200)
    }
    assert heads[48][3:] == ["difference", "gate"]
    assert heads[64][3:] == ["candidate", "difference", "n", "gate"]
    assert heads[90][3:] == ["baseline", "candidate", "difference", "interval", "n", "gate"]
    wide = " ".join(heads[200][3:])
    assert wide == (
        "baseline candidate difference relative interval better equal worse p (t) p (flips) n gate"
    )


def both_as(form: str, look: Look) -> list[str]:
    """Return the comparison and the checks in a format."""
    return [
        compare.render(records.grouped(), form, look),
        check.render(records.checks(), form, look),
    ]


def test_colour_stands_on_verdicts_only() -> None:
    coloured = both_as("table", Look(100, colour=True))
    for text, bare in zip(coloured, both_as("table", LOOK), strict=True):
        shown = "\n".join(line.rstrip() for line in plain(text).splitlines())
        assert f"{shown}\n" == bare
        painted = re.findall(r"\x1b\[1;3[123]m([^\x1b]*)\x1b", text)
        words = {word.strip() for word in painted}
        assert {"pass", "FAIL", "inconclusive"} <= words
        assert words <= {"pass", "FAIL", "inconclusive", "ERROR"}


# JSON


def test_json_is_the_record() -> None:
    expected = [records.grouped().to_dict(), records.checks().to_dict()]
    assert [strict_json(text) for text in both_as("json", LOOK)] == expected


def test_metrics_are_plain_numbers_by_name(run: Run) -> None:
    report = run("eval", "mse,mse:pred=q50,mae", DIABETES, "-y", "y", "-p", "yhat", "--json").report
    values = [result["value"] for result in report["results"]]
    names = ["mse:pred=yhat", "mse:pred=q50", "mae"]
    assert report["metrics"] == dict(zip(names, values, strict=True))
    grouped = run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--by", "sex", "--json").report
    assert list(grouped["metrics"]) == ["mse[sex=sex_1]", "mse[sex=sex_2]"]
    assert records.grouped().to_dict()["metrics"]["mse.difference"] == -139.230588361154
    assert records.checks().to_dict()["metrics"] == {
        "pass check": 2998.920935661154,
        "fail check[sex=f]": 59.0,
        "fail check[sex=m]": "Infinity",
        "fail check[sex=m].baseline": 61.5,
        "inconclusive check": 2998.920935661154,
    }


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "a (2)", "a (2) (2)", "b"]), max_size=8))
def test_no_name_is_given_twice(names: list[str]) -> None:
    found = distinct(names)
    assert len(set(found)) == len(found) == len(names)
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))


def test_no_metric_is_lost_where_names_meet() -> None:
    line = records.line(records.PASSED, baseline=2.0, value=1.0)
    found = [records.check(Verdict.PASS, name=name, lines=(line,)) for name in ("a", "a.baseline")]
    assert len(records.checks(*found).metrics) == 4


def test_many_columns_are_named_by_their_ends() -> None:
    (result,) = records.report(1.0).results
    wide = {"y": ["y"], "pred": ["a", "b", "c", "d"], "weight": None}
    assert labels([result, result._replace(columns=wide)]) == ["mse:pred=yhat", "mse:pred=a…d"]


# JUnit XML


def test_checks_in_junit() -> None:
    root = read_junit(check.render(records.checks(), "junit", LOOK))
    (suite,) = root
    assert suite.attrib["name"] == "lossctl check lossctl.toml"
    passed, failed, undecided, broken = suite.findall("testcase")
    assert [child.tag for child in passed] == ["system-out"]
    fail, out = failed
    assert fail.tag == "failure"
    assert fail.attrib == {"type": "fail", "message": "mse is 2998.9, above max 60"}
    assert (fail.text or "").splitlines() == [
        "mse is 2998.9, above max 60",
        "lossctl.toml:7",
        "preds.csv:13: y = 151, ŷ = 208.5: loss 3306.25, 0.25% of the loss",
        "preds.csv:8: y = 151, ŷ = 208.5: loss 3306.25, 0.25% of the loss",
    ]
    said = (out.text or "").splitlines()
    assert "mse[sex=f] = 59.0, n = 442: pass, mse is 59" in said
    assert "guard constant: the prediction is the same in all rows" in said
    assert {"3 rows skipped", "mse|y=y|lossctl=0.1.0"} <= set(said)
    assert undecided[0].tag == "failure"
    assert undecided[0].attrib["type"] == "inconclusive"
    assert broken[0].tag == "error"
    properties = {x.attrib["name"]: x.attrib["value"] for x in suite.iter("property")}
    assert properties["pass check"] == "2998.920935661154"
    assert properties["fail check[sex=m]"] == "inf"


def test_comparisons_and_guards_in_junit() -> None:
    (suite,) = read_junit(compare.render(records.grouped(), "junit", LOOK))
    cases = {case.attrib["name"]: case[0] for case in suite.findall("testcase")}
    assert {name: (x.tag, x.attrib.get("type")) for name, x in cases.items()} == {
        "mse": ("system-out", None),
        "mse[sex=sex_1,age=50-64]": ("system-out", None),
        "mse[sex=sex_2,age=50-64]": ("failure", "fail"),
        "mse[sex=sex_3,age=50-64]": ("failure", "inconclusive"),
        "guard rows": ("failure", "fail"),
    }
    assert "new.csv:13: y = 151, baseline 160.25, candidate 208.5" in (cases["mse"].text or "")


def test_eval_in_junit(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "report.xml"
    common = ("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--by", "sex", "--max", "3000")
    done = run(*common, "-f", "junit", "-o", target)
    plain_run = run(*common)
    assert (done.code, done.err) == (plain_run.code, plain_run.err)
    assert done.code == 1
    (suite,) = read_junit(target.read_text())
    first, second = suite.findall("testcase")
    assert [x.tag for x in first] == ["failure", "system-out"]
    assert [x.tag for x in second] == ["system-out"]
    text = first[0].attrib["message"]
    assert done.err == f"gate failed: {text}\n"
    assert text.startswith("mse [sex_1] is 3216.47")
    assert text.endswith("max 3000")
    ungated = run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "-f", "junit")
    assert (ungated.code, ungated.err) == (0, "")
    assert read_junit(ungated.out)[0].findall("testcase/failure") == []


# GitHub


def test_checks_on_github() -> None:
    text = check.render(records.checks(), "github", LOOK)
    assert text.splitlines()[:4] == [
        "pass: pass check: mse is 2998.9 (pass)",
        "fail: fail check: mse is 2998.9, above max 60",
        "inconclusive: inconclusive check: mse is 2998.9, above max 60",
        "error: error check: preds.csv: no such file",
    ]
    row = "y = 151, ŷ = 208.5: loss 3306.25, 0.25% of the loss"
    assert read_commands(text) == [
        (
            "error",
            {"file": "preds.csv", "line": "13", "title": "fail check: fail"},
            f"mse is 2998.9, above max 60\npreds.csv:13: {row}",
        ),
        (
            "error",
            {"file": "lossctl.toml", "line": "7", "title": "error check: error"},
            "preds.csv: no such file",
        ),
        (
            "error",
            {"file": "preds.csv", "line": "8", "title": "fail check: fail"},
            f"preds.csv:8: {row}",
        ),
        (
            "warning",
            {"file": "preds.csv", "line": "13", "title": "inconclusive check: inconclusive"},
            f"mse is 2998.9, above max 60\npreds.csv:13: {row}",
        ),
        (
            "warning",
            {"file": "preds.csv", "line": "8", "title": "inconclusive check: inconclusive"},
            f"preds.csv:8: {row}",
        ),
    ]


def test_a_command_is_escaped_as_the_toolkit_does() -> None:
    found = command("error", "a:b,c%", ["100 %", "x:y,z"], ("a,b:c.csv", 3))
    assert found == "::error file=a%2Cb%3Ac.csv,line=3,title=a%3Ab%2Cc%25::100 %25%0Ax:y,z"


def test_ten_annotations_of_a_level_and_how_many_more() -> None:
    rows = tuple(Blamed("a.csv", at + 2, at + 1, "loss 1") for at in range(8))
    cases = [Case(f"c{at}", Verdict.FAIL, "failed", (), rows) for at in range(3)]
    found = read_commands(github(Suite("check", ("a.toml",), tuple(cases), {})))
    assert len(found) == 10
    titles = [properties["title"] for _, properties, _ in found]
    assert titles[:9] == ["c0: fail", "c1: fail", "c2: fail"] * 3
    assert [properties["line"] for _, properties, _ in found[:9]] == [*"222333444"]
    assert found[9] == (
        "error",
        {"title": "lossctl check"},
        "15 more are in the summary of this step",
    )
    ten = Case("c", Verdict.FAIL, "failed", (), (*rows, *rows[:2]))
    assert len(read_commands(github(Suite("check", (), (ten,), {})))) == 10


def test_rows_that_no_file_holds_are_named_in_the_message() -> None:
    rows = (Blamed("<stdin>", 3, 2, "loss 1"), Blamed(None, None, 7, "loss 0"))
    found = read_commands(github(Suite("eval", (), (Case("mse", None, "mse is 1", (), rows),), {})))
    assert found == [
        ("notice", {"title": "mse"}, "mse is 1\n<stdin>:3: loss 1"),
        ("notice", {"title": "mse"}, "row 7: loss 0"),
    ]


GITHUB = ("eval", "mse", "-y", "y", "-p", "yhat", "-f", "github", "--top", "2", DIABETES)


def test_eval_on_github(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    failed = run(*GITHUB, "--max", "60")
    worst = run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--top", "2", "--json").result
    value = worst["value"]
    assert failed.code == 1
    found = read_commands(failed.out)
    assert failed.err == f"gate failed: {found[0][2].splitlines()[0]}\n"
    assert [level for level, _, _ in found] == ["error", "error"]
    for (_, properties, _), row in zip(found, worst["worst"], strict=True):
        place = {"file": str(DIABETES), "line": str(row["line"])}
        assert properties == {**place, "title": "mse: fail"}
    assert found[0][2].startswith(f"mse is {value!r}, above ")
    held = run(*GITHUB, "--max", "3000")
    assert (held.code, held.err) == (0, "")
    assert held.out == f"pass: mse is {value!r}\n"
    ungated = run(*GITHUB)
    assert (ungated.code, ungated.err) == (0, "")
    assert [level for level, _, _ in read_commands(ungated.out)] == ["notice", "notice"]


def test_only_groups_beyond_the_line_are_annotated(run: Run) -> None:
    done = run(*GITHUB, "--by", "sex", "--max", "3000")
    titles = {properties["title"] for _, properties, _ in read_commands(done.out)}
    assert titles == {"mse[sex=sex_1]: fail"}


# The summary of a step


def test_the_summary_is_added_to_the_file_that_the_runner_names(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "summary.md"
    monkeypatch.setenv(VARIABLE, str(target))
    assert run(*GITHUB, "--max", "60").code == 1
    (values, worst) = read_markdown(target.read_text())
    assert target.read_text().startswith("### lossctl eval ")
    assert target.read_text().splitlines()[0].endswith(": FAIL")
    assert values[0][:3] == ["gate", "loss", "value"]
    assert values[1][:3] == ["FAIL", "mse", "2998.92"]
    assert values[1][-1] == "max 60"
    assert len(worst) == 3
    first = target.read_text()
    assert run(*GITHUB).code == 0
    assert target.read_text().startswith(f"{first}\n### lossctl eval ")
    assert len(read_markdown(target.read_text())) == 4
    assert run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "-f", "markdown").code == 0
    assert len(read_markdown(target.read_text())) == 4


def test_nothing_is_written_where_no_runner_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in (None, ""):
        monkeypatch.delenv(VARIABLE, raising=False)
        if value is not None:
            monkeypatch.setenv(VARIABLE, value)
        append_summary("x\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("used", [0, 5, LIMIT - 100, LIMIT - 50, LIMIT - 1, LIMIT, LIMIT + 5])
@pytest.mark.parametrize("length", [10, 99, 2 * LIMIT])
def test_a_summary_never_grows_beyond_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: int, length: int
) -> None:
    target = tmp_path / "summary.md"
    target.write_bytes(b"x" * used)
    monkeypatch.setenv(VARIABLE, str(target))
    page = "".join(f"{at:08} é\n" for at in range(length // 12 + 1))
    append_summary(page)
    found = target.read_bytes()
    assert found[:used] == b"x" * used
    assert len(found) <= max(LIMIT, used)
    added = found[used:].decode().removeprefix("\n" * bool(used))
    if used + len(page.encode()) + bool(used) <= LIMIT:
        assert added == page
    elif added:
        kept, _, cut = added.rpartition("\n(")
        assert cut == "cut: the summary of a step holds 1 MiB)\n"
        assert page.startswith(kept)
        assert kept == "" or kept.endswith("\n")


def test_a_summary_that_cannot_be_written_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(OutputError, match="cannot be written: Is a directory"):
        append_summary("x\n")
    done = run(*GITHUB)
    assert done.code == 3
    assert done.err == f"lossctl: {tmp_path}: cannot be written: Is a directory\n"


@pytest.mark.parametrize(
    ("title", "text"),
    [
        (
            "### lossctl compare old.csv, new.csv: FAIL\n\n",
            compare.summary(records.grouped(), LOOK),
        ),
        ("### lossctl check lossctl.toml: ERROR\n\n", check.summary(records.checks(), LOOK)),
    ],
)
def test_summaries_say_how_it_ended(title: str, text: str) -> None:
    assert text.startswith(title)
    read_markdown(text)


# Markdown


def test_a_comparison_in_markdown() -> None:
    text = compare.render(records.grouped(), "markdown", LOOK)
    values, worse, better = read_markdown(text)
    assert values[0][:5] == ["gate", "loss", "sex", "age", "baseline"]
    assert [row[0] for row in values[1:]] == ["pass", "pass", "FAIL", "inconclusive"]
    assert [row[7] for row in values[1:]] == ["[-310.5, 32.25]"] * 2 + ["–", "[-310.5, 32.25]"]
    assert worse[1] == ["new.csv:13", *MOVED]
    assert better[1][0] == "new.csv:8"
    assert "- **FAIL** guard rows: 3 rows" in text
    assert "- **FAIL** mse \\[sex\\_2, 50-64\\]: no worse than 1%: 12.3 % worse" in text
    assert f"- Hypothesis: {records.HYPOTHESIS}\n" in text
    assert text.endswith("\nSignature: mse\\|y=y\\|rows=442\\|lossctl=0.1.0\n")


def test_checks_in_markdown() -> None:
    text = check.render(records.checks(), "markdown", LOOK)
    values, *worst = read_markdown(text)
    assert [row[:4] for row in values] == [
        ["gate", "check", "group", "value"],
        ["pass", "pass check", "", "2998.92"],
        ["pass", "fail check", "sex=f", "59"],
        ["FAIL", "fail check", "sex=m", "inf"],
        ["inconclusive", "inconclusive check", "", "2998.92"],
        ["ERROR", "error check", "", "–"],
    ]
    assert len(worst) == 2
    assert "**ERROR** error check: preds.csv: no such file (lossctl.toml:7)\n" in text


def test_groups_that_failed_show_their_worst_rows_in_markdown() -> None:
    report = records.report(50.0, 70.0, groups=True)
    gates = [Gate("max 60", verdict, "x") for verdict in (Verdict.PASS, Verdict.FAIL)]
    text = lossctl.renderers.render(report, "markdown", LOOK, gates)
    values, worst = read_markdown(text)
    assert [row[:3] for row in values] == [
        ["gate", "loss", "sex"],
        ["pass", "mse", "g0"],
        ["FAIL", "mse", "g1"],
    ]
    assert "Worst rows by mse\\[sex=g1\\]:" in text
    assert len(worst) == 4


# Text from files


def hostile_comparison(text: str) -> CompareReport:
    """Return a comparison in which the text stands wherever text from files can."""
    row = records.moved(12, file=text, y=text, baseline=text, candidate=(text, text))
    gate = Gate("max 1", Verdict.FAIL, text)
    found = records.compared(
        group={text: text},
        columns={"y": [text], "baseline": [text], "candidate": [text], "weight": text},
        better=(row,),
        worse=(row,),
        gate=gate,
        hypothesis=text,
    )
    other = found._replace(group=None, interval=None, why=text, columns={"y": [f"{text}2"]})
    return records.comparison(
        found,
        other,
        baseline_files=(text,),
        candidate_files=(text, "x", "y", "z"),
        guards=(Guard(text, text),),
        signature=text,
    )


def hostile_checks(text: str) -> CheckReport:
    """Return checks in which the text stands wherever text from files can."""
    gate = Gate("max 1", Verdict.FAIL, text)
    failed = records.check(
        Verdict.FAIL,
        name=text,
        place=(text, 3),
        files=(text, "b.csv"),
        message=text,
        lines=(
            records.line(gate, group={text: text}),
            records.line(records.OPEN, group={text: f"{text}2"}),
        ),
        guards=(Guard(text, text),),
        worst=(records.worst(3, file=text, y=text, pred=text), records.worst(4, line=None)),
        notes=(text,),
        signature=text,
    )
    passed: Check = failed._replace(verdict=Verdict.PASS, lines=(records.line(records.PASSED),))
    return replace(records.checks(failed, passed), config=text)


RENDERED: list[tuple[str, Callable[[str, str], str]]] = [
    ("comparison", lambda text, form: compare.render(hostile_comparison(text), form, LOOK)),
    ("check", lambda text, form: check.render(hostile_checks(text), form, LOOK)),
    ("report", lambda text, form: hostile_eval(text, form)),
]
unhurried = settings(deadline=None)  # the machine may be busy
kinds = pytest.mark.parametrize("render", [r for _, r in RENDERED], ids=[n for n, _ in RENDERED])


def hostile_eval(text: str, form: str) -> str:
    """Return a rendered report in which the text stands wherever text from files can."""
    row = records.worst(3, file=text, y=text, pred=[text, text])
    report = records.report(1.0, 2.0, groups=True, group={text: text}, worst=(row,))
    report = replace(report, files=(text,))
    gates = [Gate("max 1", Verdict.FAIL, text), Gate("max 1", Verdict.PASS, text)]
    return lossctl.renderers.render(report, form, LOOK, gates)


@kinds
@unhurried
@given(text=nasty)
def test_hostile_text_is_only_text_in_tables(render: Any, text: str) -> None:
    assert shown_safely(render(text, "table"))


@kinds
@unhurried
@given(text=nasty)
def test_hostile_text_is_only_text_in_junit(render: Any, text: str) -> None:
    found = render(text, "junit")
    root = read_junit(found)
    assert shown_safely(found)
    out = "".join(root.itertext())
    assert printable(text).strip() in out


@kinds
@unhurried
@given(text=nasty)
def test_hostile_text_is_only_text_on_github(render: Any, text: str) -> None:
    found = render(text, "github")
    assert safe_log(found)
    assert {char for char in found if not char.isprintable()} == {"\n"}
    commands = read_commands(found)
    assert commands
    for level, properties, data in commands:
        assert level in ("error", "warning", "notice")
        assert set(properties) <= {"file", "line", "title"}
        assert shown_safely(data)
        if "file" in properties:
            assert properties["file"] == printable(text)


@kinds
@unhurried
@given(text=nasty)
def test_hostile_text_is_only_text_in_markdown(render: Any, text: str) -> None:
    found = render(text, "markdown")
    assert shown_safely(found)
    tables = read_markdown(found)
    assert tables
    cells = {cell for table in tables for row in table for cell in row}
    shown = printable(text).strip()
    assert any(shown in cell for cell in cells)


@kinds
@unhurried
@given(text=nasty)
def test_hostile_text_is_only_text_in_json(render: Any, text: str) -> None:
    found = render(text, "json")
    strict_json(found)
    assert "\n::" not in found


@unhurried
@given(text=nasty)
def test_a_summary_holds_no_markup_from_files(text: str) -> None:
    for page in (
        compare.summary(hostile_comparison(text), LOOK),
        check.summary(hostile_checks(text), LOOK),
    ):
        assert shown_safely(page)
        read_markdown(page)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_files_on_github(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    name = f"{text.replace('/', '')}.csv"
    path = write(f'y,yhat,g\n1,2,"{text}"\n', name)
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv(VARIABLE, "summary.md")
    done = run("eval", "mse", f"./{name}", "--by", "g", "--max", "0", "-f", "github")
    assert done.code == 1
    assert safe_log(done.out)
    ((_, properties, _),) = read_commands(done.out)
    assert properties["file"] == printable(f"./{name}")
    assert shown_safely(Path("summary.md").read_text())
    read_markdown(Path("summary.md").read_text())
    read_junit(run("eval", "mse", f"./{name}", "--by", "g", "--max", "0", "-f", "junit").out)
