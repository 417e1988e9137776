"""Predictions that are moved into [ε, 1 − ε] before their logarithm is taken.

1 − ε is never formed: it rounds to 1 below 2⁻⁵³, and its logarithm would be off long before. A
probability above one half has an exact 1 − p, so it is 1 − p that is held against ε.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lossctl.losses.registry import Floats


def moved(p: Floats, eps: float) -> NDArray[np.bool_]:
    """Return where a probability lies outside [ε, 1 − ε]."""
    return (p < eps) | (1.0 - p < eps)


def surprise(p: Floats, eps: float = 0.0) -> Floats:
    """Return −ln p of p moved into [ε, 1 − ε]."""
    if not eps:
        return -np.log(p)
    return np.where(1.0 - p < eps, -math.log1p(-eps), -np.log(np.maximum(p, eps)))


def counter_surprise(p: Floats, eps: float = 0.0) -> Floats:
    """Return −ln(1 − p) of p moved into [ε, 1 − ε]."""
    if not eps:
        return -np.log1p(-p)
    high = 1.0 - p < eps
    return np.where(high, -math.log(eps), -np.log1p(-np.where(high, 0.5, np.maximum(p, eps))))


def unsigned(p: Floats) -> Floats:
    """Return p with 0 for −0, by which nothing should be divided."""
    return p + 0.0


def still_where_moved(slope: Floats, p: Floats, eps: float) -> Floats:
    """Return the slope, 0 where the prediction was moved: it does not move any more."""
    return np.where(moved(p, eps), 0.0, slope) if eps else slope
