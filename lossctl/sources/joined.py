"""Tables whose rows are matched one to one by key columns.

All pieces are kept, of the wanted columns only, until the last one is read: memory grows with the
number of rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossctl.batch import Batch, Span, place_of
from lossctl.errors import NoRows, UnmatchedKeys
from lossctl.sources.match import Fault, key_of, match
from lossctl.sources.reference import quote
from lossctl.sources.sides import END, Beside, Side, SideBySide, concatenated, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.sources.table import Counts, Gap, Keys, Piece


FEW = 1 << 17  # rows up to which a dict takes less time than loading a dataframe engine


class JoinedTable(SideBySide):
    """A main table and others, whose rows have the same keys in any order."""

    def __init__(self, sides: Sequence[Side], keys: Sequence[str], *, inner: bool = False) -> None:
        """Take open tables that all have the key columns.

        ``inner``: rows of the main table without a match are left out and counted as skipped,
        those of the others are passed over.
        """
        super().__init__(sides, keys)
        self._inner = inner
        self._lone = 0
        self._kept: list[deque[Piece]] = [deque() for _ in sides]

    def blocks(self) -> Iterator[tuple[int, Any]]:
        """Yield the pieces of the other tables, then those of the main one, then the end."""
        for number in (*range(1, len(self.sides)), 0):
            for block in self.sides[number].table.blocks():
                yield number, block
            self._ended[number] = True
        yield 0, END

    def place(self, parsed: tuple[int, Any]) -> Iterable[Batch]:
        """Keep a piece; at the end, return the batches of all rows in the main table's order."""
        number, found = parsed
        if found is END:
            return self._matched()
        piece = self.sides[number].table.locate(found)
        self._read[number] += piece.parsed.size
        self._kept[number].append(piece)
        return ()

    def _matched(self) -> Iterator[Batch]:
        self.refuse_empty()
        ours = self._keys(0)
        found = []
        for number in range(1, len(self.sides)):
            theirs = self._keys(number)
            rows = match(
                ours, theirs, small=self.small and max(self._read) <= FEW, inner=self._inner
            )
            if isinstance(rows, Fault):
                raise self._unmatched(rows, number, ours if rows.here else theirs)
            pieces = self._kept[number]
            whole = concatenated([piece.parsed for piece in pieces])
            found.append((*whole, _spans(pieces), rows))
            pieces.clear()
        del ours, theirs
        start, pieces = 0, self._kept[0]
        while pieces:
            main = pieces.popleft()
            stop = start + main.parsed.size
            others = []
            matched = np.ones(stop - start, dtype=bool)
            for columns, gaps, spans, rows in found:
                part = rows[start:stop]
                matched &= part >= 0
                others.append(Beside(*taken(columns, gaps, part), spans, part))
            yield self._of_matched(main, others, matched)
            start = stop

    def _of_matched(self, main: Piece, others: list[Beside], matched: NDArray[np.bool_]) -> Batch:
        """Return the batch of the rows that have a match on every side."""
        if matched.all():
            return self.join(main, others)
        self._lone += int(np.count_nonzero(~matched))
        main = main._replace(parsed=main.parsed._replace(gaps=_among(main.parsed.gaps, matched)))
        others = [other._replace(gaps=_among(other.gaps, matched)) for other in others]
        batch = self.join(main, others)
        records = np.arange(len(matched)) if batch.rows is None else batch.rows
        return batch.take(np.flatnonzero(matched[records]))

    def finish(self) -> Counts:
        """Return the counts of the joined rows; those without a match were skipped."""
        counts = super().finish()
        if self._lone == counts.rows:
            raise NoRows("no row has a match")
        return counts._replace(skipped=counts.skipped + self._lone)

    def _keys(self, number: int) -> list[list[Keys]]:
        wants = self._key_wants(self.sides[number])
        return [[piece.parsed.keys[want] for piece in self._kept[number]] for want in wants]

    def _unmatched(self, fault: Fault, number: int, keys: list[list[Keys]]) -> UnmatchedKeys:
        """Return the error for keys that are not one to one."""
        here, other = (0, number) if fault.here else (number, 0)
        place = place_of(_spans(self._kept[here]), fault.rows[0])
        shown = ", ".join(_shown(key_of(keys, row)) for row in fault.rows)
        more = ", …" if fault.keys > len(fault.rows) else ""
        count = f"{fault.keys} keys" if fault.keys > 1 else "1 key"
        are, stand = ("are", "stand") if fault.keys > 1 else ("is", "stands")
        if fault.what == "twice":
            message = f"{count} {stand} more than once: {shown}{more}. A key must name one row."
        else:
            message = (
                f"{count} {are} not in {self.sides[other].label}: {shown}{more}. Every row needs"
                " its match."
            )
        where = ""
        if place.file is None:
            where = f"row {place.row} of {self.sides[here].label}: "
        return UnmatchedKeys(
            where + message, file=place.file, line=place.line, column=", ".join(self.keys)
        )


def _among(gaps: Iterable[Gap], rows: NDArray[np.bool_]) -> tuple[Gap, ...]:
    """Return gaps in some rows only."""
    found = (gap._replace(rows=gap.rows & rows) for gap in gaps)
    return tuple(gap for gap in found if gap.rows.any())


def _spans(pieces: Iterable[Piece]) -> list[Span]:
    spans = []
    first = 0
    for piece in pieces:
        spans.append(Span(first, piece.file, piece.lines))
        first += piece.parsed.size
    return spans


def _shown(key: tuple[str, ...]) -> str:
    cells = [quote(cell) for cell in key]
    return cells[0] if len(cells) == 1 else f"({', '.join(cells)})"
