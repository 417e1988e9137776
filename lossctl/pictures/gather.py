"""The pictures of a pass: what to look at for them, and what was seen.

A picture rests on rows of weight above 0. Groups are merged: it is of all rows that were scored.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lossctl.binding import make_task
from lossctl.errors import UsageError
from lossctl.figures import make_result, whole_outcome
from lossctl.losses.spec import parse_specs
from lossctl.passes import Work, find, groups_of
from lossctl.pictures.gradient import GradientSight, gradient_spread, no_gradient
from lossctl.pictures.reliability import BINS, RateSight, has_rates, reliability
from lossctl.pictures.residuals import ErrorSight, has_errors, residuals
from lossctl.pictures.spread import LossSight, loss_spread
from lossctl.sources.columns import select_predicted
from lossctl.state import State
from lossctl.tables import files_of, in_files, sources_of
from lossctl.values import ORDERED, Sums, value_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.options import Options
    from lossctl.passes import Found, Watch
    from lossctl.pictures.records import GroupValues, Picture
    from lossctl.probe import Probe
    from lossctl.report import Result
    from lossctl.sources.columns import Header
    from lossctl.task import Task

Kind = Literal["samples", "residuals", "calibration", "gradient"]
KINDS: tuple[Kind, ...] = ("samples", "residuals", "calibration", "gradient")


def sights_of(
    tasks: Sequence[Task], kinds: Sequence[Kind] = KINDS, bins: int = BINS
) -> dict[Hashable, Probe]:
    """Return what to look at for the pictures that suit each loss; ``bins`` are of calibration.

    What several losses have in common, as errors, is looked at for the first of them.
    """
    found: dict[Hashable, Probe] = {}
    known: set[Hashable] = set()
    for index, task in enumerate(tasks):
        columns = (task.rows_key, task.columns.pred, str(task.bound.pred))
        again = columns in known  # errors and calibration are those of columns, not of losses
        known.add(columns)
        if "samples" in kinds:
            found["samples", index] = LossSight(index)
        if "residuals" in kinds and not again and has_errors(task):
            found["residuals", index] = ErrorSight(index)
        if "calibration" in kinds and not again and has_rates(task):
            found["calibration", index] = RateSight(index, task, bins)
        if "gradient" in kinds and not no_gradient(task):
            found["gradient", index] = GradientSight(index, task)
    return found


def pictures_of(found: Found, index: int, files: Sequence[str]) -> tuple[Picture, ...]:
    """Return the pictures of a loss from what was seen; ``files`` are named in their titles."""
    task = found.work.tasks[index]
    pictures: list[Picture] = []
    for kind in KINDS:
        parts = [part for (name, _), part in found.parts.items() if name == (kind, index)]
        if not parts:
            continue
        seen: Any = reduce(add, parts)
        match kind:
            case "samples":
                pictures.append(loss_spread(task, seen, _sums(found, index), files))
            case "residuals":
                pictures.append(residuals(task, seen, files))
            case "calibration":
                pictures.append(reliability(task, seen, files))
            case "gradient":
                outcome = whole_outcome(task, State(sums=_sums(found, index)))
                pictures.append(gradient_spread(task, seen, outcome.scale, files))
    return tuple(pictures)


def _sums(found: Found, index: int) -> Sums:
    """Return the sums of all groups."""
    return reduce(Sums.join, (found.states[index, group].sums for group in groups_of(found, index)))


def groups_picture(
    found: Found, index: int, results: Sequence[Result], files: Sequence[str]
) -> GroupValues:
    """Return the picture of the groups of a loss from their results."""
    from lossctl.pictures.groups import group_values

    task = found.work.tasks[index]
    several = task.whole or task.bound.loss.aggregate in ORDERED  # no sums make their value
    overall = None if several else value_of(task, _sums(found, index))
    return group_values(task, results, found.work.by, overall, files)


class Taken(NamedTuple):
    """A picture, and what the reader should know of the rows and is no error."""

    picture: Picture
    notes: tuple[str, ...]


def take(
    data: Any,
    loss: str | None,
    kind: Kind,
    options: Options,
    watch: Watch | None = None,
    bins: int = BINS,
) -> Taken:
    """Return a picture of one loss over the data, from one pass that does no more than it needs.

    Without a loss, probabilities are those of ``bce`` in one column and of ``cce`` in several.
    Raises UsageError where the loss has no picture of that kind, and what reading raises.
    """
    specs = parse_specs(loss) if loss is not None else ()
    if loss is not None and len(specs) != 1:
        raise UsageError(f"plot {kind} draws one loss, got {len(specs)}")
    data = sources_of(data, options)

    def make(header: Header) -> tuple[Work]:
        (spec,) = specs or parse_specs(_likely(header, options))
        tasks = (make_task(spec, header, options),)
        check_suits(tasks[0], kind)
        return (Work(tasks, probes=sights_of(tasks, (kind,), bins)),)

    again = any(spec.bound.loss.aggregate == "median" for spec in specs)
    (found,), _ = find(data, options, make, watch, again=again)
    task = found.work.tasks[0]
    with in_files(data):
        result = make_result(task, found.states[0, ()], None, False, worst=0)
    (picture,) = pictures_of(found, 0, files_of(data))
    return Taken(picture, result.notes)


def _likely(header: Header, options: Options) -> str:
    several = options.pred is not None and len(select_predicted(header, options.pred).names) > 1
    return "cce" if several else "bce"


def check_suits(task: Task, kind: Kind) -> None:
    """Raise UsageError where a loss and its columns have no picture of a kind."""
    name = task.bound.loss.name
    if kind == "gradient" and (why := no_gradient(task)):
        raise UsageError(f"plot gradient: {name} {why}")
    if kind == "residuals" and not has_errors(task):
        k = len(task.columns.pred)
        raise UsageError(
            f"plot residuals compares one column of numbers with y, got {k}: name one by -p"
        )
    if kind == "calibration" and not has_rates(task):
        raise UsageError(
            f"plot calibration: the predictions of {name} are no probabilities of a label, nor"
            " logits of them. Give --loss bce, cce, bce_with_logits or cce_with_logits"
        )
