"""Fixtures: the program in this process, small files, and one that the fast reader reads."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lossctl.cli import app

from .program import Outcome, Run


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Run the program in this process: ``run("eval", "mse", path, stdin=b"")``."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run_here(*args: object, stdin: bytes = b"") -> Outcome:
        source = tmp_path / ".stdin"
        source.write_bytes(stdin)
        capfdbinary.readouterr()
        with source.open(encoding="utf-8") as file, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", file)
            code = app.run([str(arg) for arg in args])
        found = capfdbinary.readouterr()
        return Outcome(code, found.out, found.err.decode())

    return run_here


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    r"""Write a small file and return its path: ``write("y,yhat\n1,2\n", name="preds.csv")``."""

    def written(text: str | bytes, name: str = "preds.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions that take the fast reader: over 1 MiB, with ties, signs and long digits."""
    draw = random.Random(20240117)
    rows = ["y,yhat,w,g"]
    for _ in range(40_000):
        y = draw.gauss(0.0, 10.0)
        yhat = y + draw.choice([0.0, draw.gauss(0.0, 1.0), draw.gauss(0.0, 1e-6)])
        rows.append(f"{y:.6f},{yhat!r},{draw.random():.4f},{draw.choice('abc')}")
    path = tmp_path_factory.mktemp("big") / "big.csv"
    path.write_text("\n".join(rows) + "\n")
    assert path.stat().st_size > 1 << 20
    return path
