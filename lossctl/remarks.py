"""What the figures of a result say about its data: on gradients, single rows, infinities."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lossctl.losses.domain import UNIT

if TYPE_CHECKING:
    from lossctl.report import Result
    from lossctl.task import Task

FEW = 10  # rows below which one of them may well be most of the loss
MOST = 0.5


class Remark(NamedTuple):
    """What was seen, what to do about it, and the row where it is one."""

    name: str
    text: str
    advice: str
    row: int | None = None
    file: str | None = None
    line: int | None = None


def remarks_of(task: Task, result: Result) -> tuple[Remark, ...]:
    """Return what is to be said of a result with its summaries."""
    found = (_infinite(task, result), _flat(task, result), _one_row(task, result))
    return tuple(remark for remark in found if remark is not None)


def notes_of(task: Task, result: Result) -> tuple[str, ...]:
    """Return the remarks on a result as notes of one line each."""
    group = f" in group {', '.join(result.group.values())}" if result.group else ""
    return tuple(
        f"{result.spec}{group}: {remark.text}. {remark.advice}."
        for remark in remarks_of(task, result)
    )


def _infinite(task: Task, result: Result) -> Remark | None:
    """Predictions of exactly 0 or 1 that are wrong cost infinitely much."""
    loss = task.bound.loss
    if result.per_sample is None or not result.per_sample.infinite or loss.clip is None:
        return None
    if task.bound.pred != UNIT:
        return None
    count = result.per_sample.infinite
    rows = "1 row costs" if count == 1 else f"{count} rows cost"
    at = (result.worst or (None,))[0]
    where = (None, None, None) if at is None else (at.row, at.file, at.line)
    return Remark(
        "saturated",
        f"{rows} infinitely much: a probability is exactly 0 or 1 and wrong",
        f"Write more digits, or move probabilities off 0 and 1: {loss.name}:{loss.clip}=1e-7",
        *where,
    )


def _flat(task: Task, result: Result) -> Remark | None:
    """Most rows have no gradient, though the loss is no maximum, median or step."""
    gradient, sample = result.gradient, result.per_sample
    if gradient is None or sample is None or result.n < FEW:
        return None
    if len(task.columns.pred) > 1:  # most classes of a row have no part in many a loss
        return None
    if task.bound.loss.aggregate in ("max", "median") or gradient.zero < MOST * result.n:
        return None
    if not gradient.l1 or gradient.zero == result.n:  # a step, or nothing is wrong anywhere
        return None
    share = f"{gradient.zero / result.n:.0%} of the rows have a gradient of exactly 0"
    if sample.statistics.p50 == 0.0:
        if task.bound.loss.labels == "signed":  # beyond the margin, as it should be
            return None
        advice = "Is ŷ a copy of y there? A tolerance of the loss does it too"
        return Remark("gradient", f"{share}, and cost nothing", advice)
    what = f"{share}, though they cost something"
    return Remark("gradient", what, "The loss is flat there: another one would train")


def _one_row(task: Task, result: Result) -> Remark | None:
    """One row is more than half of the whole."""
    loss = task.bound.loss
    if result.n < FEW or not result.worst or loss.signed or loss.aggregate in ("max", "median"):
        return None
    worst = result.worst[0]
    if worst.share is not None and MOST < worst.share <= 1.0:
        what = f"{worst.share:.0%} of the loss"
    elif worst.share is not None and _pull(worst.gradient, result) > MOST:
        what = f"{_pull(worst.gradient, result):.0%} of ‖g‖₁"
    else:
        return None
    place = f"line {worst.line}" if worst.line is not None else f"row {worst.row}"
    return Remark(
        "one row",
        f"{place} alone carries {what} of {result.n} rows",
        "Look at it first: a slip, or a case for a loss that outliers do not rule",
        worst.row,
        worst.file,
        worst.line,
    )


def _pull(entries: float | tuple[float, ...], result: Result) -> float:
    """Return the share that a row has of the absolute gradient."""
    total = 0.0 if result.gradient is None else result.gradient.l1
    parts = entries if isinstance(entries, tuple) else (entries,)
    return sum(map(abs, parts)) / total if total else 0.0
