"""Findings about size: predictions in another unit, constants, one row that holds nearly all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.diagnosis.records import Finding, at, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lossctl.diagnosis.case import Case

    Floats = NDArray[np.float64]

ENOUGH = 20  # rows from which on a pattern is one
SOME = 10  # rows that are seldom all the same by chance
DROP = 10.0  # by how much a power of ten or a standardisation must lower the squared error
AFFINE_DROP = 100.0
FITS = 0.5  # share of the variance that must be explained afterwards
LEAKED = 0.9
MANY = 5  # distinct numbers whose logarithms say something
LABELS = 20  # distinct truths that may well be hit


def find(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the size of predictions or of single errors."""
    if case.facts.seen.rows < 2 or case.kind in ("distribution", "empty"):
        return
    yield from _constants(case)
    if case.kind == "regression":
        yield from _hits(case)
        yield from _concentrated(case)
        if case.n >= ENOUGH:
            for at_ in range(case.k):
                found = _unit(case, at_)
                if found is not None:
                    yield found
                    return  # columns of one model are all in one unit


def _constants(case: Case) -> Iterator[Finding]:
    seen, columns = case.facts.seen, case.columns
    if seen.rows < SOME:
        return
    if case.reading.truth == "labels":
        names = case.facts.kept.names
        if len(names) == 1 and seen.rows == case.n:
            yield _constant(case, columns.y[0], f"'{names[0]}'", "the truth")
    for name, one in zip(columns.y, seen.y, strict=False):
        if one.low == one.high:
            yield _constant(case, name, f"{one.low:.6g}", "the truth")
    for name, one in zip(columns.pred, seen.pred, strict=True):
        if one.low == one.high:
            yield _constant(case, name, f"{one.low:.6g}", "the prediction")


def _constant(case: Case, name: str, value: str, what: str) -> Finding:
    return Finding(
        "constant",
        "warning",
        f"{name}, {what}, is {value} in all {case.facts.seen.rows} rows",
        {"column": name, "value": value, "rows": case.facts.seen.rows},
        "is it the right column? Name another with " + ("-y" if "truth" in what else "-p"),
    )


def _hits(case: Case) -> Iterator[Finding]:
    """Say that the truth stands in the predictions, where it takes too many values to be hit."""
    seen = case.facts.seen
    share = seen.hits.rows / seen.rows
    if seen.rows < ENOUGH or share < LEAKED or len(case.distinct) <= LABELS:
        return
    every = seen.hits.rows == seen.rows
    yield Finding(
        "same",
        "warning",
        f"prediction and truth are the same number in {'all' if every else seen.hits.rows} of"
        f" {seen.rows} rows; the gradient of most losses is 0 there",
        {"rows": seen.hits.rows, "share": share, **where(seen.hits.first)},
        "is the truth among the predictions? Name another column with -p",
    )


def _concentrated(case: Case) -> Iterator[Finding]:
    seen = case.facts.seen
    whole, mark = float(seen.squares), seen.peak.mark
    if seen.rows < ENOUGH or mark is None or not whole > 0.0:
        return
    share = seen.peak.square / whole if math.isfinite(whole) else math.nan
    if not share > 0.5 or seen.hits.rows > seen.rows / 2:
        return
    yield Finding(
        "one row",
        "warning",
        f"{at(mark)} holds {share:.1%} of the squared error of {seen.rows} rows",
        {"share": share, "rows": seen.rows, **where(mark)},
        f"look at it, or take a loss that forgives: {case.command('huber,mae')}",
    )


class Moments(NamedTuple):
    """Means, variances and what is left of the variance of y once ŷ is fitted to it."""

    y: float
    p: float
    y_var: float
    p_var: float
    error: float
    r: float

    @property
    def rest(self) -> float:
        """The mean squared error of the best line."""
        return self.y_var * (1.0 - self.r * self.r)


def moments(y: Floats, p: Floats) -> Moments:
    """Return the moments of truth and prediction."""
    with np.errstate(all="ignore"):
        a, b, e = y - y.mean(), p - p.mean(), y - p
        y_var, p_var = float((a * a).mean()), float((b * b).mean())
        spread = math.sqrt(y_var) * math.sqrt(p_var)
        r = float((a * b).mean()) / spread if spread > 0.0 else 0.0
        return Moments(float(y.mean()), float(p.mean()), y_var, p_var, float((e * e).mean()), r)


def _unit(case: Case, column: int) -> Finding | None:
    """Say that a simple change of unit makes the squared error fall by orders of magnitude."""
    y, p = case.facts.kept.y[:, column], case.facts.kept.pred[:, column]
    if not (np.isfinite(y).all() and np.isfinite(p).all()):
        return None
    m = moments(y, p)
    if not all(map(math.isfinite, m)) or not (m.y_var > 0.0 and m.p_var > 0.0 and m.error > 0.0):
        return None
    yname, pname = case.columns.y[column], case.columns.pred[column]
    found = (
        _power_of_ten(y, p, m)
        or (None if case.logarithms else _logarithm(y, p, m))
        or _standardised(m)
        or _line(m)
    )
    if found is None:
        return None
    looks, after, what = found
    return Finding(
        "unit",
        "warning",
        f"{pname} looks like {looks.format(y=yname)}: the mean squared error falls from"
        f" {m.error:.4g} to {after:.4g} once it is changed back",
        {"mse": m.error, "mse_after": after, "correlation": m.r, "column": pname, "rows": len(y)},
        what.format(y=yname, p=pname),
    )


Unit = tuple[str, float, str]


def _power_of_ten(y: Floats, p: Floats, m: Moments) -> Unit | None:
    with np.errstate(all="ignore"):
        factor = float((y * p).sum() / (p * p).sum())
    if not factor > 0.0:
        return None
    power = round(math.log10(factor))
    if not power or abs(math.log10(factor) - power) > 0.05 or abs(power) > 12:
        return None
    after = moments(y, p * 10.0**power).error
    if after > m.error / DROP or after > m.y_var * FITS:
        return None
    back = f"{10 ** abs(power)}"
    if power > 0:
        return f"{{y}}/{back}", after, f"multiply {{p}} by {back}"
    return f"{back}·{{y}}", after, f"divide {{p}} by {back}"


def _logarithm(y: Floats, p: Floats, m: Moments) -> Unit | None:
    """Look whether one is the logarithm of the other, as far as fits on that scale better."""
    if m.error < m.y_var:
        return None
    with np.errstate(all="ignore"):
        for made, word, back, sides in (
            (np.log, "the logarithm of {y}", np.exp, (y, p)),
            (np.log1p, "log1p of {y}", np.expm1, (y, p)),
            (np.log, "exp of {y}", None, (p, y)),
        ):
            inner, outer = sides
            bound = 0.0 if made is np.log else -1.0
            if not (inner > bound).all() or len(np.unique(inner)) < MANY:
                continue
            there = moments(made(inner), outer)
            if there.error > (1.0 - FITS) * min(there.y_var, there.p_var * 2.0):
                continue
            after = moments(y, made(p) if back is None else back(p)).error
            if not after < m.error / 2.0:
                continue
            advice = (
                "take the logarithm of {p}"
                if back is None
                else "take exp of {p}, or for counts poisson_nll_with_log"
                if made is np.log
                else "take expm1 of {p}"
            )
            return word, after, advice
    return None


def _standardised(m: Moments) -> Unit | None:
    usual = abs(m.p) < 0.25 and 0.2 < m.p_var < 2.0
    other = abs(m.y) > 3.0 or not 0.1 < m.y_var < 10.0
    if not (usual and other) or m.r < 0.5 or m.rest > m.error / DROP:
        return None
    mean, deviation = f"{m.y:.4g}", f"{math.sqrt(m.y_var):.4g}"
    return (
        f"{{y}} standardised (mean {m.p:.2g}, deviation {math.sqrt(m.p_var):.2g})",
        m.rest,
        f"undo it with the mean and deviation of training, about {mean} + {deviation}·{{p}}",
    )


def _line(m: Moments) -> Unit | None:
    if m.r * m.r < 0.9 or m.rest > m.error / AFFINE_DROP:
        return None
    slope = m.r * math.sqrt(m.y_var / m.p_var)
    start = m.y - slope * m.p
    sign = "+" if slope >= 0 else "−"
    return (
        "{y} in another unit",
        m.rest,
        f"{{y}} is about {start:.6g} {sign} {abs(slope):.6g}·{{p}}",
    )
