"""How often it happened where p was predicted: exact sums in bins of equal width.

Intervals are Wilson's, of Kish's effective number of rows where they have weights: n for equal
weights, (Σw)²/Σw² else.

Sources: Wilson, "Probable inference, the law of succession, and statistical inference" (1927);
Kish, "Survey Sampling" (1965); Guo et al., "On calibration of modern neural networks" (2017), for
the confidence of classes and the expected calibration error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.exact import ONE, grouped_units, ratio
from lossctl.losses.domain import LOG_UNIT, LOGIT, UNIT
from lossctl.losses.logistic import sigmoid
from lossctl.pictures.records import About, Bin, Reliability, count_text, place_text, share_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]

Z = 1.959963984540054  # of a 95 % interval of the normal distribution
BINS = 10
SCORES = "margin"  # the family of losses whose predictions are scores, and no logits
FAR = 600  # powers of two by which a weight is moved whose square could overflow or vanish


class Sum(NamedTuple):
    """Of the rows of a bin: how many, and Σw, Σw·p and Σw·o in units of 2⁻²¹⁴⁸.

    Σw² is in units of 2⁻³³⁴⁸. Products are rounded each, their sums are exact.
    """

    rows: int = 0
    weight: int = 0
    squares: int = 0
    predicted: int = 0
    observed: int = 0


@dataclass(frozen=True, slots=True)
class SeenRates:
    """The sums of every bin; ``SeenRates()`` is the identity of ``+``."""

    bins: tuple[Sum, ...] = ()

    def __add__(self, other: SeenRates) -> SeenRates:
        """Add the sums bin by bin; the order does not matter."""
        if not self.bins or not other.bins:
            return self if self.bins else other
        pairs = zip(self.bins, other.bins, strict=True)
        return SeenRates(tuple(Sum(*map(sum, zip(a, b, strict=True))) for a, b in pairs))


class RateSight(NamedTuple):
    """The probe of predicted probabilities of the task at a place, in ``bins`` bins."""

    at: int
    task: Task
    bins: int = BINS

    def look(self, scores: Sequence[Scores]) -> SeenRates:
        """Return the sums of some rows; those of weight 0 are left out."""
        found = scores[self.at]
        p, happened = predicted(self.task, found)
        w = np.ones(len(p)) if found.weight is None else found.weight
        if found.weight is not None:
            counts = w > 0.0
            p, happened, w = p[counts], happened[counts], w[counts]
        inner = np.arange(1, self.bins) / self.bins
        at = np.searchsorted(inner, p)  # a bin holds its upper end, and the first one 0
        rows = np.bincount(at, minlength=self.bins).tolist()
        weight, means, rates = (grouped_units(x, at, self.bins) for x in (w, w * p, w * happened))
        columns = (rows, weight, _square_units(w, at, self.bins), means, rates)
        return SeenRates(tuple(Sum(*sums) for sums in zip(*columns, strict=True)))


def _square_units(w: Floats, at: NDArray[np.intp], bins: int) -> list[int]:
    """Return Σw² of every bin in units of 2⁻³³⁴⁸: of weights near the ends of float64 too."""
    sums = [0] * bins
    bands = ((0.0, 2.0**-400, FAR), (2.0**-400, 2.0**400, 0), (2.0**400, math.inf, -FAR))
    for low, high, moved in bands:
        band = (w >= low) & (w < high)
        if band.any():
            near = np.ldexp(w[band], moved)
            for index, units in enumerate(grouped_units(near * near, at[band], bins)):
                sums[index] += units << 2 * (FAR - moved)
    return sums


def predicted(task: Task, found: Scores) -> tuple[Floats, Floats]:
    """Return the probability of what was predicted in each row, and how far it happened.

    Of classes it is that of the likeliest one, the first where several are alike.
    """
    pred, domain = found.pred, task.bound.pred
    y = found.y
    assert y is not None
    if task.form != "classes":
        return sigmoid(pred) if domain == LOGIT else pred, np.asarray(y, dtype=np.float64)
    likeliest = np.argmax(pred, axis=1)
    top = np.take_along_axis(pred, likeliest[:, np.newaxis], axis=1)
    if domain == LOGIT:
        with np.errstate(invalid="ignore"):  # ∞ − ∞ where a logit is infinite
            gaps = np.where(pred == top, 0.0, pred - top)
        p = 1.0 / np.exp(gaps).sum(axis=1)
    else:
        p = np.exp(top[:, 0]) if domain == LOG_UNIT else top[:, 0]
    if y.ndim > 1:
        right = np.take_along_axis(y, likeliest[:, np.newaxis], axis=1)[:, 0]
        return p, np.asarray(right, dtype=np.float64)
    return p, (y == likeliest).astype(np.float64)


def has_rates(task: Task) -> bool:
    """Whether predictions are probabilities, or logits of them, of a label."""
    loss = task.bound.loss
    if loss.y is None or loss.module == SCORES:
        return False
    known = task.bound.pred in (UNIT, LOGIT, LOG_UNIT)
    return known and (task.form == "classes" or task.binary)


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share that was seen in n rows."""
    share = Z * Z / n
    middle = (rate + share / 2.0) / (1.0 + share)
    reach = Z / (1.0 + share) * math.sqrt(max(rate * (1.0 - rate), 0.0) / n + share / (4.0 * n))
    low = 0.0 if rate == 0.0 else max(0.0, middle - reach)
    return low, 1.0 if rate == 1.0 else min(1.0, middle + reach)


def reliability(task: Task, seen: SeenRates, files: Sequence[str]) -> Reliability:
    """Return the picture of what was seen."""
    whole = sum(part.weight for part in seen.bins)
    count = len(seen.bins)
    bins = []
    gap = 0.0
    for index, part in enumerate(seen.bins):
        if not part.rows or not part.weight:
            continue
        mean = ratio(part.predicted, part.weight)
        rate = ratio(part.observed, part.weight)
        effective = ratio(part.weight**2 << 2 * FAR, part.squares * ONE)
        ends = (index / count, (index + 1) / count)
        weight = ratio(part.weight, ONE)
        bins.append(Bin(*ends, part.rows, weight, mean, rate, *wilson(rate, effective), effective))
        gap += ratio(part.weight, whole) * abs(rate - mean)
    n = sum(part.rows for part in seen.bins)
    classes = task.form == "classes"
    what = "confidence in the likeliest class" if classes else "predicted probability"
    title = f"Calibration of the {what}, n = {count_text(n)}{place_text(files)}"
    pred = task.columns.pred
    named = pred[0] if len(pred) == 1 else f"{pred[0]}…{pred[-1]}"
    spec = f"{task.bound.spec}, y = {task.columns.y[0]}, ŷ = {named}"
    return Reliability(About(title, _words(bins, gap, classes), spec), n, classes, tuple(bins), gap)


def _words(bins: Sequence[Bin], gap: float, classes: bool) -> str:
    what = "the share that is right" if classes else "what happened"
    off = [part for part in bins if not part.lower <= part.mean <= part.upper]
    text = (
        f"On average, {what} differs from what was predicted by {share_text(gap)} "
        f"(expected calibration error, {len(bins)} bins). "
    )
    if not off:
        return text + "In every bin, the 95 % interval holds the mean prediction."
    worst = max(off, key=lambda part: abs(part.rate - part.mean))
    side = "too low" if worst.rate > worst.mean else "too high"
    return text + (
        f"In {len(off)} of {len(bins)} bins, the 95 % interval does not hold the mean prediction; "
        f"the furthest off says {share_text(worst.mean)} where it is {share_text(worst.rate)}, "
        f"{side}."
    )
