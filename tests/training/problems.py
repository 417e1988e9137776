"""Small problems with a known optimum, found by other means than the ones under test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def features(n: int, d: int, seed: int = 20261125) -> Floats:
    """Return features of mean near 0 and deviation near 1, a little correlated."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 1.0, (n, d))
    x[:, 1:] += 0.3 * x[:, :-1]
    return x


def table(x: Floats, y: Any, **more: Any) -> dict[str, Any]:
    """Return the columns x0, x1, …, y and others."""
    return {f"x{j}": x[:, j].copy() for j in range(x.shape[1])} | {"y": y} | more


def linear(n: int = 400, d: int = 4, noise: float = 0.5) -> tuple[Floats, Floats]:
    """Return features, and a target that is linear in them but for heavy-tailed noise."""
    rng = np.random.default_rng(7)
    x = features(n, d)
    y = 1.0 + x @ np.linspace(-1.0, 1.5, d) + noise * rng.standard_t(3.0, n)
    return x, y


def binary(n: int = 400, d: int = 3) -> tuple[Floats, Floats]:
    """Return features, and labels 0 and 1 that no plane tells apart."""
    rng = np.random.default_rng(11)
    x = features(n, d)
    p = 1.0 / (1.0 + np.exp(-(x @ np.linspace(0.5, -1.0, d) + 0.3)))
    return x, (rng.uniform(size=n) < p).astype(float)


def classes(n: int = 500, d: int = 3, k: int = 3) -> tuple[Floats, NDArray[np.int64]]:
    """Return features, and labels 0 … k − 1 that overlap."""
    rng = np.random.default_rng(13)
    x = features(n, d)
    scores = x @ rng.normal(0.0, 1.0, (d, k)) + rng.gumbel(size=(n, k))
    return x, scores.argmax(axis=1)


def counts(n: int = 400, d: int = 3) -> tuple[Floats, Floats]:
    """Return features, and counts whose logarithm is linear in them on average."""
    rng = np.random.default_rng(17)
    x = features(n, d)
    return x, rng.poisson(np.exp(0.4 + x @ np.linspace(-0.4, 0.5, d))).astype(float)
