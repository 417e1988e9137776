"""What changes from one prediction of some rows to another: who wins, and the rows that move most.

Probes on pairs of losses, and on the columns that a comparison rests on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.losses.rows import times
from lossctl.state import cells_of
from lossctl.task import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lossctl.batch import Batch
    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]


class MovedRow(NamedTuple):
    """A row whose loss changed: what the file holds, what either prediction cost.

    ``weighted`` is w·(ℓ_candidate − ℓ_baseline).
    """

    row: int
    file: str | None
    line: int | None
    y: object
    baseline: object
    candidate: object
    loss_baseline: float
    loss_candidate: float
    weighted: float


@dataclass(frozen=True, slots=True)
class Moves:
    """How many rows either prediction wins, and the rows that got better and worse the most."""

    wins: int = 0
    ties: int = 0
    losses: int = 0
    better: tuple[MovedRow, ...] = ()
    worse: tuple[MovedRow, ...] = ()
    limit: int = 0

    def __add__(self, other: Moves) -> Moves:
        """Join two sets of rows; the order does not matter."""
        limit = max(self.limit, other.limit)
        better = sorted(self.better + other.better, key=lambda row: (row.weighted, row.row))
        worse = sorted(self.worse + other.worse, key=lambda row: (-row.weighted, row.row))
        return Moves(
            self.wins + other.wins,
            self.ties + other.ties,
            self.losses + other.losses,
            tuple(better[:limit]),
            tuple(worse[:limit]),
            limit,
        )


class Moving(NamedTuple):
    """The probe of a pair of losses: the baseline's and the candidate's, by their index."""

    baseline: int
    candidate: int
    tasks: tuple[Task, Task]
    limit: int

    def look(self, scores: Sequence[Scores]) -> Moves:
        """Return who wins some rows; rows of weight 0 do not take part."""
        old, new = scores[self.baseline], scores[self.candidate]
        with np.errstate(all="ignore"):
            change = np.where(new.loss == old.loss, 0.0, new.loss - old.loss)
            weighted = change if old.weight is None else times(old.weight, change)
        counts = np.ones(len(change), dtype=bool) if old.weight is None else old.weight > 0.0
        wins = int(np.count_nonzero((change < 0.0) & counts))
        losses = int(np.count_nonzero((change > 0.0) & counts))
        ties = int(np.count_nonzero(counts)) - wins - losses
        better = self._rows(scores, weighted, _extreme(weighted, self.limit))
        worse = self._rows(scores, weighted, _extreme(-weighted, self.limit))
        return Moves(wins, ties, losses, better, worse, self.limit) + Moves()  # which puts in order

    def _rows(
        self, scores: Sequence[Scores], weighted: Floats, chosen: NDArray[np.intp]
    ) -> tuple[MovedRow, ...]:
        old, new = scores[self.baseline], scores[self.candidate]
        rows = []
        for index in chosen.tolist():
            y, candidate = cells_of(self.tasks[1], new, index)
            row = MovedRow(
                row=new.batch.row(index),
                file=new.batch.file,
                line=new.batch.line(index),
                y=y,
                baseline=cells_of(self.tasks[0], old, index)[1],
                candidate=candidate,
                loss_baseline=float(old.loss[index]),
                loss_candidate=float(new.loss[index]),
                weighted=float(weighted[index]),
            )
            rows.append(row)
        return tuple(rows)


def _extreme(x: Floats, limit: int) -> NDArray[np.intp]:
    """Return the rows of the lowest numbers below 0, ties by their order."""
    below = np.flatnonzero(x < 0.0)
    if limit == 0 or len(below) <= limit:
        return below[:limit] if limit == 0 else below
    cut = np.partition(x[below], limit - 1)[limit - 1]
    under = below[x[below] < cut]
    ties = below[x[below] == cut][: limit - len(under)]
    return np.concatenate([under, ties])


@dataclass(frozen=True, slots=True)
class Extremes:
    """The lowest and highest number of every prediction column, over the rows that count."""

    rows: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __add__(self, other: Extremes) -> Extremes:
        """Join two sets of rows."""
        if not self.rows or not other.rows:
            return self if self.rows else other
        low = tuple(map(min, self.low, other.low))
        return Extremes(self.rows + other.rows, low, tuple(map(max, self.high, other.high)))

    @property
    def constant(self) -> bool:
        """Whether two rows or more have the same predictions throughout."""
        return self.rows > 1 and self.low == self.high


class Reach(NamedTuple):
    """The probe of the predictions of one loss, by its index."""

    at: int

    def look(self, scores: Sequence[Scores]) -> Extremes:
        """Return the extremes of some rows."""
        found = scores[self.at]
        pred = found.pred if found.pred.ndim > 1 else found.pred[:, np.newaxis]
        if found.weight is not None and not found.weight.all():
            pred = pred[found.weight > 0.0]
        if not len(pred):
            return Extremes()
        columns = [pred[:, k] for k in range(pred.shape[1])]
        low = tuple(float(x.min()) for x in columns)
        return Extremes(len(pred), low, tuple(float(x.max()) for x in columns))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How many rows have another truth, or weight, on either side, and the first of them."""

    rows: int = 0
    row: float = math.inf
    file: str | None = None
    line: int | None = None
    baseline: object = None
    candidate: object = None

    def __add__(self, other: Mismatch) -> Mismatch:
        """Add the counts; keep the earlier row."""
        first = min(self, other, key=lambda part: part.row)
        return Mismatch(
            self.rows + other.rows,
            first.row,
            first.file,
            first.line,
            first.baseline,
            first.candidate,
        )


class SameWeight(NamedTuple):
    """The probe of two columns of weights, which are to be equal in every row of a loss."""

    at: int
    baseline: str
    candidate: str

    def look(self, scores: Sequence[Scores]) -> Mismatch:
        """Return the rows whose weights differ."""
        batch = scores[self.at].batch
        old, new = batch.numbers(self.baseline), batch.numbers(self.candidate)
        return _mismatch(np.asarray(old != new), batch, lambda at: (float(old[at]), float(new[at])))


class SameTruth(NamedTuple):
    """The probe of the truths of a pair of losses, which are to be equal in every row."""

    baseline: int
    candidate: int
    tasks: tuple[Task, Task]

    def look(self, scores: Sequence[Scores]) -> Mismatch:
        """Return the rows whose truths differ."""
        old, new = scores[self.baseline], scores[self.candidate]
        if old.y is None or new.y is None:
            return Mismatch()
        other = _differ(self.tasks, old, new)
        rows = other if other.ndim == 1 else np.asarray(other.any(axis=1))
        ours, theirs = self.tasks
        return _mismatch(
            rows,
            new.batch,
            lambda at: (cells_of(ours, old, at)[0], cells_of(theirs, new, at)[0]),
        )


def _mismatch(
    rows: NDArray[np.bool_], batch: Batch, cells: Callable[[int], tuple[object, object]]
) -> Mismatch:
    """Return how many rows differ, and the first of them."""
    if not rows.any():
        return Mismatch()
    at = int(np.argmin(np.where(rows, batch.row_numbers(), np.iinfo(np.int64).max)))
    count = int(np.count_nonzero(rows))
    return Mismatch(count, batch.row(at), batch.file, batch.line(at), *cells(at))


def _differ(tasks: tuple[Task, Task], old: Scores, new: Scores) -> NDArray[np.bool_]:
    """Return which rows have another truth; the columns of classes may be in another order."""
    assert old.y is not None
    assert new.y is not None
    ours, theirs = (task.columns.classes for task in tasks)
    if ours is None or theirs is None or ours == theirs:
        return np.asarray(old.y != new.y)
    if set(ours) == set(theirs):
        if old.y.ndim > 1:
            return np.asarray(old.y[:, [ours.index(name) for name in theirs]] != new.y)
        return np.asarray(np.array([theirs.index(name) for name in ours])[old.y] != new.y)
    if not all(task.labelled for task in tasks):
        return np.asarray(old.y != new.y)
    labels = [
        scores.batch.texts[task.columns.y[0]]
        for task, scores in zip(tasks, (old, new), strict=True)
    ]
    known: dict[str, int] = {}
    codes = []
    for text in labels:
        numbers = [known.setdefault(_spelled(name), len(known)) for name in text.names]
        codes.append(np.array(numbers, dtype=np.intp)[text.codes])
    return np.asarray(codes[0] != codes[1])


def _spelled(label: str) -> str:
    """Return a label such that those that are the same number are the same."""
    number = number_of(label)
    return label if number is None else repr(number + 0.0)
