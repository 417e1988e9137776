"""The pictures of a pass: what to look at for them, and what was seen.

A picture rests on rows of weight above 0. Groups are merged: it is of all rows that were scored.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.passes import Found
    from lossctl.pictures.records import Picture
    from lossctl.probe import Probe
    from lossctl.task import Task
    from lossctl.values import Sums

KINDS = ("samples",)


def sights_of(tasks: Sequence[Task], kinds: Sequence[str] = KINDS) -> dict[Hashable, Probe]:
    """Return what to look at for the pictures that suit each loss."""
    from lossctl.pictures.spread import LossSight

    found: dict[Hashable, Probe] = {}
    for index, _ in enumerate(tasks):
        if "samples" in kinds:
            found["samples", index] = LossSight(index)
    return found


def pictures_of(found: Found, index: int, files: Sequence[str]) -> tuple[Picture, ...]:
    """Return the pictures of a loss from what was seen; ``files`` are named in their titles."""
    from lossctl.pictures.spread import loss_spread

    task = found.work.tasks[index]
    pictures: list[Picture] = []
    if ("samples", index) in found.work.probes:
        part = _merged(found, "samples", index)
        if part is not None:
            pictures.append(loss_spread(task, part, _sums(found, index), files))
    return tuple(pictures)


def _merged(found: Found, kind: str, index: int) -> Any:
    """Return what was seen of all groups; None where there were no rows."""
    parts = [part for (name, _), part in found.parts.items() if name == (kind, index)]
    return reduce(add, parts) if parts else None


def _sums(found: Found, index: int) -> Sums:
    from lossctl.values import Sums

    parts = [state.sums for (at, _), state in found.states.items() if at == index]
    return reduce(Sums.join, parts)
