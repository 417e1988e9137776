"""How the entries of a gradient are spread: how many are 0, vanish, or are as large as any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.exact import ExactSum, ratio, total
from lossctl.pictures.bins import histogram
from lossctl.pictures.records import (
    About,
    GradientSpread,
    NamedRow,
    count_text,
    counted,
    place_text,
    row_name,
    share_text,
)
from lossctl.quantiles import Quantiles
from lossctl.values import CENTRED, ORDERED, Scale, pull_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]

VANISHING = 1e-6  # of the largest size


@dataclass(frozen=True, slots=True)
class Cap:
    """The largest size of a slope, and how many have it."""

    at: float = -math.inf
    count: int = 0

    def __add__(self, other: Cap) -> Cap:
        """Keep the larger; add the counts of a tie."""
        if self.at != other.at:
            return self if self.at > other.at else other
        return Cap(self.at, self.count + other.count)


class TopRow(NamedTuple):
    """A row with an entry of the largest size: that size, where the row is, its loss."""

    size: float = -math.inf
    row: float = math.inf
    file: str | None = None
    line: int | None = None
    loss: float = math.nan


@dataclass(frozen=True, slots=True)
class SeenPulls:
    """The entries w·s of rows with w > 0; ``SeenPulls()`` is the identity of ``+``.

    Those that are no finite number are counted in ``nonfinite`` and are nowhere else.
    """

    rows: int = 0
    nonfinite: int = 0
    zeros: int = 0
    pulls: Quantiles = field(default_factory=Quantiles)
    magnitudes: ExactSum = field(default_factory=ExactSum)
    cap: Cap = field(default_factory=Cap)
    top: TopRow = field(default_factory=TopRow)

    def __add__(self, other: SeenPulls) -> SeenPulls:
        """Join two sets of rows; the order does not matter."""
        return SeenPulls(
            self.rows + other.rows,
            self.nonfinite + other.nonfinite,
            self.zeros + other.zeros,
            self.pulls + other.pulls,
            self.magnitudes + other.magnitudes,
            self.cap + other.cap,
            min(self.top, other.top, key=lambda row: (-row.size, row.row)),
        )


class GradientSight(NamedTuple):
    """The probe of the gradient of the task at a place."""

    at: int
    task: Task

    def look(self, scores: Sequence[Scores]) -> SeenPulls:
        """Return what is seen of some rows."""
        found = scores[self.at]
        pull = pull_of(self.task, found, 0.0)
        slope = found.slope() if found.weight is not None else pull
        rows = np.arange(len(found.loss))
        if found.weight is not None:
            rows = np.flatnonzero(found.weight > 0.0)
            pull, slope = pull[rows], slope[rows]
        if not len(rows):
            return SeenPulls()
        entries = pull.ravel(order="C")
        finite = np.isfinite(entries)
        kept = entries if finite.all() else entries[finite]
        kept = kept + 0.0  # no −0, which counts as a number of its own among bits
        sizes = np.abs(slope.ravel(order="C")[finite])
        largest = float(sizes.max(initial=-math.inf))
        return SeenPulls(
            len(rows),
            len(entries) - len(kept),
            int(np.count_nonzero(kept == 0.0)),
            Quantiles.of(kept),
            total(np.abs(kept)),
            Cap(largest, int(np.count_nonzero(sizes == largest))),
            self._top(found, entries, finite, rows),
        )

    def _top(
        self, found: Scores, entries: Floats, finite: NDArray[np.bool_], rows: NDArray[np.intp]
    ) -> TopRow:
        sizes = np.where(finite, np.abs(entries), -math.inf)
        at = int(np.argmax(sizes))
        if sizes[at] < 0.0:
            return TopRow()
        index = int(rows[at // (len(entries) // len(rows))])
        batch = found.batch
        place = (batch.row(index), batch.file, batch.line(index))
        return TopRow(float(sizes[at]), *place, float(found.loss[index]))


def no_gradient(task: Task) -> str:
    """Return why a loss has no gradient whose entries could be spread; nothing where it has."""
    aggregate = task.bound.loss.aggregate
    if aggregate in ORDERED:
        return "is the error of one row or two, and its gradient is 0 in all others: draw mae"
    if aggregate in CENTRED:
        return "takes its slopes from their own mean, which takes another pass: draw r2"
    return ""


def gradient_spread(
    task: Task, seen: SeenPulls, scale: Scale, files: Sequence[str]
) -> GradientSpread:
    """Return the picture of what was seen; ``scale`` makes g of w·s."""
    spec, n = task.bound.spec, seen.rows
    bins = histogram(seen.pulls)
    edges = scale.entries(np.array(bins.edges)).tolist() if bins.edges else []
    entries = seen.pulls.count
    values, counts = seen.pulls.steps()
    small = np.abs(values) < VANISHING * np.abs(values).max(initial=0.0)
    vanishing = int(counts[small].sum()) - (seen.zeros if seen.zeros < entries else 0)
    top = None
    if seen.top.size > 0.0 and scale.divisor:
        units = seen.magnitudes.units
        share = ratio(*_over(seen.top.size, units)) if units else None
        row = int(seen.top.row)
        name = row_name(row, seen.top.file, seen.top.line, files)
        top = NamedRow(name, row, seen.top.loss, share)
    capped = seen.cap.count if seen.cap.at > 0.0 else 0
    several = (
        f"{count_text(entries + seen.nonfinite)} entries, " if len(task.columns.pred) > 1 else ""
    )
    title = f"Gradient ∂L/∂ŷ of {spec}, {several}n = {count_text(n)}{place_text(files)}"
    made = GradientSpread(
        About(title, "", spec),
        n,
        entries + seen.nonfinite,
        bins._replace(edges=tuple(edges)),
        seen.zeros,
        vanishing,
        capped,
        seen.nonfinite,
        top,
    )
    return _described(made)


def _over(size: float, units: int) -> tuple[int, int]:
    """Return a size and a sum in units of 2⁻²¹⁴⁸ as whole numbers of one unit."""
    numerator, denominator = size.as_integer_ratio()
    return numerator << 2148, units * denominator


def _described(made: GradientSpread) -> GradientSpread:
    from dataclasses import replace

    whole = made.entries
    parts = [
        f"{share_text(made.zero / whole)} of the entries are exactly 0",
        f"{share_text(made.vanishing / whole)} vanish (below 1e-6 of the largest)",
    ]
    if made.capped > 1:
        parts.append(f"{share_text(made.capped / whole)} share the largest slope seen")
    if made.nonfinite:
        parts.append(f"{counted(made.nonfinite, 'is', 'are')} not finite and not shown")
    text = "; ".join(parts) + "."
    if made.top is not None and made.top.share is not None:
        which, of = ("The row", "‖g‖₁")
        if made.nonfinite:
            which, of = ("Of the finite ones, the row", "their sizes")
        most = f"{share_text(made.top.share)} of {of}"
        others = ", as others do" if made.capped > 1 else ""
        text += f" {which} that carries the most is {made.top.name}: {most}{others}."
    elif made.zero == whole:
        text = "All entries are 0."
    about = made.about._replace(text=text[0].upper() + text[1:])
    return replace(made, about=about)
