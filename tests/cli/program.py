"""How the tests run the program, and how they read what it prints."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import Draft202012Validator

from lossctl.schema import REPORT, SCHEMAS

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_data"
HELP = Path(__file__).resolve().parent / "help"
COMMAND = [sys.executable, "-m", "lossctl"]

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Outcome:
    """What a run of the program left behind."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.raw.decode()

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()

    @property
    def table(self) -> list[str]:
        """The lines of a report as a table, without the signature, which is as long as it is."""
        *lines, empty, signature = self.lines
        assert not empty
        assert "|lossctl=" in signature
        return lines

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report, which must follow the schema."""
        return valid_report(self.out)

    @property
    def result(self) -> dict[str, Any]:
        """The only result of the report."""
        (result,) = self.report["results"]
        assert isinstance(result, dict)
        return result

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of JSON Lines."""
        return [strict_json(line) for line in self.lines]


Run = Callable[..., Outcome]


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which nothing of the developer's own settings shows."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "COLUMNS", "LINES", "TERM", "FORCE_COLOR"}
    }
    paths = [str(ROOT), kept.get("PYTHONPATH", "")]
    kept["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return {**kept, "COLUMNS": "80", "TERM": "xterm", **more}


def process(
    *args: object, stdin: bytes = b"", cwd: Path = ROOT, env: dict[str, str] | None = None
) -> Outcome:
    """Run the program as a process of its own."""
    done = subprocess.run(
        [*COMMAND, *map(str, args)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=env or environment(),
        check=False,
        timeout=60,
    )
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def shell(script: str, *args: object) -> Outcome:
    """Run a line of shell in which ``lossctl`` is the program and ``args`` are its $1, $2 …."""
    program = " ".join(f"'{part}'" for part in COMMAND)
    done = subprocess.run(
        ["bash", "-c", f'lossctl() {{ {program} "$@"; }}\n{script}', "bash", *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        env=environment(),
        check=False,
        timeout=60,
    )
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def strict_json(text: str) -> Any:
    """Return what JSON says; NaN and Infinity are none."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@functools.cache
def validator(closed: bool, part: str = "report") -> Draft202012Validator:
    """Return a published schema; ``closed``: without the freedom to add fields."""
    schema = copy.deepcopy(SCHEMAS.get(part, REPORT))
    if closed:
        _close(schema)
    if part == "result":
        schema = {"$defs": schema["$defs"], **schema["properties"]["results"]["items"]}
    return Draft202012Validator(schema)


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("additionalProperties") is True:
            schema["additionalProperties"] = False
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


def valid_report(text: str) -> dict[str, Any]:
    """Return the report that the text is, once it has been held against the schema."""
    report = strict_json(text)
    validator(closed=True).validate(report)
    assert isinstance(report, dict)
    return report


def valid(text: str, part: str) -> dict[str, Any]:
    """Return the report of a kind that the text is, once it has been held against its schema."""
    report = strict_json(text)
    validator(closed=True, part=part).validate(report)
    assert isinstance(report, dict)
    return report


def plain(text: str) -> str:
    """Return the text without its colours."""
    return ESCAPE.sub("", text)


def one_line(text: str) -> bool:
    """Whether the text is exactly one line, printable from its first character to its last."""
    return text.endswith("\n") and text[:-1].isprintable() and len(text) > 1


def without_places(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report without the files and lines, which data in memory have not."""
    bare = copy.deepcopy(report)
    bare["input"]["files"] = []
    for result in bare["results"]:
        for row in result["worst"] or []:
            row["file"] = row["line"] = None
    return bare
