"""Exact numbers m·2ᵉ, and the exact sums of products and of powers of columns of a slice.

A column is a sum of a few float64 arrays (a product w·ℓ is two: the rounded one and its error).
Each array is written in digits of 20 bits as in ``lossctl.exact``; then one matrix product of all
digits with themselves holds the sum of every product of two columns, and has no rounding.

Arrays come in bands of exponents, so that no product overflows or vanishes: a *band* holds the
rows whose factors lie within 2^±96 once a power of two has been taken off each of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.exact import CHUNK, SCALE_BITS, digits_of, total

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp] | slice

BAND = 192  # width of a band in bits: the fifth power of a product of two is within 2^±960
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Dyadic:
    """The number mantissa · 2^exponent; the mantissa is odd, or both are 0.

    ``Dyadic()`` is 0, the identity of ``+``. There are no ends of a range: sums and products are
    exact, whatever the numbers are.
    """

    mantissa: int = 0
    exponent: int = 0

    @staticmethod
    def of(mantissa: int, exponent: int = 0) -> Dyadic:
        """Return mantissa · 2^exponent."""
        if not mantissa:
            return ZERO
        zeros = (mantissa & -mantissa).bit_length() - 1
        return Dyadic(mantissa >> zeros, exponent + zeros)

    def __add__(self, other: Dyadic) -> Dyadic:
        """Add exactly."""
        if not self.mantissa or not other.mantissa:
            return self if self.mantissa else other
        low = min(self.exponent, other.exponent)
        return Dyadic.of(self.above(low) + other.above(low), low)

    def above(self, exponent: int) -> int:
        """Return the number in units of 2^exponent; exponent is at most its own."""
        return self.mantissa << (self.exponent - exponent) if self.mantissa else 0

    def __neg__(self) -> Dyadic:
        """Return the number with the other sign."""
        return Dyadic(-self.mantissa, self.exponent)

    def over(self, other: Dyadic) -> Fraction:
        """Return the quotient, exactly."""
        shift = self.exponent - other.exponent
        return Fraction(self.mantissa << max(shift, 0), other.mantissa << max(-shift, 0))

    def raised(self, bits: int) -> Dyadic:
        """Return the number times 2^bits."""
        return Dyadic(self.mantissa, self.exponent + bits) if self.mantissa else self


ZERO = Dyadic()


class Part(NamedTuple):
    """Rows of one band: each factor divided by 2^exponent of its own."""

    rows: Rows
    factors: tuple[Floats, ...]
    exponents: tuple[int, ...]


def bands(factors: Sequence[Floats]) -> Iterator[Part]:
    """Split rows by the exponents of finite factors; which band a row is in is its own affair."""
    codes = [_bands_of(factor) for factor in factors]
    if all(code is None for code in codes):
        yield Part(ALL, tuple(factors), (0,) * len(factors))
        return
    size = len(factors[0])
    table = np.stack([np.zeros(size, np.int64) if code is None else code for code in codes], 1)
    kinds, index = np.unique(table, axis=0, return_inverse=True)
    index = index.reshape(-1)
    for at, kind in enumerate(kinds.tolist()):
        rows = np.flatnonzero(index == at)
        exponents = tuple(BAND * code for code in kind)
        scaled = zip(factors, exponents, strict=True)
        yield Part(rows, tuple(np.ldexp(x[rows], -exponent) for x, exponent in scaled), exponents)


def _bands_of(x: Floats) -> NDArray[np.int64] | None:
    """Return the band of every number; None where all lie in band 0, as zeros do."""
    exponents = np.frexp(x)[1]
    half = BAND // 2
    if exponents.size and exponents.min() > -half and exponents.max() < half:
        return None
    found = np.floor_divide(exponents.astype(np.int64) + half, BAND)
    return np.where(x == 0.0, 0, found) if found.any() else None


Column = tuple["Floats", ...]


def gram(columns: Sequence[Column]) -> list[list[Dyadic]]:
    """Return the exact sums of the products of every two columns, as a triangle.

    Entry [i][j − i] is of columns i and j ≥ i. The numbers are those of one band.
    """
    owners: list[int] = []
    units: list[int] = []
    arrays: list[Floats] = []
    for owner, column in enumerate(columns):
        for part in column:
            for digit, unit in digits_of(part) if part.size else ():
                owners.append(owner)
                units.append(unit)
                arrays.append(digit)
    count = len(columns)
    low = 2 * min(units, default=0)
    sums = [[0] * count for _ in range(count)]
    for i, row in enumerate(_matrix(arrays, units)):
        for j, whole in enumerate(row[i:], start=i):
            if whole:
                value = whole << (units[i] + units[j] - low + (i != j and owners[i] == owners[j]))
                sums[owners[i]][owners[j]] += value
    return [[Dyadic.of(sums[i][j], low) for j in range(i, count)] for i in range(count)]


def _matrix(arrays: Sequence[Floats], units: Sequence[int]) -> list[list[int]]:
    """Return the dot products of all digits, each as a multiple of its two units."""
    if not arrays:
        return []
    size = len(arrays[0])
    chunks = -(-size // CHUNK)
    table = np.zeros((len(arrays), chunks * CHUNK if chunks > 1 else size))
    for row, digit, unit in zip(table, arrays, units, strict=True):
        np.multiply(digit, math.ldexp(1.0, -unit), out=row[:size])
    blocks = table.reshape(len(arrays), chunks, -1).transpose(1, 0, 2)
    dots = np.matmul(blocks, blocks.transpose(0, 2, 1)).astype(np.int64)
    # at most 2⁵³ a chunk, and 2¹⁰ chunks would still fit
    whole: list[list[int]] = dots.sum(axis=0).tolist()
    return whole


def grouped(column: Column, exponent: int, codes: NDArray[np.intp], groups: int) -> list[Dyadic]:
    """Return the exact sum of each group of column · 2^exponent; ``codes`` are 0 to groups − 1.

    A digit is at most 2²⁰ units, so that 2³² of them add up without rounding.
    """
    digits = [pair for part in column if part.size for pair in digits_of(part)]
    low = min((unit for _, unit in digits), default=0)
    sums = [0] * groups
    for digit, unit in digits:
        weights = digit * math.ldexp(1.0, -unit)
        whole = np.bincount(codes, weights, minlength=groups).astype(np.int64).tolist()
        shift = unit - low
        sums = [a + (b << shift) for a, b in zip(sums, whole, strict=True)]
    return [Dyadic.of(x, low + exponent) for x in sums]


def sum_of(terms: Floats, exponent: int) -> Dyadic:
    """Return the exact sum of finite terms, times 2^exponent."""
    return Dyadic.of(total(terms).units, exponent - SCALE_BITS)
