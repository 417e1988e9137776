"""Rows that come more than once: by a key, or cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.batch import Place, Span, place_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.batch import Batch

    Words = NDArray[np.uint64]

KEPT = 1 << 20  # rows whose words are kept


class Repeats(NamedTuple):
    """How many rows there were, how many of them repeat an earlier one, and the first that does.

    ``seen`` are the rows that were looked at, ``different`` how many different ones those are;
    ``even``: each comes equally often.
    """

    seen: int
    different: int
    even: bool
    first: Place | None = None
    earlier: Place | None = None

    @property
    def again(self) -> int:
        """How many rows repeat an earlier one."""
        return self.seen - self.different


class Register:
    """The words of the first rows, in their order, and where each row stands."""

    def __init__(self) -> None:
        """Begin without rows."""
        self._words: list[Words] = []
        self._spans: list[Span] = []
        self._size = 0

    def add(self, batch: Batch, words: Words) -> None:
        """Take the rows that follow, as far as they are kept."""
        if self._size >= KEPT:
            return
        self._spans.append(Span(self._size, batch.file, batch.lines))
        self._words.append(words[: KEPT - self._size])
        self._size += len(self._words[-1])

    def repeats(self) -> Repeats:
        """Return which rows repeat an earlier one."""
        words = np.concatenate(self._words) if self._words else np.empty(0, np.uint64)
        _, firsts, inverse, counts = np.unique(
            words, return_index=True, return_inverse=True, return_counts=True
        )
        even = bool(len(counts)) and bool(counts.min() == counts.max())
        origin = firsts[inverse]
        again = np.flatnonzero(origin != np.arange(len(words)))
        if not len(again):
            return Repeats(len(words), len(firsts), even)
        at = int(again[0])
        places = (place_of(self._spans, at), place_of(self._spans, int(origin[at])))
        return Repeats(len(words), len(firsts), even, *places)
