"""The whole of a fit: the columns, the rows, the descent, and the exact values at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.engines.local import run
from lossctl.errors import InputError, UsageError
from lossctl.losses.spec import parse_specs
from lossctl.sources.table import Want
from lossctl.tables import files_of, header_of, in_files, open_table, prepare, rereadable
from lossctl.task import same_label
from lossctl.training.chunks import WINDOW, Shift, in_windows
from lossctl.training.descent import Data, Descent, Judge, advice_for, descend, diverged
from lossctl.training.judging import Predictor, exact_value
from lossctl.training.models import Shape, drawn, matrices
from lossctl.training.objective import Goal
from lossctl.training.problem import (
    Problem,
    check_trainable,
    classes_of,
    make_problem,
    name_columns,
    needs_labels,
)
from lossctl.training.records import Fit, History, Layer, Model, Scaling, Value
from lossctl.training.rows import Rows, Split
from lossctl.training.settings import Settings, Training, settled
from lossctl.training.smoothness import kinked
from lossctl.version import VERSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.sources.columns import Header
    from lossctl.training.chunks import Chunk
    from lossctl.training.problem import Named

    Floats = NDArray[np.float64]

Watch = Callable[[float | None, str], None]


class Asked(NamedTuple):
    """What is fitted to what: selectors of the columns, and how it is trained."""

    target: str | None
    features: Sequence[str]
    settings: Settings = Settings()


class Fitted(NamedTuple):
    """A fit, and what its predictions are made with while the data are open."""

    fit: Fit
    predictor: Predictor
    rows: Rows


@contextmanager
def open_fits(
    data: Any, losses: str, options: Options, asked: Asked, watch: Watch | None = None
) -> Iterator[tuple[Fitted, ...]]:
    """Give a fit for every loss; the data stay open for their predictions."""
    training = settled(asked.settings)
    specs = parse_specs(losses)
    for spec in specs:
        check_trainable(spec)
    with rereadable(data, options) as source:
        yield tuple(_fit(source, spec, options, asked, training, watch) for spec in specs)


def fit_one(
    data: Any, loss: str, options: Options, asked: Asked, watch: Watch | None = None
) -> Fit:
    """Return the fit of one loss."""
    if len(parse_specs(loss)) != 1:
        raise UsageError(f"fit takes one loss, got {len(parse_specs(loss))}")
    with open_fits(data, loss, options, asked, watch) as (fitted,):
        return fitted.fit


def _fit(
    source: Any,
    spec: Spec,
    options: Options,
    asked: Asked,
    training: Training,
    watch: Watch | None,
) -> Fitted:
    problem = _problem(source, spec, options, asked)
    rows = Rows(source, problem, options, Split(training.seed, training.validation))
    features = problem.named.features
    hidden = training.hidden if training.model == "mlp" else 0
    shape = Shape(len(features), len(problem.outputs), hidden, training.activation)
    with in_files(source):
        seen = rows.look(shape.size, None if watch is None else _reading(watch))
    # L-BFGS of a linear model always runs on standardised features: its steps suit only these.
    inside = training.standardize or (training.optimizer == "lbfgs" and not hidden)
    with in_files(source):
        scaling = scaling_of(rows.training(), features) if inside else None
    shift = None if scaling is None else _shift(scaling)
    goal = Goal.of(problem.task, problem.link, shape)
    data = Data(rows.training, len(features), shift)

    def predictor(theta: Floats) -> Predictor:
        layers = tuple(_unscaled(shape, theta, scaling))
        return Predictor(layers, training.activation, problem.link)

    def validate(theta: Floats) -> float:
        return _value(problem, predictor(theta), rows.validation())

    judge = Judge(
        validate if seen.validation else None,
        None if watch is None else _training(watch, training.epochs),
    )
    with in_files(source):
        found = _descend(goal, data, training, scaling, judge)
        ready = predictor(found.theta)
        value = _value(problem, ready, rows.training())
        if not math.isfinite(value):
            raise diverged(goal, value, "at the end", advice_for(goal, data))
        held = _value(problem, ready, rows.validation()) if seen.validation else None
    model = _model(problem, shape, ready, scaling if training.standardize else None)
    fit = Fit(
        version=VERSION,
        model=model,
        files=files_of(source),
        rows=seen.counts.rows,
        skipped=seen.counts.skipped,
        nonfinite=seen.counts.nonfinite,
        weight=problem.named.weight,
        settings=training.shown(),
        history=History(found.losses, found.validation, found.rates),
        start=found.start,
        training=Value(seen.training, value),
        validation=None if held is None else Value(seen.validation, held),
        ended=found.ended,
        steps=found.steps,
        notes=_notes(problem, shape, found, training),
    )
    return Fitted(fit, ready, rows)


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


def _training(watch: Watch, epochs: int) -> Callable[[int, float], None]:
    return lambda epoch, loss: watch(epoch / epochs, f"epoch {epoch} of {epochs}: loss {loss:.6g}")


def _descend(
    goal: Goal, data: Data, training: Training, scaling: Scaling | None, judge: Judge
) -> Descent:
    start = drawn(goal.shape, training.seed)
    if training.optimizer == "sgd":
        return descend(goal, data, start, training, judge)
    from lossctl.training.quasi_newton import minimise

    penalty = training.l2 * goal.shape.penalised
    if scaling is not None and not training.standardize:
        # The penalty is that of the weights in the units of the file.
        (first,) = matrices(goal.shape, penalty)
        first[:, :-1] /= np.square(scaling.deviations)
    return minimise(goal, data, start, penalty, training, judge)


def _value(problem: Problem, predictor: Predictor, chunks: Iterator[Chunk]) -> float:
    """Return the exact value; NaN where a prediction is beyond what the loss takes."""
    value = exact_value(problem.task, lambda chunk: predictor.outputs(chunk.x), chunks)
    return math.nan if value is None else value


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


def _unscaled(shape: Shape, theta: Floats, scaling: Scaling | None) -> list[Floats]:
    """Return the layers in the units of the file."""
    first, *rest = matrices(shape, theta)
    if scaling is not None:
        with np.errstate(all="ignore"):
            slopes = first[:, :-1] / np.array(scaling.deviations)
            away = slopes @ np.array(scaling.means)
            first = np.column_stack([slopes, first[:, -1] - away])
    return [first, *rest]


def _model(problem: Problem, shape: Shape, predictor: Predictor, scaling: Scaling | None) -> Model:
    task = problem.task
    layers = tuple(
        Layer(tuple(map(tuple, layer[:, :-1].tolist())), tuple(layer[:, -1].tolist()))
        for layer in predictor.layers
    )
    return Model(
        loss=task.bound.spec,
        kind="mlp" if shape.hidden else "linear",
        activation=shape.activation if shape.hidden else None,
        link=problem.link.name,
        target=problem.named.target,
        positive=task.rules.positive,
        features=problem.named.features,
        outputs=problem.outputs,
        classes=task.columns.classes,
        layers=layers,
        scaling=scaling,
    )


def _notes(problem: Problem, shape: Shape, found: Descent, training: Training) -> tuple[str, ...]:
    notes = []
    name = problem.task.bound.spec
    relu = shape.hidden and shape.activation == "relu"
    if training.optimizer == "lbfgs" and (relu or kinked(problem.task.bound)):
        notes.append(
            f"{name}: lbfgs takes slopes for smooth, and here they jump: it may have stopped a"
            " little above the lowest value; --optimizer sgd with a fitting --lr may get below"
        )
    if found.ended == "epochs":
        notes.append(
            f"{name}: {training.epochs} epochs were up before the loss had settled; --epochs allows"
            " more"
        )
    return tuple(notes)
