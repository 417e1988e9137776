"""Exact, mergeable sums of float64 numbers.

Every finite float64 is a whole multiple of 2⁻¹⁰⁷⁴, and so every product of two is a multiple of
2⁻²¹⁴⁸. A sum is therefore an integer in units of 2⁻²¹⁴⁸, and it does not depend on the order of
its terms. The work is to get there at the speed of numpy: a slice of at most 2¹⁶ numbers is
rounded to multiples of one unit, coarse enough that the float64 sum of the rounded numbers has no
rounding, and what was rounded off is summed in the next round.

Products go the same way: each factor is written in digits of 20 bits, and the dot products of
digits have no rounding either.

Sources: Demmel and Nguyen, "Fast reproducible floating-point summation" (ARITH 2013); Rump, Ogita
and Oishi, "Accurate floating-point summation" (SIAM J. Sci. Comput. 2008); for products Ozaki,
Ogita, Oishi and Rump, "Error-free transformations of matrix multiplication" (Numer. Algorithms
2012).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SCALE_BITS = 2148  # 2 × 1074: the unit in which products of two subnormals are whole
ONE = 1 << SCALE_BITS  # 1 in those units
CUBIC_SHIFT = 1074  # … and of three, with this many bits more
SLICE = 1 << 16  # numbers a round may sum without rounding, at KEPT_BITS each: 36 + 16 ≤ 52
KEPT_BITS = 36
GROUPED = 1 << 18  # numbers of a slice that is summed by groups, at 34 bits each
HUGE = 2.0**900  # above it σ could overflow; a slice that reaches it is scaled down first
TINY = 2.0**-700  # below it, a number would lose bits when scaled down, and is kept apart
SCALED = 200  # … by this power of two
CHUNK = 1 << 13  # numbers whose products may be summed without rounding, at DIGIT_BITS each
DIGIT_BITS = 20  # 2 × 20 + 13 ≤ 53
TEMPERATE = 480  # a digit's exponent within ± this cannot make a product overflow or vanish
# What lies outside is moved inside: 2⁻¹⁰⁷⁴ · 2⁶⁵⁰ and 2¹⁰²⁴ · 2⁻⁶⁵⁰ are 2⁻⁴²⁴ and 2³⁷⁴.
BANDS = ((0.0, 2.0**-350, -650), (2.0**-350, 2.0**400, 0), (2.0**400, math.inf, 650))


@dataclass(frozen=True, slots=True)
class ExactSum:
    """An exact sum: ``units`` · 2⁻²¹⁴⁸, and how many terms were not finite.

    ``ExactSum()`` is the identity of ``+``.
    """

    units: int = 0
    positive_infinities: int = 0
    negative_infinities: int = 0
    nans: int = 0

    def __add__(self, other: ExactSum) -> ExactSum:
        """Add two sums; the order does not matter."""
        return ExactSum(
            self.units + other.units,
            self.positive_infinities + other.positive_infinities,
            self.negative_infinities + other.negative_infinities,
            self.nans + other.nans,
        )

    @property
    def special(self) -> float | None:
        """What IEEE arithmetic makes of the terms that are not finite; None without any."""
        if self.nans or (self.positive_infinities and self.negative_infinities):
            return math.nan
        if self.positive_infinities:
            return math.inf
        return -math.inf if self.negative_infinities else None

    def __float__(self) -> float:
        """Return the sum, rounded once to the nearest float64."""
        special = self.special
        return ratio(self.units, 1 << SCALE_BITS) if special is None else special


def ratio(numerator: int, denominator: int) -> float:
    """Return numerator / denominator rounded once, infinite where it is beyond float64."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if (numerator < 0) == (denominator < 0) else -math.inf


def root_ratio(numerator: int, denominator: int) -> float:
    """Return √(numerator / denominator) rounded once."""
    # 2·66 bits of quotient leave 66 bits of root; a last bit that is set where anything was cut
    # off keeps the rounding to 53 bits right.
    shift = max(0, 132 - (numerator.bit_length() - denominator.bit_length()))
    shift += shift & 1
    quotient, rest = divmod(numerator << shift, denominator)
    root = math.isqrt(quotient)
    inexact = rest != 0 or root * root != quotient
    return ratio(root << 1 | inexact, 1 << (shift // 2 + 1))


def total(x: Floats) -> ExactSum:
    """Return the exact sum of a one-dimensional array."""
    return _guarded(x, _units)


def moments(x: Floats) -> tuple[ExactSum, ExactSum]:
    """Return the exact sums of the numbers and of their squares."""
    if not _all_finite(x):
        squares = _guarded(np.abs(x), lambda finite: _product_units(finite, finite))
        return _guarded(x, _units), squares
    units = square_units = 0
    for start in range(0, len(x), SLICE):
        part = x[start : start + SLICE]
        digits = _digits(part)
        if digits is None:
            units += _units(part)
            square_units += _product_units(part, part)
        else:
            units += _digit_units(digits)
            square_units += _dot_units(digits, digits, 0)
    return ExactSum(units), ExactSum(square_units)


def square_total(x: Floats) -> ExactSum:
    """Return the exact sum of the squares."""
    return moments(x)[1]


def product_total(x: Floats, y: Floats) -> ExactSum:
    """Return the exact sum of the products x·y.

    A product with a factor 0 counts nothing, even where the other factor is infinite.
    """
    if not (_all_finite(x) and _all_finite(y)):
        used = (x != 0.0) & (y != 0.0)
        x, y = x[used], y[used]
        finite = np.isfinite(x) & np.isfinite(y)
        specials = _guarded(x[~finite] * y[~finite], _units)
        return specials + ExactSum(_product_units(x[finite], y[finite]))
    return ExactSum(_product_units(x, y))


def pair_units(x: Floats, y: Floats) -> tuple[int, int, int, int, int]:
    """Return the exact Σx, Σx², Σy, Σy² and Σxy of finite arrays, as units of 2⁻²¹⁴⁸."""
    sums = [0] * 5
    for start in range(0, len(x), SLICE):
        a, b = x[start : start + SLICE], y[start : start + SLICE]
        in_a, in_b = _digits(a), _digits(b)
        if in_a is None or in_b is None:
            found = [_units(a), _product_units(a, a), _units(b), _product_units(b, b)]
            found.append(_product_units(a, b))
        else:
            found = [_digit_units(in_a), _dot_units(in_a, in_a, 0)]
            found += [_digit_units(in_b), _dot_units(in_b, in_b, 0), _dot_units(in_a, in_b, 0)]
        sums = [total + more for total, more in zip(sums, found, strict=True)]
    return sums[0], sums[1], sums[2], sums[3], sums[4]


def _digit_units(digits: Digits) -> int:
    """Sum an array in digits, as units of 2⁻²¹⁴⁸."""
    return sum(_whole(float(np.add.reduce(digit)), 0) for digit, _ in digits)


def cubic_units(w: Floats | None, x: Floats, y: Floats) -> int:
    """Return the exact sum of w·x·y of finite arrays, in units of 2⁻³²²²; w is 1 where None.

    A product x·y is two float64 numbers, the rounded one and its error (Dekker, "A floating-point
    technique for extending the available precision", 1971), so that two sums of products do it.
    Where a half of that could overflow or vanish, integers do.
    """
    if w is None:
        return _product_units(x, y) << CUBIC_SHIFT
    if x.size == 0:
        return 0
    low, high = math.ldexp(1.0, -TEMPERATE), math.ldexp(1.0, TEMPERATE)
    wild = np.zeros(x.shape, dtype=bool)
    for factor in (x, y):
        size = np.abs(factor)
        wild |= ((size < low) | (size > high)) & (size != 0.0)
    units = 0
    if wild.any():
        rows = zip(w[wild].tolist(), x[wild].tolist(), y[wild].tolist(), strict=True)
        units = sum(_whole(a, 0) * _whole(b, 0) * _whole(c, 0) for a, b, c in rows)
        units >>= 3 * SCALE_BITS - SCALE_BITS - CUBIC_SHIFT
        w, x, y = w[~wild], x[~wild], y[~wild]
    product = x * y
    error = _product_error(x, y, product)
    return units + ((_product_units(w, product) + _product_units(w, error)) << CUBIC_SHIFT)


def _product_error(x: Floats, y: Floats, product: Floats) -> Floats:
    """Return x·y − product, exactly (Veltkamp's split, Dekker's product)."""
    x_high, x_low = _split(x)
    y_high, y_low = _split(y)
    error: Floats = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return error


def _split(x: Floats) -> tuple[Floats, Floats]:
    """Return the upper and the lower half of the bits of x."""
    scaled = x * 134217729.0  # 2²⁷ + 1
    high = scaled - (scaled - x)
    return high, x - high


def grouped_units(x: Floats, codes: NDArray[np.intp], groups: int) -> list[int]:
    """Return the exact sum of each group of a finite array, as whole units of 2⁻²¹⁴⁸.

    ``codes`` are the group numbers, 0 to groups − 1. A group's partial sums are as free of
    rounding as the whole slice's, so ``np.bincount`` adds them exactly. Slices are long, for each
    costs a step of the interpreter a group.
    """
    sums = [0] * groups
    for start in range(0, len(x), GROUPED):
        part = codes[start : start + GROUPED]
        for rounded, scale in _rounds(x[start : start + GROUPED]):
            found = np.bincount(part, weights=rounded, minlength=groups)
            for code in np.flatnonzero(found).tolist():
                sums[code] += _whole(float(found[code]), scale)
    return sums


def _all_finite(x: Floats) -> bool:
    """Whether a quick look finds every number finite; an overflow of the sum costs a second one."""
    with np.errstate(all="ignore"):
        return math.isfinite(float(np.add.reduce(x)))


def _guarded(x: Floats, units: Callable[[Floats], int]) -> ExactSum:
    """Sum the finite numbers of x with ``units`` and count the others."""
    if _all_finite(x):
        return ExactSum(units(x))
    finite = np.isfinite(x)
    return ExactSum(
        units(x[finite]),
        int(np.count_nonzero(x == np.inf)),
        int(np.count_nonzero(x == -np.inf)),
        int(np.count_nonzero(np.isnan(x))),
    )


class _Scratch(threading.local):
    """Arrays that every thread keeps: new ones of this size would cost more than the sums.

    What ``_rounds`` yields is good until its next step.
    """

    def __init__(self) -> None:
        self.rounded = np.empty(SLICE)
        self.rest = np.empty(SLICE)


_scratch = _Scratch()


def _units(x: Floats) -> int:
    sums = 0
    for start in range(0, len(x), SLICE):
        for rounded, scale in _rounds(x[start : start + SLICE]):
            sums += _whole(float(np.add.reduce(rounded)), scale)
    return sums


def _whole(value: float, scale: int) -> int:
    """Return value · 2^scale in units of 2⁻²¹⁴⁸."""
    numerator, denominator = value.as_integer_ratio()
    shift = SCALE_BITS + scale + 1 - denominator.bit_length()
    return numerator << shift if shift >= 0 else numerator >> -shift


def _rounds(x: Floats) -> Iterator[tuple[Floats, int]]:
    """Yield arrays that add up to the finite slice x (≤ 2¹⁸) and whose own sums do not round.

    Each comes with a power of two that it is to be multiplied by.
    """
    if len(x) == 0:
        return
    largest = max(float(np.maximum.reduce(x)), -float(np.minimum.reduce(x)))
    scale = 0
    if largest > HUGE:
        small = np.abs(x) < TINY
        if small.any():
            yield from _rounds(np.where(small, x, 0.0))
            x = np.where(small, 0.0, x)
        scale = SCALED
        x = x * 2.0**-SCALED
        largest *= 2.0**-SCALED
    exponent = math.frexp(largest)[1]
    if len(x) <= SLICE:
        kept_bits = KEPT_BITS
        rounded, own = _scratch.rounded[: len(x)], _scratch.rest[: len(x)]
    else:
        kept_bits = 52 - (len(x) - 1).bit_length()
        rounded, own = np.empty(len(x)), np.empty(len(x))
    rest = x
    while True:
        unit = max(exponent - kept_bits, -1074)
        sigma = math.ldexp(1.5, 52 + unit)  # numbers near it are multiples of 2^unit
        np.add(rest, sigma, out=rounded)
        np.subtract(rounded, sigma, out=rounded)
        yield rounded, scale
        rest = np.subtract(rest, rounded, out=own)
        if not rest.any():
            return
        exponent = unit - 1  # |rest| ≤ half a unit


def _product_units(x: Floats, y: Floats) -> int:
    """Sum the exact products of two finite arrays, as units of 2⁻²¹⁴⁸."""
    units = 0
    for start in range(0, len(x), SLICE):
        a, b = x[start : start + SLICE], y[start : start + SLICE]
        digits_a = _digits(a)
        digits_b = digits_a if y is x else _digits(b)
        if digits_a is not None and digits_b is not None:
            units += _dot_units(digits_a, digits_b, 0)
            continue
        for part_a, scale_a in _tempered(a):
            for part_b, scale_b in _tempered(b):
                left, right = _digits(part_a), _digits(part_b)
                assert left is not None
                assert right is not None
                units += _dot_units(left, right, scale_a + scale_b)
    return units


Digits = list[tuple["Floats", int]]


def digits_of(x: Floats) -> Digits:
    """Return x in digits of 20 bits, as ``_digits``, where x is not near the ends of float64."""
    digits = _digits(x)
    assert digits is not None
    return digits


def _digits(x: Floats) -> Digits | None:
    """Write the finite numbers of x in digits of 20 bits: arrays that add up to x.

    Each comes with an exponent t: its entries are multiples of 2ᵗ and at most 2²⁰ of them. So a
    product of two digits is at most 2⁴⁰ of a common unit, and 2¹³ of those add up without
    rounding in any order. None where exponents come so near the ends of float64 that products of
    digits could overflow or vanish.
    """
    largest = max(float(np.maximum.reduce(x)), -float(np.minimum.reduce(x)))
    if largest == 0.0:
        return []
    unit = math.frexp(largest)[1] - DIGIT_BITS
    if unit > TEMPERATE:
        return None
    digits: Digits = []
    rest = x
    while True:
        if unit < -TEMPERATE:
            return None
        sigma = math.ldexp(1.5, 52 + unit)
        digit = rest + sigma
        digit -= sigma
        digits.append((digit, unit))
        rest = np.subtract(rest, digit, out=None if rest is x else rest)
        if not rest.any():
            return digits
        unit -= DIGIT_BITS + 1  # |rest| ≤ half a unit


def _dot_units(x: Digits, y: Digits, scale: int) -> int:
    """Sum the products of two arrays in digits, as units of 2⁻²¹⁴⁸."""
    units = 0
    for i, (a, unit_a) in enumerate(x):
        for j, (b, unit_b) in enumerate(y):
            if x is y and j < i:
                continue
            unit = -unit_a - unit_b
            whole = sum(int(math.ldexp(dot, unit)) for dot in _dots(a, b))
            if x is y and j > i:
                whole += whole
            shift = SCALE_BITS + unit_a + unit_b + scale
            units += whole << shift if shift >= 0 else whole >> -shift
    return units


def _dots(a: Floats, b: Floats) -> list[float]:
    """Return the dot products of consecutive chunks, each short enough to have no rounding."""
    full = len(a) // CHUNK * CHUNK
    dots = [float(np.dot(a[full:], b[full:]))] if full < len(a) else []
    if full:
        dots += np.vecdot(a[:full].reshape(-1, CHUNK), b[:full].reshape(-1, CHUNK)).tolist()
    return dots


def _tempered(x: Floats) -> list[tuple[Floats, int]]:
    """Split x into parts that can be written in digits, each with a power of two to multiply by."""
    magnitudes = np.abs(x)
    parts = []
    for low, high, scale in BANDS:
        chosen = (magnitudes >= low) & (magnitudes < high) & (magnitudes > 0.0)
        if chosen.any():
            parts.append((np.ldexp(np.where(chosen, x, 0.0), -scale), scale))
    return parts
