"""``lossctl losses``: its help, the catalogue, the page of every loss."""

from __future__ import annotations

import inspect
import re

import pytest

import lossctl
from lossctl.cli.catalogue import complete_tasks
from lossctl.losses import all_losses
from lossctl.renderers.catalogue import example, tasks_of
from tests.docs.examples import refreshed
from tests.docs.readme import run as run_shell

from .program import HELP, Run, environment, process, strict_json

NAMES = lossctl.list_losses()
TASKS = tasks_of(all_losses())
SECTIONS = (
    *("Formula", "Gradient", "Value", "Behaviour", "Choose it", "Elsewhere"),
    *("Example", "Source", "Domain", "Parameter", "Also", "Curve"),
)


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl losses --help > tests/cli/help/losses.txt."""
    done = run("losses", "--help")
    assert done.code == 0
    assert done.out == (HELP / "losses.txt").read_text(encoding="utf-8")


def listed(lines: list[str]) -> list[str]:
    """Return the names in the list, from top to bottom."""
    return [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]


def test_the_list_has_every_loss_once_under_its_first_task(run: Run) -> None:
    lines = run("losses").lines
    tasks = [task for task in TASKS if any(loss.tasks[0] == task for loss in all_losses())]
    assert listed(lines) == [
        loss.name for task in tasks for loss in all_losses() if loss.tasks[0] == task
    ]
    assert [line for line in lines if line and not line.startswith((" ", "'"))] == tasks


def test_the_tasks_are_in_the_usual_order() -> None:
    assert TASKS[:3] == ["regression", "binary", "multi-class"]
    assert set(TASKS) == {task for loss in all_losses() for task in loss.tasks}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_all_its_losses_in_every_format(run: Run, task: str) -> None:
    wanted = [loss.name for loss in all_losses() if task in loss.tasks]
    lines = run("losses", "--task", task).lines
    assert lines[0] == task
    assert listed(lines) == wanted
    entries = strict_json(run("losses", "--task", task, "-f", "json").out)
    assert [entry["name"] for entry in entries] == wanted
    assert all(task in entry["tasks"] for entry in entries)
    _, _, *rows = run("losses", "--task", task, "-f", "markdown").lines
    assert [row.split(" | ")[0].strip("| ").replace("\\", "") for row in rows] == wanted
    assert run("losses", "--task", task.upper().replace("-", "_")).lines == lines


def test_an_unknown_task_lists_the_known_ones(run: Run) -> None:
    done = run("losses", "--task", "ranking")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"lossctl: unknown task 'ranking': one of {', '.join(TASKS)}\n"


def test_tasks_are_completed() -> None:
    assert complete_tasks("") == TASKS
    assert complete_tasks("MULT") == ["multi-class"]


def test_a_word_lists_the_losses_that_mention_it(run: Run) -> None:
    entries = strict_json(run("losses", "outlier", "-f", "json").out)
    assert {"mae", "mse"} <= {entry["name"] for entry in entries} < set(NAMES)
    for loss in all_losses():
        found = "outlier" in " ".join((loss.name, *loss.aliases, loss.doc)).lower()
        assert found == (loss.name in {entry["name"] for entry in entries})
    assert listed(run("losses", "outlier").lines)


def test_a_word_folds_case_and_hyphens_and_crosses_lines(run: Run) -> None:
    first = run("losses", "Cross-Entropy-of").out
    assert {"bce", "cce"} <= set(listed(first.splitlines()))
    assert run("losses", "cross_entropy_OF").out == run("losses", "cross entropy of").out == first
    assert "rmse" in listed(run("losses", "measures of forecast").lines)


def test_the_names_of_sections_are_no_words_to_find(run: Run) -> None:
    assert len(listed(run("losses", "elsewhere").lines)) < len(NAMES)


def test_a_word_within_a_task(run: Run) -> None:
    names = listed(run("losses", "probabilities", "--task", "binary").lines)
    assert "bce" in names
    assert "cce" not in names
    assert "mse" in listed(run("losses", "mse", "--task", "regression").lines)
    done = run("losses", "mlogloss", "--task", "binary")
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: no loss for binary mentions 'mlogloss'\n"


@pytest.mark.parametrize("word", ["", "-", "_ "])
def test_an_empty_word_finds_nothing(run: Run, word: str) -> None:
    done = run("losses", "--", word)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"lossctl: unknown loss '{word}': ")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_list_fits_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    name = max(map(len, NAMES))
    assert max(map(len, run("losses").lines)) <= max(width, name + 24)


def test_the_list_as_json(run: Run) -> None:
    entries = strict_json(run("losses", "-f", "json").out)
    assert [entry["name"] for entry in entries] == NAMES
    for entry, loss in zip(entries, all_losses(), strict=True):
        assert entry["summary"] == loss.summary
        assert entry["aliases"] == list(loss.aliases)
        assert [p["name"] for p in entry["params"]] == [param.name for param in loss.params]
        for given, param in zip(entry["params"], loss.params, strict=True):
            assert given["default"] == param.default
            assert given["domain"] == param.range
        assert entry["task"] == entry["tasks"][0]
        assert entry["tasks"] == list(loss.tasks)
        assert (entry["kind"], entry["labels"]) == (loss.kind, loss.labels)
        assert entry["aggregate"] == loss.aggregate
        assert [role["name"] for role in entry["roles"]] == [role.name for role in loss.roles]
        assert entry["pred"].isprintable()


def test_the_list_as_markdown(run: Run) -> None:
    head, rule, *rows = run("losses", "-f", "markdown").lines
    assert head.count("|") == rule.count("|") == 6
    assert [row.split(" | ")[0].strip("| ").replace("\\", "") for row in rows] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_has_a_page(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    loss = lossctl.get_loss(name).loss
    page = run("losses", name).out
    assert page.startswith(f"{name}\n{'=' * len(name)}\n\n{loss.summary}\n")
    body = inspect.cleandoc(loss.doc).partition("\n>>> ")[0].rstrip()
    assert body in page
    assert ">>>" not in page
    for param in loss.params:
        assert f"Parameter:  {param.name}=" in page
    for alias in loss.aliases:
        assert alias in page
        assert run("losses", alias).out == page
    assert run("losses", name.upper().replace("_", "-")).out == page
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_its_sections_in_order(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    loss = lossctl.get_loss(name).loss
    monkeypatch.setenv("COLUMNS", "100")
    page = run("losses", name).out
    found = re.findall(r"^([A-Z][a-z]+(?: it)?):(?: +)(?=\S)", page, re.MULTILINE)
    assert list(dict.fromkeys(found)) == [
        section
        for section in SECTIONS
        if not (section == "Parameter" and not loss.params)
        and not (section == "Also" and not loss.aliases)
    ]
    assert all(found.count(section) == 1 for section in set(found) - {"Parameter"})


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_its_curve_at_any_width(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    page = run("losses", name).out
    text, mark, curve = page.partition("\nCurve:      ")
    assert mark
    words = re.sub(r"^Example:.*\n( .*\n)*", "", text, flags=re.MULTILINE)
    for line in words.splitlines():  # a name is not cut
        assert len(line) <= min(width, 100) or len(line[12:].split()) == 1
    assert " ".join(text.split()) == " ".join(_at_full_width(run, monkeypatch, name).split())
    lines = f"Curve:      {curve}".splitlines()
    assert max(map(len, lines)) <= min(width, 100)
    assert curve.count("└──") == 2
    assert sum("└──" in line for line in lines) == (1 if width >= 80 else 2)
    assert "loss ℓ" in curve
    assert "slope ∂ℓ/∂" in curve or "slope dℓ/d" in curve
    assert any("⠀" < char <= "⣿" for char in curve)


def _at_full_width(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    return run("losses", name).out.partition("\nCurve:      ")[0]


def test_a_terminal_without_braille_gets_ascii() -> None:
    curves = [
        process("losses", "bce", env=environment(PYTHONIOENCODING=encoding)).out.partition("Curve:")
        for encoding in ("ascii", "latin-1", "utf-8")
    ]
    assert [curve.isascii() for _, _, curve in curves] == [True, True, False]
    assert "inf at p = 0 (y = 1)" in curves[0][2]


@pytest.mark.parametrize("name", NAMES)
def test_every_example_prints_what_its_page_says(name: str) -> None:
    """Refresh with ``python -m tests.docs.examples`` and look at the difference."""
    shown = example(lossctl.get_loss(name).loss)
    assert shown is not None, f"the page of {name} has no Example"
    assert shown["command"].startswith("lossctl ")
    assert re.search(rf"\b{name}\b", shown["command"])
    assert "sample_data/" in shown["command"]
    assert run_shell(shown["command"]) == shown["output"] + "\n"


def test_examples_are_refreshed_in_place() -> None:
    head = "    Elsewhere:  x\n    Example:    $ lossctl mse sample_data/diabetes.csv -q \\\\\n"
    command = "                    --precision 3\n"
    tail = '    Source:     y\n\n    >>> 1 + 1\n    2\n    """\n'
    after = refreshed(f"{head}{command}                ?\n{tail}")
    assert re.fullmatch(re.escape(head + command) + r" {16}[\d.e+]+\n" + re.escape(tail), after)
    assert refreshed(after) == after
    assert refreshed(head + command + tail) == after


@pytest.mark.parametrize("name", NAMES)
def test_every_page_as_json_and_markdown(run: Run, name: str) -> None:
    entry = strict_json(run("losses", name, "-f", "json").out)
    assert entry["name"] == name
    assert entry["page"].startswith(entry["summary"])
    assert set(entry["example"] or ()) <= {"command", "output"}
    page = run("losses", name, "--format", "markdown").out
    assert page.startswith(f"## {name}\n\n```\n")
    assert page.endswith("\n```\n")
    assert page.count("```") == 2
    assert "Curve:" not in page


@pytest.mark.parametrize(
    ("name", "loss"),
    [("MSELoss", "mse"), ("SmoothL1Loss", "smooth_l1"), ("MeanAbsoluteError", "mae")],
)
def test_a_name_in_one_word_is_known(run: Run, name: str, loss: str) -> None:
    assert run("losses", name).out == run("losses", loss).out


def test_an_unknown_name_is_near_to_one(run: Run) -> None:
    done = run("losses", "msee")
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: unknown loss 'msee': did you mean mse?\n"


def test_an_unknown_format_lists_the_known_ones(run: Run) -> None:
    done = run("losses", "-f", "yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: unknown format 'yaml': one of table, json, markdown\n"
