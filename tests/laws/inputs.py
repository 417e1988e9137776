"""Inputs for any loss, made from what the registry declares of it and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossctl.losses import BoundLoss, Loss
from lossctl.losses.domain import Interval
from lossctl.losses.registry import Param

Floats = NDArray[np.float64]
Random = np.random.Generator

MAGNITUDES = (
    *(5e-324, 1e-320, 2.2250738585072014e-308, 1e-300, 1e-150, 1e-80, 1e-20, 1e-17, 1e-10, 1e-3),
    *(0.1, 1 / 3, 0.5, 0.9, 1.0, 1.5, 2.0, math.e, 10.0, 40.0, 700.0, 745.0, 1e4, 1e10, 1e150),
    *(1e200, 1e300, 1.7976931348623157e308, math.inf),
)


@dataclass(frozen=True)
class Sample:
    """Rows for a loss with its parameters."""

    bound: BoundLoss
    y: Any
    yhat: Floats

    def rows(self) -> Iterator[tuple[Any, Any]]:
        """Give the y and ŷ of each row as Python numbers or lists of them."""
        truths = [None] * len(self.yhat) if self.y is None else self.y.tolist()
        yield from zip(truths, self.yhat.tolist(), strict=True)


def edges(domain: Interval) -> Floats:
    """Return the numbers of a domain that are most likely to be got wrong."""
    near = [x for x in (domain.low, domain.high) if math.isfinite(x)]
    candidates = [
        *(sign * x for x in (0.0, *MAGNITUDES) for sign in (-1.0, 1.0)),
        *near,
        *(math.nextafter(x, side) for x in near for side in (-math.inf, math.inf)),
        *(x + sign * step for x in near for step in (1e-15, 1e-9, 1e-3) for sign in (-1, 1)),
    ]
    return np.array(sorted({x for x in candidates if x in domain}))


def typical(domain: Interval, rng: Random, size: int | tuple[int, ...]) -> Floats:
    """Return random numbers of a domain, over many magnitudes where it has them."""
    low, high = domain.low, domain.high
    if math.isfinite(low) and math.isfinite(high):
        flat = rng.uniform(low, high, size)
        from_low = low + (high - low) * 10.0 ** -rng.uniform(0.0, 18.0, size)
        from_high = high - (high - low) * 10.0 ** -rng.uniform(0.0, 18.0, size)
        kind = rng.integers(0, 4, size)
        x = np.where(kind == 0, from_low, np.where(kind == 1, from_high, flat))
    elif math.isfinite(low):
        x = low + np.exp(rng.normal(0.0, 2.0, size))
    elif math.isfinite(high):
        x = high - np.exp(rng.normal(0.0, 2.0, size))
    else:
        x = rng.normal(0.0, 1.0, size) * 10.0 ** rng.uniform(-2.0, 2.5, size)
    inside = np.clip(x, np.nextafter(low, math.inf), np.nextafter(high, -math.inf))
    return np.asarray(inside, dtype=np.float64)


def parameters(loss: Loss, rng: Random, count: int) -> Iterator[dict[str, float]]:
    """Give the defaults, then values drawn from the declared domains, now and then the default."""
    yield {param.name: param.default for param in loss.params}
    for _ in range(count if loss.params else 0):
        yield {
            param.name: float(rng.choice(_settings(param)) if rng.integers(0, 4) else param.default)
            for param in loss.params
        }


def _settings(param: Param) -> Floats:
    """Return settings of a parameter: its closed ends, and normal numbers of every magnitude."""
    found = edges(param.domain)
    sane = (np.abs(found) >= 1e-300) & (np.abs(found) <= 1e300) | (found == 0.0)
    return np.asarray(found[sane], dtype=np.float64)


def samples(loss: Loss, seed: int = 0, draws: int = 10, size: int = 60) -> Iterator[Sample]:
    """Give rows for a loss at sampled parameters: extreme and typical, hard and soft labels."""
    rng = np.random.default_rng([seed, *loss.name.encode()])
    for params in parameters(loss, rng, draws):
        bound = BoundLoss(loss, params)
        if loss.kind == "classes":
            for k in (2, *rng.integers(3, 13, 3).tolist()):
                yield from class_samples(bound, rng, k, size // 6)
        else:
            yield pairs(bound, rng, size)
    defaults = BoundLoss(loss, {param.name: param.default for param in loss.params})
    if loss.kind == "classes":
        yield from class_samples(defaults, rng, 100, 4)
    else:
        yield all_pairs(defaults)


def pairs(bound: BoundLoss, rng: Random, size: int) -> Sample:
    """Return random pairs: typical, extreme, and next to each other."""
    loss = bound.loss
    yhat = np.concatenate(
        [typical(loss.pred, rng, size), rng.choice(edges(loss.pred), size), _tens(loss, rng, size)]
    )
    if loss.y is None:
        return Sample(bound, None, yhat)
    y = np.where(
        rng.integers(0, 2, len(yhat)) == 0,
        typical(loss.y, rng, len(yhat)),
        rng.choice(edges(loss.y), len(yhat)),
    )
    if loss.labels == "binary":
        y = np.where(rng.integers(0, 3, len(y)) > 0, rng.integers(0, 2, len(y)), y)
    else:
        near = rng.integers(0, 3, len(y))
        y = np.where(near == 0, [math.nextafter(x, rng.choice([-9e9, 9e9])) for x in yhat], y)
        y = np.where(near == 1, yhat + rng.normal(0.0, 1.0, len(y)), y)
        y = np.where([x in loss.y for x in y.tolist()], y, yhat)
    return Sample(bound, y, yhat)


def _tens(loss: Loss, rng: Random, size: int) -> Floats:
    """Return numbers whose magnitude is a random power of ten, where the domain has them."""
    top = 5.0 if loss.pred.infinite else 308.0
    x = rng.choice([-1.0, 1.0], size) * 10.0 ** rng.uniform(-308.0, top, size)
    return np.where([value in loss.pred for value in x.tolist()], x, typical(loss.pred, rng, size))


def all_pairs(bound: BoundLoss) -> Sample:
    """Return every extreme y with every extreme ŷ."""
    loss = bound.loss
    yhat = edges(loss.pred)
    if loss.y is None:
        return Sample(bound, None, yhat)
    y = edges(loss.y)
    return Sample(bound, np.repeat(y, len(yhat)), np.tile(yhat, len(y)))


def class_samples(bound: BoundLoss, rng: Random, k: int, size: int) -> Iterator[Sample]:
    """Give rows of k predictions with labels, and with soft labels."""
    yhat = np.concatenate([_ordinary(bound.loss, rng, k, size), _odd(bound.loss, rng, k, size)])
    n = len(yhat)
    yield Sample(bound, rng.integers(0, k, n), yhat)
    soft = simplex(rng, k, n)
    soft[::3] = np.eye(k)[rng.integers(0, k, len(soft[::3]))]
    yield Sample(bound, soft, yhat)


def _ordinary(loss: Loss, rng: Random, k: int, size: int) -> Floats:
    if loss.simplex:
        return simplex(rng, k, size)
    scale = 10.0 ** rng.uniform(-1.0, 2.0, (size, 1))
    return np.asarray(rng.normal(0.0, 1.0, (size, k)) * scale + rng.normal(0.0, 3.0, (size, 1)))


def simplex(rng: Random, k: int, size: int, spread: float = 100.0) -> Floats:
    """Return rows of shares, from even ones to all but one-hot."""
    scale = 10.0 ** rng.uniform(-1.0, math.log10(spread), (size, 1))
    powers = np.exp(rng.normal(0.0, 1.0, (size, k)) * scale)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _odd(loss: Loss, rng: Random, k: int, size: int) -> Floats:
    """Return rows in which one or two entries are extreme, such that the row is allowed."""
    rows = _ordinary(loss, rng, k, size)
    for row in rows:
        first, second = rng.permutation(k)[:2]
        row[first] = rng.choice(edges(loss.pred))
        if loss.simplex:
            # the rest shares what is left
            others = np.delete(np.arange(k), first)
            row[others] *= (1.0 - row[first]) / row[others].sum()
            continue
        row[second] = rng.choice([row[first], -row[first], *edges(loss.pred)])
        if np.isposinf(row).sum() > 1 or np.isneginf(row).all():
            row[second] = 0.0
    return rows
