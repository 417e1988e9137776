"""Rows as the learning loop takes them: columns of numbers, windows of fixed size, mini-batches.

Windows are counted in rows, so that nothing depends on how a file was cut into blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WINDOW = 1 << 16  # rows among which mini-batches are drawn, about
PLACES = 64  # of a window, at least, from which a mini-batch of so many rows is drawn
LONGEST = 16  # rows in a run
APART = 72  # numbers between two columns of a window: they must not meet in the cache


class Chunk(NamedTuple):
    """Some rows: a column for each feature, the truth as the kernel takes it, the weights."""

    x: tuple[Floats, ...]
    y: NDArray[Any]
    weight: Floats | None

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.y)

    def rows(self, start: int, stop: int) -> Chunk:
        """Return consecutive rows, as views."""
        if start == 0 and stop >= self.size:
            return self
        part = slice(start, stop)
        weight = None if self.weight is None else self.weight[part]
        return Chunk(tuple(column[part] for column in self.x), self.y[part], weight)

    def of(self, flags: NDArray[np.bool_]) -> Chunk:
        """Return the rows that are flagged."""
        weight = None if self.weight is None else self.weight[flags]
        return Chunk(tuple(column[flags] for column in self.x), self.y[flags], weight)


def joined(chunks: list[Chunk]) -> Chunk:
    """Return the rows of some chunks as one."""
    if len(chunks) == 1:
        return chunks[0]
    weights = [chunk.weight for chunk in chunks if chunk.weight is not None]
    return Chunk(
        tuple(np.concatenate(columns) for columns in zip(*(c.x for c in chunks), strict=True)),
        np.concatenate([chunk.y for chunk in chunks]),
        np.concatenate(weights) if weights else None,
    )


def in_windows(chunks: Iterable[Chunk], size: int) -> Iterator[Chunk]:
    """Cut the rows anew, ``size`` of them at a time; the last window may be smaller."""
    held: list[Chunk] = []
    count = 0
    for chunk in chunks:
        start = 0
        while start < chunk.size:
            stop = min(chunk.size, start + size - count)
            held.append(chunk.rows(start, stop))
            count += stop - start
            start = stop
            if count == size:
                yield joined(held)
                held, count = [], 0
    if held:
        yield joined(held)


def window_size(batch: int) -> int:
    """Return how many rows a window has: whole mini-batches."""
    return batch * max(1, WINDOW // batch)


def run_length(batch: int) -> int:
    """Return how many neighbours stay together when a window is shuffled.

    Rows that are copied together cost a fraction of rows that are copied one by one. It is a power
    of two that divides the mini-batch, and leaves it at least ``PLACES`` runs: small batches are
    drawn row by row.
    """
    length = 1
    while length < LONGEST and batch % (2 * length) == 0 and 2 * length * PLACES <= batch:
        length *= 2
    return length


class Shift(NamedTuple):
    """What is taken off each feature, and what the rest is multiplied by."""

    means: Floats
    factors: Floats


class Room:
    """Memory for one window: d + 1 rows of numbers, the last of them ones, the truth, the weights.

    It is filled again and again: to make it anew each time would cost as much as the training.
    """

    def __init__(self, features: int, size: int) -> None:
        self.size = 0
        whole = np.empty((features + 1, size + APART))
        self._x = whole[:, :size]
        self._x[-1] = 1.0
        self.x = self._x
        self.y: NDArray[Any] = np.empty(0)
        self.weight: Floats | None = None

    def fill(self, window: Chunk, shift: Shift | None, order: Order | None = None) -> Room:
        """Take the rows of a window, standardised and in an order where they are given."""
        size = self.size = window.size
        self.x = self._x[:, :size]
        for at, column in enumerate(window.x):
            into = self.x[at]
            if order is None:
                into[:] = column
            else:
                order.take(column, into)
            if shift is not None:
                into -= shift.means[at]
                into *= shift.factors[at]
        self.y, self.weight = window.y, window.weight
        if order is not None:
            self.y = order.taken(window.y)
            self.weight = None if window.weight is None else order.taken(window.weight)
        return self


class Order(NamedTuple):
    """A random order of the rows of a window: of its runs, or of single rows where it is ragged."""

    runs: NDArray[np.intp]
    length: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, rows: int, length: int) -> Order:
        """Draw an order; every run of ``length`` rows stays together."""
        if rows % length:
            length = 1
        return cls(rng.permutation(rows // length), length)

    def take(self, column: NDArray[Any], into: NDArray[Any]) -> None:
        """Copy a column in this order."""
        if not column.flags.c_contiguous:
            column = np.ascontiguousarray(column)
        shape = (-1, self.length)
        # "clip" lets numpy write in place; no index is outside
        np.take(column.reshape(shape), self.runs, axis=0, out=into.reshape(shape), mode="clip")

    def taken(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return a column in this order."""
        into = np.empty_like(column)
        self.take(column, into)
        return into
