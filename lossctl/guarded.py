"""What guards look at in a pass: of each loss that is to be trusted, and what they then say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl import guards
from lossctl.floor import floor_of
from lossctl.floor import probe_of as constant_probe
from lossctl.moves import Extremes, Reach

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
    from lossctl.report import Floor
    from lossctl.task import Task
    from lossctl.verdicts import Guard


def probes_of(tasks: Sequence[Task], index: int) -> dict[Hashable, Probe]:
    """Return what is looked at of a loss; what losses share has the same key."""
    found: dict[Hashable, Probe] = {_reach(tasks[index]): Reach(index)}
    constant = constant_probe(tasks[index], index)
    if constant is not None:
        found[constant.key] = constant
    return found


def _reach(task: Task) -> Hashable:
    return ("reach", task.columns.pred, task.rules.normalize, task.rows_key)


def floor_found(found: Found, index: int, group: Group) -> Floor | None:
    """Return the floor of a loss over a group, None where there is none."""
    task = found.work.tasks[index]
    probe = constant_probe(task, index)
    part = None if probe is None else found.parts.get((probe.key, group))
    return None if part is None else floor_of(task, part)


def broken(found: Found, index: int, group: Group, value: float, who: str) -> Iterator[Guard]:
    """Yield the guards that a loss breaks over a group."""
    task = found.work.tasks[index]
    where = f"{who} [{', '.join(group)}]" if group else who
    higher = task.bound.loss.higher_is_better
    seen = (
        guards.constant(found.parts.get((_reach(task), group), Extremes()), where),
        guards.finite(value, where),
        guards.worse_than_constant(value, floor_found(found, index, group), higher, where),
    )
    yield from filter(None, seen)
