"""What was found in a file: one line a finding, then the losses that fit, for people or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lossctl.renderers.look import printable, printable_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from lossctl.diagnosis.records import Candidate, Diagnosis, Finding
    from lossctl.renderers.look import Look

COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
SHOWN = 8  # losses by name; JSON lists all


def render(found: Diagnosis, form: str, look: Look) -> str:
    """Return the findings, the losses that fit and how to run the first of them."""
    if form == "json":
        text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n"
    from rich.text import Text

    from lossctl.renderers.table import printed

    parts: list[Text | Table] = [Text(_heading(found), style="dim")]
    if found.findings:
        parts.append(Text("\n").join(map(_line, found.findings)))
    else:
        parts.append(Text("nothing wrong was found", style="bold green"))
    if found.candidates:
        parts.append(_candidates(found.candidates))
    if found.candidates and found.commands:
        parts.append(Text("\n".join(["to go on:", *map(_command, found.commands)])))
    if found.fits:
        names = [fit.spec for fit in found.fits[:SHOWN]]
        more = f" and {len(found.fits) - SHOWN} more" if len(found.fits) > SHOWN else ""
        what = "losses that fit" if len(found.fits) > 1 else "a loss that fits"
        parts.append(Text(f"{what}: {', '.join(names)}{more}\n{_command(found.fits[0].command)}"))
    return printed(parts, look)


def _heading(found: Diagnosis) -> str:
    text = ", ".join(map(printable, found.files)) or "data in memory"
    if found.rows is not None:
        text += f": {found.rows} row{'' if found.rows == 1 else 's'}"
        left = found.rows - found.skipped
        if found.looked_at < left:
            text += f", order and repeats judged by the first {found.looked_at}"
    named = found.columns or {}
    parts = []
    for name, key in (("y", "y"), ("ŷ", "pred")):
        if named.get(key):
            shown = [printable(column) for column in named[key]]
            few = ", ".join(shown) if len(shown) <= 3 else f"{shown[0]} … {shown[-1]}"
            parts.append(f"{name} = {few}")
    if named.get("weight"):
        parts.append(f"w = {printable(named['weight'])}")
    return printable_line("; ".join([text, ", ".join(parts)] if parts else [text]))


def _line(finding: Finding) -> Text:
    from rich.text import Text

    line = Text(finding.severity, style=COLOURS[finding.severity])
    line.append(f": {finding.name}: ", style="bold")
    line.append(printable(finding.text))
    if finding.advice:
        line.append(f". → {printable(finding.advice)}")
    return line


def _command(command: str) -> str:
    return f"  {printable(command)}"


def _candidates(candidates: tuple[Candidate, ...]) -> Table:
    from rich.text import Text

    from lossctl.renderers.table import grid, short

    table = grid(["column", "looks like", "could be"], 3)
    for one in candidates:
        table.add_row(*map(Text, (short(one.column), printable(one.looks), one.role)))
    return table
