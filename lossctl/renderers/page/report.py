"""The page of a report: values large, pictures, the worst rows, groups, gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lossctl.naming import labels
from lossctl.renderers.bars import share_of_bar
from lossctl.renderers.page import ANYTHING, Asked, fill
from lossctl.renderers.page.about import read
from lossctl.renderers.page.figures import figures
from lossctl.renderers.page.names import (
    columns_text,
    files_text,
    group_columns,
    group_text,
    places,
)
from lossctl.renderers.page.summaries import batches, healths, summaries
from lossctl.renderers.page.tables import BLANK, Cell, Table, cell, share, table
from lossctl.renderers.words import interval_text, word
from lossctl.report import Interval, NoInterval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lossctl.pictures.records import Picture
    from lossctl.renderers.look import Look
    from lossctl.report import Report, Result, Worst
    from lossctl.verdicts import Gate

MOST_CARDS = 8  # values that are shown large one by one
VALUE_HEADS = (
    *("loss", "gate", "rule", "value", "n", "Σw", "low", "high", "detectable"),
    *("floor", "skill", "constant", "which is", "columns"),
)
WORST_HEADS = ("#", "file", "line", "row", "y", "ŷ", "loss", "share", "gradient")


class Card(NamedTuple):
    """A value, large, and a few lines on it."""

    what: str
    group: str
    value: str
    lines: tuple[str, ...] = ()
    verdict: str = ""
    mark: str = ""
    rule: str = ""


def page(
    report: Report,
    pictures: Sequence[Sequence[Picture]],
    gates: Sequence[Gate],
    look: Look,
    asked: Asked = ANYTHING,
) -> str:
    """Return the page of a report and its pictures; ``gates`` holds one for every result, or none.

    The report must have as many worst rows of every group as are asked for.
    """
    results = report.results
    worst = list(_worst(report, asked.top, look))
    drawn = figures([picture for of_loss in pictures for picture in of_loss])
    named = list(zip(labels(results), results, strict=True))
    reported = [pair for pair in named if pair[1].per_sample and pair[1].gradient]
    lines = [batches(*pair, look) for pair in named if pair[1].batches]
    sections = {
        "values": ("Values", True),
        "pictures": ("Pictures", bool(drawn)),
        "worst": ("Worst rows", bool(worst)),
        "gradients": ("Losses and gradients", bool(reported)),
        "batches": ("Mini-batches", bool(lines)),
        "read": ("What was read and how", True),
        "made": ("How this was made", True),
    }
    specs = ", ".join(dict.fromkeys(result.spec for result in results))
    return fill(
        "report.html",
        kind="eval",
        title=f"{specs}: {files_text(report.files)}",
        heading=files_text(report.files),
        lead=f"{report.rows} rows; {specs}",
        sections=[(name, text) for name, (text, there) in sections.items() if there],
        shown=_cards(results, gates, look),
        said=[*report.notes, *_told(named)],
        values=_values(results, gates, look),
        figures=drawn,
        worst=worst,
        health=healths(reported, look),
        summaries=summaries([result for _, result in reported], look),
        batches=lines,
        read=read(report),
        command=asked.command,
        signature=report.signature,
        version=report.version,
    )


def _cards(results: Sequence[Result], gates: Sequence[Gate], look: Look) -> list[Card]:
    """Return the values large: all where they are few, else the one that is worst of each loss."""
    places = range(len(results))
    if len(results) <= MOST_CARDS:
        return [_card(results[at], gates[at] if gates else None, look) for at in places]
    cards = []
    for spec in dict.fromkeys(result.spec for result in results):
        of_loss = [at for at in places if results[at].spec == spec]
        at = max(of_loss, key=lambda at: _badness(results[at], gates[at] if gates else None))
        card = _card(results[at], gates[at] if gates else None, look)
        few = f"the worst of {len(of_loss)}"
        cards.append(card._replace(lines=(few, *card.lines)))
    return cards


def _badness(result: Result, gate: Gate | None) -> tuple[bool, float]:
    from lossctl.losses.registry import find

    loss = find(result.loss)
    size = abs(result.value) if not loss.ordered else result.value
    size = -size if loss.higher_is_better else size
    return (gate is not None and bool(gate.verdict.exit_code), size)


def _card(result: Result, gate: Gate | None, look: Look) -> Card:
    lines = [f"n = {result.n}"]
    if isinstance(result.interval, Interval):
        lines.append(interval_text(result.interval, look))
    if result.floor is not None and result.floor.floor is not None:
        floor = result.floor.floor
        lines.append(f"best constant: {look.number(floor.value)} ({floor.what})")
        if result.floor.skill is not None:
            lines.append(f"skill beyond it: {look.number(result.floor.skill)}")
    card = Card(result.spec, group_text(result.group), look.number(result.value), tuple(lines))
    if gate is None:
        return card
    return card._replace(verdict=word(gate.verdict), mark=str(gate.verdict), rule=gate.rule)


def _told(named: Sequence[tuple[str, Result]]) -> list[str]:
    """Return what has to be said of intervals, and why there are none."""
    said = []
    for name, result in named:
        if isinstance(result.interval, NoInterval):
            said.append(f"{name}: no interval: {result.interval.reason}")
        elif result.interval is not None and result.interval.warning:
            said.append(f"{name}: {result.interval.warning}")
    return list(dict.fromkeys(said))


def _values(results: Sequence[Result], gates: Sequence[Gate], look: Look) -> Table:
    columns: dict[str, Sequence[Cell]] = {"loss": [Cell(result.spec) for result in results]}
    columns |= group_columns(results, VALUE_HEADS)
    if gates:
        columns["gate"] = [Cell(word(gate.verdict), mark=str(gate.verdict)) for gate in gates]
        columns["rule"] = [Cell(gate.rule) for gate in gates]
    columns["value"] = [
        cell(result.value, look)._replace(bar=share_of_bar(result, results)) for result in results
    ]
    columns["n"] = [cell(result.n, look) for result in results]
    if any(result.weight != result.n for result in results):
        columns["Σw"] = [cell(result.weight, look) for result in results]
    intervals = [r.interval if isinstance(r.interval, Interval) else None for r in results]
    for key in ("low", "high", "detectable"):
        columns[key] = [cell(getattr(interval, key, None), look) for interval in intervals]
    floors = [result.floor.floor if result.floor else None for result in results]
    columns["floor"] = [cell(floor and floor.value, look) for floor in floors]
    columns["skill"] = [cell(result.floor and result.floor.skill, look) for result in results]
    columns["constant"] = [cell(floor and floor.constant, look) for floor in floors]
    columns["which is"] = [BLANK if floor is None else Cell(floor.what) for floor in floors]
    if len({columns_text(result) for result in results}) > 1:
        columns["columns"] = [Cell(columns_text(result)) for result in results]
    return table("Every value", columns)


def _worst(report: Report, top: int, look: Look) -> Iterator[Table]:
    """Give a table of the worst rows of every loss and its columns, over all groups."""
    results = report.results
    for spec, columns in dict.fromkeys((r.spec, columns_text(r)) for r in results):
        of_loss = [r for r in results if r.spec == spec and columns_text(r) == columns and r.worst]
        rows = [(result, row) for result in of_loss for row in result.worst or ()]
        if not rows:
            continue
        rows.sort(key=lambda pair: (-pair[1].contribution * pair[0].weight, pair[1].row))
        several = sum(r.spec == spec for r in results) > len(of_loss)
        title = f"By {spec}" + (f" of {columns}" if several else "")
        yield _blamed(title, rows[:top], len(report.files) > 1, look)


def _blamed(title: str, rows: Sequence[tuple[Result, Worst]], files: bool, look: Look) -> Table:
    worst = [row for _, row in rows]
    columns: dict[str, Sequence[Cell]] = {
        "#": [cell(at, look) for at in range(1, len(rows) + 1)],
        **group_columns([result for result, _ in rows], WORST_HEADS),
        **places(worst, files, look),
        "y": [cell(row.y, look) for row in worst],
        "ŷ": [cell(row.pred, look) for row in worst],
        "loss": [cell(row.loss, look) for row in worst],
        "share": [share(row.share) for row in worst],
        "gradient": [cell(row.gradient, look) for row in worst],
    }
    return table(title, columns)
