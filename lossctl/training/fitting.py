"""The whole of a fit: the columns, the rows, the descent, and the exact values at its end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.errors import UsageError
from lossctl.losses.spec import parse_specs
from lossctl.tables import files_of, in_files, rereadable
from lossctl.training.descent import Descent, Judge, advice_for, diverged
from lossctl.training.judging import Predictor, exact_value
from lossctl.training.models import Shape, matrices
from lossctl.training.problem import (
    Problem,
    check_trainable,
)
from lossctl.training.ready import descended, ready_for, told_of
from lossctl.training.records import Fit, History, Layer, Model, Scaling, Value
from lossctl.training.rows import Rows
from lossctl.training.settings import Training, settled
from lossctl.training.smoothness import kinked
from lossctl.version import VERSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.training.chunks import Chunk
    from lossctl.training.ready import Asked, Watch

    Floats = NDArray[np.float64]


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
    ready = ready_for(source, spec, options, asked, training, watch)
    problem, rows, goal, data, scaling = ready
    seen, shape = rows.seen, goal.shape

    def predictor(theta: Floats) -> Predictor:
        layers = tuple(_unscaled(shape, theta, scaling))
        return Predictor(layers, training.activation, problem.link)

    def validate(theta: Floats) -> float:
        return _value(problem, predictor(theta), rows.validation())

    judge = Judge(validate if seen.validation else None, told_of(watch, training))
    with in_files(source):
        found = descended(ready, training, judge)
        made = predictor(found.theta)
        value = _value(problem, made, rows.training())
        if not math.isfinite(value):
            raise diverged(goal, value, "at the end", advice_for(goal, data))
        held = _value(problem, made, rows.validation()) if seen.validation else None
    model = _model(problem, shape, made, scaling if training.standardize else None)
    fit = Fit(
        version=VERSION,
        model=model,
        files=files_of(source),
        rows=seen.counts.rows,
        skipped=seen.counts.skipped,
        nonfinite=seen.counts.nonfinite,
        weight=problem.named.weight,
        settings=training.shown(found.rates),
        history=History(found.losses, found.validation, found.rates),
        start=found.start,
        training=Value(seen.training, value),
        validation=None if held is None else Value(seen.validation, held),
        ended=found.ended,
        steps=found.steps,
        notes=_notes(problem, shape, found, training),
    )
    return Fitted(fit, made, rows)


def _value(problem: Problem, predictor: Predictor, chunks: Iterator[Chunk]) -> float:
    """Return the exact value; NaN where a prediction is beyond what the loss takes."""
    value = exact_value(problem.task, lambda chunk: predictor.outputs(chunk.x), chunks)
    return math.nan if value is None else value


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
