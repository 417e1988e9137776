"""One row out per row in: loss, contribution, share and gradient of every sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.batch import Text
from lossctl.binding import wants_of
from lossctl.errors import UsageError
from lossctl.losses.spec import parse_specs
from lossctl.passes import first_pass, second_pass
from lossctl.scoring import truth_column
from lossctl.sources.columns import select
from lossctl.tables import files_of, header_of, open_table, rereadable
from lossctl.values import gradient_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.options import Options
    from lossctl.passes import Whole
    from lossctl.scoring import Scores
    from lossctl.task import Task


class Samples(NamedTuple):
    """Some rows of the table of samples: column names to arrays, text or lists of cells."""

    columns: Mapping[str, Any]
    size: int


@contextmanager
def open_samples(
    data: Any, loss: str, options: Options, work: Any = None
) -> Iterator[tuple[Iterator[Any], tuple[str, ...]]]:
    """Give the samples of every block in order, and the notes of the first pass for the totals.

    ``work`` is applied to each ``Samples`` by the threads that made it. A pipe is kept in an
    unlinked temporary file; a file must be the same one in both passes.
    """
    specs = parse_specs(loss)
    if len(specs) != 1:
        raise UsageError(f"samples takes one loss, got {len(specs)}")
    with rereadable(data, options) as source:
        whole = first_pass(source, specs[0], options)
        with open_table(source, options) as table:
            header = header_of(table, options)
            keep = tuple(n for selector in options.keep for n in select(header, selector).names)
            wants = wants_of(table.names, [whole.task], (), keep)
        several = len(files_of(source)) > 1

        def make(scores: Scores) -> Any:
            part = _samples_of(whole, keep, several, scores)
            return part if work is None else work(part)

        yield second_pass(source, whole, options, wants, make), whole.notes


def _samples_of(whole: Whole, keep: tuple[str, ...], several: bool, scores: Scores) -> Samples:
    """Return the samples of some rows."""
    task, state = whole.task, whole.state
    rows, weight = scores.batch, scores.weight
    with np.errstate(all="ignore"):
        weighted = (
            scores.loss if weight is None else np.where(weight == 0.0, 0.0, weight * scores.loss)
        )
    gradient = gradient_of(task, scores, whole.outcome)
    given: dict[str, Any] = {}
    for name in task.columns.y:
        given[name] = truth_column(task, rows) if task.text_truth else rows.columns[name]
    for name in (*task.columns.pred, *filter(None, [task.columns.weight])):
        given[name] = rows.columns[name]
    kept = {name: rows.texts[name] for name in keep if name not in given}
    made = {"row", "file", "loss", "contribution", "share", *_gradient_columns(task, gradient)}

    def unlike(columns: Mapping[str, Any]) -> dict[str, Any]:
        return {f"input_{name}" if name in made else name: x for name, x in columns.items()}

    columns: dict[str, Any] = {"row": rows.row_numbers()}
    if several:
        columns["file"] = Text(np.zeros(rows.size, dtype=np.intp), (rows.file or "",))
    columns.update(unlike(given))
    total = float(state.sums.loss)
    columns["loss"] = scores.loss
    columns["contribution"] = weighted if task.whole else weighted / float(state.sums.weight)
    nothing = not total or not np.isfinite(total)
    columns["share"] = [None] * rows.size if nothing else weighted / total
    columns.update(_gradient_columns(task, gradient))
    columns.update(unlike(kept))
    return Samples(columns, rows.size)


def _gradient_columns(task: Task, gradient: NDArray[np.float64]) -> dict[str, Any]:
    if gradient.ndim == 1:
        return {"gradient": gradient}
    roles = tuple(role.name for role in task.bound.loss.roles)
    names = roles or task.columns.classes or task.columns.pred
    return {f"gradient_{name}": gradient[:, k] for k, name in enumerate(names)}
