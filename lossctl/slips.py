"""The usual slips in code that writes gradients, and which of them explains a column.

A slip is a base, such as the closed form or the one with the weights left out, times a factor,
such as −1, 2 or 1/n. For every base one range of factors is kept that explains all rows so far,
each row within its tolerance; a slip is named where its factor lies in the range that is left at
the end. The ranges are extremes, so the order of the rows makes no difference.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.checks import Of, Slip
from lossctl.losses import find
from lossctl.losses.logistic import sigmoid
from lossctl.losses.rows import one_hot, row_sum
from lossctl.values import ORDERED, gradient_of, weighted_slope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lossctl.passes import Whole
    from lossctl.scoring import Scores
    from lossctl.task import Task

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]

ALMOST = 1e-2  # a constant factor nearer to 1 is a difference of digits
SLIP_RTOL = 1e-4  # how near to a factor a row must be for the factor to be named
FAINT = 1e-3  # entries below this share of the median size say little about a factor


class Rule(NamedTuple):
    """Tolerances, the median size of the closed form, and how many rows to show."""

    of: Of
    rtol: float
    atol: float
    given_atol: float
    size: float
    top: int


def within(found: Floats, wanted: Floats, atol: float, slack: Floats) -> Flags:
    """Return which entries agree; an infinite one only with the same infinity."""
    with np.errstate(all="ignore"):
        near = np.abs(found - wanted) <= atol + slack
    finite = np.isfinite(found) & np.isfinite(wanted)
    flags: Flags = (near & finite) | (found == wanted)
    return flags


class Range(NamedTuple):
    """The factors that explain all entries so far, and how many entries no factor can."""

    low: float = -math.inf
    high: float = math.inf
    stray: int = 0
    used: int = 0

    def join(self, other: Range) -> Range:
        """Return what explains the entries of both."""
        return Range(
            max(self.low, other.low),
            min(self.high, other.high),
            self.stray + other.stray,
            self.used + other.used,
        )


def range_of(found: Floats, base: Floats, rule: Rule) -> Range:
    """Return the factors f for which found = f·base, each entry within its tolerance."""
    with np.errstate(all="ignore"):
        same = found == base  # two infinities too
        used = np.isfinite(found) & np.isfinite(base) & (np.abs(base) > FAINT * rule.size)
        faint = np.isfinite(found) & np.isfinite(base) & ~used & (base != 0.0)
        still = (base == 0.0) & (np.abs(found) <= rule.atol)
        stray = int(np.count_nonzero(~(same | used | faint | still)))
        if not used.any():
            return Range(stray=stray)
        x, b = found[used], base[used]
        slack = rule.given_atol + max(SLIP_RTOL, rule.rtol) * np.abs(x)
        ends = (x - slack) / b, (x + slack) / b
        low, high = np.minimum(*ends).max(), np.maximum(*ends).min()
    return Range(float(low), float(high), stray, len(x))


Base = tuple[str, "Callable[[Whole, Rule, Scores], Floats]"]


def bases_of(task: Task, rule: Rule) -> list[Base]:
    """Return the closed form, and what it turns into with a part of it forgotten."""
    bases: list[Base] = [("", _closed_form)]
    if rule.of == "value" and task.bound.loss.aggregate in ORDERED:
        return bases
    weighted = task.columns.weight is not None or task.class_weights is not None
    twin = _twin(task)
    if twin:
        bases.append((twin, _turned))
    if weighted:
        bases.append(("weights left out", _without_weights))
        if twin:
            bases.append((f"weights left out and {twin}", _turned_without_weights))
    return bases


def _closed_form(whole: Whole, rule: Rule, scores: Scores) -> Floats:
    if rule.of == "value":
        return gradient_of(whole.task, scores, whole.outcome)
    return weighted_slope(scores)


def _without_weights(whole: Whole, rule: Rule, scores: Scores) -> Floats:
    return _unweighted(whole, rule, _closed_form(whole, rule, scores._replace(weight=None)))


def _unweighted(whole: Whole, rule: Rule, g: Floats) -> Floats:
    """Return a gradient divided by n in place of Σw."""
    if rule.of == "sum":
        return g
    return g * (float(whole.state.sums.weight) / whole.state.rows)


def _turned(whole: Whole, rule: Rule, scores: Scores) -> Floats:
    slope = _turned_slope(whole.task, scores)
    return _closed_form(whole, rule, scores._replace(slope=lambda: slope))


def _turned_without_weights(whole: Whole, rule: Rule, scores: Scores) -> Floats:
    return _unweighted(whole, rule, _turned(whole, rule, scores._replace(weight=None)))


def _twin(task: Task) -> str:
    """Return what it is called when the slope is taken in the other variable of a pair."""
    name = task.bound.loss.name
    if name.endswith("_with_logits"):
        return "taken with respect to p, not to the logit"
    if name.endswith("_with_log"):
        return "taken with respect to the mean, not to its logarithm"
    if name in ("bce", "cce", "focal", "perplexity"):
        return "taken with respect to the logit, not to p"
    return "taken with respect to log ŷ, not to ŷ" if name == "poisson_nll" else ""


def _turned_slope(task: Task, scores: Scores) -> Floats:
    """Return the slope in the other variable: by the chain rule, for k classes by the other loss.

    p = σ(z) has dp/dz = p(1 − p), and a mean μ = e^z has dμ/dz = μ.
    """
    name, pred = task.bound.loss.name, scores.pred
    with np.errstate(all="ignore"):
        if name == "poisson_nll":
            return scores.slope() * pred
        if name.endswith("_with_log"):
            return scores.slope() / np.exp(pred)
        logits = name.endswith("_with_logits")
        if task.form == "elementwise":
            if logits:
                slope: Floats = scores.slope() / (sigmoid(pred) * sigmoid(-pred))
                return slope
            return scores.slope() * pred * (1.0 - pred)
        slope = scores.slope()
        if logits:
            return _class_twin(name.removesuffix("_with_logits"), task, scores, _softmax(pred))
        return pred * (slope - row_sum(pred * slope)[:, np.newaxis])


def _class_twin(name: str, task: Task, scores: Scores, pred: Floats) -> Floats:
    twin = find(name)
    params = {**twin.defaults, **task.bound.params}
    known = {key: params[key] for key in twin.defaults}
    y = scores.y
    if y is not None and y.dtype.kind == "i":
        y = one_hot(y.astype(np.intp), pred.shape[-1])
    return twin.kernel(y, pred, **known)[1]()


def _softmax(z: Floats) -> Floats:
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    shares: Floats = powers / row_sum(powers)[:, np.newaxis]
    return shares


def _factors(whole: Whole, rule: Rule, base: str) -> dict[str, float]:
    """Return the usual factors by name, those with fewer parts first."""
    task = whole.task
    n, weight = float(whole.state.rows), float(whole.state.sums.weight)
    k = float(len(task.columns.pred))
    weighted = weight != n and "weights left out" not in base
    scales = {"": 1.0, "divided by n": 1.0 / n}
    if rule.of == "sum":
        scales["multiplied by n"] = n
    elif weighted:
        scales["divided by n instead of Σw"] = weight / n
        scales["not divided by Σw"] = weight
        scales["divided by Σw"] = 1.0 / weight
    else:
        scales["not divided by n"] = n
        if weight != n:
            scales["divided by Σw"] = n / weight
    outputs = {"": 1.0}
    if k > 1.0 and task.form == "elementwise":
        outputs["divided by the number of outputs"] = 1.0 / k
        outputs["not divided by the number of outputs"] = k
    signs = {"": 1.0, "the sign is turned": -1.0}
    constants = {"": 1.0, "a factor 2": 2.0, "a factor ½": 0.5}
    found = []
    for parts in product(signs.items(), constants.items(), scales.items(), outputs.items()):
        words = [base, *(name for name, _ in parts)]
        name = " and ".join(word for word in words if word)
        found.append((len(name.split(" and ")), name, math.prod(x for _, x in parts)))
    return {
        name: factor
        for _, name, factor in sorted(found, key=lambda f: f[0])
        if name and (base or factor != 1.0)  # that is no slip
    }


def slips_of(
    whole: Whole,
    rule: Rule,
    ranges: Sequence[Range],
    sample: Sequence[tuple[Floats, ...]],
    differ: int,
    largest: float,
) -> tuple[Slip, ...]:
    """Return the slips that explain every row, else those that explain most of a sample.

    ``largest`` is the largest difference of all rows.
    """
    names = [name for name, _ in bases_of(whole.task, rule)]
    pairs = list(zip(names, ranges, strict=True))
    for base, found in pairs:
        if found.stray or not found.used or found.low > found.high:
            continue
        named = [
            name
            for name, factor in _factors(whole, rule, base).items()
            if found.low <= factor <= found.high
        ]
        if named:
            return tuple(Slip(name, differ) for name in _plainest(named))
    decimals = _decimals(sample, largest)
    if decimals is not None:
        name = f"rounded to {decimals} decimals (--atol {0.5 * 10.0**-decimals:.3g} allows for it)"
        return (Slip(name, differ),)
    for base, found in pairs:
        if not found.stray and found.used > 2 and found.low <= found.high:
            middle = (found.low + found.high) / 2
            if found.low <= 0.0 <= found.high:
                return (Slip("every entry is 0", differ),)
            if abs(middle - 1.0) < ALMOST:  # noise, and no slip
                continue
            words = [base, f"a constant factor {middle:.6g}"]
            return (Slip(" and ".join(word for word in words if word), differ),)
    return _common(whole, rule, sample, names)


def _plainest(names: Sequence[str]) -> list[str]:
    """Return the names with the fewest parts."""
    fewest = min(name.count(" and ") for name in names)
    return [name for name in names if name.count(" and ") == fewest]


def _decimals(sample: Sequence[tuple[Floats, ...]], largest: float) -> int | None:
    """Return the decimals to which the column was rounded, where that is all the difference."""
    found, closed = (np.stack([rows[at] for rows in sample]) for at in (0, 1))
    if not math.isfinite(largest):
        return None
    for decimals in range(1, 16):
        half = 0.5 * 10.0**-decimals
        if largest > 1.001 * half:
            return None
        with np.errstate(all="ignore"):
            if (np.abs(np.round(closed, decimals) - found) <= 1e-6 * half).all():
                return decimals
    return None


def _common(
    whole: Whole, rule: Rule, sample: Sequence[tuple[Floats, ...]], names: Sequence[str]
) -> tuple[Slip, ...]:
    """Return the slips that explain most of the rows looked at, where that is at least half."""
    found = np.stack([rows[0] for rows in sample])
    most, best = 0, list[str]()
    for at, base in enumerate(names, start=1):
        closed = np.stack([rows[at] for rows in sample])
        for name, factor in _factors(whole, rule, base).items():
            with np.errstate(all="ignore"):
                wanted = factor * closed
            near = within(found, wanted, rule.given_atol, SLIP_RTOL * np.abs(found))
            rows = int(np.count_nonzero((near & np.isfinite(found)).all(axis=1)))
            if rows > most:
                most, best = rows, []
            if rows == most:
                best.append(name)
    if 2 * most < len(sample) or not best:
        return ()
    return tuple(Slip(name, most) for name in _plainest(best))
