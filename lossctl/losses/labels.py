"""Labels as shares: hard labels, soft labels, and labels that were smoothed."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lossctl.losses.domain import UNIT, Interval
from lossctl.losses.registry import Floats
from lossctl.losses.rows import one_hot, times

Labels = NDArray[np.intp]
Smoothing = Annotated[float, UNIT]
Clip = Annotated[float, Interval(0.0, 0.5, "left")]


def sides(y: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """Return t = y(1 − ε) + ε/2 and 1 − t, each without the rounding of the other."""
    not_y = 1.0 - y
    if not smoothing:
        return y, not_y
    return y + smoothing * (0.5 - y), not_y + smoothing * (y - 0.5)


def expected(t: Floats, if_1: Floats, not_t: Floats, if_0: Floats) -> Floats:
    """Return t · ℓ(1) + (1 − t) · ℓ(0): what a loss is on average over a soft label."""
    return times(t, if_1) + times(not_t, if_0)


def smooth(t: Floats, smoothing: float, classes: int) -> Floats:
    """Return t(1 − ε) + ε/K."""
    return t * (1.0 - smoothing) + smoothing / classes if smoothing else t


def shares(y: Floats | Labels, classes: int) -> Floats:
    """Return the n × k shares of each class: y itself, or its labels one-hot."""
    return one_hot(y.astype(np.intp), classes) if y.dtype.kind == "i" else y.astype(np.float64)


def soft_shares(y: Floats | Labels, yhat: Floats, smoothing: float) -> Floats | None:
    """Return the n × k smoothed shares of each class, None where each row has one label."""
    if y.ndim < yhat.ndim and not smoothing:
        return None
    classes = yhat.shape[-1]
    return smooth(shares(y, classes), smoothing, classes)


def away(p: Floats, t: Floats, smoothing: float, classes: int) -> Floats:
    """Return p − (t(1 − ε) + ε/K), without the rounding of the smoothed share."""
    if not smoothing:
        return p - t
    ratio = smoothing / classes
    whole, fault = times_exactly(np.array(ratio), float(classes))
    pulled, slack = times_exactly(t, smoothing)
    terms = (p, -t, pulled, -ratio, slack, -((smoothing - whole) - fault) / classes)
    total, error = np.zeros_like(p), np.zeros_like(p)
    for term in terms:
        total, rounding = plus_exactly(total, term)
        error += rounding
    return total + error


def plus_exactly(a: Floats, b: Floats | float) -> tuple[Floats, Floats]:
    """Return a + b and its rounding error (Knuth)."""
    total = a + b
    shadow = total - a
    return total, (a - (total - shadow)) + (b - shadow)


def times_exactly(a: Floats, b: Floats | float) -> tuple[Floats, Floats]:
    """Return a · b and its rounding error (Dekker), for factors below 2⁹⁹⁶."""
    product = a * b
    high_a, high_b = SPLIT * a, SPLIT * b
    high_a, high_b = high_a - (high_a - a), high_b - (high_b - b)
    low_a, low_b = a - high_a, b - high_b
    error = high_a * high_b - product + high_a * low_b + low_a * high_b + low_a * low_b
    return product, error


SPLIT = 2.0**27 + 1.0
