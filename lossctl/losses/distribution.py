"""Losses of one distribution, or of one distribution against another.

The kernels return one term per outcome. Down a column the terms add up to the value; with one
distribution a row they add up to the row's loss, and the value is the mean.
"""

import math
from typing import Annotated

import numpy as np

from lossctl.losses.clipping import still_where_moved, surprise, unsigned
from lossctl.losses.domain import UNIT, Interval
from lossctl.losses.labels import Clip
from lossctl.losses.registry import Floats, Slope, loss
from lossctl.losses.rows import times

Base = Annotated[float, Interval(1.0, math.inf, "neither")]
SCALE = 2.0**200


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
                slope of an outcome near 0 grows without bound, that of a likely one is moderate:
                a rare outcome moves the value only a little for all that.
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
    Elsewhere:  torch's cross_entropy takes logits and labels: here cce_with_logits.
    Example:    $ lossctl cross_entropy sample_data/dice.csv -y fair -p loaded -q --precision 6
                2.03435
    Source:     Good (1956); Cover and Thomas, "Elements of Information Theory", 5.4.3.

    >>> import numpy as np
    >>> cross_entropy(np.array([1.0, 0.0]), np.array([0.5, 0.5]), base=2)[0].tolist()
    [1.0, 0.0]
    """
    unit = math.log(base)

    def slope() -> Floats:
        # scaled, since a subnormal Q times ln b would lose its bits
        s = np.where(y == 0.0, 0.0, -(y * SCALE) / (unsigned(yhat) * SCALE * unit))
        return still_where_moved(s, yhat, eps)

    return times(y, surprise(yhat, eps) / unit) + 0.0, slope
