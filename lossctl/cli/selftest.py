"""``lossctl selftest``: an install audited with the vectors that it ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossctl.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from lossctl.selftest import Check

FORMATS = ("table", "json")
SHOWN = 5  # faults of one part that are worth reading


def command(
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print.")
    ] = "table",
) -> None:
    """Check this install: every loss against shipped vectors, exact sums, and both readers.

    The vectors hold imperfect predictions and extremes, computed with 50-digit arithmetic. Exit
    code 1 when a number is wrong, with the loss, the input and both numbers.
    """
    form = form.lower()
    if form not in FORMATS:
        raise UsageError(f"unknown format '{form}': one of {', '.join(FORMATS)}")
    import platform

    import numpy as np

    from lossctl.cli.output import open_output
    from lossctl.selftest import selftest
    from lossctl.version import VERSION

    checks = selftest()
    failed = [check for check in checks if not check.passed]
    about = {"lossctl": VERSION, "python": platform.python_version(), "numpy": np.__version__}
    text = _json(about, checks) if form == "json" else _table(about, checks)
    with open_output(None) as file:
        file.write(text.encode())
    if failed:
        names = ", ".join(check.name for check in failed)
        raise GateFailed(f"selftest failed: {names}")


def _table(about: dict[str, str], checks: tuple[Check, ...]) -> str:
    lines = [", ".join(f"{name} {version}" for name, version in about.items())]
    for check in checks:
        if check.passed:
            continue
        found = f"{len(check.faults)} faults in {check.numbers} numbers"
        lines.append(f"{check.name}: {found if check.faults else 'no vectors'}")
        lines += [f"  {fault}" for fault in check.faults[:SHOWN]]
    passed = [check for check in checks if check.passed]
    numbers = sum(check.numbers for check in passed)
    lines.append(f"{len(passed)} of {len(checks)} parts passed, {numbers} numbers compared")
    return "".join(f"{line}\n" for line in lines)


def _json(about: dict[str, str], checks: tuple[Check, ...]) -> str:
    import json

    from lossctl.report import jsonable

    parts: list[dict[str, Any]] = [
        {
            "name": check.name,
            "passed": check.passed,
            "numbers": check.numbers,
            "faults": [jsonable(fault._asdict()) for fault in check.faults],
        }
        for check in checks
    ]
    whole: dict[str, Any] = {"schema": "lossctl.selftest/1", **about, "parts": parts}
    whole["passed"] = all(part["passed"] for part in parts)
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
