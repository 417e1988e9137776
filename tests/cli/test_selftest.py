"""``lossctl selftest``: it passes here, and every part of it fails when that part is broken."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from lossctl import selftest as audit
from lossctl.exact import ExactSum
from lossctl.losses import all_losses, registry
from tests import vectors

from .program import HELP, Run, strict_json


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl selftest --help > tests/cli/help/selftest.txt."""
    done = run("selftest", "--help")
    assert done.code == 0
    assert done.out == (HELP / "selftest.txt").read_text(encoding="utf-8")


def test_this_install_passes(run: Run) -> None:
    done = run("selftest")
    assert (done.code, done.err) == (0, "")
    parts = len(all_losses()) + 3
    assert done.lines[-1].startswith(f"{parts} of {parts} parts passed, ")
    assert done.lines[0].startswith("lossctl ")
    found = strict_json(run("selftest", "-f", "json").out)
    assert found["passed"] is True
    assert [part["name"] for part in found["parts"][:-3]] == [loss.name for loss in all_losses()]
    assert all(part["numbers"] >= 12 for part in found["parts"])


def test_the_shipped_vectors_are_those_of_the_oracles() -> None:
    """Refresh: python -m tests.vectors."""
    assert vectors.HOME.read_text(encoding="utf-8") == vectors.text()


def test_the_vectors_hold_imperfect_predictions_and_extremes() -> None:
    shipped = json.loads(vectors.HOME.read_text(encoding="utf-8"))["kernels"]
    for loss in all_losses():
        values = [audit._numbers(x) for case in shipped[loss.name] for x in case["value"]]
        finite = [abs(x) for x in values if math.isfinite(x) and x != 0.0]
        assert len(finite) >= 8, loss.name
        assert len({case["spec"] for case in shipped[loss.name]}) > 1 or not loss.params
        sizes = [np.abs(audit._numbers(case["yhat"])).ravel() for case in shipped[loss.name]]
        every = np.concatenate(sizes)
        assert every[every > 0.0].min() < 1e-8 or every.max() > 1e8, loss.name


def broken(name: str, change: Any) -> registry.Loss:
    """Return a loss whose kernel is wrong on purpose."""
    entry = registry.find(name)

    def kernel(y: Any, yhat: Any, **params: Any) -> Any:
        return change(*entry.kernel(y, yhat, **params))

    return entry._replace(kernel=kernel)


BREAKS = {
    "value": lambda value, slope: (value * (1.0 + 1e-14), slope),
    "slope": lambda value, slope: (value, lambda: slope() * (1.0 + 1e-14)),
    "sign": lambda value, slope: (value, lambda: -slope()),
    "nan": lambda value, slope: (value + math.nan, slope),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", ["huber", "bce_with_logits", "crps", "js_divergence"])
def test_a_kernel_broken_on_purpose_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, how: str
) -> None:
    monkeypatch.setitem(registry._LOSSES, name, broken(name, BREAKS[how]))
    done = run("selftest")
    assert done.code == 1
    assert done.err.startswith(f"selftest failed: {name}")
    assert f"{name}: " in done.out
    assert "expected" in done.out
    found = strict_json(run("selftest", "-f", "json").out)
    assert found["passed"] is False
    faulty = [part["name"] for part in found["parts"] if not part["passed"]]
    assert faulty[0] == name
    assert set(faulty) <= {name, "whole reports", "readers"}


def test_a_loss_without_vectors_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        audit, "all_losses", lambda: (*all_losses(), registry.find("mse")._replace(name="new"))
    )
    done = run("selftest")
    assert done.code == 1
    assert "new: no vectors" in done.out


def test_sums_that_round_are_noticed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded(x: Any) -> ExactSum:
        from lossctl.exact import total

        return total(np.array([np.sum(x)]))

    monkeypatch.setattr(audit, "total", rounded)
    done = run("selftest")
    assert done.code == 1
    assert done.err == "selftest failed: exact sums\n"


def test_a_reader_that_drops_a_row_is_noticed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from lossctl.sources import fast

    parse = fast.parse

    def careless(*args: Any, **kwargs: Any) -> Any:
        parsed = parse(*args, **kwargs)
        if parsed is None:
            return None
        columns = {want: np.array(x) for want, x in parsed.columns.items()}
        for x in columns.values():
            x[:1] = 0.0
        return parsed._replace(columns=columns)

    monkeypatch.setattr(fast, "parse", careless)
    done = run("selftest")
    assert done.code == 1
    assert done.err == "selftest failed: readers\n"


def test_an_unknown_format(run: Run) -> None:
    done = run("selftest", "-f", "yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: unknown format 'yaml': one of table, json\n"


@pytest.mark.parametrize("text", ["{}", "[]", "x", '{"kernels": [], "reports": 1}', None])
def test_broken_vectors_are_a_finding(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, text: str | None
) -> None:
    if text is not None:
        (tmp_path / audit.VECTORS).write_text(text)
    monkeypatch.setattr(audit, "files", lambda _: tmp_path)
    done = run("selftest")
    assert (done.code, done.err) == (1, "selftest failed: vectors\n")
    assert "vectors: 1 faults in 0 numbers" in done.out
    assert strict_json(run("selftest", "-f", "json").out)["passed"] is False
