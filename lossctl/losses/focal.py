"""Focal losses: cross-entropy times (1 − p)^γ, of probabilities or logits, for one column or k."""

from typing import Annotated, NamedTuple

import numpy as np

from lossctl.losses.blocks import Part, apart, by_blocks
from lossctl.losses.clipping import unsigned
from lossctl.losses.domain import LOGIT, NOT_NEGATIVE, UNIT
from lossctl.losses.focusing import (
    LIFT,
    Doubt,
    exp_exactly,
    faded,
    focused,
    lifted,
    minus,
    of_small,
    of_small_odds,
    pull,
    quotient,
    steepness_in_p,
    whole,
)
from lossctl.losses.labels import (
    Labels,
    Smoothing,
    certain,
    plus_exactly,
    sides,
    soft_shares,
    times_exactly,
)
from lossctl.losses.registry import ONE_INFINITY, Flags, Floats, Slope, loss
from lossctl.losses.rows import pick, row_sum

Gamma = Annotated[float, NOT_NEGATIVE]
Alpha = Annotated[float | None, UNIT]
ORDINARY = 2.0  # a γ up to which the last bit of an exponential may be off
MODEST = 16.0  # and up to which six bits more are enough


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
    of_1, of_0 = _balance(alpha)

    def of_sure(y: Floats, p: Floats) -> tuple[Floats, Slope]:
        return _focal_of_sure(y == 1.0, p, gamma, of_1, of_0)

    def of_soft(y: Floats, p: Floats) -> tuple[Floats, Slope]:
        return _focal_of_soft(*sides(y, label_smoothing), p, gamma, of_1, of_0)

    def of_label(y: Labels, p: Floats) -> tuple[Floats, Slope]:
        return _focal_of_classes(None, y, p, gamma, of_1)

    def of_shares(y: Floats, p: Floats) -> tuple[Floats, Slope]:
        return lifted(lambda t, p, c: _focal_of_classes(t, None, p, gamma, c), y, p, of_1)

    return _each(y, yhat, label_smoothing, (of_sure, of_soft), (of_label, of_shares))


def _each(
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


def _balance(alpha: float | None) -> tuple[float, float]:
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


@loss(
    "sigmoid_focal_loss",
    "focal_loss_with_logits",
    task=("binary", "multi-class"),
    kind="either",
    y=UNIT,
    pred=LOGIT,
    labels="binary",
    rule=ONE_INFINITY,
)
def focal_with_logits(
    y: Floats | Labels,
    yhat: Floats,
    *,
    gamma: Gamma = 2.0,
    alpha: Alpha = None,
    label_smoothing: Smoothing = 0.0,
) -> tuple[Floats, Slope]:
    """Focal loss of logits z, from which p = σ(z), or softmax(z) for classes.

    Formula:    ℓ = −αₜ (1 − pₜ)^γ ln pₜ, pₜ the probability of what happened, z = ŷ
    Gradient:   G = αₜ (1 − pₜ)^γ (1 − pₜ − γ pₜ ln pₜ): ∂ℓ/∂z = −G for y = 1 and G for y = 0;
                k classes: −G for the label, and G·pⱼ/(1 − pₜ) for every other j
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  The same number as focal of σ(z) or softmax(z), to the last digits where those
                saturate: z = 40 for y = 1 costs 7.7e-53. A sure miss pulls with force α, no miss
                with more than 1.13α at γ = 2: an outlier pulls like any other miss while easy
                rows pull less and less. The slopes of a row of classes sum to 0. An infinite
                logit on the right side costs 0. gamma, alpha, soft labels and label_smoothing
                are those of focal.
    Choose it:  whenever the outputs are logits and easy rows drown the rest. Not where the
                probabilities are to be used as such (bce_with_logits).
    Elsewhere:  optax sigmoid_focal_loss (alpha none by default, as here), torchvision
                sigmoid_focal_loss (alpha = 0.25 by default; its −1 is none here), Keras
                BinaryFocalCrossentropy(from_logits=True). For a soft label all three are
                (1 − tp − (1 − t)(1 − p))^γ times the cross-entropy, not the expected loss.
    Example:    $ lossctl focal_with_logits sample_data/breast_cancer.csv -p logit -q --precision 6
                0.030391
    Source:     Lin et al., "Focal loss for dense object detection" (2017).

    >>> import numpy as np
    >>> focal_with_logits(np.array([1.0, 0.0]), np.array([np.inf, 1000.0]))[0].tolist()
    [0.0, 1000.0]
    """
    of_1, of_0 = _balance(alpha)

    def of_sure(y: Floats, z: Floats) -> tuple[Floats, Slope]:
        return _focal_of_logit(y, None, z, gamma, of_1, of_0)

    def of_soft(y: Floats, z: Floats) -> tuple[Floats, Slope]:
        return _focal_of_logit(*sides(y, label_smoothing), z, gamma, of_1, of_0)

    def of_label(y: Labels, z: Floats) -> tuple[Floats, Slope]:
        return _focal_of_logits(None, y, z, gamma, of_1)

    def of_shares(y: Floats, z: Floats) -> tuple[Floats, Slope]:
        return lifted(lambda t, z, c: _focal_of_logits(t, None, z, gamma, c), y, z, of_1)

    return _each(y, yhat, label_smoothing, (of_sure, of_soft), (of_label, of_shares))


def _focal_of_logit(
    t: Floats, not_t: Floats | None, z: Floats, gamma: float, of_1: float, of_0: float
) -> tuple[Floats, Slope]:
    """Return the loss of shares t and 1 − t, or of labels t where there is no 1 − t."""
    power, error = exp_exactly(-np.abs(z), quick=gamma <= MODEST)
    total, slack = plus_exactly(power, 1.0)
    slack += power * error
    small = quotient(power, power * error, total, slack)
    large = quotient(np.ones_like(power), 0.0, total, slack)
    low = of_small_odds(power, error)
    both = np.log1p(power) + small[0] * error

    def against(right: Flags) -> Doubt:
        return Doubt(
            np.where(right, small[0], large[0]),
            np.where(right, small[1], large[1]),
            np.where(right, 1.0, power),
            low,
        )

    def steepness(
        share: Floats | float, factor: Floats | float, surprise: Floats, doubt: Doubt, right: Flags
    ) -> tuple[Floats, Floats]:
        p, more = np.where(right, large[0], small[0]), np.where(right, large[1], small[1])
        low = plus_exactly(np.where(right, 0.0, np.abs(z)), both)[1]
        gain, low = pull(doubt, p, more, surprise, low, gamma)
        return faded(doubt, gamma, share, factor, gain, low=low)

    if not_t is None:
        yes = t == 1.0
        score, factor = np.where(yes, z, -z), np.where(yes, of_1, of_0)
        surprise = np.maximum(-score, 0.0) + both
        right = score >= 0.0
        doubt = against(right)

        def slope_of_sure() -> Floats:
            s = whole(steepness(1.0, factor, surprise, doubt, right))
            return np.where(yes, -1.0, 1.0) * s + 0.0

        return focused(1.0, factor, surprise, doubt, gamma) + 0.0, slope_of_sure

    above, below = z >= 0.0, z <= 0.0
    if_1, if_0 = against(above), against(below)
    cost, counter = np.maximum(-z, 0.0) + both, np.maximum(z, 0.0) + both
    value = focused(t, of_1, cost, if_1, gamma) + focused(not_t, of_0, counter, if_0, gamma)

    def slope() -> Floats:
        up = steepness(not_t, of_0, counter, if_0, below)
        return minus(up, steepness(t, of_1, cost, if_1, above))

    return value + 0.0, slope


class _Chances(NamedTuple):
    """What softmax makes of the label's logit, one a row, or of all k where labels are soft."""

    powers: Floats  # e^(z − the largest), n × k
    p: Floats
    p_more: Floats  # the relative correction of p
    others: Floats  # what the powers of the others add up to
    doubt: Doubt
    surprise: Floats
    low: Floats  # the low part of the surprise


def _chances(z: Floats, labels: Labels | None, gamma: float, *, rough: bool) -> _Chances:
    top = np.argmax(z, axis=-1)
    below, fault = plus_exactly(z, -pick(z, top)[..., np.newaxis])
    if not np.isfinite(below).all():  # ∞ − ∞ is the place of all probability
        fault = np.where(np.isfinite(below), fault, 0.0)
        below = np.where(np.isnan(below), 0.0, below)
    if rough:
        powers = np.exp(below)
        if below.size and below.min() < -1000.0:
            fault = np.where(below > -1000.0, fault, 0.0)
        extras = powers * fault
    else:
        powers, errors = exp_exactly(below, fault, quick=gamma <= MODEST)
        extras = powers * errors
    beside = powers.copy()
    np.put_along_axis(beside, top[..., np.newaxis], 0.0, axis=-1)
    rest, rest_low = np.zeros(len(z)), np.zeros(len(z))  # the largest has no error
    for column in range(z.shape[-1]):
        rest, rounding = plus_exactly(rest, beside[..., column])
        rest_low += rounding + extras[..., column]
    total, total_low = plus_exactly(rest, 1.0)
    total_low += rest_low
    bottom = np.log1p(rest) + rest_low / total

    if labels is None:
        is_top = np.arange(z.shape[-1]) == top[..., np.newaxis]
        power, extra, depth, slack = powers, extras, 0.0 - below, fault
        rest, rest_low, total, total_low, bottom = (
            x[..., np.newaxis] for x in (rest, rest_low, total, total_low, bottom)
        )
    else:
        is_top = labels == top
        power, extra, depth, slack = (pick(x, labels) for x in (powers, extras, -below, fault))
    depth = np.where(is_top, 0.0, depth)
    others, others_low = plus_exactly(total, -power)
    others = np.where(is_top, rest, others)
    others_low = np.where(is_top, rest_low, others_low + total_low - extra)
    b, more = quotient(others, others_low, total, total_low)
    p, p_more = quotient(power, extra, total, total_low)
    low = plus_exactly(depth, bottom)[1] - np.where(is_top, 0.0, slack)
    doubt = Doubt(b, more, np.where(is_top, 1.0, p), of_small(p) + p * p_more)
    return _Chances(powers, p, p_more, others + others_low, doubt, bottom + depth, low)


def _focal_of_logits(
    dense: Floats | None, labels: Labels | None, z: Floats, gamma: float, alpha: float
) -> tuple[Floats, Slope]:
    ordinary = gamma <= ORDINARY and labels is not None
    rough = _chances(z, labels, gamma, rough=ordinary)
    share: Floats | float = 1.0 if dense is None else dense
    costs = focused(share, alpha, rough.surprise, rough.doubt, gamma)

    def fine() -> _Chances:
        return _chances(z, labels, gamma, rough=False) if ordinary else rough

    def force(at: _Chances, alpha: float) -> tuple[Floats, Floats]:
        """Return −∂ℓ/∂z of the label's own logit, and its low part."""
        gain, low = pull(at.doubt, at.p, at.p_more, at.surprise, at.low, gamma)
        return faded(at.doubt, gamma, share, alpha, gain, low=low)

    if labels is not None:

        def slope_of_labels() -> Floats:
            at = fine()
            own = whole(force(at, alpha))
            others = np.where(at.others > 0.0, at.others, 1.0)
            s = at.powers * (own / others)[..., np.newaxis]
            np.put_along_axis(s, labels[..., np.newaxis], -own[..., np.newaxis], axis=-1)
            return s + 0.0

        return costs, slope_of_labels

    high = np.max(z, axis=-1, keepdims=True)
    far = np.isinf(rough.surprise) & np.isfinite(high) & np.isfinite(z)
    if far.any():  # the difference is beyond float64, its share need not be
        part = share * alpha
        costs = np.where(far, part * high - part * z, costs)

    def slope() -> Floats:
        # pᵢ · Σ of Gₖ/(1 − pₖ) over k ≠ i, − Gᵢ; the largest is left out of its own sum at once
        at = rough
        own, own_low = force(at, alpha * LIFT)  # the least terms do not vanish before their sum
        b = at.doubt.b
        c, c_more = quotient(own, own_low, b, b * at.doubt.more)
        c = np.where(b > 0.0, c + c * c_more, 0.0)
        most = np.argmax(c, axis=-1)[..., np.newaxis]
        apart = c.copy()
        np.put_along_axis(apart, most, 0.0, axis=-1)
        not_c = row_sum(c)[..., np.newaxis] - c
        np.put_along_axis(not_c, most, row_sum(apart)[..., np.newaxis], axis=-1)
        gained, error = times_exactly(at.p, not_c)
        s, rounding = plus_exactly(gained, -own)
        return (s + (rounding + error + gained * at.p_more - own_low)) / LIFT + 0.0

    return row_sum(costs), slope
