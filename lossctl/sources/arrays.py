"""Tables that are in memory already: mappings of arrays, pandas and polars DataFrames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossctl.batch import Batch, Text
from lossctl.errors import InputError, NoRows
from lossctl.sources.csv_file import HEAD_ROWS
from lossctl.sources.marks import joined, of_numbers, of_values
from lossctl.sources.numbers import bare_keys, to_labels, to_numbers
from lossctl.sources.table import (
    EMPTY_KEY,
    Counts,
    FirstGap,
    Parsed,
    Piece,
    Placer,
    Want,
    not_a_number,
)

ROWS = 1 << 20  # a batch: enough that handing it to a thread costs nothing


class ArrayTable:
    """Columns in memory as a table."""

    delimiter: str | None = None

    def __init__(self, data: Mapping[str, Any] | Any) -> None:
        """Take the columns; none is copied that is float64 already."""
        columns = _columns(data)
        for name, column in columns.items():
            if column.ndim != 1:
                raise InputError(f"must be one-dimensional, has shape {column.shape}", column=name)
        sizes = {name: len(column) for name, column in columns.items()}
        if len(set(sizes.values())) > 1:
            raise InputError(f"the columns differ in length: {sizes}")
        self._columns = columns
        self._size = next(iter(sizes.values()), 0)
        self._wants: tuple[Want, ...] = ()
        self._placer = Placer(())
        self._ready: dict[Want, NDArray[np.float64] | Text] = {}
        self._keys: dict[Want, NDArray[np.int64] | list[str]] = {}
        self.names = tuple(columns)

    @property
    def small(self) -> bool:
        """Whether one batch holds it."""
        return self._size <= ROWS

    def want(self, wants: Sequence[Want], *, skip: bool, fast: bool = True) -> None:  # noqa: ARG002 - the arrays have one reader
        """Say which columns are read, and what becomes of rows that lack a value."""
        self._wants = tuple(wants)
        self._placer = Placer(self._wants, skip)
        keys = [want for want in wants if want.kind == "key"]
        self._keys = {want: _keys(self._columns[want.name], want) for want in keys}
        others = [want for want in wants if want.kind != "key"]
        self._ready = {want: _typed(self._columns[want.name], want) for want in others}

    @property
    def rows(self) -> int:
        """How many rows were placed so far."""
        return self._placer.rows

    @property
    def progress(self) -> float | None:
        """The share of the input that was read, None where it is not known."""
        return self._placer.rows / self._size if self._size else None

    @property
    def gap(self) -> FirstGap | None:
        """Where the first cell without a value stands, of those placed so far."""
        return self._placer.gap

    def head_cells(self) -> dict[str, list[str]]:
        """Return the cells of the first rows, spelled as a file would hold them."""
        return {
            name: [_spelled(cell) for cell in column[:HEAD_ROWS].tolist()]
            for name, column in self._columns.items()
        }

    def row_marks(self, block: tuple[int, int]) -> NDArray[np.int64] | None:
        """Return a number for every row of a range, equal where rows are."""
        start, stop = block
        cells = (_marks(column[start:stop]) for column in self._columns.values())
        return joined(cells, stop - start)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of rows in order."""
        for start in range(0, self._size, ROWS):
            yield start, min(start + ROWS, self._size)

    def parse(self, block: tuple[int, int]) -> Piece:
        """Return the columns of a range, as views."""
        start, stop = block
        columns = {want: x[start:stop] for want, x in self._ready.items()}
        keys = {want: x[start:stop] for want, x in self._keys.items()}
        return Piece(Parsed(stop - start, columns, keys=keys).checked())

    def locate(self, piece: Piece) -> Piece:
        """Return the piece as it is: arrays have no lines."""
        return piece

    def place(self, piece: Piece) -> tuple[Batch]:
        """Number the rows."""
        return (self._placer.place(piece),)

    def finish(self) -> Counts:
        """Check what only the whole input tells, and return the counts."""
        counts = self._placer.finish()
        if not counts.rows:
            raise self.empty()
        return counts

    def empty(self) -> InputError:
        """Return the error for data without rows."""
        return NoRows("the data have no rows")


def _columns(data: Any) -> dict[str, Any]:
    """Return the columns of a mapping or a DataFrame by name."""
    if isinstance(data, Mapping):
        return {str(name): np.asarray(column) for name, column in data.items()}
    if hasattr(data, "get_column"):  # polars
        return {name: data.get_column(name).to_numpy() for name in data.columns}
    if hasattr(data, "columns") and hasattr(data, "iloc"):  # pandas
        names = [str(name) for name in data.columns]
        if len(set(names)) < len(names):
            raise InputError("two columns of the DataFrame have the same name")
        return {
            name: data.iloc[:, position].to_numpy(na_value=None)
            if data.dtypes.iloc[position].name in ("string", "str", "category", "boolean")
            else data.iloc[:, position].to_numpy()
            for position, name in enumerate(names)
        }
    raise InputError(f"data must be a path, a DataFrame or a mapping, got {type(data).__name__}")


def _typed(column: NDArray[Any], want: Want) -> NDArray[np.float64] | Text:
    """Return a column as float64 numbers or as text, as it is wanted."""
    numeric = column.dtype.kind in "fiub"
    if numeric and want.numeric:
        return column.astype(np.float64, copy=False)
    cells = [_spelled(cell) for cell in column.tolist()]
    if want.numeric:
        values, bad = (to_labels if want.kind == "binary" else to_numbers)(cells)
        if bad is None:
            return values
        what = not_a_number(want, f"'{cells[bad]}'")
        raise InputError(f"row {bad + 1}: {what}", column=want.name)
    names: dict[str, int] = {}
    codes = np.array([names.setdefault(cell, len(names)) for cell in cells], dtype=np.intp)
    return Text(codes, tuple(names))


def _keys(column: NDArray[Any], want: Want) -> NDArray[np.int64] | list[str]:
    """Return a column as the keys that a file would hold."""
    if column.dtype.kind == "i":
        return column.astype(np.int64, copy=False)
    keys = bare_keys([_spelled(cell) for cell in column.tolist()])
    if "" in keys:
        raise InputError(f"row {keys.index('') + 1}: {EMPTY_KEY}", column=want.name)
    return keys


def _marks(column: NDArray[Any]) -> NDArray[np.int64]:
    if column.dtype.kind in "fiub":
        return of_numbers(column.astype(np.float64))
    return of_values(_spelled(cell) for cell in column.tolist())


def _spelled(cell: object) -> str:
    """Return a cell as a file would hold it."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
