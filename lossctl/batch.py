"""A batch: some consecutive rows of the input as columns of numbers and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

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


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows ``first_row`` onwards (1-based over all data rows) of one file.

    ``columns`` maps names to float64 arrays, or to Text where a binary label is spelled out;
    ``texts`` maps names to columns that are read as text. ``rows`` are the positions that remain
    where rows were left out, None where none were.
    """

    size: int
    columns: Mapping[str, Floats | Text]
    texts: Mapping[str, Text] = field(default_factory=dict)
    first_row: int = 1
    file: str | None = None
    lines: Lines = field(default_factory=Lines)
    rows: Indices | None = None

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
        return replace(self, size=size, columns=columns, texts=texts, rows=rows)

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

    def error(self, index: int, column: str, message: str) -> InputError:
        """Return the error that points at a cell."""
        line = self.line(index)
        if line is None:
            message = f"row {self.row(index)}: {message}"
        return InputError(message, file=self.file, line=line, column=column)

    def _record(self, index: int) -> int:
        return index if self.rows is None else int(self.rows[index])
