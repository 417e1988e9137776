"""What came of a gradient check, as a table or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lossctl.renderers.look import printable, printable_line

if TYPE_CHECKING:
    from rich.table import Table

    from lossctl.checks import Differing, GradCheck
    from lossctl.renderers.look import Look


def render(found: GradCheck, form: str, look: Look) -> str:
    """Return the verdict and the worst rows."""
    if form == "json":
        text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n"
    from rich.text import Text

    from lossctl.renderers.table import printed

    columns = found.columns
    named = {"y": columns["y"], "ŷ": columns["pred"], "gradient": columns["grad"]}
    files = ", ".join(map(printable, found.files)) or "data in memory"
    parts = [f"{name} = {_few(names)}" for name, names in named.items() if names]
    if columns["weight"]:
        parts.append(f"w = {printable(columns['weight'])}")
    heading = printable_line(f"{files}: {found.n} rows; {', '.join(parts)}")
    verdict = Text(found.verdict, style="bold green" if found.agrees else "bold red")
    tables = [_table(found, look)] if found.worst else []
    return printed([Text(heading, style="dim"), verdict, *tables], look)


def _few(names: list[str]) -> str:
    shown = [printable(name) for name in names]
    return ", ".join(shown) if len(shown) <= 3 else f"{shown[0]} … {shown[-1]}"


def _table(found: GradCheck, look: Look) -> Table:
    """Return the worst rows."""
    from rich.text import Text

    from lossctl.renderers.table import cell_text, grid, place

    by_row = any(row.line is None for row in found.worst)
    header = ["worst", "row" if by_row else "line", "y", "ŷ", "found", "closed form", "ratio"]
    table = grid(header, 0)
    for at, row in enumerate(found.worst, start=1):
        cells = [cell_text(x, look) for x in (row.y, row.pred, row.found, row.expected)]
        where = place(row, len(found.files) > 1)
        table.add_row(*map(Text, (str(at), where, *cells, _ratio(row, look))))
    return table


def _ratio(row: Differing, look: Look) -> str:
    """Return found / closed form, of the entry that differs most."""
    pairs = sorted(zip(row.found, row.expected, strict=True), key=lambda p: -abs(p[0] - p[1]))
    found, expected = pairs[0]
    return look.number(found / expected) if expected else "–"
