"""The errors e = ŷ − y of rows against ŷ, in as few points or cells as a picture can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.pictures.grid import Axis, Cloud
from lossctl.pictures.records import (
    About,
    Bins,
    Cells,
    Middle,
    Residuals,
    count_text,
    counted,
    number_text,
    place_text,
    share_text,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ACROSS, DOWN = 64, 46  # cells of the picture: at most 2,944
CENTRAL = 0.99  # of the rows, along each axis
FAR = 4.0  # times as far as those reach: what lies beyond is left out of the picture
COARSE = 4  # cells that half of the rows stand in
PARTS, FEWEST = 20, 25  # of the running median, and the rows that each has at least


@dataclass(frozen=True, slots=True)
class SeenErrors:
    """The errors of rows with w > 0; ``SeenErrors()`` is the identity of ``+``."""

    rows: int = 0
    above: int = 0
    below: int = 0
    cloud: Cloud = field(default_factory=Cloud)

    def __add__(self, other: SeenErrors) -> SeenErrors:
        """Join two sets of rows; the order does not matter."""
        return SeenErrors(
            self.rows + other.rows,
            self.above + other.above,
            self.below + other.below,
            self.cloud + other.cloud,
        )


class ErrorSight(NamedTuple):
    """The probe of the errors of the task at a place."""

    at: int

    def look(self, scores: Sequence[Scores]) -> SeenErrors:
        """Return what is seen of some rows."""
        found = scores[self.at]
        yhat, y = found.pred, np.asarray(found.y, dtype=np.float64)
        if found.weight is not None:
            counts = found.weight > 0.0
            yhat, y = yhat[counts], y[counts]
        with np.errstate(over="ignore"):
            e = yhat - y
        finite = np.isfinite(e) & np.isfinite(yhat)
        above, below = int(np.count_nonzero(e > 0.0)), int(np.count_nonzero(e < 0.0))
        if not finite.all():
            yhat, e = yhat[finite], e[finite]
        return SeenErrors(len(finite), above, below, Cloud.of(yhat, e))


def has_errors(task: Task) -> bool:
    """Whether a loss compares one column of numbers with another, at its best where they agree.

    So predictions that are the logarithm of y have no errors ŷ − y.
    """
    if task.form != "elementwise" or task.classifies or len(task.columns.pred) != 1:
        return False
    best, less, more = task.bound(np.ones(3), np.array([1.0, 0.75, 1.25])).tolist()
    return bool(best <= min(less, more))


class Window(NamedTuple):
    """The cells of an axis that are shown: from a first to a last, after a shift."""

    axis: Axis
    shift: int
    first: int
    last: int

    def numbers(self, cells: Ints) -> Ints:
        """Return the numbers of cells as they are shown."""
        found: Ints = (cells + self.axis.first) >> self.shift
        return found

    def inside(self, cells: Ints) -> NDArray[np.bool_]:
        """Return which cells are shown."""
        numbers = self.numbers(cells)
        return (numbers >= self.first) & (numbers <= self.last)

    @property
    def length(self) -> float:
        """The length of a cell as it is shown."""
        return self.axis.length * 2.0**self.shift

    def ends(self, numbers: Ints) -> Floats:
        """Return the lower ends of cells that are shown."""
        return self.axis.ends((numbers << self.shift) - self.axis.first)


def window_of(axis: Axis, cells: Ints, counts: Ints, most: int) -> Window:
    """Return what to show: all, or what is near most rows where the others are far from them."""
    order = np.argsort(cells, kind="stable")
    steps = np.cumsum(counts[order])
    tails = (1.0 - CENTRAL) / 2.0 * float(steps[-1])
    low, high = (
        int(cells[order][np.searchsorted(steps, at)]) for at in (tails, float(steps[-1]) - tails)
    )
    first, last = int(cells.min()), int(cells.max())
    reach = high - low + 1
    if last - first + 1 > FAR * reach:
        first, last = max(first, low - reach // 4), min(last, high + reach // 4)
    first, last = first + axis.first, last + axis.first
    shift = 0
    while (last >> shift) - (first >> shift) + 1 > most:
        shift += 1
    return Window(axis, shift, first >> shift, last >> shift)


def residuals(task: Task, seen: SeenErrors, files: Sequence[str]) -> Residuals:
    """Return the picture of what was seen."""
    cloud = seen.cloud
    x, y, counts = cloud.table()
    across, down = (
        window_of(axis, cells, counts, most)
        for axis, cells, most in ((cloud.x, x, ACROSS), (cloud.y, y, DOWN))
    )
    shown = across.inside(x) & down.inside(y)
    points: tuple[tuple[float, float], ...] = ()
    cells, coarse = None, False
    if cloud.kept:
        px, py = cloud.points()
        inside = across.inside(cloud.x.numbers(px)) & down.inside(cloud.y.numbers(py))
        points = tuple(zip(px[inside].tolist(), py[inside].tolist(), strict=True))
        running = _running(px, py, np.ones(len(px), dtype=np.int64))
    else:
        cells = _cells(across, down, x[shown], y[shown], counts[shown])
        at, height = (
            axis.ends(numbers) + axis.length / 2.0 for axis, numbers in ((cloud.x, x), (cloud.y, y))
        )
        coarse = _coarse(y, counts)
        running = () if coarse else _running(at, height, counts)
    rows = down.numbers(y[down.inside(y)])
    side = np.bincount(rows - down.first, weights=counts[down.inside(y)])
    edges = down.ends(np.arange(down.first, down.first + len(side) + 1))
    outside = seen.rows - int(counts[shown].sum())
    n = count_text(seen.rows)
    title = f"Errors e = ŷ − y against ŷ, in the unit of y, n = {n}{place_text(files)}"
    columns = f"y = {task.columns.y[0]}, ŷ = {task.columns.pred[0]}"
    return Residuals(
        About(title, _words(seen, running, outside, coarse), columns),
        seen.rows,
        points,
        cells,
        Bins(tuple(edges.tolist()), tuple(map(int, side.tolist()))),
        running,
        outside,
    )


def _cells(across: Window, down: Window, x: Ints, y: Ints, counts: Ints) -> Cells:
    tall = down.last - down.first + 1
    codes = (across.numbers(x) - across.first) * tall + down.numbers(y) - down.first
    sums = np.bincount(codes, weights=counts)
    used = np.flatnonzero(sums)
    return Cells(
        tuple(across.ends(used // tall + across.first).tolist()),
        tuple(down.ends(used % tall + down.first).tolist()),
        tuple(map(int, sums[used].tolist())),
        across.length,
        down.length,
    )


def _running(x: Floats, y: Floats, counts: Ints) -> tuple[Middle, ...]:
    """Return the medians of y in parts of equal counts along x; rows of one x stay together."""
    n = int(counts.sum())
    parts = min(PARTS, n // FEWEST)
    if parts < 2:
        return ()
    order = np.lexsort((y, x))
    x, y, counts = x[order], y[order], counts[order]
    ends = np.append(np.flatnonzero(np.diff(x)), len(x) - 1)  # the last of every x
    found = []
    start = done = 0
    steps = np.cumsum(counts)
    for end in ends.tolist():
        if steps[end] - done < n / parts and end != len(x) - 1:
            continue
        part = slice(start, end + 1)
        if steps[end] - done >= FEWEST:
            found.append(Middle(float(x[start]), float(x[end]), _median(y[part], counts[part])))
        start, done = end + 1, int(steps[end])
    return tuple(found) if len(found) > 1 else ()


def _coarse(cells: Ints, counts: Ints) -> bool:
    """Whether half of the rows stand in so few cells that their middle says little."""
    order = np.argsort(cells, kind="stable")
    steps = np.cumsum(counts[order])
    low, high = np.searchsorted(steps, [0.25 * float(steps[-1]), 0.75 * float(steps[-1])])
    return bool(len(np.unique(cells)) - 1 > 0 and cells[order][high] - cells[order][low] < COARSE)


def _median(y: Floats, counts: Ints) -> float:
    order = np.argsort(y, kind="stable")
    steps = np.cumsum(counts[order])
    return float(y[order][np.searchsorted(steps, (int(steps[-1]) + 1) // 2)])


def _words(seen: SeenErrors, running: Sequence[Middle], outside: int, coarse: bool) -> str:
    n = seen.rows
    text = (
        f"{share_text(seen.above / n)} of the predictions are too high (e > 0), "
        f"{share_text(seen.below / n)} too low."
    )
    if running:
        ends = [number_text(part.median, 3) for part in (running[0], running[-1])]
        text += (
            f" The running median of e is {ends[0]} at the lowest ŷ and {ends[1]} at the highest."
        )
    if outside:
        text += f" {counted(outside, 'row lies', 'rows lie')} beyond the edges of the picture."
    if coarse:
        text += (
            " A few errors are so large that cells cannot tell the others apart, and no running"
            " median is drawn."
        )
    return text
