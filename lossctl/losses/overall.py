"""Measures of a whole regression that are no mean of losses: bias, median, maximum, R²."""

import numpy as np

from lossctl.losses.registry import Constant, Floats, Slope, loss


@loss("mean_bias_error", "mbe", task="regression", zero_at_truth=False, signed=True, ordered=False)
def mean_bias(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Mean bias: how much too high the predictions are on average.

    Formula:    ℓ = ŷ − y, positive where the prediction is too high
    Gradient:   ∂ℓ/∂ŷ = 1
    Value:      L = Σ wℓ / Σ w, in the unit of y; it may be negative

    Behaviour:  Errors of both signs cancel: 0 says that the predictions are right on average,
                not that they are right. One outlier moves it by its error over n. The slope is
                the same everywhere, so there is no minimum to train towards.
    Choose it:  beside mae or mse, to see whether a model leans to one side, above all in groups
                (--by). Never alone, and never to train.
    Elsewhere:  Some take y − ŷ: the sign turns around. In hydrology 100 · Σe / Σy is "percent
                bias".
    Example:    $ lossctl mean_bias sample_data/diabetes.csv -q --precision 6
                -0.159493
    Source:     Willmott, "Some comments on the evaluation of model performance" (1982).

    >>> import numpy as np
    >>> mean_bias(np.array([1.0, 1.0]), np.array([3.0, 0.5]))[0].tolist()
    [2.0, -0.5]
    """
    return (yhat - y) + 0.0, lambda: np.ones_like(yhat)  # + 0.0 makes 0 of −0


@loss(
    "median_absolute_error",
    "medae",
    task="regression",
    aggregate="median",
    flat="only the rows in the middle count",
)
def median_ae(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Median absolute error: the distance that half of the rows do not exceed.

    Formula:    ℓ = |ŷ − y|
    Gradient:   of the value: sign(ŷ − y) / (2t) on the t rows that tie at the lower median and
                likewise at the upper, sign(ŷ − y) / t where the two coincide, 0 elsewhere
    Value:      L = the mean of the lower and the upper weighted median of ℓ, in the unit of y

    Behaviour:  No outlier moves it until half of the rows are outliers. Integer weights are
                repeated rows. It is exact; above 2²⁰ rows it takes a second pass over the input.
                Only the rows at the median have a gradient. The contributions are those of |e|
                and do not add up to the value. --batch-size is refused, for the median of
                mini-batches says nothing of the whole. One output.
    Choose it:  to report the typical error where some rows are hopeless. Not to train, and not
                where the bad half matters (quantiles of per_sample, max_error).
    Elsewhere:  scikit-learn median_absolute_error: the same mean of two medians without weights.
                With weights its versions differ: of the errors 1, 2, 3 and 4, each of weight 1,
                version 1.9 gives 2.5, as here, and version 1.5 gives 2.
    Example:    $ lossctl median_ae sample_data/diabetes.csv -q --precision 6
                39.3926
    Source:     Huber and Ronchetti, "Robust Statistics", 5.7 (the breakdown point of a median).

    >>> import numpy as np
    >>> median_ae(np.array([3.0]), np.array([1.5]))[0].tolist()
    [1.5]
    """
    e = yhat - y
    return np.abs(e), lambda: np.sign(e)


@loss(
    "maximum_error",
    "max_absolute_error",
    task="regression",
    aggregate="max",
    constant=Constant("middle", "the middle of the range of y"),
    flat="only the largest error counts",
)
def max_error(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Maximum error: the distance of the worst row.

    Formula:    ℓ = |ŷ − y|
    Gradient:   of the value: sign(ŷ − y) / t on the t rows that tie for the maximum, 0 elsewhere
    Value:      L = max ℓ over the rows of positive weight, in the unit of y

    Behaviour:  One outlier is all of it, and all of the gradient; no other row matters. It grows
                with the number of rows, so compare it on inputs of one size. Beyond being
                positive, weights do not count. The contributions are those of |e| and do not add
                up to the value. --batch-size is refused. One output.
    Choose it:  as a guarantee: no prediction is off by more than this. Not to train, nor to
                rank models where y has noise, which it measures.
    Elsewhere:  scikit-learn max_error (without weights); the Chebyshev or L∞ distance.
    Example:    $ lossctl max_error sample_data/diabetes.csv -q --precision 6
                156.462
    Source:     scikit-learn user guide, "Max error".

    >>> import numpy as np
    >>> max_error(np.array([3.0]), np.array([1.5]))[0].tolist()
    [1.5]
    """
    e = yhat - y
    return np.abs(e), lambda: np.sign(e)


@loss(
    "r2_score",
    "r_squared",
    "rsquared",
    task="regression",
    aggregate="r2",
    constant=Constant("definition", "the mean of y"),
)
def r2(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """R², the coefficient of determination: the share of the variance of y that is predicted.

    Formula:    ℓ = (ŷ − y)²
    Gradient:   ∂ℓ/∂ŷ = 2(ŷ − y); of the value: gᵢ = −2wᵢ(ŷᵢ − yᵢ) / Σw(y − ȳ)²
    Value:      L = 1 − Σ wℓ / Σ w(y − ȳ)², ȳ = Σ wy / Σ w; 1 at best, higher is better

    Behaviour:  1 is perfect, 0 as good as always predicting the mean ȳ, negative worse than
                that. On one data set it ranks models as mse does, and an outlier counts by its
                square as there; an outlier in y that is predicted raises it. The gradient
                points to where the value grows. A constant y has no variance to predict: an
                error. Across data sets it measures the spread of y as much as the model. One
                output.
    Choose it:  to report mse without a unit. Not to compare data sets or groups of different
                spread, and not as evidence that a model is right.
    Elsewhere:  scikit-learn r2_score (a constant y gives 1 or 0 by decree), Keras R2Score,
                torchmetrics R2Score, LightGBM r2. Statistics packages also call the squared
                correlation R², which forgives bias and scale.
    Example:    $ lossctl r2 sample_data/diabetes.csv -q --precision 6
                0.49427
    Source:     Kvålseth, "Cautionary note about R²" (1985).

    >>> import numpy as np
    >>> r2(np.array([1.0]), np.array([4.0]))[0].tolist()
    [9.0]
    """
    e = yhat - y
    return e * e, lambda: e + e


@loss(
    "explained_variance_score",
    task="regression",
    aggregate="explained_variance",
    constant=Constant("definition", "the mean of y"),
)
def explained_variance(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Explained variance: R² that forgives a constant bias.

    Formula:    ℓ = (ŷ − y)²
    Gradient:   ∂ℓ/∂ŷ = 2(ŷ − y); of the value: gᵢ = −2wᵢ(eᵢ − ē) / Σw(y − ȳ)², e = ŷ − y
    Value:      L = 1 − Σ w(e − ē)² / Σ w(y − ȳ)², ē = Σ we / Σ w; 1 at best, higher is better

    Behaviour:  Adding a constant to all predictions changes nothing, so that the gradient adds
                up to 0. It is r2 + ē² / Var y: never below r2, and equal to it where the errors
                have no bias. One outlier counts by the square of its distance from ē. A constant
                y is an error. The gradient summary takes a second pass over the input, since ē
                comes first. One output.
    Choose it:  beside r2, to see how much of what is missing is bias. Alone it hides a model
                that is always off by the same amount.
    Elsewhere:  scikit-learn explained_variance_score (a constant y gives 1 or 0 by decree),
                torchmetrics ExplainedVariance.
    Example:    $ lossctl explained_variance sample_data/diabetes.csv -q --precision 6
                0.494274
    Source:     scikit-learn user guide, "Explained variance score".

    >>> import numpy as np
    >>> explained_variance(np.array([1.0]), np.array([4.0]))[0].tolist()
    [9.0]
    """
    e = yhat - y
    return e * e, lambda: e + e
