"""Losses of a number against a number: e = ŷ − y."""

import numpy as np

from lossctl.losses.registry import Constant, Floats, Slope, loss


@loss(
    "l1",
    "l1_loss",
    "mean_absolute_error",
    "regression_l1",
    "absolute_error",
    "absoluteerror",
    task="regression",
    constant=Constant("quantiles", "the median of y", of=lambda *_: ((0.5,), 2.0)),
)
def mae(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Mean absolute error: the average distance between prediction and truth.

    Formula:    ℓ = |ŷ − y|
    Gradient:   ∂ℓ/∂ŷ = sign(ŷ − y), 0 at ŷ = y
    Value:      L = Σ wℓ / Σ w, in the unit of y

    Behaviour:  Every row pulls with the same force however wrong it is, so one outlier cannot
                carry the model away; but the force does not fade near the answer, and a
                constant learning rate keeps stepping across it. The best constant prediction
                is the median. At the kink the slope is 0 here; any number in [−1, 1] is a
                subgradient.
    Choose it:  for noise with heavy tails and for reports in the unit of the data. Not where
                large errors cost more than in proportion (mse), nor where the median of a
                skewed y is the wrong thing to predict (counts with many zeros).
    Elsewhere:  torch L1Loss, Keras MeanAbsoluteError, scikit-learn mean_absolute_error, LightGBM
                l1, XGBoost mae and reg:absoluteerror. At a tie scikit-learn's AbsoluteError has
                the gradient −1; torch and lossctl use 0.
    Example:    $ lossctl mae sample_data/diabetes.csv -q --precision 6
                44.3502
    Source:     Bishop, "Pattern Recognition and Machine Learning", 1.5.5 (Minkowski loss, q = 1).

    >>> import numpy as np
    >>> float(mae(np.array([3.0]), np.array([1.5]))[0][0])
    1.5
    """
    e = yhat - y
    return np.abs(e), lambda: np.sign(e)


@loss(
    "l2",
    "mse_loss",
    "mean_squared_error",
    "regression_l2",
    "squared_error",
    "squarederror",
    task="regression",
    constant=Constant("mean", "the mean of y"),
)
def mse(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Mean squared error: the average squared distance between prediction and truth.

    Formula:    ℓ = (ŷ − y)²
    Gradient:   ∂ℓ/∂ŷ = 2(ŷ − y)
    Value:      L = Σ wℓ / Σ w, in the square of the unit of y

    Behaviour:  The pull of a row grows with its error: far away the steps are large, near the
                answer they fade, and one outlier with ten times the error pulls ten times as
                hard and counts a hundredfold. The best constant prediction is the mean.
                Several outputs: the mean over outputs; with --outputs sum the squared distance
                ‖ŷ − y‖², whose mean over a mini-batch M is 1/|M| Σ ‖ŷ − y‖².
    Choose it:  for noise that is near normal and where large errors are worse than in
                proportion. Not where y has outliers that are no news (mae).
    Elsewhere:  torch MSELoss, Keras MeanSquaredError, scikit-learn mean_squared_error, optax
                squared_error, LightGBM l2, XGBoost reg:squarederror. optax l2_loss,
                scikit-learn's HalfSquaredError and the gradients of XGBoost and LightGBM carry
                a factor ½.
    Example:    $ lossctl mse sample_data/diabetes.csv -q --precision 6
                2998.92
    Source:     Bishop, "Pattern Recognition and Machine Learning", 1.5.5.

    >>> import numpy as np
    >>> loss, slope = mse(np.array([1.0, 3.0]), np.array([2.0, 5.0]))
    >>> loss.tolist(), slope().tolist()
    ([1.0, 4.0], [2.0, 4.0])
    """
    e = yhat - y
    return e * e, lambda: e + e


@loss(
    "root_mean_squared_error",
    "l2_root",
    task="regression",
    aggregate="root",
    constant=Constant("mean", "the mean of y"),
)
def rmse(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Root mean squared error: the typical distance, in the unit of y.

    Formula:    ℓ = (ŷ − y)²
    Gradient:   ∂ℓ/∂ŷ = 2(ŷ − y); of the value: gᵢ = wᵢ(ŷᵢ − yᵢ) / (Σw · L), 0 where L = 0
    Value:      L = √(Σ wℓ / Σ w)

    Behaviour:  It ranks models as mse does. Its gradient is that of mse divided by 2L: the
                direction is the same, but its length does not fade as the model gets better,
                and it depends on all rows at once. One outlier with ten times the error counts a
                hundredfold under the root, and weakens the pull of every other row. It is no
                mean of per-row numbers: the average of the RMSE of mini-batches is not the RMSE.
                Several outputs: the root of the mean over all of them.
    Choose it:  to report mse in the unit of the data. To train, mse has the same minimum and
                the simpler gradient. Not where y has outliers that are no news (mae).
    Elsewhere:  scikit-learn root_mean_squared_error, Keras RootMeanSquaredError, torchmetrics
                MeanSquaredError(squared=False), XGBoost and LightGBM rmse. Of several outputs
                scikit-learn takes the mean of their roots; Keras, torchmetrics and lossctl take
                the root of the mean.
    Example:    $ lossctl rmse sample_data/diabetes.csv -q --precision 6
                54.7624
    Source:     Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006).

    >>> import numpy as np
    >>> rmse(np.array([1.0]), np.array([4.0]))[0].tolist()
    [9.0]
    """
    return mse(y, yhat)
