"""The predictions of fitted models, row by row as the file has them: what ``eval`` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.batch import Text
from lossctl.errors import UsageError
from lossctl.scoring import truth_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lossctl.training.fitting import Fitted
    from lossctl.training.rows import Part

PARTS = ("train", "validation")


class Predictions(NamedTuple):
    """Some rows of the table of predictions: column names to arrays or text."""

    columns: Mapping[str, Any]
    size: int


def predicted(fits: Sequence[Fitted], work: Callable[[Predictions], Any]) -> Iterator[Any]:
    """Give what ``work`` makes of every block of predictions, in the order of the file.

    The columns are ``y`` as the file holds it, the predictions, ``weight`` where there is one, and
    ``part`` where rows are held out. Of several fits the predictions are called by their losses.
    The rows are those of the first fit.
    """
    if len(fits) > 1 and any(len(fitted.fit.model.outputs) > 1 for fitted in fits):
        raise UsageError("--predict with --compare takes losses with one prediction a row")
    rows = fits[0].rows
    yield from rows.each(lambda part: work(_predictions(fits, part)))


def _predictions(fits: Sequence[Fitted], part: Part) -> Predictions:
    task, batch = fits[0].rows.problem.task, part.batch
    columns: dict[str, Any] = {
        "y": truth_column(task, batch) if task.text_truth else batch.columns[task.columns.y[0]]
    }
    for fitted in fits:
        model = fitted.fit.model
        names = model.outputs if len(fits) == 1 else (f"yhat_{model.loss}",)
        columns.update(zip(names, fitted.predictor.outputs(part.rows.x), strict=True))
    if task.columns.weight is not None:
        columns["weight"] = batch.numbers(task.columns.weight)
    if part.held is not None:
        columns["part"] = Text(part.held.astype(np.intp), PARTS)
    return Predictions(columns, batch.size)
