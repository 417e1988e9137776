"""A pair of losses over the same rows, baseline and candidate: what is looked at, and what it says.

Pairs ride along in any pass (``lossctl.passes.Work``), so that a comparison and the checks of a
config read their data together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lossctl.errors import UsageError
from lossctl.figures import check_state, whole_outcome
from lossctl.flips import Flipped, flips_of
from lossctl.gates import Evidence, judge
from lossctl.intervals import Margin as Excess
from lossctl.intervals import difference_of, theta_of
from lossctl.kept import kept_of
from lossctl.moves import Moving, SameTruth
from lossctl.report import Interval, NoInterval
from lossctl.variation import variation_of
from lossctl.verdicts import Comparison, Flips, Moved, PairedT

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.gates import Wanted
    from lossctl.intervals import Difference
    from lossctl.moves import MovedRow
    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
    from lossctl.task import Task
    from lossctl.variation import Part
    from lossctl.verdicts import Gate

COMPARABLE = ("mean", "root", "exp", "ratio")


class Pair(NamedTuple):
    """The indices of two losses in a pass: the baseline's and the candidate's."""

    baseline: int
    candidate: int


class Closely(NamedTuple):
    """How closely a pair is looked at: the level of intervals in percent, clusters, rows to show.

    ``flips``: whether the permutation test is made, where there are not too many rows.
    """

    level: float = 95.0
    cluster: str | None = None
    top: int = 5
    flips: bool = True


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


def probes_of(tasks: Sequence[Task], pair: Pair, closely: Closely) -> dict[Hashable, Probe]:
    """Return what is looked at of a pair, by keys that begin with the pair."""
    both = (tasks[pair.baseline], tasks[pair.candidate])
    found: dict[Hashable, Probe] = {
        (pair, "spread"): variation_of(tasks, pair, closely.cluster),
        (pair, "moves"): Moving(*pair, both, closely.top),
    }
    if both[0].columns.y != both[1].columns.y:
        found[pair, "truth"] = SameTruth(*pair, both)
    if closely.flips:
        found[pair, "flips"] = kept_of(tasks, pair, closely.cluster)
    return found


def comparison_of(
    found: Found, pair: Pair, group: Group, closely: Closely, wanted: Wanted | None
) -> Comparison:
    """Return what a pair comes to over a group; raises InputError where there is nothing."""
    work = found.work
    where = f" in group {', '.join(group)}" if group else ""
    values = []
    for index in pair:
        check_state(work.tasks[index], found.states[index, group], where)
        outcome = whole_outcome(work.tasks[index], found.states[index, group], where)
        values.append(outcome.value)
    old, new = values
    both = (work.tasks[pair.baseline], work.tasks[pair.candidate])
    state = found.states[pair.candidate, group]
    part = found.parts[(pair, "spread"), group]
    shown = difference_of(both, part, closely.level)
    moves = found.parts[(pair, "moves"), group]
    columns, loss = both[1].columns, both[1].bound.loss
    if isinstance(shown, NoInterval):
        # Of losses that are not finite there is only what IEEE arithmetic makes of the values.
        difference = new - old if shown.estimate is None else shown.estimate
    else:
        difference = shown.estimate
    return Comparison(
        loss=loss.name,
        params=dict(both[1].bound.params),
        spec=both[1].bound.spec,
        columns={
            "y": list(columns.y) or None,
            "baseline": list(both[0].columns.pred),
            "candidate": list(columns.pred),
            "weight": columns.weight,
            "classes": list(columns.classes) if columns.classes else None,
        },
        group=dict(zip(work.by, group, strict=True)) if work.by else None,
        n=state.rows,
        weight=float(state.sums.weight),
        baseline=old,
        candidate=new,
        difference=difference,
        relative=_relative(difference, old),
        wins=moves.wins,
        ties=moves.ties,
        losses=moves.losses,
        interval=None if isinstance(shown, NoInterval) else _interval(both[1], shown),
        why=shown.reason if isinstance(shown, NoInterval) else None,
        t=None
        if isinstance(shown, NoInterval)
        else PairedT(shown.estimate / shown.se, shown.df, shown.p),
        permutation=_flips(both, found, pair, group),
        hypothesis=_hypothesis(both[1], wanted),
        better=tuple(map(_moved, moves.better)),
        worse=tuple(map(_moved, moves.worse)),
        gate=None if wanted is None else _gate(both, part, wanted, old, difference),
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


def _flips(both: tuple[Task, Task], found: Found, pair: Pair, group: Group) -> Flips | None:
    kept = found.parts.get(((pair, "flips"), group))
    made = None if kept is None else flips_of(both, kept)
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


def _gate(
    both: tuple[Task, Task], part: Part, wanted: Wanted, baseline: float, difference: float
) -> Gate:
    size = -wanted.margin.amount if wanted.better else wanted.margin.amount
    excess = Excess(size, 0.0) if wanted.margin.relative else Excess(0.0, size)
    shown = theta_of(both, part, excess, wanted.alpha)
    if isinstance(shown, NoInterval):
        # All rows agree: there is nothing that chance could have brought about.
        alike = shown.estimate is not None and part.settled().rows > 1
        evidence = Evidence(shown.estimate, shown.estimate, None) if alike else None
    else:
        evidence = Evidence(shown.lower, shown.upper, shown.needed)
    return judge(wanted, evidence, difference, wanted.allowed(baseline))
