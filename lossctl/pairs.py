"""A pair of losses over the same rows, baseline and candidate: what is looked at, and what it says.

Pairs ride along in any pass (``lossctl.passes.Work``), so that a comparison and the checks of a
config read their data together.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lossctl import guards
from lossctl.binding import make_task
from lossctl.errors import UsageError
from lossctl.figures import check_state, whole_outcome
from lossctl.flips import Flipped, flips_of
from lossctl.gates import Evidence, judge
from lossctl.intervals import Margin as Excess
from lossctl.intervals import difference_of, theta_of
from lossctl.kept import kept_of
from lossctl.moves import Moving, SameTruth, SameWeight
from lossctl.report import Interval, NoInterval
from lossctl.sources.columns import has_truth, select
from lossctl.variation import variation_of
from lossctl.verdicts import Comparison, Flips, Moved, PairedT

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from lossctl.gates import Wanted
    from lossctl.intervals import Difference
    from lossctl.losses.spec import Spec
    from lossctl.moves import MovedRow
    from lossctl.options import Options
    from lossctl.parts import Part
    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
    from lossctl.sources.columns import Header
    from lossctl.task import Task
    from lossctl.verdicts import Gate, Guard

COMPARABLE = ("mean", "root", "exp", "ratio")


class Pair(NamedTuple):
    """The indices of two losses in a pass: the baseline's and the candidate's."""

    baseline: int
    candidate: int


class Closely(NamedTuple):
    """How closely a pair is looked at: the level of intervals in percent, clusters, rows to show.

    ``rows``: whether single rows are looked at, for who moved most and the permutation test.
    """

    level: float = 95.0
    cluster: str | None = None
    top: int = 5
    rows: bool = True


def refuse_incomparable(task: Task) -> None:
    """Raise UsageError for a loss under which no row is better or worse than another."""
    loss = task.bound.loss
    if not loss.ordered:
        raise UsageError(f"{loss.name} says which way errors lean, not which are better; use mae")
    if task.whole:
        raise UsageError(f"{loss.name} of one column has no rows to pair; give a row k columns")
    if loss.aggregate not in COMPARABLE:
        advice = "mse, which ranks models alike" if loss.higher_is_better else "mae or mse"
        raise UsageError(f"{loss.name} is no mean over rows and has no paired test; use {advice}")


def pair_of(
    spec: Spec, header: Header, options: Options, baseline_pred: str | None
) -> tuple[Task, Task]:
    """Bind a loss to the columns of the baseline and to those of the candidate.

    Where they are two tables, each has its own truth, unless that stands in a third, or in only
    one of them.
    """
    old = spec._replace(pred=baseline_pred or spec.pred)
    if "baseline" not in header.sides:
        return make_task(old, header, options), make_task(spec, header, options)
    sides = header.sides
    ours, theirs = header, header._replace(predictions="baseline")
    if "truth" not in sides:
        y = options.y if spec.y is None else spec.y
        here, there = (
            has_truth(sides[role].header, y) for role in (header.predictions, "baseline")
        )
        alone = {**sides, "truth": sides["baseline"]}
        if there or not here:
            theirs = theirs._replace(sides=alone)
        if there and not here:
            ours = ours._replace(sides=alone)
    candidate = make_task(spec, ours, options)
    baseline = make_task(old, theirs, options)
    # A row has one weight: that of the truth, else the candidate's.
    columns = baseline.columns._replace(weight=candidate.columns.weight)
    return replace(baseline, columns=columns), candidate


def weights_of(header: Header, spec: Spec, options: Options, candidate: Task) -> tuple[str, ...]:
    """Return the columns of weights of baseline and candidate, where each has its own.

    They are to be equal. Where the truth has weights, those of the others are not looked at.
    """
    selector = options.weight if spec.weight is None else spec.weight
    own, truth = header.sides.get("baseline"), header.sides.get("truth")
    weight = candidate.columns.weight
    if selector is None or weight is None or own is None or not has_truth(own.header, selector):
        return ()
    if truth is not None and weight in truth.inner.values():
        return ()
    both = (*own.named(select(own.header, selector).names), weight)
    return both if both[0] != weight else ()


def probes_of(
    tasks: Sequence[Task], pair: Pair, closely: Closely, weights: tuple[str, ...] = ()
) -> dict[Hashable, Probe]:
    """Return what is looked at of a pair, by keys that begin with the pair.

    ``weights`` are those of ``weights_of``.
    """
    both = (tasks[pair.baseline], tasks[pair.candidate])
    found: dict[Hashable, Probe] = {(pair, "spread"): variation_of(tasks, pair, closely.cluster)}
    if both[0].columns.y != both[1].columns.y:
        found[pair, "truth"] = SameTruth(*pair, both)
    if weights:
        found[pair, "weight"] = SameWeight(pair.candidate, *weights)
    if closely.rows:
        found[pair, "moves"] = Moving(*pair, both, closely.top)
        found[pair, "flips"] = kept_of(tasks, pair, closely.cluster)
    return found


def mismatches(found: Found, pair: Pair, group: Group) -> Iterator[Guard]:
    """Yield the guards against truths, or weights, that a pair of losses does not share."""
    for what, name in (("truth", "y"), ("weight", "weight")):
        mismatch = found.parts.get(((pair, what), group))
        yield from filter(None, [None if mismatch is None else guards.truths(mismatch, name)])


class Standing(NamedTuple):
    """How a pair stands over a group: both values, their difference, and what the rows show of it.

    ``shown`` has the interval and the test, or why there are none.
    """

    tasks: tuple[Task, Task]
    part: Part
    baseline: float
    candidate: float
    difference: float
    shown: Difference | NoInterval

    @property
    def interval(self) -> Interval | None:
        """The interval of the difference, None where there is none."""
        return None if isinstance(self.shown, NoInterval) else _interval(self.tasks[1], self.shown)


def standing_of(found: Found, pair: Pair, group: Group, level: float) -> Standing:
    """Return how a pair stands over a group; raises InputError where there is nothing."""
    where = f" in group {', '.join(group)}" if group else ""
    values = []
    for index in pair:
        task, state = found.work.tasks[index], found.states[index, group]
        check_state(task, state, where)
        values.append(whole_outcome(task, state, where).value)
    old, new = values
    both = (found.work.tasks[pair.baseline], found.work.tasks[pair.candidate])
    part = found.parts[(pair, "spread"), group]
    shown = difference_of(both, part, level)
    # Of losses that are not finite there is only what IEEE arithmetic makes of the values.
    difference = new - old if shown.estimate is None else shown.estimate
    return Standing(both, part, old, new, difference, shown)


def comparison_of(
    found: Found, pair: Pair, group: Group, closely: Closely, wanted: Wanted | None
) -> Comparison:
    """Return all that is known of a pair over a group; raises InputError where there is nothing."""
    made = standing_of(found, pair, group, closely.level)
    shown = made.shown
    state = found.states[pair.candidate, group]
    moves = found.parts[(pair, "moves"), group]
    columns, bound = made.tasks[1].columns, made.tasks[1].bound
    by = found.work.by
    return Comparison(
        loss=bound.loss.name,
        params=dict(bound.params),
        spec=bound.spec,
        columns={
            "y": list(columns.y) or None,
            "baseline": list(made.tasks[0].columns.pred),
            "candidate": list(columns.pred),
            "weight": columns.weight,
            "classes": list(columns.classes) if columns.classes else None,
        },
        group=dict(zip(by, group, strict=True)) if by else None,
        n=state.rows,
        weight=float(state.sums.weight),
        baseline=made.baseline,
        candidate=made.candidate,
        difference=made.difference,
        relative=_relative(made.difference, made.baseline),
        wins=moves.wins,
        ties=moves.ties,
        losses=moves.losses,
        interval=made.interval,
        why=shown.reason if isinstance(shown, NoInterval) else None,
        t=None
        if isinstance(shown, NoInterval)
        else PairedT(shown.estimate / shown.se, shown.df, shown.p),
        permutation=_flips(made, found, pair, group),
        hypothesis=_hypothesis(made.tasks[1], wanted),
        better=tuple(map(_moved, moves.better)),
        worse=tuple(map(_moved, moves.worse)),
        gate=None if wanted is None else gate_of(made, wanted),
    )


def _relative(difference: float, baseline: float) -> float | None:
    if not baseline or not (math.isfinite(baseline) and math.isfinite(difference)):
        return None
    return difference / abs(baseline)


def _interval(task: Task, shown: Difference) -> Interval:
    method = "t" if task.bound.loss.aggregate == "mean" else "delta"
    return Interval(
        level=shown.level,
        low=shown.low,
        high=shown.high,
        method=method,
        se=shown.se,
        df=shown.df,
        n_units=shown.n_units,
        clusters=shown.clusters,
        detectable=shown.detectable,
        warning=shown.warning,
    )


def _flips(standing: Standing, found: Found, pair: Pair, group: Group) -> Flips | None:
    made = flips_of(standing.tasks, found.parts[(pair, "flips"), group])
    return Flips(made.p, made.flips, made.seed) if isinstance(made, Flipped) else None


def _moved(row: MovedRow) -> Moved:
    cells = row._asdict()
    del cells["weighted"]
    with_loss = row.loss_candidate != row.loss_baseline
    return Moved(**cells, change=row.loss_candidate - row.loss_baseline if with_loss else 0.0)


def _hypothesis(task: Task, wanted: Wanted | None) -> str:
    """Return in words what is tested."""
    name = task.bound.spec
    if wanted is None:
        return f"H₀: {name} is the same for both; H₁: it differs (two-sided)"
    margin = f"{wanted.margin} of |baseline|" if wanted.margin.relative else str(wanted.margin)
    margin = margin.replace("%", " %")
    if not wanted.better:
        null = f"{name} of the candidate is higher by more than {margin}"
    elif wanted.margin.amount:
        null = f"{name} of the candidate is not lower by {margin}"
    else:
        null = f"{name} of the candidate is not lower"
    return f"H₀: {null}; to pass is to reject it (one-sided, α = {wanted.alpha:g})"


def gate_of(made: Standing, wanted: Wanted) -> Gate:
    """Return whether a candidate is within a margin of its baseline, as far as the rows show."""
    size = -wanted.margin.amount if wanted.better else wanted.margin.amount
    excess = Excess(size, 0.0) if wanted.margin.relative else Excess(0.0, size)
    shown = theta_of(made.tasks, made.part, excess, wanted.alpha)
    if not isinstance(shown, NoInterval):
        evidence: Evidence | None = Evidence(shown.lower, shown.upper, shown.needed)
    elif shown.certain and shown.estimate is not None:  # no row differs from another
        evidence = Evidence(shown.estimate, shown.estimate, None)
    else:
        evidence = None
    return judge(wanted, evidence, made.difference, wanted.allowed(made.baseline))
