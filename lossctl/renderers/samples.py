"""The table of samples as CSV, TSV, JSON Lines, Parquet or a table for people.

One writer makes the CSV whatever its size, so that a number is spelled one way everywhere.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from lossctl.batch import Text

if TYPE_CHECKING:
    import polars as pl

    from lossctl.renderers.look import Look


class Rows(Protocol):
    """Some rows: column names to arrays, text or lists."""

    @property
    def columns(self) -> dict[str, Any]:
        """The columns."""
        ...


@dataclass(frozen=True, slots=True)
class Writer:
    """``encode`` makes a block ready in any thread; ``write`` puts them out in order."""

    encode: Callable[[Any], Any]
    write: Callable[[Iterator[Any], BinaryIO], None]


def writer(form: str, look: Look) -> Writer:
    """Return the writer of a format."""
    if form in ("csv", "tsv"):
        delimiter = "\t" if form == "tsv" else ","
        return Writer(lambda rows: _delimited(rows, delimiter), _write_with_header)
    if form == "jsonl":
        return Writer(_json_lines, _write_all)
    if form == "parquet":
        return Writer(frame, _write_parquet)
    return Writer(lambda rows: _table(rows, look), _write_all)


def frame(rows: Rows) -> pl.DataFrame:
    """Return the rows as a polars DataFrame."""
    import polars as pl

    columns = {_utf8(name): _series(pl, column) for name, column in rows.columns.items()}
    return pl.DataFrame(columns)


def _series(pl: Any, column: Any) -> Any:
    if isinstance(column, Text):
        names = pl.Series([_utf8(name) for name in column.names], dtype=pl.String)
        return names.gather(column.codes)
    if isinstance(column, list):
        return pl.Series(column, dtype=pl.Float64)
    return pl.Series(np.ascontiguousarray(column))


def _utf8(name: str) -> str:
    r"""Return a name in which bytes that are not UTF-8 are written as in JSON: \udcff."""
    return name.encode(errors="backslashreplace").decode()


def _delimited(rows: Rows, delimiter: str) -> tuple[bytes, bytes]:
    """Return the header and the lines of a block."""
    table = frame(rows)
    text, head = io.BytesIO(), io.BytesIO()
    table.write_csv(text, include_header=False, separator=delimiter)
    table.head(0).write_csv(head, separator=delimiter)
    return head.getvalue(), text.getvalue()


def _write_with_header(parts: Iterator[tuple[bytes, bytes]], file: BinaryIO) -> None:
    for index, (head, text) in enumerate(parts):
        if index == 0:
            file.write(head)
        file.write(text)


def _write_all(parts: Iterator[bytes], file: BinaryIO) -> None:
    file.writelines(parts)


def _json_lines(rows: Rows) -> bytes:
    names = list(rows.columns)
    columns = [_cells(column) for column in rows.columns.values()]
    lines = (
        json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False, allow_nan=False)
        for cells in zip(*columns, strict=True)
    )
    return "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")


def _cells(column: Any) -> list[Any]:
    """Return the cells for JSON, which has no infinities."""
    cells = _listed(column)
    if (
        isinstance(column, np.ndarray)
        and column.dtype.kind == "f"
        and not np.isfinite(column).all()
    ):
        return [cell if math.isfinite(cell) else _spelled(cell) for cell in cells]
    return cells


def _listed(column: Any) -> list[Any]:
    if isinstance(column, Text):
        return [column.names[code] for code in column.codes.tolist()]
    return list(column if isinstance(column, list) else column.tolist())


def _spelled(x: float) -> str:
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _write_parquet(parts: Iterator[pl.DataFrame], file: BinaryIO) -> None:
    """Stream the blocks into row groups: memory does not grow with the table."""
    import errno
    import itertools

    from polars.exceptions import PolarsError
    from polars.io.plugins import register_io_source

    first = next(parts)
    rest = itertools.chain([first], parts)

    def source(*_: object) -> Iterator[pl.DataFrame]:
        yield from rest

    try:
        register_io_source(source, schema=first.schema).sink_parquet(file, maintain_order=True)
    except PolarsError as error:  # what the source raises comes through as it is
        raise OSError(errno.EIO, str(error)) from None


def worst_of(parts: Iterator[Rows], top: int) -> Any:
    """Return the ``top`` rows of largest contribution, ties by row number."""
    from types import SimpleNamespace

    best: list[tuple[float, int, dict[str, Any]]] = []
    names: list[str] = []
    for rows in parts:
        names = list(rows.columns)
        contributions = np.asarray(rows.columns["contribution"])
        order = np.argsort(-contributions, kind="stable")[:top].tolist()
        for at in order:
            cells = {
                name: column.cell(at) if isinstance(column, Text) else column[at]
                for name, column in rows.columns.items()
            }
            best.append((-float(contributions[at]), int(rows.columns["row"][at]), cells))
        best = sorted(best, key=lambda row: row[:2])[:top]
    columns = {name: _column([cells[name] for _, _, cells in best]) for name in names}
    return SimpleNamespace(columns=columns)


def _column(cells: list[Any]) -> Any:
    if any(cell is None for cell in cells):
        return cells
    if cells and isinstance(cells[0], str):
        return Text(np.arange(len(cells)), tuple(cells))
    return np.array(cells)


def _table(rows: Rows, look: Look) -> bytes:
    from lossctl.renderers.table import grid, printed, short

    table = grid([short(name) for name in rows.columns], 0)
    for cells in zip(*map(_listed, rows.columns.values()), strict=True):
        table.add_row(
            *[look.number(c) if c is None or isinstance(c, float) else short(c) for c in cells]
        )
    return printed([table], replace(look, colour=False)).encode()
