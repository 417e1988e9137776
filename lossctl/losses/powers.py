"""Deviances over all powers of the mean at which the variance may grow.

With t = ln(μ/y), a = 1 − p, b = 2 − p the deviance is 2y^b [(e^bt − 1)/b − (e^at − 1)/a], a sum
that cancels to t²/2 at t = 0. So near the truth it is e²·c⁻ᵖ·R(t): c = (y + 2μ)/3 is where the
weight of the integral 2∫(u − y)u⁻ᵖ du from y to μ has its centre, which leaves R a smooth function
close to 1, and a polynomial per power gives it. Far from the truth the terms no longer cancel.
Ordinary rows near the truth are plain float64 with its rounding carried along; the others go
through numbers that neither round nor overflow.
"""

import math
from functools import lru_cache

import numpy as np

from lossctl.losses.accurate import quotient, two_product, two_sum
from lossctl.losses.blocks import blockwise
from lossctl.losses.registry import Flags, Floats
from lossctl.losses.scaled import Scaled, choose, difference, negative_power, scaled

NEAR = 6.0  # |t|·max(1, |a|, |b|) up to which the polynomials reach, in pieces
PLAIN = 2.0**160  # numbers between this and its inverse cannot overflow at an ordinary power
MILD = 64.0  # powers up to which 3ᵖ and first-order corrections do


def deviance(y: Floats, mu: Floats, p: float) -> Floats:
    """Return the deviance of any power but 0, 1 and 2."""
    result = blockwise(lambda y, mu: _centre(y, mu, p), y, mu)
    rest = np.isnan(result)
    if not rest.any():
        return result
    inside = rest & (y > 0.0)
    result[inside] = _elsewhere(y[inside], mu[inside], p)
    out = rest & ~inside
    if out.any():
        result[out] = _outside(y[out], mu[out], p)
    return result


def _outside(y: Floats, mu: Floats, p: float) -> Floats:
    """Return the deviance for y ≤ 0: without the term in y alone."""
    if p > 1.0:
        return likelihood(-y, mu, 0.5 * (1.0 - p), 0.5 * (2.0 - p), p)
    terms = scaled(-y).over(*_minus(1.0, p)) + scaled(mu).over(*_minus(2.0, p))
    return (negative_power(mu, p) * scaled(mu) * terms).twice()


def _steepness(p: float) -> float:
    return max(1.0, abs(1.0 - p), abs(2.0 - p))


@lru_cache(64)
def _piece(p: float, low: float, high: float, origin: float) -> tuple[float, ...]:
    """Return the polynomial of R for x = t·max(1, |a|, |b|) between low and high, in ½(x − origin).

    It interpolates at Chebyshev's points; decimals of 60 digits and more outlast the cancellation
    in R and in the divided differences.
    """
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 60 + 3 * round(math.log10(1.0 + abs(p)))
        power = Decimal(p)
        a, b = 1 - power, 2 - power
        steepness = Decimal(_steepness(p))

        def flat(t: Decimal) -> Decimal:
            mu = t.exp()
            grown = (a * t).exp()
            deviance = 2 * ((grown * mu - 1) / b - (grown - 1) / a)
            if (low > 0.0 and p > 2.0) or (high < 0.0 and p < 0.0):
                return deviance
            if high < 0.0:
                return deviance / ((1 - mu) * grown)
            third = Decimal(3 if abs(p) > MILD else 1)
            return deviance * (power * ((1 + 2 * mu) / third).ln()).exp() / (mu - 1) ** 2

        count = 32 if high - low > 2.0 else 22
        middle, reach = (low + high - 2.0 * origin) / 4.0, (high - low) / 4.0
        points = [
            Decimal(middle + reach * math.cos(math.pi * (k + 0.5) / count)) for k in range(count)
        ]
        newton = [flat((Decimal(origin) + 2 * x) / steepness) for x in points]
        for order in range(1, count):
            for k in range(count - 1, order - 1, -1):
                newton[k] = (newton[k] - newton[k - 1]) / (points[k] - points[k - order])
        coefficients = newton[-1:]
        for point, slope in zip(points[-2::-1], newton[-2::-1], strict=True):
            shifted = [slope, *coefficients]
            for k, coefficient in enumerate(coefficients):
                shifted[k] -= point * coefficient
            coefficients = shifted
        rounded = [float(c) for c in coefficients]
    while abs(rounded[-1]) < 1e-18 * abs(rounded[0]):
        rounded.pop()
    return tuple(rounded)


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> tuple[Floats, Floats]:
    """Return a polynomial at x and what the last rounding took from it."""
    if len(coefficients) == 1:
        return np.full_like(x, coefficients[0]), np.zeros_like(x)
    result = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2:0:-1]:
        result *= x
        result += coefficient
    result *= x
    total = coefficients[0] + result
    return total, (coefficients[0] - total) + result


def _centre(y: Floats, mu: Floats, p: float) -> Floats:
    """Return the deviance of ordinary numbers where |x| ≤ 2, 0 at the truth, and else NaN."""
    result = np.full_like(mu, np.nan)
    if abs(p) <= MILD:
        x = _log_ratio(y, mu) * _steepness(p)
        total, lost = two_sum(mu + mu, y)
        powers = np.power(total, -p)
        inside = (np.abs(x) <= 2.0) & _calm(total, powers, p)
        if inside.any():
            main, main_lost = _polynomial(_piece(p, -2.0, 2.0, 0.0), 0.5 * x)
            e, e_lost = two_sum(mu, -y)
            square, square_lost = two_product(e, e)
            whole, whole_lost = two_product(square, powers)
            part = (square_lost + 2.0 * e * e_lost) / square + whole_lost / whole
            part -= p * (lost / total)
            whole = whole * main + whole * (main_lost + main * part)
            np.copyto(result, whole, where=inside)
    result[y == mu] = 0.0
    return result


def _elsewhere(y: Floats, mu: Floats, p: float) -> Floats:
    """Return the deviance of any y > 0 and μ > 0 that are not equal."""
    result = np.full_like(mu, np.nan)
    t = _log_ratio(y, mu)
    x = t * _steepness(p)
    far = np.abs(x) > NEAR
    result[far] = _far(y[far], mu[far], t[far], p)
    for low, high in ((-6.0, -4.0), (-4.0, -2.0), (-2.0, 2.0), (2.0, 4.0), (4.0, 6.0)):
        rows = (x >= low) & (x <= high) & np.isnan(result)
        if rows.any():
            result[rows] = _near(y[rows], mu[rows], x[rows], p, low, high)
    return result


def _near(y: Floats, mu: Floats, x: Floats, p: float, low: float, high: float) -> Floats:
    """Return the deviance where x is in one piece."""
    if low == -high:
        return _middle(y, mu, scaled(*_polynomial(_piece(p, low, high, 0.0), 0.5 * x)), p)
    # counted from its inner end a piece that grows away from 0 adds and does not cancel
    inner = high if high < 0.0 else low
    beyond = _beyond(y, mu, x, inner, p)
    ratio = scaled(*_polynomial(_piece(p, low, high, inner), 0.5 * beyond))
    if (low > 0.0 and p > 2.0) or (high < 0.0 and p < 0.0):
        return (scaled(y) * scaled(y) * negative_power(y, p) * ratio).floats()
    if high < 0.0:
        return (difference(y, mu) * scaled(mu) * negative_power(mu, p) * ratio).floats()
    return _middle(y, mu, ratio, p)


def _beyond(y: Floats, mu: Floats, x: Floats, end: float, p: float) -> Floats:
    """Return x − end with what rounding took from x."""
    e, e_lost = two_sum(mu, -y)
    less = np.minimum(mu, y)
    q, q_lost = quotient(np.abs(e), np.copysign(e_lost, e_lost * e), less)
    t = np.copysign(np.log1p(q), e)
    q_lost = np.copysign(q_lost, q_lost * e)
    steepness = _steepness(p)
    product, lost = two_product(t, steepness)
    fine = (product - end) + (lost + steepness * (q_lost / (1.0 + q)))
    return np.where(np.isfinite(fine), fine, x - end)


def _middle(y: Floats, mu: Floats, flat: Scaled, p: float) -> Floats:
    """Return e²·(y + 2μ)⁻ᵖ·R for R = flat, with 3ᵖ as another factor of R up to MILD."""
    mu, shift = np.frexp(mu)
    y = np.ldexp(y, -shift)
    total, lost = two_sum(mu + mu, y)
    base, rest = total, lost / total
    if abs(p) > MILD:
        # a third, and the rest as a correction: steep powers need their base near 1
        base = total / 3.0
        back, back_low = two_product(base, 3.0)
        rest = (((total - back) - back_low) + lost) / total
    e, e_lost = two_sum(mu, -y)
    size = scaled(e, e_lost)
    size = Scaled(size.mantissa, size.exponent + shift, size.rest)
    change = np.clip(-p * rest, -700.0, 700.0)
    if abs(p) > MILD:
        flat = flat * scaled(np.exp(change))
    else:
        flat = Scaled(flat.mantissa, flat.exponent, flat.rest + change)
    return (size * size * negative_power(base, p, shift) * flat).floats()


def _far(y: Floats, mu: Floats, t: Floats, p: float) -> Floats:
    """Return the deviance where |x| > 6: differences of powers, which no longer cancel."""
    a, a_low = _minus(1.0, p)
    b, b_low = _minus(2.0, p)
    at_y, at_mu = negative_power(y, p), negative_power(mu, p)
    truth, mean = scaled(y), scaled(mu)
    own = truth * truth * at_y
    cross = truth * mean * at_mu

    def grown(rate: float, low: float, power: Scaled) -> Scaled:
        """Return (power − own)/rate, by expm1 where the two are close."""
        x, lost = two_product(rate, t)
        rise = np.expm1(x)
        close = own * scaled(rise, (1.0 + rise) * (lost + low * t))
        return choose(np.abs(x) < 1.0, close, power + -own).over(rate, low)

    steps = -grown(a, a_low, cross)
    # of two forms of one sum, the one whose terms cancel less
    if p < 0.0 or p > 5.0:
        total = _outer(y, mu, at_mu, steps, p)
    else:
        total = grown(b, b_low, mean * mean * at_mu) + steps
        if p > 2.5:
            total = choose(t > 0.0, _outer(y, mu, at_mu, steps, p), total)
    # beyond all bounds the signs of the terms are lost, but not which way the largest goes
    top = np.maximum(at_y.exponent, at_mu.exponent)
    result: Floats = np.maximum(total.twice(), 0.0)
    result[top > 1e5] = np.inf
    result[top < -1e5] = 0.0
    return result


def _minus(x: float, p: float) -> tuple[float, float]:
    """Return x − p and what rounding took from it."""
    high, low = two_sum(x, -p)
    return float(high), float(low)


def _outer(y: Floats, mu: Floats, at_mu: Scaled, steps: Scaled, p: float) -> Scaled:
    return (difference(mu, y) * scaled(mu) * at_mu + steps).over(*_minus(2.0, p))


def _log_ratio(y: Floats, mu: Floats) -> Floats:
    """Return ln(μ/y) for positive y and μ."""
    e = mu - y
    quotient = np.abs(e) / np.minimum(mu, y)
    logs = np.log1p(quotient)
    over = np.isinf(quotient)
    if over.any():
        logs[over] = np.abs(np.log(mu[over]) - np.log(y[over]))
    return np.copysign(logs, e)


def likelihood(y: Floats, mu: Floats, first: float, second: float, p: float) -> Floats:
    """Return μ^(1−p)·(y/first + μ/second), a sum of one sign, for y ≥ 0 and μ > 0."""
    powers = np.power(mu, -p)
    result: Floats = powers * mu * (y / first + mu / second)
    calm = _calm(mu, powers, p) & (y < PLAIN)
    if not calm.all():
        rest = ~calm
        y, mu = y[rest], mu[rest]
        mean = scaled(mu)
        terms = scaled(y).over(first) + mean.over(second)
        result[rest] = (negative_power(mu, p) * mean * terms).floats()
    return result


def slope(y: Floats, mu: Floats, p: float) -> Floats:
    """Return (μ − y)·μ⁻ᵖ."""
    powers = np.power(mu, -p)
    result: Floats = (mu - y) * powers
    calm = _calm(mu, powers, p) & (np.abs(y) < PLAIN)
    if not calm.all():
        rest = ~calm
        y, mu = y[rest], mu[rest]
        result[rest] = (difference(mu, y) * negative_power(mu, p)).floats()
    return result


def _calm(x: Floats, powers: Floats, p: float) -> Flags:
    """Return where neither x nor its power nor products of both go to extremes."""
    calm: Flags = (x > 1.0 / PLAIN) & (x < PLAIN) & (powers > 2.0**-400) & (powers < 2.0**400)
    return calm if abs(p) <= MILD else np.zeros_like(calm)
