"""Labels as shares: hard labels, soft labels, and labels that were smoothed."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lossctl.losses.domain import UNIT, Interval
from lossctl.losses.registry import Floats
from lossctl.losses.rows import one_hot

Labels = NDArray[np.intp]
Smoothing = Annotated[float, UNIT]
Clip = Annotated[float, Interval(0.0, 0.5, "left")]


def sides(y: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """Return t = y(1 − ε) + ε/2 and 1 − t, each without the rounding of the other."""
    not_y = 1.0 - y
    if not smoothing:
        return y, not_y
    return y + smoothing * (0.5 - y), not_y + smoothing * (y - 0.5)


def smooth(t: Floats, smoothing: float, classes: int) -> Floats:
    """Return t(1 − ε) + ε/K."""
    return t * (1.0 - smoothing) + smoothing / classes if smoothing else t


def shares(y: Floats | Labels, classes: int) -> Floats:
    """Return the n × k shares of each class: y itself, or its labels one-hot."""
    return one_hot(y.astype(np.intp), classes) if y.dtype.kind == "i" else y.astype(np.float64)
