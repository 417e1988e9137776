"""What is counted over all rows: extremes, exact sums, and how many rows have which trait."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lossctl.batch import Place
from lossctl.exact import ExactSum, total
from lossctl.task import class_position

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lossctl.batch import Batch
    from lossctl.task import Columns

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

KEPT = 1 << 20  # rows that are kept
CELLS = 1 << 23  # … and numbers of theirs, where there are many columns

Truth = Literal["number", "binary", "labels"]


class Reading(NamedTuple):
    """The columns, how the truth is read, and the columns that tell rows apart."""

    columns: Columns
    truth: Truth
    keys: tuple[str, ...]

    @property
    def limit(self) -> int:
        """How many rows are kept."""
        return min(KEPT, CELLS // (len(self.columns.pred) + len(self.columns.y)))


class Tally(NamedTuple):
    """How many rows have a trait, and the first of them."""

    rows: int = 0
    first: Place | None = None

    def join(self, other: Tally) -> Tally:
        """Add the counts; the earlier row is the first."""
        first = min(filter(None, (self.first, other.first)), default=None, key=lambda m: m.row)
        return Tally(self.rows + other.rows, first)


NONE = Tally()


class Peak(NamedTuple):
    """The largest squared error, and the row that has it."""

    square: float = 0.0
    mark: Place | None = None

    def join(self, other: Peak) -> Peak:
        """Keep the larger; of two the same, that of the earlier row."""
        if other.mark is None or self.mark is None:
            return self if other.mark is None else other
        ours = (-self.square, self.mark.row) <= (-other.square, other.mark.row)
        return self if ours else other


NO_PEAK = Peak()


class Range(NamedTuple):
    """The least and the largest number of a column, and their sum."""

    low: float = np.inf
    high: float = -np.inf
    sum: ExactSum = ExactSum()

    def join(self, other: Range) -> Range:
        """Take both columns as one."""
        return Range(min(self.low, other.low), max(self.high, other.high), self.sum + other.sum)


@dataclass(frozen=True, slots=True)
class Seen:
    """What all rows are known by; ``Seen()`` is the identity of ``+``.

    ``outside``: a prediction outside [0, 1]. ``zeros`` and ``ones``: exactly 0 or 1. ``lost``: 0
    for what happened. ``uneven`` and ``off``: predictions that do not sum to 1, within 1e-2 and
    beyond; ``void``: that sum to 0. ``unknown``: a label that is no class. ``hits``: y = ŷ.
    """

    rows: int = 0
    y: tuple[Range, ...] = ()
    pred: tuple[Range, ...] = ()
    outside: Tally = NONE
    zeros: Tally = NONE
    ones: Tally = NONE
    lost: Tally = NONE
    uneven: Tally = NONE
    off: Tally = NONE
    void: Tally = NONE
    unknown: Tally = NONE
    zero_truths: Tally = NONE
    hits: Tally = NONE
    squares: ExactSum = field(default_factory=ExactSum)
    peak: Peak = NO_PEAK
    negative_weights: Tally = NONE
    positive_weights: Tally = NONE

    def __add__(self, other: Seen) -> Seen:
        """Join what is known of two parts."""
        if not self.rows or not other.rows:
            return self if self.rows else other
        joined_parts = {
            name: getattr(self, name).join(getattr(other, name)) for name in (*_TALLIES, "peak")
        }
        return Seen(
            rows=self.rows + other.rows,
            y=tuple(a.join(b) for a, b in zip(self.y, other.y, strict=True)),
            pred=tuple(a.join(b) for a, b in zip(self.pred, other.pred, strict=True)),
            squares=self.squares + other.squares,
            **joined_parts,
        )


_TALLIES = (
    *("outside", "zeros", "ones", "lost", "uneven", "off", "void", "unknown"),
    *("zero_truths", "hits", "negative_weights", "positive_weights"),
)


def stack_of(batch: Batch, names: Sequence[str]) -> Floats:
    """Return columns as n × k, each contiguous."""
    stacked = np.empty((batch.size, len(names)), order="F")
    for at, name in enumerate(names):
        stacked[:, at] = batch.numbers(name)
    return stacked


def seen_in(reading: Reading, batch: Batch) -> Seen:
    """Return what is known of some rows."""
    columns = reading.columns
    pred = stack_of(batch, columns.pred)
    k = pred.shape[1]
    tally = partial(_tally, batch)
    with np.errstate(all="ignore"):
        outside = np.logical_or.reduce(~((pred >= 0.0) & (pred <= 1.0)), axis=1)
        zeros, ones = pred == 0.0, pred == 1.0
        found: dict[str, Any] = {
            "rows": batch.size,
            "pred": tuple(_range(pred[:, at]) for at in range(k)),
            "outside": tally(outside),
            "zeros": tally(zeros.any(axis=1)),
            "ones": tally(ones.any(axis=1)),
        }
        if k > 1:
            sums = _row_sum(pred)
            gaps = np.abs(sums - 1.0)
            found["uneven"] = tally((gaps > 1e-6) & (gaps <= 1e-2))
            found["off"] = tally(~(gaps <= 1e-2))
            found["void"] = tally(sums == 0.0)
        if reading.truth == "labels":
            found.update(_seen_labels(reading, batch, zeros, tally))
        else:
            found.update(_seen_numbers(batch, stack_of(batch, columns.y), pred, tally))
    if columns.weight is not None:
        weight = batch.numbers(columns.weight)
        found["negative_weights"] = tally(weight < 0.0)
        found["positive_weights"] = tally(weight > 0.0)
    return Seen(**found)


def _seen_labels(
    reading: Reading, batch: Batch, zeros: Flags, tally: Callable[[Flags], Tally]
) -> dict[str, Tally]:
    columns = reading.columns
    text = batch.texts[columns.y[0]]
    if len(columns.pred) == 1:
        return {}
    codes = class_codes(text.names, columns)[text.codes]
    known = codes >= 0
    return {
        "unknown": tally(~known),
        "lost": tally(known & _of_label(zeros, codes)),
    }


def _of_label(flags: Flags, codes: NDArray[np.intp]) -> Flags:
    """Return the flag of each row's class."""
    picked: Flags = flags[np.arange(len(codes)), np.maximum(codes, 0)]
    return picked


def class_codes(names: Sequence[str], columns: Columns) -> NDArray[np.intp]:
    """Return the class of every label, −1 where it is none."""
    places = [class_position(name, columns.classes or ()) for name in names]
    return np.array([-1 if at is None else at for at in places], dtype=np.intp)


def _seen_numbers(
    batch: Batch, y: Floats, pred: Floats, tally: Callable[[Flags], Tally]
) -> dict[str, Any]:
    found: dict[str, Any] = {"y": tuple(_range(y[:, at]) for at in range(y.shape[1]))}
    found["zero_truths"] = tally((y == 0.0).any(axis=1))
    if y.shape != pred.shape:
        return found
    found["hits"] = tally((y == pred).all(axis=1))
    surely_wrong = ((y == 1.0) & (pred == 0.0)) | ((y == 0.0) & (pred == 1.0))
    found["lost"] = tally(surely_wrong.any(axis=1))
    errors = y - pred
    squares = _row_sum(errors * errors)
    found["squares"] = total(squares)
    largest = int(np.argmax(squares))
    found["peak"] = Peak(float(squares[largest]), _mark(batch, largest))
    return found


def _row_sum(x: Floats) -> Floats:
    """Return the sum of every row, its terms from left to right."""
    sums = x[:, 0].copy()
    for at in range(1, x.shape[1]):
        sums += x[:, at]
    return sums


def _range(x: Floats) -> Range:
    return Range(float(x.min()), float(x.max()), total(x))


def _mark(batch: Batch, index: int) -> Place:
    return Place(batch.row(index), batch.file, batch.line(index))


def _tally(batch: Batch, flags: Flags) -> Tally:
    count = int(np.count_nonzero(flags))
    return Tally(count, _mark(batch, int(np.argmax(flags))) if count else None)
