"""Losses of a binary label against a probability or a logit.

σ is the sigmoid, sp(z) = ln(1 + eᶻ) the softplus; forms are chosen so that nothing cancels.
"""

from typing import Annotated

import numpy as np

from lossctl.losses.clipping import counter_surprise, still_where_moved, surprise, unsigned
from lossctl.losses.constants import logit, rate
from lossctl.losses.domain import LOGIT, POSITIVE, UNIT
from lossctl.losses.labels import Clip, Smoothing, sides
from lossctl.losses.logistic import sigmoid, softplus
from lossctl.losses.registry import Constant, Floats, Slope, loss
from lossctl.losses.rows import product, times

PosWeight = Annotated[float, POSITIVE]


@loss(
    "log_loss",
    "logloss",
    "binary_cross_entropy",
    "binary_crossentropy",
    "bce_loss",
    "binary_logloss",
    "xentropy",
    task="binary",
    y=UNIT,
    pred=UNIT,
    labels="binary",
    clip="eps",
    hint="Logits? Use bce_with_logits.",
    constant=Constant("label", "the base rate of y", of=rate),
)
def bce(
    y: Floats, yhat: Floats, *, label_smoothing: Smoothing = 0.0, eps: Clip = 0.0
) -> tuple[Floats, Slope]:
    """Binary cross-entropy of probabilities: the surprise at what happened.

    Formula:    ℓ = −[y ln p + (1 − y) ln(1 − p)], p = ŷ, 0·ln 0 = 0
    Gradient:   ∂ℓ/∂p = (1 − y)/(1 − p) − y/p, a term with factor 0 is 0
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  Sure and wrong is expensive without bound: p = 0.01 for what happened costs 4.6,
                p = 0 costs ∞, and lossctl says which row it was. The slope in p is as steep as
                1/p, so one sure miss can outpull all other rows; through the sigmoid it becomes
                σ(z) − y, which is why networks train on bce_with_logits. label_smoothing ε
                replaces y by y(1 − ε) + ε/2. eps moves p into [eps, 1 − eps] first (slope 0
                where it did) and the report counts the rows.
    Choose it:  to judge probabilities. Where a single certain miss must not decide, brier. Not for
                a model that prints logits (bce_with_logits).
    Elsewhere:  The cap on −ln p at p = 0 is 100 in torch, 36.84 in XGBoost (1e-16), 36.04 in
                scikit-learn (float64 ε; 15.94 for float32), 34.54 in LightGBM (1e-15), 16.12 in
                Keras (1e-7); lossctl has none unless eps is given. torch BCELoss with weights
                divides by N, not by Σw. LightGBM calls it binary_logloss and, with soft labels,
                cross_entropy or xentropy.
    Example:    $ lossctl bce sample_data/breast_cancer.csv -p prob -q --precision 6
                0.170774
    Source:     Good, "Rational decisions" (1952); Bishop, 4.3.2.

    >>> import numpy as np
    >>> float(bce(np.array([1.0]), np.array([0.5]))[0][0]).__round__(12)
    0.69314718056
    """
    t, not_t = sides(y, label_smoothing)
    value = times(t, surprise(yhat, eps)) + times(not_t, counter_surprise(yhat, eps))

    def slope() -> Floats:
        up = np.where(not_t == 0.0, 0.0, not_t / (1.0 - yhat))
        down = np.where(t == 0.0, 0.0, t / unsigned(yhat))
        return still_where_moved(up - down, yhat, eps)

    return value, slope


@loss(
    "sigmoid_cross_entropy_with_logits",
    "sigmoid_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "bce_with_logits_loss",
    "binary_cross_entropy_with_logits",
    task="binary",
    y=UNIT,
    pred=LOGIT,
    labels="binary",
    constant=Constant("label", "the logit of the base rate of y", of=logit),
)
def bce_with_logits(
    y: Floats, yhat: Floats, *, pos_weight: PosWeight = 1.0, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Binary cross-entropy of logits z, from which p = σ(z).

    Formula:    ℓ = c·y·sp(−z) + (1 − y)·sp(z), sp(z) = ln(1 + eᶻ), z = ŷ, c = pos_weight
    Gradient:   ∂ℓ/∂z = (1 − y)·σ(z) − c·y·σ(−z); with c = 1 this is σ(z) − y
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  The same number as bce of σ(z), to the last digits where σ saturates: z = 40 for
                y = 1 costs 4.2e-18, and z = −1000 costs 1000. The slope is bounded by 1 (c for
                y = 1): a miss pulls with at most that force. An infinite logit on the right
                side costs 0. pos_weight c > 1 makes misses of the positive class cost more.
    Choose it:  whenever the model's output is a logit; never pass it through a sigmoid first. Not
                where mislabelled rows are many: each costs in proportion to its logit.
    Elsewhere:  torch BCEWithLogitsLoss, Keras BinaryCrossentropy(from_logits=True), optax
                sigmoid_binary_cross_entropy, TensorFlow sigmoid_cross_entropy_with_logits. The
                usual form max(z, 0) − zy + ln(1 + e^−|z|) cancels for y near 1. torch accepts
                labels 2 and −1 and returns a negative loss, and NaN for an infinite logit of the
                right sign; lossctl refuses such labels. torch SoftMarginLoss is the same number
                for labels −1 and 1, until its eˣ overflows.
    Example:    $ lossctl bce_with_logits sample_data/breast_cancer.csv -p logit -q --precision 6
                0.170774
    Source:     Bishop, 4.3.2; tf.nn.sigmoid_cross_entropy_with_logits.

    >>> import numpy as np
    >>> bce_with_logits(np.array([0.0]), np.array([-1000.0]))[0].tolist()
    [0.0]
    """
    t, not_t = sides(y, label_smoothing)

    def wanted(x: Floats) -> Floats:
        """Return c·t·x, where x is sp(−z) or σ(−z)."""
        return times(t, x) if pos_weight == 1.0 else _lifted(pos_weight, t, x, yhat)

    def slope() -> Floats:
        return not_t * sigmoid(yhat) - wanted(sigmoid(-yhat))

    return wanted(softplus(-yhat)) + times(not_t, softplus(yhat)), slope


def _lifted(c: float, t: Floats, x: Floats, z: Floats) -> Floats:
    """Return c·t·x, where x is sp(−z) or σ(−z).

    Beyond z = 700 both are e⁻ᶻ and lose their bits, though c may lift the product back.
    """
    result = product(c, t, x)
    faint = z > 700.0
    if faint.any():
        quarter = np.exp(-0.25 * z)
        result = np.where(faint, product(c, t, quarter, quarter, quarter, quarter), result)
    return result
