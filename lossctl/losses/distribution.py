"""Losses of one distribution, or of one distribution against another.

The kernels return one term per outcome. Down a column the terms add up to the value; with one
distribution a row they add up to the row's loss, and the value is the mean.
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np

from lossctl.losses.clipping import still_where_moved, surprise, unsigned
from lossctl.losses.constants import frequencies
from lossctl.losses.domain import UNIT, Interval
from lossctl.losses.labels import Clip
from lossctl.losses.registry import Constant, Floats, Slope, loss
from lossctl.losses.rows import times

Base = Annotated[float, Interval(1.0, math.inf, "neither")]
SCALE = 2.0**200
LARGEST = 1.7976931348623157e308
SERIES = tuple(1.0 / (n * (2 * n - 1)) for n in range(1, 25))
AT_THIRD = 0.13081203594113697  # (¾ ln 3 − ln 2): half of the series at d = ½, times d²
QUARTER_LOG = math.log(3.0) / 4.0


def _negentropy(params: Mapping[str, Any]) -> Callable[[Floats], Floats] | None:
    """Return P ln P, what the divergence holds in P alone; none where predictions are moved."""
    if params["eps"]:
        return None
    unit = math.log(params["base"])
    return lambda y: times(y, np.log(y) / unit)


@loss(
    "shannon_entropy",
    task="distribution",
    kind="distribution",
    y=None,
    pred=UNIT,
    simplex=True,
    zero_at_truth=False,
)
def entropy(y: None, yhat: Floats, *, base: Base = math.e) -> tuple[Floats, Slope]:  # noqa: ARG001 - every kernel takes both; entropy has no truth
    """Entropy of a distribution: how much surprise it holds on average.

    Formula:    ℓₖ = −pₖ ln pₖ, p = ŷ, 0·ln 0 = 0; the value of a distribution is Σ ℓₖ
    Gradient:   ∂ℓₖ/∂pₖ = −(ln pₖ + 1), ∞ at 0
    Value:      the sum down a column, the mean over rows; in nats, or in units of base

    Behaviour:  0 where one outcome is certain, ln K for K equal ones: a fair die has
                ln 6 = 1.7918 nats, a loaded one less. There is no truth to compare with. The
                slope of an outcome near 0 grows without bound, yet its term −p ln p goes to 0: a
                rare outcome moves the value only a little.
    Choose it:  to see how sure a prediction is, whether right or wrong; as the floor below
                which no cross_entropy of that distribution can fall. base=2 for bits. Not to
                judge a prediction: a sure and wrong one has entropy 0.
    Elsewhere:  scipy.stats.entropy rescales to sum 1 in silence; DuckDB's entropy() is in bits
                and of counts.
    Example:    $ lossctl entropy sample_data/dice.csv -p fair -q --precision 6
                1.79176
    Source:     Shannon, "A mathematical theory of communication" (1948).

    >>> import numpy as np
    >>> entropy(None, np.array([0.5, 0.5]), base=2)[0].tolist()
    [0.5, 0.5]
    """
    unit = math.log(base)
    logs = np.log(yhat) / unit
    return times(yhat, -logs) + 0.0, lambda: -(logs + 1.0 / unit)


@loss(
    task="distribution",
    kind="distribution",
    y=UNIT,
    pred=UNIT,
    simplex=True,
    clip="eps",
    zero_at_truth=False,
    constant=Constant("classes", "the mean of y", of=frequencies),
)
def cross_entropy(
    y: Floats, yhat: Floats, *, base: Base = math.e, eps: Clip = 0.0
) -> tuple[Floats, Slope]:
    """Cross-entropy: the average surprise at P for somebody who believes Q.

    Formula:    ℓₖ = −Pₖ ln Qₖ, P = y, Q = ŷ, 0·ln 0 = 0; the value is Σ ℓₖ
    Gradient:   ∂ℓₖ/∂Qₖ = −Pₖ/Qₖ, 0 where Pₖ = 0
    Value:      the sum down a column, the mean over rows; in nats, or in units of base

    Behaviour:  At least the entropy of P, and equal to it where Q = P; the excess is the
                Kullback–Leibler divergence. A fair die against (½, 1/10 × 5) costs 2.0343
                where its entropy is 1.7918. An outcome that happens and has Q = 0 costs ∞,
                and its slope grows as P/Q on the way there: one outcome that Q all but rules out
                can outweigh all others.
    Choose it:  to compare whole distributions. For a label and class columns, cce. For the
                distance alone, which is 0 where Q = P, kl_divergence.
    Elsewhere:  torch's cross_entropy takes logits and labels: here cce_with_logits. LightGBM's
                cross_entropy takes one probability of a label between 0 and 1: here bce.
    Example:    $ lossctl cross_entropy sample_data/dice.csv -y fair -p loaded -q --precision 6
                2.03435
    Source:     Good (1956); Cover and Thomas, "Elements of Information Theory", 5.4.3.

    >>> import numpy as np
    >>> cross_entropy(np.array([1.0, 0.0]), np.array([0.5, 0.5]), base=2)[0].tolist()
    [1.0, 0.0]
    """
    unit = math.log(base)
    value = times(y, surprise(yhat, eps) / unit) + 0.0
    return value, lambda: _pull(y, yhat, unit, eps)


def _pull(y: Floats, yhat: Floats, unit: float, eps: float) -> Floats:
    """Return −P/(Q·unit), 0 where P = 0; scaled, since a subnormal Q·unit would lose its bits."""
    s = np.where(y == 0.0, 0.0, -(y * SCALE) / (unsigned(yhat) * SCALE * unit))
    return still_where_moved(s, yhat, eps)


@loss(
    "kullback_leibler_divergence",
    "kl_div",
    "kld",
    "kl_div_loss",
    "relative_entropy",
    "rel_entr",
    task="distribution",
    kind="distribution",
    y=UNIT,
    pred=UNIT,
    simplex=True,
    clip="eps",
    zero_at_truth=False,
    signed=True,
    hint="Logarithms of probabilities? Take their exponential first.",
    constant=Constant("deviance", "the mean of y", of=_negentropy),
)
def kl_divergence(
    y: Floats, yhat: Floats, *, base: Base = math.e, eps: Clip = 0.0
) -> tuple[Floats, Slope]:
    """Kullback–Leibler divergence: the surprise that believing Q adds where P is true.

    Formula:    ℓₖ = Pₖ ln(Pₖ/Qₖ), P = y, Q = ŷ, 0·ln 0 = 0; the value is Σ ℓₖ
    Gradient:   ∂ℓₖ/∂Qₖ = −Pₖ/Qₖ, 0 where Pₖ = 0
    Value:      the sum down a column, the mean over rows; in nats, or in units of base

    Behaviour:  The cross_entropy less the entropy of P, so the slopes are those of the
                cross_entropy. A term is negative where Q is above P; their sum is 0 where
                Q = P, else positive, provided that P and Q each sum to 1. With a P or Q of
                another sum it can be negative and means nothing. An outcome that happens and
                has Q = 0 costs ∞; eps moves Q, not P, into [eps, 1 − eps] first (slope 0 where
                it did) and the report counts the rows. base=2 for bits.
    Choose it:  to see how far Q is from P in units that are 0 at best, which cross_entropy is
                not; in training both are one. It is no distance: P and Q do not change places,
                and ∞ is one impossible outcome away (js_divergence is bounded).
    Elsewhere:  torch KLDivLoss takes (ln Q, P) in that order; its reduction "mean", the default,
                divides by N·K, "batchmean" by N as here. optax kl_divergence takes ln Q too.
                Keras KLDivergence clips both sides at 1e-7; scipy.stats.entropy(P, Q) and
                torchmetrics KLDivergence rescale both to sum 1. scipy.special.rel_entr is a term
                of it; scipy.special.kl_div adds Q − P to each, which sums to 0 here.
                scikit-learn has none.
    Example:    $ lossctl kl_divergence sample_data/dice.csv -y fair -p loaded -q --precision 6
                0.242586
    Source:     Kullback and Leibler, "On information and sufficiency" (1951).

    >>> import numpy as np
    >>> kl_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5]), base=2)[0].tolist()
    [1.0, 0.0]
    """
    unit = math.log(base)
    value = times(y, _log_ratio(y, yhat, eps) / unit) + 0.0
    return value, lambda: _pull(y, yhat, unit, eps)


def _log_ratio(p: Floats, q: Floats, eps: float) -> Floats:
    """Return ln(p/q) of q moved into [ε, 1 − ε], from p − q, which is exact where they are near."""
    moved_q = q
    above = p - q
    if eps:
        high = 1.0 - q < eps
        moved_q = np.where(high, 1.0 - eps, np.maximum(q, eps))
        # 1 − ε is not formed: of p − 1 and ε, or with both less by ½, no more than one is rounded
        to_top = (p - 1.0) + eps if eps < 0.25 else (p - 0.5) + (eps - 0.5)
        above = np.where(high, to_top, p - moved_q)
    ratio = np.abs(above) / unsigned(np.minimum(p, moved_q))
    logs = np.copysign(np.log1p(ratio), above)
    beyond = np.isinf(ratio) & (moved_q > 0.0)
    if beyond.any():  # nothing cancels so far apart
        logs = np.where(beyond, np.log(p + 0.0) - np.log(moved_q + 0.0), logs)
    return logs


@loss(
    "jensen_shannon_divergence",
    "jensen_shannon",
    "jsd",
    task="distribution",
    kind="distribution",
    y=UNIT,
    pred=UNIT,
    simplex=True,
)
def js_divergence(y: Floats, yhat: Floats, *, base: Base = math.e) -> tuple[Floats, Slope]:
    """Jensen–Shannon divergence: how far two distributions are from their average, never infinite.

    Formula:    ℓₖ = ½[Pₖ ln(Pₖ/Mₖ) + Qₖ ln(Qₖ/Mₖ)], P = y, Q = ŷ, M = (P + Q)/2, 0·ln 0 = 0;
                the value is Σ ℓₖ
    Gradient:   ∂ℓₖ/∂Qₖ = ½ ln(Qₖ/Mₖ)
    Value:      the sum down a column, the mean over rows; in nats, or in units of base

    Behaviour:  Every term is 0 where Q = P and positive elsewhere. P and Q may change places.
                Where both sum to 1 the value lies between 0 and ln 2 = 0.6931 (1 with base=2),
                which is reached where they share no outcome: an outcome that happens and has
                Q = 0 costs P·½ ln 2, not ∞. With other sums neither bound holds. The pull on Q
                is at most ½ ln 2 downwards; upwards it is ∞ at Q = 0 where P > 0. Near Q = P
                it is about (Q − P)²/(8P), and right to its last digits there.
    Choose it:  to compare two distributions of which neither is the truth, or that have zeros
                in different places. Where P is the truth and a miss should cost without bound,
                kl_divergence.
    Elsewhere:  scipy.spatial.distance.jensenshannon is the square root of this number (a
                metric); torchmetrics JensenShannonDivergence is this number. Both rescale P and
                Q to sum 1. Neither torch, Keras nor scikit-learn has it.
    Example:    $ lossctl js_divergence sample_data/dice.csv -y fair -p loaded -q --precision 6
                0.06466
    Source:     Lin, "Divergence measures based on the Shannon entropy" (1991).

    >>> import numpy as np
    >>> js_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0]), base=2)[0].tolist()
    [0.5, 0.5]
    """
    unit = math.log(base)
    low, high = unsigned(np.minimum(y, yhat)), np.maximum(y, yhat)
    total = high + low
    gap = high - low

    def slope() -> Floats:
        # from the gap on either side: ln(Q/M) is −ln(1 + (P − Q)/2Q) or ln(1 + (Q − P)/(P + Q))
        under = yhat < y
        over = np.where(under, low + low, total)
        ratio = np.where(total == 0.0, 1.0, gap / over)  # Q alone: ln 2 for any Q
        logs = np.log1p(ratio)
        beyond = np.isinf(ratio) & (yhat > 0.0)
        if beyond.any():
            logs = np.where(beyond, np.log(total) - np.log(yhat + 0.0) - math.log(2.0), logs)
        return np.where(under, -logs, logs) * 0.5 / unit

    delta = np.where(total == 0.0, 0.0, gap / total)
    near = np.minimum(delta, 0.5)
    value = gap * (delta * (_even_part(near * near) / (4.0 * unit)))
    # it is as gap²/total: what was rounded off the two is put back
    lost = 2.0 * ((high - gap) - low) / gap - (low - (total - high)) / total
    value += value * np.where(gap == 0.0, 0.0, lost)
    far = delta > 0.5
    if far.any():
        value = np.where(far, _far_apart(high, low, total, unit), value)
    return value, slope


def _even_part(z: Floats) -> Floats:
    """Return [(1 + d)ln(1 + d) + (1 − d)ln(1 − d)]/d² for z = d² ≤ ¼: Σ z^(n−1)/(n(2n − 1))."""
    result = np.full_like(z, SERIES[-1])
    for factor in SERIES[-2::-1]:
        result *= z
        result += factor
    return result


def _far_apart(high: Floats, low: Floats, total: Floats, unit: float) -> Floats:
    """Return the term of js_divergence for high ≥ 3·low, in units of high until the end.

    Expanded about high = 3·low: what is subtracted is never more than a little of the whole.
    """
    low = low / high
    total = 1.0 + low
    beyond = np.maximum((1.0 - low) - 2.0 * low, 0.0)
    steps = np.minimum(beyond / (4.0 * low), LARGEST)  # times a low that is next to nothing
    curve = np.log1p(beyond / (3.0 * total)) - low * np.log1p(steps)
    return high * ((AT_THIRD * total + (QUARTER_LOG * beyond + curve)) / (2.0 * unit))
