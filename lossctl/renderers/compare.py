"""What came of a comparison: figures of every loss, a line a group, the rows that moved."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

from lossctl.renderers.look import printable, printable_line
from lossctl.renderers.words import (
    columns_text,
    ends,
    gate_text,
    interval_text,
    p_value,
    signed_share,
    verdict_text,
)
from lossctl.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table
    from rich.text import Text

    from lossctl.renderers.look import Look
    from lossctl.verdicts import CompareReport, Comparison, Guard, Moved

_INTERVAL = re.compile(r"(\[\S+,) (?=\S+\])")  # stays on one line
NARROWEST, LABEL = 40, 14  # columns that words are wrapped at the least, and that labels take
_EXPENDABLE = (
    *("columns", "p (t)", "equal", "worse", "better", "n", "p (flips)", "relative", "interval"),
    *("baseline", "candidate"),
)


def render(report: CompareReport, form: str, look: Look) -> str:
    """Return the comparison as a table, JSON, Markdown, JUnit XML or workflow commands."""
    if form == "json":
        text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n"
    if form == "markdown":
        from lossctl.renderers.markdown import of_comparison as page

        return page(report, look)
    if form in ("junit", "github"):
        from lossctl.renderers import told
        from lossctl.renderers.cases import of_comparison

        return told(of_comparison(report, look), form)
    return _table(report, look)


def summary(report: CompareReport, look: Look) -> str:
    """Return what the summary of a step on GitHub shows."""
    from lossctl.renderers.cases import of_comparison
    from lossctl.renderers.github import summary as titled

    return titled(of_comparison(report, look), render(report, "markdown", look))


def heading(report: CompareReport) -> str:
    """Return which files were compared, how many rows, and which columns."""
    sides = [
        ", ".join([*files[:3], *(["…"] if len(files) > 3 else [])]) or "data in memory"
        for files in (report.baseline_files, report.candidate_files)
    ]
    text = sides[0] if sides[0] == sides[1] else f"{sides[0]} → {sides[1]}"
    text += f": {report.rows} rows"
    columns = list(dict.fromkeys(columns_text(found.columns) for found in report.comparisons))
    text += f"; {columns[0]}" if len(columns) == 1 else ""
    counts = {"skipped": report.skipped, "not finite": report.nonfinite}
    return text + "".join(f"; {count} {name}" for name, count in counts.items() if count)


def _table(report: CompareReport, look: Look) -> str:
    from rich.text import Text

    from lossctl.renderers.table import printed

    parts: list[Table | Text] = [Text(printable_line(heading(report)), style="dim")]
    several = len({columns_text(found.columns) for found in report.comparisons}) > 1
    files = len({*report.baseline_files, *report.candidate_files}) > 1
    for spec in dict.fromkeys(found.spec for found in report.comparisons):
        of_loss = [found for found in report.comparisons if found.spec == spec]
        parts += [_block(found, several, look) for found in of_loss if found.group is None]
        groups = [found for found in of_loss if found.group is not None]
        if groups:
            parts += [_groups(groups, several, look), *_failed(groups)]
            if len(groups) == len(of_loss):
                parts.append(_hypotheses(groups, look))
        parts += [table for found in of_loss for table in _rows(found, files, look)]
    parts += [guard_line(guard) for guard in report.guards]
    if report.signature:
        parts.append(Text(printable_line(report.signature), style="dim"))
    return printed(parts, look)


def group_name(found: Comparison) -> str:
    """Return the group in brackets, as it stands after a word."""
    from lossctl.renderers.table import short

    return "" if found.group is None else f" [{', '.join(map(short, found.group.values()))}]"


def guard_line(guard: Guard) -> Text:
    """Return the line of a guard that failed."""
    from rich.text import Text

    told = printable(f"guard {guard.name}: {guard.text}")
    return Text.assemble(verdict_text(Verdict.FAIL), f"  {told}")


def _block(found: Comparison, several: bool, look: Look) -> Text:
    """Return the figures of one comparison over all rows, one under another."""
    from rich.text import Text

    sides = {"baseline": found.baseline, "candidate": found.candidate}
    sides["difference"] = found.difference
    numbers = {name: look.number(value) for name, value in sides.items()}
    widest = max(map(len, numbers.values()))
    lines = {name: f"{number:>{widest}}" for name, number in numbers.items()}
    interval = found.interval
    beside = found.why if interval is None else interval_text(interval, look)
    lines["difference"] += f"  {beside}" if beside else ""
    detectable = interval.detectable if interval else None
    lines["detectable"] = f"{look.number(detectable)} at 80 % power" if detectable else ""
    lines["warning"] = (interval.warning if interval else None) or ""
    lines["relative"] = f"{signed_share(found.relative):>{widest}}"
    lines["rows"] = f"{found.wins} better, {found.ties} equal, {found.losses} worse"
    lines["p"] = "; ".join(_tests(found, look))
    lines["hypothesis"] = found.hypothesis
    lines["columns"] = columns_text(found.columns) if several else ""
    gate = found.gate
    text = Text.assemble((printable(found.spec), "bold"))
    if gate is not None:
        text = Text.assemble(text, "  ", verdict_text(gate.verdict))
        lines = {"gate": f"{gate.rule}: {gate_text(gate)}", **lines}
    for label, line in lines.items():
        text.append(_hanging(label, line, look.width) if line else "")
    return text


def _hanging(label: str, line: str, width: int) -> str:
    """Return a labelled line; words go on below it where they find no room, numbers are whole."""
    indent = " " * LABEL
    wrapped = textwrap.wrap(
        _INTERVAL.sub("\\1\xa0", printable(line).rstrip()),
        max(width, NARROWEST),
        initial_indent=f"  {label:<{LABEL - 2}}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "".join(f"\n{part}" for part in wrapped).replace("\xa0", " ")


def _tests(found: Comparison, look: Look) -> Iterator[str]:
    if found.t is not None:
        yield f"{p_value(found.t, look)} (t, {look.number(found.t.df)} df)"
    if found.permutation is not None:
        flips = found.permutation
        yield f"{p_value(flips, look)} ({flips.flips} sign flips, seed {flips.seed})"


def _groups(groups: Sequence[Comparison], several: bool, look: Look) -> Table:
    """Return a line for every group, in the order of the report."""
    from lossctl.renderers.table import fitted, short

    names = list(dict.fromkeys(name for found in groups for name in found.group or {}))
    fixed = [("loss", [printable(found.spec) for found in groups])]
    fixed += [
        (short(name), [short((found.group or {}).get(name, "")) for found in groups])
        for name in names
    ]
    columns = {
        "baseline": [look.number(found.baseline) for found in groups],
        "candidate": [look.number(found.candidate) for found in groups],
        "difference": [look.number(found.difference) for found in groups],
        "relative": [signed_share(found.relative) for found in groups],
        "interval": [ends(found.interval, look) for found in groups],
        "better": [str(found.wins) for found in groups],
        "equal": [str(found.ties) for found in groups],
        "worse": [str(found.losses) for found in groups],
        "p (t)": [p_value(found.t, look) for found in groups],
        "p (flips)": [p_value(found.permutation, look) for found in groups],
        "n": [str(found.n) for found in groups],
        "columns": [printable(columns_text(found.columns)) for found in groups] if several else [],
    }
    shown: dict[str, list[Any]] = {name: cells for name, cells in columns.items() if any(cells)}
    if any(found.gate for found in groups):
        shown["gate"] = [verdict_text(found.gate and found.gate.verdict) for found in groups]
    return fitted(fixed, shown, _EXPENDABLE, look)


def _failed(groups: Sequence[Comparison]) -> list[Text]:
    """Return a line for every group whose gate did not hold, as one text; none where all held."""
    from rich.text import Text

    lines = []
    for found in groups:
        gate = found.gate
        if gate is not None and gate.verdict is not Verdict.PASS:
            told = printable(f" {gate.rule}: {gate_text(gate)}")
            lines.append(Text.assemble(verdict_text(gate.verdict), f" {group_name(found)}{told}"))
    return [Text("\n").join(lines)] if lines else []


def _hypotheses(groups: Sequence[Comparison], look: Look) -> Text:
    """Return what is tested, where no block of all rows has said it."""
    from rich.text import Text

    lines = dict.fromkeys(_hanging("hypothesis", found.hypothesis, look.width) for found in groups)
    return Text("".join(lines).removeprefix("\n"))


def _rows(found: Comparison, files: bool, look: Look) -> list[Table]:
    """Return the rows that moved: of all rows either way, of a group where its gate failed."""
    whole = found.group is None
    held = found.gate is None or found.gate.verdict is Verdict.PASS
    tables = []
    if found.worse and (whole or not held):
        tables.append(_moved(f"got worse{group_name(found)}", found.worse, files, look))
    if found.better and whole:
        tables.append(_moved("got better", found.better, files, look))
    return tables


def _moved(title: str, rows: Sequence[Moved], files: bool, look: Look) -> Table:
    from lossctl.renderers.table import cell_text, place, ranked, row_header

    columns = {
        row_header(rows[0], files): [place(row, files) for row in rows],
        "y": [cell_text(row.y, look) for row in rows],
        "ŷ baseline": [cell_text(row.baseline, look) for row in rows],
        "ŷ candidate": [cell_text(row.candidate, look) for row in rows],
        "loss baseline": [look.number(row.loss_baseline) for row in rows],
        "loss candidate": [look.number(row.loss_candidate) for row in rows],
        "change": [look.number(row.change) for row in rows],
    }
    expendable = ("ŷ baseline", "ŷ candidate", "y", "loss baseline", "loss candidate")
    return ranked(title, columns, expendable, look)
