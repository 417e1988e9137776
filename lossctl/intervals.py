"""Confidence intervals of values and of differences: t for means, the delta method for the rest.

A value φ(r) has the standard error |φ'(r)| times that of r (delta method), a difference of two
values that of the same combination of their losses, row by row. Power is 80 % throughout.

Sources: Oehlert, "A note on the delta method" (American Statistician, 1992); Cochran, "Sampling
Techniques" (1977), for ratios and for the rule on skewness; Miller, "Adding error bars to evals"
(2024), for pairs and clusters in the evaluation of models.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from lossctl.exact import ratio
from lossctl.report import Interval, NoInterval
from lossctl.spread import spread_of
from lossctl.values import ORDERED, curve_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.parts import Part
    from lossctl.spread import Spread
    from lossctl.task import Task

POWER = 0.8
COCHRAN = 25.0  # n · so many times the squared skewness are enough for a 95 % interval
FEW_DF = 4.0  # degrees of freedom; below it unequal weights leave too few rows that count
EQUAL = 1e-9  # δ of weights that are equal but for rounding
FEW_CLUSTERS = 10  # below it nothing tells whether their sums are near normal


class Difference(NamedTuple):
    """L_b − L_a: its two-sided interval at ``level`` percent, and the p of t for no difference."""

    estimate: float
    se: float
    df: float
    p: float
    level: float
    low: float
    high: float
    n_units: int
    clusters: bool
    detectable: float
    warning: str | None = None


class Margin(NamedTuple):
    """How far b may be above a: by a share of |L_a|, and by a number. Below where negative."""

    relative: float = 0.0
    absolute: float = 0.0


class Theta(NamedTuple):
    """θ = L_b − L_a − margin, with one-sided bounds, each at confidence 1 − ``alpha``.

    θ < 0 is shown at ``alpha`` where ``upper`` < 0 (``p_below`` < alpha), θ > 0 where ``lower`` > 0
    (``p_above`` < alpha). ``needed`` is how many rows (or clusters) would show the sign of this θ
    in 80 of 100 samples; None where θ is 0.
    """

    estimate: float
    se: float
    df: float
    alpha: float
    lower: float
    upper: float
    p_below: float
    p_above: float
    needed: int | None
    n_units: int
    clusters: bool
    warning: str | None = None


def interval_of(task: Task, part: Part, level: float = 95.0) -> Interval | NoInterval:
    """Return the interval of the value of one task, or why there is none.

    ``part`` is what its ``Variation`` found; ``level`` is in percent.
    """
    found = _spread((task,), part, Margin())
    if isinstance(found, NoInterval):
        return found
    if not found.se:
        return NoInterval(_constant(task, found), _rounded(found.theta))
    value = _rounded(found.theta)
    reach = found.reach(1.0 - _alpha(level) / 2.0)
    method = "t" if task.bound.loss.aggregate == "mean" else "delta"
    return Interval(
        level=level,
        low=value - reach,
        high=value + reach,
        method=method,
        se=found.se,
        df=found.df,
        n_units=found.n,
        clusters=found.clusters,
        detectable=reach + found.reach(POWER),
        warning=few_units(found, level),
    )


def difference_of(
    tasks: tuple[Task, Task], part: Part, level: float = 95.0
) -> Difference | NoInterval:
    """Return the interval of L_b − L_a of two tasks over the same rows, or why there is none."""
    found = _spread(tasks, part, Margin())
    if isinstance(found, NoInterval):
        return found
    estimate = _rounded(found.theta)
    if not found.se:
        return NoInterval("the two losses differ by the same amount in every row", estimate)
    reach = found.reach(1.0 - _alpha(level) / 2.0)
    return Difference(
        estimate=estimate,
        se=found.se,
        df=found.df,
        p=2.0 * found.probability(-abs(estimate)),
        level=level,
        low=estimate - reach,
        high=estimate + reach,
        n_units=found.n,
        clusters=found.clusters,
        detectable=reach + found.reach(POWER),
        warning=few_units(found, level),
    )


def theta_of(
    tasks: tuple[Task, Task], part: Part, margin: Margin, alpha: float = 0.05
) -> Theta | NoInterval:
    """Return θ = L_b − L_a − s·|L_a| − d for a margin of s and d, or why nothing is known of it."""
    found = _spread(tasks, part, margin)
    if isinstance(found, NoInterval):
        return found
    estimate = _rounded(found.theta)
    if not found.se:
        why = "the two losses differ in the same way in every row"
        return NoInterval(why, estimate, certain=True)
    reach = found.reach(1.0 - alpha)
    needed = None
    if estimate:
        factor = (reach + found.reach(POWER)) / abs(estimate)
        needed = math.ceil(min(found.n * factor**2, 1e18))
    return Theta(
        estimate=estimate,
        se=found.se,
        df=found.df,
        alpha=alpha,
        lower=estimate - reach,
        upper=estimate + reach,
        p_below=found.probability(estimate),
        p_above=found.probability(-estimate),
        needed=needed,
        n_units=found.n,
        clusters=found.clusters,
        warning=few_units(found, 100.0 * (1.0 - 2.0 * alpha)),
    )


def few_units(found: Spread, level: float) -> str | None:
    """Return a line where so few units with such losses are covered less often than is said.

    The rule n < 25·G₁² takes G₁ = g₁ √(n(n − 1))/(n − 2) of the skewness g₁.
    """
    n = found.n
    what = f"{n} clusters" if found.clusters else f"{n} rows"
    says = f"such {level:g} % intervals cover less often than they say"
    if n > 2 and (n - 2) ** 2 < COCHRAN * found.skewness**2 * (n - 1):  # false for NaN
        return f"{what} are few for losses this skewed: {says}"
    if found.shared > EQUAL and found.df < FEW_DF:
        return f"{what} of such unequal weight are few: {says}"
    return f"{what} are few: {says}" if found.clusters and n < FEW_CLUSTERS else None


def no_interval(task: Task) -> str | None:
    """Return why the value of a task has no interval from sums, None where it may have one."""
    loss = task.bound.loss
    if task.whole:
        return "a column that is one distribution is no sample of rows"
    if loss.aggregate in ORDERED:
        return f"{loss.name} is the error of single rows, no mean"
    if loss.aggregate in ("r2", "explained_variance"):
        return f"{loss.name} is no mean; --ci-method bootstrap gives it an interval"
    return None


def _spread(tasks: Sequence[Task], part: Part, margin: Margin) -> Spread | NoInterval:
    """Return the spread of the value, or of the difference; θ is that of the values."""
    for task in tasks:
        reason = no_interval(task)
        if reason is not None:
            return NoInterval(reason)
    sums = part.settled()
    if sums.nonfinite:
        rows = "1 loss is" if sums.nonfinite == 1 else f"{sums.nonfinite} losses are"
        return NoInterval(f"{rows} not finite")
    what = "clusters" if sums.clusters else "rows"
    if sums.rows < 2:
        return NoInterval(f"it takes 2 {what} or more, got {sums.rows}")
    weight, *losses = sums.first
    if not weight.mantissa:
        return NoInterval("all that the losses are divided by is 0")
    curves = []
    for task, loss in zip(tasks, losses, strict=True):
        curve = curve_of(task.bound.loss.aggregate, loss.over(weight))
        if curve is None:
            why = "the value is beyond float64" if loss.mantissa else "a root of 0 has no slope"
            return NoInterval(why, None if any(loss.mantissa for loss in losses) else 0.0)
        curves.append(curve)
    factors = _factors([value for value, _ in curves], margin)
    slopes = [factor * slope for factor, (_, slope) in zip(factors, curves, strict=True)]
    found = spread_of(sums, slopes)
    theta = sum((f * value for f, (value, _) in zip(factors, curves, strict=True)), Fraction())
    theta -= Fraction(margin.absolute)
    if found.alone:
        return NoInterval(f"one of the {what} has all the weight", _rounded(theta))
    return found._replace(theta=theta)


def _factors(values: Sequence[Fraction], margin: Margin) -> list[Fraction]:
    """Return what the values are multiplied by in θ."""
    if len(values) == 1:
        return [Fraction(1)]
    share = Fraction(margin.relative)
    return [-(1 + (share if values[0] >= 0 else -share)), Fraction(1)]


def _constant(task: Task, found: Spread) -> str:
    what = "clusters" if found.clusters else "rows"
    same = "ratios" if task.bound.loss.aggregate == "ratio" else "losses"
    return f"all {same} are equal: these {what} do not say how much others would vary"


def _rounded(x: Fraction) -> float:
    return ratio(x.numerator, x.denominator)


def _alpha(level: float) -> float:
    return float((100 - Fraction(str(level))) / 100)
