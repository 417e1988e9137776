"""What came of the checks of a config: a line for each, then what is to be known of the failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lossctl.naming import group_label
from lossctl.renderers.look import printable, printable_line
from lossctl.renderers.words import ends, gate_text, verdict_text, with_rows, word
from lossctl.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from lossctl.renderers.look import Look
    from lossctl.verdicts import Check, CheckReport, Line


def render(report: CheckReport, form: str, look: Look) -> str:
    """Return the checks as a table, JSON, Markdown, JUnit XML or workflow commands."""
    if form == "json":
        text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n"
    if form == "markdown":
        from lossctl.renderers.markdown import of_check as page

        return page(report, look)
    if form in ("junit", "github"):
        from lossctl.renderers import told
        from lossctl.renderers.cases import of_check

        return told(of_check(report, look), form)
    from rich.text import Text

    from lossctl.renderers.table import printed

    parts: list[Table | Text] = [Text(printable_line(heading(report)), style="dim")]
    if report.checks:
        parts.append(_overview(report.checks, look))
    for check in report.checks:
        if check.verdict is not Verdict.PASS:
            parts += _failed(check, look)
    return printed(parts, look)


def summary(report: CheckReport, look: Look) -> str:
    """Return what the summary of a step on GitHub shows."""
    from lossctl.renderers.cases import of_check
    from lossctl.renderers.github import summary as titled

    return titled(of_check(report, look), render(report, "markdown", look))


def heading(report: CheckReport) -> str:
    """Return the config and how many of its checks ended how."""
    found = [check.verdict for check in report.checks]
    counts = [f"{found.count(v)} {word(v)}" for v in Verdict if v in found]
    checks = "1 check" if len(found) == 1 else f"{len(found)} checks"
    return f"{report.config}: {checks}{': ' if counts else ''}{', '.join(counts)}"


def decisive(check: Check) -> Line | None:
    """Return the line that decided a check: the first that ended as the check did."""
    return next(
        (line for line in check.lines if line.gate.verdict == check.verdict),
        next(iter(check.lines), None),
    )


def why(check: Check) -> str:
    """Return in one line why a check ended as it did, and what would decide it if nothing has."""
    line = decisive(check)
    if not check.message:
        return check.spec if line is None else gate_text(line.gate)
    return check.message if line is None else with_rows(check.message, line.gate)


def _overview(checks: Sequence[Check], look: Look) -> Table:
    from lossctl.renderers.table import fitted, short

    lines = [decisive(check) for check in checks]
    fixed: list[tuple[str, list[Any]]] = [
        ("gate", [verdict_text(check.verdict) for check in checks]),
        ("check", [short(check.name) for check in checks]),
    ]
    columns = {
        "group": ["" if line is None else short(group_label(line.group)) for line in lines],
        "value": [look.number(None if line is None else line.value) for line in lines],
        "rule": ["" if line is None else short(line.gate.rule) for line in lines],
        "n": ["" if line is None else str(line.n) for line in lines],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    return fitted(fixed, shown, ("n", "group", "rule"), look)


def _failed(check: Check, look: Look) -> list[Table | Text]:
    """Return why a check did not pass: where, the groups beyond the line, guards, worst rows."""
    from rich.text import Text

    from lossctl.renderers.table import worst_rows

    place = printable(f"  ({check.place[0]}:{check.place[1]})")
    name = (printable(check.name), "bold")
    title = ("  ", name, printable(f": {why(check)}"), (place, "dim"))
    told = Text.assemble(verdict_text(check.verdict), *title)
    for guard in check.guards:
        told.append(f"\n  {printable(f'guard {guard.name}: {guard.text}')}")
    parts: list[Table | Text] = [told]
    beyond = [line for line in check.lines if line.gate.verdict is not Verdict.PASS]
    if beyond and (len(check.lines) > 1 or beyond[0].interval is not None):
        parts.append(_beyond(beyond, len(check.lines) > 1, look))
    if check.worst:
        several = len({row.file for row in check.worst}) > 1 or len(check.files) > 1
        parts.append(worst_rows(f"worst by {printable(check.spec)}", check.worst, several, look))
    return parts


def _beyond(lines: Sequence[Line], several: bool, look: Look) -> Table:
    """Return the groups whose gate did not hold; ``several``: not all was said in one line."""
    from lossctl.renderers.table import fitted, short

    names = list(dict.fromkeys(name for line in lines for name in line.group or {}))
    fixed: list[tuple[str, list[Any]]] = [
        ("gate", [verdict_text(line.gate.verdict) for line in lines])
    ]
    fixed += [
        (short(name), [short((line.group or {}).get(name, "")) for line in lines]) for name in names
    ]
    columns = {
        "value": [look.number(line.value) for line in lines],
        "baseline": [look.number(line.baseline) for line in lines],
        "interval": [ends(line.interval, look) for line in lines],
        "n": [str(line.n) for line in lines],
    }
    shown = {name: cells for name, cells in columns.items() if set(cells) != {"–"}}
    if several:
        shown["found"] = [printable(gate_text(line.gate)) for line in lines]
    return fitted(fixed, shown, ("found", "n", "interval", "baseline"), look)
