"""Losses of a margin: how far a score is on the right side of its label.

A label of 0 counts as −1, y± = 2y − 1. Every form is t·ℓ(1) + (1 − t)·ℓ(0) with both sides written
out, so that soft and smoothed labels are the expected loss and hard ones cost nothing more.
"""

import numpy as np

from lossctl.losses.blocks import by_blocks
from lossctl.losses.constants import balance, half_log_odds, majority_or_none, margins
from lossctl.losses.domain import LOGIT, SIGNED, UNIT
from lossctl.losses.labels import (
    Labels,
    Smoothing,
    expected,
    plus_exactly,
    shares,
    sides,
    smooth_exactly,
    soft_shares,
    square_exactly,
    sure,
    times_exactly,
)
from lossctl.losses.registry import ONE_INFINITY, Constant, Floats, Slope, loss
from lossctl.losses.rows import one_hot, pick, row_sum, times


@loss(
    "hinge_loss",
    "binary_hinge_loss",
    task="binary",
    y=SIGNED,
    pred=LOGIT,
    labels="signed",
    constant=Constant("label", "the majority of y", of=margins),
    flat="it is flat where the margin is 1 or more",
)
def hinge(y: Floats, yhat: Floats, *, label_smoothing: Smoothing = 0.0) -> tuple[Floats, Slope]:
    """Hinge loss: how far a score falls short of a margin of 1.

    Formula:    ℓ = max(0, 1 − y±z), z = ŷ, y± = 2y − 1 (labels −1 and 1, or 0 and 1)
    Gradient:   ∂ℓ/∂z = −y± where y±z < 1, else 0 (0 at the kink)
    Value:      L = Σ wℓ / Σ w

    Behaviour:  A score beyond the margin costs nothing and pulls no more, so the solution rests
                on few rows; one on the wrong side pulls with force 1 however far away it is, so
                an outlier costs in proportion and pulls like any other. An infinite score on
                the right side costs 0. Soft labels, and those that label_smoothing ε makes,
                y(1 − ε) + ε/2, cost what is to be expected: y·ℓ(1) + (1 − y)·ℓ(0).
    Choose it:  for large-margin classifiers, whose scores are no probabilities. Not to judge
                probabilities (bce), nor where the score's size is to mean something: a minimum
                of the hinge only has the right sign.
    Elsewhere:  scikit-learn hinge_loss, Keras Hinge, optax hinge_loss (labels −1 and 1),
                torchmetrics BinaryHingeLoss. Keras reads 0 as −1 only if the whole batch is 0
                and 1; torchmetrics applies a sigmoid when any score lies outside [0, 1]; torch's
                HingeEmbeddingLoss is another loss.
    Example:    $ lossctl hinge sample_data/breast_cancer.csv -p logit -q --precision 6
                0.110689
    Source:     Cortes and Vapnik, "Support-vector networks" (1995); Rosasco et al., "Are loss
                functions all the same?" (2004).

    >>> import numpy as np
    >>> hinge(np.array([1.0, 0.0]), np.array([0.25, 3.0]))[0].tolist()
    [0.75, 4.0]
    """
    yes = sure(y, label_smoothing)
    if yes is not None:
        short = np.maximum(0.0, 1.0 - np.where(yes, yhat, -yhat))
        return short, lambda: np.where(yes, -1.0, 1.0) * (short > 0.0) + 0.0
    t, not_t = sides(y, label_smoothing)
    value = _expected(t, _shortfall(yhat), not_t, _shortfall(-yhat))
    return value, lambda: not_t * (yhat > -1.0) - t * (yhat < 1.0)


@loss(
    task="binary",
    y=SIGNED,
    pred=LOGIT,
    labels="signed",
    constant=Constant("label", "twice the base rate of y, less 1", of=balance),
    flat="it is flat where the margin is 1 or more",
)
def squared_hinge(
    y: Floats, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Squared hinge loss: the squared shortfall of a score below a margin of 1.

    Formula:    ℓ = max(0, 1 − y±z)², z = ŷ, y± = 2y − 1 (labels −1 and 1, or 0 and 1)
    Gradient:   ∂ℓ/∂z = −2y± max(0, 1 − y±z)
    Value:      L = Σ wℓ / Σ w

    Behaviour:  No kink: the pull fades to 0 as a score reaches the margin. On the wrong side it
                grows with the distance, so one mislabelled row with a large score can outweigh
                all others. An infinite score on the right side costs 0. Soft labels, and those
                that label_smoothing ε makes, y(1 − ε) + ε/2, cost what is to be expected:
                y·ℓ(1) + (1 − y)·ℓ(0).
    Choose it:  for large-margin classifiers trained with smooth optimisers. Not where labels
                are noisy (hinge).
    Elsewhere:  Keras SquaredHinge, scikit-learn LinearSVC(loss="squared_hinge") and
                SGDClassifier, torchmetrics BinaryHingeLoss(squared=True). Keras reads 0 as −1
                only if the whole batch is 0 and 1; torchmetrics applies a sigmoid when any score
                lies outside [0, 1].
    Example:    $ lossctl squared_hinge sample_data/breast_cancer.csv -p logit -q --precision 6
                0.14974
    Source:     Rosasco et al., "Are loss functions all the same?" (2004).

    >>> import numpy as np
    >>> loss, slope = squared_hinge(np.array([1.0, 0.0]), np.array([0.5, 3.0]))
    >>> loss.tolist(), slope().tolist()
    ([0.25, 16.0], [-1.0, 8.0])
    """
    yes = sure(y, label_smoothing)
    if yes is not None:
        short, error = _shortfall(np.where(yes, yhat, -yhat))
        square, more = _square(short, error)
        return square + more, lambda: np.where(yes, -2.0, 2.0) * short + 0.0
    t, not_t = sides(y, label_smoothing)
    if_1, if_0 = _shortfall(yhat), _shortfall(-yhat)

    def slope() -> Floats:
        half = _expected(t, (-if_1[0], -if_1[1]), not_t, if_0)
        return half + half

    value = _expected(t, _square(*if_1), not_t, _square(*if_0))
    far = np.abs(yhat) > HUGE
    if far.any():  # where a square is beyond float64 its share need not be
        big = times(times(t, if_1[0]), if_1[0]) + times(times(not_t, if_0[0]), if_0[0])
        value = np.where(far, big, value)
    return value, slope


@loss(
    "exponential_loss",
    "exp_loss",
    task="binary",
    y=SIGNED,
    pred=LOGIT,
    labels="signed",
    constant=Constant("label", "half the logit of the base rate of y", of=half_log_odds),
)
def exponential(
    y: Floats, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Exponential loss: the price of a wrong score grows e-fold with every unit.

    Formula:    ℓ = exp(−y±z), z = ŷ, y± = 2y − 1 (labels −1 and 1, or 0 and 1)
    Gradient:   ∂ℓ/∂z = −y± exp(−y±z)
    Value:      L = Σ wℓ / Σ w

    Behaviour:  A score pulls with the force of its loss: 1 at z = 0, e^−z on the right side
                where it never quite stops, and without bound on the wrong side: one mislabelled
                row at z = −20 costs 5e8 and decides alone. An infinite score on the right side
                costs 0. Soft labels, and those that label_smoothing ε makes, y(1 − ε) + ε/2,
                cost what is to be expected: y·ℓ(1) + (1 − y)·ℓ(0).
    Choose it:  to follow a boosting run (AdaBoost minimises it). Not with noisy labels: its best
                score is half the log-odds, which bce_with_logits(2z) finds without the risk.
    Elsewhere:  scikit-learn's GradientBoostingClassifier(loss="exponential") minimises this
                number of its raw score, which is half the log-odds. torch SoftMarginLoss is
                ln(1 + e^(−y±z)): here bce_with_logits. torch and Keras have none.
    Example:    $ lossctl exponential sample_data/breast_cancer.csv -p logit -q --precision 6
                0.246197
    Source:     Friedman, Hastie and Tibshirani, "Additive logistic regression" (2000).

    >>> import numpy as np
    >>> exponential(np.array([1.0, 0.0]), np.array([0.0, -np.inf]))[0].tolist()
    [1.0, 0.0]
    """
    t, not_t = sides(y, label_smoothing)
    yhat = np.ascontiguousarray(yhat)  # numpy's exp of other layouts may differ in the last bit
    if_1, if_0 = _share_of_power(t, -yhat), _share_of_power(not_t, yhat)
    return if_1 + if_0, lambda: if_0 - if_1


HALF = 372.5


def _share_of_power(share: Floats, x: Floats) -> Floats:
    """Return share · eˣ; beyond x = 700 the power may overflow where its share does not."""
    result = times(share, np.exp(x))
    far = (x > 700.0) & (share > 0.0) & (share < 1.0) & (x < np.inf)
    if far.any():
        some = np.where(far, x, 0.0)
        part = np.exp(HALF) * share * np.exp(some - 2.0 * HALF) * np.exp(HALF)
        result = np.where(far, part, result)
    return result


@loss(
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=LOGIT,
    rule=ONE_INFINITY,
    constant=Constant("classes", "the majority of y", of=majority_or_none),
    flat="only the true class and the highest of the others count",
)
def categorical_hinge(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    r"""Categorical hinge loss of Keras: the label's score against the best other one and 0.

    Formula:    ℓ = max(0, 1 + max(0, max_{j≠y} zⱼ) − z_y), z = ŷ
    Gradient:   where ℓ > 0: −1 on the label; +1 on the largest other score if that is above 0
                (of a tie the lowest index); all 0 where ℓ = 0
    Value:      L = Σ wℓ / Σ w

    Behaviour:  As multiclass_hinge, with a rival of score 0 that is always there: where all
                other scores are negative the label's own must still reach 1. An outlier costs
                in proportion and pulls with force 1. An infinite score of the right class costs
                0. Soft labels, and those that label_smoothing ε makes, t(1 − ε) + ε/k, cost
                what is to be expected: Σ tₖ ℓ(label k).
    Choose it:  to compare with Keras. multiclass_hinge is the loss of the textbooks, and does
                not change when all scores of a row are shifted.
    Elsewhere:  Keras CategoricalHinge computes max(0, 1 + max((1 − t)z) − Σ tz): the 0 among the
                rivals is the label's own entry times 0. Keras applies that formula to soft
                labels too; here they cost the expected loss, another number.
    Example:    $ lossctl categorical_hinge sample_data/digits.csv \
                  -y digit -p 'z_*' -q --precision 6
                0.0903736
    Source:     Keras documentation, CategoricalHinge.

    >>> import numpy as np
    >>> categorical_hinge(np.array([0]), np.array([[0.25, -2.0]]))[0].tolist()
    [0.75]
    """
    return _against_the_best(y, yhat, label_smoothing, 0.0)


@loss(
    "crammer_singer",
    "multiclass_hinge_loss",
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=LOGIT,
    rule=ONE_INFINITY,
    constant=Constant("classes", "the majority of y", of=majority_or_none),
    flat="only the true class and the highest of the others count",
)
def multiclass_hinge(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Multi-class hinge loss of Crammer and Singer: the label's score against the best other one.

    Formula:    ℓ = max(0, 1 + max_{j≠y} zⱼ − z_y), z = ŷ
    Gradient:   where ℓ > 0: −1 on the label and +1 on the largest other score (of a tie the
                lowest index); all 0 where ℓ = 0
    Value:      L = Σ wℓ / Σ w

    Behaviour:  Only the label and its strongest rival matter. A row that is right by a margin of
                1 costs nothing and pulls no more; one that is wrong costs in proportion and
                pulls with force 1 on both, so an outlier pulls like any other row. An infinite
                score of the right class costs 0. Soft labels, and those that label_smoothing ε
                makes, t(1 − ε) + ε/k, cost what is to be expected: Σ tₖ ℓ(label k).
    Choose it:  for large-margin classifiers of several classes. Not to judge probabilities
                (cce), nor to train towards them.
    Elsewhere:  scikit-learn hinge_loss of several classes, optax multiclass_hinge_loss,
                torchmetrics MulticlassHingeLoss in its default mode, which applies a softmax
                when any score lies outside [0, 1]. torch MultiMarginLoss is another loss: the
                sum over all rivals j of max(0, 1 − z_y + zⱼ), divided by k (Weston and Watkins).
    Example:    $ lossctl multiclass_hinge sample_data/digits.csv -y digit -p 'z_*' -q --precision 6
                0.0903736
    Source:     Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based
                vector machines" (2001).

    >>> import numpy as np
    >>> loss, slope = multiclass_hinge(np.array([0]), np.array([[0.25, -0.5, -2.0]]))
    >>> loss.tolist(), slope().tolist()
    ([0.25], [[-1.0, 1.0, 0.0]])
    """
    return _against_the_best(y, yhat, label_smoothing, -np.inf)


def _against_the_best(
    y: Floats | Labels, z: Floats, smoothing: float, floor: float
) -> tuple[Floats, Slope]:
    """Return max(0, 1 + max(floor, max_{j≠y} zⱼ) − z_y), its mean over soft labels."""

    def part(y: Floats | Labels, z: Floats) -> tuple[Floats, Slope]:
        classes = z.shape[-1]
        if smoothing:
            return _of_rivals(*smooth_exactly(shares(y, classes), smoothing, classes), y, z, floor)
        return _of_rivals(soft_shares(y, z, 0.0), 0.0, y, z, floor)

    return by_blocks(part, y, z)


def _of_rivals(
    dense: Floats | None, slack: Floats | float, y: Floats | Labels, z: Floats, floor: float
) -> tuple[Floats, Slope]:
    first, second = _two_largest(z)
    if dense is None:
        labels = y.astype(np.intp)
        own = pick(z, labels)
        short, _ = _short_of(np.maximum(np.where(own == first, second, first), floor), own)

        def slope_of_labels() -> Floats:
            others = z.copy()
            np.put_along_axis(others, labels[..., np.newaxis], -np.inf, axis=-1)
            rival = np.argmax(others, axis=-1)
            pulled = (short > 0.0) & (pick(others, rival) > floor)
            return one_hot(rival, z.shape[-1]) * pulled[..., np.newaxis] - (
                one_hot(labels, z.shape[-1]) * (short > 0.0)[..., np.newaxis]
            )

        return short, slope_of_labels

    high = first[..., np.newaxis]
    rivals = np.maximum(np.where(z == high, second[..., np.newaxis], high), floor)
    shorts, low = _short_of(rivals, z)
    costs = times(dense, shorts)
    too_far = np.isinf(shorts) & np.isfinite(rivals) & np.isfinite(z)
    if too_far.any():  # the difference is beyond float64, its share need not be
        costs = np.where(too_far, dense * rivals - dense * z, costs)

    def slope() -> Floats:
        active = dense * (shorts > 0.0)
        top = np.argmax(z, axis=-1)
        others = z.copy()
        np.put_along_axis(others, top[..., np.newaxis], -np.inf, axis=-1)
        next_best = np.argmax(others, axis=-1)
        of_top = pick(active, top)
        pulls = np.where((first > floor)[..., np.newaxis], active, 0.0)
        np.put_along_axis(pulls, top[..., np.newaxis], -of_top[..., np.newaxis], axis=-1)
        s = -active
        on_next = np.where(second > floor, of_top, 0.0) - pick(active, next_best)
        np.put_along_axis(s, next_best[..., np.newaxis], on_next[..., np.newaxis], axis=-1)
        np.put_along_axis(s, top[..., np.newaxis], row_sum(pulls)[..., np.newaxis], axis=-1)
        return s + 0.0

    more = dense * low + slack * shorts + times_exactly(dense, shorts)[1]
    return row_sum(costs, np.where(shorts < HUGE, more, 0.0)), slope


def _two_largest(z: Floats) -> tuple[Floats, Floats]:
    """Return the largest entry of each row, and the next one; they are equal in a tie."""
    first = z[..., 0].copy()
    second = np.full_like(first, -np.inf)
    for column in range(1, z.shape[-1]):
        entry = z[..., column]
        np.maximum(second, np.minimum(first, entry), out=second)
        np.maximum(first, entry, out=first)
    return first, second


HUGE = 1e100  # beyond it errors are not carried along: they are nothing beside the numbers


def _shortfall(z: Floats) -> tuple[Floats, Floats]:
    """Return max(0, 1 − z) and its rounding error."""
    short, error = plus_exactly(-z, 1.0)
    return np.maximum(0.0, short), np.where((short > 0.0) & (short < HUGE), error, 0.0)


def _square(x: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Return (x + error)² and its rounding error."""
    square, slack = square_exactly(x)
    return square, np.where(x < HUGE, slack + 2.0 * x * error, 0.0)


def _expected(
    t: Floats, if_1: tuple[Floats, Floats], not_t: Floats, if_0: tuple[Floats, Floats]
) -> Floats:
    """Return t · ℓ(1) + (1 − t) · ℓ(0) of losses that have low parts, as if rounded once."""
    plain = expected(t, if_1[0], not_t, if_0[0])
    yes, yes_error = times_exactly(t, if_1[0])
    no, no_error = times_exactly(not_t, if_0[0])
    both, error = plus_exactly(yes, no)
    exact = both + (error + (yes_error + no_error + t * if_1[1] + not_t * if_0[1]))
    return np.where(np.isfinite(exact), exact, plain)


def _short_of(rival: Floats, own: Floats) -> tuple[Floats, Floats]:
    """Return max(0, 1 + rival − own), and its low part."""
    difference, slack = plus_exactly(rival, -own)
    total, error = plus_exactly(difference, 1.0)
    error += slack
    error = np.where(np.isfinite(error), error, 0.0)
    exact = total + error
    low = (total - exact) + error
    return np.maximum(exact, 0.0), np.where((exact > 0.0) & np.isfinite(low), low, 0.0)
