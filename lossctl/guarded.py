"""What guards look at in a pass: of each loss that is to be trusted, and what they then say.

A model that has collapsed, or is worse than a constant, is seen over all rows together: a constant
fits a group of a row or two exactly, and a group where the prediction never changes is common.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from lossctl import guards
from lossctl.figures import whole_outcome
from lossctl.floor import floor_of
from lossctl.floor import probe_of as constant_probe
from lossctl.moves import Extremes, Reach

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
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


def broken(found: Found, index: int, values: Mapping[Group, float], who: str) -> Iterator[Guard]:
    """Yield the guards that a loss breaks, given its values over the groups."""
    for group, value in values.items():
        yield from filter(
            None, [guards.finite(value, f"{who} [{', '.join(group)}]" if group else who)]
        )
    reach = _together(found, _reach(found.work.tasks[index]), values)
    yield from filter(None, [guards.constant(reach or Extremes(), who)])
    yield from _worse(found, index, values, who)


def _worse(found: Found, index: int, values: Mapping[Group, float], who: str) -> Iterator[Guard]:
    """Yield the guard against a value over all rows that the best constant beats."""
    task = found.work.tasks[index]
    probe = constant_probe(task, index)
    part = None if probe is None else _together(found, probe.key, values)
    floor = None if part is None else floor_of(task, part)
    if floor is None:
        return
    if len(values) == 1:
        (value,) = values.values()
    else:
        states = [found.states[index, group] for group in values]
        value = whole_outcome(task, reduce(add, states)).value
    higher = task.bound.loss.higher_is_better
    yield from filter(None, [guards.worse_than_constant(value, floor, higher, who)])


def _together(found: Found, key: Hashable, groups: Iterable[Group]) -> Any:
    """Return what a probe found in some groups, merged; None where it found nothing."""
    parts = [found.parts[key, group] for group in groups if (key, group) in found.parts]
    return reduce(add, parts) if parts else None
