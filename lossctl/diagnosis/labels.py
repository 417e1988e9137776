"""Findings about labels: how they are coded, whether columns are swapped, reversed or reordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lossctl.diagnosis.case import distinct
from lossctl.diagnosis.choice import selector_of
from lossctl.diagnosis.records import Finding, at, where
from lossctl.task import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lossctl.diagnosis.case import Case, Floats

MANY = 10  # distinct values that are no labels
CLEAR = 0.5  # share of a class that must go to one other column
SURE = 6.0  # standard errors of a correlation


def find(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with labels, or with columns that hold labels in each other's place."""
    if case.kind == "binary":
        yield from _coding(case)
        yield from _reversed(case)
    if case.kind == "label":
        yield _several(case)
    if case.kind == "regression" and case.k == 1:
        yield from _swapped(case)
    if case.kind == "classes":
        yield from _unknown(case)
        yield from _order(case)


def swapped(case_y: str, case_pred: str, kinds: int, command: str) -> Finding:
    """Return the finding that the predictions are text and the truth numbers."""
    return Finding(
        "swapped",
        "error",
        f"{case_pred} holds {kinds} labels that are text, and {case_y} numbers: truth and"
        " prediction are swapped",
        {"labels": kinds},
        command,
    )


def _coding(case: Case) -> Iterator[Finding]:
    if case.options.positive is not None:
        return
    names = case.facts.kept.names
    spec = "bce_with_logits" if case.scale == "logit" else "bce"
    name = case.columns.y[0]
    if names:
        shown = " and ".join(f"'{label}'" for label in names)
        yield Finding(
            "labels",
            "note",
            f"{name} holds the labels {shown}: name the one that counts as 1",
            {"labels": list(names)},
            case.command(spec),
        )
    elif case.recoded and len(case.distinct) == 2:
        low, high = case.distinct.tolist()
        signs = low == -1.0
        also = "; hinge, squared_hinge and exponential take −1 and 1 as they are" if signs else ""
        yield Finding(
            "labels",
            "note" if signs else "warning",
            f"{name} holds the labels {low:g} and {high:g}, where binary losses take 0 and 1",
            {"labels": [low, high]},
            f"{case.command(spec)}{also}",
        )


def _reversed(case: Case) -> Iterator[Finding]:
    y, x = case.happened, case.probabilities(case.scale)[:, 0]
    r = correlation(y, x)
    if (
        r > -0.3
        or r * np.sqrt(case.n) > -SURE
        or (case.facts.kept.names and not case.options.positive)
    ):
        return
    name = case.columns.pred[0]
    yield Finding(
        "reversed",
        "warning",
        f"{name} falls where {case.columns.y[0]} is {case.positive} (correlation {r:.2f}): it is"
        " the probability of the other label",
        {"correlation": r, "rows": case.n},
        "use 1 − p, or name the other label with --positive",
    )


def correlation(a: Floats, b: Floats) -> float:
    """Return Pearson's correlation; 0 where one is constant."""
    with np.errstate(all="ignore"):
        a, b = a - a.mean(), b - b.mean()
        scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
        r = float((a * b).sum()) / scale if scale > 0.0 and np.isfinite(scale) else 0.0
    return r if np.isfinite(r) else 0.0


def _several(case: Case) -> Finding:
    names = case.facts.kept.names
    shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    return Finding(
        "labels",
        "warning",
        f"{case.columns.y[0]} holds {len(names)} labels ({shown}), and one column predicts them",
        {"labels": len(names)},
        "give a column for every class with -p, or name one label against the rest: --positive",
    )


def _swapped(case: Case) -> Iterator[Finding]:
    """Say that the truth has many numbers and the prediction two, as if they changed places."""
    kept, pred = case.facts.kept, distinct(case.facts.kept.pred)
    labels = tuple(pred.tolist()) in ((0.0, 1.0), (-1.0, 1.0), (1.0, 2.0))
    y = kept.y[:, 0]
    fractions = int(np.count_nonzero(y != np.round(y)))
    if not labels or len(case.distinct) <= MANY or fractions < case.n / 2:
        return
    yname, pname = case.columns.y[0], case.columns.pred[0]
    low, high = pred.tolist()
    kinds = len(np.unique(y))
    first = kept.mark(int(np.argmax(y != np.round(y))))
    yield Finding(
        "swapped",
        "warning",
        f"{pname} holds only {low:g} and {high:g}, and {yname} {kinds} different"
        f" numbers: truth and prediction are swapped; first {at(first)}",
        {"labels": [low, high], "distinct": kinds, **where(first)},
        f"change them over: -y {pname} -p {yname}",
    )


def _unknown(case: Case) -> Iterator[Finding]:
    unknown = case.facts.seen.unknown
    if not unknown.rows:
        return
    names, classes = case.facts.kept.names, case.columns.classes or ()
    numbers = [number_of(name) for name in names]
    whole = sorted(int(x) for x in numbers if x is not None and x.is_integer())
    from_one = len(whole) == len(names) and whole and whole[0] == 1 and whole[-1] == case.k
    shown = ", ".join(classes[:6]) + (", …" if len(classes) > 6 else "")
    what = (
        f"{case.columns.y[0]} counts the {case.k} classes from 1, where positions count from 0"
        if from_one
        else f"{case.columns.y[0]}: {unknown.rows} labels name no class; the classes are {shown}"
    )
    advice = (
        f"call the columns by their labels, as p_1 … p_{case.k} with -p 'p_*', or take 1 off"
        if from_one
        else "name the columns by a glob whose star is the class, as -p 'p_*', or leave a label"
        " out with --ignore LABEL"
    )
    yield Finding(
        "labels",
        "error",
        f"{what}; first {at(unknown.first)}",
        {"rows": unknown.rows, **where(unknown.first)},
        advice,
    )


def _order(case: Case) -> Iterator[Finding]:
    """Say that the class columns stand in another order than the labels suggest."""
    known, k = case.codes >= 0, case.k
    codes = case.codes[known]
    best = np.argmax(case.facts.kept.pred[known], axis=1)
    counts = np.bincount(codes * k + best, minlength=k * k).reshape(k, k)
    sizes = counts.sum(axis=1)
    order = np.argmax(counts, axis=1)
    if len(codes) < 10 * k or sizes.min() < 5 or len(set(order.tolist())) < k:
        return
    moved = np.flatnonzero(order != np.arange(k))
    shares = counts[np.arange(k), order] / sizes
    right, would = np.trace(counts), counts[np.arange(k), order].sum()
    if not len(moved) or shares[moved].min() < CLEAR or would < right + 0.25 * sizes[moved].sum():
        return
    names = case.columns.pred
    classes = case.columns.classes or names
    fit = [names[at] for at in order]
    pairs = ", ".join(f"{names[order[at]]} holds {classes[at]}" for at in moved[:4])
    yield Finding(
        "class order",
        "warning",
        f"the largest probability misses the label in a pattern: {pairs}"
        f"{', …' if len(moved) > 4 else ''}; in this order {would / len(codes):.1%} of rows would"
        f" be right instead of {right / len(codes):.1%}",
        {"order": fit, "right": int(right), "would_be_right": int(would), "rows": len(codes)},
        _reorder(case, fit),
    )


def _reorder(case: Case, fit: list[str]) -> str:
    positional = all(number_of(name) is not None for name in case.facts.kept.names) and not any(
        number_of(name) is not None for name in case.columns.classes or ()
    )
    if not positional:
        return (
            f"call the columns {', '.join(case.columns.pred)} in the header in this order:"
            f" {', '.join(case.columns.pred[fit.index(name)] for name in case.columns.pred)}"
        )
    spec = "cce" if case.scale == "probability" else "cce_with_logits"
    return case.with_pred(selector_of(fit)).command(spec)
