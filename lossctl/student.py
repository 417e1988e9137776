"""Student's t distribution with any real number of degrees of freedom above 0.

The middle of it is a series of positive terms, the tails a continued fraction of the incomplete
beta function: neither cancels, so that a probability of 10⁻³⁰⁰ has as many right digits as ½.

Sources: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.5.8 and 26.7;
Lentz, "Generating Bessel functions in Mie scattering calculations using continued fractions"
(1976), for the way the fraction is evaluated.
"""

from __future__ import annotations

import math

NORMAL_FROM = 1e17  # degrees of freedom from which t and the normal distribution are one float64
MIDDLE = 6.0  # t² up to which the series is used
ASYMPTOTIC_FROM = 24.0  # argument from which RATIO has all digits
# Γ(a + ½) / (Γ(a) √a) in powers of 1/a (Tricomi and Erdélyi, 1951).
RATIO = (
    1.0,
    -1 / 8,
    1 / 128,
    5 / 1024,
    -21 / 32768,
    -399 / 262144,
    869 / 4194304,
    39325 / 33554432,
)
STEPS = 10_000
LARGEST = 709.0  # log of the largest t
CLOSE = 4e-16  # relative change at which an iteration ends


def sf(t: float, df: float) -> float:
    """Return the probability of a value above t, with all digits in the upper tail."""
    if math.isnan(t) or not df > 0.0:
        return math.nan
    if t < 0.0:
        return 1.0 - sf(-t, df)
    if df >= NORMAL_FROM:
        return 0.5 * math.erfc(t / math.sqrt(2.0))
    return 0.5 - 0.5 * _middle(t, df) if t * t <= MIDDLE else math.exp(_tail(math.log(t), df)[0])


def cdf(t: float, df: float) -> float:
    """Return the probability of a value of at most t, with all digits in the lower tail."""
    return sf(-t, df)


def quantile(p: float, df: float) -> float:
    """Return the t below which a value lies with probability p (0 ≤ p ≤ 1)."""
    if not (0.0 <= p <= 1.0 and df > 0.0):
        return math.nan
    if p > 0.5:
        return -quantile(1.0 - p, df)
    if p in (0.0, 0.5):
        return 0.0 if p else -math.inf
    if df >= NORMAL_FROM:
        from statistics import NormalDist

        return NormalDist().inv_cdf(p)
    middle = p > sf(math.sqrt(MIDDLE), df)
    return -(_from_middle(1.0 - 2.0 * p, df) if middle else _from_tail(p, df))


def _log_growth(log_t: float, df: float) -> float:
    """Return log(1 + t²/df), also where t² is beyond float64."""
    log_ratio = 2.0 * log_t - math.log(df)
    return log_ratio if log_ratio > 80.0 else math.log1p(math.exp(log_t) ** 2 / df)


def _inverse_beta(a: float) -> float:
    """Return 1/B(a, ½) = Γ(a + ½) / (Γ(a) √π)."""
    factor = 1.0
    while a < ASYMPTOTIC_FROM:
        factor *= a / (a + 0.5)
        a += 1.0
    series = 0.0
    for coefficient in reversed(RATIO):
        series = series / a + coefficient
    return factor * series * math.sqrt(a / math.pi)


def _density(t: float, df: float) -> float:
    return (
        _inverse_beta(df / 2.0) / math.sqrt(df) * math.exp(-(df + 1) / 2 * math.log1p(t * t / df))
    )


def _middle(t: float, df: float) -> float:
    """Return the probability of a value within ± t, from a series whose terms are positive."""
    a = df / 2.0
    y = t * t / (df + t * t)
    term = total = 1.0
    for n in range(STEPS):
        term *= (a + 0.5 + n) / (1.5 + n) * y
        total += term
        if term < CLOSE * total:
            break
    return 2.0 * _inverse_beta(a) * math.sqrt(y) * math.exp(-a * math.log1p(t * t / df)) * total


def _tail(log_t: float, df: float) -> tuple[float, float]:
    """Return P and P / (t·density), P the log of the probability of a value above t > 0.

    The probability is ½ I_x(df/2, ½) at x = df/(df + t²); what is returned second is what moves
    log t by a step in P.
    """
    a, b = df / 2.0, 0.5
    growth = _log_growth(log_t, df)
    x, y = math.exp(-growth), -math.expm1(-growth)
    fraction = _fraction(a, b, x, y)
    front = math.log(_inverse_beta(a) / 2.0) + 0.5 * math.log(y) - a * growth
    return front + math.log(fraction), fraction / 2.0


def _fraction(a: float, b: float, x: float, y: float) -> float:
    """Return I_x(a, b) B(a, b) / (xᵃ yᵇ), by Lentz's method.

    The even part of the usual fraction, in which 1 − x = y is not taken as a difference (Didonato
    and Morris, "Algorithm 708", ACM TOMS 1992).
    """
    offset = (a + b) * y - b + 1.0
    c = beta = a / (a + 1.0) * offset
    d, value = 0.0, beta
    for n in range(1, STEPS):
        turn = n * (b - n) * x / (a + 2 * n - 1.0)
        alpha = (a + n - 1.0) * (a + b + n - 1.0) / (a + 2 * n - 1.0) * x * turn
        beta = n + turn + (a + n) / (a + 2 * n + 1.0) * (offset + n * (1.0 + y))
        d = 1.0 / (beta + alpha * d)
        c = beta + alpha / c
        value *= c * d
        if abs(c * d - 1.0) < CLOSE:
            break
    return 1.0 / value


def _from_middle(inside: float, df: float) -> float:
    """Return the t within ± of which a value lies with this probability.

    The probability is concave in t, so that Newton's steps come from below and never pass it.
    """
    t = inside / (2.0 * _density(0.0, df))
    last = math.inf
    for _ in range(STEPS):
        step = (inside - _middle(t, df)) / (2.0 * _density(t, df))
        t += step
        if _ended(step / t, last):
            break
        last = abs(step / t)
    return t


def _ended(step: float, last: float) -> bool:
    """Whether a step of Newton's is too small to count, or only rounding is left of it."""
    return abs(step) < CLOSE or last / 2.0 < abs(step) < 1e-9


def _from_tail(p: float, df: float) -> float:
    """Return the t above which a value lies with probability p.

    log p is concave in log t, so that Newton's steps there come from above after the first.
    """
    log_t = _first_guess(p, df)
    last = math.inf
    for _ in range(STEPS):
        log_probability, width = _tail(log_t, df)
        step = (log_probability - math.log(p)) * width
        log_t += step
        if _ended(step, last):
            break
        last = abs(step)
    return math.exp(log_t) if log_t < LARGEST else math.inf


def _first_guess(p: float, df: float) -> float:
    """Return log t to start from: near it in the middle for large df, in the far tail for small."""
    if df > 2.0:
        from statistics import NormalDist

        z = -NormalDist().inv_cdf(p)
        growth = min(z * z * (1.0 + 1.0 / df) / df, LARGEST)
        return 0.5 * (math.log(df) + math.log(math.expm1(growth)))
    a = df / 2.0
    return 0.5 * math.log(df) + (math.log(_inverse_beta(a) / (2.0 * a)) - math.log(p)) / df
