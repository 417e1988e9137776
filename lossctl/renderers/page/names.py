"""What results, groups, files, columns and rows are called on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossctl.renderers.page.tables import Cell, cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lossctl.renderers.look import Look
    from lossctl.report import Result


def files_text(files: Sequence[str]) -> str:
    """Return the first names of files, or that the data was in memory."""
    more = f" and {len(files) - 3} more files" if len(files) > 3 else ""
    return (", ".join(files[:3]) or "data in memory") + more


def group_text(group: Mapping[str, str] | None) -> str:
    """Return what a group is; nothing for all rows."""
    return "" if group is None else ", ".join(f"{name} = {label}" for name, label in group.items())


def group_columns(results: Sequence[Any], taken: Sequence[str] = ()) -> dict[str, tuple[Cell, ...]]:
    """Return a column for every name that rows were grouped by."""
    names = dict.fromkeys(name for result in results for name in result.group or {})
    return {
        f"group {name}" if name in taken else name: tuple(
            Cell((result.group or {}).get(name, "–")) for result in results
        )
        for name in names
    }


def places(rows: Sequence[Any], files: bool, look: Look) -> dict[str, Sequence[Cell]]:
    """Return where rows are: the file where there are several, the line, else the row."""
    columns: dict[str, Sequence[Cell]] = {}
    if files:
        columns["file"] = [cell(row.file, look) for row in rows]
    if all(row.line is not None for row in rows):
        columns["line"] = [cell(row.line, look) for row in rows]
    else:
        columns["row"] = [cell(row.row, look) for row in rows]
    return columns


def columns_text(result: Result) -> str:
    """Return which columns a result was computed from."""
    return "; ".join(f"{name} = {text}" for name, text in _columns(result))


def _columns(result: Result) -> Iterator[tuple[str, str]]:
    columns = result.columns
    if columns["y"]:
        yield "y", ", ".join(columns["y"])
    if columns["roles"]:
        yield from zip(columns["roles"], columns["pred"], strict=True)
    else:
        yield "ŷ", ", ".join(columns["pred"])
    if columns["weight"]:
        yield "w", columns["weight"]
