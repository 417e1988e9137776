"""What every input format gives: a header, and parsed blocks that become batches in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossctl.batch import Batch, Lines, Origin, Place, Text
from lossctl.errors import MissingCells
from lossctl.sources.numbers import is_missing

if TYPE_CHECKING:
    import polars as pl

    # Whole numbers where each is spelled as Python prints it, else the cells as text.
    Keys = NDArray[np.int64] | list[str] | pl.Series

Floats = NDArray[np.float64]
EMPTY_KEY = "a key must not be empty"


class Want(NamedTuple):
    """A column that is read: its position, and what its cells must be.

    *number*: a number or missing. *binary*: a number, true (1), false (0) or missing.
    *text*: any text. *raw*: text passed through, which may be missing. *key*: text that says
    which row it is, without the blanks around it, never empty. ``infinite``: whether an infinity
    is a value like any other. ``classes`` are labels, even those that read as missing. A column
    may be wanted more than once: as a number, as text, and as a key.
    """

    name: str
    position: int
    kind: Literal["number", "binary", "text", "raw", "key"] = "number"
    infinite: bool = False
    classes: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether its cells are read as numbers."""
        return self.kind in ("number", "binary")


class Gap(NamedTuple):
    """The rows in which a column lacks a value, or holds an infinite one where none may be."""

    want: Want
    rows: NDArray[np.bool_]
    infinite: bool


NO_KEYS: Mapping[Want, Keys] = {}


class Parsed(NamedTuple):
    """The columns and keys of one block, with its records counted from 0.

    ``newlines`` is how many lines the block takes, ``offsets`` the line of each record where it is
    not simply its position.
    """

    size: int
    columns: Mapping[Want, Floats | Text]
    newlines: int = 0
    offsets: NDArray[np.intp] | None = None
    gaps: tuple[Gap, ...] = ()
    keys: Mapping[Want, Keys] = NO_KEYS

    def checked(self) -> Parsed:
        """Look for gaps; a costly look, so it is taken by the threads that parse."""
        return self._replace(
            gaps=tuple(gap for item in self.columns.items() for gap in _gaps(*item))
        )


def not_a_number(want: Want, cell: str) -> str:
    """Return what to say of a cell that is no number, or no binary label."""
    if want.kind == "number":
        return f"must be a number, got {cell}"
    rule = f"a label must be 0, 1, true or false, got {cell}"
    return f"{rule}. Is it what counts as 1? Use --positive {cell}."


class BadCell(Exception):
    """A rule was broken on a line of the block (0-based), in a column if one is known."""

    def __init__(self, line: int, column: str | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


class Piece(NamedTuple):
    """A parsed block that is known to hold, and where it stands in its file."""

    parsed: Parsed
    file: str | None = None
    lines: Lines = Lines()


class FirstGap(NamedTuple):
    """Where the first cell without a value stands, and whether it is an infinite one."""

    file: str | None
    line: int | None
    row: int
    column: str
    infinite: bool


class Counts(NamedTuple):
    """How many rows were read, left out for missing cells, or for infinite ones."""

    rows: int = 0
    skipped: int = 0
    nonfinite: int = 0


HERE: Mapping[str, Origin] = {}


@dataclass(slots=True)
class Placer:
    """Numbers the rows of parsed blocks as they come, and applies the rule for missing cells."""

    wants: tuple[Want, ...]
    skip: bool = False
    rows: int = 0
    skipped: int = 0
    nonfinite: int = 0
    first: tuple[int, Place, str, bool] | None = field(default=None)

    def place(self, piece: Piece, origins: Mapping[str, Origin] = HERE) -> Batch:
        """Return the batch of a piece, without the rows that lack a value.

        ``origins`` are those of the columns that come from another table.
        """
        parsed, file, lines = piece
        columns = {want.name: x for want, x in parsed.columns.items() if want.numeric}
        texts = {
            want.name: x
            for want, x in parsed.columns.items()
            if not want.numeric and isinstance(x, Text)
        }
        first = self.rows + 1
        keys = {
            want.name: np.array(x, dtype=object) if isinstance(x, list) else x
            for want, x in parsed.keys.items()
        }
        batch = Batch(parsed.size, columns, texts, first, file, lines, None, origins, keys)
        self.rows += parsed.size
        if not parsed.gaps:
            return batch
        lacking = np.zeros(parsed.size, dtype=bool)
        endless = np.zeros(parsed.size, dtype=bool)
        for gap in parsed.gaps:
            marks = endless if gap.infinite else lacking
            marks |= gap.rows
            index = int(np.argmax(gap.rows))
            row = batch.row(index)
            if self.first is None or row < self.first[0]:
                name = gap.want.name
                place = batch.place(index, name)
                self.first = (row, place, batch.own_name(name), gap.infinite)
        endless &= ~lacking
        self.skipped += int(np.count_nonzero(lacking))
        self.nonfinite += int(np.count_nonzero(endless))
        return batch.take(np.flatnonzero(~(lacking | endless)))

    @property
    def gap(self) -> FirstGap | None:
        """The first cell without a value, of those placed so far."""
        if self.first is None:
            return None
        row, place, column, infinite = self.first
        return FirstGap(place.file, place.line, row, column, infinite)

    def finish(self) -> Counts:
        """Raise the error for missing cells where they are not skipped; return the counts."""
        if self.first is not None and not self.skip:
            _, place, column, infinite = self.first
            count = self.skipped + self.nonfinite
            more = "" if count == 1 else f", and {count} rows in all"
            what = "an infinite value" if infinite else "a missing value"
            where = "" if place.line is not None else f" in row {place.row}"
            raise MissingCells(
                f"{what}{where}{more}. Leave such rows out? Use --missing skip.",
                file=place.file,
                line=place.line,
                column=column,
            )
        return Counts(self.rows, self.skipped + self.nonfinite, self.nonfinite)


def _gaps(want: Want, column: Floats | Text) -> Iterator[Gap]:
    if want.kind == "raw":
        return
    if isinstance(column, Text):
        lacking = np.array([_lacks(name, want.classes) for name in column.names], dtype=bool)
        if lacking.any():
            yield Gap(want, lacking[column.codes], infinite=False)
        return
    with np.errstate(all="ignore"):
        # Finite only if every term is; an overflow costs a second look.
        if math.isfinite(float(np.add.reduce(column))):
            return
    nans = np.isnan(column)
    if nans.any():
        yield Gap(want, nans, infinite=False)
    infinities = np.isinf(column)
    if not want.infinite and infinities.any():
        yield Gap(want, infinities, infinite=True)


def _lacks(name: str, classes: tuple[str, ...]) -> bool:
    return name not in classes and len(name) < 32 and is_missing(name)
