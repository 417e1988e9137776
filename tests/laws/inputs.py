"""Inputs for any loss, made from what the registry declares of it and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossctl.losses import BoundLoss, Loss
from lossctl.losses.domain import LOGIT, REAL, UNIT, Choice, Domain, Interval, Union
from lossctl.losses.registry import Param

Floats = NDArray[np.float64]
Random = np.random.Generator

ONE_NUMBER = ("elementwise", "distribution")
SEVERAL_NUMBERS = ("classes", "vectors", "ensemble")
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


def parts(domain: Domain) -> tuple[Interval, ...]:
    """Return the intervals that a domain is made of."""
    return domain.parts if isinstance(domain, Union) else (domain,)


def edges(domain: Domain) -> Floats:
    """Return the numbers of a domain that are most likely to be got wrong."""
    ends = [end for part in parts(domain) for end in (part.low, part.high)]
    near = [x for x in ends if math.isfinite(x)]
    candidates = [
        *(sign * x for x in (0.0, *MAGNITUDES) for sign in (-1.0, 1.0)),
        *near,
        *(math.nextafter(x, side) for x in near for side in (-math.inf, math.inf)),
        *(x + sign * step for x in near for step in (1e-15, 1e-9, 1e-3) for sign in (-1, 1)),
    ]
    return np.array(sorted({x for x in candidates if x in domain}))


def typical(domain: Domain, rng: Random, size: int | tuple[int, ...]) -> Floats:
    """Return random numbers of a domain, over many magnitudes where it has them."""
    if isinstance(domain, Union):
        each = [typical(part, rng, size) for part in domain.parts]
        return np.asarray(np.choose(rng.integers(0, len(each), size), each))
    low, high = domain.low, domain.high
    if low == high:
        return np.full(size, low)
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


def inside(domain: Domain, x: Floats) -> NDArray[np.bool_]:
    """Return which numbers lie in a domain."""
    return np.array([value in domain for value in x.ravel().tolist()], bool).reshape(x.shape)


def parameters(loss: Loss, rng: Random, count: int) -> Iterator[dict[str, Any]]:
    """Give the defaults, then values drawn from the declared domains, now and then the default."""
    yield loss.defaults
    for _ in range(count if loss.params else 0):
        yield {
            param.name: _drawn(param, rng) if rng.integers(0, 4) else param.default
            for param in loss.params
        }


def _drawn(param: Param, rng: Random) -> Any:
    """Return a setting of a parameter: a word, a closed end, or a number of any magnitude."""
    if isinstance(param.domain, Choice):
        return str(rng.choice(param.domain.words))
    if rng.integers(0, 2):
        return float(rng.choice(_settings(param.domain)))
    return float(typical(param.domain, rng, 1)[0])


def _settings(domain: Domain) -> Floats:
    """Return the closed ends of a domain, and normal numbers of every magnitude."""
    found = edges(domain)
    sane = (np.abs(found) >= 1e-300) & (np.abs(found) <= 1e300) | (found == 0.0)
    return np.asarray(found[sane], dtype=np.float64)


def samples(loss: Loss, seed: int = 0, draws: int = 10, size: int = 60) -> Iterator[Sample]:
    """Give rows for a loss at sampled parameters: extreme and typical, hard and soft labels."""
    rng = np.random.default_rng([seed, *loss.name.encode()])
    for params in parameters(loss, rng, draws) if loss.params else [{}] * draws:
        yield from some(BoundLoss(loss, params), rng, (2, *rng.integers(3, 13, 3).tolist()), size)
    bound = BoundLoss(loss, loss.defaults)
    if loss.form(1) in ONE_NUMBER:
        yield from all_pairs(bound)
    elif loss.kind == "roles":
        yield from role_samples(bound, rng, 6 * size)
    if loss.form(2) in SEVERAL_NUMBERS:
        yield from some(bound, rng, (100,), size // 2)


def some(bound: BoundLoss, rng: Random, ks: Iterable[int], size: int) -> Iterator[Sample]:
    """Give rows of each form of a loss; where it takes any number of outputs, of k of them."""
    loss = bound.loss
    if loss.kind == "roles":
        yield from role_samples(bound, rng, size)
    elif loss.form(1) in ONE_NUMBER and 1 not in ks:
        yield from pairs(bound, rng, size)
    if loss.form(2) in SEVERAL_NUMBERS:
        for k in ks:
            yield from _SEVERAL[loss.form(2)](bound, rng, k, max(size // 6, 4))


def allowed(bound: BoundLoss, y: Any, yhat: Floats) -> Iterator[Sample]:
    """Give the rows that the rule of a loss allows, if there are any."""
    rule = bound.loss.rule
    if rule is not None:
        kept = ~rule.broken(y, yhat)
        y, yhat = None if y is None else y[kept], yhat[kept]
    if len(yhat):
        yield Sample(bound, y, yhat)


def pairs(bound: BoundLoss, rng: Random, size: int) -> Iterator[Sample]:
    """Give random pairs: typical, extreme, and next to each other."""
    pred = bound.pred
    yhat = np.concatenate(
        [typical(pred, rng, size), rng.choice(edges(pred), size), _tens(pred, rng, size)]
    )
    y = None if bound.y is None else _truths(bound, rng, yhat)
    yield from allowed(bound, y, yhat)


def _truths(bound: BoundLoss, rng: Random, yhat: Floats) -> Floats:
    """Return a truth for each prediction: typical, extreme, or close by."""
    labels, n = bound.loss.labels, len(yhat)
    domain = bound.y if labels == "real" else UNIT
    assert domain is not None
    y = np.where(rng.integers(0, 2, n) == 0, typical(domain, rng, n), rng.choice(edges(domain), n))
    if labels != "real":
        y = np.where(rng.integers(0, 3, n) > 0, rng.integers(0, 2, n), y)
        signs = labels == "signed" and rng.integers(0, 2)
        return np.where(y > 0.5, 1.0, -1.0) if signs else np.asarray(y)
    near = rng.integers(0, 3, n)
    y = np.where(near == 0, _next(yhat, rng), y)
    y = np.where(near == 1, yhat + rng.normal(0.0, 1.0, n), y)
    y = np.where(inside(domain, y), y, np.where(inside(domain, yhat), yhat, 1.0))
    return np.where(inside(domain, y), y, rng.choice(edges(domain), n))


def _next(x: Floats, rng: Random) -> Floats:
    """Return a neighbour of each number."""
    with np.errstate(over="ignore"):
        return np.asarray(np.nextafter(x, rng.choice([-math.inf, math.inf], x.shape)))


def _tens(domain: Domain, rng: Random, size: int) -> Floats:
    """Return numbers whose magnitude is a random power of ten, where the domain has them."""
    top = 5.0 if domain.infinite else 308.0
    x = rng.choice([-1.0, 1.0], size) * 10.0 ** rng.uniform(-308.0, top, size)
    return np.where(inside(domain, x), x, typical(domain, rng, size))


def all_pairs(bound: BoundLoss) -> Iterator[Sample]:
    """Give every extreme y with every extreme ŷ."""
    yhat = edges(bound.pred)
    if bound.y is None:
        yield from allowed(bound, None, yhat)
        return
    signs = [np.array([-1.0, 1.0])] if bound.loss.labels == "signed" else []
    for y in (edges(bound.y if not signs else UNIT), *signs):
        yield from allowed(bound, np.repeat(y, len(yhat)), np.tile(yhat, len(y)))


def role_samples(bound: BoundLoss, rng: Random, size: int) -> Iterator[Sample]:
    """Give rows of one y and a prediction for every role: typical, extreme, next to each other."""
    n = 3 * size
    columns = []
    for domain in bound.domains(0):
        x = np.concatenate(
            [typical(domain, rng, size), rng.choice(edges(domain), size), _tens(domain, rng, size)]
        )
        columns.append(rng.permuted(x) if rng.integers(0, 2) else x)
    yhat = np.column_stack(columns)
    close = rng.integers(0, 4, n) == 0
    neighbour = _next(yhat[:, 0], rng)
    yhat[:, -1] = np.where(close & inside(bound.domains(0)[-1], neighbour), neighbour, yhat[:, -1])
    rule = bound.loss.rule
    y = _truths(bound, rng, yhat[np.arange(n), rng.integers(0, yhat.shape[1], n)])
    if rule is not None:  # an upper below its lower
        yhat = np.where(rule.broken(y, yhat)[:, np.newaxis], yhat[:, ::-1], yhat)
    yield from allowed(bound, y, yhat)


def ensemble_samples(bound: BoundLoss, rng: Random, k: int, size: int) -> Iterator[Sample]:
    """Give rows of one y and k members: spread, close together, equal ones, and extreme ones."""
    n = 3 * size
    pred = bound.pred
    yhat = typical(pred, rng, (n, k))
    yhat[::3] = rng.choice(edges(pred), yhat[::3].shape)
    close = yhat[1::3, :1] + rng.normal(0.0, 1.0, yhat[1::3].shape) * 10.0 ** -rng.uniform(0, 9)
    yhat[1::3] = np.where(inside(pred, close), close, yhat[1::3])
    twice = rng.integers(0, 4, n) == 0
    yhat[twice] = rng.choice(yhat[twice], k, axis=1)
    every = rng.integers(0, 6, n) == 0
    yhat[every] = yhat[every, :1]
    member = rng.integers(0, k, n)
    y = _truths(bound, rng, yhat[np.arange(n), member])
    same = rng.integers(0, 4, n) == 0
    assert bound.y is not None
    there = yhat[np.arange(n), member]
    yield from allowed(bound, np.where(same & inside(bound.y, there), there, y), yhat)


def vector_samples(bound: BoundLoss, rng: Random, k: int, size: int) -> Iterator[Sample]:
    """Give pairs of vectors: any, all but parallel, all but orthogonal, of extreme numbers."""
    n = 6 * size
    domain = bound.y
    assert domain is not None
    y, yhat = (typical(domain, rng, (n, k)) for _ in range(2))
    y[1::6], yhat[1::6] = (rng.choice(edges(domain), y[1::6].shape) for _ in range(2))
    yhat[2::6] = _next(y[2::6], rng)
    yhat[3::6] = y[3::6] * rng.choice([-2.0, -0.3, 0.5, 0.1, 1.0, 1e200, 1e-200], (len(y[3::6]), 1))
    yhat[4::6] = y[4::6] * (1.0 + rng.normal(0.0, 1.0, y[4::6].shape) * 10.0 ** -rng.uniform(1, 16))
    yhat[5::6, ::2], yhat[5::6, 1::2] = 0.0, y[5::6, 1::2]
    y[5::6, 1::2] *= 1e-8
    y, yhat = (np.where(inside(domain, v), v, 1.0) for v in (y, yhat))
    yield from allowed(bound, y, yhat)


def class_samples(bound: BoundLoss, rng: Random, k: int, size: int) -> Iterator[Sample]:
    """Give rows of k predictions with labels, and with soft labels."""
    yhat = np.concatenate([_ordinary(bound, rng, k, size), _odd(bound, rng, k, size)])
    n = len(yhat)
    yield from allowed(bound, rng.integers(0, k, n), yhat)
    soft = simplex(rng, k, n)
    soft[::3] = np.eye(k)[rng.integers(0, k, len(soft[::3]))]
    yield from allowed(bound, soft, yhat)


def _ordinary(bound: BoundLoss, rng: Random, k: int, size: int) -> Floats:
    if bound.loss.simplex:
        return simplex(rng, k, size)
    if bound.pred not in (REAL, LOGIT):
        return typical(bound.pred, rng, (size, k))
    scale = 10.0 ** rng.uniform(-1.0, 2.0, (size, 1))
    return np.asarray(rng.normal(0.0, 1.0, (size, k)) * scale + rng.normal(0.0, 3.0, (size, 1)))


def simplex(rng: Random, k: int, size: int, spread: float = 100.0) -> Floats:
    """Return rows of shares, from even ones to all but one-hot."""
    scale = 10.0 ** rng.uniform(-1.0, math.log10(spread), (size, 1))
    powers = np.exp(rng.normal(0.0, 1.0, (size, k)) * scale)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _odd(bound: BoundLoss, rng: Random, k: int, size: int) -> Floats:
    """Return rows in which one or two entries are extreme, such that the row is allowed."""
    rows = _ordinary(bound, rng, k, size)
    extreme = edges(bound.pred)
    for row in rows:
        first, second = rng.permutation(k)[:2]
        row[first] = rng.choice(extreme)
        if bound.loss.simplex:
            # the rest shares what is left
            others = np.delete(np.arange(k), first)
            row[others] *= (1.0 - row[first]) / row[others].sum()
            continue
        near = [row[first], *extreme]  # a tie is as likely as not to be kept
        row[second] = rng.choice([x for x in (*near, -row[first]) if x in bound.pred])
        if bound.pred == LOGIT and (np.isposinf(row).sum() > 1 or np.isneginf(row).all()):
            row[second] = 0.0
    return rows


_SEVERAL = {
    "classes": class_samples,
    "vectors": vector_samples,
    "ensemble": ensemble_samples,
}
