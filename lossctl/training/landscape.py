"""The loss as a landscape: J(w) of a linear model over two weights, and the way down it.

With two features the plane is that of their weights, and the intercept stays where the descent
ended; with one feature it is that of its weight and the intercept, and nothing stands still.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.errors import UsageError
from lossctl.losses.rows import times
from lossctl.losses.spec import parse_specs
from lossctl.pictures.records import About, Surface, count_text, place_text
from lossctl.tables import files_of, in_files, rereadable
from lossctl.training.chunks import WINDOW, Room, in_windows
from lossctl.training.descent import Data, Judge
from lossctl.training.models import drawn
from lossctl.training.objective import curve
from lossctl.training.ready import descended, ready_for, told_of
from lossctl.training.settings import settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lossctl.options import Options
    from lossctl.training.objective import Goal
    from lossctl.training.ready import Asked, Ready, Watch
    from lossctl.training.settings import Training

    Floats = NDArray[np.float64]

CELLS = 49  # heights along either axis
AROUND = 0.35  # of the way that was gone along an axis: how much more is shown on either side
KEPT = 512  # places of the path, at most
STEP = 64  # rows that are scored at a time under all weights of the plane: they stay in the cache


class Path:
    """The weights on the way: of every step, of many steps every 2nd, 4th and so on, and the last.

    ``seen`` counts the steps.
    """

    def __init__(self, start: Floats) -> None:
        self._kept = [start.copy()]
        self._stride = 1
        self._last = start
        self.seen = 0

    def __call__(self, step: int, theta: Floats) -> None:
        """Take note of the weights after a step; the first one begins a new path."""
        if step == 1:
            self._kept, self._stride = self._kept[:1], 1
        self.seen = step
        self._last = theta.copy()
        if step % self._stride:
            return
        self._kept.append(self._last)
        if len(self._kept) > KEPT:
            self._kept = self._kept[::2]
            self._stride *= 2

    def places(self) -> Floats:
        """Return them, a row each."""
        kept = self._kept
        if not np.array_equal(kept[-1], self._last):
            kept = [*kept, self._last]
        return np.array(kept)


class Plane(NamedTuple):
    """Two of the parameters, by their position, with what they are called; the others are fixed."""

    axes: tuple[int, int]
    names: tuple[str, str]
    fixed: Floats

    def at(self, places: Floats) -> Floats:
        """Return all parameters at places of the plane, a row each."""
        theta = np.repeat(self.fixed[np.newaxis, :], len(places), axis=0)
        theta[:, self.axes] = places
        return theta


def surface_of(
    data: Any, loss: str, options: Options, asked: Asked, watch: Watch | None = None
) -> Surface:
    """Return J over two weights of a linear model, and the path that ``fit`` takes down it.

    Raises UsageError for more features than two, and for a loss that needs several outputs.
    """
    training = settled(asked.settings)
    specs = parse_specs(loss)
    if len(specs) != 1:
        raise UsageError(f"surface takes one loss, got {len(specs)}")
    if training.model != "linear":
        raise UsageError("surface is of a linear model, which has a weight for each feature")
    with rereadable(data, options) as source:
        ready = ready_for(source, specs[0], options, asked, training, watch)
        plane_names = _names(ready, training)
        start = drawn(ready.goal.shape, training.seed)
        path = Path(start)
        judge = Judge(watch=told_of(watch, training), trace=path)
        with in_files(source):
            descended(ready, training, judge)
            places = _in_units(path.places(), ready, training)
            plane = Plane(plane_names[0], plane_names[1], places[-1])
            way = places[:, plane.axes]
            x, y = (_axis(way[:, at]) for at in (0, 1))
            shown = Data(ready.data.chunks, ready.data.features, _shift(ready, training))
            grid = np.array([(a, b) for b in y for a in x])
            thetas = np.concatenate([plane.at(grid), places[[0, -1]]])
            told = None if watch is None else _drawing(watch, ready.rows.seen.training)
            heights = heights_of(ready.goal, shown, thetas, training.l2, told)
    about = _about(ready, files_of(source), plane, _Way(way, heights[-2:], path.seen))
    lowest = grid[int(np.nanargmin(heights[:-2]))]
    return Surface(
        about,
        plane.names,
        tuple(x.tolist()),
        tuple(y.tolist()),
        tuple(map(tuple, heights[:-2].reshape(len(y), len(x)).tolist())),
        tuple((float(a), float(b)) for a, b in way),
        (float(lowest[0]), float(lowest[1])),
    )


def _names(ready: Ready, training: Training) -> tuple[tuple[int, int], tuple[str, str]]:
    """Return which parameters span the plane, and what they are called."""
    features = ready.problem.named.features
    name = ready.problem.task.bound.loss.name
    if len(ready.problem.outputs) > 1:
        raise UsageError(f"{name} has {len(ready.problem.outputs)} outputs here: surface draws one")
    if len(features) > 2:
        raise UsageError(f"surface is over the weights of one or two features, got {len(features)}")
    of = "standardised " if training.standardize else ""
    weights = tuple(f"weight of {of}{feature}" for feature in features)
    return (0, 1), (weights[0], weights[1] if len(weights) > 1 else "intercept")


def _in_units(theta: Floats, ready: Ready, training: Training) -> Floats:
    """Return parameters as they are shown: of the file, or of standardised features.

    L-BFGS runs on standardised features in either case.
    """
    scaling = ready.scaling
    if scaling is None or training.standardize:
        return theta
    slopes = theta[:, :-1] / np.array(scaling.deviations)
    away = slopes @ np.array(scaling.means)
    return np.column_stack([slopes, theta[:, -1] - away])


def _shift(ready: Ready, training: Training) -> Any:
    return ready.data.shift if training.standardize else None


def _axis(way: Floats) -> Floats:
    """Return the numbers along an axis: what was gone, and some more around."""
    low, high = float(way.min()), float(way.max())
    span = (high - low) or max(1.0, abs(high))
    end = float(way[-1])
    reach = 0.5 * span
    low = min(low - AROUND * span, end - reach)
    high = max(high + AROUND * span, end + reach)
    return np.linspace(low, high, CELLS)


def heights_of(
    goal: Goal,
    data: Data,
    thetas: Floats,
    l2: float,
    told: Callable[[int], None] | None = None,
) -> Floats:
    """Return J at every row of ``thetas``, in one pass over the rows; NaN where it has no value."""
    total = np.zeros(len(thetas))
    divisor = 0.0
    done = 0
    room: Room | None = None
    with np.errstate(all="ignore"):
        for window in in_windows(data.chunks(), WINDOW):
            room = (room or Room(data.features, window.size)).fill(window, data.shift)
            for first in range(0, room.size, STEP):
                part = slice(first, first + STEP)
                weight = None if room.weight is None else room.weight[part]
                more, counted = _summed(goal, thetas, room.x[:, part], room.y[part], weight)
                total += more
                divisor += counted
            done += room.size
            if told is not None:
                told(done)
        heights = [curve(goal.aggregate, mean)[0] for mean in (total / divisor).tolist()]
        penalty = 0.5 * l2 * np.square(thetas[:, :-1]).sum(axis=1)
    found: Floats = np.array(heights) + penalty
    return found


def _summed(
    goal: Goal, thetas: Floats, x: Floats, y: NDArray[Any], weight: Floats | None
) -> tuple[Floats, float]:
    """Return Σwℓ of some rows under every theta, and what it is divided by."""
    o = thetas @ x
    yhat = goal.link.forward(o.ravel())
    value, _ = goal.kernel(np.tile(y, len(thetas)), yhat, **goal.params)
    value = value.reshape(o.shape)
    if weight is not None:
        value = times(weight, value)
    per = np.ones(len(y)) if goal.per is None else goal.per(y)
    counted = float(per.sum() if weight is None else weight @ per)
    sums: Floats = value.sum(axis=1)
    return sums, counted


def _drawing(watch: Watch, rows: int) -> Callable[[int], None]:
    return lambda done: watch(done / rows, f"heights: {done / 1e6:.1f} M rows")


class _Way(NamedTuple):
    places: Floats
    heights: Floats
    steps: int


def _about(ready: Ready, files: tuple[str, ...], plane: Plane, way: _Way) -> About:
    spec = ready.problem.task.bound.spec
    n = ready.rows.seen.training
    title = f"{spec} of a linear model over two weights, n = {count_text(n)}{place_text(files)}"
    (a, b), (c, d) = (way.places[at].tolist() for at in (0, -1))
    text = (
        f"From ({_short(a)}, {_short(b)}), where J = {_short(way.heights[0])}, it goes down to"
        f" ({_short(c)}, {_short(d)}), J = {_short(way.heights[1])}, in {count_text(way.steps)}"
        " steps."
    )
    if plane.names[1] != "intercept":
        text += f" The plane is at the intercept where it ended, {_short(plane.fixed[-1])}."
    return About(title, text, spec)


def _short(x: float) -> str:
    return f"{float(x):.6g}".replace("-", "−") if math.isfinite(x) else "∞"
