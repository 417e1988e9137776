"""Every loss a second time, in the most naive textbook form, as the judge of the first.

Numbers are mpmath's, 1400 bits or 421 digits long. A float64 is a multiple of 2⁻¹⁰⁷⁴, so 1 − p or
1 + eᶻ loses nothing that float64 could show, and naive forms keep some 50 digits beyond it: no
oracle needs the care that a kernel does, which is what makes it a judge.

An oracle takes the y and ŷ of one row (a number each, or a label or shares and k predictions) and
returns the terms that add up to the loss and those that add up to the slope, one list an output:
a sum of terms of both signs is judged by the largest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath

mp = mpmath.mp.clone()
mp.prec = 1400

Real = Any  # mpmath ships no types
Terms = list[Real]


@dataclass(frozen=True)
class Exact:
    """The terms of a loss, and those of its slope at each output."""

    loss: Terms
    slopes: list[Terms]

    @property
    def value(self) -> Real:
        """The loss."""
        return mp.fsum(self.loss)

    @property
    def gradient(self) -> list[Real]:
        """The slope at each output."""
        return [mp.fsum(terms) for terms in self.slopes]


Oracle = Callable[..., Exact]
ORACLES: dict[str, Oracle] = {}


def oracle(function: Oracle) -> Oracle:
    """Keep an oracle under the name of the loss it judges."""
    ORACLES[function.__name__] = function
    return function


def ln(x: Real) -> Real:
    """Return the logarithm, −∞ at 0."""
    return mp.log(x) if x else -mp.inf


def term(factor: Real, x: Real) -> Real:
    """Return factor · x; a term with the factor 0 is 0."""
    return factor * x if factor else mp.zero


def over(numerator: Real, denominator: Real) -> Real:
    """Return a quotient: 0 where the numerator is, else infinite where the denominator is 0."""
    if not numerator:
        return mp.zero
    return numerator / denominator if denominator else mp.sign(numerator) * mp.inf


@lru_cache(4096)
def _power(x: Real, precision: int) -> Real:
    with mp.workprec(precision):
        return mp.exp(x)


def power(x: Real) -> Real:
    """Return eˣ; it is kept, for a large x takes long and comes again."""
    return _power(x, mp.prec)


def sigmoid(z: Real) -> Real:
    return 1 / (1 + power(-z))


def smoothed(t: Real, smoothing: Real, classes: int) -> Real:
    return t * (1 - smoothing) + smoothing / classes


def shares(y: Any, smoothing: Real, classes: int) -> list[Real]:
    """Return the share of each class: y itself or, for a label, all of it for one class."""
    rows = [mp.mpf(k == y) for k in range(classes)] if isinstance(y, int) else y
    return [smoothed(t, smoothing, classes) for t in rows]


def clipped(p: Real, eps: Real) -> Real:
    return min(max(p, eps), 1 - eps) if eps else p


@oracle
def mae(y: Real, yhat: Real) -> Exact:
    return Exact([abs(yhat - y)], [[mp.sign(yhat - y)]])


@oracle
def mse(y: Real, yhat: Real) -> Exact:
    return Exact([(yhat - y) ** 2], [[2 * (yhat - y)]])


@oracle
def rmse(y: Real, yhat: Real) -> Exact:
    return mse(y, yhat)


@oracle
def bce(y: Real, p: Real, label_smoothing: Real, eps: Real) -> Exact:
    t = smoothed(y, label_smoothing, 2)
    q = clipped(p, eps)
    slope = [over(1 - t, 1 - q), -over(t, q)] if q == p else [mp.zero]
    return Exact([-term(t, ln(q)), -term(1 - t, ln(1 - q))], [slope])


@oracle
def bce_with_logits(y: Real, z: Real, pos_weight: Real, label_smoothing: Real) -> Exact:
    t = smoothed(y, label_smoothing, 2)
    with mp.workprec(mp.prec if pos_weight <= 1 else 2 * mp.prec):  # it lifts what is below 2⁻¹⁰⁷⁴
        yes, no = sigmoid(z), sigmoid(-z)
        return Exact(
            [-term(pos_weight * t, ln(yes)), -term(1 - t, ln(no))],
            [[(1 - t) * yes, -pos_weight * t * no]],
        )


@oracle
def cce(y: Any, p: Sequence[Real], label_smoothing: Real, eps: Real) -> Exact:
    t = shares(y, label_smoothing, len(p))
    q = [clipped(x, eps) for x in p]
    return Exact(
        [-term(a, ln(b)) for a, b in zip(t, q, strict=True)],
        [[-over(a, b) if b == x else mp.zero] for a, b, x in zip(t, q, p, strict=True)],
    )


@oracle
def cce_with_logits(y: Any, z: Sequence[Real], label_smoothing: Real) -> Exact:
    t = shares(y, label_smoothing, len(z))
    if mp.inf in z:  # all of the probability is there
        powers = [mp.mpf(x == mp.inf) for x in z]
        below = [mp.zero if x == mp.inf else mp.inf for x in z]
    else:
        below = [max(z) - x for x in z]
        powers = [power(-x) for x in below]
    total, everything = mp.fsum(powers), mp.fsum(t)
    p = [x / total for x in powers]
    return Exact(
        [term(a, x + ln(total)) for a, x in zip(t, below, strict=True)],
        [
            [everything * b, -a] if a != everything else [-a * (1 - b)]  # the class of a hard label
            for a, b in zip(t, p, strict=True)
        ],
    )


@oracle
def entropy(y: None, p: Real, base: Real) -> Exact:  # noqa: ARG001 - every oracle takes both
    unit = ln(base)
    return Exact([-term(p, ln(p)) / unit], [[-ln(p) / unit, -1 / unit]])


@oracle
def cross_entropy(y: Real, q: Real, base: Real, eps: Real) -> Exact:
    moved = clipped(q, eps)
    slope = -over(y, q) / ln(base) if moved == q else mp.zero
    return Exact([-term(y, ln(moved)) / ln(base)], [[slope]])


def exact(name: str, y: Any, yhat: Any, params: dict[str, float]) -> Exact:
    """Return what a loss is at one row, given as Python numbers or lists of them."""
    return ORACLES[name](_real(y), _real(yhat), **{key: mp.mpf(x) for key, x in params.items()})


def _real(x: Any) -> Any:
    """Return floats as exact reals; labels and None as they are."""
    if isinstance(x, list):
        return [mp.mpf(entry) for entry in x]
    return mp.mpf(x) if isinstance(x, float) else x
