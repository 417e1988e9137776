"""The mergeable state of one loss: sums, extremes, quantiles and worst rows.

A state is a frozen value; ``State()`` is the identity of ``+``; the order of merging makes no
difference, to the last bit. ``summarise`` makes the state of some rows, and everything else is
derived from those two. Only what the plan asks for is computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.batch import Text
from lossctl.exact import ONE, ExactSum, grouped_units, product_total, total
from lossctl.losses.rows import times
from lossctl.order import Bracket, Order
from lossctl.probe import NO_PROBES, Probes
from lossctl.scoring import NO_MARKS, Marks, Scores, Touched, score, truth_column
from lossctl.summary import Peak, Signs, Summary
from lossctl.task import Task
from lossctl.values import ORDERED, Sums, extra_sums, pull_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from lossctl.batch import Batch
    from lossctl.losses.registry import Slope

    Floats = NDArray[np.float64]

# Numbers that pass through numpy at a time: near in the cache, and enough that threads seldom
# wait for one another.
SLICE = 1 << 16


class Plan(NamedTuple):
    """What the output asks for beyond the value."""

    summaries: bool = False
    worst: int = 0
    batch_size: int | None = None


class Focus(NamedTuple):
    """What a further pass takes from the ones before.

    ``centre`` is what slopes are taken from; None while it is not known, and gradients are left
    out until it is. ``brackets`` are where the median lies.
    """

    centre: float | None = 0.0
    brackets: tuple[Bracket, ...] = (Bracket(),)


FIRST_LOOK = Focus()


class WorstRow(NamedTuple):
    """A row that costs much: where it is, what the file holds, what it cost.

    ``slope`` is weighted: w·s, one entry an output.
    """

    row: int
    file: str | None
    line: int | None
    y: object
    pred: object
    loss: float
    weighted: float
    slope: tuple[float, ...]

    @property
    def order(self) -> tuple[float, int]:
        """Worst first; ties by row number."""
        return (-self.weighted, self.row)


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of one loss over the rows seen so far.

    ``pred_mass`` and ``y_mass`` are Σŷ and Σy where a column is one distribution. ``marks`` say
    where labels of either convention stand first, ``centred`` that gradients were taken from their
    mean in a second pass.
    ``sums`` are Σw, Σwℓ and what else the value takes; ``batches`` maps a mini-batch to its own.
    ``orders`` and ``peak`` are of the errors, where the value is a median or the largest.
    """

    rows: int = 0
    sums: Sums = field(default_factory=lambda: Sums(ExactSum(), ExactSum()))
    per_sample: Summary = field(default_factory=Summary)
    gradient: Summary = field(default_factory=Summary)
    signs: Signs = field(default_factory=Signs)
    worst: tuple[WorstRow, ...] = ()
    limit: int = 0
    touched: Touched = field(default_factory=Touched)
    pred_mass: ExactSum = field(default_factory=ExactSum)
    y_mass: ExactSum = field(default_factory=ExactSum)
    batches: Mapping[int, Sums] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    peak: Peak = field(default_factory=Peak)
    marks: Marks = NO_MARKS
    centred: bool = False

    def __add__(self, other: State) -> State:
        """Merge two states; the order does not matter."""
        limit = max(self.limit, other.limit)
        worst = self.worst + other.worst
        return State(
            rows=self.rows + other.rows,
            sums=self.sums.join(other.sums),
            per_sample=self.per_sample + other.per_sample,
            gradient=self.gradient + other.gradient,
            signs=self.signs + other.signs,
            worst=tuple(sorted(worst, key=lambda row: row.order)[:limit]),
            limit=limit,
            touched=self.touched + other.touched,
            pred_mass=self.pred_mass + other.pred_mass,
            y_mass=self.y_mass + other.y_mass,
            batches=_merged(self.batches, other.batches),
            orders=_paired(self.orders, other.orders),
            peak=self.peak + other.peak,
            marks=self.marks.join(other.marks),
            centred=self.centred or other.centred,
        )


def _merged(a: Mapping[int, Sums], b: Mapping[int, Sums]) -> Mapping[int, Sums]:
    if not a or not b:
        return a or b
    joined = dict(a)
    for number, sums in b.items():
        joined[number] = joined[number].join(sums) if number in joined else sums
    return joined


def _paired(a: tuple[Order, ...], b: tuple[Order, ...]) -> tuple[Order, ...]:
    if not a or not b:
        return a or b
    return tuple(left + right for left, right in zip(a, b, strict=True))


def summarise(task: Task, plan: Plan, batch: Batch, focus: Focus = FIRST_LOOK) -> State:
    """Return the state of some rows."""
    found = summarise_groups({0: task}, plan, NO_PROBES, batch, (batch.size,), {(0, 0): focus})
    return found.states[0, 0]


class Summaries(NamedTuple):
    """States by loss and group, and the parts that probes found by their key and group."""

    states: dict[tuple[int, int], State]
    parts: dict[tuple[Hashable, int], Any]


def summarise_groups(
    tasks: Mapping[int, Task],
    plan: Plan,
    probes: Probes,
    batch: Batch,
    edges: Sequence[int],
    foci: Mapping[tuple[int, int], Focus],
) -> Summaries:
    """Return what is found of groups of consecutive rows; group i ends where edges[i] says.

    All rows are scored together, which is what makes many small groups cheap. ``foci`` have an
    entry for every loss and group that is to be looked at.
    """
    states = {key: State(limit=plan.worst) for key in foci}
    parts: dict[tuple[Hashable, int], Any] = {}
    widest = max((len(task.columns.pred) for task in tasks.values()), default=1)
    step = max(1, SLICE // max(1, widest))
    group = 0

    def add(index: int, group: int, piece: Scores) -> None:
        key = (index, group)
        if key in states:
            found = _summary_of(tasks[index], plan, piece, states[key], foci[key])
            states[key] += found

    for start in range(0, batch.size, step):
        stop = min(start + step, batch.size)
        rows = batch.part(start, stop)
        whole = edges[group] >= stop
        scores = {}
        for index, task in tasks.items():
            scores[index] = score(task, rows)
            if whole:  # the losses are summed while they are near in the cache
                add(index, group, scores[index])
        slopes = {index: cache(found.slope) for index, found in scores.items()}
        first = start
        while first < stop:
            end = min(edges[group], stop)
            pieces = scores
            if not whole:
                pieces = {
                    # what was touched is counted, and left out, in the group's own rows
                    index: score(task, batch.part(first, end))
                    if scores[index].touched != NOTHING
                    else _piece(scores[index], slopes[index], first - start, end - start)
                    for index, task in tasks.items()
                }
                for index, piece in pieces.items():
                    add(index, group, piece)
            for name, probe in probes.items():
                part = probe.look(list(pieces.values()))
                known = parts.get((name, group))
                parts[name, group] = part if known is None else known + part
            first = end
            group += end == edges[group]
    return Summaries(states, parts)


NOTHING = Touched()


def _piece(scores: Scores, slope: Slope, start: int, stop: int) -> Scores:
    """Return some of the rows that were scored; the marks of all go with the first."""
    cut = _cut(scores, start, stop)
    return cut._replace(
        batch=scores.batch.part(start, stop),
        slope=lambda: slope()[start:stop],
        marks=NO_MARKS if start else scores.marks,
    )


def _cut(scores: Scores, start: int, stop: int) -> Scores:
    """Return what the sums of some rows are made of."""
    rows = slice(start, stop)
    return scores._replace(
        loss=scores.loss[rows],
        weight=None if scores.weight is None else scores.weight[rows],
        y=None if scores.y is None else scores.y[rows],
        pred=scores.pred[rows],
    )


def _summary_of(task: Task, plan: Plan, scores: Scores, before: State, focus: Focus) -> State:
    loss, weight = scores.loss, scores.weight
    rows = len(loss)
    aggregate = task.bound.loss.aggregate
    state = State(
        rows=rows,
        sums=sums_of(task, scores),
        limit=plan.worst,
        touched=scores.touched,
        marks=scores.marks,
    )
    if task.whole:
        y_mass = ExactSum() if scores.y is None else total(scores.y.astype(np.float64))
        state = replace(state, pred_mass=total(scores.pred), y_mass=y_mass)
    if plan.batch_size:
        state = replace(state, batches=_mini_batches(plan.batch_size, task, scores))
    if aggregate in ORDERED:
        state = _ordered(task, state, scores, focus)
    if plan.summaries or plan.worst:
        if plan.summaries:
            counted = loss if weight is None else loss[weight > 0.0]
            state = replace(state, per_sample=Summary.of(counted))
        if focus.centre is None:
            return state
        pull = pull_of(task, scores, focus.centre)
        if plan.summaries and aggregate not in ORDERED:
            entries = pull.ravel(order="K")
            state = replace(state, gradient=Summary.of(entries), signs=Signs.of(entries))
        if plan.worst:
            state = replace(state, worst=_worst(task, plan.worst, scores, pull, before))
    return state


def sums_of(task: Task, scores: Scores) -> Sums:
    """Return the sums of some rows."""
    loss, weight = scores.loss, scores.weight
    extra = extra_sums(task, scores)
    if weight is None:
        return Sums(ExactSum(len(loss) * ONE), total(loss), extra)
    return Sums(total(weight), product_total(weight, loss), extra)


def _ordered(task: Task, state: State, scores: Scores, focus: Focus) -> State:
    """Return the state with the errors of the rows that count, by size."""
    e = np.copysign(scores.loss, scores.slope())  # of ℓ = |e| and its sign
    weight = scores.weight
    if weight is not None:
        counts = weight > 0.0
        e, weight = e[counts], weight[counts]
    e = np.where(e == 0.0, 0.0, e)
    if task.bound.loss.aggregate == "max":
        return replace(state, peak=Peak.of(e))
    return replace(state, orders=tuple(Order.of(at, e, weight) for at in focus.brackets))


def _mini_batches(size: int, task: Task, scores: Scores) -> dict[int, Sums]:
    """Return the sums of every mini-batch of ``size`` rows in the order of the file."""
    numbers = (scores.batch.row_numbers() - 1) // size
    if not len(numbers):
        return {}
    first = int(numbers[0])
    codes = numbers - first
    groups = int(codes[-1]) + 1
    plain = scores.weight is None and task.bound.loss.aggregate in ("mean", "root", "exp")
    if plain and np.isfinite(scores.loss).all():
        losses = grouped_units(scores.loss, codes, groups)
        counts = np.bincount(codes, minlength=groups).tolist()
        return {
            first + code: Sums(ExactSum(count * ONE), ExactSum(units))
            for code, (count, units) in enumerate(zip(counts, losses, strict=True))
            if count
        }
    edges = np.searchsorted(codes, np.arange(groups + 1))
    return {
        first + code: sums_of(task, _cut(scores, start, stop))
        for code, (start, stop) in enumerate(pairwise(edges.tolist()))
        if stop > start
    }


def _worst(
    task: Task, limit: int, scores: Scores, pull: Floats, before: State
) -> tuple[WorstRow, ...]:
    """Return the rows of largest contribution, ties by row number."""
    with np.errstate(all="ignore"):
        weighted = scores.loss if scores.weight is None else times(scores.weight, scores.loss)
    full = len(before.worst) >= limit
    floor = before.worst[-1].weighted if full else -math.inf
    # A batch is scanned from its first row on, so that a later row that ties is no worse.
    counts = np.ones(len(weighted), dtype=bool) if scores.weight is None else scores.weight > 0.0
    candidates = np.flatnonzero((weighted > floor) & counts if full else counts)
    if len(candidates) > limit:
        cut = np.partition(weighted[candidates], len(candidates) - limit)[-limit]
        above = candidates[weighted[candidates] > cut]
        ties = candidates[weighted[candidates] == cut][: limit - len(above)]
        candidates = np.concatenate([above, ties])
    rows = (_worst_row(task, scores, pull, weighted, int(index)) for index in candidates)
    return tuple(sorted(rows, key=lambda row: row.order))


def _worst_row(task: Task, scores: Scores, pull: Floats, weighted: Floats, index: int) -> WorstRow:
    batch = scores.batch
    y, pred = cells_of(task, scores, index)
    return WorstRow(
        row=batch.row(index),
        file=batch.file,
        line=batch.line(index),
        y=y,
        pred=pred,
        loss=float(scores.loss[index]),
        weighted=float(weighted[index]),
        slope=tuple(np.atleast_1d(pull[index]).tolist()),
    )


def cells_of(task: Task, scores: Scores, index: int) -> tuple[object, object]:
    """Return what the file holds as y and ŷ of a row."""
    batch, columns = scores.batch, task.columns
    if len(columns.y) == 1:
        y = _cells([truth_column(task, batch)], index)
    else:
        y = _cells([batch.columns[name] for name in columns.y], index)
    return y, _cells([batch.columns[name] for name in columns.pred], index)


def _cells(columns: Sequence[Floats | Text], index: int) -> object:
    """Return what the file holds: a number or a label, a list for several columns."""
    cells: list[object] = [
        column.cell(index) if isinstance(column, Text) else float(column[index])
        for column in columns
    ]
    return cells[0] if len(cells) == 1 else (cells or None)
