"""What every input format gives: a header, and parsed blocks that become batches in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossctl.batch import Batch, Lines, Text
from lossctl.errors import InputError
from lossctl.sources.numbers import is_missing

Floats = NDArray[np.float64]


class Want(NamedTuple):
    """A column that is read: its position, and what its cells must be.

    *number*: a number or missing. *binary*: numbers where a whole block has them, else text.
    *text*: any text. *raw*: text passed through, which may be missing. ``infinite``: whether an
    infinity is a value like any other. ``classes`` are labels, even those that read as missing.
    A column may be wanted twice, as a number and as text.
    """

    name: str
    position: int
    kind: Literal["number", "binary", "text", "raw"] = "number"
    infinite: bool = False
    classes: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether its cells are read as numbers where they can be."""
        return self.kind in ("number", "binary")


class Parsed(NamedTuple):
    """The columns of one block, with its records counted from 0.

    ``newlines`` is how many lines the block takes, ``offsets`` the line of each record where it is
    not simply its position.
    """

    size: int
    columns: Mapping[Want, Floats | Text]
    newlines: int = 0
    offsets: NDArray[np.intp] | None = None


class BadCell(Exception):
    """A rule was broken on a line of the block (0-based), in a column if one is known."""

    def __init__(self, line: int, column: str | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


class Counts(NamedTuple):
    """How many rows were read, left out for missing cells, or for infinite ones."""

    rows: int = 0
    skipped: int = 0
    nonfinite: int = 0


@dataclass(slots=True)
class Placer:
    """Numbers the rows of parsed blocks as they come, and applies the rule for missing cells."""

    wants: tuple[Want, ...]
    skip: bool = False
    rows: int = 0
    skipped: int = 0
    nonfinite: int = 0
    first: tuple[str | None, int | None, int, str, bool] | None = field(default=None)

    def place(self, parsed: Parsed, file: str | None, lines: Lines) -> Batch:
        """Return the batch of a block, without the rows that lack a value."""
        columns = {want.name: x for want, x in parsed.columns.items() if want.numeric}
        texts = {
            want.name: x
            for want, x in parsed.columns.items()
            if not want.numeric and isinstance(x, Text)
        }
        batch = Batch(parsed.size, columns, texts, self.rows + 1, file, lines)
        self.rows += parsed.size
        missing = self._marked(parsed, batch, _missing, infinite=False)
        nonfinite = self._marked(parsed, batch, _infinite, infinite=True)
        if missing is None and nonfinite is None:
            return batch
        empty = np.zeros(parsed.size, dtype=bool)
        lacking = empty if missing is None else missing
        endless = empty if nonfinite is None else nonfinite & ~lacking
        self.skipped += int(np.count_nonzero(lacking))
        self.nonfinite += int(np.count_nonzero(endless))
        return batch.take(np.flatnonzero(~(lacking | endless)))

    def _marked(
        self,
        parsed: Parsed,
        batch: Batch,
        mark: Callable[[Want, Floats | Text], NDArray[np.bool_] | None],
        infinite: bool,
    ) -> NDArray[np.bool_] | None:
        """Return the rows that a rule marks, None where there are none; remember the first."""
        found: NDArray[np.bool_] | None = None
        for want in self.wants:
            marks = mark(want, parsed.columns[want])
            if marks is None:
                continue
            found = marks if found is None else found | marks
            index = int(np.argmax(marks))
            row = batch.row(index)
            if self.first is None or row < self.first[2]:
                self.first = (batch.file, batch.line(index), row, want.name, infinite)
        return found

    def finish(self) -> Counts:
        """Raise the error for missing cells where they are not skipped; return the counts."""
        if self.first is not None and not self.skip:
            file, line, row, column, infinite = self.first
            count = self.skipped + self.nonfinite
            more = "" if count == 1 else f", and {count} rows in all"
            what = "an infinite value" if infinite else "a missing value"
            place = "" if line is not None else f" in row {row}"
            raise InputError(
                f"{what}{place}{more}. Leave such rows out? Use --missing skip.",
                file=file,
                line=line,
                column=column,
            )
        return Counts(self.rows, self.skipped + self.nonfinite, self.nonfinite)


def _missing(want: Want, column: Floats | Text) -> NDArray[np.bool_] | None:
    if want.kind == "raw":
        return None
    if isinstance(column, Text):
        gaps = np.array([_lacks(name, want.classes) for name in column.names], dtype=bool)
        return gaps[column.codes] if gaps.any() else None
    if math.isfinite(_sum(column)):
        return None
    nans = np.isnan(column)
    return nans if nans.any() else None


def _lacks(name: str, classes: tuple[str, ...]) -> bool:
    return name not in classes and len(name) < 32 and is_missing(name)


def _infinite(want: Want, column: Floats | Text) -> NDArray[np.bool_] | None:
    if want.infinite or isinstance(column, Text) or math.isfinite(_sum(column)):
        return None
    infinities = np.isinf(column)
    return infinities if infinities.any() else None


def _sum(column: Floats) -> float:
    """Return a sum that is finite only if every term is; it may overflow, which costs a look."""
    with np.errstate(all="ignore"):
        return float(np.add.reduce(column))
