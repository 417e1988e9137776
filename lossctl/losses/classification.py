"""Losses of a label against a probability or a logit.

σ is the sigmoid, sp(z) = ln(1 + eᶻ) the softplus; forms are chosen so that nothing cancels.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lossctl.losses.clipping import counter_surprise, still_where_moved, surprise, unsigned
from lossctl.losses.domain import LOGIT, POSITIVE, UNIT, Interval
from lossctl.losses.registry import Floats, Slope, loss
from lossctl.losses.rows import one_hot, pick, product, row_sum, times

Labels = NDArray[np.intp]
Smoothing = Annotated[float, UNIT]
Clip = Annotated[float, Interval(0.0, 0.5, "left")]
PosWeight = Annotated[float, POSITIVE]


def softplus(z: Floats) -> Floats:
    """Return ln(1 + eᶻ) without overflow; 0 at −∞ and ∞ at ∞."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z: Floats) -> Floats:
    """Return 1 / (1 + e⁻ᶻ), accurate in both tails."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, small) / (1.0 + small)


@loss(
    "log_loss",
    "logloss",
    "binary_cross_entropy",
    "binary_crossentropy",
    task="binary",
    y=UNIT,
    pred=UNIT,
    labels="binary",
    clip="eps",
    hint="Logits? Use bce_with_logits.",
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
                1/p; through the sigmoid it becomes σ(z) − y, which is why networks train on
                bce_with_logits. label_smoothing ε replaces y by y(1 − ε) + ε/2. eps moves p
                into [eps, 1 − eps] first (slope 0 where it did) and the report counts the rows.
    Choose it:  to judge probabilities. Where a single certain miss must not decide, brier.
    Elsewhere:  The cap on −ln p at p = 0 is 100 in torch, 36.84 in XGBoost (1e-16), 36.04 in
                scikit-learn (float64 ε; 15.94 for float32), 34.54 in LightGBM (1e-15), 16.12 in
                Keras (1e-7); lossctl has none unless eps is given. torch BCELoss with weights
                divides by N, not by Σw.
    Source:     Good, "Rational decisions" (1952); Bishop, 4.3.2.

    >>> import numpy as np
    >>> float(bce(np.array([1.0]), np.array([0.5]))[0][0]).__round__(12)
    0.69314718056
    """
    t, not_t = _sides(y, label_smoothing)
    value = times(t, surprise(yhat, eps)) + times(not_t, counter_surprise(yhat, eps))

    def slope() -> Floats:
        up = np.where(not_t == 0.0, 0.0, not_t / (1.0 - yhat))
        down = np.where(t == 0.0, 0.0, t / unsigned(yhat))
        return still_where_moved(up - down, yhat, eps)

    return value, slope


@loss(
    "sigmoid_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits",
    task="binary",
    y=UNIT,
    pred=LOGIT,
    labels="binary",
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
    Choose it:  whenever the model's output is a logit; never pass it through a sigmoid first.
    Elsewhere:  TensorFlow writes it max(z, 0) − zy + ln(1 + e^−|z|), which cancels for y near 1;
                torch BCEWithLogitsLoss, Keras BinaryCrossentropy(from_logits=True). torch
                accepts labels 2 and −1 and returns a negative loss; lossctl refuses them.
    Source:     Bishop, 4.3.2; tf.nn.sigmoid_cross_entropy_with_logits.

    >>> import numpy as np
    >>> bce_with_logits(np.array([0.0]), np.array([-1000.0]))[0].tolist()
    [0.0]
    """
    t, not_t = _sides(y, label_smoothing)

    def wanted(x: Floats) -> Floats:
        """Return c·t·x, where x is sp(−z) or σ(−z)."""
        return times(t, x) if pos_weight == 1.0 else _lifted(pos_weight, t, x, yhat)

    def slope() -> Floats:
        return not_t * sigmoid(yhat) - wanted(sigmoid(-yhat))

    return wanted(softplus(-yhat)) + times(not_t, softplus(yhat)), slope


@loss(
    "categorical_cross_entropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "multi_logloss",
    "mlogloss",
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=UNIT,
    simplex=True,
    clip="eps",
    hint="Logits? Use cce_with_logits.",
)
def cce(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0, eps: Clip = 0.0
) -> tuple[Floats, Slope]:
    """Categorical cross-entropy of class probabilities: the surprise at the class that came.

    Formula:    ℓ = −Σₖ tₖ ln pₖ; t is one-hot for a label, or k soft labels; p = ŷ
    Gradient:   ∂ℓ/∂pₖ = −tₖ/pₖ, 0 where tₖ = 0
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  Only the probability of the class that came counts, so how the rest is spread
                over wrong classes makes no difference. p = 0 for it costs ∞. label_smoothing ε
                replaces t by t(1 − ε) + ε/k. eps moves p into [eps, 1 − eps] first (slope 0
                where it did) and the report counts the rows. The gradient is that of the
                formula, each pₖ a variable of its own; it does not know that they sum to 1.
    Choose it:  to judge class probabilities. A class probability that does not sum to 1 with
                the others is an error here (see --normalize).
    Elsewhere:  Some texts print Σⱼ yⱼ ln ŷⱼ + (1 − yⱼ) ln(1 − ŷⱼ) under this name: that is bce
                over the class columns with --outputs sum, a different number. Keras rescales
                rows that do not sum to 1 and clips at 1e-7; scikit-learn's log_loss sorts the
                labels as text ("10" < "9") to match columns. torch CrossEntropyLoss takes
                logits: here cce_with_logits.
    Source:     Bishop, 4.3.4.

    >>> import numpy as np
    >>> cce(np.array([0]), np.array([[0.5, 0.5]]))[1]().tolist()
    [[-2.0, 0.0]]
    """
    classes = yhat.shape[-1]
    dense: Floats | None = None
    if label_smoothing or y.ndim == yhat.ndim:
        dense = _smooth(_shares(y, classes), label_smoothing, classes)
        value = row_sum(times(dense, surprise(yhat, eps)))
    else:
        value = surprise(pick(yhat, y.astype(np.intp)), eps)

    def slope() -> Floats:
        t = _shares(y, classes) if dense is None else dense
        return still_where_moved(np.where(t == 0.0, 0.0, -t / unsigned(yhat)), yhat, eps)

    return value + 0.0, slope  # −ln 1 is −0


@loss(
    "softmax_cross_entropy_with_logits",
    "sparse_softmax_cross_entropy_with_logits",
    "categorical_cross_entropy_with_logits",
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=LOGIT,
)
def cce_with_logits(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Categorical cross-entropy of logits z, from which p = softmax(z).

    Formula:    ℓ = Σₖ tₖ · ln Σⱼ e^(zⱼ − zₖ), z = ŷ; t is one-hot for a label
    Gradient:   ∂ℓ/∂z = Σt · softmax(z) − t; the label's own entry as −Σ of the others
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  The same number as cce of softmax(z), to the last digits where the softmax
                saturates. Each slope lies in [−1, 1] and a row's slopes sum to 0. An infinite
                logit of the right class costs 0; two infinite logits in a row are an error.
    Choose it:  whenever the model's outputs are logits; never pass them through a softmax first.
    Elsewhere:  torch CrossEntropyLoss and its cross_entropy (with class weights and hard labels:
                Σwℓ/Σw, with soft labels Σwℓ/N), Keras CategoricalCrossentropy(from_logits=True),
                TensorFlow softmax_cross_entropy_with_logits. torch returns nan for an infinite
                logit.
    Source:     Bishop, 4.3.4; tf.nn.softmax_cross_entropy_with_logits.

    >>> import numpy as np
    >>> cce_with_logits(np.array([0]), np.array([[1000.0, 0.0]]))[0].tolist()
    [0.0]
    """
    classes = yhat.shape[-1]
    top = np.argmax(yhat, axis=-1)
    height = pick(yhat, top)
    powers = _powers(yhat, height, top)
    rest = row_sum(_without(powers, top))
    dense: Floats | None = None

    if y.ndim < yhat.ndim and not label_smoothing:
        labels = y.astype(np.intp)
        below = height - pick(yhat, labels)
        value = np.where(labels == top, 0.0, below) + np.log1p(rest)
    else:
        dense = _smooth(_shares(y, classes), label_smoothing, classes)
        below = _without(height[..., np.newaxis] - yhat, top)
        costs = times(dense, below + np.log1p(rest)[..., np.newaxis])
        high = height[..., np.newaxis]
        too_far = np.isinf(below) & np.isfinite(high) & np.isfinite(yhat)
        if too_far.any():  # the difference is beyond float64, its share need not be
            costs = np.where(too_far, dense * high - dense * yhat, costs)
        value = row_sum(costs)

    def slope() -> Floats:
        # (Σt)·p − t as (Σt − t)·p − t·(1 − p), with both differences free of cancellation
        total = 1.0 + rest
        softmax = powers / total[..., np.newaxis]
        not_softmax = 1.0 - softmax
        _put(not_softmax, top, rest / total)
        if dense is None:
            _put(softmax, labels, 0.0 - pick(not_softmax, labels))
            return softmax
        most = np.argmax(dense, axis=-1)
        not_t = row_sum(dense)[..., np.newaxis] - dense
        _put(not_t, most, row_sum(_without(dense, most)))
        return not_t * softmax - dense * not_softmax

    return value, slope


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


def _powers(z: Floats, height: Floats, top: Labels) -> Floats:
    """Return e^(z − height) for every entry of a row, where height is its largest, at ``top``.

    The rounding error of the difference, some 10⁻¹³ at −700, would come out multiplied by 2⁵²: it
    is carried along (Knuth's two-sum).
    """
    high = height[..., np.newaxis]
    difference = z - high
    shadow = difference - z
    error = (z - (difference - shadow)) - (high + shadow)
    powers = np.exp(difference)
    powers += powers * np.where(difference > -1000.0, error, 0.0)
    at_infinity = np.isposinf(height)
    if at_infinity.any():  # ∞ − ∞: all of the probability is there
        powers = np.where(at_infinity[..., np.newaxis], one_hot(top, z.shape[-1]), powers)
    return powers


def _without(x: Floats, labels: Labels) -> Floats:
    """Return x with a 0 in the column of each row's label."""
    others = x.copy()
    _put(others, labels, np.zeros(labels.shape))
    return others


def _put(x: Floats, labels: Labels, entries: Floats) -> None:
    """Set the entry in the column of each row's label."""
    np.put_along_axis(x, labels[..., np.newaxis], entries[..., np.newaxis], axis=-1)


def _sides(y: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """Return t = y(1 − ε) + ε/2 and 1 − t, each without the rounding of the other."""
    not_y = 1.0 - y
    if not smoothing:
        return y, not_y
    return y + smoothing * (0.5 - y), not_y + smoothing * (y - 0.5)


def _smooth(t: Floats, smoothing: float, classes: int) -> Floats:
    """Return t(1 − ε) + ε/K."""
    return t * (1.0 - smoothing) + smoothing / classes if smoothing else t


def _shares(y: Floats | Labels, classes: int) -> Floats:
    """Return the n × k shares of each class: y itself, or its labels one-hot."""
    return one_hot(y.astype(np.intp), classes) if y.dtype.kind == "i" else y.astype(np.float64)
