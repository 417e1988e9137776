"""Losses that score a probability or a decision, under one name for one column and for classes."""

from typing import Annotated

import numpy as np

from lossctl.losses.blocks import by_blocks
from lossctl.losses.constants import decisions, either, majority
from lossctl.losses.domain import REAL, UNIT
from lossctl.losses.labels import (
    Labels,
    Smoothing,
    away,
    shares,
    sides,
    soft_shares,
    square_exactly,
)
from lossctl.losses.registry import Constant, Floats, Slope, loss
from lossctl.losses.rows import row_sum

Threshold = Annotated[float, REAL]
SCALE = 2.0**500


@loss(
    "brier_score",
    "brier_score_loss",
    "brier_loss",
    task=("binary", "multi-class"),
    kind="either",
    y=UNIT,
    pred=UNIT,
    labels="binary",
    simplex=True,
    hint="Probabilities are wanted, not logits.",
    constant=either(
        Constant("mean", "the base rate of y"), Constant("mean", "the class frequencies of y")
    ),
)
def brier(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Brier score: the squared distance between probabilities and what happened.

    Formula:    ℓ = (p − y)², p = ŷ; k classes: Σₖ (pₖ − tₖ)², t one-hot for a label
    Gradient:   ∂ℓ/∂p = 2(p − y); k classes: ∂ℓ/∂pₖ = 2(pₖ − tₖ)
    Value:      L = Σ wℓ / Σ w, in [0, 1]; k classes: in [0, 2]

    Behaviour:  Sure and wrong costs 1 (2 for classes) and no more, so one outlier cannot decide;
                its pull in p is bounded too, and through a sigmoid it fades to nothing: a sure
                miss is barely corrected. Over classes it counts how the rest is spread over the
                wrong ones. Soft labels, and those that label_smoothing ε makes, are compared as
                they are: (p − t)² with t = y(1 − ε) + ε/2, or t(1 − ε) + ε/k.
    Choose it:  to judge probabilities where a single sure miss must not cost without bound. To
                train through a sigmoid or softmax, bce_with_logits and cce_with_logits.
    Elsewhere:  scikit-learn brier_score_loss is the one-column form for two classes and the Σ
                for more, unless scale_by_half says otherwise. Two columns p and 1 − p cost twice
                as much here as one column. yardstick always halves the Σ.
    Example:    $ lossctl brier sample_data/breast_cancer.csv -p prob -q --precision 6
                0.0415795
    Source:     Brier, "Verification of forecasts expressed in terms of probability" (1950).

    >>> import numpy as np
    >>> float(brier(np.array([1.0]), np.array([0.5]))[0][0])
    0.25
    >>> float(brier(np.array([0]), np.array([[0.5, 0.5]]))[0][0])
    0.5
    """

    def part(y: Floats | Labels, yhat: Floats) -> tuple[Floats, Slope]:
        classes = yhat.shape[-1] if yhat.ndim > 1 else 2
        t = shares(y, classes) if yhat.ndim > 1 else y.astype(np.float64)
        off, low = away(yhat, t, label_smoothing, classes)
        up = off * SCALE  # a square may vanish where k of them do not
        square, more = square_exactly(up)
        more += (up + up) * (low * SCALE)
        total = square + more if yhat.ndim == 1 else row_sum(square, more)
        return total / SCALE / SCALE, lambda: off + off

    return by_blocks(part, y, yhat)


@loss(
    "zero_one_loss",
    "error_rate",
    "error",
    "binary_error",
    "multi_error",
    "merror",
    task=("binary", "multi-class"),
    kind="either",
    y=UNIT,
    pred=REAL,
    labels="binary",
    constant=either(
        Constant("label", "the majority of y", of=decisions),
        Constant("classes", "the majority of y", of=majority),
    ),
    flat="it is flat but for jumps",
)
def zero_one(
    y: Floats | Labels, yhat: Floats, *, t: Threshold = 0.5, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Zero-one loss: the share of wrong decisions; 1 − accuracy.

    Formula:    ℓ = 1 where (ŷ > t) ≠ y, else 0; k classes: 1 where arg max ŷ ≠ y
    Gradient:   0 (almost everywhere; at the jumps there is none)
    Value:      L = Σ wℓ / Σ w, in [0, 1]

    Behaviour:  Every wrong decision costs the same, whether near or far, so an outlier is just
                one more miss. A score equal to t is a no; of a tie between classes the first
                column wins. t moves the threshold of one column (0 for logits) and is not used
                with classes. The gradient is 0: nothing can be trained on it. Soft labels, and
                those that label_smoothing ε makes, cost the share of the label that is missed.
    Choose it:  to report error rates. Not to train, nor where costs differ, nor to compare
                models by their probabilities (bce, brier).
    Elsewhere:  scikit-learn zero_one_loss (of labels), LightGBM binary_error and multi_error,
                XGBoost error, error@t and merror. LightGBM's multi_error counts a tie of the
                label with another class as a miss.
    Example:    $ lossctl zero_one sample_data/breast_cancer.csv -p prob -q --precision 6
                0.0492091
    Source:     Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2.4.

    >>> import numpy as np
    >>> zero_one(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.75, 0.25]))[0].tolist()
    [1.0, 0.0, 0.0]
    """

    def part(y: Floats | Labels, yhat: Floats) -> tuple[Floats, Slope]:
        if yhat.ndim == 1:
            share, not_share = sides(y.astype(np.float64), label_smoothing)
            value = np.where(yhat > t, not_share, share)
        else:
            top = np.argmax(yhat, axis=-1)
            dense = soft_shares(y, yhat, label_smoothing)
            if dense is None:
                value = (top != y).astype(np.float64)
            else:
                missed = dense.copy()
                np.put_along_axis(missed, top[..., np.newaxis], 0.0, axis=-1)
                value = row_sum(missed)
        return value + 0.0, lambda: np.zeros(yhat.shape)

    return by_blocks(part, y, yhat)[0], lambda: np.zeros(yhat.shape)
