"""Whether a loss has kinks: places where its slope jumps, at which smooth methods stop short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.bound import BoundLoss

    Floats = NDArray[np.float64]

REACH = 4.0  # how far around 0 it is looked at
COARSE, FINE = 4001, 400_001  # places: a slope without jumps changes a hundredth from one to next
EDGE = 0.125  # of a domain, where slopes may grow without bounds


def kinked(bound: BoundLoss) -> bool:
    """Whether the slope jumps somewhere near 0, as seen along one prediction.

    Of a smooth slope the largest change between neighbours shrinks with their distance.
    """
    coarse, fine = (_largest_change(bound, places) for places in (COARSE, FINE))
    return fine > 0.5 * coarse and fine > 0.0


def _largest_change(bound: BoundLoss, places: int) -> float:
    slope = _slope(bound, np.linspace(-REACH, REACH, places))
    with np.errstate(all="ignore"):
        changes = np.abs(np.diff(slope))
    finite = changes[np.isfinite(changes)]
    return float(finite.max()) if len(finite) else 0.0


def _slope(bound: BoundLoss, x: Floats) -> Floats:
    """Return the slope along one prediction, of a row whose truth is 1 or the first class."""
    loss = bound.loss
    domain = bound.domains(1)[0]
    x = x[domain.where(x - EDGE) & domain.where(x + EDGE)]
    if loss.roles:
        pred = np.column_stack([x, *(np.ones(len(x)) for _ in loss.roles[1:])])
        return loss.kernel(np.ones(len(x)), pred, **bound.params)[1]()[:, 0]
    if loss.kind == "classes":
        rest = 1.0 - x if loss.simplex else np.zeros(len(x))
        pred = np.stack([x, rest]).T
        labels = np.zeros(len(x), dtype=np.intp)
        return loss.kernel(labels, pred, **bound.params)[1]()[:, 0]
    return loss.kernel(np.ones(len(x)), x, **bound.params)[1]()
