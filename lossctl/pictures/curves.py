"""The curves of losses to be drawn together, and what one more unit of error costs.

A value that is no mean of its rows, as ``rmse``, has no curve of a single row. It is drawn as what
it is: the value of a batch of four rows of which one moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lossctl.batch import Batch
from lossctl.curves import Curve, Line, curve_of
from lossctl.errors import UsageError
from lossctl.pictures.records import About, LossCurves, NamedCurve, Row, Steps
from lossctl.scoring import score
from lossctl.state import sums_of
from lossctl.task import Columns, Task
from lossctl.values import gradient_of, outcome_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.bound import BoundLoss

    Floats = NDArray[np.float64]

MOST = 6  # losses of a picture: as many as its lines are told apart
UNITS = 4  # of error in the comparison of steps
INSTEAD = {"r2": "mse", "explained_variance": "mse", "median": "mae", "max": "mae"}
BATCHED = ("root", "exp", "ratio")
THINNED = 4  # of the points of a curve, each of which is a batch of its own
OTHER_ERRORS = (1.0, -1.0, 2.0)  # of the rows that stay
OTHER_SHARES = (0.9, 0.7, 0.5)


def loss_curves(losses: Sequence[BoundLoss]) -> LossCurves:
    """Return the picture of some losses, or raise UsageError where one has no curve."""
    specs = list(dict.fromkeys(bound.spec for bound in losses))
    by_spec = {bound.spec: bound for bound in losses}
    if len(specs) > MOST:
        raise UsageError(f"plot curves tells up to {MOST} losses apart, got {len(specs)}")
    rows: dict[tuple[str, str], list[NamedCurve]] = {}
    for spec in specs:
        made = _curve(by_spec[spec])
        rows.setdefault((made.curve.symbol, made.curve.about), []).append(made)
    found = tuple(
        Row(symbol, about, tuple(curves), tuple(_steps(curves)) if symbol == "e" else ())
        for (symbol, about), curves in rows.items()
    )
    text = " ".join(_words(found))
    title = f"Loss and slope of {', '.join(specs)}"
    return LossCurves(About(title, text, ",".join(specs)), found)


def _curve(bound: BoundLoss) -> NamedCurve:
    loss = bound.loss
    if loss.aggregate in INSTEAD:
        raise UsageError(
            f"{loss.name} has no curve: it is a value of all rows together. Draw"
            f" {INSTEAD[loss.aggregate]}, the loss of a row that it is made of"
        )
    curve = curve_of(bound)
    if loss.aggregate not in BATCHED:
        return NamedCurve(bound.spec, curve, zeros_of(bound, curve))
    return _of_a_batch(bound, curve)


def _of_a_batch(bound: BoundLoss, curve: Curve) -> NamedCurve:
    """Return the value, and its slope in the first of four rows, along that row's prediction."""
    classes = bound.loss.kind == "classes"
    x = curve.x[::THINNED]
    truth = 1.0 if curve.symbol == "ŷ" or bound.loss.aggregate == "ratio" else 0.0
    task = Task(bound, Columns(("y",), ("p",)))
    if classes:
        task = Task(bound, Columns(("y_a", "y_b", "y_c"), ("a", "b", "c"), classes=("a", "b", "c")))
    values, slopes = np.empty_like(x), np.empty_like(x)
    for index, at in enumerate(x.tolist()):
        batch = _shares(at) if classes else _numbers(curve.symbol, truth, at)
        scores = score(task, batch)
        outcome = outcome_of(task, sums_of(task, scores))
        values[index] = outcome.value
        found = gradient_of(task, scores, outcome).ravel()[0]
        slopes[index] = found if np.isfinite(outcome.value) else np.nan  # 0 by convention
    stay = "p = 0.9, 0.7 and 0.5" if classes else f"e = 1, −1 and 2 (all y = {truth:.0f})"
    stay = "ŷ = 2, ½ and 3 (all y = 1)" if curve.symbol == "ŷ" else stay
    lines = (Line("", values),), (Line("", slopes),)
    made = Curve(x, curve.symbol, curve.about, *lines, "∂L/∂ŷ")
    words = f"the value L of 4 rows, of which three stay at {stay}"
    return NamedCurve(bound.spec, made, zeros_of(bound, made), words)


def zeros_of(bound: BoundLoss, curve: Curve) -> tuple[float | None, ...]:
    """Return where each line is 0 because the answer is right; None where it is nowhere.

    Neither has a line a place that is 0 along a stretch, unless no error at all is part of it.
    """
    if not bound.loss.zero_at_truth:
        return (None,) * len(curve.loss)
    found: list[float | None] = []
    for line in curve.loss:
        at = curve.x[line.values == 0.0]
        right = curve.symbol == "e" and 0.0 in at
        found.append(0.0 if right else float(at[0]) if len(at) == 1 else None)
    return tuple(found)


def _numbers(symbol: str, truth: float, at: float) -> Batch:
    if symbol == "e":
        yhat = np.array([truth + at, *(truth + e for e in OTHER_ERRORS)])
    else:
        yhat = np.array([at, 2.0, 0.5, 3.0])
    return Batch(4, {"y": np.full(4, truth), "p": yhat})


def _shares(at: float) -> Batch:
    true = np.array([at, *OTHER_SHARES])
    rest = (1.0 - true) / 2.0
    ones, zeros = np.ones(4), np.zeros(4)
    columns = {"y_a": ones, "y_b": zeros, "y_c": zeros, "a": true, "b": rest, "c": rest}
    return Batch(4, columns)


def _steps(curves: Iterable[NamedCurve]) -> Iterable[Steps]:
    """Give what each unit of error costs, as far as the curves reach."""
    for made in curves:
        x, values = made.curve.x, made.curve.loss[0].values
        at = [float(np.interp(k, x, values)) for k in range(UNITS) if k <= x[-1]]
        yield Steps(made.spec, tuple(np.diff(at).tolist()))


def _words(rows: Sequence[Row]) -> Iterable[str]:
    for row in rows:
        good = [made.spec for made in row.curves if _meets(made)]
        if good:
            verb = "is" if len(good) == 1 else "are"
            yield (
                f"{_and(good)} {verb} 0 at the right answer, where the mark is, and larger the"
                f" further {row.symbol} is from it."
            )
        for made in row.curves:
            if made.batch:
                yield f"{made.spec} is {made.batch}."
        yield from _steps_words(row)


def _meets(made: NamedCurve) -> bool:
    """Whether every line is 0 at a point, and larger with every step from it."""
    for line, zero in zip(made.curve.loss, made.zeros, strict=True):
        if zero is None:
            return False
        x, values = made.curve.x, line.values
        left, right = values[x <= zero], values[x >= zero]
        if not ((left[:-1] > left[1:]).all() and (right[1:] > right[:-1]).all()):
            return False
    return True


def _steps_words(row: Row) -> Iterable[str]:
    """Say which losses charge the same for every unit of error, and which more for each."""
    alike, growing = [], []
    for steps in row.steps:
        change = np.diff(steps.costs)
        if len(change) and np.allclose(change, 0.0, atol=1e-9):
            alike.append(steps.spec)
        elif (change > 1e-9).all() and len(change):
            growing.append(steps.spec)
    if alike:
        yield f"Every unit of error costs the same by {_and(alike)}."
    if growing:
        yield f"Every further one costs more by {_and(growing)}."


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
