"""The page of a comparison: both values, what the rows show of the difference, what moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossctl.naming import labels
from lossctl.renderers.page import ANYTHING, Asked, fill
from lossctl.renderers.page.about import counts
from lossctl.renderers.page.figures import figures
from lossctl.renderers.page.names import files_text, group_columns, group_text, places
from lossctl.renderers.page.report import Card
from lossctl.renderers.page.tables import BLANK, Cell, Table, cell, share, table
from lossctl.renderers.words import columns_text, gate_text, interval_text, p_value, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lossctl.renderers.look import Look
    from lossctl.renderers.page.about import Facts
    from lossctl.verdicts import CompareReport, Comparison, Moved

MOST_CARDS = 6  # comparisons that are shown large one by one
HEADS = (
    *("loss", "gate", "rule", "baseline", "candidate", "difference", "low", "high", "relative"),
    *("better", "equal", "worse", "p (t)", "p (flips)", "n", "columns"),
)
ROW_HEADS = (
    *("#", "file", "line", "row", "y", "ŷ baseline", "ŷ candidate"),
    *("loss baseline", "loss candidate", "change"),
)
SIDES = {"worse": "Rows that got worse", "better": "Rows that got better"}


def page(report: CompareReport, look: Look, asked: Asked = ANYTHING) -> str:
    """Return the page of a comparison."""
    found = report.comparisons
    moved = [table for side in SIDES for table in _moved(report, side, asked.top, look)]
    drawn = figures(pictures(report))
    sections = {
        "values": ("Values", True),
        "pictures": ("Picture", bool(drawn)),
        "words": ("In words", bool(found)),
        "moved": ("Rows that moved", bool(moved)),
        "read": ("What was read and how", True),
        "made": ("How this was made", True),
    }
    specs = ", ".join(dict.fromkeys(compared.spec for compared in found))
    return fill(
        "comparison.html",
        kind="compare",
        title=f"{specs}: {_sides(report)}" if specs else _sides(report),
        heading=_sides(report),
        lead=f"{report.rows} rows; {specs or 'nothing was compared'}",
        sections=[(name, text) for name, (text, there) in sections.items() if there],
        guards=[f"guard {guard.name}: {guard.text}" for guard in report.guards],
        said=report.notes,
        shown=[_card(compared, look) for compared in _large(found)],
        values=_values(found, look) if found else None,
        figures=drawn,
        words=[
            (name, list(_words(compared, look, few=len(found) <= MOST_CARDS)))
            for name, compared in zip(labels(found), found, strict=True)
        ],
        hypotheses=list(dict.fromkeys(compared.hypothesis for compared in found)),
        moved=moved,
        read=_read(report),
        command=asked.command,
        signature=report.signature,
        version=report.version,
    )


def _sides(report: CompareReport) -> str:
    sides = files_text(report.baseline_files), files_text(report.candidate_files)
    return sides[0] if sides[0] == sides[1] else " → ".join(sides)


def pictures(report: CompareReport) -> list[Any]:
    """Return the pictures of a comparison."""
    from lossctl.pictures.differences import differences

    drawn = differences(report)
    return [] if drawn is None else [drawn]


def _large(found: Sequence[Comparison]) -> list[Comparison]:
    """Return what is shown large: everything, or where there is much what needs a look first."""
    if len(found) <= MOST_CARDS:
        return list(found)
    return sorted(found, key=_urgency, reverse=True)[:MOST_CARDS]


def _urgency(compared: Comparison) -> tuple[int, float]:
    gate = 0 if compared.gate is None else int(compared.gate.verdict.exit_code)
    return gate, abs(compared.relative or 0.0)


def _card(compared: Comparison, look: Look) -> Card:
    lines = [f"from {look.number(compared.baseline)} to {look.number(compared.candidate)}"]
    if compared.relative is not None:
        lines[0] += f", {compared.relative:+.2%}"
    if compared.interval is not None:
        lines.append(interval_text(compared.interval, look))
    lines.append(f"{compared.wins} rows better, {compared.ties} equal, {compared.losses} worse")
    value = f"{compared.difference:+.{look.precision}g}"
    card = Card(compared.spec, group_text(compared.group), value, tuple(lines))
    gate = compared.gate
    if gate is None:
        return card
    return card._replace(verdict=word(gate.verdict), mark=str(gate.verdict), rule=gate.rule)


def _values(found: Sequence[Comparison], look: Look) -> Table:
    columns: dict[str, Sequence[Cell]] = {"loss": [Cell(compared.spec) for compared in found]}
    columns |= group_columns(found, HEADS)
    gates = [compared.gate for compared in found]
    columns["gate"] = [
        Cell(word(gate.verdict), mark=str(gate.verdict)) if gate else BLANK for gate in gates
    ]
    columns["rule"] = [Cell(gate.rule) if gate else BLANK for gate in gates]
    for key in ("baseline", "candidate", "difference"):
        columns[key] = [cell(getattr(compared, key), look) for compared in found]
    for key in ("low", "high"):
        columns[key] = [cell(getattr(c.interval, key, None), look) for c in found]
    columns["relative"] = [share(compared.relative, signed=True) for compared in found]
    for key, field in (("better", "wins"), ("equal", "ties"), ("worse", "losses")):
        columns[key] = [cell(getattr(compared, field), look) for compared in found]
    columns["p (t)"] = [cell(c.t and c.t.p, look) for c in found]
    columns["p (flips)"] = [cell(c.permutation and c.permutation.p, look) for c in found]
    columns["n"] = [cell(compared.n, look) for compared in found]
    if len({columns_text(compared.columns) for compared in found}) > 1:
        columns["columns"] = [Cell(columns_text(compared.columns)) for compared in found]
    return table("Every comparison", columns)


def _words(compared: Comparison, look: Look, *, few: bool) -> Iterator[str]:
    """Give what was found of one comparison, in sentences; of many, what the table does not say."""
    gate = compared.gate
    if gate is not None:
        yield f"Gate, {gate.rule}: {word(gate.verdict)}. {gate_text(gate)}."
    if compared.interval is None and compared.why:
        yield f"No interval: {compared.why}."
    if compared.interval is not None and compared.interval.warning:
        yield compared.interval.warning
    if compared.interval is not None and few:
        detectable = look.number(compared.interval.detectable)
        yield f"Detectable at 80 % power: a difference of {detectable}."
    if compared.t is not None and few:
        p = p_value(compared.t, look)
        yield f"Paired t test: p = {p}, {look.number(compared.t.df)} degrees of freedom."
    if compared.permutation is not None and few:
        flips = compared.permutation
        yield f"Sign flips: p = {p_value(flips, look)}, {flips.flips} flips, seed {flips.seed}."


def _moved(report: CompareReport, side: str, top: int, look: Look) -> Iterator[Table]:
    """Give a table of the rows that moved most one way under every loss, over all groups."""
    found = report.comparisons
    files = len({*report.baseline_files, *report.candidate_files}) > 1
    for spec, read in dict.fromkeys((c.spec, columns_text(c.columns)) for c in found):
        of_loss = [c for c in found if c.spec == spec and columns_text(c.columns) == read]
        rows = [(compared, row) for compared in of_loss for row in getattr(compared, side)]
        if not rows:
            continue
        rows.sort(key=lambda pair: (-abs(pair[1].change), pair[1].row))
        several = sum(compared.spec == spec for compared in found) > len(of_loss)
        title = f"{SIDES[side]} by {spec}" + (f" of {read}" if several else "")
        yield _rows(title, rows[:top], files, look)


def _rows(title: str, rows: Sequence[tuple[Comparison, Moved]], files: bool, look: Look) -> Table:
    moved = [row for _, row in rows]
    columns: dict[str, Sequence[Cell]] = {
        "#": [cell(at, look) for at in range(1, len(rows) + 1)],
        **group_columns([compared for compared, _ in rows], ROW_HEADS),
        **places(moved, files, look),
        "y": [cell(row.y, look) for row in moved],
        "ŷ baseline": [cell(row.baseline, look) for row in moved],
        "ŷ candidate": [cell(row.candidate, look) for row in moved],
        "loss baseline": [cell(row.loss_baseline, look) for row in moved],
        "loss candidate": [cell(row.loss_candidate, look) for row in moved],
        "change": [cell(row.change, look) for row in moved],
    }
    return table(title, columns)


def _read(report: CompareReport) -> Facts:
    sides = (("Baseline", report.baseline_files), ("Candidate", report.candidate_files))
    facts: Facts = [(who, list(files) or ["data in memory"]) for who, files in sides]
    columns = dict.fromkeys(columns_text(compared.columns) for compared in report.comparisons)
    return [*facts, *counts(report), *([("Columns", list(columns))] if columns else [])]
