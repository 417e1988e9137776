"""Tweedie losses: one family over all powers of the mean at which the variance may grow.

With t = ln(μ/y), a = 1 − p, b = 2 − p the deviance is 2y^b [(e^bt − 1)/b − (e^at − 1)/a], a sum
that cancels to t²/2 at t = 0. So near the truth it is e²·c⁻ᵖ·R(t): c = (y + 2μ)/3 is where the
weight of the integral 2∫(u − y)u⁻ᵖ du from y to μ has its centre, which leaves R a smooth function
close to 1, and a polynomial per power gives it. Far from the truth the terms no longer cancel.
Ordinary rows near the truth are plain float64 with its rounding carried along; the others go
through numbers that neither round nor overflow. Power 1.5 has a closed form.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import numpy as np

from lossctl.losses.accurate import plus, quotient, two_product, two_sum
from lossctl.losses.count import blockwise, gamma_deviance, poisson_deviance
from lossctl.losses.domain import NOT_NEGATIVE, POSITIVE, REAL, Interval, Union
from lossctl.losses.registry import Flags, Floats, Slope, loss
from lossctl.losses.regression import mse
from lossctl.losses.scaled import Scaled, choose, difference, negative_power, scaled

Power = Annotated[
    float, Union((Interval(-math.inf, 0.0, "right"), Interval(1.0, math.inf, "left")))
]
NEAR = 6.0  # |t|·max(1, |a|, |b|) up to which the polynomials reach, in pieces
PLAIN = 2.0**160  # numbers between this and its inverse cannot overflow at an ordinary power
MILD = 64.0  # powers up to which 3ᵖ and first-order corrections do


def _truths(params: Mapping[str, Any]) -> Interval:
    power = params["power"]
    return REAL if power <= 0.0 else NOT_NEGATIVE if power < 2.0 else POSITIVE


def _means(params: Mapping[str, Any]) -> Interval:
    return REAL if params["power"] == 0.0 else POSITIVE


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


def _deviance(y: Floats, mu: Floats, p: float) -> Floats:
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
        return _likelihood(-y, mu, 0.5 * (1.0 - p), 0.5 * (2.0 - p), p)
    terms = scaled(-y).over(*_minus(1.0, p)) + scaled(mu).over(*_minus(2.0, p))
    return (negative_power(mu, p) * scaled(mu) * terms).twice()


def _deviance_at_1_5(y: Floats, mu: Floats) -> Floats:
    """Return 4(√μ − √y)²/√μ, the deviance at power 1.5."""
    largest = np.maximum(y, mu)
    scale = np.where(largest < 2.0**-700, 2.0**200, np.where(largest > 2.0**900, 2.0**-200, 1.0))
    y, mu = y * scale * scale, mu * scale * scale
    root_y, y_lost = _root(y)
    root, root_lost = _root(mu)
    total, lost = two_sum(root, root_y)
    e, e_lost = two_sum(mu, -y)
    # the difference of the roots, which may cancel, as a quotient
    gap, gap_lost = quotient(e, e_lost, total)
    gap_lost -= gap * ((lost + (root_lost + y_lost)) / total)
    result = gap * (gap / root)
    little = result * (2.0 * gap_lost / np.where(gap == 0.0, 1.0, gap) - root_lost / root)
    return 4.0 * plus(result, little) / scale


def _root(x: Floats) -> tuple[Floats, Floats]:
    """Return √x and what rounding took from it, 0 where x is too small to tell."""
    root = np.sqrt(x)
    square, lost = two_product(root, root)
    return root, np.where(x < 2.0**-900, 0.0, ((x - square) - lost) / (root + root))


def _likelihood(y: Floats, mu: Floats, first: float, second: float, p: float) -> Floats:
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


def _calm(x: Floats, powers: Floats, p: float) -> Flags:
    """Return where neither x nor its power nor products of both go to extremes."""
    calm: Flags = (x > 1.0 / PLAIN) & (x < PLAIN) & (powers > 2.0**-400) & (powers < 2.0**400)
    return calm if abs(p) <= MILD else np.zeros_like(calm)


def _slope(y: Floats, mu: Floats, p: float) -> Floats:
    """Return (μ − y)·μ⁻ᵖ."""
    powers = np.power(mu, -p)
    result: Floats = (mu - y) * powers
    calm = _calm(mu, powers, p) & (np.abs(y) < PLAIN)
    if not calm.all():
        rest = ~calm
        y, mu = y[rest], mu[rest]
        result[rest] = (difference(mu, y) * negative_power(mu, p)).floats()
    return result


@loss("mean_tweedie_deviance", "tweedie_deviance_score", task="count", y=_truths, pred=_means)
def tweedie_deviance(y: Floats, yhat: Floats, *, power: Power = 1.5) -> tuple[Floats, Slope]:
    """Tweedie deviance: error against a spread that grows as a power of the mean.

    Formula:    ℓ = 2[y^(2−p)/((1−p)(2−p)) − yμ^(1−p)/(1−p) + μ^(2−p)/(2−p)], μ = ŷ, p = power
    Gradient:   ∂ℓ/∂μ = 2(μ − y)μ⁻ᵖ
    Value:      L = Σ wℓ / Σ w

    Behaviour:  0 at μ = y, near it (μ − y)²μ⁻ᵖ: an error counts against a variance of μᵖ, so a
                higher power forgives large amounts more and small ones less. Power 0 is mse
                (normal), 1 poisson_deviance, between 1 and 2 sums of a Poisson number of gamma
                amounts (zeros and positive amounts), 2 gamma_deviance, 3 inverse Gaussian,
                below 0 stable distributions on all of ℝ with a positive mean. There is none
                between 0 and 1. From power 1 on too low a mean is punished without bound, and
                above 2 too high a one has a bound: 2y^(2−p)/((1−p)(2−p)).
                y may be any number for power ≤ 0, 0 or more below 2, and must be positive from
                2 on; μ must be positive unless power = 0.
    Choose it:  for amounts with exact zeros and a long tail, such as cost of claims, rainfall
                or sales (power 1.5), or to see how a ranking depends on the spread assumed.
    Elsewhere:  scikit-learn mean_tweedie_deviance and torchmetrics TweedieDevianceScore, both
                with power=0 where none is given. XGBoost and LightGBM minimise tweedie_nll,
                half of this without the terms in y alone.
    Example:    $ lossctl tweedie_deviance sample_data/linnerud.csv -y y_situps -p rate_situps -q
                ?
    Source:     Jørgensen, "The Theory of Dispersion Models" (1997), chapter 4.

    >>> import numpy as np
    >>> round(float(tweedie_deviance(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    0.286
    """
    if power == 0.0:
        return mse(y, yhat)
    if power == 1.0:
        return poisson_deviance(y, yhat)
    if power == 2.0:
        return gamma_deviance(y, yhat)
    value = blockwise(_deviance_at_1_5, y, yhat) if power == 1.5 else _deviance(y, yhat, power)
    return value, lambda: 2.0 * _slope(y, yhat, power)


Between = Annotated[float, Interval(1.0, 2.0, "neither")]


@loss(
    "tweedie",
    "tweedie_nloglik",
    task="count",
    y=NOT_NEGATIVE,
    pred=POSITIVE,
    zero_at_truth=False,
)
def tweedie_nll(y: Floats, yhat: Floats, *, power: Between = 1.5) -> tuple[Floats, Slope]:
    """Tweedie loss: how unlikely an amount with zeros is under a predicted mean, less its constant.

    Formula:    ℓ = −yμ^(1−p)/(1−p) + μ^(2−p)/(2−p), μ = ŷ, p = power
    Gradient:   ∂ℓ/∂μ = (μ − y)μ⁻ᵖ
    Value:      L = Σ wℓ / Σ w; positive

    Behaviour:  Lowest at μ = y, where it is y^(2−p)/((p−1)(2−p)) and not 0: compare models on
                the same rows and at one power (tweedie_deviance is 0 at the truth). Too low a
                mean costs yμ^(1−p), without bound; the pull of an outlier grows in proportion to y.
                A power near 1 treats the amounts as counts, one near 2 as gamma amounts.
    Choose it:  to train on amounts with exact zeros; to report, tweedie_deviance. The power is
                a choice: losses at two powers are not on one scale.
    Elsewhere:  XGBoost tweedie-nloglik@p and LightGBM tweedie (tweedie_variance_power), both
                with 1.5 where none is given. Their models predict ln μ, their metrics take μ.
    Example:    $ lossctl tweedie_nll sample_data/linnerud.csv -y y_situps -p rate_situps -q
                ?
    Source:     Jørgensen, "The Theory of Dispersion Models" (1997), chapter 4.

    >>> import numpy as np
    >>> round(float(tweedie_nll(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    7.071
    """
    value = blockwise(lambda y, mu: _likelihood(y, mu, power - 1.0, 2.0 - power, power), y, yhat)
    return value, lambda: _slope(y, yhat, power)
