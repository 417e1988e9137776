"""Elementary steps that lose nothing: exact sums and products of two, and x − ln(1 + x).

A pair (high, low) stands for the unevaluated sum of a float64 and its rounding error.
Sources: Dekker, "A floating-point technique for extending the available precision" (1971);
Knuth, "The Art of Computer Programming", volume 2, 4.2.2.
"""

import numpy as np

from lossctl.losses.registry import Floats

SPLITTER = 2.0**27 + 1.0
LN2_HIGH = 0.6931471805592082  # 40 bits, so that a whole number of them is exact
LN2_LOW = 7.371002565167799e-13
ATANH = (  # (2 atanh √z − 2√z) / z√z on [0, 1/9], to 2⁻⁵⁸; from mpmath's chebyfit
    *(0.6666666666666666, 0.39999999999999525, 0.285714285716001, 0.2222222219823677),
    *(0.18181819897962714, 0.1538454396486055, 0.13335178631449257, 0.11734279061303197),
    *(0.10845178394880015, 0.07492143795550767, 0.1563057780092285),
)


def two_sum(a: Floats | float, b: Floats | float) -> tuple[Floats, Floats]:
    """Return a + b and what rounding it lost, exactly; the loss is NaN where a + b overflows."""
    high = np.add(a, b)
    shadow = high - a
    return high, (a - (high - shadow)) + (b - shadow)


def two_product(a: Floats | float, b: Floats | float) -> tuple[Floats, Floats]:
    """Return a · b and what it lost: exact for factors below 2⁹⁹⁰ and products above 2⁻⁹⁶⁰."""
    high = np.multiply(a, b)
    a_high, a_low = _split(a)
    b_high, b_low = (a_high, a_low) if b is a else _split(b)
    low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low
    return high, low


def _split(x: Floats | float) -> tuple[Floats, Floats]:
    scaled = np.multiply(x, SPLITTER)
    high = scaled - (scaled - x)
    return high, x - high


def x_minus_log1p(x: Floats, low: Floats | float = 0.0) -> Floats:
    """Return x − ln(1 + x) for x > −1, within 1.5 ulp; ∞ at ∞ and −1.

    ``low`` is what x lacks of the number that is meant. Near 0 the two terms cancel; a series in
    s = x/(2 + x) has no such terms (the reduction of fdlibm's log1p). Elsewhere 1 + x is a power
    of two times 1 + f, and x − ln(1 + x) = (x − f − k ln 2) + (f − ln(1 + f)).
    """
    change: Floats | float = 0.0
    if np.ndim(low) or low:
        change = low * (x / (1.0 + x))
        change = np.where(np.isfinite(change), change, 0.0)
    near = (x >= -0.5) & (x <= 0.5)
    if near.all():
        return _near_zero(x, change)
    far = ~near
    shift, f = _reduce(x[far])
    reduced = x.copy()
    reduced[far] = f
    result = _near_zero(reduced, change)
    result[far] = shift[0] + (shift[1] + result[far])
    result[(x == np.inf) | (x <= -1.0)] = np.inf
    return result


def _near_zero(x: Floats, change: Floats | float) -> Floats:
    """Return x − ln(1 + x) + change as ½x² − s(½x² + R), −½ ≤ x ≤ ½."""
    s = x / (2.0 + x)
    z = s * s
    series = np.full_like(z, ATANH[-1])
    for coefficient in reversed(ATANH[:-1]):
        series *= z
        series += coefficient
    series *= z
    half, lost = two_product(x, 0.5 * x)
    lost = np.where(half < 1e-280, 0.0, lost)  # the parts of a product that small are gone
    return half + ((lost + change) - s * (half + series))


def _reduce(x: Floats) -> tuple[tuple[Floats, Floats], Floats]:
    """Return x − f − k ln 2 as a pair, and f between √½ − 1 and √2 − 1: 1 + x = 2ᵏ(1 + f)."""
    sum_high, sum_low = two_sum(1.0, x)
    mantissa, exponent = np.frexp(sum_high)
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, mantissa + mantissa, mantissa)
    exponent = exponent - small
    k = exponent.astype(np.float64)
    f = mantissa - 1.0
    f_low = np.ldexp(sum_low, -exponent)
    first, lost = two_sum(x, -f)
    second, lost_too = two_sum(first, k * -LN2_HIGH)
    return (second, (lost + lost_too) - (k * LN2_LOW + f_low / mantissa)), f
