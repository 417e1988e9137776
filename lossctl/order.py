"""The weighted median of a stream, exact at any length and free of order.

The numbers are the magnitudes of errors e; the bits of a float64 that is not negative rise with
it, so that a range of bits is a range of numbers. While no more than ``LIMIT`` numbers lie in the
range looked at they are kept; beyond, their weights are counted in bins of that range, and a
further pass looks only at the bin in which the median lies. A bin of the last pass is one number.

The median is the mean of the lower one, the smallest x with W(≤ x) ≥ ½W, and the upper one, the
smallest x with W(≤ x) > ½W: without weights the convention of ``numpy.median``.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.exact import ONE, grouped_units
from lossctl.exact import total as sum_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

LIMIT = 1 << 20
FINER = 12  # bits by which a pass refines the one before


class Bracket(NamedTuple):
    """Magnitudes whose bits begin like ``first`` above ``width`` bits, in bins of 2^shift.

    ``below`` is the weight of all numbers below it, in exact units.
    """

    first: int = 0
    width: int = 63
    shift: int = 44
    below: int = 0


class Tied(NamedTuple):
    """One magnitude: the weight of the rows that have it, and how many are above and below y."""

    weight: int
    positive: int
    negative: int

    def __add__(self, other: object) -> Tied:
        """Add weights and counts."""
        assert isinstance(other, Tied)
        return Tied(*(a + b for a, b in zip(self, other, strict=True)))


class Atom(NamedTuple):
    """Rows at one magnitude: each of them has the gradient sign(e)·step."""

    at: float
    step: float
    positive: int
    negative: int


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What lies in a bracket: the errors and weights, or the bins of their magnitudes."""

    bracket: Bracket = field(default_factory=Bracket)
    count: int = 0
    kept: tuple[tuple[Floats, Floats | None], ...] = ()
    bins: Mapping[int, Tied] = field(default_factory=dict)

    @staticmethod
    def of(bracket: Bracket, e: Floats, w: Floats | None) -> Order:
        """Take the errors of rows, with weights above 0 (1 where None)."""
        if bracket.width < 63:
            inside = (np.abs(e).view(np.int64) >> bracket.width) == bracket.first >> bracket.width
            e, w = e[inside], None if w is None else w[inside]
        return Order(bracket, len(e), ((e, w),) if len(e) else ())._bounded()

    def __add__(self, other: Order) -> Order:
        """Join two streams; the order does not matter."""
        count = self.count + other.count
        if count <= LIMIT:
            return Order(self.bracket, count, self.kept + other.kept)
        a, b = self._binned(), other._binned()
        few, many = sorted((a, b), key=len)
        joined = dict(many)
        for code, tied in few.items():
            joined[code] = joined[code] + tied if code in joined else tied
        return Order(self.bracket, count, (), joined)

    def _bounded(self) -> Order:
        if self.count <= LIMIT:
            return self
        return Order(self.bracket, self.count, (), self._binned())

    def _binned(self) -> Mapping[int, Tied]:
        if not self.kept:
            return self.bins
        joined: dict[int, Tied] = {}
        for e, w in self.kept:
            codes = (np.abs(e).view(np.int64) - self.bracket.first) >> self.bracket.shift
            for code, tied in _tied(codes, e, w).items():
                joined[code] = joined[code] + tied if code in joined else tied
        return joined

    def find(self, total: int, upper: bool) -> tuple[Tied, float] | Bracket:
        """Return the lower or upper median, or the bracket in which the next pass finds it.

        ``total`` is the weight of all numbers, in exact units. Raises LookupError where the numbers
        are not those that the bracket was made for.
        """
        if self.kept:
            return self._among_kept(total, upper)
        weight = self.bracket.below
        for code, tied in sorted(self.bins.items()):
            if _reached(weight + tied.weight, total, upper):
                bits = self.bracket.first + (code << self.bracket.shift)
                if not self.bracket.shift:
                    return tied, float(np.array(bits, dtype=np.int64).view(np.float64))
                width = self.bracket.shift
                return Bracket(bits, width, max(0, width - FINER), weight)
            weight += tied.weight
        raise LookupError("the median lies in no bin")

    def _among_kept(self, total: int, upper: bool) -> tuple[Tied, float]:
        """Return the median of numbers that are all there."""
        e = np.concatenate([part for part, _ in self.kept])
        w = None
        if any(part is not None for _, part in self.kept):
            every = (np.ones(len(part)) if w is None else w for part, w in self.kept)
            w = np.concatenate(list(every))
        order = np.argsort(np.abs(e), kind="stable")
        e = e[order]
        w = None if w is None else w[order]

        def reached(count: int) -> bool:
            return _reached(self.bracket.below + _weight(w, 0, count), total, upper)

        at = bisect_left(range(1, len(e) + 1), True, key=reached)
        if at == len(e):
            raise LookupError("the median lies above all numbers")
        sizes = np.abs(e)
        value = float(sizes[at])
        first, last = (int(np.searchsorted(sizes, value, side)) for side in ("left", "right"))
        ties = e[first:last]
        positive, negative = (int(np.count_nonzero(flags)) for flags in (ties > 0.0, ties < 0.0))
        return Tied(_weight(w, first, last), positive, negative), value


def _reached(weight: int, total: int, upper: bool) -> bool:
    """Whether half of the weight, or for the upper median more than half, lies there or below."""
    return 2 * weight > total or (2 * weight == total and not upper)


def _weight(w: Floats | None, first: int, last: int) -> int:
    """Return the weight of some rows in exact units."""
    return (last - first) * ONE if w is None else sum_of(w[first:last]).units


def _tied(codes: Codes, e: Floats, w: Floats | None) -> dict[int, Tied]:
    """Return the weight and the signs of every code."""
    first = int(codes.min())
    span = int(codes.max()) - first + 1
    if span <= 4 * len(codes) + 1024:
        index = codes - first
        counts = np.bincount(index, minlength=span)
        found = np.flatnonzero(counts)
        names = found + first
        index = np.cumsum(counts > 0)[index] - 1
    else:
        names, index = np.unique(codes, return_inverse=True)
    size = len(names)
    positive = np.bincount(index[e > 0.0], minlength=size).tolist()
    negative = np.bincount(index[e < 0.0], minlength=size).tolist()
    if w is None:
        weights = [count * ONE for count in np.bincount(index, minlength=size).tolist()]
    else:
        weights = grouped_units(w, index, size)
    rows = zip(weights, positive, negative, strict=True)
    return {code: Tied(*row) for code, row in zip(names.tolist(), rows, strict=True)}


class Medians(NamedTuple):
    """The median, and the rows that it rests on."""

    value: float
    atoms: tuple[Atom, ...]


def settle(orders: tuple[Order, ...], total: int) -> Medians | tuple[Bracket, ...]:
    """Return the median where the orders show it, else the brackets of the next pass."""
    lower, upper = orders[0].find(total, False), orders[-1].find(total, True)
    if isinstance(lower, Bracket) or isinstance(upper, Bracket):
        # One that is settled already is looked at again, in a bracket of one number.
        brackets = [
            found if isinstance(found, Bracket) else order.bracket
            for found, order in ((lower, orders[0]), (upper, orders[-1]))
        ]
        return tuple(dict.fromkeys(brackets))
    (low_tied, low), (high_tied, high) = lower, upper
    middle = (low + high) / 2
    value = middle if math.isfinite(middle) else low / 2 + high / 2
    pairs = {low: low_tied, high: high_tied}
    share = 1.0 / len(pairs)
    atoms = []
    for at, tied in pairs.items():
        rows = tied.positive + tied.negative
        atoms.append(Atom(at, share / rows if rows else 0.0, tied.positive, tied.negative))
    return Medians(value, tuple(atoms))
