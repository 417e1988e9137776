"""Keys in bulk: as whole numbers or text, found in one another by polars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lossctl.sources.numbers import BLANKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.sources.table import Keys

    Integers = NDArray[np.int64]

REPLACEMENT = "\ufffd"


def keys_of(series: pl.Series) -> Integers | pl.Series | None:
    """Return the keys that the cells of a block are; None where the reference reader must decide.

    It must for an empty key, and for bytes that are not UTF-8.
    """
    integers = whole_numbers(series)
    if integers is not None:
        return integers
    bare = series.fill_null("").str.strip_chars(BLANKS)
    if (bare == "").any() or bare.str.contains(REPLACEMENT, literal=True).any():
        return None
    return bare


def whole_numbers(cells: pl.Series) -> Integers | None:
    """Return the int64 numbers that all cells are, spelled as Python prints them; else None.

    Any other spelling that polars reads as the same number is longer ("07", "+7", "-0"), so that
    it is enough to compare how long all cells are together.
    """
    numbers = cells.cast(pl.Int64, strict=False)
    if numbers.null_count():
        return None
    values: Integers = numbers.to_numpy()
    size = np.abs(values)
    length = len(values) + int(np.count_nonzero(values < 0))
    bound, most = 10, int(size.max(initial=0))
    while bound <= most:
        length += int(np.count_nonzero(size >= bound))
        bound *= 10
    return values if cells.str.len_bytes().sum() == length else None


def aligned(ours: Sequence[Keys], theirs: Sequence[Keys]) -> tuple[pl.Series, pl.Series]:
    """Return the pieces of a key column of two tables, each as one, of one kind on both sides."""
    plain = [[_plain(piece) for piece in pieces] for pieces in (ours, theirs)]
    if not all(isinstance(piece, np.ndarray) for pieces in plain for piece in pieces):
        plain = [[_as_text(piece) for piece in pieces] for pieces in plain]
    first, second = ([pl.Series(piece) for piece in pieces] for pieces in plain)
    return pl.concat(first), pl.concat(second)


def _plain(piece: Keys) -> Integers | pl.Series:
    if not isinstance(piece, list):
        return piece
    cells = pl.Series(piece, dtype=pl.String)
    integers = whole_numbers(cells)
    return cells if integers is None else integers


def _as_text(piece: Integers | pl.Series) -> pl.Series:
    return pl.Series(piece).cast(pl.String) if isinstance(piece, np.ndarray) else piece


def rows_of(ours: Sequence[pl.Series], theirs: Sequence[pl.Series]) -> NDArray[np.intp] | None:
    """Return the row there of each row here where the keys are one to one; None where not."""
    here, there = (
        pl.DataFrame({f"k{i}": column for i, column in enumerate(columns)})
        for columns in (ours, theirs)
    )
    if here.height != there.height:
        return None
    on = list(here.columns)
    pairs = here.with_row_index("here").join(there.with_row_index("there"), on=on)
    # As many pairs as rows, and every row in one of them: then no row is in two.
    if pairs.height != here.height:
        return None
    rows = np.full(here.height, -1, dtype=np.intp)
    rows[pairs["here"].to_numpy()] = pairs["there"].to_numpy()
    met = np.zeros(there.height, dtype=bool)
    met[rows[rows >= 0]] = True
    return rows if rows.min(initial=0) >= 0 and met.all() else None


def codes_of(
    ours: Sequence[pl.Series], theirs: Sequence[pl.Series]
) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Return a number for every key, the same for the same key, and how many numbers there are."""
    codes = np.zeros(len(ours[0]) + len(theirs[0]), dtype=np.int64)
    count = 1
    for here, there in zip(ours, theirs, strict=True):
        column = pl.concat([here, there]).rank("dense").to_numpy().astype(np.int64) - 1
        pair = pl.Series(codes * (int(column.max(initial=0)) + 1) + column)
        codes = pair.rank("dense").to_numpy().astype(np.int64) - 1
        count = int(codes.max(initial=-1)) + 1
    return codes[: len(ours[0])], codes[len(ours[0]) :], count
