"""Passes over a table: the state of every loss and group, in one pass where the maths allows it.

The median of more than 2²⁰ rows, and a gradient whose slopes are taken from their own mean, take
another pass, which begins with what the one before has found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lossctl.binding import make_task, wants_of
from lossctl.engines.local import run
from lossctl.errors import InputError
from lossctl.figures import make_result, whole_outcome
from lossctl.order import Medians, settle
from lossctl.scoring import NO_MARKS, check_marks, score
from lossctl.sources.columns import select, select_predicted
from lossctl.sources.streams import display_name, identity
from lossctl.state import Focus, Plan, State, summarise, summarise_groups, sums_of
from lossctl.tables import header_of, in_files, open_table, paths_of, prepare, rereadable
from lossctl.values import CENTRED, centre_of

if TYPE_CHECKING:
    from lossctl.batch import Batch
    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.report import Gradient
    from lossctl.scoring import Scores
    from lossctl.sources.table import Counts, Want
    from lossctl.task import Task
    from lossctl.values import Outcome, Sums

Part = TypeVar("Part")
Group = tuple[str, ...]
Key = tuple[int, Group]
States = dict[Key, State]
Watch = Callable[[float | None, int], None]


def identities(source: Any) -> list[object]:
    """Return what tells that files are still the same ones; nothing for tables in memory."""
    return [identity(path) for path in paths_of(source) or ()]


def changed(source: Any) -> InputError:
    """Return the error for data that differ from one pass to the next."""
    names = " ".join(display_name(path) for path in paths_of(source) or ())
    return InputError("changed between the two passes over it", file=names or None)


def states_of(
    data: Any,
    specs: Sequence[Spec],
    plan: Plan,
    options: Options,
    watch: Watch | None = None,
    also: str | None = None,
) -> tuple[list[Task], tuple[str, ...], States, Counts]:
    """Return the tasks, the columns of the groups, every state, and how many rows were read.

    ``also`` selects further columns of numbers, without which a row does not count.
    """
    again = any(_may_need_more(spec, plan) for spec in specs)
    with rereadable(data, options) if again else nullcontext(data) as source:
        before = identities(source) if again else []
        with open_table(source, options) as table:
            header = header_of(table, options)
            tasks = [make_task(spec, header, options) for spec in specs]
            by = tuple(name for selector in options.by for name in select(header, selector).names)
            numbers = () if also is None else select_predicted(header, also).names
            wants = wants_of(table.names, tasks, by, numbers=numbers)
            states, counts = one_pass(table, tasks, by, plan, options, wants, {}, watch)
        foci = _unsettled(tasks, states, plan)
        while foci:
            with open_table(source, options) as table:
                found, seen = one_pass(table, tasks, by, plan, options, wants, foci)
            same = all(key in found and found[key].sums == states[key].sums for key in foci)
            if seen != counts or not same or identities(source) != before:
                raise changed(source)
            for key in foci:
                states[key] = _settled(tasks[key[0]], states[key], found[key])
            try:
                foci = _unsettled(tasks, states, plan)
            except LookupError:  # the median is not where the pass before saw it
                raise changed(source) from None
    return tasks, by, states, counts


VALUE_ONLY = Plan()


class Whole(NamedTuple):
    """What a first pass found of one loss: what a second one over the same rows goes by."""

    task: Task
    state: State
    outcome: Outcome
    counts: Counts
    notes: tuple[str, ...]
    identities: list[object]
    gradient: Gradient | None = None


def first_pass(
    source: Any,
    spec: Spec,
    options: Options,
    plan: Plan = VALUE_ONLY,
    also: str | None = None,
) -> Whole:
    """Return the totals of one loss, or raise InputError where there are none."""
    before = identities(source)
    tasks, _, states, counts = states_of(source, [spec], plan, options, also=also)
    task, state = tasks[0], states[0, ()]
    with in_files(source):
        result = make_result(task, state, None, plan.summaries, worst=0)
    outcome = whole_outcome(task, state)
    return Whole(task, state, outcome, counts, result.notes, before, result.gradient)


def second_pass(
    source: Any,
    whole: Whole,
    options: Options,
    wants: tuple[Want, ...],
    work: Callable[[Scores], Part],
) -> Iterator[Part]:
    """Give what ``work`` makes of the scores of every block, in order.

    At the end the sums must be those of the first pass, or the data have changed.
    """
    task, state = whole.task, whole.state

    def scored(batch: Batch) -> tuple[Part, Sums]:
        scores = score(task, batch)
        return work(scores), sums_of(task, scores)

    sums = State().sums
    with open_table(source, options) as table:
        threads = prepare(table, wants, options)
        for part, again in run(table, scored, threads):
            sums = sums.join(again)
            yield part
        same = identities(source) == whole.identities
        if table.finish() != whole.counts or sums != state.sums or not same:
            raise changed(source)


def one_pass(
    table: Any,
    tasks: Sequence[Task],
    by: tuple[str, ...],
    plan: Plan,
    options: Options,
    wants: tuple[Want, ...],
    foci: Mapping[Key, Focus],
    watch: Watch | None = None,
) -> tuple[States, Counts]:
    """Return the states over the whole table: of all tasks, or of those in ``foci``."""
    threads = prepare(table, wants, options)
    states: States = {}
    chosen = {index: task for index, task in enumerate(tasks) if _takes_part(index, foci)}
    if not by:
        states.update(((index, ()), State()) for index in chosen)
    placed = None if watch is None else lambda: watch(table.progress, table.rows)
    for part in run(table, partial(_summaries, chosen, by, plan, foci), threads, placed):
        for key, state in part.items():
            states[key] = states[key] + state if key in states else state
    counts = table.finish()
    for index in chosen:
        marks = NO_MARKS
        for key, state in states.items():
            marks = marks.join(state.marks) if key[0] == index else marks
        check_marks(marks)
    return states, counts


def _takes_part(index: int, foci: Mapping[Key, Focus]) -> bool:
    return not foci or any(at == index for at, _ in foci)


def _summaries(
    tasks: Mapping[int, Task],
    by: tuple[str, ...],
    plan: Plan,
    foci: Mapping[Key, Focus],
    batch: Batch,
) -> States:
    """Return the states of a batch for every task and group in it."""
    if not by:
        return {
            (index, ()): summarise(task, plan, batch, _focus(task, foci, (index, ())))
            for index, task in tasks.items()
        }
    if not batch.size:
        return {}
    codes = np.zeros(batch.size, dtype=np.intp)
    for name in by:
        column = batch.texts[name]
        codes = np.unique(codes * len(column.names) + column.codes, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    edges = np.append(np.flatnonzero(np.diff(codes[order])) + 1, len(order)).tolist()
    ordered = batch.take(order)
    groups = [tuple(ordered.texts[name].cell(edge - 1) for name in by) for edge in edges]
    states: States = {}
    for index, task in tasks.items():
        keys = [(index, group) for group in groups]
        looks = [_focus(task, foci, key) for key in keys]
        found = summarise_groups(task, plan, ordered, edges, looks)
        states.update(zip(keys, found, strict=True))
    return states


def _focus(task: Task, foci: Mapping[Key, Focus], key: Key) -> Focus:
    """Return what is known of a group before the pass; in the first one, that is nothing."""
    if key in foci:
        return foci[key]
    return Focus(centre=None if task.bound.loss.aggregate in CENTRED else 0.0)


def _may_need_more(spec: Spec, plan: Plan) -> bool:
    aggregate = spec.bound.loss.aggregate
    return aggregate == "median" or (aggregate in CENTRED and _shows_gradients(plan))


def _shows_gradients(plan: Plan) -> bool:
    return plan.summaries or plan.worst > 0


def _unsettled(tasks: Sequence[Task], states: States, plan: Plan) -> dict[Key, Focus]:
    """Return what another pass has to look at."""
    foci = {}
    for key, state in states.items():
        aggregate = tasks[key[0]].bound.loss.aggregate
        if not state.sums.weight.units:
            continue
        if aggregate == "median":
            found = settle(state.orders, state.sums.weight.units)
            if not isinstance(found, Medians):
                foci[key] = Focus(brackets=found)
        elif aggregate in CENTRED and _shows_gradients(plan) and not state.centred:
            foci[key] = Focus(centre=centre_of(state.sums))
    return foci


def _settled(task: Task, before: State, found: State) -> State:
    """Return the state of a pass together with what the next one found."""
    if task.bound.loss.aggregate == "median":
        return replace(before, orders=found.orders)
    return replace(found, centred=True)
