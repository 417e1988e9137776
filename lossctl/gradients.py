"""Gradients that somebody else's code wrote, held against the closed form row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.binding import wants_of
from lossctl.checks import Differing, GradCheck, Of
from lossctl.errors import UsageError
from lossctl.losses.spec import parse_specs
from lossctl.passes import first_pass, second_pass
from lossctl.slips import Range, Rule, bases_of, range_of, slips_of
from lossctl.sources.columns import select
from lossctl.sources.table import Want
from lossctl.state import Plan, cells_of
from lossctl.tables import files_of, header_of, open_table, rereadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lossctl.options import Options
    from lossctl.passes import Whole
    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]

FLOOR = 1e-6  # without --atol, this share of the closed form's root mean square
SAMPLE = 1000  # differing rows that are looked at where no slip explains all


class Settings(NamedTuple):
    """What is compared, and how closely."""

    of: Of = "value"
    rtol: float = 1e-5
    atol: float | None = None
    top: int = 5


def gradcheck_with(
    data: Any, loss: str, grad: str, options: Options, settings: Settings
) -> GradCheck:
    """Return how the gradients in some columns differ from the closed form, in two passes."""
    specs = parse_specs(loss)
    if len(specs) != 1:
        raise UsageError(f"gradcheck takes one loss, got {len(specs)}")
    with rereadable(data) as source:
        whole = first_pass(source, specs[0], options, Plan(summaries=True))
        task = whole.task
        if settings.of == "sum" and whole.outcome.atoms is not None:
            raise UsageError(f"{task.bound.loss.name} is no sum over rows: leave out --of sum")
        with open_table(source, options) as table:
            names = _grad_columns(task, header_of(table, options), grad)
            wants = wants_of(table.names, [task], ())
            wants += tuple(Want(n, table.names.index(n), infinite=True) for n in names)
        rule = _rule(whole, settings)

        def check(scores: Scores) -> Part:
            return _check(whole, rule, names, scores)

        total = Part()
        for part in second_pass(source, whole, options, _once(wants), check):
            total = total.join(part, rule.top)
    slips = slips_of(whole, rule, total.ranges, total.sample, total.differ) if total.differ else ()
    return GradCheck(
        spec=task.bound.spec,
        of=settings.of,
        files=files_of(data),
        columns={
            "y": list(task.columns.y) or None,
            "pred": list(task.columns.pred),
            "weight": task.columns.weight,
            "grad": list(names),
        },
        n=whole.state.rows,
        differ=total.differ,
        rtol=rule.rtol,
        atol=rule.atol,
        slips=slips,
        worst=total.worst,
        notes=whole.notes,
    )


def _grad_columns(task: Task, header: Any, grad: str) -> tuple[str, ...]:
    """Return the columns of the gradient in the order of the predictions."""
    chosen = select(header, grad)
    k = len(task.columns.pred)
    if len(chosen.names) != k:
        raise UsageError(
            f"--grad names {len(chosen.names)} columns and the loss has {k} predictions; give one"
            " for each"
        )
    order = task.columns.classes or ()
    if chosen.stars and k > 1 and sorted(chosen.stars) == sorted(order):
        by_star = dict(zip(chosen.stars, chosen.names, strict=True))
        return tuple(by_star[star] for star in order)
    return chosen.names


def _once(wants: Iterable[Want]) -> tuple[Want, ...]:
    """Return each column once; one that a loss reads as well follows the loss's rule."""
    found: dict[tuple[str, bool], Want] = {}
    for want in wants:
        found.setdefault((want.name, want.numeric), want)
    return tuple(found.values())


def _rule(whole: Whole, settings: Settings) -> Rule:
    gradient = whole.gradient
    assert gradient is not None
    size = gradient.l2 / math.sqrt(whole.state.rows * len(whole.task.columns.pred))
    if settings.of == "sum" and whole.outcome.scale.divisor:
        size *= whole.outcome.scale.divisor
    size = size if math.isfinite(size) else 0.0
    atol = FLOOR * size if settings.atol is None else settings.atol
    return Rule(settings.of, settings.rtol, atol, settings.atol or 0.0, size, settings.top)


class Part(NamedTuple):
    """What some rows say: how many differ, the ranges of the bases, rows to show and to sample."""

    differ: int = 0
    ranges: tuple[Range, ...] = ()
    worst: tuple[Differing, ...] = ()
    sample: tuple[tuple[Floats, ...], ...] = ()

    def join(self, other: Part, top: int) -> Part:
        """Return what both say; parts are joined in the order of the rows."""
        ranges = self.ranges or other.ranges
        if self.ranges and other.ranges:
            pairs = zip(self.ranges, other.ranges, strict=True)
            ranges = tuple(a.join(b) for a, b in pairs)
        worst = sorted((*self.worst, *other.worst), key=lambda row: (-row.gap, row.row))
        sample = (*self.sample, *other.sample)[:SAMPLE]
        return Part(self.differ + other.differ, ranges, tuple(worst[:top]), sample)


def _check(whole: Whole, rule: Rule, names: tuple[str, ...], scores: Scores) -> Part:
    """Compare some rows."""
    task, batch = whole.task, scores.batch
    found = np.column_stack([batch.numbers(name) for name in names])
    bases = [_as_columns(base(whole, rule, scores)) for _, base in bases_of(task, rule)]
    expected = bases[0]
    with np.errstate(all="ignore"):
        close = np.abs(found - expected) <= rule.atol + rule.rtol * np.abs(expected)
        close &= np.isfinite(expected)  # within ∞ of it is everything
    differs = ~(close | (found == expected)).all(axis=1)
    count = int(np.count_nonzero(differs))
    if not batch.size:
        return Part()
    ranges = tuple(range_of(found, base, rule) for base in bases)
    if not count:
        return Part(0, ranges)
    rows = np.flatnonzero(differs)
    with np.errstate(all="ignore"):
        gaps = np.abs(found[rows] - expected[rows]).max(axis=1)
    order = np.argsort(-np.where(np.isnan(gaps), np.inf, gaps), kind="stable")
    worst = tuple(
        Differing(
            batch.row(index),
            batch.file,
            batch.line(index),
            *cells_of(task, scores, index),
            tuple(found[index].tolist()),
            tuple(expected[index].tolist()),
        )
        for index in rows[order[: rule.top]].tolist()
    )
    sample = tuple(
        (found[index], *(base[index] for base in bases)) for index in rows[:SAMPLE].tolist()
    )
    return Part(count, ranges, worst, sample)


def _as_columns(x: Floats) -> Floats:
    return x[:, np.newaxis] if x.ndim == 1 else x
