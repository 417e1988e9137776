"""What came of a gradient check, as a table or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lossctl.renderers.look import printable, printable_line

if TYPE_CHECKING:
    from lossctl.checks import Differing, GradCheck
    from lossctl.renderers.look import Look


def render(found: GradCheck, form: str, look: Look) -> str:
    """Return the verdict and the worst rows."""
    if form == "json":
        text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n"
    columns = found.columns
    named = {"y": columns["y"], "ŷ": columns["pred"], "gradient": columns["grad"]}
    files = ", ".join(map(printable, found.files)) or "data in memory"
    parts = [f"{name} = {_few(names)}" for name, names in named.items() if names]
    if columns["weight"]:
        parts.append(f"w = {printable(columns['weight'])}")
    lines = [printable_line(f"{files}: {found.n} rows; {', '.join(parts)}"), ""]
    lines.append(found.verdict)
    if found.worst:
        lines += ["", *_table(found, look)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _few(names: list[str]) -> str:
    shown = [printable(name) for name in names]
    return ", ".join(shown) if len(shown) <= 3 else f"{shown[0]} … {shown[-1]}"


def _table(found: GradCheck, look: Look) -> list[str]:
    """Return the worst rows in aligned columns."""
    place = "row" if any(row.line is None for row in found.worst) else "line"
    rows = [["worst", place, "y", "ŷ", "found", "closed form", "ratio"]]
    for at, row in enumerate(found.worst, start=1):
        where = _place(row, len(found.files) > 1)
        cells = [_cell(x, look) for x in (row.y, row.pred, row.found, row.expected)]
        rows.append([str(at), where, *cells, _ratio(row, look)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]


def _place(row: Differing, several: bool) -> str:
    if row.line is None:
        return str(row.row)
    return f"{printable(row.file)}:{row.line}" if several else str(row.line)


def _cell(value: object, look: Look) -> str:
    if isinstance(value, float):
        return look.number(value)
    if isinstance(value, (list, tuple)):
        few = ", ".join(_cell(item, look) for item in value[:3])
        return few + (", …" if len(value) > 3 else "")
    return "" if value is None else printable(value)[:28]


def _ratio(row: Differing, look: Look) -> str:
    """Return found / closed form, of the entry that differs most."""
    pairs = sorted(zip(row.found, row.expected, strict=True), key=lambda p: -abs(p[0] - p[1]))
    found, expected = pairs[0]
    return look.number(found / expected) if expected else "–"
