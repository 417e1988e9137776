"""Rows of two tables matched one to one by their keys, or what keeps them from it.

Every key becomes a number, the same for the same key, and numpy matches those. Whole numbers that
lie close together are such numbers already; a dict gives them to few keys, polars to many.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lossctl.sources.table import Keys

    Indices = NDArray[np.intp]
    KeyColumns = Sequence[Sequence[Keys]]  # the pieces of each key column

SHOWN = 5
SPREAD = 4  # whole numbers are their own codes where there is at least one in so many


class Fault(NamedTuple):
    """Why rows are not one to one: keys that are twice, or alone, here or there.

    ``rows`` are the first rows that show it, each of another key, and ``keys`` is how many keys do.
    """

    what: Literal["twice", "alone"]
    here: bool
    rows: tuple[int, ...]
    keys: int


def match(
    here: KeyColumns, there: KeyColumns, *, small: bool, inner: bool = False
) -> Indices | Fault:
    """Return the row there of every row here, or the first fault of either side.

    ``inner``: a row that has no match is no fault; it is −1 here, and not named there.
    """
    if small:
        return _by_codes(*_counted(here, there), inner)
    if len(here) == 1 and (close := _close(here[0], there[0])) is not None:
        return _by_codes(*close, inner)
    from lossctl.sources import keys

    columns = [keys.aligned(*pieces) for pieces in zip(here, there, strict=True)]
    ours, theirs = zip(*columns, strict=True)
    rows = keys.rows_of(ours, theirs)
    return rows if rows is not None else _by_codes(*keys.codes_of(ours, theirs), inner)


def key_of(columns: KeyColumns, row: int) -> tuple[str, ...]:
    """Return the key of a row, counted from 0."""
    cells = []
    for pieces in columns:
        at = row
        for piece in pieces:
            if at < len(piece):
                cells.append(str(piece[at]))
                break
            at -= len(piece)
    return tuple(cells)


def _counted(here: KeyColumns, there: KeyColumns) -> tuple[Indices, Indices, int]:
    known: dict[tuple[str, ...], int] = {}
    codes = []
    for columns in (here, there):
        cells = [chain.from_iterable(map(_texts, pieces)) for pieces in columns]
        found = [known.setdefault(key, len(known)) for key in zip(*cells, strict=True)]
        codes.append(np.array(found, dtype=np.intp))
    return codes[0], codes[1], len(known)


def _texts(piece: Keys) -> Sequence[str]:
    return list(map(str, piece.tolist())) if isinstance(piece, np.ndarray) else list(piece)


def _close(here: Sequence[Keys], there: Sequence[Keys]) -> tuple[Indices, Indices, int] | None:
    """Return whole numbers as codes; None where keys are text, or lie too far apart."""
    ours = [piece for piece in here if isinstance(piece, np.ndarray)]
    theirs = [piece for piece in there if isinstance(piece, np.ndarray)]
    full = [piece for piece in (*ours, *theirs) if len(piece)]
    if len(ours) < len(here) or len(theirs) < len(there) or not full:
        return None
    low = min(int(piece.min()) for piece in full)
    span = max(int(piece.max()) for piece in full) - low + 1
    if span > SPREAD * sum(map(len, full)):
        return None
    return np.concatenate(ours) - low, np.concatenate(theirs) - low, span


def _by_codes(here: Indices, there: Indices, count: int, inner: bool) -> Indices | Fault:
    """Return the row there of every row here, where each code stands once on both sides."""
    seen = np.zeros(count, dtype=bool)
    seen[here] = True
    if np.count_nonzero(seen) < len(here):
        return _twice(here, count, here=True)
    position = np.full(count, -1, dtype=np.intp)
    position[there] = np.arange(len(there))
    if np.count_nonzero(position >= 0) < len(there):
        return _twice(there, count, here=False)
    rows = position[here]
    if inner:
        return rows
    if rows.min(initial=0) < 0:
        return _alone(np.flatnonzero(rows < 0), here=True)
    if len(there) > len(here):
        return _alone(np.flatnonzero(~seen[there]), here=False)
    return rows


def _alone(rows: Indices, *, here: bool) -> Fault:
    return Fault("alone", here, tuple(rows[:SHOWN].tolist()), len(rows))


def _twice(codes: Indices, count: int, *, here: bool) -> Fault:
    """Return the rows whose key stood before, the first of each key."""
    first = np.empty(count, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several rows, the last one written stays
    again = np.flatnonzero(first[codes] != np.arange(len(codes)))
    _, at = np.unique(codes[again], return_index=True)
    rows = np.sort(again[at])
    return Fault("twice", here, tuple(rows[:SHOWN].tolist()), len(rows))
