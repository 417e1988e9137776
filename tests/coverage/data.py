"""Simulated losses of independent units: rows, weighted rows, or clusters of rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ICC = 0.3  # share of the variance that the rows of a cluster have in common
SIZES, SHARES = (1, 2, 5, 10), (0.4, 0.3, 0.2, 0.1)  # of clusters


class Kind(NamedTuple):
    """Losses made of a standard normal error, and their true mean."""

    name: str
    mean: float

    def losses(self, x: Floats) -> Floats:
        """Return the losses."""
        if self.name == "normal":
            return 5.0 + x
        if self.name == "squared error":
            return x * x
        if self.name in SIGMAS:
            made: Floats = np.exp(SIGMAS[self.name] * x)
            return made
        return (x > QUANTILES[self.name]).astype(np.float64)


SIGMAS = {"lognormal, σ = 0.75": 0.75, "lognormal, σ = 1": 1.0}
QUANTILES = {"0/1, p = 0.3": 0.5244005127080407, "0/1, p = 0.1": 1.2815515655446004}
KINDS = (
    Kind("normal", 5.0),
    Kind("squared error", 1.0),
    *(Kind(name, math.exp(sigma**2 / 2.0)) for name, sigma in SIGMAS.items()),
    Kind("0/1, p = 0.3", 0.3),
    Kind("0/1, p = 0.1", 0.1),
)
# Weights: none, uniform from 0.2 to 2, exponential; or clusters of the sizes above.
DESIGNS = ("plain", "weighted", "very unequal weights", "clustered")


class Sets(NamedTuple):
    """Σw and Σwℓ of every unit (sets × n), a u for each kind; ``rows`` are those of a cluster."""

    v: Floats
    u: tuple[Floats, ...]
    rows: Floats | None = None


def draw(
    rng: np.random.Generator, design: str, kinds: tuple[Kind, ...], shape: tuple[int, int]
) -> Sets:
    """Return data sets of one design; the kinds are made of the same errors."""
    if design == "clustered":
        return _clustered(rng, kinds, shape)
    x = rng.standard_normal(shape)
    if design == "plain":
        v = np.ones(shape)
    elif design == "weighted":
        v = rng.uniform(0.2, 2.0, shape)
    else:
        v = rng.standard_exponential(shape)
    return Sets(v, tuple(v * kind.losses(x) for kind in kinds))


def _clustered(rng: np.random.Generator, kinds: tuple[Kind, ...], shape: tuple[int, int]) -> Sets:
    sizes = rng.choice(SIZES, shape, p=SHARES)
    flat = sizes.ravel()
    starts = np.cumsum(flat) - flat
    common = np.repeat(math.sqrt(ICC) * rng.standard_normal(flat.size), flat)
    x = common + math.sqrt(1.0 - ICC) * rng.standard_normal(common.size)
    u = (np.add.reduceat(kind.losses(x), starts).reshape(shape) for kind in kinds)
    rows = sizes.astype(np.float64)
    return Sets(rows, tuple(u), rows)
