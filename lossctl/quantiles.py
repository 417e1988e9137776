"""Order statistics of a stream: exact while it is short, from a log-linear histogram beyond.

A quantile is the inverted CDF: the smallest number that at least a share q of all numbers does not
exceed, with no interpolation. Up to ``EXACT_LIMIT`` numbers are kept as they are. Beyond, numbers
are counted in bins made of a float's own bits, sign, exponent and the top 8 bits of the mantissa,
so that a bin is at most 2⁻⁸ of its numbers wide and its middle is within 0.2 % of all of them.
Both are free of order: what is kept or counted depends only on which numbers came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

EXACT_LIMIT = 1 << 20
MANTISSA_BITS = 8
SHIFT = 52 - MANTISSA_BITS
MAGNITUDE = 0x7FFF_FFFF_FFFF_FFFF
_EMPTY_FLOATS: Floats = np.empty(0)
_EMPTY_INTS: Ints = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Counts of consecutive bins, the first of which has the number ``first``."""

    first: int = 0
    counts: Ints = field(default_factory=lambda: _EMPTY_INTS)

    def __add__(self, other: Window) -> Window:
        """Add the counts bin by bin."""
        if not len(other.counts):
            return self
        if not len(self.counts):
            return other
        first = min(self.first, other.first)
        end = max(self.first + len(self.counts), other.first + len(other.counts))
        counts = np.zeros(end - first, dtype=np.int64)
        for part in (self, other):
            start = part.first - first
            counts[start : start + len(part.counts)] += part.counts
        return Window(first, counts)


@dataclass(frozen=True, slots=True, eq=False)
class Quantiles:
    """The numbers seen so far, or their histogram; ``Quantiles()`` is the identity of ``+``."""

    count: int = 0
    kept: tuple[Floats, ...] = ()
    negative: Window = field(default_factory=Window)
    positive: Window = field(default_factory=Window)
    zeros: int = 0

    @property
    def exact(self) -> bool:
        """Whether every number is still there."""
        return self.count <= EXACT_LIMIT

    @staticmethod
    def of(x: Floats) -> Quantiles:
        """Take the numbers of an array without NaN."""
        if len(x) <= EXACT_LIMIT:
            return Quantiles(len(x), (x,))
        return _counted(len(x), (x,))

    def __add__(self, other: Quantiles) -> Quantiles:
        """Join two streams; the order does not matter."""
        count = self.count + other.count
        if count <= EXACT_LIMIT:
            return Quantiles(count, self.kept + other.kept)
        a = self if self.kept == () else _counted(self.count, self.kept)
        b = other if other.kept == () else _counted(other.count, other.kept)
        return Quantiles(
            count, (), a.negative + b.negative, a.positive + b.positive, a.zeros + b.zeros
        )

    def at(self, levels: Sequence[float], low: float, high: float) -> list[float]:
        """Return the quantile of each level; ``low`` and ``high`` are the extremes of the stream.

        A middle of a bin is moved into [low, high].
        """
        ranks = [rank_of(level, self.count) for level in levels]
        if self.exact:
            ordered = np.sort(np.concatenate(self.kept)) if self.kept else _EMPTY_FLOATS
            return [float(ordered[rank]) for rank in ranks]
        below = int(self.negative.counts.sum())
        steps = (
            np.cumsum(self.negative.counts[::-1]),
            np.cumsum(self.positive.counts) + below + self.zeros,
        )
        values = []
        for rank in ranks:
            if rank < below:
                index = int(np.searchsorted(steps[0], rank, side="right"))
                value = -_middle(self.negative.first + len(self.negative.counts) - 1 - index)
            elif rank < below + self.zeros:
                value = 0.0
            else:
                index = int(np.searchsorted(steps[1], rank, side="right"))
                value = _middle(self.positive.first + index)
            values.append(min(max(value, low), high))
        return values

    def steps(self) -> tuple[Floats, Ints]:
        """Return the numbers in order and how often each came: beyond the limit, middles of bins.

        Every edge of a bin has at most ``MANTISSA_BITS`` + 1 significant bits.
        """
        if self.exact:
            x = np.sort(np.concatenate(self.kept)) if self.kept else _EMPTY_FLOATS
            return x, np.ones(len(x), dtype=np.int64)
        below, above = (
            (np.array([_middle(window.first + at) for at in used.tolist()]), window.counts[used])
            for window in (self.negative, self.positive)
            for used in [np.flatnonzero(window.counts)]
        )
        zeros = (np.zeros(1), np.array([self.zeros])) if self.zeros else ()
        parts = [(-below[0][::-1], below[1][::-1]), *([zeros] if zeros else []), above]
        return np.concatenate([x for x, _ in parts]), np.concatenate([c for _, c in parts])

    def median_size(self) -> float:
        """Return the median magnitude of the numbers that are not 0; 0 where there is none."""
        if self.exact:
            sizes = np.abs(np.concatenate(self.kept)) if self.kept else _EMPTY_FLOATS
            sizes = np.sort(sizes[sizes > 0.0])
            return float(sizes[rank_of(0.5, len(sizes))]) if len(sizes) else 0.0
        sizes_of = self.negative + self.positive
        steps = np.cumsum(sizes_of.counts)
        if not len(steps):
            return 0.0
        rank = rank_of(0.5, int(steps[-1]))
        return _middle(sizes_of.first + int(np.searchsorted(steps, rank, side="right")))

    def histogram(self, low: float, high: float, bins: int = 32) -> tuple[int, ...]:
        """Return counts of ``bins`` equal parts of [low, high].

        Nothing where the ends are not finite, or too close for that many parts.
        """
        if not (math.isfinite(low) and math.isfinite(high)) or (high - low) / bins < 2 * math.ulp(
            max(-low, high)
        ):
            return ()
        if self.exact:
            x = np.concatenate(self.kept)
            return tuple(np.histogram(x, bins, (low, high))[0].tolist())
        middles, weights = [0.0], [self.zeros]
        for sign, window in ((-1.0, self.negative), (1.0, self.positive)):
            for at in np.flatnonzero(window.counts).tolist():
                middles.append(sign * _middle(window.first + at))
                weights.append(int(window.counts[at]))
        inside = np.clip(middles, low, high)
        return tuple(
            int(count) for count in np.histogram(inside, bins, (low, high), weights=weights)[0]
        )


def rank_of(level: float | Fraction, count: int) -> int:
    """Return the 0-based index of the inverted CDF, ⌈level · count⌉ − 1, at least 0.

    The product is rounded on purpose: 0.05 as a float64 lies above 1/20, and in exact arithmetic
    the 5 % quantile of 100 numbers would be the sixth.
    """
    return max(0, math.ceil(level * count) - 1)


def _counted(count: int, parts: Sequence[Floats]) -> Quantiles:
    negative = positive = Window()
    zeros = 0
    for x in parts:
        bits = x.view(np.int64)
        has_negative = bool(len(x)) and bool(bits.min() < 0)
        has_zero = bool(len(x)) and bool((x == 0.0).any())
        if has_zero:
            bits = bits[x != 0.0]
            zeros += len(x) - len(bits)
        if has_negative:
            below = bits < 0
            negative += _window(bits[below] & MAGNITUDE)
            bits = bits[~below]
        positive += _window(bits)
    return Quantiles(count, (), negative, positive, zeros)


def _window(bits: Ints) -> Window:
    if not len(bits):
        return Window()
    bins = bits >> SHIFT
    first = int(bins.min())
    bins -= first
    return Window(first, np.bincount(bins))


def _middle(number: int) -> float:
    """Return the middle of a bin: its lowest float with the bit below the kept ones set."""
    bits = np.array([(number << SHIFT) | (1 << (SHIFT - 1))], dtype=np.int64)
    middle = float(bits.view(np.float64)[0])
    return middle if middle == middle else float("inf")  # the bin of infinity has no middle
