"""Losses of an error in proportion to what it was an error of: quotients and logarithms."""

import math
from typing import Annotated

import numpy as np

from lossctl.losses.accurate import difference, quotient, replaced, two_product, two_sum
from lossctl.losses.domain import NONZERO, Choice, Interval
from lossctl.losses.registry import Constant, Floats, Slope, loss
from lossctl.losses.rows import times

ABOVE_MINUS_ONE = Interval(-1.0, math.inf, "neither")
Zero = Annotated[str, Choice(("error", "skip"))]


@loss(
    "mean_absolute_percentage_error",
    task="regression",
    y=NONZERO,
    drop="zero",
    constant=Constant(
        "relative_quantiles", "the median of y with weights 1/|y|", of=lambda *_: ((0.5,), 2.0)
    ),
)
def mape(y: Floats, yhat: Floats, *, zero: Zero = "error") -> tuple[Floats, Slope]:  # noqa: ARG001 - the caller leaves rows out
    """Mean absolute percentage error: the average error as a share of the truth.

    Formula:    ℓ = |ŷ − y| / |y|
    Gradient:   ∂ℓ/∂ŷ = sign(ŷ − y) / |y|, 0 at ŷ = y
    Value:      L = Σ wℓ / Σ w, a fraction: 0.25 is 25 %

    Behaviour:  A row pulls with 1/|y|: a truth near 0 outweighs all others, and one that is 0
                has no answer. It is an error; with zero=skip such rows are left out of the
                numerator and the denominator, and counted. Of a positive y too high a forecast
                can cost any amount, and too low a one, down to 0, at most 1: the best forecast
                leans to the low side. At a tie the slope is 0.
    Choose it:  to report errors of positive quantities far from 0 across scales. Not to train,
                and not for demand with zeros (wape), nor where 0 is an arbitrary point as in °C.
    Elsewhere:  Keras MeanAbsolutePercentageError is in percent, 100 times this. LightGBM mape
                and CatBoost MAPE divide by max(1, |y|), another number wherever |y| < 1. Where y
                is 0 scikit-learn mean_absolute_percentage_error divides by 2.2e-16 (1e15 comes
                out), torchmetrics by 1.2e-6, Keras by 1e-7; XGBoost mape returns ∞, others drop
                the row.
    Example:    $ lossctl mape sample_data/diabetes.csv -q --precision 6
                0.396502
    Source:     Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006).

    >>> import numpy as np
    >>> mape(np.array([4.0, -4.0]), np.array([5.0, -2.0]))[0].tolist()
    [0.25, 0.5]
    """
    e = yhat - y
    value = np.abs(e) / np.abs(y)
    far = np.isinf(e)
    if far.any():
        value = replaced(value, far, 4.0 * np.abs((yhat[far] / 4.0 - y[far] / 4.0) / y[far]))
    return value, lambda: np.sign(e) / np.abs(y)


@loss(
    "symmetric_mean_absolute_percentage_error",
    task="regression",
    flat="it is flat where y and ŷ differ in sign, or y is 0",
)
def smape(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Symmetric MAPE: the average error as a share of the mean size of truth and prediction.

    Formula:    ℓ = 2|ŷ − y| / (|y| + |ŷ|), 0 where both are 0
    Gradient:   ∂ℓ/∂ŷ = 4|y| sign(ŷ − y) / (|y| + |ŷ|)² where y and ŷ have one sign, else 0
    Value:      L = Σ wℓ / Σ w, from 0 to 2

    Behaviour:  One row costs at most 2, whatever the outlier. It saturates there: a prediction
                of the other sign costs exactly 2 and has the slope 0, so that nothing draws it
                back; so does every ŷ ≠ 0 where y is 0. At ŷ = y and at ŷ = 0, where the loss
                jumps or has a kink, the slope is 0. In spite of its name it does not treat both
                sides alike: for y = 100, ŷ = 50 costs 0.67 and ŷ = 150 costs 0.4.
    Choose it:  where a forecasting competition asks for it. Else wape or mae, which have a
                gradient everywhere and can be explained.
    Elsewhere:  The range is [0, 2] here and in torchmetrics
                (SymmetricMeanAbsolutePercentageError), [0, 200] in CatBoost SMAPE and wherever
                it is in percent, [0, 1] without the 2. 0/0 is 0 here and in torchmetrics, NaN in
                some.
    Example:    $ lossctl smape sample_data/diabetes.csv -q --precision 6
                0.321399
    Source:     Makridakis, "Accuracy measures: theoretical and practical concerns" (1993).

    >>> import numpy as np
    >>> smape(np.array([1.0, 0.0]), np.array([3.0, 0.0]))[0].tolist()
    [1.0, 0.0]
    """
    e = yhat - y
    a, b = np.abs(y), np.abs(yhat)
    far = np.isinf(a + b)
    if far.any():  # a quarter of both has the same quotient
        y, yhat = np.where(far, y / 4.0, y), np.where(far, yhat / 4.0, yhat)
        a, b = np.abs(y), np.abs(yhat)
    distance, short = difference(yhat, y)
    size, lost = two_sum(a, b)
    share = np.abs(distance) / size
    value = 2.0 * (share + (np.sign(e) * short - share * lost) / size)
    value = np.where(size == 0.0, 0.0, value)

    def slope() -> Floats:
        y_part, y_power = np.frexp(a)
        part, power = np.frexp(size)
        square, short = two_product(part, part)
        short = short + 2.0 * part * np.ldexp(lost, -power)
        steep = y_part / square
        steep = np.ldexp(steep - steep * (short / square), y_power - 2 * power + (2 - 2 * far))
        return np.where(np.sign(y) * np.sign(yhat) > 0.0, times(np.sign(e), steep), 0.0)

    return value, slope


@loss(
    "wmape",
    "weighted_mean_absolute_percentage_error",
    task="regression",
    aggregate="ratio",
    per=np.abs,
    constant=Constant("quantiles", "the median of y", of=lambda *_: ((0.5,), 2.0)),
)
def wape(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Weighted absolute percentage error: all errors together as a share of all truths together.

    Formula:    ℓ = |ŷ − y|
    Gradient:   ∂ℓ/∂ŷ = sign(ŷ − y); of the value: gᵢ = wᵢ sign(ŷᵢ − yᵢ) / Σ w|y|
    Value:      L = Σ wℓ / Σ w|y|, a fraction: 0.25 is 25 %

    Behaviour:  It is mae in units of the mean |y|: it ranks models on one data set as mae does,
                and one outlier counts as there. A single y of 0 does no harm; only where all are
                0 it is undefined, and an error. Mini-batches cannot be averaged: their
                denominators differ. At a tie the slope is 0.
    Choose it:  for demand and sales, to compare data sets of different size. Not where a small
                series matters as much as a large one (mape).
    Elsewhere:  torchmetrics WeightedMeanAbsolutePercentageError; also known as WMAPE and as
                MAD/mean ratio. scikit-learn has none.
    Example:    $ lossctl wape sample_data/diabetes.csv -q --precision 6
                0.291522
    Source:     Kolassa and Schütz, "Advantages of the MAD/Mean ratio over the MAPE" (2007).

    >>> import numpy as np
    >>> wape(np.array([3.0]), np.array([1.5]))[0].tolist()
    [1.5]
    """
    e = yhat - y
    return np.abs(e), lambda: np.sign(e)


@loss(
    "mean_squared_log_error",
    "mean_squared_logarithmic_error",
    "squared_log_error",
    "squaredlogerror",
    task="regression",
    y=ABOVE_MINUS_ONE,
    pred=ABOVE_MINUS_ONE,
    constant=Constant("log_mean", "the geometric mean of 1 + y, less 1"),
)
def msle(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Mean squared logarithmic error: the average squared error of ln(1 + y).

    Formula:    ℓ = (ln(1 + ŷ) − ln(1 + y))²
    Gradient:   ∂ℓ/∂ŷ = 2 (ln(1 + ŷ) − ln(1 + y)) / (1 + ŷ)
    Value:      L = Σ wℓ / Σ w

    Behaviour:  What counts is the ratio of 1 + ŷ to 1 + y: twice too much costs the same at 10
                and at a million, and an outlier ten times too large adds only (ln 10)². The pull
                fades as 1/(1 + ŷ), so that a prediction far too high comes back slowly, while
                one near −1 is thrown back. Too low costs more than too high by the same amount.
    Choose it:  for positive quantities that grow by factors: prices, visits, populations. Not
                where the sum matters: the best constant is the geometric mean of 1 + y, less 1,
                and so below the mean.
    Elsewhere:  scikit-learn mean_squared_log_error, Keras MeanSquaredLogarithmicError, XGBoost
                reg:squaredlogerror (with a factor ½). Keras moves negative numbers to a small
                positive one in silence; scikit-learn refuses what is at or below −1, as lossctl
                does.
    Example:    $ lossctl msle sample_data/diabetes.csv -q --precision 6
                0.179446
    Source:     scikit-learn user guide, "Mean squared logarithmic error".

    >>> import numpy as np
    >>> msle(np.array([0.0]), np.array([0.0]))[0].tolist()
    [0.0]
    """
    ratio = _log_ratio(y, yhat)
    return ratio * ratio, lambda: (ratio + ratio) / (1.0 + yhat)


@loss(
    "root_mean_squared_log_error",
    task="regression",
    aggregate="root",
    y=ABOVE_MINUS_ONE,
    pred=ABOVE_MINUS_ONE,
    constant=Constant("log_mean", "the geometric mean of 1 + y, less 1"),
)
def rmsle(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Root mean squared logarithmic error: the typical error of ln(1 + y).

    Formula:    ℓ = (ln(1 + ŷ) − ln(1 + y))²
    Gradient:   ∂ℓ/∂ŷ = 2 (ln(1 + ŷ) − ln(1 + y)) / (1 + ŷ); of the value that by 2L, 0 at L = 0
    Value:      L = √(Σ wℓ / Σ w)

    Behaviour:  It ranks models as msle does. A small value is about the typical relative error:
                0.1 is some 10 %. It is no mean of per-row numbers: the average over mini-batches
                is not the value of all. Outliers count by their ratio, as in msle.
    Choose it:  to report msle in readable units. To train, msle has the same minimum.
    Elsewhere:  scikit-learn root_mean_squared_log_error, XGBoost rmsle. Of several outputs
                scikit-learn takes the mean of their roots, lossctl the root of the mean.
    Example:    $ lossctl rmsle sample_data/diabetes.csv -q --precision 6
                0.42361
    Source:     scikit-learn user guide, "Mean squared logarithmic error".

    >>> import numpy as np
    >>> rmsle(np.array([0.0]), np.array([0.0]))[0].tolist()
    [0.0]
    """
    return msle(y, yhat)


def _log_ratio(y: Floats, yhat: Floats) -> Floats:
    """Return ln((1 + ŷ)/(1 + y)) as ±ln(1 + r), r = |ŷ − y|/(1 + the smaller) ≥ 0.

    Towards r = −1 the logarithm would magnify the rounding of r; above 0 it never does.
    """
    e, lost = difference(yhat, y)
    size, lost, low = np.abs(e), np.sign(e) * lost, np.minimum(y, yhat)
    base = 1.0 + low
    base_lost = np.where(low > 1.0, 1.0 - (base - low), low - (base - 1.0))
    huge = size + base > 1e200
    if huge.any():
        scale = np.where(huge, 2.0**-300, 1.0)
        size, lost, base, base_lost = size * scale, lost * scale, base * scale, base_lost * scale
    r = size / base
    _, rest = quotient(size, lost - r * base_lost, base)
    change = rest / (1.0 + r)
    sound = np.isfinite(change) & (size > 1e-290)
    result = np.log1p(r) + np.where(sound, change, 0.0)
    far = np.isinf(r) | (r > 2.0**900)
    if far.any():
        # where a scaled base of 1 or less has lost bits, 1 + r is r all the same
        ratio = np.abs(e[far]) * 2.0**-100 / (1.0 + low[far])
        result = replaced(result, far, np.log(ratio) + 100.0 * math.log(2.0))
    signed: Floats = np.sign(e) * result
    return signed
