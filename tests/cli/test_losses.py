"""``lossctl losses``: its help, the catalogue, the page of every loss."""

from __future__ import annotations

import inspect

import pytest

import lossctl
from lossctl.losses import all_losses

from .program import HELP, Run, strict_json

NAMES = lossctl.list_losses()


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl losses --help > tests/cli/help/losses.txt."""
    done = run("losses", "--help")
    assert done.code == 0
    assert done.out == (HELP / "losses.txt").read_text(encoding="utf-8")


def test_the_list_has_every_loss_under_its_task(run: Run) -> None:
    lines = run("losses").lines
    assert [line.split()[0] for line in lines if line[:3].strip() and line.startswith("  ")] == [
        loss.name
        for task in dict.fromkeys(loss.tasks[0] for loss in all_losses())
        for loss in all_losses()
        if loss.tasks[0] == task
    ]
    headings = [line for line in lines if line and not line.startswith((" ", "'"))]
    assert headings == list(dict.fromkeys(loss.tasks[0] for loss in all_losses()))


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


def test_the_list_as_markdown(run: Run) -> None:
    head, rule, *rows = run("losses", "-f", "markdown").lines
    assert head.count("|") == rule.count("|") == 6
    assert [row.split(" | ")[0].strip("| ").replace("\\", "") for row in rows] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_has_a_page(run: Run, name: str) -> None:
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
def test_every_page_as_json_and_markdown(run: Run, name: str) -> None:
    entry = strict_json(run("losses", name, "-f", "json").out)
    assert entry["name"] == name
    assert entry["page"].startswith(entry["summary"])
    page = run("losses", name, "--format", "markdown").out
    assert page.startswith(f"## {name}\n\n```\n")
    assert page.endswith("\n```\n")
    assert page.count("```") == 2


def test_an_unknown_name_is_near_to_one(run: Run) -> None:
    done = run("losses", "msee")
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: unknown loss 'msee': did you mean mse?\n"


def test_an_unknown_format_lists_the_known_ones(run: Run) -> None:
    done = run("losses", "-f", "yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: unknown format 'yaml': one of table, json, markdown\n"
