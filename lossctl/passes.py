"""Passes over a table: the state of every loss and group, in one pass where the maths allows it.

The median of more than 2²⁰ rows, and a gradient whose slopes are taken from their own mean, take
another pass, which begins with what the one before has found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lossctl.binding import make_task, wants_of
from lossctl.engines.local import run
from lossctl.errors import InputError
from lossctl.figures import make_result, whole_outcome
from lossctl.order import Medians, settle
from lossctl.probe import NO_PROBES, Probes
from lossctl.scoring import NO_MARKS, check_marks, score
from lossctl.sources.columns import select_all, select_predicted
from lossctl.sources.streams import display_name, identity
from lossctl.state import Focus, Plan, State, summarise_groups, sums_of
from lossctl.tables import header_of, in_files, open_table, paths_of, prepare, rereadable
from lossctl.values import CENTRED, centre_of

if TYPE_CHECKING:
    from lossctl.batch import Batch
    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.report import Gradient
    from lossctl.scoring import Scores
    from lossctl.sources.columns import Header
    from lossctl.sources.table import Counts, Want
    from lossctl.task import Task
    from lossctl.values import Outcome, Sums

Part = TypeVar("Part")
Group = tuple[str, ...]
Key = tuple[int, Group]
States = dict[Key, State]
Parts = dict[tuple[Hashable, Group], Any]
Watch = Callable[[float | None, int], None]
VALUE_ONLY = Plan()


def identities(source: Any) -> list[object]:
    """Return what tells that files are still the same ones; nothing for tables in memory."""
    return [identity(path) for path in paths_of(source) or ()]


def changed(source: Any) -> InputError:
    """Return the error for data that differ from one pass to the next."""
    names = " ".join(display_name(path) for path in paths_of(source) or ())
    return InputError("changed between the two passes over it", file=names or None)


class Work(NamedTuple):
    """What a pass is to find: losses, by group or not, and what else is looked at.

    ``texts`` and ``numbers`` are columns that are read besides, as text and as numbers; a row that
    lacks one of them does not count. ``keys`` are columns that say which row it is.
    """

    tasks: tuple[Task, ...]
    by: tuple[str, ...] = ()
    plan: Plan = VALUE_ONLY
    probes: Probes = NO_PROBES
    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class Found(NamedTuple):
    """What was found of some work: a state by loss and group, a part by probe and group."""

    work: Work
    states: States
    parts: Parts


def find(
    data: Any,
    options: Options,
    make: Callable[[Header], Sequence[Work]],
    watch: Watch | None = None,
    *,
    again: bool = True,
) -> tuple[list[Found], Counts]:
    """Return what some works find in the data, in one pass where the maths allows it.

    ``make`` is given the columns. ``again`` says whether more passes may be needed, for which a
    pipe is kept.
    """
    with rereadable(data, options) if again else nullcontext(data) as source:
        before = identities(source) if again else []
        with open_table(source, options) as table:
            works = list(make(header_of(table, options)))
            wants = wants_of_works(table.names, works)
            found, counts = one_pass(table, works, [{} for _ in works], options, wants, watch)
        foci = [_unsettled(part) for part in found]
        while any(foci):
            with open_table(source, options) as table:
                more, seen = one_pass(table, works, foci, options, wants)
            same = all(
                key in new.states and new.states[key].sums == old.states[key].sums
                for old, new, looks in zip(found, more, foci, strict=True)
                for key in looks
            )
            if seen != counts or not same or identities(source) != before:
                raise changed(source)
            for old, new, looks in zip(found, more, foci, strict=True):
                for key in looks:
                    task = old.work.tasks[key[0]]
                    old.states[key] = _settled(task, old.states[key], new.states[key])
            try:
                foci = [_unsettled(part) for part in found]
            except LookupError:  # the median is not where the pass before saw it
                raise changed(source) from None
    return found, counts


def states_of(
    data: Any,
    specs: Sequence[Spec],
    plan: Plan,
    options: Options,
    watch: Watch | None = None,
    also: str | None = None,
    probes: Callable[[Sequence[Task], Sequence[str]], Probes] = lambda *_: NO_PROBES,
    texts: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> tuple[Found, Counts]:
    """Return what is found of some losses, and how many rows were read.

    ``also`` selects further columns of numbers, without which a row does not count; ``probes``
    makes what else is looked at, for which the columns that ``texts`` select are read as well, and
    the key columns ``keys``.
    """

    def make(header: Header) -> tuple[Work]:
        tasks = tuple(make_task(spec, header, options) for spec in specs)
        by, more = (select_all(header, selectors) for selectors in (options.by, texts))
        numbers = () if also is None else select_predicted(header, also).names
        named = select_all(header, keys)
        return (Work(tasks, by, plan, probes(tasks, more), more, numbers, named),)

    again = any(_may_need_more(spec, plan) for spec in specs)
    (found,), counts = find(data, options, make, watch, again=again)
    return found, counts


def groups_of(found: Found, index: int) -> list[Group]:
    """Return the groups of a loss as they are listed: numbers as numbers, then text."""
    return sorted((group for at, group in found.states if at == index), key=_natural)


def _natural(group: Group) -> tuple[tuple[int, float, str], ...]:
    keys = []
    for name in group:
        try:
            keys.append((0, float(name), name))
        except ValueError:
            keys.append((1, 0.0, name))
    return tuple(keys)


def wants_of_works(names: tuple[str, ...], works: Sequence[Work]) -> tuple[Want, ...]:
    """Return every column that has to be read for some works."""
    tasks = [task for work in works for task in work.tasks]
    texts = tuple(name for work in works for name in (*work.by, *work.texts))
    numbers = tuple(name for work in works for name in work.numbers)
    keys = tuple(dict.fromkeys(name for work in works for name in work.keys))
    return wants_of(names, tasks, texts, numbers=numbers, keys=keys)


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
    found, counts = states_of(source, [spec], plan, options, also=also)
    task, state = found.work.tasks[0], found.states[0, ()]
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
    works: Sequence[Work],
    foci: Sequence[Mapping[Key, Focus]],
    options: Options,
    wants: tuple[Want, ...],
    watch: Watch | None = None,
) -> tuple[list[Found], Counts]:
    """Return what some works find in the whole table: all of it, or only what ``foci`` name."""
    threads = prepare(table, wants, options)
    first = not any(foci)
    chosen = [_chosen(work, looks, first=first) for work, looks in zip(works, foci, strict=True)]
    found = [Found(work, {}, {}) for work in works]
    for part, tasks in zip(found, chosen, strict=True):
        if not part.work.by:
            part.states.update(((index, ()), State()) for index in tasks)

    def look(batch: Batch) -> list[tuple[States, Parts]]:
        return [
            _summaries(work, tasks, looks, batch) if tasks or first else ({}, {})
            for work, tasks, looks in zip(works, chosen, foci, strict=True)
        ]

    placed = None if watch is None else lambda: watch(table.progress, table.rows)
    for batch_found in run(table, look, threads, placed):
        for part, (states, parts) in zip(found, batch_found, strict=True):
            _merge(part.states, states)
            _merge(part.parts, parts)
    counts = table.finish()
    for part, tasks in zip(found, chosen, strict=True):
        for index in tasks:
            marks = NO_MARKS
            for key, state in part.states.items():
                marks = marks.join(state.marks) if key[0] == index else marks
            check_marks(marks)
    return found, counts


def _merge(known: dict[Any, Any], more: Mapping[Any, Any]) -> None:
    for key, part in more.items():
        known[key] = known[key] + part if key in known else part


def _chosen(work: Work, foci: Mapping[Key, Focus], *, first: bool) -> dict[int, Task]:
    """Return the losses that take part in a pass, by their index."""
    names = {index for index, _ in foci}
    return {index: task for index, task in enumerate(work.tasks) if first or index in names}


def _summaries(
    work: Work, tasks: Mapping[int, Task], foci: Mapping[Key, Focus], batch: Batch
) -> tuple[States, Parts]:
    """Return the states of a batch for every task and group in it, and the parts of probes."""
    probes = NO_PROBES if foci else work.probes
    groups: list[Group] = [()]
    edges = [batch.size]
    if work.by:
        if not batch.size:
            return {}, {}
        codes = np.zeros(batch.size, dtype=np.intp)
        for name in work.by:
            column = batch.texts[name]
            codes = np.unique(codes * len(column.names) + column.codes, return_inverse=True)[1]
        order = np.argsort(codes, kind="stable")
        edges = np.append(np.flatnonzero(np.diff(codes[order])) + 1, len(order)).tolist()
        batch = batch.take(order)
        groups = [tuple(batch.texts[name].cell(edge - 1) for name in work.by) for edge in edges]
    looks = {
        (index, at): _focus(task, foci, (index, group))
        for index, task in tasks.items()
        for at, group in enumerate(groups)
    }
    found = summarise_groups(tasks, work.plan, probes, batch, edges, looks)
    return (
        {(index, groups[at]): state for (index, at), state in found.states.items()},
        {(name, groups[at]): part for (name, at), part in found.parts.items()},
    )


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


def _unsettled(found: Found) -> dict[Key, Focus]:
    """Return what another pass has to look at."""
    foci = {}
    for key, state in found.states.items():
        aggregate = found.work.tasks[key[0]].bound.loss.aggregate
        if not state.sums.weight.units:
            continue
        if aggregate == "median":
            medians = settle(state.orders, state.sums.weight.units)
            if not isinstance(medians, Medians):
                foci[key] = Focus(brackets=medians)
        elif aggregate in CENTRED and _shows_gradients(found.work.plan) and not state.centred:
            foci[key] = Focus(centre=centre_of(state.sums))
    return foci


def _settled(task: Task, before: State, found: State) -> State:
    """Return the state of a pass together with what the next one found."""
    if task.bound.loss.aggregate == "median":
        return replace(before, orders=found.orders)
    return replace(found, centred=True)
