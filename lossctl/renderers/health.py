"""Gradient health in words: what the figures of a gradient show, and nothing that they do not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.losses.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lossctl.losses.registry import Loss
    from lossctl.renderers.look import Look
    from lossctl.report import Gradient, Result

NOTHING = "Nothing unusual."
ONE_SIDED = 0.5  # |Σg| / ‖g‖₁ from which predictions are off on the whole
ONE_ROW, TIMES_EVEN = 0.1, 10.0  # of ‖g‖₁, and of an even share: what makes one row stand out
FEW = 0.1  # (‖g‖₁/‖g‖₂)² per gradient below which few rows carry most
OF_FEW = ("median", "max")  # values whose gradient is that of a row or two by definition
EQUAL = 1e-12  # sizes that differ by no more are equal but for rounding


def health(result: Result, look: Look) -> tuple[str, ...]:
    """Return sentences on the gradient of a result; empty where it has none.

    Every figure in them is of ``result.gradient``, whose entries are ∂L/∂ŷ.
    """
    gradient = result.gradient
    if gradient is None:
        return ()
    said = [*_nonfinite(gradient), *_zeros(result, gradient)]
    if not gradient.nonfinite and gradient.max_abs > 0.0:
        said += [*_sides(result, gradient), *_sizes(result, gradient, look)]
    return tuple(said) or (NOTHING,)


def entries(gradient: Gradient) -> int:
    """Return how many gradients there are: one for every prediction that counts."""
    return gradient.positive + gradient.negative + gradient.zero + gradient.nonfinite


def percent(share: float) -> str:
    """Return a share as people say it; neither none nor all where it is not quite that."""
    if 0.0 < share < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < share < 1.0 else f"{share:.0%}".replace("%", " %")


def _of_them(count: int, total: int) -> str:
    if count == total:
        return f"All {total} gradients" if total > 1 else "The gradient"
    start = percent(count / total)
    return f"{start[0].upper()}{start[1:]} of the gradients ({count} of {total})"


def _are(count: int, total: int) -> str:
    return "is" if total == count == 1 else "are"


def _nonfinite(gradient: Gradient) -> Iterator[str]:
    count, total = gradient.nonfinite, entries(gradient)
    if count:
        no_step = "no step along this gradient is finite"
        yield f"{_of_them(count, total)} {_are(count, total)} not finite: {no_step}."


def _zeros(result: Result, gradient: Gradient) -> Iterator[str]:
    count, total = gradient.zero, entries(gradient)
    if not count:
        return
    told = f"{_of_them(count, total)} {_are(count, total)} exactly 0"
    flat = _flat(result)
    if flat:
        yield f"{told}: {flat}."
    elif count == total and result.per_sample is not None and result.per_sample.statistics.max == 0:
        yield f"{told}: every loss is 0."
    else:
        one_each = len(result.columns["pred"]) == 1
        rows = ("these rows do" if one_each else "these outputs do") if count > 1 else "it does"
        yield f"{told}: {rows} not move the model."


def _flat(result: Result) -> str:
    """Return why the loss has whole regions of gradients that are 0; nothing where it has none."""
    loss = find(result.loss)
    if loss.kind == "either" and len(result.columns["pred"]) == 1:
        return ""
    if loss.form(len(result.columns["pred"])) == "classes" and len(result.columns["y"]) > 1:
        return ""  # shares of several classes are the truth: there is no true one
    return loss.flat.format(**result.params)


def _sides(result: Result, gradient: Gradient) -> Iterator[str]:
    """Look for predictions that are too high, or too low, on the whole."""
    loss = find(result.loss)
    total = entries(gradient)
    if total < 2 or not _locates(loss, len(result.columns["pred"])):
        return
    balance = gradient.statistics.mean * total / gradient.l1
    if abs(balance) < ONE_SIDED:
        return
    uphill = balance > 0.0
    high = uphill is not loss.higher_is_better
    count, sign = (gradient.positive, "above") if uphill else (gradient.negative, "below")
    yield (
        f"{_of_them(count, total)} {_are(count, total)} {sign} 0, and the sum of all is"
        f" {percent(min(1.0, abs(balance)))} of ‖g‖₁: by this loss, predictions are too"
        f" {'high' if high else 'low'} on the whole."
    )


def _locates(loss: Loss, k: int) -> bool:
    """Whether the sign of a gradient says on which side of the truth its prediction lies."""
    located = loss.form(k) == "elementwise" and loss.y is not None
    return located and loss.ordered and loss.aggregate not in OF_FEW


def _sizes(result: Result, gradient: Gradient, look: Look) -> Iterator[str]:
    """Look for one row, or few, that carry most; or for sizes that do not depend on the error."""
    moving = entries(gradient) - gradient.zero
    if moving < 2 or find(result.loss).aggregate in OF_FEW:
        return
    alike = math.isclose(gradient.max_abs * moving, gradient.l1, rel_tol=EQUAL)
    if alike and _costs_differ(result):
        size = look.number(gradient.max_abs)
        which = "They all" if not gradient.zero else "Those that are not 0"
        yield f"{which} have the same size, {size}: a large error pulls no more than a small one."
        return
    if alike:
        return
    largest = gradient.max_abs / gradient.l1
    if largest >= ONE_ROW and largest * moving >= TIMES_EVEN:
        who = _who(result, gradient)
        yield f"{who} carries {percent(largest)} of ‖g‖₁, of {moving} that are not 0."
        return
    carrying = (gradient.l1 / gradient.l2) ** 2
    if carrying < FEW * moving:
        yield (
            "Few gradients carry most: it is as if"
            f" {max(1, round(carrying))} of {moving} were alike and the others 0."
        )


def _costs_differ(result: Result) -> bool:
    """Whether rows differ in what they cost; of errors alike, gradients alike tell nothing."""
    sample = result.per_sample
    return sample is not None and sample.statistics.min < sample.statistics.max


def _who(result: Result, gradient: Gradient) -> str:
    """Return the row of the largest gradient, where it is among the worst rows."""
    if len(result.columns["pred"]) == 1:
        for row in result.worst or ():
            if isinstance(row.gradient, float) and abs(row.gradient) == gradient.max_abs:
                return f"One row, {row.row},"
    return "One gradient"
