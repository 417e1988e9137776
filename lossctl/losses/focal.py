"""The focal loss, cross-entropy times (1 − p)^γ, of probabilities in one column or k."""

from typing import Annotated

import numpy as np

from lossctl.losses.blocks import Part, apart, by_blocks
from lossctl.losses.clipping import unsigned
from lossctl.losses.constants import best_doubt, either
from lossctl.losses.domain import NOT_NEGATIVE, UNIT
from lossctl.losses.focusing import (
    Doubt,
    focused,
    lifted,
    minus,
    of_small,
    steepness_in_p,
    whole,
)
from lossctl.losses.labels import (
    Labels,
    Smoothing,
    certain,
    sides,
    soft_shares,
)
from lossctl.losses.registry import Constant, Flags, Floats, Slope, loss
from lossctl.losses.rows import pick, row_sum

Gamma = Annotated[float, NOT_NEGATIVE]
Alpha = Annotated[float | None, UNIT]


@loss(
    "focal_loss",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
    "sigmoid_focal_crossentropy",
    task=("binary", "multi-class"),
    kind="either",
    y=UNIT,
    pred=UNIT,
    labels="binary",
    simplex=True,
    hint="Logits? Use focal_with_logits.",
    constant=either(
        Constant(
            "label",
            "the best probability for the base rate of y",
            of=best_doubt(lambda *rows, **params: focal(*rows, **params), 0.0, 1.0),
        ),
        None,
    ),
    flat="only the prediction for the true class counts",
)
def focal(
    y: Floats | Labels,
    yhat: Floats,
    *,
    gamma: Gamma = 2.0,
    alpha: Alpha = None,
    label_smoothing: Smoothing = 0.0,
) -> tuple[Floats, Slope]:
    """Focal loss of probabilities: cross-entropy that looks away from what is right already.

    Formula:    ℓ = −αₜ (1 − pₜ)^γ ln pₜ, pₜ the probability of what happened: p or 1 − p
    Gradient:   ∂ℓ/∂pₜ = −αₜ (1 − pₜ)^γ [1/pₜ − γ ln pₜ / (1 − pₜ)]; for y = 0 the other sign
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  A row that is right with p = 0.9 costs (1 − 0.9)² of its cross-entropy at the
                default γ = 2: easy rows fade and hard ones decide. A sure miss costs what it
                costs in bce, without bound, so mislabelled rows and outliers weigh even more
                among the rest. γ = 0 is bce. alpha weighs y = 1 by α and y = 0 by 1 − α; over
                classes it is a factor. Soft labels, and those that label_smoothing ε makes, cost
                what is to be expected: Σ tₖ ℓ(label k).
    Choose it:  where easy rows are so many that they drown the rest, as in detection. Not to
                judge probabilities: it is no proper score. Where 0.3 is true, the best p is 0.42.
    Elsewhere:  Keras BinaryFocalCrossentropy ignores alpha unless apply_class_balancing is set;
                CategoricalFocalCrossentropy always applies alpha, 0.25 unless another is given,
                so that its default is a quarter of this one; both clip p at 1e-7. TensorFlow
                Addons sigmoid_focal_crossentropy takes probabilities unless from_logits is set,
                and has alpha = 0.25 as its default. For a soft label the binary loss of Keras is
                (1 − tp − (1 − t)(1 − p))^γ times the cross-entropy, not the expected loss; its
                categorical loss is the expected loss, as here.
    Example:    $ lossctl focal sample_data/breast_cancer.csv -p prob -q --precision 6
                0.030391
    Source:     Lin et al., "Focal loss for dense object detection" (2017).

    >>> import numpy as np
    >>> float(focal(np.array([1.0]), np.array([0.5]))[0][0]).__round__(12)
    0.17328679514
    """
    of_1, of_0 = balance(alpha)

    def of_sure(y: Floats, p: Floats) -> tuple[Floats, Slope]:
        return _focal_of_sure(y == 1.0, p, gamma, of_1, of_0)

    def of_soft(y: Floats, p: Floats) -> tuple[Floats, Slope]:
        return _focal_of_soft(*sides(y, label_smoothing), p, gamma, of_1, of_0)

    def of_label(y: Labels, p: Floats) -> tuple[Floats, Slope]:
        return _focal_of_classes(None, y, p, gamma, of_1)

    def of_shares(y: Floats, p: Floats) -> tuple[Floats, Slope]:
        return lifted(lambda t, p, c: _focal_of_classes(t, None, p, gamma, c), y, p, of_1)

    return by_labels(y, yhat, label_smoothing, (of_sure, of_soft), (of_label, of_shares))


def by_labels(
    y: Floats | Labels, yhat: Floats, smoothing: float, one: tuple[Part, Part], k: tuple[Part, Part]
) -> tuple[Floats, Slope]:
    """Use the kernels of hard and of soft labels, of one column or of k, each for its rows."""

    def part(y: Floats | Labels, yhat: Floats) -> tuple[Floats, Slope]:
        yhat = np.ascontiguousarray(yhat)  # numpy's log of other layouts may differ by a bit
        if yhat.ndim == 1:
            y = y.astype(np.float64)
            hard = ((y == 0.0) | (y == 1.0)) & (smoothing == 0.0)
            return apart(hard, *one, y, yhat)
        dense = soft_shares(y, yhat, smoothing)
        if dense is None:
            return k[0](y.astype(np.intp), yhat)

        def of_hot(t: Floats, yhat: Floats) -> tuple[Floats, Slope]:
            return k[0](np.argmax(t, axis=-1), yhat)

        return apart(certain(dense), of_hot, k[1], dense, yhat)

    return by_blocks(part, y, yhat)


def _focal_of_classes(
    dense: Floats | None, labels: Labels | None, yhat: Floats, gamma: float, factor: float
) -> tuple[Floats, Slope]:
    p = np.ascontiguousarray(unsigned(yhat if labels is None else pick(yhat, labels)))
    share: Floats | float = 1.0 if dense is None else dense
    surprise, doubt = -np.log(p), _doubt(p, np.array(True))
    value = focused(share, factor, surprise, doubt, gamma)

    def slope_of_classes() -> Floats:
        s = 0.0 - whole(steepness_in_p(share, factor, surprise, doubt, p, gamma))
        return s if labels is None else _spread(s, labels, yhat)

    return (value if labels is not None else row_sum(value)) + 0.0, slope_of_classes


def balance(alpha: float | None) -> tuple[float, float]:
    """Return the weights of y = 1, which is that of classes too, and of y = 0."""
    return (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)


def _focal_of_sure(
    yes: Flags, p: Floats, gamma: float, of_1: float, of_0: float
) -> tuple[Floats, Slope]:
    surprise = np.where(yes, -np.log(p), -np.log1p(-p))
    doubt = _doubt(p, yes)
    factor = np.where(yes, of_1, of_0)

    def slope() -> Floats:
        chance = np.where(yes, unsigned(p), 1.0 - p)
        s = whole(steepness_in_p(1.0, factor, surprise, doubt, chance, gamma))
        return np.where(yes, -1.0, 1.0) * s + 0.0

    return focused(1.0, factor, surprise, doubt, gamma) + 0.0, slope


def _focal_of_soft(
    t: Floats, not_t: Floats, p: Floats, gamma: float, of_1: float, of_0: float
) -> tuple[Floats, Slope]:
    surprise, counter = -np.log(p), -np.log1p(-p)
    if_1, if_0 = _doubt(p, np.array(True)), _doubt(p, np.array(False))
    value = focused(t, of_1, surprise, if_1, gamma) + focused(not_t, of_0, counter, if_0, gamma)

    def slope() -> Floats:
        up = steepness_in_p(not_t, of_0, counter, if_0, 1.0 - p, gamma)
        return minus(up, steepness_in_p(t, of_1, surprise, if_1, unsigned(p), gamma))

    return value + 0.0, slope


def _doubt(p: Floats, yes: Flags) -> Doubt:
    """Return the probability that a label of 1 is wrong, or of 0 where not ``yes``."""
    not_p = 1.0 - p
    rounding = ((1.0 - not_p) - p) / np.maximum(not_p, 0.5)
    small = np.where(yes, p, not_p)
    return Doubt(
        np.where(yes, not_p, unsigned(p)), np.where(yes, rounding, 0.0), small, of_small(small)
    )


def _spread(s: Floats, labels: Labels, like: Floats) -> Floats:
    """Return the slopes of the labels in their columns, 0 elsewhere."""
    wide = np.zeros_like(like)
    np.put_along_axis(wide, labels[..., np.newaxis], s[..., np.newaxis], axis=-1)
    return wide
