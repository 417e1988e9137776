"""Numbers beyond the range of float64: products and sums whose parts overflow, and any powers.

A kernel takes these for the rows where plain float64 would lose its range, and only for those.
"""

import math
from dataclasses import dataclass

import numpy as np

from lossctl.losses.accurate import two_product
from lossctl.losses.registry import Flags, Floats

HUGE = 2.0**40  # binary exponents beyond this are as good as infinite
STEEP = 2000.0  # powers from which only numbers near 1 have a power in range


@dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers as mantissa · 2^exponent; the exponents are whole float64 numbers."""

    mantissa: Floats
    exponent: Floats

    def __mul__(self, other: "Scaled") -> "Scaled":
        """Return the product, whose mantissa is near 1 again."""
        mantissa, shift = np.frexp(self.mantissa * other.mantissa)
        return Scaled(mantissa, self.exponent + other.exponent + shift)

    def __add__(self, other: "Scaled") -> "Scaled":
        """Return the sum; a 0 counts whatever its exponent."""
        top = np.maximum(
            np.where(self.mantissa == 0.0, -HUGE, self.exponent),
            np.where(other.mantissa == 0.0, -HUGE, other.exponent),
        )
        total = _ldexp(self.mantissa, self.exponent - top)
        mantissa, shift = np.frexp(total + _ldexp(other.mantissa, other.exponent - top))
        return Scaled(mantissa, top + shift)

    def over(self, divisor: float) -> "Scaled":
        """Return them divided by one number."""
        mantissa, exponent = math.frexp(divisor)
        return Scaled(self.mantissa / mantissa, self.exponent - exponent)

    def __neg__(self) -> "Scaled":
        """Return them with the other sign."""
        return Scaled(-self.mantissa, self.exponent)

    def twice(self) -> Floats:
        """Return their doubles as float64 numbers, rounded once."""
        return _ldexp(self.mantissa, self.exponent + 1.0)

    def floats(self) -> Floats:
        """Return them as float64 numbers, rounded once."""
        return _ldexp(self.mantissa, self.exponent)


def _ldexp(mantissa: Floats, exponent: Floats) -> Floats:
    result: Floats = np.ldexp(mantissa, np.clip(exponent, -9999.0, 9999.0).astype(np.int32))
    return result


def scaled(x: Floats | float) -> Scaled:
    """Return numbers apart in mantissa and exponent."""
    mantissa, exponent = np.frexp(x)
    return Scaled(mantissa, exponent.astype(np.float64))


def difference(mu: Floats, y: Floats) -> Scaled:
    """Return μ − y, which may overflow."""
    e = mu - y
    over = np.isinf(e)
    half = scaled(np.where(over, 0.5 * mu - 0.5 * y, e))
    return Scaled(half.mantissa, half.exponent + over)


def negative_power(x: Floats, p: float, shift: Floats | float = 0.0) -> Scaled:
    """Return (x · 2^shift)⁻ᵖ for x > 0."""
    shift = np.broadcast_to(shift, x.shape)
    number = np.ldexp(x, shift.astype(np.int32))
    power = np.power(number, -p)
    mantissa, exponent = np.frexp(power)
    exponent = exponent.astype(np.float64)
    out = (number < 1e-300) | ~((power > 1e-300) & (power < 1e300))
    if out.any():
        far = _power_apart(x[out], p, shift[out]) if abs(p) <= STEEP else _steep(number[out], p)
        mantissa[out], exponent[out] = far.mantissa, far.exponent
    return Scaled(mantissa, exponent)


def _power_apart(x: Floats, p: float, shift: Floats) -> Scaled:
    """Return (x · 2^shift)⁻ᵖ from the mantissa and the power of two, which keep all bits of p."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < math.sqrt(0.5)
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    high, low = two_product(exponent - small + shift, -p)
    whole = np.rint(high)
    mantissa, exponent = np.frexp(np.power(mantissa, -p) * np.exp2((high - whole) + low))
    return Scaled(mantissa, whole + exponent)


def _steep(x: Floats, p: float) -> Scaled:
    """Return x⁻ᵖ for a large p: only numbers near 1 matter, of which a quarter power is finite."""
    root = np.power(x, -0.25 * p)
    fits = (root > 1e-300) & (root < 1e300)
    mantissa, exponent = np.frexp(root)
    square = Scaled(mantissa, exponent.astype(np.float64))
    square = square * square
    beyond = np.clip(np.rint(np.log2(x) * -p), -HUGE, HUGE)
    return choose(fits, square * square, Scaled(np.full_like(x, 0.5), beyond))


def choose(rows: Flags, x: Scaled, y: Scaled) -> Scaled:
    """Return x in the rows chosen, y in the others."""
    mantissa = np.where(rows, x.mantissa, y.mantissa)
    return Scaled(mantissa, np.where(rows, x.exponent, y.exponent))
