"""Bootstrap intervals: rows, or clusters, drawn again with replacement, corrected as BCa.

The draws are those of ``scipy.stats.bootstrap(..., paired=True, method="BCa")`` with the same
generator, on the rows in the order of their numbers, so that the two agree. Here every row is a
line of sums (v, u, …), the value of a resample comes from how often each line was drawn, and the
jackknife from the sums without one line: linear in the rows, where the general one is quadratic.

Source: Efron, "Better bootstrap confidence intervals" (JASA, 1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.intervals import POWER, few_units, no_interval
from lossctl.kept import EXPLAINED, LIMIT, units_of
from lossctl.report import Interval, NoInterval
from lossctl.spread import Spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.kept import KeptRows
    from lossctl.losses.registry import Aggregate
    from lossctl.task import Task

    Floats = NDArray[np.float64]

SEED = 12345
RESAMPLES = 9_999
BATCH_BYTES = 1 << 24  # of the row numbers drawn at a time

# The value from sums of lines, along the last axis.
Statistic = Callable[["Floats"], "Floats"]


class Draws(NamedTuple):
    """How often to draw, and the seed of the generator."""

    resamples: int = RESAMPLES
    seed: int = SEED


DRAWS = Draws()


def bootstrap_of(
    task: Task, kept: KeptRows, level: float = 95.0, draws: Draws = DRAWS
) -> Interval | NoInterval:
    """Return the BCa interval of the value of one task, or why there is none.

    ``kept`` is what its ``Kept`` found; ``level`` is in percent.
    """
    aggregate = task.bound.loss.aggregate
    explained = aggregate in EXPLAINED
    reason = None if explained else no_interval(task)
    if reason is not None:
        return NoInterval(reason)
    if kept.nonfinite:
        return NoInterval(f"{kept.nonfinite} of the losses are not finite")
    if kept.rows > LIMIT:
        return NoInterval(f"a bootstrap keeps at most {LIMIT:,} rows, got {kept.rows:,}")
    if kept.rows < 2:
        return NoInterval(f"it takes 2 rows or more, got {kept.rows}")
    lines = units_of(kept, explained)
    clusters = kept.blocks[0].labels is not None
    n = lines.shape[1]
    if n < 2:
        return NoInterval(f"it takes 2 clusters or more, got {n}")
    with np.errstate(all="ignore"):
        lines, statistic = _statistic(aggregate, lines)
        value = float(statistic(lines.sum(axis=1)))
        jackknife = statistic(_others(lines).T)
        values = resample(lines, statistic, draws)
    if not (math.isfinite(value) and np.isfinite(values).all() and np.isfinite(jackknife).all()):
        return NoInterval("some resamples have no finite value: nothing is left to divide by")
    ends = bca(value, values, jackknife, level)
    if ends is None:
        return NoInterval("all resamples have the same value", value)
    se = float(np.std(values, ddof=1))
    reach = NormalDist().inv_cdf(0.5 + level / 200.0) + NormalDist().inv_cdf(POWER)
    return Interval(
        level=level,
        low=ends[0],
        high=ends[1],
        method="bootstrap",
        se=se,
        df=None,
        n_units=n,
        clusters=clusters,
        detectable=reach * se,
        seed=draws.seed,
        resamples=draws.resamples,
        warning=few_units(_drawn(jackknife, clusters), level),
    )


def _statistic(aggregate: Aggregate, lines: Floats) -> tuple[Floats, Statistic]:
    """Return the lines, centred where that keeps digits, and what makes a value of their sums."""
    if aggregate in EXPLAINED:
        biased = aggregate == "explained_variance"

        def explained(sums: Floats) -> Floats:
            w, y, yy, e, ee = np.moveaxis(sums, -1, 0)
            left = ee - e * e / w if biased else ee
            share: Floats = 1.0 - left / (yy - y * y / w)
            return share

        return lines, explained
    v, u = lines
    centre = float(u.sum() / v.sum())
    curves: dict[str, Statistic] = {"root": np.sqrt, "exp": np.exp}
    curve = curves.get(aggregate)

    def mean(sums: Floats) -> Floats:
        r: Floats = centre + sums[..., 1] / sums[..., 0]
        if curve is not None:
            r = curve(r)
        return r

    return np.stack([v, u - centre * v]), mean


def _others(lines: Floats) -> Floats:
    """Return the sums of all lines but one, for every one."""
    others: Floats = lines.sum(axis=1)[:, np.newaxis] - lines
    return others


def resample(lines: Floats, statistic: Statistic, draws: Draws) -> Floats:
    """Return the values of all resamples."""
    rng = np.random.default_rng(draws.seed)
    n = lines.shape[1]
    step = max(1, BATCH_BYTES // (8 * n))
    values = []
    for start in range(0, draws.resamples, step):
        size = min(step, draws.resamples - start)
        drawn = rng.integers(0, n, (size, n))
        drawn += np.arange(size)[:, np.newaxis] * n
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        often = counts.astype(np.float64)
        # not BLAS, whose last bits depend on the number of threads
        sums = [np.einsum("ij,j->i", often, line, optimize=False) for line in lines]
        values.append(statistic(np.stack(sums, axis=-1)))
    return np.concatenate(values)


def bca(
    value: float, values: Floats, jackknife: Floats, level: float
) -> tuple[float, float] | None:
    """Return the ends of the interval; None where nothing varies."""
    normal = NormalDist()
    n = len(jackknife)
    below = (np.count_nonzero(values < value) + np.count_nonzero(values <= value)) / 2
    pull = (n - 1) * (jackknife.mean() - jackknife)
    spread = float((pull**2).sum()) / n**2
    if not 0 < below < len(values) or not spread:
        return None
    bias = normal.inv_cdf(below / len(values))
    acceleration = float((pull**3).sum()) / n**3 / spread**1.5 / 6.0
    tail = normal.inv_cdf((1.0 - level / 100.0) / 2.0)
    ends = []
    for z in (bias + tail, bias - tail):
        share = normal.cdf(bias + z / (1.0 - acceleration * z))
        ends.append(float(np.percentile(values, 100.0 * share)))
    return ends[0], ends[1]


def _drawn(jackknife: Floats, clusters: bool) -> Spread:
    """Return what the warning goes by: the skewness of the pulls of single units."""
    pull = jackknife.mean() - jackknife
    size = float(np.mean(pull**2))
    skewness = float(np.mean(pull**3)) / size**1.5
    return Spread(Fraction(), math.sqrt(size), math.inf, 0.0, skewness, len(pull), clusters)
