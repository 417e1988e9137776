"""Losses of a predicted distribution against the number that came.

A prediction is more than one number: a mean and a variance, the ends of an interval, or the
members of an ensemble.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from lossctl.losses.domain import INSIDE_UNIT, POSITIVE, REAL
from lossctl.losses.registry import Constant, Flags, Floats, Role, Rule, Slope, loss

Alpha = Annotated[float, INSIDE_UNIT]


def _ends(params: Mapping[str, Any], _: int) -> tuple[tuple[Any, ...], float]:
    """Return the levels of the best ends, exact: the score is 2/α times their quantile losses."""
    from fractions import Fraction

    half = Fraction(0.5 * params["alpha"])
    return (half, 1 - half), 2.0 / params["alpha"]


def _levels(_: Mapping[str, Any], k: int) -> tuple[tuple[float, ...], float]:
    """Return the levels of the best members: the score is 2/k times their quantile losses.

    Source: Bröcker, "Evaluating raw ensembles with the continuous ranked probability score" (2012).
    """
    return tuple((2 * i + 1) / (2 * k) for i in range(k)), 2.0 / k


@loss(
    "gaussian_nll_loss",
    "gaussian_negative_log_likelihood",
    "normal_nll",
    task=("probabilistic", "regression"),
    kind="roles",
    roles=(
        Role("mean", REAL, ("mean", "mu", "μ", "loc", "yhat_mean", "mean_pred", "pred_mean")),
        Role(
            "variance",
            POSITIVE,
            (
                *("variance", "var", "sigma2", "sigma_2", "sigma_sq", "sigma_squared", "σ2", "σ²"),
                *("yhat_var", "yhat_variance", "var_pred", "pred_var", "pred_variance"),
            ),
        ),
    ),
    zero_at_truth=False,
    signed=True,
    constant=Constant("normal", "the mean and the variance of y"),
)
def gaussian_nll(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Gaussian negative log-likelihood: how surprising y is to a predicted mean and variance.

    Formula:    ℓ = ½(ln v + (μ − y)²/v), μ = mean, v = variance; without the constant ½ ln 2π
    Gradient:   ∂ℓ/∂μ = (μ − y)/v,  ∂ℓ/∂v = (v − (μ − y)²)/(2v²)
    Value:      L = Σ wℓ / Σ w, in nats; it can be negative

    Behaviour:  The error is measured in standard deviations: an outlier costs by its square
                over the variance that was predicted for it, so a model may buy peace with an
                honest large variance, at the price ½ ln v. A variance near 0 with any error is
                punished without bound, in the value and more so in both gradients; with no
                error at all the loss falls to −∞ as v does. For a given error the best v is
                its square, where the slope in v is 0.
    Choose it:  to judge or train models that predict their own uncertainty. Not where the noise
                has heavy tails (crps of an ensemble is bounded by the distance), nor where v is
                one constant (mse ranks the same).
    Elsewhere:  torch GaussianNLLLoss leaves ½ ln 2π out as well (full=True adds 0.9189 a row)
                and raises a variance below eps = 1e-6 to eps in silence (a negative one is an
                error); lossctl refuses v ≤ 0 and alters nothing. scipy.stats.norm.logpdf takes
                the standard deviation, not v, and keeps the constant.
    Example:    $ lossctl gaussian_nll sample_data/diabetes.csv -p mean,variance -q --precision 6
                4.50555
    Source:     Nix and Weigend, "Estimating the mean and variance of the target probability
                distribution" (1994).

    >>> import numpy as np
    >>> loss, slope = gaussian_nll(np.array([3.0]), np.array([[1.0, 1.0]]))
    >>> loss.tolist(), slope().tolist()
    ([2.0], [[-2.0, -1.5]])
    """
    mean, variance = np.ascontiguousarray(yhat.T)  # numpy's log differs by a bit over strides
    e = mean - y
    pull = e / variance
    half_square = pull * (0.5 * e)
    far = ~np.isfinite(pull)
    if far.any():  # e or e/v is beyond float64, e²/v need not be
        half = 0.5 * mean - 0.5 * y
        high, rise = np.frexp(half)
        low, fall = np.frexp(variance)
        half_square = np.where(far, np.ldexp(high * high / low, 2 * rise - fall + 1), half_square)
        pull = np.where(far, half / variance * 2.0, pull)

    def slope() -> Floats:
        # with v scaled to [1, 4), and v − e² with the rounding errors of e and of e² carried along
        shift = -(np.frexp(variance)[1] - 1) // 2
        v = np.ldexp(variance, 2 * shift)
        shadow = e - mean
        error = np.ldexp((mean - (e - shadow)) - (y + shadow), shift)
        scaled = np.ldexp(e, shift)
        big = scaled * 134217729.0
        upper = big - (big - scaled)
        lower = scaled - upper
        square = scaled * scaled
        rest = ((upper * upper - square) + 2.0 * upper * lower) + lower * lower
        gap = (v - square) - (rest + 2.0 * scaled * error)
        of_variance = np.where(
            np.abs(scaled) < 2.0**30,
            np.ldexp(gap / (v * v), 2 * shift - 1),
            -pull * (0.5 * pull),
        )
        return np.stack([pull, of_variance], axis=-1)

    return 0.5 * np.log(variance) + half_square, slope


def _crossed(_: Floats, yhat: Floats) -> Flags:
    crossed: Flags = yhat[:, 0] > yhat[:, 1]
    return crossed


@loss(
    "winkler_score",
    "winkler",
    "mean_interval_score",
    task=("probabilistic", "regression"),
    kind="roles",
    roles=(
        Role("lower", REAL, ("lower", "low", "lo", "l", "lwr", "lower_bound", "yhat_lower")),
        Role("upper", REAL, ("upper", "high", "hi", "u", "upr", "upper_bound", "yhat_upper")),
    ),
    rule=Rule("lower must be at most upper", _crossed),
    constant=Constant("quantiles", "the quantiles of y at the ends of the interval", of=_ends),
)
def interval_score(y: Floats, yhat: Floats, *, alpha: Alpha = 0.1) -> tuple[Floats, Slope]:
    r"""Interval score: the width of a prediction interval, and a fine where it misses.

    Formula:    ℓ = (u − l) + 2/α · (max(0, l − y) + max(0, y − u)), l = lower, u = upper
    Gradient:   ∂ℓ/∂l = −1, and 2/α − 1 where y < l;  ∂ℓ/∂u = 1, and 1 − 2/α where y > u;
                0 for the end that y lies on
    Value:      L = Σ wℓ / Σ w, in the unit of y

    Behaviour:  α is the share of rows that the interval may miss: 0.1 for a 90 % interval. A
                narrow interval is cheap until it misses; then every unit of the miss costs
                2/α, 20 at α = 0.1. One outlier counts in proportion to its distance, never in
                its square, and pulls with a force that does not grow. The best l and u are the
                quantiles α/2 and 1 − α/2, so a smaller α asks for a wider interval. Crossed
                ends (l > u) are an error: their width would be a reward.
    Choose it:  to compare intervals of one nominal level, where coverage alone would praise the
                widest. For a single quantile, quantile; for whole distributions, crps. Set α to
                the level that the intervals were made for: the score of others is misleading.
    Elsewhere:  The Winkler score; interval_score in scoringrules. It is 2/α times the sum of the
                two quantile losses at α/2 and 1 − α/2. The weighted interval score of epidemic
                forecasting is a mean over several α, each times α/2, and half the absolute error
                of the median.
    Example:    $ lossctl interval_score:alpha=0.2 sample_data/diabetes.csv \
                  -p q10,q90 -q --precision 6
                188.965
    Source:     Gneiting and Raftery, "Strictly proper scoring rules, prediction, and
                estimation" (2007), 6.2; Winkler (1972).

    >>> import numpy as np
    >>> loss, slope = interval_score(np.array([5.0]), np.array([[1.0, 4.0]]), alpha=0.5)
    >>> loss.tolist(), slope().tolist()
    ([7.0], [[-1.0, -3.0]])
    """
    lower, upper = yhat[:, 0], yhat[:, 1]
    beyond = np.maximum(np.maximum(lower - y, y - upper), 0.0)

    def slope() -> Floats:
        fine = (2.0 - alpha) / alpha  # 2/α − 1
        of_lower = np.where(y < lower, fine, np.where(y == lower, 0.0, -1.0))
        of_upper = np.where(y > upper, -fine, np.where(y == upper, 0.0, 1.0))
        return np.stack([of_lower, of_upper], axis=-1)

    return (upper - lower) + (beyond + beyond) / alpha, slope


@loss(
    "crps_ensemble",
    "continuous_ranked_probability_score",
    task=("probabilistic", "regression"),
    kind="ensemble",
    constant=Constant("quantiles", "the quantiles of y at even levels", of=_levels),
)
def crps(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Continuous ranked probability score of an ensemble: its distance from y, less its spread.

    Formula:    ℓ = 1/k Σᵢ |xᵢ − y| − 1/(2k²) Σᵢⱼ |xᵢ − xⱼ|, xᵢ = ŷᵢ the k members of a row;
                this is ∫ (F(x) − 1[x ≥ y])² dx, F the steps of the members
    Gradient:   ∂ℓ/∂xᵢ = sign(xᵢ − y)/k − Σⱼ sign(xᵢ − xⱼ)/k², 0 for what is equal
    Value:      L = Σ wℓ / Σ w, in the unit of y

    Behaviour:  One member: the absolute error. More members share the pull: a member is drawn
                towards y with (2g + 1)/k², g being the members further out on its side, so the
                outermost one, however absurd, pulls with 1/k² only and counts with 1/k² of its
                distance. One outlier in y counts in proportion to its distance, never in its
                square. It is 0 only where all members are y. Ties add nothing: equal members
                do not push each other apart, a member at y is not pulled.
    Choose it:  to judge an ensemble, a set of samples or of quantiles at even levels as one
                distribution, in the unit of y, next to the mae of a point forecast. Not to
                compare ensembles of different size: the spread term is too small by the factor
                (k − 1)/k, which the fair version mends.
    Elsewhere:  properscoring crps_ensemble, scoringrules crps_ensemble (estimators qd, the
                default, and nrg) and torchmetrics ContinuousRankedProbabilityScore are this
                number. The fair version (scoringrules estimator="fair") divides the spread by
                k(k − 1) in place of k²; it is not offered here. The crps of a Gaussian is
                another function, of a mean and a deviation.
    Example:    $ lossctl crps sample_data/diabetes.csv -p 'm_*' -q --precision 6
                35.644
    Source:     Gneiting and Raftery (2007), 4.2; Hersbach, "Decomposition of the continuous
                ranked probability score" (2000).

    >>> import numpy as np
    >>> loss, slope = crps(np.array([1.0]), np.array([[0.0, 4.0]]))
    >>> loss.tolist(), slope().tolist()
    ([1.0], [[-0.25, 0.25]])
    """
    k = yhat.shape[-1]
    points = np.sort(np.concatenate([yhat, y[:, np.newaxis]], axis=-1), axis=-1)
    high = np.maximum(-points[:, 0], points[:, -1]) > 2.0**900
    value = _integral(points, y, k)
    if high.any():  # a gap or its multiple is beyond float64, their mean need not be
        small = 2.0**-100
        value = np.where(high, _integral(points * small, y * small, k) / small, value)

    def slope() -> Floats:
        order = np.argsort(yhat, axis=-1)
        ranked = np.take_along_axis(yhat, order, axis=-1)
        at = np.arange(k)
        new = np.ones(yhat.shape, dtype=bool)
        new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
        ends = np.ones(yhat.shape, dtype=bool)
        ends[:, :-1] = new[:, 1:]
        first = np.maximum.accumulate(np.where(new, at, 0), axis=-1)
        last = np.minimum.accumulate(np.where(ends, at, k)[:, ::-1], axis=-1)[:, ::-1]
        spread = np.empty(yhat.shape)
        np.put_along_axis(spread, order, (first + last - (k - 1)).astype(np.float64), axis=-1)
        slopes: Floats = (k * np.sign(yhat - y[:, np.newaxis]) - spread) / (k * k)
        return slopes

    return value, slope


def _integral(points: Floats, y: Floats, k: int) -> Floats:
    """Return ∫ (F(x) − 1[x ≥ y])² dx from the k members and y in rising order.

    F is constant between neighbours, so it is a sum of gaps times squares, in which nothing
    cancels; the rounding errors of the gaps and of the sum are carried along.
    """
    columns = np.ascontiguousarray(points.T)
    total, rest = np.zeros(y.shape), np.zeros(y.shape)
    for rank in range(1, k + 1):
        left, right = columns[rank - 1], columns[rank]
        gap = right - left
        shadow = gap - right
        lost = (right - (gap - shadow)) - (left + shadow)
        square = np.where(right <= y, float(rank * rank), float((k + 1 - rank) ** 2))
        term = gap * square
        new = total + term
        shadow = new - total
        rest += lost * square + ((total - (new - shadow)) + (term - shadow))
        total = new
    whole = total + rest
    value: Floats = whole / (k * k)
    big = value * 134217729.0
    upper = big - (big - value)
    over = (whole - upper * (k * k)) - (value - upper) * (k * k)  # what the quotient left
    return value + (over + (rest - (whole - total))) / (k * k)
