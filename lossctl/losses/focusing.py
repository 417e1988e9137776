"""(1 − p)^γ for any γ: the rounding errors that a power multiplies by γ are carried along.

A probability of everything but the label, b = 1 − p, is known as a float64 and a relative
correction; where p is small, −ln b is, as a float64 m and a small rest. The power may vanish in
float64 where its product with −ln p does not, so it can also be had as factors that are normal
numbers.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from lossctl.losses.labels import plus_exactly, times_exactly
from lossctl.losses.registry import Floats, Slope
from lossctl.losses.rows import times

NEAR = 2.0**-14  # below it p is small
FAINT = 1e-290  # below it a power may have lost bits
SHIFT = 2.0**60
LIFT = 2.0**480
STEPS = 64
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


class Doubt(NamedTuple):
    """The probability b = 1 − p that a label is wrong: b(1 + more), and −ln b = m + low.

    The second form counts where m is below ``NEAR``.
    """

    b: Floats
    more: Floats | float
    m: Floats
    low: Floats

    def power(self, gamma: float) -> Floats:
        """Return b^γ."""
        power = self.b**gamma
        power += power * (gamma * self.more)
        near = self.m < NEAR
        if near.any():
            h, c = self._exponent(gamma)
            small = np.exp(-h)
            power = np.where(near, small + small * np.expm1(-c), power)
        return power

    def factors(self, gamma: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Return three factors of b^γ, and their relative correction.

        None of them vanishes where another factor might lift the product.
        """
        first = self.b**gamma
        second = third = np.ones_like(first)
        more = gamma * self.more + np.zeros_like(first)
        faint = first < FAINT
        if faint.any():
            half = self.b ** (0.5 * gamma)
            first, second = np.where(faint, half, first), np.where(faint, half, second)
        near = self.m < NEAR
        if near.any():
            h, c = self._exponent(gamma)
            first = np.where(near, np.exp(-np.minimum(h, 500.0)), first)
            second = np.where(near, np.exp(-np.clip(h - 500.0, 0.0, 500.0)), second)
            third = np.where(near, np.exp(-np.maximum(h - 1000.0, 0.0)), third)
            more = np.where(near, np.expm1(-c), more)
        return first, second, third, more

    def _exponent(self, gamma: float) -> tuple[Floats, Floats]:
        """Return −ln b · γ as a number and a small rest, where m is small."""
        m = np.where(self.m < NEAR, self.m, 0.0)
        h = gamma * m
        slack = times_exactly(m * SHIFT, gamma / SHIFT)[1]
        return h, np.where(h < 2000.0, slack + gamma * self.low, 0.0)


def focused(
    share: Floats | float, alpha: Floats | float, surprise: Floats, doubt: Doubt, gamma: float
) -> Floats:
    """Return share · α · b^γ · surprise."""
    power = doubt.power(gamma)
    cost = times(np.asarray(alpha), times(np.asarray(share), surprise))
    value = times(power, cost)
    faint = (power < FAINT) & (cost > 0.0)
    if faint.any():
        anew = whole(faded(doubt, gamma, share, alpha, surprise))
        value = np.where(faint, anew, value)
    return value


def faded(
    doubt: Doubt, gamma: float, *factors: Floats | float, low: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Return b^γ times factors, and what is left: no partial product vanishes or overflows.

    ``low`` is the low part of the last factor.
    """
    first, second, third, more = doubt.factors(gamma)
    more = more + np.where(factors[-1] == 0.0, 0.0, low / factors[-1])
    mantissa, exponent = np.frexp(first)
    error = np.zeros_like(first)
    for factor in (second, third, *factors):
        part, shift = np.frexp(factor)
        error = error * part + times_exactly(mantissa, part)[1]
        mantissa = times(mantissa, part)
        exponent = exponent + shift
    error += mantissa * more
    total, rest = plus_exactly(mantissa, np.where(np.isfinite(error), error, 0.0))
    rest = np.where(np.isfinite(rest), rest, 0.0)
    return np.ldexp(total, exponent), np.ldexp(rest, exponent)


def whole(x: tuple[Floats, Floats]) -> Floats:
    """Return a number and its low part as one."""
    return x[0] + x[1]


def minus(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Floats:
    """Return a − b of numbers that have low parts."""
    total, error = plus_exactly(a[0], -b[0])
    error += a[1] - b[1]
    return total + np.where(np.isfinite(error), error, 0.0)


def pull(
    doubt: Doubt, p: Floats, more: Floats, surprise: Floats, low: Floats, gamma: float
) -> tuple[Floats, Floats]:
    """Return b + γ · p(1 + more) · (surprise + low): dℓ/dz without its b^γ; and its low part."""
    lost = times(p, surprise)
    error = times_exactly(p, surprise)[1] + lost * more + p * low
    weighed = gamma * lost
    slack = times_exactly(lost, gamma)[1] if gamma < 1e290 else 0.0
    total, rounding = plus_exactly(doubt.b, weighed)
    rounding += slack + gamma * np.where(lost > FAINT, error, 0.0) + doubt.b * doubt.more
    return total, np.where(np.isfinite(rounding), rounding, 0.0)


def lifted(
    kernel: Callable[[Floats, Floats, float], tuple[Floats, Slope]],
    t: Floats,
    yhat: Floats,
    alpha: float,
) -> tuple[Floats, Slope]:
    """Return the losses of soft labels and their slope: terms do not vanish before their sum."""
    value, slope = kernel(t, yhat, alpha)
    faint = value < 1.0 / LIFT / LIFT
    if faint.any():
        value[faint] = kernel(t[faint], yhat[faint], alpha * LIFT)[0] / LIFT
    return value, slope


def steepness_in_p(
    share: Floats | float,
    alpha: Floats | float,
    surprise: Floats,
    doubt: Doubt,
    p: Floats,
    gamma: float,
) -> tuple[Floats, Floats]:
    """Return share · α · b^γ · (1/p + γ·surprise/b) and its low part; surprise/b is 1 at b = 0."""
    scale = 2.0**-60  # 1/p may be beyond float64 where its share is not
    ratio, more = quotient(surprise, 0.0, doubt.b, doubt.b * doubt.more)
    sure = doubt.b == 0.0
    ratio, more = np.where(sure, 1.0, ratio), np.where(sure, 0.0, more)
    weighed = times(np.asarray(gamma * scale), ratio)
    gain, low = plus_exactly(scale / p, weighed)
    low += times_exactly(ratio, gamma * scale)[1] + weighed * more
    low = np.where(np.isfinite(low), low, 0.0)
    return faded(doubt, gamma, share, alpha, 1.0 / scale, gain, low=low)


def of_small(p: Floats) -> Floats:
    """Return −ln(1 − p) − p of a small p."""
    return p * p * (0.5 + p * (1.0 / 3.0 + p * (0.25 + p * 0.2)))


def of_small_odds(x: Floats, error: Floats) -> Floats:
    """Return ln(1 + x(1 + error)) − x of a small x."""
    return x * error - x * x * (0.5 - x * (1.0 / 3.0 - x * (0.25 - x * 0.2)))


def quotient(
    top: Floats, top_low: Floats | float, below: Floats, below_low: Floats
) -> tuple[Floats, Floats]:
    """Return a quotient of numbers that have low parts, and its relative correction."""
    q = top / below
    whole, error = times_exactly(q, below)
    left = ((top - whole) - error) + (top_low - q * below_low)
    return q, np.where(top > FAINT, left / top, 0.0)


def exp_exactly(x: Floats, low: Floats | float = 0.0, *, quick: bool) -> tuple[Floats, Floats]:
    """Return eˣ of x ≤ 0 and a low part, and its relative correction: 59 bits, or some 68.

    x = n ln 2 + j/64 + s, and e^(j/64) comes from a table.
    """
    if x.size and x.min() < -800.0:
        low = np.where(x > -800.0, low, 0.0)
        x = np.maximum(x, -800.0)
    n = np.rint(x * (1.0 / np.log(2.0)))
    s = x - n * LN2_HIGH
    j = np.rint(s * STEPS)
    s -= j * (1.0 / STEPS)
    small = low - n * LN2_LOW
    t = s + small
    tail = 1 / 2 + t * (1 / 6 + t * (1 / 24 + t * (1 / 120 + t * (1 / 720 + t * (1 / 5040)))))
    heights, rests = _table()
    at = j.astype(np.intp) + STEPS // 2
    height = heights[at]
    if quick:
        base, error = height, rests[at] + height * (t + t * t * tail)
    else:
        tail = small + t * t * tail
        step, error = times_exactly(height, s)
        base = height + step
        error += (height - base) + step
        error += rests[at] * (1.0 + s) + height * tail
    power = base + error
    error = ((base - power) + error) / power
    return np.ldexp(power, n.astype(np.int32)), error


@cache
def _table() -> tuple[Floats, Floats]:
    """Return e^(j/64) for |j| ≤ 32, each as a float64 and what is left."""
    one = 1 << 200
    heights, rests = [], []
    for j in range(-STEPS // 2, STEPS // 2 + 1):
        term = total = one
        for i in range(1, 40):
            term = term * j // (STEPS * i)
            total += term
        heights.append(total / one)
        rests.append((total - int(heights[-1] * 2**60) * (one >> 60)) / one)
    return np.array(heights), np.array(rests)
