"""What guards look at in a pass: of each loss that is to be trusted, and what they then say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl import guards
from lossctl.moves import Extremes, Reach

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
    from lossctl.task import Task
    from lossctl.verdicts import Guard


def probes_of(tasks: Sequence[Task], index: int) -> dict[Hashable, Probe]:
    """Return what is looked at of a loss; what losses share has the same key."""
    return {_reach(tasks[index]): Reach(index)}


def _reach(task: Task) -> Hashable:
    return ("reach", task.columns.pred, task.rules.normalize, task.rows_key)


def broken(found: Found, index: int, group: Group, value: float, who: str) -> Iterator[Guard]:
    """Yield the guards that a loss breaks over a group."""
    task = found.work.tasks[index]
    where = f"{who} [{', '.join(group)}]" if group else who
    seen = (
        guards.constant(found.parts.get((_reach(task), group), Extremes()), where),
        guards.finite(value, where),
    )
    yield from filter(None, seen)
