"""Notes under ``eval``: what its figures say already, at no further look at the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.batch import Place
from lossctl.diagnosis.records import at

if TYPE_CHECKING:
    from lossctl.report import Result
    from lossctl.task import Task

ENOUGH = 20  # rows among which one that holds most of the loss stands out
MOST = 0.5
NEARLY_ALL = 0.99


def notes_of(task: Task, result: Result) -> tuple[str, ...]:
    """Return what is striking about a result; nothing where no summaries were made.

    An infinite loss and what would bound it, one row that holds most of the loss, a gradient that
    is 0 nearly everywhere though the loss is not.
    """
    if result.per_sample is None or result.gradient is None:
        return ()
    group = "" if result.group is None else f" [{', '.join(result.group.values())}]"
    notes = (_infinite(task, result), _one_row(task, result), _flat(task, result))
    return tuple(f"{result.spec}{group}: {note}" for note in notes if note)


def _infinite(task: Task, result: Result) -> str:
    sample = result.per_sample
    if sample is None or not sample.infinite or not math.isinf(result.value):
        return ""
    worst = result.worst[0] if result.worst else None
    place = f"; first {at(Place(worst.row, worst.file, worst.line))}" if worst else ""
    loss = task.bound.loss
    eps = loss.clip if loss.clip and not task.bound.params[loss.clip] else None
    bound = f". Bound it? Use {loss.name}:{eps}=1e-7" if eps else ""
    return f"{sample.infinite} of {result.n} rows cost infinity{place}{bound}"


def _one_row(task: Task, result: Result) -> str:
    summed = task.bound.loss.aggregate in ("mean", "root", "exp", "ratio") and not task.whole
    if not summed or task.bound.loss.signed or result.n < ENOUGH or not result.worst:
        return ""
    worst = result.worst[0]
    if worst.share is None or not MOST < worst.share <= 1.0:
        return ""
    place = at(Place(worst.row, worst.file, worst.line))
    return f"{place} holds {worst.share:.1%} of the loss of {result.n} rows"


def _flat(task: Task, result: Result) -> str:
    gradient = result.gradient
    selective = task.bound.loss.aggregate in ("median", "max") or task.bound.loss.name == "zero_one"
    told = selective or bool(result.touched["clipped"])  # which is reported as what it is
    if gradient is None or told or result.n < ENOUGH or not result.value:
        return ""
    entries = gradient.positive + gradient.negative + gradient.zero + gradient.nonfinite
    if gradient.zero < NEARLY_ALL * entries or task.labelled:
        return ""
    return f"the gradient is 0 in {gradient.zero} of {entries} entries"
