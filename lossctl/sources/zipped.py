"""Tables whose rows are matched by position: read in step, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.batch import Batch, Span
from lossctl.errors import InputError
from lossctl.sources.sides import END, Beside, Side, SideBySide, concatenated, taken

if TYPE_CHECKING:
    from lossctl.sources.table import Counts, Parsed, Piece


class _Waiting(NamedTuple):
    """A piece, and the rows of its table from ``start`` on, before ``stop``, that it holds."""

    start: int
    stop: int
    piece: Piece


class ZippedTable(SideBySide):
    """A main table and others of as many rows in the same order."""

    def __init__(self, sides: Sequence[Side]) -> None:
        """Take open tables."""
        super().__init__(sides)
        self._waiting: list[deque[_Waiting]] = [deque() for _ in sides]
        self._last = [False for _ in sides]  # whether the last piece was placed

    def blocks(self) -> Iterator[tuple[int, Any]]:
        """Yield pieces, always of the table that is behind."""
        pieces = [side.table.blocks() for side in self.sides]
        given = [0 for _ in self.sides]
        while not all(self._ended):
            left = [number for number, ended in enumerate(self._ended) if not ended]
            number = min(left, key=lambda at: (self._read[at], given[at]))
            block = next(pieces[number], END)
            given[number] += 1
            self._ended[number] = block is END
            yield number, block

    def place(self, parsed: tuple[int, Any]) -> Iterator[Batch]:
        """Return the batches of the main table for whose rows all tables have been read."""
        number, found = parsed
        if found is END:
            self._last[number] = True
        else:
            piece = self.sides[number].table.locate(found)
            start = self._read[number]
            self._read[number] += piece.parsed.size
            if piece.parsed.size:
                self._waiting[number].append(_Waiting(start, self._read[number], piece))
        main, *others = self._waiting
        while main and main[0].stop <= min(self._read):
            start, stop, piece = main.popleft()
            yield self.join(piece, [_between(waiting, start, stop) for waiting in others])
            for waiting in others:
                while waiting and waiting[0].stop <= stop:
                    waiting.popleft()
        # Rows beyond the end of a shorter table are counted and not kept.
        ends = [rows for rows, last in zip(self._read, self._last, strict=True) if last]
        for waiting in self._waiting:
            while ends and waiting and waiting[-1].start >= min(ends):
                waiting.pop()

    def finish(self) -> Counts:
        """Refuse tables of unequal length; return the counts of the joined rows."""
        self.refuse_empty()
        main, *others = self.sides
        ours, *counts = self._read
        for other, theirs in zip(others, counts, strict=True):
            if ours != theirs:
                raise InputError(
                    f"has {_rows(ours)} and {other.label} has {theirs}: matched by position, they"
                    " must have as many. Match by key? Use --key.",
                    file=main.label,
                )
        return super().finish()


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _between(waiting: Sequence[_Waiting], start: int, stop: int) -> Beside:
    """Return rows of a table out of the pieces that hold them."""
    parts: list[Parsed] = []
    spans = []
    for first, end, piece in waiting:
        if first < stop and end > start:
            spans.append(Span(first, piece.file, piece.lines))
            parts.append(_cut(piece.parsed, max(start - first, 0), min(stop, end) - first))
    columns, gaps = concatenated(parts)
    return Beside(columns, gaps, spans, range(start, stop))


def _cut(parsed: Parsed, start: int, stop: int) -> Parsed:
    if start == 0 and stop == parsed.size:
        return parsed
    columns, gaps = taken(parsed.columns, parsed.gaps, slice(start, stop))
    return parsed._replace(size=stop - start, columns=columns, gaps=gaps)
