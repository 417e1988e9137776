"""Losses of a score and its margin. A label is −1 or 1, or 0 to 1, where 0 is read as −1.

A soft label stands for the loss expected under it, Σₖ tₖ ℓ(k).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.laws.oracles.core import Exact, Real, mp, oracle, power, shares, smoothed, term


def _positive(y: Real, smoothing: Real) -> Real:
    return smoothed(max(y, mp.zero), smoothing, 2)


@oracle
def hinge(y: Real, z: Real, label_smoothing: Real = mp.zero) -> Exact:
    t = _positive(y, label_smoothing)
    return Exact(
        [term(t, max(mp.zero, 1 - z)), term(1 - t, max(mp.zero, 1 + z))],
        [[-t if z < 1 else mp.zero, 1 - t if z > -1 else mp.zero]],
    )


@oracle
def squared_hinge(y: Real, z: Real, label_smoothing: Real = mp.zero) -> Exact:
    t = _positive(y, label_smoothing)
    yes, no = max(mp.zero, 1 - z), max(mp.zero, 1 + z)
    return Exact([term(t, yes**2), term(1 - t, no**2)], [[term(-2 * t, yes), term(2 - 2 * t, no)]])


@oracle
def exponential(y: Real, z: Real, label_smoothing: Real = mp.zero) -> Exact:
    t = _positive(y, label_smoothing)
    yes, no = term(t, power(-z)), term(1 - t, power(z))
    return Exact([yes, no], [[-yes, no]])


def _hinges(y: Any, z: list[Real], smoothing: Real, margin: Callable[..., Any]) -> Exact:
    """Return Σₖ tₖ max(0, 1 + m − zₖ), where ``margin`` gives m of the other scores."""
    value = [mp.zero]
    slopes = [[mp.zero, mp.zero] for _ in z]  # as the label, and as the rival of labels
    for k, t in enumerate(shares(y, smoothing, len(z))):
        rival = max((j for j in range(len(z)) if j != k), key=lambda j: (z[j], -j))
        against, pulls = margin(z[rival])
        cost = 1 + against - z[k]
        if t and cost > 0:
            value.append(t * cost)
            slopes[k][0] -= t
            slopes[rival][1] += t if pulls else 0
    return Exact(value, slopes)


@oracle
def categorical_hinge(y: Any, z: list[Real], label_smoothing: Real = mp.zero) -> Exact:
    return _hinges(y, z, label_smoothing, lambda top: (max(mp.zero, top), top > 0))


@oracle
def multiclass_hinge(y: Any, z: list[Real], label_smoothing: Real = mp.zero) -> Exact:
    return _hinges(y, z, label_smoothing, lambda top: (top, True))


@oracle
def zero_one(y: Any, yhat: Any, t: Real, label_smoothing: Real = mp.zero) -> Exact:
    if isinstance(yhat, list):
        top = max(range(len(yhat)), key=lambda j: (yhat[j], -j))
        rest = shares(y, label_smoothing, len(yhat))
        rest[top] = mp.zero
        return Exact(rest, [[mp.zero] for _ in yhat])
    yes = smoothed(y, label_smoothing, 2)
    return Exact([1 - yes if yhat > t else yes], [[mp.zero]])
