"""Marks of rows: 64-bit numbers that are equal where whole rows are.

Two rows that differ have the same mark once in 2⁶⁴ pairs, which for 2²⁰ rows is once in 2²⁵ files.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lossctl.sources.cut import record_offsets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Marks = NDArray[np.int64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def of_records(block: bytes) -> Marks:
    """Return the marks of the records of a block of CSV: those of their text, byte for byte."""
    lines = block.removesuffix(b"\n").split(b"\n")
    if b'"' in block:
        starts = [*record_offsets(block).tolist(), len(lines)]
        lines = [b"\n".join(lines[start:stop]) for start, stop in pairwise(starts)]
    return of_values(bare for line in lines if (bare := line.rstrip(b"\r")))


def of_values(values: Iterable[object]) -> Marks:
    """Return the marks of single values."""
    return np.fromiter(map(hash, values), dtype=np.int64)


def joined(columns: Iterable[Marks], size: int) -> Marks:
    """Return the marks of rows from those of their cells, column by column."""
    mix = np.zeros(size, dtype=np.uint64)
    for marks in columns:
        mix = (mix ^ marks.view(np.uint64)) * _FACTOR
        mix ^= mix >> _SHIFT
    return mix.view(np.int64)


def of_numbers(x: NDArray[np.float64]) -> Marks:
    """Return the marks of numbers: their bits, in which 0 and −0 are the same."""
    return (x + 0.0).view(np.int64)
