"""One loss bound to its columns: rows in, per-sample losses and slopes out.

This is where labels become classes, domains are checked, weights are made, and predictions that
the user asked to have clipped or rescaled are counted. Pure functions on numpy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.batch import Batch, Place, Text
from lossctl.errors import InputError
from lossctl.losses.bound import MIXED_SIGNS, reduce_outputs
from lossctl.losses.clipping import moved
from lossctl.losses.domain import LOGIT, REAL, UNIT
from lossctl.losses.registry import Slope
from lossctl.losses.rows import one_hot, row_sum
from lossctl.task import Task, class_position, number_of, same_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.intp]
    Flags = NDArray[np.bool_]

SUM_NOTE = 1e-6  # beyond it, a distribution that does not sum to 1 is worth a note
SUM_ERROR = 1e-2  # beyond it, an error: it is no distribution
LOGITS_REACH = 20.0  # where σ rounds to 1; few logits lie beyond it
TRUTHS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Touched:
    """How many rows were altered because it was asked for, and how many sum to 1 only nearly."""

    clipped: int = 0
    normalized: int = 0
    ignored: int = 0
    uneven: int = 0

    def __add__(self, other: Touched) -> Touched:
        """Add the counts."""
        return Touched(
            self.clipped + other.clipped,
            self.normalized + other.normalized,
            self.ignored + other.ignored,
            self.uneven + other.uneven,
        )


class Mark(NamedTuple):
    """A row, and where its label stands: the order of marks is that of the rows."""

    row: int
    place: Place
    column: str


class Marks(NamedTuple):
    """Where the first label −1 stands, and the first of another convention (0 to below 1)."""

    minus: Mark | None = None
    other: Mark | None = None

    def join(self, other: Marks) -> Marks:
        """Return the earlier ones."""
        if other == NO_MARKS:
            return self
        pairs = zip(self, other, strict=True)
        return Marks(*(min(filter(None, pair), default=None) for pair in pairs))


NO_MARKS = Marks()


class Scores(NamedTuple):
    """Per-sample losses (n), the function of the slopes (n or n × k) and weights of some rows.

    ``batch`` holds the rows that were scored: fewer than came in where labels are ignored.
    ``weight`` is None where every row counts 1. ``y`` and ``pred`` are as the kernel saw them.
    """

    batch: Batch
    loss: Floats
    slope: Slope
    weight: Floats | None
    touched: Touched
    y: Floats | Labels | None
    pred: Floats
    marks: Marks = NO_MARKS


class Truths(NamedTuple):
    """The rows that count, their truth as the kernel takes it, and how many were left out."""

    batch: Batch
    y: Floats | Labels | None
    ignored: int
    marks: Marks = NO_MARKS


def truths(task: Task, batch: Batch) -> Truths:
    """Return the truth of the rows that count, or raise InputError with the row."""
    batch, ignored = _without(batch, _ignored(task, batch))
    batch, dropped = _without(batch, _dropped(task, batch))
    y = _truth(task, batch)
    marks = NO_MARKS
    if y is not None and task.bound.loss.labels == "signed" and task.form == "elementwise":
        marks = _marks(batch, task.columns.y[0], y.astype(np.float64, copy=False))
        check_marks(marks)
        y = np.maximum(y, 0.0)
    return Truths(batch, y, ignored + dropped, marks)


def score(task: Task, batch: Batch) -> Scores:
    """Return losses, slopes and weights of a batch, or raise InputError with the row."""
    loss = task.bound.loss
    batch, y, ignored, marks = truths(task, batch)
    pred = _stack(batch, task.columns.pred)
    if task.form == "ensemble":
        pred = pred.reshape(batch.size, len(task.columns.pred), order="F")
    _check_predictions(task, batch, pred)
    _check_rule(task, batch, y, pred)
    pred, normalized, uneven = _on_simplex(task, batch, pred)
    shares = task.form in ("classes", "distribution")
    if shares and y is not None and len(task.columns.y) > 1:
        _check_sums(task, batch, y.astype(np.float64, copy=False), task.columns.y)
    weight = weights_of(task, batch, y)
    value, slope = loss.kernel(y, pred, **task.bound.params)
    value, slope = reduce_outputs(task.form, value, slope, outputs_sum=task.rules.outputs_sum)
    touched = Touched(_clipped(task, pred), normalized, ignored, uneven)
    return Scores(batch, value, slope, weight, touched, y, pred, marks)


def _without(batch: Batch, out: Flags | None) -> tuple[Batch, int]:
    """Leave rows out, and count them."""
    if out is None or not out.any():
        return batch, 0
    return batch.take(np.flatnonzero(~out)), int(np.count_nonzero(out))


def _ignored(task: Task, batch: Batch) -> Flags | None:
    """Return the rows whose label is the one to ignore."""
    label = task.rules.ignore
    if label is None or len(task.columns.y) != 1:
        return None
    column = truth_column(task, batch)
    if isinstance(column, Text):
        same = np.array([same_label(name, label) for name in column.names], dtype=bool)
        flags: Flags = same[column.codes]
        return flags
    number = number_of(label)
    return None if number is None else column == number


def _dropped(task: Task, batch: Batch) -> Flags | None:
    """Return the rows whose truth lies outside its domain, where such rows are to be skipped."""
    drop, domain = task.bound.loss.drop, task.bound.y
    if drop is None or domain is None or task.bound.params[drop] != "skip" or task.text_truth:
        return None
    flags = np.zeros(batch.size, dtype=bool)
    for name in task.columns.y:
        flags |= ~domain.where(batch.numbers(name))
    return flags


def _marks(batch: Batch, name: str, y: Floats) -> Marks:
    """Return where labels of either convention stand first."""
    firsts = []
    for cells in (y < 0.0, (y >= 0.0) & (y < 1.0)):
        flags = cells if y.ndim == 1 else cells.any(axis=1)
        at = int(np.argmax(flags)) if flags.any() else None
        found = None if at is None else _mark(batch, at, name)
        firsts.append(found)
    return Marks(*firsts)


def _mark(batch: Batch, index: int, name: str) -> Mark:
    return Mark(batch.row(index), batch.place(index, name), batch.own_name(name))


def check_marks(marks: Marks) -> None:
    """Refuse labels of two conventions in one input."""
    if marks.minus is None or marks.other is None:
        return
    later = max(marks.minus, marks.other)
    file, line = later.place.file, later.place.line
    place = "" if line is not None else f"row {later.place.row}: "
    found = "−1" if later is marks.minus else "0"
    raise InputError(
        f"{place}{MIXED_SIGNS}: the first {found} is here, the other stands in row"
        f" {min(marks.minus, marks.other).place.row}",
        file=file,
        line=line,
        column=later.column,
    )


def truth_column(task: Task, batch: Batch) -> Floats | Text:
    """Return the one column of the truth as the file holds it."""
    name = task.columns.y[0]
    return batch.texts[name] if task.text_truth else batch.columns[name]


def _stack(batch: Batch, names: tuple[str, ...]) -> Floats:
    """Return one column as n numbers, several as n × k, each column contiguous.

    numpy takes another path through exp and log, with other last bits, where a view is reversed.
    """
    if len(names) == 1:
        return np.ascontiguousarray(batch.numbers(names[0]))
    stacked = np.empty((len(names), batch.size))
    for row, name in zip(stacked, names, strict=True):
        row[:] = batch.numbers(name)
    return stacked.T


def _truth(task: Task, batch: Batch) -> Floats | Labels | None:
    """Return y as the kernel takes it."""
    loss, columns = task.bound.loss, task.columns
    if loss.y is None:
        return None
    if task.labelled:
        codes = _codes(task, batch)
        return codes if task.form == "classes" else one_hot(codes, len(columns.pred))
    if len(columns.y) == 1:
        column = truth_column(task, batch)
        y = (
            _binary(task, batch, column)
            if isinstance(column, Text)
            else np.ascontiguousarray(column)
        )
    else:
        y = _stack(batch, columns.y)
    domain = task.bound.y
    assert domain is not None
    if domain != REAL and not domain.holds(y):  # what is not real was left out on reading
        index, name = _first(y, domain.first_outside, columns.y)
        found = y.reshape(batch.size, -1)[index, columns.y.index(name)]
        signs = loss.labels == "signed"
        labels = "−1 or 1, or from 0 to 1" if signs else "0, 1 or between"
        what = f"a label must be {labels}" if task.binary else f"y must be in {domain}"
        advice = _label_advice(found) if task.binary else ""
        advice = (
            f". Leave such rows out? Use {loss.name}:{loss.drop}=skip." if loss.drop else advice
        )
        raise batch.error(index, name, f"{what}, got {found:g}{advice}")
    return y


def _label_advice(found: float) -> str:
    """Return what to do about a label outside [0, 1]; 1 and 2, −1 and 1 are usual pairs."""
    usual = {2.0: "1 and 2? Use --positive 2", -1.0: "−1 and 1? Use --positive 1"}
    return f". Labels {usual.get(found, 'that are text? Use --positive')}."


def _codes(task: Task, batch: Batch) -> Labels:
    """Return the class position of every row's label."""
    name = task.columns.y[0]
    column = batch.texts[name]
    assert task.columns.classes is not None
    positions = [class_position(label, task.columns.classes) for label in column.names]
    table = np.array([-1 if at is None else at for at in positions], dtype=np.intp)
    codes = table[column.codes] if len(table) else np.empty(0, dtype=np.intp)
    if batch.size and int(codes.min()) < 0:
        index = int(np.argmax(codes < 0))
        known = ", ".join(task.columns.classes[:10])
        raise batch.error(
            index, name, f"'{column.cell(index)}' is no class; the classes are {known}"
        )
    return codes


def _binary(task: Task, batch: Batch, column: Text) -> Floats:
    """Return 1 for the rows whose label says that it happened."""
    positive = task.rules.positive
    values = []
    for label in column.names:
        if positive is not None:
            values.append(1.0 if same_label(label, positive) else 0.0)
        else:
            number = TRUTHS.get(label.strip().lower(), number_of(label))
            values.append(math.nan if number is None else number)
    y = np.array(values)[column.codes] if values else np.empty(0)
    if np.isnan(y).any():
        index = int(np.argmax(np.isnan(y)))
        raise batch.error(
            index,
            task.columns.y[0],
            f"a label must be 0, 1, true or false, got '{column.cell(index)}'."
            f" Name the one that counts as 1: --positive '{column.cell(index)}'",
        )
    return y


def _check_predictions(task: Task, batch: Batch, pred: Floats) -> None:
    loss, names = task.bound.loss, task.columns.pred
    domains = task.bound.domains(len(names))
    for at, domain in enumerate(domains if loss.roles else domains[:1]):
        x = pred[:, at] if loss.roles else pred
        if domain in (REAL, LOGIT) or domain.holds(x):
            continue
        index, name = _first(x, domain.first_outside, names[at:] if loss.roles else names)
        found = pred.reshape(batch.size, -1)[index, names.index(name)]
        what = loss.roles[at].name if loss.roles else "p" if domain == UNIT else "ŷ"
        hint = f". {loss.hint}" if loss.hint else ""
        if domain == UNIT and LOGITS_REACH < found <= 100.0:
            hint = ". Percent? Divide by 100."
        raise batch.error(index, name, f"{what} must be in {domain}, got {found!s}{hint}")


def _check_rule(task: Task, batch: Batch, y: Floats | Labels | None, pred: Floats) -> None:
    """Refuse the first row whose numbers do not go together."""
    rule = task.bound.loss.rule
    if rule is None:
        return
    rows = rule.broken(y, pred)
    if rows.any():
        raise batch.error(int(np.argmax(rows)), task.columns.pred[0], rule.text)


def _first(
    x: Floats, first_outside: Callable[[Floats], int], names: tuple[str, ...]
) -> tuple[int, str]:
    """Return the row and the column of the first offending cell, row by row."""
    index, column = divmod(first_outside(x.ravel()), 1 if x.ndim == 1 else x.shape[1])
    return index, names[column]


def _on_simplex(task: Task, batch: Batch, pred: Floats) -> tuple[Floats, int, int]:
    """Check that a row's probabilities sum to 1, or rescale them where that was asked for."""
    if not task.bound.loss.simplex or pred.ndim == 1:
        return pred, 0, 0
    if not task.rules.normalize:
        return pred, 0, _check_sums(task, batch, pred, task.columns.pred)
    sums = row_sum(pred)
    if not sums.all():
        index = int(np.argmax(sums == 0.0))
        raise batch.error(index, task.columns.pred[0], "the probabilities of a row are all 0")
    off = sums != 1.0
    scaled = np.where(off[:, np.newaxis], pred / sums[:, np.newaxis], pred)
    return scaled, int(np.count_nonzero(off)), 0


def _check_sums(task: Task, batch: Batch, x: Floats, names: tuple[str, ...]) -> int:
    """Refuse rows that are no distribution; count those that are one only nearly."""
    gaps = np.abs(row_sum(x) - 1.0)
    if (gaps > SUM_ERROR).any():
        index = int(np.argmax(gaps > SUM_ERROR))
        raise batch.error(
            index,
            f"{names[0]}…{names[-1]}",
            f"the {len(names)} shares of a row must sum to 1, got {row_sum(x[index]):.6g}."
            + (" Rescale them? Use --normalize." if names == task.columns.pred else ""),
        )
    return int(np.count_nonzero(gaps > SUM_NOTE))


def weights_of(task: Task, batch: Batch, y: Floats | Labels | None) -> Floats | None:
    """Return a row's weight: its own, times the class weights of its targets."""
    name = task.columns.weight
    weight = None if name is None else batch.numbers(name)
    if name is not None and weight is not None and batch.size and float(weight.min()) < 0.0:
        index = int(np.argmax(weight < 0.0))
        raise batch.error(index, name, f"a weight must be 0 or more, got {weight[index]:g}")
    classes = task.class_weights
    if classes is None or y is None:
        return weight
    factor = _class_factor(task, batch, y, classes)
    return factor if weight is None else weight * factor


def _class_factor(task: Task, batch: Batch, y: Floats | Labels, classes: Floats) -> Floats:
    column = truth_column(task, batch)
    if task.binary and task.rules.positive is not None and isinstance(column, Text):
        weights = task.rules.class_weight
        table = [
            next((w for label, w in weights.items() if same_label(label, name)), 1.0)
            for name in column.names
        ]
        spelled: Floats = np.array(table, dtype=np.float64)[column.codes]
        return spelled
    if y.dtype.kind == "i":
        factor: Floats = classes[y]
        return factor
    if task.binary and y.ndim == 1:
        mixed: Floats = y * classes[1] + (1.0 - y) * classes[0]
        return mixed
    return row_sum(y * classes)


def _clipped(task: Task, pred: Floats) -> int:
    clip = task.bound.loss.clip
    eps = task.bound.params[clip] if clip else 0.0
    if not eps:
        return 0
    touched = moved(pred, eps)
    return int(np.count_nonzero(touched if touched.ndim == 1 else touched.any(axis=1)))
