"""The best constant predictions of losses that are linear in a label, from the labels' shares.

A function for one column of labels takes the parameters and the shares of 1 and of 0; one for k
classes takes the parameters and the k shares. Both return the constants among which the best one
is: the caller tries them. Shares may be smoothed ones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossctl.losses.registry import Constant, Floats, Kernel

Params = Mapping[str, Any]
BELOW_ONE = math.nextafter(1.0, 0.0)


def either(binary: Constant | None, classes: Constant | None) -> Callable[[str], Constant | None]:
    """Return the function that gives one constant for one column, another one for k classes."""
    return lambda form: classes if form == "classes" else binary


def rate(_: Params, yes: float, no: float) -> Sequence[float]:
    """Return the base rate; below 1 where both happen."""
    return (min(yes, BELOW_ONE) if no else yes,)


def logit(params: Params, yes: float, no: float) -> Sequence[float]:
    """Return z = ln(c·t̄/(1 − t̄)), c = pos_weight."""
    return (math.log(params["pos_weight"]) + log_odds(yes, no),)


def half_log_odds(_: Params, yes: float, no: float) -> Sequence[float]:
    """Return z = ½ ln(t̄/(1 − t̄))."""
    return (0.5 * log_odds(yes, no),)


def log_odds(yes: float, no: float) -> float:
    """Return ln(yes/no), infinite where one of them is 0."""
    if not (yes and no):
        return math.inf if yes else -math.inf
    return math.log(yes) - math.log(no)


def balance(_: Params, yes: float, no: float) -> Sequence[float]:
    """Return z = 2t̄ − 1."""
    return (yes - no,)


def margins(_: Params, yes: float, no: float) -> Sequence[float]:  # noqa: ARG001 - one signature for all
    """Return the two ends of the margin: a sum of two kinked lines is lowest at a kink."""
    return (1.0, -1.0)


def decisions(params: Params, yes: float, no: float) -> Sequence[float]:  # noqa: ARG001 - one signature for all
    """Return a score on either side of the threshold, 1 and 0 where they are."""
    t = params["t"]
    above = max(1.0, math.nextafter(t, math.inf))
    return (above, min(0.0, t)) if math.isfinite(above) else (min(0.0, t),)


def best_doubt(kernel: Kernel, low: float, high: float) -> Callable[..., Sequence[float]]:
    """Return the function that finds the best constant of a focal loss between two ends.

    (1 − p)^γ · (−ln p) is convex in p for every γ ≥ 0, so the slope has one sign change, which is
    found by halving the range of floats.
    """

    def found(params: Params, yes: float, no: float) -> Sequence[float]:
        alpha = params["alpha"]
        up, down = (yes, no) if alpha is None else (yes * alpha, no * (1.0 - alpha))
        if not (up and down):
            return (high if up else low,)
        below, above = _place(low), _place(high)
        while above - below > 1:
            middle = (below + above) // 2
            at = np.full(2, _at(middle))
            slope = kernel(np.array([1.0, 0.0]), at, **params)[1]()
            if yes * slope[0] + no * slope[1] > 0.0:
                above = middle
            else:
                below = middle
        return tuple(x for x in (_at(below), _at(above)) if x not in (low, high))

    return found


def _place(x: float) -> int:
    """Return where a float stands among all: a whole number that rises with it."""
    bits = int(np.array(x).view(np.int64))
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _at(place: int) -> float:
    size = float(np.array(abs(place), dtype=np.int64).view(np.float64))
    return size if place >= 0 else -size


def frequencies(params: Params, shares: Floats) -> Floats:
    """Return p = t̄; with eps, the rarest classes may better be left at 0 and be clipped."""
    p: Floats = shares / shares.sum()
    if not params.get("eps"):
        return p.reshape(1, -1)
    order = np.argsort(shares, kind="stable")
    rows = np.repeat(shares[np.newaxis], len(shares), axis=0)
    for dropped in range(1, len(shares)):
        rows[dropped, order[:dropped]] = 0.0
    rows = rows[rows.sum(axis=1) > 0.0]
    scaled: Floats = rows / rows.sum(axis=1, keepdims=True)
    return scaled


def log_frequencies(_: Params, shares: Floats) -> Floats:
    """Return ln t̄, which serves as log-probabilities and as logits."""
    logs: Floats = np.minimum(np.log(shares / shares.sum()), 0.0)[np.newaxis]
    return logs


def majority(_: Params, shares: Floats) -> Floats:
    """Return 1 for the most frequent class, the first of a tie, and 0 for the others."""
    scores = np.zeros((1, len(shares)))
    scores[0, int(np.argmax(shares))] = 1.0
    return scores


def majority_or_none(params: Params, shares: Floats) -> Floats:
    """Return the majority, and scores that are all equal: better where no class has half."""
    return np.concatenate([majority(params, shares), np.zeros((1, len(shares)))])
