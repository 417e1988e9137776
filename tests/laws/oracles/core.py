"""What every oracle is made of: numbers of 1400 bits, and the terms that add up to a loss."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
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


def exact(name: str, y: Any, yhat: Any, params: dict[str, Any]) -> Exact:
    """Return what a loss is at one row, given as Python numbers or lists of them."""
    settings = {
        key: mp.mpf(x) if isinstance(x, (int, float)) else x  # a word, or None
        for key, x in params.items()
    }
    return ORACLES[name](_real(y), _real(yhat), **settings)


def _real(x: Any) -> Any:
    """Return floats as exact reals; labels and None as they are."""
    if isinstance(x, list):
        return [mp.mpf(entry) for entry in x]
    return mp.mpf(x) if isinstance(x, float) else x


def kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what a function returns at each precision: extreme numbers take long and come again."""

    @lru_cache(4096)
    def cached(_: int, *args: Real) -> Any:
        return function(*args)

    return lambda *args: cached(mp.prec, *args)


@kept
def ln(x: Real) -> Real:
    """Return the logarithm, −∞ at 0."""
    return mp.log(x) if x else -mp.inf


@kept
def power(x: Real) -> Real:
    """Return eˣ."""
    return mp.exp(x)


@kept
def raised(x: Real, exponent: Real) -> Real:
    """Return x to any exponent, for x ≥ 0; 0⁰ is 1."""
    if not exponent or x == 1:
        return mp.one
    if not x:
        return mp.zero if exponent > 0 else mp.inf
    if abs(exponent) < 9 and exponent == int(exponent):
        return x ** int(exponent)
    with mp.workprec(53):
        whole = digits(exponent * mp.log(x))
    with mp.workprec(mp.prec + max(whole, 0) + 20):  # digits before the point move none after it
        return mp.exp(exponent * mp.log(x))


def term(factor: Real, x: Real) -> Real:
    """Return factor · x; a term with the factor 0 is 0."""
    return factor * x if factor else mp.zero


def over(numerator: Real, denominator: Real) -> Real:
    """Return a quotient: 0 where the numerator is, else infinite where the denominator is 0."""
    if not numerator:
        return mp.zero
    return numerator / denominator if denominator else mp.sign(numerator) * mp.inf


def digits(x: Real) -> int:
    """Return how many binary digits x has before the point; below 1, minus the zeros after it."""
    return int(mp.frexp(x)[1]) if x else 0


def finer(x: Real) -> AbstractContextManager[Any]:
    """Work with so many more bits that 1 + x holds those of a small x."""
    context: AbstractContextManager[Any] = mp.workprec(mp.prec + max(-digits(x), 0))
    return context


@kept
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
