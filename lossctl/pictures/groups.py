"""The value of every group beside that of all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lossctl.losses.registry import Loss
from lossctl.pictures.records import About, Group, GroupValues, count_text, number_text, place_text
from lossctl.pictures.units import unit_of
from lossctl.report import Interval, Result
from lossctl.task import Task

MOST = 40  # groups of a picture


def group_values(
    task: Task,
    results: Sequence[Result],
    by: Sequence[str],
    overall: float | None,
    files: Sequence[str],
) -> GroupValues:
    """Return the picture of the results of the groups of one loss."""
    loss = task.bound.loss
    groups = [_group(result) for result in results]
    groups.sort(key=lambda group: _badness(group.value, loss), reverse=True)
    shown, hidden = groups[:MOST], len(groups) - MOST
    n = count_text(sum(group.n for group in groups))
    spec = task.bound.spec
    unit = unit_of(task.bound)
    named = f"{spec}, {unit}," if unit else spec
    title = f"{named} by {', '.join(by)}, n = {n}{place_text(files)}"
    levels = [result.interval.level for result in results if isinstance(result.interval, Interval)]
    level = levels[0] if levels else None
    text = _words(groups, max(0, hidden), overall, level)
    about = About(title, text, spec)
    return GroupValues(about, unit, level, tuple(shown), max(0, hidden), overall)


def _badness(value: float, loss: Loss) -> float:
    """Return what is larger the worse a value is; of a lean, either way is as bad."""
    if math.isnan(value):
        return math.inf
    if not loss.ordered:
        return abs(value)
    return -value if loss.higher_is_better else value


def _group(result: Result) -> Group:
    found = result.interval
    ends = (found.low, found.high) if isinstance(found, Interval) else (None, None)
    return Group(", ".join((result.group or {}).values()), result.n, result.value, *ends)


def _words(groups: Sequence[Group], hidden: int, overall: float | None, level: float | None) -> str:
    worst, best = (
        f"{group.name} ({number_text(group.value)}, n = {count_text(group.n)})"
        for group in (groups[0], groups[-1])
    )
    text = f"Worst is {worst}, best {best}" if len(groups) > 1 else f"There is one group, {worst}"
    text += "." if overall is None else f"; all rows together have {number_text(overall)}."
    if overall is not None and level is not None and len(groups) > 1:
        beyond = sum(
            group.low is not None
            and group.high is not None
            and not group.low <= overall <= group.high
            for group in groups
        )
        text += (
            f" Of {len(groups)} groups, {beyond} have a {level:g} % interval without that value."
        )
    if hidden:
        text += f" {count_text(hidden)} better groups are left out."
    return text
