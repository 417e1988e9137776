"""Losses that weigh errors above and below the truth apart, and so aim off the middle."""

from typing import Annotated

import numpy as np

from lossctl.losses.accurate import difference, plus, replaced, two_product
from lossctl.losses.domain import INSIDE_UNIT
from lossctl.losses.registry import Constant, Floats, Slope, loss

Level = Annotated[float, INSIDE_UNIT]


@loss(
    "pinball",
    "pinball_loss",
    "mean_pinball_loss",
    "quantile_loss",
    "quantileerror",
    task=("regression", "probabilistic"),
    constant=Constant("quantiles", "the quantile of y", of=lambda params, _: ((params["q"],), 1.0)),
)
def quantile(y: Floats, yhat: Floats, *, q: Level = 0.5) -> tuple[Floats, Slope]:
    """Quantile loss: the distance to the truth, weighed by q below it and by 1 − q above it.

    Formula:    ℓ = q (y − ŷ) where ŷ < y, (1 − q)(ŷ − y) where ŷ ≥ y
    Gradient:   ∂ℓ/∂ŷ = −q where ŷ < y, 1 − q where ŷ > y, 0 at ŷ = y
    Value:      L = Σ wℓ / Σ w, in the unit of y

    Behaviour:  The best constant prediction is the q-quantile: with q = 0.9 a prediction too
                low costs nine times one too high, and a share of 0.9 of the truths comes to lie
                below. The pull does not grow with the error, so an outlier counts by its side and
                distance only. q = 0.5 is half of mae. At the kink the slope is 0.
    Choose it:  to forecast a quantile or, with two of them, an interval; where too little and
                too much cost differently. Near q = 0 or 1 few rows decide.
    Elsewhere:  scikit-learn mean_pinball_loss (alpha, default 0.5) and QuantileRegressor
                (quantile, default 0.5), LightGBM quantile (alpha, default 0.9), XGBoost
                reg:quantileerror (quantile_alpha, no default). GluonTS doubles it and sums over
                rows. torch and Keras have none.
    Example:    $ lossctl quantile:q=0.9 sample_data/diabetes.csv -p q90 -q --precision 6
                9.85821
    Source:     Koenker and Bassett, "Regression quantiles" (1978).

    >>> import numpy as np
    >>> loss, slope = quantile(np.array([2.0, 2.0]), np.array([1.0, 3.0]), q=0.75)
    >>> loss.tolist(), slope().tolist()
    ([0.75, 0.25], [-0.75, 0.25])
    """
    e = yhat - y
    above = 1.0 - q
    side = np.where(e < 0.0, q, above)
    value = side * np.abs(e)
    far = np.isinf(e)
    if far.any():  # a share of a distance that overflows need not overflow
        quarter = np.abs(yhat[far] / 4.0 - y[far] / 4.0)
        value = replaced(value, far, 4.0 * (side[far] * quarter))
    return value, lambda: side * np.sign(e)


@loss("expectile_loss", task=("regression", "probabilistic"))
def expectile(y: Floats, yhat: Floats, *, q: Level = 0.5) -> tuple[Floats, Slope]:
    """Expectile loss: the squared error, weighed by q below the truth and by 1 − q above it.

    Formula:    ℓ = q (ŷ − y)² where ŷ < y, (1 − q)(ŷ − y)² where ŷ ≥ y
    Gradient:   ∂ℓ/∂ŷ = 2q (ŷ − y) where ŷ < y, 2(1 − q)(ŷ − y) where ŷ ≥ y
    Value:      L = Σ wℓ / Σ w, in the square of the unit of y

    Behaviour:  It is to quantile what mse is to mae: smooth, with a pull that grows with the
                error, so that one outlier counts by its square. The best constant prediction is
                the q-expectile: the point where the distances below and above it, weighed by
                1 − q and q, balance. q = 0.5 is half of mse.
    Choose it:  where too low and too high cost differently and large errors more than in
                proportion; expectiles see how far the tail reaches, quantiles do not. Not where
                a share of rows below the prediction is wanted (quantile) or y has outliers.
    Elsewhere:  CatBoost Expectile (alpha = q). torch, Keras, scikit-learn, LightGBM and XGBoost
                3.2 have none.
    Example:    $ lossctl expectile:q=0.9 sample_data/diabetes.csv -p q90 -q --precision 6
                917.193
    Source:     Newey and Powell, "Asymmetric least squares estimation and testing" (1987).

    >>> import numpy as np
    >>> loss, slope = expectile(np.array([2.0, 2.0]), np.array([0.0, 4.0]), q=0.75)
    >>> loss.tolist(), slope().tolist()
    ([3.0, 1.0], [-3.0, 1.0])
    """
    e, lost = difference(yhat, y)
    side = np.where(e < 0.0, q, 1.0 - q)
    value = _weighed_square(side, e, lost)
    far = ~np.isfinite(value)
    if far.any():  # a share of a square that overflows need not overflow
        part = difference(yhat[far] * 2.0**-600, y[far] * 2.0**-600)
        value = replaced(value, far, _weighed_square(side[far] * 2.0**600, *part) * 2.0**600)

    def slope() -> Floats:
        steep = 2.0 * (side * e) + 0.0
        over = np.isinf(e)
        if over.any():
            steep = replaced(steep, over, 8.0 * (side[over] * (yhat[over] / 4.0 - y[over] / 4.0)))
        return steep

    return value, slope


def _weighed_square(side: Floats, e: Floats, lost: Floats) -> Floats:
    """Return side · (e + lost)², not finite where a part of it overflows."""
    square, rest = two_product(e, e)
    rest = np.where(square < 1e-280, 0.0, rest)  # the parts of a product that small are gone
    return plus(side * square, side * (rest + 2.0 * e * lost))
