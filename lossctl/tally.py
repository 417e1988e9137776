"""What of the truth the best constant prediction rests on, as parts that merge in any order.

``Moments`` are exact sums of y, ``Range`` its ends. ``Kept`` holds the rows themselves while they
are few; beyond that their digest: sums, or a histogram of the float's own bits with the exact
weight and sum of every bin, from which the loss of a constant at the edge of a bin is exact.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from lossctl.exact import (
    CUBIC_SHIFT,
    ONE,
    SCALE_BITS,
    ExactSum,
    cubic_units,
    grouped_units,
    moments,
    product_total,
    total,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PENDING = 1 << 20
LIMIT = 1 << 20
PIECES = 256  # of kept rows, before they are put in one
HUGE = 2.0**900  # above it σ could overflow
CUBIC_ONE = 1 << SCALE_BITS + CUBIC_SHIFT
SHIFT = 44  # sign, exponent and 8 bits of the mantissa make a bin
HALF = 22  # a distance within a bin is two halves of so many bits, whose sums do not round
MAGNITUDE = 0x7FFF_FFFF_FFFF_FFFF


def columns_of(y: NDArray[Any]) -> tuple[Floats, ...]:
    """Return the columns of a truth of n or n × k numbers."""
    several = y.T if y.ndim > 1 else (y,)
    return tuple(np.ascontiguousarray(column, dtype=np.float64) for column in several)


@dataclass(frozen=True, slots=True)
class Moments:
    """Σw, and Σwx of every column in units of 2⁻²¹⁴⁸, and Σwx² in units of 2⁻³²²²."""

    weight: ExactSum = field(default_factory=ExactSum)
    first: tuple[int, ...] = ()
    second: tuple[int, ...] = ()

    def __add__(self, other: Moments) -> Moments:
        """Add the sums."""
        return Moments(
            self.weight + other.weight,
            _added(self.first, other.first),
            _added(self.second, other.second),
        )

    @staticmethod
    def of(columns: tuple[Floats, ...], w: Floats | None, *, squares: bool) -> Moments:
        """Take some rows; without ``squares`` Σwx² is left out."""
        if w is None:
            weight = ExactSum(len(columns[0]) * ONE)
            if not squares:
                return Moments(weight, tuple(total(x).units for x in columns))
            pairs = [moments(x) for x in columns]
            second = tuple(square.units << CUBIC_SHIFT for _, square in pairs)
            return Moments(weight, tuple(first.units for first, _ in pairs), second)
        first = tuple(product_total(w, x).units for x in columns)
        second = tuple(cubic_units(w, x, x) for x in columns) if squares else ()
        return Moments(total(w), first, second)

    @staticmethod
    def of_labels(labels: NDArray[np.intp], k: int, w: Floats | None) -> Moments:
        """Take the labels of some rows as k columns of 0 and 1, whose squares they are."""
        if w is None:
            counts = np.bincount(labels, minlength=k).tolist()
            weight, first = ExactSum(len(labels) * ONE), tuple(count * ONE for count in counts)
        else:
            weight, first = total(w), tuple(grouped_units(w, labels, k))
        return Moments(weight, first, tuple(units << CUBIC_SHIFT for units in first))

    def mean(self, column: int) -> Fraction:
        """Return Σwx/Σw."""
        return Fraction(self.first[column], self.weight.units)

    def variance(self, column: int) -> Fraction:
        """Return Σw(x − x̄)²/Σw."""
        weight, first, second = self.weight.units, self.first[column], self.second[column]
        return Fraction(weight * second - (first * first << CUBIC_SHIFT), weight**2 << CUBIC_SHIFT)


def _added(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip_longest(a, b, fillvalue=0))


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the largest y of the rows of positive weight."""

    low: float = math.inf
    high: float = -math.inf

    def __add__(self, other: Range) -> Range:
        """Keep the outer ends."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    @staticmethod
    def of(y: Floats, w: Floats | None) -> Range:
        """Take some rows."""
        y = y if w is None else y[w > 0.0]
        return Range(float(y.min()), float(y.max())) if len(y) else Range()


class Digest(Protocol):
    """What is left of a column where its rows are too many to keep."""

    def __add__(self, other: Any, /) -> Any:
        """Join two digests; the order does not matter."""
        ...


Digester = Callable[["Floats", "Floats | None"], Digest]


class Rows(NamedTuple):
    """Some rows: the columns of y, and weights above 0 (1 where None)."""

    columns: tuple[Floats, ...]
    weight: Floats | None


@dataclass(frozen=True, eq=False)
class Kept:
    """Rows while they are few, beyond that their weight and the digest of every column.

    A digest costs as much for few rows as for many: rows wait for it until there are ``PENDING``.
    """

    count: int = 0
    rows: tuple[Rows, ...] = ()
    digests: tuple[Digest, ...] = ()
    digester: Digester | None = None

    def __add__(self, other: Kept) -> Kept:
        """Join two streams; the order does not matter."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        digests = _both(self.digests, other.digests)
        joined = Kept(count, self.rows + other.rows, digests, self.digester)
        if count <= LIMIT or sum(len(rows.columns[0]) for rows in joined.rows) < PENDING:
            if len(joined.rows) <= PIECES:
                return joined
            return Kept(count, (joined.all(),), digests, self.digester)
        return Kept(count, (), joined.digested, self.digester)

    @property
    def whole(self) -> bool:
        """Whether every row is still there."""
        return self.count <= LIMIT

    @staticmethod
    def of(columns: tuple[Floats, ...], w: Floats | None, digester: Digester) -> Kept:
        """Take some rows."""
        if w is not None and not w.all():
            counts = w > 0.0
            columns, w = tuple(column[counts] for column in columns), w[counts]
        kept = Kept(len(columns[0]), (Rows(columns, w),), (), digester)
        return kept if kept.count <= LIMIT else Kept(kept.count, (), kept.digested, digester)

    @cached_property
    def digested(self) -> tuple[Digest, ...]:
        """The digests of all rows, those that still wait for it too."""
        if not self.rows:
            return self.digests
        assert self.digester is not None
        y, w = self.all()
        weight = ExactSum(len(y[0]) * ONE) if w is None else total(w)
        return _both(self.digests, (weight, *(self.digester(column, w) for column in y)))

    def all(self) -> Rows:
        """Return the rows in one piece."""
        y = tuple(
            np.concatenate(parts)
            for parts in zip(*(rows.columns for rows in self.rows), strict=True)
        )
        weights = [rows.weight for rows in self.rows if rows.weight is not None]
        return Rows(y, np.concatenate(weights) if weights else None)


def _both(a: tuple[Digest, ...], b: tuple[Digest, ...]) -> tuple[Digest, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True)) if a and b else a or b


class Bin(NamedTuple):
    """The weight of a bin, and Σw(|y| − the bin's least magnitude), in units of 2⁻²¹⁴⁸."""

    weight: int = 0
    beyond: int = 0


@dataclass(frozen=True)
class Bins:
    """Bins of a column by their number, which rises with y: −1 − m holds −y of bin m.

    ``overflow`` says that a product with a weight is beyond float64: there are no sums then.
    """

    bins: Mapping[int, Bin] = field(default_factory=dict)
    overflow: bool = False

    def __add__(self, other: Bins) -> Bins:
        """Add bin by bin."""
        few, many = sorted((self.bins, other.bins), key=len)
        joined = dict(many)
        for code, found in few.items():
            known = joined.get(code, Bin())
            joined[code] = Bin(known.weight + found.weight, known.beyond + found.beyond)
        return Bins(joined, self.overflow or other.overflow)

    @staticmethod
    def of(y: Floats, w: Floats | None) -> Bins:
        """Take the numbers of a column."""
        bits = (y + 0.0).view(np.int64)  # no −0
        sizes = bits & MAGNITUDE
        codes = sizes >> SHIFT
        codes = np.where(bits < 0, -1 - codes, codes)
        names, index = _compact(codes)
        if w is None:
            weights = [count * ONE for count in np.bincount(index, minlength=len(names)).tolist()]
            beyond = _distances(sizes, names, index)
        else:
            # |y| less the least magnitude of its bin is exact; its product with w is one float64
            distance = np.abs(y) - ((sizes >> SHIFT) << SHIFT).view(np.float64)
            with np.errstate(over="ignore"):
                product = w * distance
            if not np.isfinite(product).all():
                return Bins(overflow=True)
            weights = _grouped(w, index, len(names))
            beyond = _grouped(product, index, len(names))
        rows = map(Bin, weights, beyond)
        return Bins(dict(zip(names.tolist(), rows, strict=True)))

    def least(self, levels: Sequence[float | Fraction]) -> list[tuple[float, Fraction]]:
        """Return, for each level, the bin edge of the least quantile loss, and Σwρ there."""
        codes, weights, sums = self._steps

        def loss(q: Fraction, c: float, below: int) -> Fraction:
            """Return Σwρ(y − c) where the first ``below`` bins lie at or below c, no others."""
            at = _whole(c)
            under = at * weights[below] - sums[below]
            over = (sums[-1] - sums[below]) - at * (weights[-1] - weights[below])
            return ((1 - q) * under + q * over) / CUBIC_ONE

        found = []
        for level in levels:
            q = Fraction(level)
            place = bisect_left(weights, q * weights[-1], lo=1) - 1
            edges = zip(_ends(codes[place]), (place, place + 1), strict=True)
            losses = [(loss(q, c, below), c) for c, below in edges if math.isfinite(c)]
            found.append(min(losses)[::-1])
        return found

    @cached_property
    def _steps(self) -> tuple[list[int], list[int], list[int]]:
        """The bins in order, and Σw and Σwy of all below each."""
        codes = sorted(self.bins)
        weights = [0, *accumulate(self.bins[code].weight for code in codes)]
        return codes, weights, [0, *accumulate(self._sum(code) for code in codes)]

    def _sum(self, code: int) -> int:
        """Return Σwy of a bin in units of 2⁻³²²²."""
        found = self.bins[code]
        size = code if code >= 0 else -1 - code
        magnitude = _whole(_edge(size)) * found.weight + (found.beyond << CUBIC_SHIFT)
        return magnitude if code >= 0 else -magnitude

    def magnitude(self) -> Fraction:
        """Return Σw|y|."""
        return Fraction(sum(abs(self._sum(code)) for code in self.bins), CUBIC_ONE)


def _whole(x: float) -> int:
    """Return x in units of 2⁻¹⁰⁷⁴."""
    numerator, denominator = x.as_integer_ratio()
    return (numerator << CUBIC_SHIFT) // denominator


def _edge(size: int) -> float:
    """Return the least magnitude of a bin."""
    return float(np.array(size << SHIFT, dtype=np.int64).view(np.float64))


def _ends(code: int) -> tuple[float, float]:
    """Return between which numbers a bin lies."""
    size = code if code >= 0 else -1 - code
    near, far = _edge(size), _edge(size + 1)
    return (near, far) if code >= 0 else (-far, -near)


def _compact(codes: Ints) -> tuple[Ints, Ints]:
    """Return the codes that occur, and the place of every code among them."""
    first = int(codes.min())
    span = int(codes.max()) - first + 1
    if span > 4 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)
    index = codes - first
    occurs = np.bincount(index, minlength=span) > 0
    return np.flatnonzero(occurs) + first, (np.cumsum(occurs) - 1)[index]


def _grouped(x: Floats, codes: Ints, groups: int) -> list[int]:
    """Return the exact sum of each group of numbers of 0 or more, in units of 2⁻²¹⁴⁸.

    As ``exact.grouped_units``, for more rows and groups at a time: with fewer bits in a round, the
    sum of more numbers does not round.
    """
    largest = float(x.max())
    if largest > HUGE:
        return grouped_units(x, codes, groups)
    sums = [0] * groups
    bits = 52 - len(x).bit_length()
    exponent = math.frexp(largest)[1]
    rest = x
    while largest:
        unit = max(exponent - bits, -1074)
        sigma = math.ldexp(1.5, 52 + unit)
        rounded = (rest + sigma) - sigma
        found = np.bincount(codes, weights=rounded, minlength=groups)
        for code in np.flatnonzero(found).tolist():
            sums[code] += int(math.ldexp(float(found[code]), -unit)) << (SCALE_BITS + unit)
        rest = rest - rounded
        if not rest.any():
            break
        exponent = unit - 1  # |rest| ≤ half a unit
    return sums


def _distances(sizes: Ints, names: Ints, index: Ints) -> list[int]:
    """Return Σ(|y| − the bin's least magnitude) of every bin, in units of 2⁻²¹⁴⁸."""
    distance = sizes & ((1 << SHIFT) - 1)
    upper = np.bincount(index, weights=distance >> HALF, minlength=len(names))
    lower = np.bincount(index, weights=distance & ((1 << HALF) - 1), minlength=len(names))
    sums = []
    for name, high, low in zip(names.tolist(), upper.tolist(), lower.tolist(), strict=True):
        exponent = (name if name >= 0 else -1 - name) >> (52 - SHIFT)
        unit = max(exponent, 1) - 1075 + SCALE_BITS  # of the last bit of a number in the bin
        sums.append(((int(high) << HALF) + int(low)) << unit)
    return sums


@dataclass(frozen=True, slots=True)
class Generated:
    """Σw, Σwy and Σwφ(y) of a column, φ being what a deviance holds in y alone."""

    weight: ExactSum = field(default_factory=ExactSum)
    first: ExactSum = field(default_factory=ExactSum)
    generated: ExactSum = field(default_factory=ExactSum)

    def __add__(self, other: Generated) -> Generated:
        """Add the sums."""
        return Generated(
            self.weight + other.weight,
            self.first + other.first,
            self.generated + other.generated,
        )

    @staticmethod
    def of(y: Floats, w: Floats | None, generator: Callable[[Floats], Floats]) -> Generated:
        """Take the numbers of a column."""
        with np.errstate(all="ignore"):
            image = generator(y)
        if w is None:
            return Generated(ExactSum(len(y) * ONE), total(y), total(image))
        return Generated(total(w), product_total(w, y), product_total(w, image))
