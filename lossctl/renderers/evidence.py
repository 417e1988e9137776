"""What stands beside the values where it was asked for: intervals, and the best constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from lossctl.renderers.table import GAP, cell_text, grid, short
from lossctl.report import Interval, NoInterval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from lossctl.renderers.look import Look
    from lossctl.report import Report, Result


def evidence(report: Report, look: Look) -> list[Table | Text]:
    """Return tables of the intervals and floors of a report, with what warns of them."""
    parts: list[Table | Text] = []
    shown = [result for result in report.results if isinstance(result.interval, Interval)]
    if shown:
        parts.append(_intervals(shown, look))
    told = [line for result in report.results for line in _told(result)]
    if told:
        parts.append(Text("\n".join(dict.fromkeys(told))))
    floors = [result for result in report.results if result.floor is not None]
    if floors:
        parts.append(_floors(floors, look))
    return parts


def _intervals(results: Sequence[Result], look: Look) -> Table:
    found = [result.interval for result in results if isinstance(result.interval, Interval)]
    unit = "clusters" if found[0].clusters else "rows"
    columns = {
        "low": [look.number(interval.low) for interval in found],
        "high": [look.number(interval.high) for interval in found],
        "detectable": [look.number(interval.detectable) for interval in found],
        unit: [str(interval.n_units) for interval in found],
        "method": [_method(interval) for interval in found],
    }
    title = f"{found[0].level:g} % interval"
    return _table(title, results, columns, ("method", unit, "detectable"), look)


def _method(interval: Interval) -> str:
    if interval.method != "bootstrap":
        return interval.method
    return f"BCa, {interval.resamples} resamples, seed {interval.seed}"


def _told(result: Result) -> list[str]:
    """Return what has to be said of an interval, or why there is none."""
    found = result.interval
    name = _name(result)
    if isinstance(found, NoInterval):
        return [f"{name}: no interval: {found.reason}"]
    return [f"{name}: {found.warning}"] if found is not None and found.warning else []


def _name(result: Result) -> str:
    group = f" [{', '.join(map(short, result.group.values()))}]" if result.group else ""
    return f"{result.spec}{group}"


def _floors(results: Sequence[Result], look: Look) -> Table:
    floors = [result.floor.floor if result.floor else None for result in results]
    columns = {
        "floor": [look.number(None if floor is None else floor.value) for floor in floors],
        "skill": [look.number(result.floor.skill if result.floor else None) for result in results],
        "constant": ["–" if floor is None else cell_text(floor.constant, look) for floor in floors],
        "which is": ["none" if floor is None else floor.what for floor in floors],
    }
    table = _table("best constant", results, columns, ("which is", "constant"), look)
    if table.columns[-1].header == Text("which is"):
        table.columns[-1].justify = "left"
    return table


def _table(
    title: str,
    results: Sequence[Result],
    columns: Mapping[str, Sequence[str]],
    expendable: Sequence[str],
    look: Look,
) -> Table:
    """Return a table of results; on a narrow terminal without the columns that matter least."""
    groups = list(dict.fromkeys(name for result in results for name in result.group or {}))
    lead = {title: [result.spec for result in results]}
    for name in groups:
        lead[short(name)] = [short((result.group or {}).get(name, "")) for result in results]
    kept = dict(columns)
    for name in ("", *expendable):
        kept.pop(name, None)
        widths = (max(map(cell_len, (head, *cells))) for head, cells in {**lead, **kept}.items())
        if sum(width + GAP for width in widths) <= look.width:
            break
    table = grid([*lead, *kept], len(lead))
    for row in zip(*lead.values(), *kept.values(), strict=True):
        table.add_row(Text(row[0], style="bold"), *map(Text, row[1:]))
    return table
