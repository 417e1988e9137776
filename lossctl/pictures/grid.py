"""Points of a plane: kept while they are few, counted in cells of a grid beyond.

Cells are as long as a power of two, on either axis the smallest that takes at most ``CELLS`` of
them from the lowest to the highest number seen. A coarser grid is an exact shift of a finer one:
⌊⌊x/2ᵃ⌋/2ᵇ⁻ᵃ⌋ = ⌊x/2ᵇ⌋. So what is counted depends on which points came, and not on their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KEPT = 4096  # points
CELLS = 512  # of an axis: eight times what a picture shows, to look closer where outliers are far
SMALLEST = -1074


def cells_of(x: Floats, exponent: int) -> Ints:
    """Return ⌊x/2^exponent⌋, which must be below 2⁵³ in size; exact where the quotient vanishes."""
    scaled = np.floor(np.ldexp(x, -exponent)).astype(np.int64)
    return np.where((scaled == 0) & (x < 0.0), -1, scaled)


class Axis(NamedTuple):
    """The extremes of the numbers along an axis; the exponent of its cells follows from them."""

    low: float = math.inf
    high: float = -math.inf

    def join(self, other: Axis) -> Axis:
        """Return the extremes of both."""
        return Axis(min(self.low, other.low), max(self.high, other.high))

    @property
    def exponent(self) -> int:
        """The smallest that takes at most ``CELLS`` cells, and 2⁵³ from 0 to the farthest."""
        largest = max(-self.low, self.high, 0.0)
        if largest == 0.0:
            return SMALLEST
        finest = max(math.frexp(largest)[1] - 53, SMALLEST)
        span = self.high / 2.0 - self.low / 2.0
        exponent = finest
        if span > 0.0:
            exponent = max(finest, math.frexp(span)[1] + 1 - CELLS.bit_length())
        while self._cells(exponent) > CELLS:
            exponent += 1
        return exponent

    def _cells(self, exponent: int) -> int:
        first, last = cells_of(np.array([self.low, self.high]), exponent).tolist()
        return int(last - first + 1)

    @property
    def first(self) -> int:
        """The number of the first cell."""
        return int(cells_of(np.array([self.low]), self.exponent)[0])

    def numbers(self, x: Floats) -> Ints:
        """Return the numbers of cells, from 0 for the first."""
        found: Ints = cells_of(x, self.exponent) - self.first
        return found

    def shifted(self, numbers: Ints, whole: Axis) -> Ints:
        """Return what numbers of cells are on an axis that holds this one."""
        found: Ints = ((numbers + self.first) >> (whole.exponent - self.exponent)) - whole.first
        return found

    def ends(self, numbers: Ints) -> Floats:
        """Return the lower ends of cells, none of them infinite."""
        with np.errstate(over="ignore"):
            found: Floats = np.ldexp((numbers + self.first).astype(np.float64), self.exponent)
        return np.nan_to_num(found)

    @property
    def length(self) -> float:
        """The length of a cell."""
        return math.ldexp(1.0, self.exponent)


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """Points that were seen: themselves, or the cells that hold any (x · CELLS + y) and counts.

    ``Cloud()`` is the identity of ``+``.
    """

    count: int = 0
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    kept: tuple[tuple[Floats, Floats], ...] = ()
    cells: Ints | None = None
    counts: Ints | None = None

    @staticmethod
    def of(x: Floats, y: Floats) -> Cloud:
        """Take points with finite coordinates."""
        if not len(x):
            return Cloud()
        across, down = (Axis(float(v.min()), float(v.max())) for v in (x, y))
        made = Cloud(len(x), across, down, ((x, y),))
        return made if len(x) <= KEPT else made._counted(made.x, made.y)

    def __add__(self, other: Cloud) -> Cloud:
        """Join two sets of points; the order does not matter."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        x, y = self.x.join(other.x), self.y.join(other.y)
        if count <= KEPT:
            return Cloud(count, x, y, self.kept + other.kept)
        parts = [part._counted(x, y) for part in (self, other)]
        cells = np.concatenate([part.cells for part in parts if part.cells is not None])
        counts = np.concatenate([part.counts for part in parts if part.counts is not None])
        return Cloud(count, x, y, (), *_added(cells, counts))

    def points(self) -> tuple[Floats, Floats]:
        """Return the points that were kept, in order of x and y."""
        x, y = (np.concatenate(parts) for parts in zip(*self.kept, strict=True))
        order = np.lexsort((y, x))
        return x[order], y[order]

    def table(self) -> tuple[Ints, Ints, Ints]:
        """Return x and y numbers of the cells that hold points, and how many."""
        part = self._counted(self.x, self.y)
        assert part.cells is not None
        assert part.counts is not None
        return part.cells // CELLS, part.cells % CELLS, part.counts

    def _counted(self, x: Axis, y: Axis) -> Cloud:
        """Return the counts of the cells of axes that hold these."""
        if self.cells is None:
            xs, ys = (np.concatenate(parts) for parts in zip(*self.kept, strict=True))
            cells = x.numbers(xs) * CELLS + y.numbers(ys)
            counts = np.ones(len(cells), dtype=np.int64)
        elif (x, y) == (self.x, self.y):
            return self
        else:
            assert self.counts is not None
            across = self.x.shifted(self.cells // CELLS, x)
            cells = across * CELLS + self.y.shifted(self.cells % CELLS, y)
            counts = self.counts
        return Cloud(self.count, x, y, (), *_added(cells, counts))


def _added(cells: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Return every cell once, in order, with all of its counts."""
    sums = np.bincount(cells, weights=counts)  # whole numbers far below 2⁵³: none is rounded
    found = np.flatnonzero(sums)
    return found, sums[found].astype(np.int64)
