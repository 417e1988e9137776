"""What the page holds: its policy, its numbers, its words; and who may make it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

import lossctl
from lossctl.errors import UsageError
from lossctl.evaluation import seen_with
from lossctl.options import make_options
from lossctl.renderers import page as pages
from lossctl.renderers.html import Asked, of_comparison, of_report
from lossctl.renderers.look import Look
from tests.cli.program import SAMPLES, Run, process, valid

Write = Callable[..., Path]

DIABETES = SAMPLES / "diabetes.csv"
LOOK = Look()


class Parsed(HTMLParser):
    """The texts of a page by element, its attributes, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.values: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "link", "input"):
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "td" and "data-value" in dict(attrs):
            self.values.append(str(dict(attrs)["data-value"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open[-1:]:
            self.texts[tag] = self.texts.get(tag, "") + data
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data


def page_of(run: Run, tmp_path: Path, *words: object) -> str:
    out = tmp_path / "page.html"
    done = run(*words, "-f", "html", "-o", out)
    assert done.out == ""
    return out.read_text()


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(
    run: Run, tmp_path: Path
) -> None:
    text = page_of(run, tmp_path, "eval", "mse", DIABETES)
    found = Parsed(text)
    policy = next(v for tag, name, v in found.attributes if "default-src" in v)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": digest(found.texts["style"]),
        "script-src": digest(found.texts["script"]),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert text.count("<script") == text.count("<style") == 1


@pytest.mark.parametrize("command", ["eval", "compare"])
def test_nothing_on_the_page_refers_beyond_it(run: Run, tmp_path: Path, command: str) -> None:
    pair = ("-p", "yhat", "-p", "q50") if command == "compare" else ()
    found = Parsed(page_of(run, tmp_path, command, "mse", DIABETES, *pair))
    names = {name for _, name, _ in found.attributes}
    assert not names & {"style", "src", "srcset", "action", "onclick", "onload"}
    for _, name, value in found.attributes:
        if name in ("href", "xlink:href"):
            assert value.startswith(("#", "data:"))
        assert "url(" not in value or re.fullmatch(r"url\(#[\w-]+\)", value)
    assert "url(" not in found.texts["style"]
    assert "@import" not in found.texts["style"]


def test_the_page_holds_the_figures_of_the_report(run: Run, tmp_path: Path) -> None:
    words = ("eval", "mse,mae", DIABETES, "--by", "sex", "--ci", 95, "--floor")
    found = Parsed(page_of(run, tmp_path, *words))
    report = run(*words, "--json").report
    values = set(found.values)
    for result in report["results"]:
        numbers = [result[name] for name in ("value", "n")]
        numbers += [result["interval"][name] for name in ("low", "high", "detectable")]
        numbers += [result["floor"][name] for name in ("value", "skill", "constant")]
        for part in ("per_sample", "gradient"):
            numbers += [x for x in result[part].values() if not isinstance(x, str)]
        for x in numbers:
            assert repr(x) in values or x == result["per_sample"]["infinite"]
    assert report["signature"] in found.texts["code"]


def test_worst_rows_are_those_of_all_groups(run: Run, tmp_path: Path) -> None:
    grouped = Parsed(page_of(run, tmp_path, "eval", "mse", DIABETES, "--by", "sex", "--top", 20))
    whole = Parsed(page_of(run, tmp_path, "eval", "mse", DIABETES, "--top", 20))
    lines = [
        [row[found[0].index("line")] for row in found[1:]]
        for found in (grouped.tables[1], whole.tables[1])
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 20


@pytest.mark.parametrize(("options", "rows"), [((), 100), (("--top", 5), 5), (("--top", 0), None)])
def test_a_page_has_room_for_a_hundred_rows(
    run: Run, tmp_path: Path, options: tuple[object, ...], rows: int | None
) -> None:
    found = Parsed(page_of(run, tmp_path, "eval", "mse", DIABETES, *options))
    worst = [table for table in found.tables if "share" in table[0]]
    assert [len(table) - 1 for table in worst] == ([] if rows is None else [rows])
    pair = ("-p", "yhat", "-p", "q50")
    found = Parsed(page_of(run, tmp_path, "compare", "mse", DIABETES, *pair, *options))
    moved = [table for table in found.tables if "change" in table[0]]
    assert [len(table) - 1 for table in moved] == ([] if rows is None else [rows] * 2)


def test_gates_are_words_and_the_exit_code_holds(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = run(
        *("eval", "mse", DIABETES, "--by", "sex", "--max", 3000, "-f", "html", "-o", out),
    )
    assert done.code == 1
    (values, *_) = Parsed(out.read_text()).tables
    gates = [dict(zip(values[0], row, strict=True)) for row in values[1:]]
    assert [(row["gate"], row["rule"]) for row in gates] == [
        ("FAIL", "max 3000"),
        ("pass", "max 3000"),
    ]


def test_a_comparison_has_both_values_and_its_verdict(run: Run, tmp_path: Path) -> None:
    words = ("compare", "mse", DIABETES, "-p", "yhat", "-p", "yhat_boosting")
    text = page_of(run, tmp_path, *words, "--no-worse-than", "5%")
    found = Parsed(text)
    (compared,) = valid(run(*words, "--json").out, "comparison")["comparisons"]
    for name in ("baseline", "candidate", "difference"):
        assert repr(compared[name]) in found.values
    for end in ("low", "high"):
        assert repr(compared["interval"][end]) in found.values
    assert "inconclusive" in found.texts["span"]
    assert "rows would decide it" in found.texts["li"]
    assert "Hypothesis: " in found.texts["p"]


def test_guards_that_failed_are_on_the_page(run: Run, write: Write, tmp_path: Path) -> None:
    path = write("y,old,new\n1,2,5\n2,3,5\n3,5,5\n")
    out = tmp_path / "page.html"
    done = run("compare", "mse", path, "-p", "old", "-p", "new", "-f", "html", "-o", out)
    assert done.code == 1
    found = Parsed(out.read_text())
    assert "guard constant: " in found.texts["li"]


def test_what_was_read_is_said(run: Run, write: Write, tmp_path: Path) -> None:
    path = write("label,p,w\ncat,0.5,1\ndog,0.25,2\n,0.5,1\ncat,1,3\n")
    words = ("eval", "bce", path, "-w", "w", "--positive", "cat", "--missing", "skip")
    text = page_of(run, tmp_path, *words, "--batch-size", 2)
    found = Parsed(text)
    read = found.texts["dd"]
    for told in (
        str(path),
        "1 rows that lack a cell",
        "y = label; ŷ = p; w = w",
        "'cat' counts as",
    ):
        assert told in read
    assert "of 2 mini-batches: from " in found.texts["p"]


def test_the_command_is_what_a_shell_takes(tmp_path: Path) -> None:
    (tmp_path / "it's.csv").write_text("y,yhat\n1,2\n")
    done = process("mse", "it's.csv", "-f", "html", cwd=tmp_path)
    assert done.code == 0, done.err
    code = Parsed(done.out).texts["code"]
    assert code.startswith("lossctl mse 'it'\"'\"'s.csv' -f html")


def test_the_same_run_makes_the_same_page() -> None:
    words = ("eval", "mse", DIABETES, "--by", "sex", "-f", "html")
    first, second = process(*words), process(*words)
    assert first.raw == second.raw
    assert first.raw.endswith(b"</html>\n")


def test_a_page_in_python_has_no_command() -> None:
    seen = seen_with(str(DIABETES), "mse", make_options())
    found = Parsed(of_report(seen.report, seen.pictures, (), LOOK))
    assert "Command" not in found.texts["p"]
    report = lossctl.compare(str(DIABETES), "mse", pred=("yhat", "q50"))
    assert "Command" not in Parsed(of_comparison(report, LOOK, Asked(top=3))).texts["p"]


def test_data_in_memory_and_a_value_that_is_not_finite() -> None:
    seen = seen_with({"y": [1.0, 1.0], "p": [0.0, 0.5]}, "bce", make_options())
    found = Parsed(of_report(seen.report, seen.pictures, (), LOOK))
    assert found.texts["h1"] == "data in memory"
    assert "Infinity" in found.values


def test_many_groups_are_a_table_and_few_cards(run: Run, write: Write, tmp_path: Path) -> None:
    rows = "".join(f"{i},{i + i % 7},group {i % 40}\n" for i in range(400))
    text = page_of(run, tmp_path, "eval", "mse,mae", write(f"y,yhat,g\n{rows}"), "--by", "g")
    found = Parsed(text)
    assert len(found.tables[0]) == 1 + 80
    assert text.count('class="what"') == 2
    assert "the worst of 40" in found.texts["p"]


# Who may make one


def test_without_its_libraries_one_line_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for missing in pages.NEEDED:

        def spec(name: str, missing: str = missing) -> object:
            return None if name == missing else find_spec(name)

        monkeypatch.setattr("importlib.util.find_spec", spec)
        for command in (
            ("eval", "mse", "absent.csv"),
            ("compare", "mse", "absent.csv", "-p", "a", "-p", "b"),
        ):
            done = run(*command, "-f", "html", "-o", tmp_path / "page.html")
            assert (done.code, done.out) == (2, "")
            assert done.err == (
                "lossctl: -f html needs Jinja2 and matplotlib: pip install 'lossctl[html]'\n"
            )
            assert not (tmp_path / "page.html").exists()
        with pytest.raises(UsageError):
            pages.check_installed()


def test_nothing_is_written_where_the_input_is_bad(run: Run, write: Write, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = run("eval", "mse", write("y,yhat\n1,x\n"), "-f", "html", "-o", out)
    assert done.code == 3
    assert done.err.count("\n") == 1
    assert not out.exists()
