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
    pulled, slack = times_exactly(y, smoothing)
    return (
        total_of(y, 0.5 * smoothing, -pulled, -slack),
        total_of(1.0 - np.zeros_like(y), -y, -0.5 * smoothing, pulled, slack),
    )


def sure(y: Floats, smoothing: float) -> NDArray[np.bool_] | None:
    """Return which labels are 1 where all are 0 or 1 and stay so, else None: half of the work."""
    yes: NDArray[np.bool_] = y == 1.0
    hard = not smoothing and bool((yes | (y == 0.0)).all())
    return yes if hard else None


def expected(t: Floats, if_1: Floats, not_t: Floats, if_0: Floats) -> Floats:
    """Return t · ℓ(1) + (1 − t) · ℓ(0): what a loss is on average over a soft label."""
    return times(t, if_1) + times(not_t, if_0)


def smooth(t: Floats, smoothing: float, classes: int) -> Floats:
    """Return t(1 − ε) + ε/K."""
    return smooth_exactly(t, smoothing, classes)[0] if smoothing else t


def smooth_exactly(t: Floats, smoothing: float, classes: int) -> tuple[Floats, Floats]:
    """Return t(1 − ε) + ε/K and its low part."""
    return _sum_of(*_smoothed(t, smoothing, classes))


def _smoothed(
    t: Floats, smoothing: float, classes: int
) -> tuple[Floats, Floats, float, Floats, float]:
    """Return terms whose sum is t(1 − ε) + ε/K, to twice the precision."""
    pulled, slack = times_exactly(t, smoothing)
    each = smoothing / classes
    whole, error = times_exactly(np.array(each), float(classes))
    rest = float((smoothing - whole) - error) / classes
    return t, -pulled, each, -slack, rest


def shares(y: Floats | Labels, classes: int) -> Floats:
    """Return the n × k shares of each class: y itself, or its labels one-hot."""
    return one_hot(y.astype(np.intp), classes) if y.dtype.kind == "i" else y.astype(np.float64)


def soft_shares(y: Floats | Labels, yhat: Floats, smoothing: float) -> Floats | None:
    """Return the n × k smoothed shares of each class, None where each row has one label."""
    if y.ndim < yhat.ndim and not smoothing:
        return None
    classes = yhat.shape[-1]
    return smooth(shares(y, classes), smoothing, classes)


def certain(t: Floats) -> NDArray[np.bool_]:
    """Return which rows of shares give all to one class."""
    ones: NDArray[np.bool_] = (t == 1.0).any(axis=-1) & (np.count_nonzero(t, axis=-1) == 1)
    return ones


def away(p: Floats, t: Floats, smoothing: float, classes: int) -> tuple[Floats, Floats]:
    """Return p − (t(1 − ε) + ε/K) and its low part."""
    if not smoothing:
        return plus_exactly(p, -t)
    return _sum_of(p, *(-term for term in _smoothed(t, smoothing, classes)))


def total_of(first: Floats, *terms: Floats | float) -> Floats:
    """Return the sum of terms as if it were rounded once."""
    return _sum_of(first, *terms)[0]


def _sum_of(first: Floats, *terms: Floats | float) -> tuple[Floats, Floats]:
    """Return the sum of terms and its low part: errors, and errors of errors, are kept.

    Source: Ogita, Rump and Oishi, "Accurate sum and dot product" (2005), SumK.
    """
    total, errors, rest = first, np.zeros_like(first), np.zeros_like(first)
    for term in terms:
        total, error = plus_exactly(total, term)
        errors, error = plus_exactly(errors, error)
        rest += error
    total, error = plus_exactly(total, errors)
    rest += error
    result = total + rest
    return result, (total - result) + rest


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


def square_exactly(a: Floats) -> tuple[Floats, Floats]:
    """Return a² and its rounding error, for numbers below 2⁹⁹⁶."""
    square = a * a
    high = SPLIT * a
    high -= high - a
    low = a - high
    return square, (high * high - square) + (high + high) * low + low * low


SPLIT = 2.0**27 + 1.0
