"""Tables for people: the value large and first, then what it is made of, then the worst rows.

A number is never wrapped or cut: where the terminal is narrow, columns that matter least go.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lossctl.renderers.look import Look, count_line, printable, printable_line, sparkline
from lossctl.renderers.words import STYLES, verdict_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lossctl.checks import Differing
    from lossctl.report import Report, Result, Statistics, Worst
    from lossctl.verdicts import Gate, Moved, Verdict

    Located = Worst | Differing | Moved

STATISTICS = ("mean", "std", "min", "p05", "p50", "p95", "max")
GAP = 2
BARS = ""  # what stands over bars
WORDS = (BARS, "rule", "group", "found", "columns", "gate")  # columns that are no numbers
NAME_LIMIT = 28


def render(report: Report, gates: Sequence[Gate], look: Look) -> str:
    """Return the report as aligned tables; ``gates`` holds one for every result, or none."""
    grouped = any(result.group is not None for result in report.results)
    parts: list[Table | Text] = [_heading(report), _values(report, look, gates)]
    if any(result.interval or result.floor for result in report.results):
        from lossctl.renderers.evidence import evidence

        parts += evidence(report, look)
    if not grouped:
        parts += _figures(report.results, look)
        for result in report.results:
            if result.worst:
                title = f"worst by {result.spec}"
                parts.append(worst_rows(title, result.worst, len(report.files) > 1, look))
    for result in report.results:
        if result.batches:
            parts.append(_batches(result, look))
    touched = _touched(report)
    if touched:
        parts.append(Text(touched))
    if report.signature:
        parts.append(Text(report.signature, style="dim"))
    return printed(parts, look)


def printed(parts: Sequence[Table | Text], look: Look) -> str:
    """Return tables and lines of text as they are printed, an empty line between them."""
    console = Console(
        file=io.StringIO(),
        width=max(look.width, *(_width(part) for part in parts)),
        force_terminal=look.colour,
        no_color=not look.colour,
        color_system="standard" if look.colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for index, part in enumerate(parts):
        if index:
            console.print()
        console.print(part, crop=False, soft_wrap=isinstance(part, Text))
    file = console.file
    assert isinstance(file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def _width(part: Table | Text) -> int:
    if isinstance(part, Text):
        return part.cell_len
    return sum(_column_widths(part)) + GAP * len(part.columns)


def _column_widths(table: Table) -> list[int]:
    return [
        max((_text(cell).cell_len for cell in (column.header, *column._cells)), default=0)
        for column in table.columns
    ]


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))


def _heading(report: Report) -> Text:
    files = _files(report.files)
    if report.truth is not None:
        files += f" with truth from {_files(report.truth.files)}"
    columns = {
        (tuple(r.columns["y"] or ()), tuple(r.columns["pred"]), r.columns["weight"])
        for r in report.results
    }
    text = f"{files}: {report.rows} rows"
    if len(columns) == 1:
        text += "; " + _columns(report.results[0])
    return Text(printable_line(text), style="dim")


def _files(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more files" if len(names) > 3 else ""
    return (", ".join(printable(name) for name in names[:3]) or "data in memory") + more


def _columns(result: Result) -> str:
    parts = []
    named = [("y", result.columns["y"]), ("ŷ", result.columns["pred"])]
    if result.columns["roles"]:
        roles = zip(result.columns["roles"], result.columns["pred"], strict=True)
        named = [named[0], *((role, [column]) for role, column in roles)]
    for name, found in named:
        if found:
            shown = [short(column) for column in found]
            text = ", ".join(shown) if len(shown) <= 3 else f"{shown[0]} … {shown[-1]}"
            parts.append(f"{name} = {text}")
    if result.columns["weight"]:
        parts.append(f"w = {short(result.columns['weight'])}")
    return ", ".join(parts)


def grid(header: Sequence[str], left: int) -> Table:
    """Return a table without lines, whose first columns stand to the left."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for index, name in enumerate(header):
        table.add_column(Text(name), justify="left" if index < left else "right", no_wrap=True)
    return table


def _values(report: Report, look: Look, gates: Sequence[Gate]) -> Table:
    results = report.results
    groups = list(dict.fromkeys(name for result in results for name in result.group or {}))
    fixed: list[tuple[str, Sequence[str | Text]]] = [
        ("loss", [Text(result.spec, style="bold") for result in results])
    ]
    fixed += [
        (short(name), [short((result.group or {}).get(name, "")) for result in results])
        for name in groups
    ]
    columns: dict[str, Sequence[str | Text]] = {}
    if gates:
        columns["gate"] = [verdict_text(gate.verdict) for gate in gates]
    columns["value"] = [
        _value(result, gates[at].verdict if gates else None, look)
        for at, result in enumerate(results)
    ]
    if groups:
        from lossctl.renderers.bars import bars

        columns[BARS] = bars(results)
    columns["n"] = [str(result.n) for result in results]
    for name in ("p50", "p95", "max") if groups else ():
        samples = [result.per_sample for result in results]
        columns[name] = [look.number(getattr(s.statistics, name)) if s else "" for s in samples]
    if len({_columns(result) for result in results}) > 1:
        columns["columns"] = [Text(_columns(result), style="dim") for result in results]
    if not any(columns.get(BARS, ())):
        columns.pop(BARS, None)
    return fitted(fixed, columns, (BARS, "p50", "p95", "max"), look)


def _value(result: Result, verdict: Verdict | None, look: Look) -> Text:
    """Return the value; its colour is what became of its gate, or that it is no finite number."""
    style = "bold" if math.isfinite(result.value) else "bold red"
    return Text(look.number(result.value), style=style if verdict is None else STYLES[verdict])


def _figures(results: Sequence[Result], look: Look) -> list[Table]:
    """Return the summaries of per-sample losses and of gradients, a column for each loss."""
    shown = [result for result in results if result.per_sample and result.gradient]
    if not shown:
        return []
    columns = [_figure_column(result, look) for result in shown]
    labels = ["per-sample loss", *(f"  {_label(s)}" for s in STATISTICS), "  histogram"]
    labels += ["gradient", *(f"  {_label(s)}" for s in STATISTICS)]
    labels += ["  ‖g‖₁", "  ‖g‖₂", "  > 0", "  < 0", "  = 0"]
    extra = any(result.per_sample and result.per_sample.infinite for result in shown)
    if extra:
        labels.append("  infinite ℓ")
    tables = []
    chunk: list[int] = []
    room = look.width - max(map(len, labels)) - GAP
    used = 0
    for index, column in enumerate(columns):
        width = max(cell_len(cell) for cell in (shown[index].spec, *column)) + GAP
        if chunk and used + width > room:
            tables.append(_figure_table(labels, shown, columns, chunk))
            chunk, used = [], 0
        chunk.append(index)
        used += width
    tables.append(_figure_table(labels, shown, columns, chunk))
    return tables


def _label(statistic: str) -> str:
    return f"{int(statistic[1:])} %" if statistic[1:].isdigit() else statistic


def _figure_table(
    labels: Sequence[str],
    shown: Sequence[Result],
    columns: Sequence[Sequence[str]],
    chunk: Sequence[int],
) -> Table:
    table = grid(["", *(shown[index].spec for index in chunk)], 1)
    for row, label in enumerate(labels):
        cells = [columns[index][row] if row < len(columns[index]) else "" for index in chunk]
        table.add_row(Text(label, style="" if label.startswith(" ") else "bold"), *cells)
    return table


def _figure_column(result: Result, look: Look) -> list[str]:
    sample, gradient = result.per_sample, result.gradient
    assert sample is not None
    assert gradient is not None
    cells = ["", *_statistics(sample.statistics, look), count_line(_folded(sample.histogram))]
    cells += ["", *_statistics(gradient.statistics, look)]
    cells += [look.number(gradient.l1), look.number(gradient.l2)]
    cells += [str(gradient.positive), str(gradient.negative), str(gradient.zero)]
    cells.append(str(sample.infinite))
    return cells


def _folded(histogram: tuple[int, ...]) -> tuple[int, ...]:
    """Return half as many bins: what fits beside the figures of another loss."""
    return tuple(a + b for a, b in zip(histogram[::2], histogram[1::2], strict=True))


def _statistics(figures: Statistics, look: Look) -> list[str]:
    return [look.number(getattr(figures, name)) for name in STATISTICS]


def worst_rows(title: str, worst: Sequence[Worst], several: bool, look: Look) -> Table:
    """Return rows to blame; on a narrow terminal without the columns that matter least.

    ``several``: whether they may be of more than one file, which is then named.
    """
    columns = {
        row_header(worst[0], several): [place(row, several) for row in worst],
        "y": [cell_text(row.y, look) for row in worst],
        "ŷ": [cell_text(row.pred, look) for row in worst],
        "loss": [look.number(row.loss) for row in worst],
        "share": ["–" if row.share is None else f"{row.share:.2%}" for row in worst],
        "gradient": [cell_text(row.gradient, look) for row in worst],
    }
    return ranked(title, columns, ("gradient", "ŷ", "y"), look)


def ranked(
    title: str, columns: Mapping[str, Sequence[str]], expendable: Sequence[str], look: Look
) -> Table:
    """Return numbered rows under a title, without the expendable columns that find no room."""
    room = look.width - len(title) - GAP
    kept = narrowed(columns, expendable, room)
    table = grid([title, *kept], 1)
    for index, cells in enumerate(zip(*kept.values(), strict=True)):
        table.add_row(Text(f"{index + 1:>{len(title)}}", style="dim"), *map(_text, cells))
    return table


def fitted(
    fixed: Sequence[tuple[str, Sequence[str | Text]]],
    columns: Mapping[str, Sequence[str | Text]],
    expendable: Sequence[str],
    look: Look,
) -> Table:
    """Return a table of names to the left, then of figures.

    Expendable figures that find no room go, the first of them first.
    """
    taken = sum(_widest(head, cells) + GAP for head, cells in fixed)
    kept = narrowed(columns, expendable, look.width - taken + GAP)  # none after the last
    table = grid([*(head for head, _ in fixed), *kept], len(fixed))
    for at, name in enumerate(kept, start=len(fixed)):
        if name in WORDS:
            table.columns[at].justify = "left"
    for row in zip(*(cells for _, cells in fixed), *kept.values(), strict=True):
        table.add_row(*map(_text, row))
    return table


def narrowed(
    columns: Mapping[str, Sequence[str | Text]], expendable: Sequence[str], room: int
) -> dict[str, Sequence[str | Text]]:
    """Return the columns without those that have to go: the first of the expendable ones first.

    One that is narrow comes back where a wide one of more weight has made room and is gone itself.
    """
    widths = {name: _widest(name, cells) + GAP for name, cells in columns.items()}
    gone: list[str] = []
    for name in expendable:
        if sum(widths.values()) - sum(widths[other] for other in gone) <= room:
            break
        gone += [name] if name in columns else []
    for name in reversed(gone):
        rest = [other for other in gone if other != name]
        if sum(widths.values()) - sum(widths[other] for other in rest) <= room:
            gone = rest
    return {name: cells for name, cells in columns.items() if name not in gone}


def _widest(head: str, cells: Sequence[str | Text]) -> int:
    return max(_text(cell).cell_len for cell in (head, *cells))


def row_header(row: Located, several: bool) -> str:
    """Return what stands over the places of rows."""
    return "line" if not several and row.line else "row"


def place(row: Located, several: bool) -> str:
    """Return the line of a row, with its file where there are several; without lines its number."""
    if row.line is None:
        return str(row.row)
    return f"{printable(row.file)}:{row.line}" if several else str(row.line)


def cell_text(value: object, look: Look) -> str:
    """Return what a cell holds: a number or a label, the first few of a list."""
    if isinstance(value, float):
        return look.number(value)
    if isinstance(value, (list, tuple)):
        few = [cell_text(item, look) for item in value[:3]]
        return ", ".join(few) + (", …" if len(value) > 3 else "")
    return short("" if value is None else value)


def _batches(result: Result, look: Look) -> Text:
    values = result.batches or ()
    step = max(1, -(-len(values) // max(8, look.width - 40)))
    means = [
        sum(values[i : i + step]) / len(values[i : i + step]) for i in range(0, len(values), step)
    ]
    ends = f"{look.number(values[0])} {sparkline(means)} {look.number(values[-1])}"
    group = f" [{', '.join(map(short, result.group.values()))}]" if result.group else ""
    return Text(f"{result.spec}{group} of {len(values)} mini-batches: {ends}")


def _touched(report: Report) -> str:
    parts = [f"{report.skipped} rows skipped"] if report.skipped else []
    for result in report.results:
        for what, count in result.touched.items():
            if count:
                parts.append(f"{result.spec}: {count} rows {what}")
    return "; ".join(dict.fromkeys(parts))


def short(text: object) -> str:
    """Return a name from the input, printable and not longer than a table can bear."""
    shown = printable(text)
    if cell_len(shown) <= NAME_LIMIT:
        return shown
    while cell_len(shown) >= NAME_LIMIT:
        shown = shown[:-1]
    return shown + "…"
