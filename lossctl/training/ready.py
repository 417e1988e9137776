"""What is made ready before a descent, and the descent itself: columns, rows, scales, the goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.engines.local import run
from lossctl.errors import InputError
from lossctl.sources.table import Want
from lossctl.tables import header_of, in_files, open_table, prepare
from lossctl.task import same_label
from lossctl.training.chunks import WINDOW, Shift, in_windows
from lossctl.training.descent import Data, Descent, Judge, descend
from lossctl.training.models import Shape, drawn, matrices
from lossctl.training.objective import Goal
from lossctl.training.problem import (
    Problem,
    classes_of,
    make_problem,
    name_columns,
    needs_labels,
)
from lossctl.training.records import Scaling
from lossctl.training.rows import Rows, Split
from lossctl.training.settings import Settings, Training

if TYPE_CHECKING:
    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.sources.columns import Header
    from lossctl.training.chunks import Chunk
    from lossctl.training.problem import Named

Watch = Callable[[float | None, str], None]


class Asked(NamedTuple):
    """What is fitted to what: selectors of the columns, and how it is trained."""

    target: str | None
    features: Sequence[str]
    settings: Settings = Settings()


class Ready(NamedTuple):
    """A problem that is ready to be trained: its rows were seen once, its scales are known.

    ``scaling`` is None where the descent runs in the units of the file.
    """

    problem: Problem
    rows: Rows
    goal: Goal
    data: Data
    scaling: Scaling | None


def ready_for(
    source: Any,
    spec: Spec,
    options: Options,
    asked: Asked,
    training: Training,
    watch: Watch | None = None,
) -> Ready:
    """Look at the columns and at all rows once, or raise what is wrong with them."""
    problem = _problem(source, spec, options, asked)
    rows = Rows(source, problem, options, Split(training.seed, training.validation))
    features = problem.named.features
    hidden = training.hidden if training.model == "mlp" else 0
    shape = Shape(len(features), len(problem.outputs), hidden, training.activation)
    with in_files(source):
        rows.look(shape.size, None if watch is None else _reading(watch))
    # One rate for all weights suits features of one scale, and so do the steps of L-BFGS. Whoever
    # gives a rate has the scale of the file in mind.
    free = training.lr is None if training.optimizer == "sgd" else not hidden
    inside = training.standardize or free
    with in_files(source):
        scaling = scaling_of(rows.training(), features) if inside else None
    shift = None if scaling is None else _shift(scaling)
    goal = Goal.of(problem.task, problem.link, shape)
    return Ready(problem, rows, goal, Data(rows.training, len(features), shift), scaling)


def _problem(source: Any, spec: Spec, options: Options, asked: Asked) -> Problem:
    """Find the columns and, where outputs are named by them, the classes."""
    loss = spec.bound.loss
    with open_table(source, options) as table:
        header: Header = header_of(table, options)
        named = name_columns(header, asked.target, asked.features, options.weight)
        classes = None
        if needs_labels(loss, options):
            classes = classes_of(loss, _labels(table, named, options), options)
    with in_files(source):
        return make_problem(spec, named, classes, options)


def _labels(table: Any, named: Named, options: Options) -> set[str]:
    """Return the labels in the target, of the rows that lack nothing."""
    target = Want(named.target, table.names.index(named.target), "text")
    threads = prepare(table, named.wants(table.names, target), options)
    found: set[str] = set()
    for names in run(table, lambda batch: _present(batch.texts[named.target]), threads):
        found |= names
    table.finish()
    ignore = options.ignore
    return {label for label in found if ignore is None or not same_label(label, ignore)}


def _present(column: Any) -> set[str]:
    codes = np.unique(column.codes)
    return {column.names[code] for code in codes.tolist()}


def _reading(watch: Watch) -> Callable[[float | None, int], None]:
    return lambda share, rows: watch(share, f"reading: {rows / 1e6:.1f} M rows")


def told_of(watch: Watch | None, training: Training) -> Callable[[int, float], None] | None:
    """Return what is called at the end of an epoch; None where nobody watches."""
    if watch is None:
        return None
    epochs = training.epochs
    return lambda epoch, loss: watch(epoch / epochs, f"epoch {epoch} of {epochs}: loss {loss:.6g}")


def descended(ready: Ready, training: Training, judge: Judge) -> Descent:
    """Go down from random weights by the optimiser that is asked for, or raise Diverged."""
    goal, data, scaling = ready.goal, ready.data, ready.scaling
    start = drawn(goal.shape, training.seed)
    penalty = training.l2 * goal.shape.penalised
    if training.l2 and scaling is not None and not training.standardize:
        # The penalty is that of the weights in the units of the file.
        first = matrices(goal.shape, penalty)[0]
        first[:, :-1] /= np.square(scaling.deviations)
    if training.optimizer == "sgd":
        return descend(goal, data, start, penalty, training, judge)
    from lossctl.training.quasi_newton import minimise

    return minimise(goal, data, start, penalty, training, judge)


def scaling_of(chunks: Iterator[Chunk], names: tuple[str, ...]) -> Scaling:
    """Return mean and standard deviation (ddof 0) of every feature, unweighted.

    Windows of a fixed number of rows are joined in order.
    Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983).
    """
    count = 0
    means, squares = np.zeros(len(names)), np.zeros(len(names))
    with np.errstate(all="ignore"):
        for window in in_windows(chunks, WINDOW):
            n = window.size
            mean = np.array([column.mean() for column in window.x])
            spread = [np.square(x - m).sum() for x, m in zip(window.x, mean, strict=True)]
            gap = mean - means
            squares += np.array(spread) + gap * gap * (count * n / (count + n))
            means += gap * (n / (count + n))
            count += n
        deviations = np.sqrt(squares / count)
    for name, deviation in zip(names, deviations.tolist(), strict=True):
        if not 0.0 < deviation < math.inf:
            what = "its deviation is too small or too large a number to standardise it. Rescale it."
            raise InputError(what, column=name)
    return Scaling(tuple(means.tolist()), tuple(deviations.tolist()))


def _shift(scaling: Scaling) -> Shift:
    return Shift(np.array(scaling.means), 1.0 / np.array(scaling.deviations))
