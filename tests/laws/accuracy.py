"""How far the kernels are from the real-number formula, in units of the last place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lossctl.losses import all_losses, find
from tests.laws.inputs import Sample, samples
from tests.laws.oracles import Real, Terms, exact, mp

LARGEST = mp.mpf(2) ** 1024  # what an overflow stands for
OVERFLOW = LARGEST - mp.mpf(2) ** 970  # from here on the nearest float64 is infinite

LIMIT = 4.0
LIMIT_OF_ALGEBRA = 2.0  # + − × ÷ √ only: no logarithm, no exponential
ALGEBRA = """
    mae mse rmse huber smooth_l1 pseudo_huber quantile expectile mape smape wape median_ae
    max_error mean_bias r2 explained_variance hinge squared_hinge epsilon_insensitive
    categorical_hinge multiclass_hinge brier zero_one interval_score crps nll
"""
ALGEBRAIC = frozenset(ALGEBRA.split())


def limit(name: str) -> float:
    """Return the error in ulp that a loss may make."""
    return LIMIT_OF_ALGEBRA if name in ALGEBRAIC else LIMIT


@dataclass(frozen=True, order=True)
class Error:
    """An error in ulp, and the row at which it was found."""

    ulp: float = 0.0
    y: str = ""
    yhat: str = ""
    spec: str = ""


@dataclass(frozen=True)
class Worst:
    """The worst errors of a loss over the sampled inputs, and how many numbers were judged."""

    value: Error
    slope: Error
    judged: int


def ulps(found: float, terms: Terms) -> float:
    """Return the distance of a float64 from the sum of exact terms, in ulp.

    The ulp is that of the sum, or of the largest term where that is larger: terms that cancel.
    """
    total = mp.fsum(terms)
    if mp.isnan(total) or math.isnan(found):
        return math.inf
    if mp.isinf(total):
        return 0.0 if found == total else math.inf
    largest = max(abs(x) for x in (total, *terms))
    if math.isinf(found):
        if abs(total) >= OVERFLOW and (found > 0) == (total > 0):
            return 0.0
        return float(abs(mp.sign(found) * LARGEST - total) / unit(LARGEST / 2))
    return float(abs(mp.mpf(found) - total) / unit(largest))


def unit(x: Real) -> Real:
    """Return the distance of neighbouring float64 numbers of the size of x."""
    exponent = int(mp.frexp(x)[1]) if x else -1074
    return mp.ldexp(1, min(max(exponent - 53, -1074), 971))


def errors(sample: Sample) -> Iterable[tuple[Error, Error]]:
    """Give the error of the value and the worst of the slopes of each row."""
    value, slope = sample.bound.both(sample.y, sample.yhat)
    name, params, spec = sample.bound.loss.name, dict(sample.bound.params), sample.bound.spec
    slopes = np.atleast_2d(slope().T).T.tolist()
    for (y, yhat), found, gradient in zip(sample.rows(), value.tolist(), slopes, strict=True):
        truth = exact(name, y, yhat, params)
        worst = max(ulps(s, terms) for s, terms in zip(gradient, truth.slopes, strict=True))
        where = (_short(y), _short(yhat), spec)
        yield Error(ulps(found, truth.loss), *where), Error(worst, *where)


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) < 400 else f"{text[:200]} … {text[-200:]}"


@cache
def worst_error(name: str, seeds: int = 1) -> Worst:
    """Return the worst errors of one loss over the samples of so many seeds."""
    value = slope = Error()
    judged = 0
    for seed in range(seeds):
        for sample in samples(find(name), seed):
            for of_value, of_slope in errors(sample):
                value, slope = max(value, of_value), max(slope, of_slope)
                judged += 1 + sample.yhat[0].size
    return Worst(value, slope, judged)


def worst_errors(*names: str) -> dict[str, Worst]:
    """Return the worst errors of the losses named, of every loss where none is."""
    return {name: worst_error(name) for name in names or [loss.name for loss in all_losses()]}
