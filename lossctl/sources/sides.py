"""Several tables side by side: a main one, and others whose columns join its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.batch import Batch, Origin, Span, Text
from lossctl.sources.table import Counts, Gap, Parsed, Piece, Placer, Want

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.sources.arrays import ArrayTable
    from lossctl.sources.csv_file import CsvTable

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]
    Columns = Mapping[Want, Floats | Text]

END = None  # in the place of a block: there are no more of that table


class Side(NamedTuple):
    """One of the tables: its role, and what its columns are called among those of all."""

    role: str
    table: CsvTable | ArrayTable
    inner: Mapping[str, str]

    @property
    def label(self) -> str:
        """What a message calls it."""
        files: Sequence[str] = getattr(self.table, "files", ())
        more = f" and {len(files) - 3} more files" if len(files) > 3 else ""
        return f"{', '.join(files[:3])}{more}" if files else f"the {self.role} in memory"


def sides_of(tables: Mapping[str, Any], keys: Sequence[str] = ()) -> tuple[Side, ...]:
    """Return the tables by their roles, the main one first, with names that tell columns apart.

    A key column is that of the main table.
    """
    taken: set[str] = set()
    sides: list[Side] = []
    for role, table in tables.items():
        inner = {}
        for name in table.names:
            fresh = name
            if not sides or name not in keys:
                count = 1
                while fresh in taken:
                    fresh = f"{name} ({role})" if count == 1 else f"{name} ({role} {count})"
                    count += 1
                taken.add(fresh)
            inner[name] = fresh
        sides.append(Side(role, table, inner))
    return tuple(sides)


class Beside(NamedTuple):
    """What another table gives to a batch: columns and gaps, and the row there of each row."""

    columns: Columns
    gaps: Sequence[Gap]
    spans: Sequence[Span]
    rows: Indices | range


class SideBySide:
    """What tables have in common whose rows are joined, however they are matched."""

    def __init__(self, sides: Sequence[Side], keys: Sequence[str] = ()) -> None:
        """Take open tables; whoever opened them closes them."""
        self.sides = tuple(sides)
        self.keys = tuple(keys)
        self.names = tuple(dict.fromkeys(n for side in sides for n in side.inner.values()))
        self.written = self.names
        self._owners: dict[str, tuple[int, str]] = {}
        for number, side in enumerate(sides):
            for own, inner in side.inner.items():
                self._owners.setdefault(inner, (number, own))
        self._wants: list[dict[Want, Want]] = [{} for _ in sides]
        self._ended = [False for _ in sides]
        self._read = [0 for _ in sides]
        self._placer = Placer(())

    @property
    def small(self) -> bool:
        """Whether all inputs are in hand and small."""
        return all(side.table.small for side in self.sides)

    def want(self, wants: Sequence[Want], *, skip: bool, fast: bool = True) -> None:
        """Say which columns are read, and what becomes of rows that lack a value."""
        self._placer = Placer(tuple(wants), skip)
        self._wants = [{} for _ in self.sides]
        for want in wants:
            if want.kind == "key":
                continue  # read on every side
            number, own = self._owners[want.name]
            position = self.sides[number].table.names.index(own)
            self._wants[number][want._replace(name=own, position=position)] = want
        for side, chosen in zip(self.sides, self._wants, strict=True):
            side.table.want((*chosen, *self._key_wants(side)), skip=skip, fast=fast)

    def _key_wants(self, side: Side) -> tuple[Want, ...]:
        return tuple(Want(name, side.table.names.index(name), "key") for name in self.keys)

    @property
    def rows(self) -> int:
        """How many rows were joined so far."""
        return self._placer.rows

    @property
    def progress(self) -> float | None:
        """The share of all inputs that was read, None where it is not known."""
        total = 0.0
        for side, ended in zip(self.sides, self._ended, strict=True):
            share = 1.0 if ended else side.table.progress
            if share is None:
                return None
            total += share
        return total / len(self.sides)

    def parse(self, block: tuple[int, Any]) -> tuple[int, Any]:
        """Parse a piece as its table does."""
        number, piece = block
        return number, END if piece is END else self.sides[number].table.parse(piece)

    def finish(self) -> Counts:
        """Check what only the whole input tells, and return the counts of the joined rows."""
        return self._placer.finish()

    def refuse_empty(self) -> None:
        """Raise InputError where a table has no rows."""
        for side, rows in zip(self.sides, self._read, strict=True):
            if not rows:
                raise side.table.empty()

    def join(self, main: Piece, others: Sequence[Beside]) -> Batch:
        """Return the batch of a piece of the main table with the columns of the others."""
        ours = self._wants[0]
        columns = {ours[own]: x for own, x in main.parsed.columns.items()}
        gaps = [gap._replace(want=ours[gap.want]) for gap in main.parsed.gaps]
        origins = {}
        for theirs, other in zip(self._wants[1:], others, strict=True):
            columns.update((theirs[own], x) for own, x in other.columns.items())
            gaps += [gap._replace(want=theirs[gap.want]) for gap in other.gaps]
            for own, want in theirs.items():
                origins[want.name] = Origin(own.name, other.spans, other.rows)
        joined = Parsed(main.parsed.size, columns, gaps=tuple(gaps), keys=main.parsed.keys)
        return self._placer.place(main._replace(parsed=joined), origins)


def concatenated(pieces: Sequence[Parsed]) -> tuple[Columns, tuple[Gap, ...]]:
    """Return the columns and gaps of consecutive pieces, at least one, as those of one."""
    if len(pieces) == 1:
        return pieces[0].columns, pieces[0].gaps
    columns = {want: _concatenated([p.columns[want] for p in pieces]) for want in pieces[0].columns}
    size = sum(piece.size for piece in pieces)
    marks: dict[tuple[Want, bool], NDArray[np.bool_]] = {}
    start = 0
    for piece in pieces:
        for gap in piece.gaps:
            rows = marks.setdefault((gap.want, gap.infinite), np.zeros(size, dtype=bool))
            rows[start : start + piece.size] = gap.rows
        start += piece.size
    return columns, tuple(Gap(want, rows, infinite) for (want, infinite), rows in marks.items())


def _concatenated(columns: Sequence[Floats | Text]) -> Floats | Text:
    texts = [column for column in columns if isinstance(column, Text)]
    if not texts:
        return np.concatenate([column for column in columns if not isinstance(column, Text)])
    known: dict[str, int] = {}
    codes = []
    for text in texts:
        new = [known.setdefault(name, len(known)) for name in text.names]
        codes.append(np.array(new, dtype=np.intp)[text.codes])
    return Text(np.concatenate(codes), tuple(known))


def taken(columns: Columns, gaps: Sequence[Gap], rows: Any) -> tuple[Columns, tuple[Gap, ...]]:
    """Return some rows of columns and gaps."""
    chosen = {want: _some(column, rows) for want, column in columns.items()}
    cut = (gap._replace(rows=gap.rows[rows]) for gap in gaps)
    return chosen, tuple(gap for gap in cut if gap.rows.any())


def _some(column: Floats | Text, rows: Any) -> Floats | Text:
    """Return some rows; of text, with no more names than rows."""
    some = column[rows]
    if isinstance(some, Text) and len(some.names) > len(some):
        used, codes = np.unique(some.codes, return_inverse=True)
        return Text(codes, tuple(some.names[code] for code in used.tolist()))
    return some
