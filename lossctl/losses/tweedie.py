"""Tweedie losses: one family over all powers of the mean at which the variance may grow.

The default power 1.5 has a closed form. The mathematics of the others is loaded where it is needed.
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np

from lossctl.losses.accurate import plus, quotient, two_product, two_sum
from lossctl.losses.blocks import blockwise
from lossctl.losses.count import gamma_deviance, minus_log_y, poisson_deviance, y_log_y
from lossctl.losses.domain import NOT_NEGATIVE, POSITIVE, REAL, Interval, Union
from lossctl.losses.registry import Constant, Floats, Slope, loss
from lossctl.losses.regression import mse

Power = Annotated[
    float, Union((Interval(-math.inf, 0.0, "right"), Interval(1.0, math.inf, "left")))
]


def _truths(params: Mapping[str, Any]) -> Interval:
    power = params["power"]
    return REAL if power <= 0.0 else NOT_NEGATIVE if power < 2.0 else POSITIVE


def _means(params: Mapping[str, Any]) -> Interval:
    return REAL if params["power"] == 0.0 else POSITIVE


def _at_1_5(y: Floats, mu: Floats) -> Floats:
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


def _at_any(y: Floats, mu: Floats, p: float) -> Floats:
    from lossctl.losses.powers import deviance

    return deviance(y, mu, p)


def _slope(y: Floats, mu: Floats, p: float) -> Floats:
    from lossctl.losses.powers import slope

    return slope(y, mu, p)


def _generator(params: Mapping[str, Any]) -> Callable[[Floats], Floats]:
    """Return twice the generator of the deviance: what it holds in y alone."""
    p = params["power"]
    if p == 1.0:
        return y_log_y
    if p == 2.0:
        return minus_log_y
    return lambda y: 2.0 * np.maximum(y, 0.0) ** (2.0 - p) / ((1.0 - p) * (2.0 - p))


@loss(
    "mean_tweedie_deviance",
    "tweedie_deviance_score",
    task="count",
    y=_truths,
    pred=_means,
    constant=Constant("deviance", "the mean of y", of=_generator),
)
def tweedie_deviance(y: Floats, yhat: Floats, *, power: Power = 1.5) -> tuple[Floats, Slope]:
    r"""Tweedie deviance: error against a spread that grows as a power of the mean.

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
    Example:    $ lossctl tweedie_deviance sample_data/linnerud.csv \
                  -y y_situps -p rate_situps -q --precision 6
                1.5202
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
    value = blockwise(_at_1_5, y, yhat) if power == 1.5 else _at_any(y, yhat, power)
    return value, lambda: 2.0 * _slope(y, yhat, power)


Between = Annotated[float, Interval(1.0, 2.0, "neither")]


@loss(
    "tweedie",
    "tweedie_nloglik",
    task="count",
    y=NOT_NEGATIVE,
    pred=POSITIVE,
    zero_at_truth=False,
    constant=Constant("likelihood", "the mean of y"),
)
def tweedie_nll(y: Floats, yhat: Floats, *, power: Between = 1.5) -> tuple[Floats, Slope]:
    r"""Tweedie loss: how unlikely an amount with zeros is under a predicted mean, bar a constant.

    Formula:    ℓ = −yμ^(1−p)/(1−p) + μ^(2−p)/(2−p), μ = ŷ, p = power
    Gradient:   ∂ℓ/∂μ = (μ − y)μ⁻ᵖ
    Value:      L = Σ wℓ / Σ w; positive

    Behaviour:  Lowest at μ = y, where it is y^(2−p)/((p−1)(2−p)) and not 0: compare models on
                the same rows and at one power (tweedie_deviance is 0 at the truth). Too low a
                mean costs yμ^(1−p), without bound; the pull of an outlier grows in proportion to y.
                A power near 1 treats the amounts as counts, one near 2 as gamma amounts.
    Choose it:  to train on amounts with exact zeros; to report, tweedie_deviance. The power is
                a choice: losses at two powers are not on one scale.
    Elsewhere:  XGBoost tweedie-nloglik@p and LightGBM tweedie. In both the power is
                tweedie_variance_power, default 1.5, though XGBoost's metric has no default when
                it is asked for by name. Their models predict ln μ, their metrics take μ.
    Example:    $ lossctl tweedie_nll sample_data/linnerud.csv \
                  -y y_situps -p rate_situps -q --precision 6
                47.8932
    Source:     Jørgensen, "The Theory of Dispersion Models" (1997), chapter 4.

    >>> import numpy as np
    >>> round(float(tweedie_nll(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    7.071
    """
    from lossctl.losses.powers import likelihood

    value = blockwise(lambda y, mu: likelihood(y, mu, power - 1.0, 2.0 - power, power), y, yhat)
    return value, lambda: _slope(y, yhat, power)
