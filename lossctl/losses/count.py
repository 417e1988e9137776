"""Losses of counts and of positive amounts, where the spread grows with the mean.

A deviance is y or μ times q − 1 − ln q, which ``excess`` gives without its cancellation at q = 1.
"""

import numpy as np

from lossctl.losses.accurate import two_product, two_sum, x_minus_log1p
from lossctl.losses.blocks import blockwise
from lossctl.losses.domain import NOT_NEGATIVE, POSITIVE
from lossctl.losses.registry import Constant, Floats, Slope, loss
from lossctl.losses.rows import times

LOG_FORM = 0.125  # below this quotient ln q is far enough from q − 1
TAIL = 2.0**60  # above this quotient ln q is nothing beside q
DOWN = 2.0**-12  # keeps sums of terms that overflow apart finite: ln of a float64 is below 2¹⁰


def y_log_y(y: Floats) -> Floats:
    """Return 2y ln y, twice the generator of the Poisson deviance; 0 at 0."""
    return 2.0 * times(y, np.log(y))


def minus_log_y(y: Floats) -> Floats:
    """Return −2 ln y, twice the generator of the gamma deviance."""
    return -2.0 * np.log(y)


@loss(
    "poisson",
    "poisson_nloglik",
    task="count",
    y=NOT_NEGATIVE,
    pred=POSITIVE,
    hint="Logarithms of rates? Use poisson_nll_with_log.",
    zero_at_truth=False,
    signed=True,
    constant=Constant("likelihood", "the mean of y"),
)
def poisson_nll(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    r"""Poisson loss: how unlikely a count is under a predicted rate, without its constant.

    Formula:    ℓ = ŷ − y ln ŷ
    Gradient:   ∂ℓ/∂ŷ = 1 − y/ŷ
    Value:      L = Σ wℓ / Σ w, in nats; negative where counts are large

    Behaviour:  Lowest at ŷ = y, where it is y − y ln y and not 0: compare models on the same
                rows, not one data set with another (poisson_deviance is 0 at the truth). Too
                high a rate pulls with at most 1; too low a one without bound, by y/ŷ. A count
                of 0 costs ŷ. The best constant prediction is the mean.
    Choose it:  to score or train predicted rates of events. Where counts vary much more than
                their mean, the ranking still holds but the loss is no likelihood any more;
                tweedie_deviance with a power above 1 trusts large counts less.
    Elsewhere:  For y = 3, ŷ = 2 this is −0.079, as in Keras Poisson and LightGBM poisson.
                torch PoissonNLLLoss takes ŷ as a logarithm unless log_input=False, so that 2
                gives 1.389: here poisson_nll_with_log. Two constants in y alone are added, with
                no effect on gradients: Stirling's y ln y − y + ½ ln 2πy where y > 1 (torch with
                full=True: 1.685), and the exact ln Γ(y + 1) (XGBoost poisson-nloglik: 1.712).
                scikit-learn reports the deviance instead: 0.433.
    Example:    $ lossctl poisson_nll sample_data/linnerud.csv \
                  -y y_situps -p rate_situps -q --precision 6
                -583.402
    Source:     McCullagh and Nelder, "Generalized Linear Models" (1989), 6.2.

    >>> import numpy as np
    >>> round(float(poisson_nll(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    -0.079
    """
    value = yhat - y * np.log(yhat)
    over = ~np.isfinite(value)
    if over.any():
        large = yhat[over] * DOWN - (y[over] * DOWN) * np.log(yhat[over])
        value[over] = large / DOWN
    return value, lambda: (yhat - y) / yhat


@loss(
    "poisson_nll_loss",
    task="count",
    y=NOT_NEGATIVE,
    zero_at_truth=False,
    signed=True,
    constant=Constant("likelihood", "the logarithm of the mean of y", of=np.log),
)
def poisson_nll_with_log(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    r"""Poisson loss of predicted log-rates: poisson_nll of eᶻ, straight from the model's output.

    Formula:    ℓ = eᶻ − yz, z = ŷ
    Gradient:   ∂ℓ/∂z = eᶻ − y
    Value:      L = Σ wℓ / Σ w, in nats; negative where counts are large

    Behaviour:  Convex in z. The gradient is the error of the rate itself: too low a rate pulls
                with at most y, too high a one exponentially, so a single z of 50 drowns all
                other rows, and from z = 710 on the loss is ∞. Lowest at z = ln y; a count of 0
                asks for z = −∞.
    Choose it:  when the model predicts ln of the rate (a log link), as count networks and
                generalized linear models do. Rates themselves go to poisson_nll.
    Elsewhere:  torch PoissonNLLLoss and poisson_nll_loss by default (for y = 3, z = 2: 1.389);
                with full=True torch adds Stirling's y ln y − y + ½ ln 2πy where y > 1. Keras
                Poisson and the metrics of LightGBM and XGBoost take rates, and XGBoost adds
                ln Γ(y + 1).
    Example:    $ lossctl poisson_nll_with_log sample_data/linnerud.csv \
                  -y y_situps -p log_situps -q --precision 6
                -583.402
    Source:     Cameron and Trivedi, "Regression Analysis of Count Data" (2013), 3.2.

    >>> import numpy as np
    >>> round(float(poisson_nll_with_log(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    1.389
    """
    rate = np.exp(yhat)
    value = rate - y * yhat
    over = ~np.isfinite(value)
    if over.any():
        z = yhat[over]
        large = _scaled_exp(z) - (y[over] * DOWN) * z
        value[over] = np.where(z > 800.0, np.inf, large / DOWN)

    def slope() -> Floats:
        s = rate - y
        high = np.isinf(rate)
        if high.any():
            s[high] = (_scaled_exp(yhat[high]) - y[high] * DOWN) / DOWN
        return s

    return value, slope


def _scaled_exp(z: Floats) -> Floats:
    """Return 2⁻¹² eᶻ, which is finite a little beyond eᶻ."""
    root = np.exp(0.5 * z) * 2.0**-6
    return root * root


@loss(
    "mean_poisson_deviance",
    task="count",
    y=NOT_NEGATIVE,
    pred=POSITIVE,
    hint="Logarithms of rates? Use poisson_nll_with_log.",
    constant=Constant("deviance", "the mean of y", of=lambda _: y_log_y),
)
def poisson_deviance(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    r"""Poisson deviance: twice the Poisson loss above that of a perfect prediction.

    Formula:    ℓ = 2(y ln(y/μ) − y + μ), μ = ŷ, 0·ln 0 = 0
    Gradient:   ∂ℓ/∂μ = 2(1 − y/μ)
    Value:      L = Σ wℓ / Σ w

    Behaviour:  0 at μ = y, near it (μ − y)²/μ: an error counts against the spread √μ that a
                count has anyway. Far above, it grows as 2μ; as μ falls to 0 under a count that
                happened, as −2y ln μ, and the gradient as −2y/μ. A count of 0 costs 2μ. Scaling
                y and μ by c scales the loss by c. A model that fits has a value near 1.
    Choose it:  to report count models on a scale that starts at 0 (frequencies of claims,
                visits, defects). To train, poisson_nll has half the gradient and is cheaper.
                Where the spread grows as the mean itself, gamma_deviance.
    Elsewhere:  scikit-learn mean_poisson_deviance. Its HalfPoissonLoss is no half of this but
                poisson_nll_with_log, which has half the gradient. tweedie_deviance:power=1 is
                the same.
    Example:    $ lossctl poisson_deviance sample_data/linnerud.csv \
                  -y y_situps -p rate_situps -q --precision 6
                18.1137
    Source:     McCullagh and Nelder, "Generalized Linear Models" (1989), 2.3.

    >>> import numpy as np
    >>> round(float(poisson_deviance(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    0.433
    """
    value = y * (2.0 * blockwise(excess, yhat, y))
    tail = yhat > TAIL * y  # y = 0 as well, and quotients that overflow
    if tail.any():
        count, mu = y[tail], yhat[tail]
        logs = np.log(mu) - np.log(np.where(count > 0.0, count, mu))
        value[tail] = 2.0 * (mu - count * (1.0 + logs))
    return value, lambda: 2.0 * ((yhat - y) / yhat)


@loss(
    "mean_gamma_deviance",
    task="count",
    y=POSITIVE,
    pred=POSITIVE,
    constant=Constant("deviance", "the mean of y", of=lambda _: minus_log_y),
)
def gamma_deviance(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Gamma deviance: error in proportion, for positive amounts.

    Formula:    ℓ = 2(ln(μ/y) + y/μ − 1), μ = ŷ
    Gradient:   ∂ℓ/∂μ = 2(μ − y)/μ²
    Value:      L = Σ wℓ / Σ w, without unit

    Behaviour:  0 at μ = y, near it (1 − y/μ)²: only the quotient counts, so cents and euros
                give one value, and being 10 % off costs the same for small and for large. Too
                low a prediction costs 2y/μ, without bound; too high a one at most 2 ln(μ/y), with
                a gradient that fades as 2/μ, so a model that starts far too high is slow to
                come down. The best constant prediction is the mean.
    Choose it:  for sizes of claims, durations, rainfall on wet days: y > 0 with a spread in
                proportion to its mean. Zeros need tweedie_deviance with a power below 2.
    Elsewhere:  scikit-learn mean_gamma_deviance and XGBoost gamma-deviance return the mean, as
                here; LightGBM gamma_deviance returns the sum over rows.
                tweedie_deviance:power=2 is the same.
    Example:    $ lossctl gamma_deviance sample_data/diabetes.csv -q --precision 6
                0.166464
    Source:     McCullagh and Nelder, "Generalized Linear Models" (1989), 8.3.

    >>> import numpy as np
    >>> round(float(gamma_deviance(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    0.189
    """
    return 2.0 * blockwise(excess, y, yhat), lambda: 2.0 * ((yhat - y) / yhat / yhat)


@loss(
    "gamma",
    "gamma_nloglik",
    task="count",
    y=POSITIVE,
    pred=POSITIVE,
    zero_at_truth=False,
    signed=True,
    constant=Constant("likelihood", "the mean of y"),
)
def gamma_nll(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Gamma loss: how unlikely a positive amount is under a predicted mean, without constants.

    Formula:    ℓ = y/μ + ln μ, μ = ŷ
    Gradient:   ∂ℓ/∂μ = (μ − y)/μ²
    Value:      L = Σ wℓ / Σ w, in nats; negative for small amounts

    Behaviour:  The likelihood of a gamma distribution of shape 1 (the exponential one); another
                shape scales it and adds what depends on y alone. Lowest at μ = y, where it is
                1 + ln y and not 0: a change of unit moves it, so compare models on the same
                rows (gamma_deviance is 0 at the truth and has no unit). Too low a prediction
                costs y/μ, too high a one only ln μ.
    Choose it:  to train on positive amounts whose spread is in proportion to their mean. To
                report, gamma_deviance.
    Elsewhere:  XGBoost gamma-nloglik and LightGBM gamma are this number. Keras and torch have
                none.
    Example:    $ lossctl gamma_nll sample_data/diabetes.csv -q --precision 6
                5.96455
    Source:     McCullagh and Nelder, "Generalized Linear Models" (1989), 8.2.

    >>> import numpy as np
    >>> round(float(gamma_nll(np.array([3.0]), np.array([2.0]))[0][0]), 3)
    2.193
    """
    return y / yhat + np.log(yhat), lambda: (yhat - y) / yhat / yhat


def excess(a: Floats, b: Floats) -> Floats:
    """Return q − 1 − ln q for q = a/b, a and b not negative; ∞ where q is 0 or overflows.

    What rounding takes from the quotient is carried along, since near q = 1 it counts twice.
    """
    if b.size and not (b.min() > 1e-270 and max(a.max(), b.max()) < 1e270):
        scale = -np.frexp(b)[1]
        near, far = np.ldexp(a, scale), np.ldexp(b, scale)
    else:
        near, far = a, b
    e, e_low = two_sum(near, -far)
    r = e / far
    back, back_low = two_product(r, far)
    r_low = (((e - back) - back_low) + e_low) / far
    value = x_minus_log1p(r, np.where(np.isfinite(r_low), r_low, 0.0))
    low = r < LOG_FORM - 1.0
    if low.any():
        a, b = a[low], b[low]
        q = a / b
        logs = np.where(q < 1e-290, np.log(a) - np.log(b), np.log(q))
        value[low] = (q - 1.0) - logs
    return value
