"""Findings about the order of rows: a shifted column, rows and keys that come twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.diagnosis.gather import mark_of
from lossctl.diagnosis.records import Finding, at, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lossctl.diagnosis.case import Case

    Floats = NDArray[np.float64]

SIGMAS = 4.0  # by how many standard errors the correlation may be larger than it is seen
MARGIN = 0.7  # how far below what an honest predictor can reach
SURE = 8.0  # standard errors of the correlation with the next row
CLOSE = 0.5  # a correlation with the own row from which on a shift is no more than a forecast
CHANCE = 1e-9  # how likely a copied block may be by chance
RUN = 5  # rows that must follow one another as they did before


def find(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the order and the identity of rows."""
    yield from _repeats(case)
    if case.kind in ("regression", "binary", "classes"):
        yield from _shift(case)


class Lag(NamedTuple):
    """How predictions fit the truth some rows on: mean squared distance and correlation."""

    rows: int
    distance: float
    correlation: float


def lags(y: Floats, p: Floats) -> dict[int, Lag]:
    """Return the fit of each prediction with the truth of the row before (−1), its own, the next.

    y and p are n × k. Each is taken from its mean; a squared distance is summed over columns.
    """
    with np.errstate(all="ignore"):
        y, p = y - y.mean(axis=0), p - p.mean(axis=0)
        size = len(y)
        square = float((y * y).sum() + (p * p).sum()) / size
        spread = math.sqrt(float((y * y).sum()) * float((p * p).sum())) / size
        found = {}
        for lag in (-1, 0, 1):
            a, b = y[max(lag, 0) : size + min(lag, 0)], p[max(-lag, 0) : size - max(lag, 0)]
            product = float((a * b).sum()) / len(a)
            found[lag] = Lag(lag, square - 2.0 * product, product / spread if spread else 0.0)
    return found


def _shift(case: Case) -> Iterator[Finding]:
    """Say that each prediction belongs to the row before or after.

    For a calibrated predictor ŷ = E[y | what it knows] with correlation r to its own row, no other
    row can be nearer than (1 − r)/(1 + r) times as far (Cauchy–Schwarz): forecasts of a series from
    its last value reach that bound and never pass it. So r is taken ``SIGMAS`` standard errors
    larger than it is, and the other row must be ``MARGIN`` of the bound near or nearer.
    """
    y, p = _sides(case)
    if len(y) < 3:
        return
    found = lags(y, p)
    if case.kind == "binary" and case.facts.kept.names and case.options.positive is None:
        other = lags(1.0 - y, p)  # which label is 1 is not known where the rows do not match
        found = max(found, other, key=lambda lag: max(lag[-1].correlation, lag[1].correlation))
    own, n = found[0], len(y)
    best = min((found[-1], found[1]), key=lambda lag: lag.distance)
    r = max(own.correlation, 0.0) + SIGMAS / math.sqrt(n)
    if not math.isfinite(own.distance) or own.distance <= 0.0 or r >= CLOSE:
        return
    if best.correlation * math.sqrt(n) < SURE:
        return
    if best.distance > MARGIN * (1.0 - r) / (1.0 + r) * own.distance:
        return
    which = "before" if best.rows < 0 else "after"
    what = "squared distance" if case.kind == "regression" else "Brier score"
    yield Finding(
        "shifted",
        "warning",
        f"predictions fit the {case.columns.y[0] if len(case.columns.y) == 1 else 'truth'} of the"
        f" row {which}, not of their own: correlation {best.correlation:.3f} against"
        f" {own.correlation:.3f}, {what} {best.distance:.4g} against {own.distance:.4g}",
        {
            "lag": best.rows,
            "correlation": own.correlation,
            "correlation_there": best.correlation,
            "distance": own.distance,
            "distance_there": best.distance,
            "rows": n,
        },
        "one column slipped by a row where they were put side by side (a header read as data, a"
        " row dropped on one side): join them by a key",
    )


def _sides(case: Case) -> tuple[Floats, Floats]:
    kept = case.facts.kept
    if case.kind == "regression":
        return kept.y, kept.pred
    if case.kind == "binary":
        return case.happened[:, np.newaxis], case.probabilities(case.scale)
    known = case.codes >= 0
    y = np.zeros((int(known.sum()), case.k))
    y[np.arange(len(y)), case.codes[known]] = 1.0
    return y, case.probabilities(case.scale)[known]


def _repeats(case: Case) -> Iterator[Finding]:
    """Say which rows or keys come twice."""
    marks = case.facts.marks
    whole = None if marks is None or len(marks) < 2 else _whole(case, marks)
    if whole is not None:
        yield whole
    keys = case.facts.kept.keys
    if keys is None or len(keys) < 2:
        return
    first = origins(keys)
    again = np.flatnonzero(first < np.arange(len(first)))
    few = len(again) <= len(keys) / 2 or _copied(first, keys) is not None
    if not len(again) or (case.auto_keys and not few):
        return  # a column called id that comes many times over names groups, not rows
    if whole is not None and case.auto_keys and whole.evidence["rows"] == len(again):
        return
    later, earlier = (case.facts.kept.mark(int(i)) for i in (again[0], first[again[0]]))
    yield Finding(
        "repeated keys",
        "warning",
        f"{len(again)} of {len(keys)} rows have a key ({', '.join(case.reading.keys)}) that came"
        f" before; first {at(later)}, as in {at(earlier)}",
        {"rows": len(again), **where(later), **where(earlier, "earlier_")},
        "keep one row for each key, or each counts in the mean as often as it comes",
    )


def _whole(case: Case, marks: NDArray[np.int64]) -> Finding | None:
    ranked = np.sort(marks)
    if (ranked[1:] != ranked[:-1]).all():
        return None  # the usual case, at a third of the cost
    first = origins(marks)
    again = np.flatnonzero(first < np.arange(len(first)))
    run = _copied(first, marks)
    if not case.identified and run is None:
        return None
    start = int(again[0]) if run is None else run[0]
    later, earlier = (mark_of(case.facts.records, row + 1) for row in (start, int(first[start])))
    block = "" if run is None else f", {run[1]} of them in one block"
    return Finding(
        "repeated rows",
        "warning",
        f"{len(again)} of {len(marks)} rows are a copy of an earlier one, word for word{block};"
        f" first {at(later)}, as in {at(earlier)}",
        {
            "rows": len(again),
            "block": 0 if run is None else run[1],
            **where(later),
            **where(earlier, "earlier_"),
        },
        "were files joined twice? Keep each row once: awk '!seen[$0]++'",
    )


def origins(marks: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return, for every row, the first row that has the same mark."""
    order = np.argsort(marks, kind="stable")
    ranked = marks[order]
    fresh = np.append(True, ranked[1:] != ranked[:-1])
    first = np.empty(len(marks), dtype=np.intp)
    first[order] = order[np.flatnonzero(fresh)][np.cumsum(fresh) - 1]
    return first


def _copied(first: NDArray[np.intp], marks: NDArray[np.int64]) -> tuple[int, int] | None:
    """Return the first row and the length of the longest block that came before as it is.

    None where so long a block may come by chance: rows of a few values repeat, and n²/2 pairs of
    places have each row in common with the probability that two rows are the same.
    """
    n = len(first)
    index = np.arange(n)
    follows = (first < index) & (np.append(-1, first[:-1]) == first - 1) & (first > 0)
    follows &= np.append(False, (first < index)[:-1])
    ends = np.flatnonzero(np.diff(np.append(follows, False).astype(np.int8)) == -1)
    if not len(ends):
        return None
    starts = np.flatnonzero(np.diff(np.append(False, follows).astype(np.int8)) == 1) - 1
    lengths = ends - starts + 1
    longest = int(np.argmax(lengths))
    start, length = int(starts[longest]), int(lengths[longest])
    counts = np.unique(marks, return_counts=True)[1] / n
    same = float((counts * counts).sum())
    enough = (2.0 * math.log(n) - math.log(CHANCE)) / -math.log(same) if same < 1.0 else math.inf
    return (start, length) if length >= max(RUN, enough) else None
