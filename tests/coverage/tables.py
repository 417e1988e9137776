"""The simulations: each returns counts, which the tables show as shares of the sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lossctl.flips import p_of
from lossctl.intervals import COCHRAN, EQUAL, FEW_CLUSTERS, FEW_DF, POWER
from tests.coverage.data import KINDS, Kind, Sets, draw
from tests.coverage.figures import Spreads, spreads_of

Floats = NDArray[np.float64]

BATCH = 3_000_000  # units that are drawn at a time
LEVELS = (0.01, 0.05, 0.1, 0.5)
MARGIN = 0.05
ABSOLUTE = 0.25


class Covered(NamedTuple):
    """How many intervals hold the truth, how many are warned of, and the mean of df."""

    name: str
    design: str
    n: int
    sets: int
    covered: int
    warned: int
    df: float


def batches(design: str, kinds: tuple[Kind, ...], n: int, sets: int, seed: int) -> Iterator[Sets]:
    """Yield data sets, a few at a time."""
    rng = np.random.default_rng([seed, n, len(design)])
    step = max(1, BATCH // n)
    for start in range(0, sets, step):
        yield draw(rng, design, kinds, (min(step, sets - start), n))


def warned(found: Spreads, n: int, clusters: bool) -> NDArray[np.bool_]:
    """Return where ``intervals.few_units`` warns, or there is no interval."""
    skewed = (n - 2) ** 2 < COCHRAN * found.skewness**2 * (n - 1)
    unequal = (found.shared > EQUAL) & (found.df < FEW_DF)
    few = clusters and n < FEW_CLUSTERS
    return skewed | unequal | few | ~(found.se > 0.0)


def coverage(design: str, n: int, sets: int, seed: int = 1) -> list[Covered]:
    """Return how often 95 % intervals hold the true mean, and that of rmse its root."""
    counts: dict[str, list[float]] = {}
    for batch in batches(design, KINDS, n, sets, seed):
        for kind, u in zip(KINDS, batch.u, strict=True):
            found = spreads_of(batch.v, [u], [1.0], batch.rows)
            reach = found.reach(0.975)
            hits = {kind.name: np.abs(found.theta - kind.mean) <= reach}
            if kind.name == "squared error":
                root = np.sqrt(found.theta)
                hits["root of squared error"] = np.abs(root - 1.0) <= reach / (2.0 * root)
            warnings = int(warned(found, n, design == "clustered").sum())
            for name, hit in hits.items():
                into = counts.setdefault(name, [0, 0, 0.0])
                into[0] += int((hit & (found.se > 0.0)).sum())
                into[1] += warnings
                into[2] += float(found.df.sum())
    return [
        Covered(name, design, n, sets, int(hit), int(warning), df / sets)
        for name, (hit, warning, df) in counts.items()
    ]


def pairs(rng: np.random.Generator, kind: Kind, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return losses a and b of one distribution whose errors have much in common."""
    common = rng.standard_normal(shape)
    x, y = (0.8 * common + 0.6 * rng.standard_normal(shape) for _ in range(2))
    return kind.losses(x), kind.losses(y)


class Passed(NamedTuple):
    """How many candidates pass a margin that they are exactly at, and a little beyond."""

    name: str
    margin: str
    n: int
    sets: int
    at: int
    beyond: int


def noninferiority(kind: Kind, n: int, sets: int, seed: int = 2) -> list[Passed]:
    """Return how often an upper bound at one-sided 5 % lies below 0 where θ is 0 or more."""
    rng = np.random.default_rng([seed, n, len(kind.name)])
    ones = np.ones((sets, n))
    a, b = pairs(rng, kind, (sets, n))
    rows = []
    for name, share, absolute in (("5 % of L_a", MARGIN, 0.0), ("0.25", 0.0, ABSOLUTE)):
        passed = []
        for excess in (0.0, 0.2 * kind.mean * MARGIN):
            shift = share * kind.mean + absolute + excess
            found = spreads_of(ones, [a, b + shift], [-(1.0 + share), 1.0])
            passed.append(int((found.theta - absolute + found.reach(0.95) < 0.0).sum()))
        rows.append(Passed(kind.name, name, n, sets, *passed))
    return rows


class Uniform(NamedTuple):
    """The share of p-values below some levels, and their distance from a uniform distribution."""

    name: str
    test: str
    n: int
    sets: int
    below: tuple[float, ...]
    distance: float


def null(kind: Kind, n: int, sets: int, seed: int = 3, flips: int = 999) -> list[Uniform]:
    """Return the p-values of two equally good predictions, by t and by sign flips."""
    rng = np.random.default_rng([seed, n, len(kind.name)])
    a, b = pairs(rng, kind, (sets, n))
    found = spreads_of(np.ones((sets, n)), [a, b], [-1.0, 1.0])
    by_t = 2.0 * stats.t.sf(np.abs(found.theta) / found.se, n - 1)
    by_flips = np.array([p_of(line, flips, at) for at, line in enumerate(b - a)])
    return [
        Uniform(
            kind.name,
            test,
            n,
            sets,
            tuple(float(np.mean(p <= level)) for level in LEVELS),
            float(stats.kstest(p, "uniform").statistic),
        )
        for test, p in (("t", by_t), ("sign flips", by_flips))
    ]


class Detected(NamedTuple):
    """How many sets show a difference of just the size that the rows are said to show."""

    name: str
    design: str
    n: int
    sets: int
    found: int


def detected(kind: Kind, design: str, n: int, sets: int, seed: int = 4) -> Detected:
    """Return how often a value that is off by the detectable difference is told from a number.

    The difference is the mean of what the sets say themselves.
    """
    shown = 0
    for batch in batches(design, (kind,), n, sets, seed):
        found = spreads_of(batch.v, batch.u, [1.0], batch.rows)
        reach = found.reach(0.975)
        size = float(np.mean(reach + found.reach(POWER)))
        shown += int((np.abs(found.theta + size - kind.mean) > reach).sum())
    return Detected(kind.name, design, n, sets, shown)
