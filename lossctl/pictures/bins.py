"""Histograms of what ``Quantiles`` holds, without a rounding: bins end where bins of it end.

Their edges are whole multiples of a power of two, or numbers that are even in the logarithm but
for 0.2 %, with at most nine significant bits. So the counts are exact whether the numbers were
kept or counted, and free of order. A bin holds its edge that is nearer to 0, and the first one on
the positive side 0 itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lossctl.pictures.records import Bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.quantiles import Quantiles

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST = 64  # bins
RESOLVED = 9  # bits of the number of a bin, which the histogram of many numbers tells apart
SKEWED = 256.0  # the largest over the median size: from here on, even bins would show one bar
CROWDED = 3  # a bin that holds one in so many: a closer look is due
CLOSER = 0.995  # … at the numbers nearest to 0, this share of all
SHORTER = 1.5  # … if the others reach so many times as far
QUARTERS = (256, 304, 362, 431)  # 2^(i/4) in 256ths


def histogram(found: Quantiles) -> Bins:
    """Return a histogram of the finite numbers: in even bins, of skewed ones in logarithmic ones.

    There are no bins where there are no numbers.
    """
    values, counts = found.steps()
    finite = np.isfinite(values)
    values, counts = values[finite], counts[finite]
    if not len(values):
        return Bins((), ())
    sizes = np.abs(values)
    used = sizes > 0.0
    if used.any() and float(sizes.max()) > SKEWED * _median(sizes[used], counts[used]):
        return _logarithmic(values, counts)
    return _closer(values, counts, _even(values, counts, exact=found.exact), exact=found.exact)


def _closer(values: Floats, counts: Ints, whole: Bins, *, exact: bool) -> Bins:
    """Return a histogram of most numbers, where in that of all most stand in one bin."""
    n = int(counts.sum())
    sizes = np.abs(values)
    order = np.argsort(sizes, kind="stable")
    rank = int(np.searchsorted(np.cumsum(counts[order]), CLOSER * n))
    limit = float(sizes[order][min(rank, len(sizes) - 1)])
    if max(whole.counts) * CROWDED < n or not 0.0 < limit * SHORTER < float(sizes.max()):
        return whole
    near = values[sizes <= limit]
    if near[0] == near[-1]:
        return whole
    exponent = _exponent(near, exact=exact)
    numbers = numbers_of(values, exponent)
    ends = numbers_of(near[[0, -1]], exponent)
    inside = (numbers >= ends[0]) & (numbers <= ends[1])
    return _filled(numbers[inside], counts[inside], exponent, int(counts[~inside].sum()))


def _median(x: Floats, counts: Ints) -> float:
    order = np.argsort(x, kind="stable")
    steps = np.cumsum(counts[order])
    return float(x[order][np.searchsorted(steps, (int(steps[-1]) + 1) // 2)])


def _even(values: Floats, counts: Ints, *, exact: bool) -> Bins:
    low, high = float(values[0]), float(values[-1])
    if low == high:
        return Bins((low, high), (int(counts.sum()),))
    exponent = _exponent(values, exact=exact)
    return _filled(numbers_of(values, exponent), counts, exponent, 0)


def _exponent(values: Floats, *, exact: bool) -> int:
    """Return the smallest that takes at most ``MOST`` bins of that power of two."""
    low, high = float(values[0]), float(values[-1])
    finest = math.frexp(max(-low, high))[1] - (53 if exact else RESOLVED)
    exponent = math.frexp(high / 2.0 - low / 2.0)[1] + 1 - MOST.bit_length()
    exponent = max(exponent, finest, -1074)
    while True:
        first, last = numbers_of(values[[0, -1]], exponent).tolist()
        if last - first < MOST:
            return exponent
        exponent += 1


def _filled(numbers: Ints, counts: Ints, exponent: int, beyond: int) -> Bins:
    first = int(numbers[0])
    found = np.bincount(numbers - first, weights=counts)
    with np.errstate(over="ignore"):
        edges = np.ldexp(np.arange(first, first + len(found) + 1, dtype=np.float64), exponent)
    edges = np.nan_to_num(edges)
    return Bins(tuple(edges.tolist()), tuple(map(int, found.tolist())), beyond=beyond)


def numbers_of(x: Floats, exponent: int) -> Ints:
    """Return the numbers of the bins 2^exponent wide that numbers lie in, −1 for (−2^exponent, 0).

    It is exact where fewer than 2⁵³ bins reach from 0 to all of them.
    """
    magnitudes = np.floor(np.ldexp(np.abs(x), -exponent)).astype(np.int64)
    return np.where(x < 0.0, -1 - magnitudes, magnitudes)


def _logarithmic(values: Floats, counts: Ints) -> Bins:
    sizes = np.abs(values)
    used = sizes > 0.0
    least, most = float(sizes[used].min()), float(sizes.max())
    first = 4 * (math.frexp(least)[1] - 1)
    last = 4 * math.frexp(most)[1]
    step = max(1, -(-(last - first) // (MOST if values[0] >= 0.0 else MOST // 2)))
    marks = np.array([_quarter(at) for at in range(first, last + step, step)])
    below = values < 0.0
    sides = []
    for sign, side in ((-1.0, below), (1.0, ~below & used)):
        at = np.searchsorted(marks, sizes[side], side="right") - 1
        found = np.bincount(at, weights=counts[side], minlength=len(marks) - 1)
        kept = np.flatnonzero(found)
        sides.append((sign, found, kept))
    ends = [int(kept[-1]) for _, _, kept in sides if len(kept)]
    starts = [int(kept[0]) for _, _, kept in sides if len(kept)]
    low, high = min(starts), max(ends) + 1
    zeros = int(counts[~used].sum())
    span = marks[low : high + 1]
    negative, positive = (found[low:high] for _, found, _ in sides)
    edges: list[float] = []
    bins: list[int] = []
    if len(sides[0][2]):
        edges += (-span[::-1]).tolist()
        bins += [*map(int, negative[::-1].tolist()), zeros]
    elif zeros:
        edges.append(0.0)
        bins.append(zeros)
    if len(sides[1][2]):
        edges += span.tolist()
        bins += map(int, positive.tolist())
    else:
        edges.append(0.0)
    return Bins(tuple(edges), tuple(bins), log=True)


def _quarter(at: int) -> float:
    """Return 2^(at/4) in nine bits; infinite beyond float64."""
    octave, quarter = divmod(at, 4)
    try:
        return math.ldexp(QUARTERS[quarter], octave - 8)
    except OverflowError:
        return math.inf
