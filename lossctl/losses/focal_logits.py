"""The focal loss of logits, straight from them: no probability that saturates comes in between."""

import math
from typing import NamedTuple

import numpy as np

from lossctl.losses.constants import best_doubt, either
from lossctl.losses.domain import LOGIT, UNIT
from lossctl.losses.focal import Alpha, Gamma, balance, by_labels
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
    whole,
)
from lossctl.losses.labels import (
    Labels,
    Smoothing,
    plus_exactly,
    sides,
    times_exactly,
)
from lossctl.losses.registry import ONE_INFINITY, Constant, Flags, Floats, Slope, loss
from lossctl.losses.rows import pick, row_sum

ORDINARY = 2.0  # a γ up to which the last bit of an exponential may be off
MODEST = 16.0  # and up to which six bits more are enough


@loss(
    "sigmoid_focal_loss",
    "focal_loss_with_logits",
    task=("binary", "multi-class"),
    kind="either",
    y=UNIT,
    pred=LOGIT,
    labels="binary",
    rule=ONE_INFINITY,
    constant=either(
        Constant(
            "label",
            "the best logit for the base rate of y",
            of=best_doubt(
                lambda *rows, **params: focal_with_logits(*rows, **params), -math.inf, math.inf
            ),
        ),
        None,
    ),
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
    of_1, of_0 = balance(alpha)

    def of_sure(y: Floats, z: Floats) -> tuple[Floats, Slope]:
        return _focal_of_logit(y, None, z, gamma, of_1, of_0)

    def of_soft(y: Floats, z: Floats) -> tuple[Floats, Slope]:
        return _focal_of_logit(*sides(y, label_smoothing), z, gamma, of_1, of_0)

    def of_label(y: Labels, z: Floats) -> tuple[Floats, Slope]:
        return _focal_of_logits(None, y, z, gamma, of_1)

    def of_shares(y: Floats, z: Floats) -> tuple[Floats, Slope]:
        return lifted(lambda t, z, c: _focal_of_logits(t, None, z, gamma, c), y, z, of_1)

    return by_labels(y, yhat, label_smoothing, (of_sure, of_soft), (of_label, of_shares))


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
