"""A batch: some consecutive rows of the input as columns of numbers and labels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Text:
    """A column of text: row i holds ``names[codes[i]]``."""

    codes: Indices
    names: tuple[str, ...]

    def __getitem__(self, rows: slice | Indices) -> Text:
        """Return some of the rows."""
        return Text(self.codes[rows], self.names)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    def cell(self, row: int) -> str:
        """Return what one row holds."""
        return self.names[int(self.codes[row])]


# Records are named tuples where nothing is merged or cached: defining one takes a tenth of the
# time that a dataclass takes, and start-up is what a one-liner feels.
class Lines(NamedTuple):
    """The line of the file that each record begins on; none where the input has no lines."""

    first: int | None = None
    offsets: Indices | None = None

    def of(self, record: int) -> int | None:
        """Return the line of a record; where no offsets are kept, each record is one line."""
        if self.first is None:
            return None
        return self.first + (record if self.offsets is None else int(self.offsets[record]))


class Place(NamedTuple):
    """Where a row stands: its number, 1-based over all rows of its table, its file and line."""

    row: int
    file: str | None = None
    line: int | None = None


class Span(NamedTuple):
    """A piece of a table: its first row, counted from 0 over the table, its file and lines."""

    first: int
    file: str | None = None
    lines: Lines = Lines()


def place_of(spans: Sequence[Span], row: int) -> Place:
    """Return where a row of a table stands, counted from 0; the spans are in order."""
    span = spans[bisect_right(spans, row, key=lambda span: span.first) - 1]
    return Place(row + 1, span.file, span.lines.of(row - span.first))


class Origin(NamedTuple):
    """Where a column that another table gave stands there: its name, and a row for each record."""

    column: str
    spans: Sequence[Span]
    rows: Indices | range


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows ``first_row`` onwards (1-based over all data rows) of one file.

    ``columns`` maps names to float64 arrays, or to Text where a binary label is spelled out;
    ``texts`` maps names to columns that are read as text. ``rows`` are the positions that remain
    where rows were left out, None where none were. ``origins`` are those of the columns that come
    from another table. ``keys`` say which row it is: int64 where all cells are whole numbers as
    Python prints them, else text.
    """

    size: int
    columns: Mapping[str, Floats | Text]
    texts: Mapping[str, Text] = field(default_factory=dict)
    first_row: int = 1
    file: str | None = None
    lines: Lines = field(default_factory=Lines)
    rows: Indices | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers."""
        column = self.columns[name]
        assert not isinstance(column, Text)
        return column

    def take(self, rows: slice | Indices) -> Batch:
        """Return some of the rows, in the order given."""
        kept = np.arange(self.size)[rows] if self.rows is None else self.rows[rows]
        return self._with(len(kept), rows, kept)

    def part(self, start: int, stop: int) -> Batch:
        """Return consecutive rows, as views."""
        if start == 0 and stop >= self.size:
            return self
        rows = (
            np.arange(start, min(stop, self.size)) if self.rows is None else self.rows[start:stop]
        )
        return self._with(len(rows), slice(start, stop), rows)

    def _with(self, size: int, chosen: slice | Indices, rows: Indices) -> Batch:
        columns = {name: column[chosen] for name, column in self.columns.items()}
        texts = {name: column[chosen] for name, column in self.texts.items()}
        keys = {name: column[chosen] for name, column in self.keys.items()}
        return replace(self, size=size, columns=columns, texts=texts, rows=rows, keys=keys)

    def row(self, index: int) -> int:
        """Return the number of a row, 1-based over all data rows."""
        return self.first_row + self._record(index)

    def row_numbers(self) -> NDArray[np.int64]:
        """Return the numbers of all rows, 1-based over all data rows."""
        records = np.arange(self.size) if self.rows is None else self.rows
        return records + self.first_row

    def line(self, index: int) -> int | None:
        """Return the line of the file that a row begins on."""
        return self.lines.of(self._record(index))

    def place(self, index: int, column: str) -> Place:
        """Return where a cell stands, which may be in another table."""
        record = self._record(index)
        origin = self.origins.get(column)
        if origin is None:
            return Place(self.first_row + record, self.file, self.lines.of(record))
        return place_of(origin.spans, int(origin.rows[record]))

    def error(self, index: int, column: str, message: str) -> InputError:
        """Return the error that points at a cell."""
        place = self.place(index, column)
        if place.line is None:
            message = f"row {place.row}: {message}"
        return InputError(message, file=place.file, line=place.line, column=self.own_name(column))

    def own_name(self, column: str) -> str:
        """Return what a column is called in its own table."""
        origin = self.origins.get(column)
        return column if origin is None else origin.column

    def _record(self, index: int) -> int:
        return index if self.rows is None else int(self.rows[index])
