"""Numbers beyond the range of float64: products and sums whose parts overflow, and any powers.

A kernel takes these for the rows where plain float64 would lose its range, and only for those.
"""

import math
from dataclasses import dataclass

import numpy as np

from lossctl.losses.accurate import two_product, two_sum
from lossctl.losses.registry import Flags, Floats

HUGE = 2.0**40  # binary exponents beyond this are as good as infinite
STEEP = 2000.0  # powers from which only numbers near 1 have a power in range


@dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers as mantissa · (1 + rest) · 2^exponent; the exponents are whole float64 numbers.

    The rest is what rounding took so far: arithmetic on these numbers adds no error of its own.
    """

    mantissa: Floats
    exponent: Floats
    rest: Floats | float = 0.0

    def __mul__(self, other: "Scaled") -> "Scaled":
        """Return the product, whose mantissa is near 1 again."""
        product, lost = two_product(self.mantissa, other.mantissa)
        mantissa, shift = np.frexp(product)
        rest = _part(lost, product) + (self.rest + other.rest)
        return Scaled(mantissa, self.exponent + other.exponent + shift, rest)

    def __add__(self, other: "Scaled") -> "Scaled":
        """Return the sum; a 0 counts whatever its exponent."""
        top = np.maximum(
            np.where(self.mantissa == 0.0, -HUGE, self.exponent),
            np.where(other.mantissa == 0.0, -HUGE, other.exponent),
        )
        one = _ldexp(self.mantissa, self.exponent - top)
        two = _ldexp(other.mantissa, other.exponent - top)
        total, lost = two_sum(one, two)
        mantissa, shift = np.frexp(total)
        lost = lost + (one * self.rest + two * other.rest)
        return Scaled(mantissa, top + shift, _part(lost, total))

    def over(self, divisor: float, low: float = 0.0) -> "Scaled":
        """Return them divided by one number and what rounding took from it."""
        part, exponent = math.frexp(divisor)
        mantissa = self.mantissa / part
        product, lost = two_product(mantissa, part)
        rest = _part((self.mantissa - product) - lost, product) + (self.rest - low / divisor)
        return Scaled(mantissa, self.exponent - exponent, rest)

    def __neg__(self) -> "Scaled":
        """Return them with the other sign."""
        return Scaled(-self.mantissa, self.exponent, self.rest)

    def twice(self) -> Floats:
        """Return their doubles as float64 numbers."""
        return _ldexp(self.mantissa + self.mantissa * self.rest, self.exponent + 1.0)

    def floats(self) -> Floats:
        """Return them as float64 numbers."""
        return _ldexp(self.mantissa + self.mantissa * self.rest, self.exponent)


def _part(lost: Floats, whole: Floats) -> Floats:
    """Return lost / whole, 0 where there is nothing."""
    return lost / np.where(whole == 0.0, 1.0, whole)


def _ldexp(mantissa: Floats, exponent: Floats) -> Floats:
    result: Floats = np.ldexp(mantissa, np.clip(exponent, -9999.0, 9999.0).astype(np.int32))
    return result


def scaled(x: Floats | float, lost: Floats | float = 0.0) -> Scaled:
    """Return numbers, and what rounding took from them, apart in mantissa and exponent."""
    mantissa, exponent = np.frexp(x)
    rest = _part(np.asarray(lost), np.asarray(x)) if np.ndim(lost) else 0.0
    return Scaled(mantissa, exponent.astype(np.float64), rest)


def difference(mu: Floats, y: Floats) -> Scaled:
    """Return μ − y, which may overflow."""
    e, lost = two_sum(mu, -y)
    over = np.isinf(e)
    if not over.any():
        return scaled(e, lost)
    half, half_lost = two_sum(0.5 * mu, -0.5 * y)
    part = scaled(np.where(over, half, e), np.where(over, half_lost, lost))
    return Scaled(part.mantissa, part.exponent + over, part.rest)


def negative_power(x: Floats, p: float, shift: Floats | float = 0.0) -> Scaled:
    """Return (x · 2^shift)⁻ᵖ for x > 0."""
    shift = np.broadcast_to(shift, x.shape)
    number = np.ldexp(x, shift.astype(np.int32))
    power = np.power(number, -p)
    mantissa, exponent = np.frexp(power)
    exponent = exponent.astype(np.float64)
    out = (number < 1e-300) | ~((power > 1e-300) & (power < 1e300))
    if not out.any():
        return Scaled(mantissa, exponent)
    far = _power_apart(x[out], p, shift[out]) if abs(p) <= STEEP else _steep(number[out], p)
    rest = np.zeros_like(mantissa)
    mantissa[out], exponent[out], rest[out] = far.mantissa, far.exponent, far.rest
    return Scaled(mantissa, exponent, rest)


def _power_apart(x: Floats, p: float, shift: Floats) -> Scaled:
    """Return (x · 2^shift)⁻ᵖ from the mantissa and the power of two, which keep all bits of p."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < math.sqrt(0.5)
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    high, low = two_product(exponent - small + shift, -p)
    whole = np.rint(high)
    part, lost = two_sum(high - whole, low)
    result = scaled(np.power(mantissa, -p)) * scaled(np.exp2(part))
    return Scaled(result.mantissa, result.exponent + whole, result.rest + lost * math.log(2.0))


def _steep(x: Floats, p: float) -> Scaled:
    """Return x⁻ᵖ for a large p: only numbers near 1 matter, of which the root is finite."""
    root = np.power(x, -0.5 * p)
    fits = (root > 1e-300) & (root < 1e300)
    mantissa, exponent = np.frexp(root)
    half = Scaled(mantissa, exponent.astype(np.float64))
    beyond = np.clip(np.rint(np.log2(x) * -p), -HUGE, HUGE)
    return choose(fits, half * half, Scaled(np.full_like(x, 0.5), beyond))


def choose(rows: Flags, x: Scaled, y: Scaled) -> Scaled:
    """Return x in the rows chosen, y in the others."""
    mantissa = np.where(rows, x.mantissa, y.mantissa)
    exponent = np.where(rows, x.exponent, y.exponent)
    return Scaled(mantissa, exponent, np.where(rows, x.rest, y.rest))
