"""How the losses of rows are spread, and how few rows carry how much of their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.exact import ratio
from lossctl.losses.rows import times
from lossctl.pictures.bins import histogram
from lossctl.pictures.records import (
    About,
    LossSpread,
    NamedRow,
    count_text,
    counted,
    number_text,
    place_text,
    row_name,
    share_text,
)
from lossctl.pictures.units import unit_of
from lossctl.quantiles import Quantiles
from lossctl.values import ORDERED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.scoring import Scores
    from lossctl.task import Task
    from lossctl.values import Sums

    Floats = NDArray[np.float64]

CHUNK = 1 << 10  # rows of which the costliest is looked for first
EVEN, TAIL = 100, 80  # points of the curve: even ones, and among the costliest tenth
DECADES = 6  # … down to a millionth of the rows


class CostlyRow(NamedTuple):
    """A row and what it costs, w·ℓ."""

    weighted: float
    row: int
    file: str | None
    line: int | None
    loss: float


@dataclass(frozen=True, slots=True)
class SeenLosses:
    """The losses of rows with w > 0, and what they cost; ``SeenLosses()`` is the identity of ``+``.

    ``costs`` are the w·ℓ where rows have weights, else nothing, and the losses stand for them.
    Losses that are no number are counted in ``nans`` and are nowhere else.
    """

    rows: int = 0
    infinite: int = 0
    nans: int = 0
    low: float = math.inf
    losses: Quantiles = field(default_factory=Quantiles)
    costs: Quantiles = field(default_factory=Quantiles)
    worst: tuple[CostlyRow, ...] = ()
    limit: int = 0

    def __add__(self, other: SeenLosses) -> SeenLosses:
        """Join two sets of rows; the order does not matter."""
        limit = max(self.limit, other.limit)
        worst = sorted(self.worst + other.worst, key=lambda row: (-row.weighted, row.row))
        return SeenLosses(
            self.rows + other.rows,
            self.infinite + other.infinite,
            self.nans + other.nans,
            min(self.low, other.low),
            self.losses + other.losses,
            self.costs + other.costs,
            tuple(worst[:limit]),
            limit,
        )


class LossSight(NamedTuple):
    """The probe of the losses of the task at a place, and of the ``limit`` costliest rows."""

    at: int
    limit: int = 5

    def look(self, scores: Sequence[Scores]) -> SeenLosses:
        """Return what is seen of some rows."""
        found = scores[self.at]
        loss, weight, rows = found.loss, found.weight, None
        costs = loss
        if weight is not None:
            rows = np.flatnonzero(weight > 0.0)
            loss = loss[rows]
            with np.errstate(all="ignore"):
                costs = times(weight[rows], loss)
        if not len(loss):
            return SeenLosses(limit=self.limit)
        nan = np.isnan(loss)
        nans = int(np.count_nonzero(nan))
        if nans:
            rows = np.flatnonzero(~nan) if rows is None else rows[~nan]
            loss, costs = loss[~nan], costs[~nan]
        return SeenLosses(
            len(loss) + nans,
            int(np.count_nonzero(loss == np.inf)),
            nans,
            float(loss.min(initial=math.inf)),
            Quantiles.of(loss),
            Quantiles() if weight is None else Quantiles.of(costs),
            self._worst(found, costs, loss, rows),
            self.limit,
        )

    def _worst(
        self, found: Scores, costs: Floats, loss: Floats, rows: NDArray[np.intp] | None
    ) -> tuple[CostlyRow, ...]:
        batch = found.batch
        chosen = []
        for index in largest(costs, self.limit).tolist():
            at = index if rows is None else int(rows[index])
            place = (batch.row(at), batch.file, batch.line(at))
            chosen.append(CostlyRow(float(costs[index]), *place, float(loss[index])))
        return tuple(sorted(chosen, key=lambda row: (-row.weighted, row.row)))


def largest(x: Floats, limit: int) -> NDArray[np.intp]:
    """Return where the largest numbers stand, those that come first among equal ones."""
    if limit == 0:
        return np.empty(0, dtype=np.intp)
    candidates = np.arange(len(x))
    full = len(x) // CHUNK * CHUNK
    if full > limit * CHUNK:  # no chunk whose own largest is below the limit's can hold one
        tops = x[:full].reshape(-1, CHUNK).max(axis=1)
        candidates = np.flatnonzero(x >= np.partition(tops, -limit)[-limit])
    order = np.lexsort((candidates, -x[candidates]))
    return np.asarray(candidates[order[:limit]])


def lorenz(costs: Quantiles, total: float) -> tuple[tuple[float, float], ...]:
    """Return points of the Lorenz curve of costs that are 0 or more and finite.

    They are (share of rows, share of ``total``), cheapest rows first: all rows where they are
    few, else a hundred even ones and more among the costliest tenth, where the curve is steep.
    """
    x, counts = costs.steps()
    n = int(counts.sum())
    ends = np.cumsum(counts)
    with np.errstate(over="ignore"):
        sums = np.cumsum(x / total * counts)
    if n <= EVEN + TAIL:
        ranks = np.arange(n + 1)
    else:
        tail = n * (1.0 - 10.0 ** -np.linspace(1.0, min(DECADES, math.log10(n)), TAIL))
        even = np.linspace(0.0, n, EVEN + 1)
        ranks = np.unique(np.rint(np.concatenate([even, tail])).astype(np.int64))
    at = np.minimum(np.searchsorted(ends, ranks, side="left"), len(x) - 1)
    shares = sums[at] - (ends[at] - ranks) * (x[at] / total)
    shares = np.maximum.accumulate(np.clip(shares, 0.0, 1.0))
    shares[ranks == n] = 1.0
    return tuple(zip((ranks / n).tolist(), shares.tolist(), strict=True))


def loss_spread(task: Task, seen: SeenLosses, sums: Sums, files: Sequence[str]) -> LossSpread:
    """Return the picture of what was seen."""
    costs = seen.losses if task_weightless(seen) else seen.costs
    n, spec = seen.rows, task.bound.spec
    total = float(sums.loss)
    why = _no_lorenz(task, seen, total)
    points = () if why else lorenz(costs, total)
    whole = total if math.isfinite(total) and not why else 0.0
    worst = tuple(
        NamedRow(
            row_name(row.row, row.file, row.line, files),
            row.row,
            row.loss,
            row.weighted / whole if whole else None,
        )
        for row in seen.worst
    )
    mean = total if task.whole else _ratio(sums)
    median = seen.losses.at([0.5], seen.low, math.inf)[0] if n > seen.nans else math.nan
    unit = unit_of(task.bound)
    title = f"Per-sample loss of {spec}{', ' + unit if unit else ''}, n = {count_text(n)}"
    exact = costs.exact
    return LossSpread(
        About(
            title + place_text(files),
            _words(seen, points, why, worst, median),
            spec,
        ),
        unit,
        n,
        histogram(seen.losses),
        seen.infinite,
        points,
        why,
        worst,
        mean,
        median,
        exact,
    )


def task_weightless(seen: SeenLosses) -> bool:
    """Whether the losses themselves are what rows cost."""
    return not seen.costs.count


def _ratio(sums: Sums) -> float:
    special = sums.loss.special
    if special is not None:
        return special
    return ratio(sums.loss.units, sums.weight.units) if sums.weight.units else math.nan


def _no_lorenz(task: Task, seen: SeenLosses, total: float) -> str:
    """Return why shares of the loss have no meaning; nothing where they have one."""
    if task.bound.loss.aggregate in ORDERED:
        return "The value is the error of one row, or of two: it is no sum that rows share."
    if seen.nans:
        return f"{counted(seen.nans, 'loss is', 'losses are')} no number: there are no shares."
    if seen.low < 0.0:
        return "Some losses are negative: shares of their sum have no meaning."
    if seen.infinite:
        many = counted(seen.infinite, "loss is", "losses are")
        return f"{many} infinite: all of the sum is there."
    if not math.isfinite(total):
        return "The sum of the losses is beyond float64: there are no shares of it."
    return "" if total > 0.0 else "All losses are 0: there is nothing to share."


def carried(points: Sequence[tuple[float, float]], rows: float) -> float:
    """Return the share of the loss that the costliest share of the rows carries."""
    x, y = zip(*points, strict=True)
    return 1.0 - float(np.interp(1.0 - rows, x, y))


def _words(
    seen: SeenLosses,
    points: Sequence[tuple[float, float]],
    why: str,
    worst: Sequence[NamedRow],
    median: float,
) -> str:
    n = seen.rows
    parts = [f"Half of the {count_text(n)} rows cost at most {number_text(median, 5)}"]
    if n == 1:
        parts = [f"The row costs {number_text(median, 5)}"]
    if points:
        top = [
            f"the costliest {percent} % carry {share_text(carried(points, percent / 100))}"
            for percent in (1, 10)
            if n * percent >= 100
        ]
        parts += [f"{' and '.join(top)} of the loss"] if top else []
    for row in worst[:1] if n > 1 else ():
        if row.share is not None:
            parts.append(f"{row.name} alone carries {share_text(row.share)}")
    return "; ".join(parts) + "." + (f" {why}" if why else "")
