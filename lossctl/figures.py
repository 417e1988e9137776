"""The figures of a state: each an exact ratio of exact sums, or the root of one, rounded once."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from lossctl.errors import InputError, NoRows, ZeroWeights
from lossctl.exact import ONE, root_ratio
from lossctl.order import Atom, Medians, settle
from lossctl.quantiles import rank_of
from lossctl.report import Gradient, PerSample, Result, Statistics, Worst
from lossctl.scoring import SUM_ERROR, SUM_NOTE
from lossctl.values import UNSCALED, Outcome, Scale, atom_entry, outcome_of, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from lossctl.state import State, WorstRow
    from lossctl.summary import Summary
    from lossctl.task import Task

LEVELS = (0.05, 0.5, 0.95)


def make_result(
    task: Task, state: State, group: Mapping[str, str] | None, plan_summaries: bool, worst: int
) -> Result:
    """Return the figures of a state, or raise InputError where there are none."""
    where = "" if group is None else f" in group {', '.join(group.values())}"
    check_state(task, state, where)
    notes = _mass_notes(task, state, where) + _sum_notes(task, state)
    outcome = whole_outcome(task, state, where)
    loss = float(state.sums.loss)
    return Result(
        loss=task.bound.loss.name,
        params=dict(task.bound.params),
        spec=task.bound.spec,
        columns={
            "y": list(task.columns.y) or None,
            "pred": list(task.columns.pred),
            "weight": task.columns.weight,
            "classes": list(task.columns.classes) if task.columns.classes else None,
            "roles": [role.name for role in task.bound.loss.roles] or None,
        },
        group=group,
        n=state.rows,
        weight=float(state.sums.weight),
        value=outcome.value,
        sum=loss,
        per_sample=_per_sample(state.per_sample) if plan_summaries else None,
        gradient=_gradient(state, outcome) if plan_summaries else None,
        worst=tuple(_worst(task, state, row, outcome, loss) for row in state.worst)
        if worst
        else None,
        touched={
            "clipped": state.touched.clipped,
            "normalized": state.touched.normalized,
            "ignored": state.touched.ignored,
        },
        batches=_batches(task, state),
        rules=task.plain_rules,
        notes=notes,
    )


def check_state(task: Task, state: State, where: str = "") -> None:
    """Raise InputError where there is nothing to take a value of."""
    if state.rows == 0:
        raise NoRows(f"no rows to score{where}")
    if state.sums.weight.units == 0:
        advice = "name another column, or leave -w out"
        raise ZeroWeights(f"all weights are zero{where}; {advice}", column=task.columns.weight)


def whole_outcome(task: Task, state: State, where: str = "") -> Outcome:
    """Return the value and what scales the gradient, of the state of the whole input."""
    if task.bound.loss.aggregate == "max":
        peak = state.peak
        ties = peak.positive + peak.negative
        step = 1.0 / ties if ties else 0.0
        return Outcome(peak.at, atoms=(Atom(peak.at, step, peak.positive, peak.negative),))
    if task.bound.loss.aggregate == "median":
        medians = settle(state.orders, state.sums.weight.units)
        assert isinstance(medians, Medians)
        return Outcome(medians.value, atoms=medians.atoms)
    return outcome_of(task, state.sums, where)


def _batches(task: Task, state: State) -> tuple[float, ...] | None:
    if not state.batches:
        return None
    return tuple(value_of(task, state.batches[number]) for number in sorted(state.batches))


def _mass_notes(task: Task, state: State, where: str) -> tuple[str, ...]:
    """Refuse a column that is no distribution; a note where it is one only nearly."""
    if not task.whole:
        return ()
    notes = []
    masses = [(task.columns.pred[0], state.pred_mass)]
    if task.columns.y:
        masses.append((task.columns.y[0], state.y_mass))
    for name, mass in masses:
        gap = abs(float(mass) - 1.0)
        found = f"{name} sums to {float(mass):.9g}{where}"
        if gap > SUM_ERROR:
            raise InputError(f"a distribution must sum to 1; {found}", column=name)
        if gap > SUM_NOTE:
            notes.append(f"{found}, not to 1")
    return tuple(notes)


def _sum_notes(task: Task, state: State) -> tuple[str, ...]:
    rows = state.touched.uneven
    if not rows:
        return ()
    names = f"{task.columns.pred[0]}…{task.columns.pred[-1]}"
    return (
        f"{names}: {rows} of {state.rows} rows sum to 1 only within 1e-2 (--normalize rescales)",
    )


def _spread(summary: Summary) -> tuple[int, int]:
    """Return the variance as an exact ratio: (n Σx² − (Σx)²) / n², in units that are whole."""
    n = summary.count
    numerator = n * summary.squares.units * ONE - summary.total.units**2
    return numerator, n * n * ONE * ONE


def _describe(summary: Summary, scale: Scale) -> Statistics:
    if not summary.quantiles.count:  # no numbers, or none but NaN
        return Statistics(*[math.nan] * 7)
    low, high = summary.low, summary.high
    quantiles = summary.quantiles.at(LEVELS, low, high)
    special = summary.total.special
    if special is None:
        mean = scale.of_ratio(summary.total.units, summary.count * ONE)
        std = scale.of_root(*_spread(summary))
    else:
        mean, std = special, math.nan
    figures = [scale.entry(figure) for figure in (low, *quantiles, high)]
    return Statistics(mean, std, *figures)


def _per_sample(summary: Summary) -> PerSample:
    quantiles = summary.quantiles
    return PerSample(
        statistics=_describe(summary, UNSCALED),
        infinite=summary.total.positive_infinities,
        quantiles="exact" if quantiles.exact else "approximate",
        histogram=quantiles.histogram(summary.low, summary.high),
    )


def _gradient(state: State, outcome: Outcome) -> Gradient:
    if outcome.atoms is not None:
        return _atoms_gradient(state.rows, outcome.atoms)
    scale = outcome.scale
    summary, signs = state.gradient, state.signs
    nonfinite = summary.count - signs.positive - signs.negative - signs.zero
    infinities = summary.total.positive_infinities + summary.total.negative_infinities
    special = signs.magnitudes.special
    statistics = _describe(summary, scale)
    return Gradient(
        statistics=statistics,
        l1=scale.of_ratio(signs.magnitudes.units, ONE) if special is None else special,
        l2=scale.of_root(summary.squares.units, ONE) if special is None else special,
        max_abs=max(abs(statistics.min), abs(statistics.max)),
        positive=signs.positive - summary.total.positive_infinities,
        negative=signs.negative - summary.total.negative_infinities,
        zero=signs.zero,
        nonfinite=nonfinite + infinities,
    )


def _atoms_gradient(rows: int, atoms: Sequence[Atom]) -> Gradient:
    """Return the summary of a gradient that is 0 but in a few rows."""
    from fractions import Fraction

    runs = [(-atom.step, atom.negative) for atom in atoms]
    runs += [(atom.step, atom.positive) for atom in atoms]
    runs = [(entry, count) for entry, count in runs if entry and count]
    positive = sum(count for entry, count in runs if entry > 0)
    negative = sum(count for entry, count in runs if entry < 0)
    zero = rows - positive - negative
    runs = sorted([*runs, (0.0, zero)] if zero else runs)
    exact = [(Fraction(entry), count) for entry, count in runs]
    nothing = Fraction(0)
    mean = sum((entry * count for entry, count in exact), nothing) / rows
    square = sum((entry**2 * count for entry, count in exact), nothing)
    magnitudes = sum((abs(entry) * count for entry, count in exact), nothing)
    ends = list(accumulate(count for _, count in runs))
    low, middle, high = (runs[bisect_right(ends, rank_of(q, rows))][0] for q in LEVELS)
    std = _root(square / rows - mean**2)
    return Gradient(
        Statistics(float(mean), std, runs[0][0], low, middle, high, runs[-1][0]),
        l1=float(magnitudes),
        l2=_root(square),
        max_abs=max(abs(entry) for entry, _ in runs),
        positive=positive,
        negative=negative,
        zero=zero,
        nonfinite=0,
    )


def _root(x: Fraction) -> float:
    return root_ratio(x.numerator, x.denominator) if x else 0.0


def _worst(task: Task, state: State, row: WorstRow, outcome: Outcome, loss: float) -> Worst:
    """Return contribution, share and gradient of a row; the formulas of ``samples``."""
    if outcome.atoms is None:
        entries = tuple(outcome.scale.entry(pull) for pull in row.slope)
    else:
        signs = (math.copysign(1.0, pull) if pull else 0.0 for pull in row.slope)
        entries = tuple(atom_entry(row.loss, sign, outcome.atoms) for sign in signs)
    divisor = 1.0 if task.whole else float(state.sums.weight)
    return Worst(
        row=row.row,
        file=row.file,
        line=row.line,
        y=row.y,
        pred=row.pred,
        loss=row.loss,
        contribution=row.weighted / divisor,
        share=row.weighted / loss if loss and math.isfinite(loss) else None,
        gradient=entries[0] if len(entries) == 1 else entries,
    )
