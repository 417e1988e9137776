"""Gradients that somebody else's code wrote, held against the closed form row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.binding import wants_of
from lossctl.checks import Differing, GradCheck, Of, Slip
from lossctl.errors import UsageError
from lossctl.losses.spec import parse_specs
from lossctl.passes import first_pass, second_pass
from lossctl.slips import Range, Rule, bases_of, range_of, slips_of, within
from lossctl.sources.columns import select_predicted
from lossctl.state import Plan, cells_of
from lossctl.tables import files_of, header_of, open_table, rereadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.options import Options
    from lossctl.passes import Whole
    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]

FLOOR = 1e-6  # without --atol, this share of the median size of the closed form
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
    _check_settings(settings)
    pred = options.pred if specs[0].pred is None else specs[0].pred
    with rereadable(data, options) as source:
        whole = first_pass(source, specs[0], options, Plan(summaries=True), also=grad)
        task = whole.task
        if settings.of == "sum" and whole.outcome.atoms is not None:
            raise UsageError(f"{task.bound.loss.name} is no sum over rows: leave out --of sum")
        with open_table(source, options) as table:
            names = _grad_columns(task, header_of(table, options), grad, pred)
            wants = wants_of(table.names, [task], (), numbers=names)
        rule = _rule(whole, settings)

        def check(scores: Scores) -> Part:
            return _check(whole, rule, names, scores)

        total = Part()
        for part in second_pass(source, whole, options, wants, check):
            total = total.join(part, rule.top)
    slips: tuple[Slip, ...] = ()
    if total.differ:
        parts = total.ranges, total.sample, total.differ, total.largest
        slips = slips_of(whole, rule, *parts)
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
        faint=total.faint,
        looked_at=len(total.sample),
        rtol=rule.rtol,
        atol=rule.atol,
        slips=slips,
        worst=total.worst,
        notes=whole.notes,
    )


def _check_settings(settings: Settings) -> None:
    """Refuse what compares nothing; the names are those of the options."""
    if settings.of not in ("value", "sum"):
        raise UsageError(f"--of is value or sum, got '{settings.of}'")
    for name, x in (("--rtol", settings.rtol), ("--atol", settings.atol)):
        if name == "--atol" and x is None:
            continue
        if not isinstance(x, (int, float)) or not 0.0 <= x < math.inf:
            raise UsageError(f"{name} must be 0 or more and finite, got {x}")
    if not isinstance(settings.top, int) or settings.top < 0:
        raise UsageError(f"--top must be a whole number of at least 0, got {settings.top}")


def _grad_columns(task: Task, header: Any, grad: str, pred: str | None) -> tuple[str, ...]:
    """Return the columns of the gradient in the order of the predictions.

    What stars match goes together: classes, roles, or what the star of the predictions matched.
    """
    chosen = select_predicted(header, grad)
    k = len(task.columns.pred)
    if len(chosen.names) != k:
        raise UsageError(
            f"--grad names {len(chosen.names)} columns and the loss has {k} predictions; give one"
            " for each"
        )
    roles = tuple(role.name for role in task.bound.loss.roles)
    stars = select_predicted(header, pred).stars if pred is not None and not roles else None
    order = task.columns.classes or roles or stars or ()
    if chosen.stars and k > 1 and sorted(chosen.stars) == sorted(order):
        by_star = dict(zip(chosen.stars, chosen.names, strict=True))
        return tuple(by_star[star] for star in order)
    return chosen.names


def _rule(whole: Whole, settings: Settings) -> Rule:
    scale = whole.outcome.scale
    size = whole.state.gradient.quantiles.median_size()
    if settings.of == "value":
        size = abs(scale.entry(size)) if whole.outcome.atoms is None else 0.0
    size = size if math.isfinite(size) else 0.0
    atol = FLOOR * size if settings.atol is None else settings.atol
    return Rule(settings.of, settings.rtol, atol, settings.atol or 0.0, size, settings.top)


class Part(NamedTuple):
    """What some rows say: how many differ, the ranges of the bases, rows to show and to sample."""

    differ: int = 0
    faint: int = 0
    largest: float = 0.0
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
        return Part(
            self.differ + other.differ,
            self.faint + other.faint,
            max(self.largest, other.largest),
            ranges,
            tuple(worst[:top]),
            sample,
        )


def _check(whole: Whole, rule: Rule, names: tuple[str, ...], scores: Scores) -> Part:
    """Compare some rows."""
    task, batch = whole.task, scores.batch
    found = np.column_stack([batch.numbers(name) for name in names])
    bases = [_as_columns(base(whole, rule, scores)) for _, base in bases_of(task, rule)]
    expected = bases[0]
    relative = rule.rtol * np.abs(expected)
    close = within(found, expected, rule.atol, relative)
    differs = ~close.all(axis=1)
    count = int(np.count_nonzero(differs))
    if not batch.size:
        return Part()
    alone = within(found, expected, rule.given_atol, relative)
    faint = int(np.count_nonzero(~differs & ~alone.all(axis=1)))
    ranges = tuple(range_of(found, base, rule) for base in bases)
    if not count:
        return Part(0, faint, 0.0, ranges)
    rows = np.flatnonzero(differs)
    with np.errstate(all="ignore"):
        gaps = np.where(close[rows], 0.0, np.abs(found[rows] - expected[rows])).max(axis=1)
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    order = np.argsort(-gaps, kind="stable")
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
    return Part(count, faint, float(gaps.max()), ranges, worst, sample)


def _as_columns(x: Floats) -> Floats:
    return x[:, np.newaxis] if x.ndim == 1 else x
