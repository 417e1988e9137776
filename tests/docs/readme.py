"""The README's commands and what they print; ``python -m tests.docs.readme`` writes it anew."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ACCURACY = "python -m tests.accuracy"
COVERAGE = "python -m tests.coverage"
LONG = (ACCURACY, COVERAGE)
_BLOCK = re.compile(r"```console\n(.*?)```\n", re.DOTALL)
_MACHINE = re.compile(r"\|numpy=[^|]+\|")  # of a signature: differs from one machine to another
_DERIVED = re.compile(r"(<!-- \w+: (.*?) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def refreshed(text: str, *, judged: bool = False) -> str:
    """Return the text with the output of every command as it is today.

    The tables of errors and of coverage are made anew only where ``judged``: they take long, the
    last digits of errors depend on the processor, and tests hold smaller versions of both.
    """

    def derived(part: re.Match[str]) -> str:
        if part[2] in LONG and not judged:
            return part[0]
        return f"{part[1]}{run(part[2])}{part[3]}"

    text = _BLOCK.sub(lambda block: f"```console\n{_session(block[1])}```\n", text)
    return _DERIVED.sub(derived, text)


def table_of(command: str) -> str:
    """Return what the README holds as the output of a command that is derived."""
    for part in _DERIVED.finditer(README.read_text(encoding="utf-8")):
        if part[2] == command:
            return part[0].removeprefix(part[1]).removesuffix(part[3])
    raise ValueError(f"the README has no output of '{command}'")


def _session(block: str) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{run(command[2:])}" for command in commands)


def run(command: str) -> str:
    """Return what a shell command prints, both streams, as a person sees it in a pipe."""
    with tempfile.TemporaryDirectory() as folder:
        for name, module in (("lossctl", "-m lossctl "), ("python", "")):
            shim = Path(folder) / name
            shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n')
            shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
        path = f"{folder}:{os.environ['PATH']}"
        found = subprocess.run(
            ["sh", "-c", command],
            cwd=ROOT,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return _MACHINE.sub("|numpy=…|", found.stdout.decode())


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text(), judged=True))
