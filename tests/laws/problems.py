"""Whole tables to evaluate, for any loss in every form that its data can take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lossctl
from lossctl.batch import Batch
from lossctl.losses import BoundLoss, Loss
from lossctl.losses.spec import Spec
from lossctl.options import make_options
from lossctl.scoring import Task
from lossctl.sources.arrays import ArrayTable
from lossctl.sources.columns import Header
from lossctl.tasks import make_task, wants_of
from tests.laws.inputs import Random, parameters, simplex, typical

CLASSES = ("ant", "bee", "cat", "dog")
FORMS = {
    "elementwise": ("one", "many", "labelled"),
    "classes": ("labelled", "soft"),
    "distribution": ("rows",),
}


@dataclass(frozen=True)
class Problem:
    """A loss and a table for it; ``y`` and ``pred`` are the selectors of its columns.

    Column ``w`` holds weights, which count where the option ``weight="w"`` is given.
    """

    bound: BoundLoss
    form: str
    table: dict[str, NDArray[Any]]
    y: str | None
    pred: str

    @property
    def size(self) -> int:
        """How many rows it has."""
        return len(self.table["w"])

    @property
    def predictions(self) -> list[str]:
        """The names of the prediction columns."""
        return [name for name in self.table if name.startswith("p_")]

    def take(self, rows: Any) -> Problem:
        """Return some of the rows."""
        return replace(self, table={name: column[rows] for name, column in self.table.items()})

    def having(self, **columns: Any) -> Problem:
        """Return the same with other columns."""
        return replace(self, table={**self.table, **columns})

    def evaluate(self, **options: Any) -> dict[str, Any]:
        """Return the result as JSON has it."""
        result: dict[str, Any] = self.report(**options).to_dict()["results"][0]
        return result

    def report(self, **options: Any) -> lossctl.Report:
        """Return the report."""
        return lossctl.evaluate(self.table, self.bound.spec, y=self.y, pred=self.pred, **options)

    def samples(self, **options: Any) -> Any:
        """Return the table of samples."""
        return lossctl.samples(self.table, self.bound.spec, y=self.y, pred=self.pred, **options)

    def bind(self, **options: Any) -> tuple[Task, Batch]:
        """Return the task, and the rows as one batch."""
        chosen = make_options(y=self.y, pred=self.pred, **options)
        table = ArrayTable(self.table)
        task = make_task(Spec(self.bound), Header(table.names, table.names, headed=False), chosen)
        table.want(wants_of(table.names, [task], ()), skip=False)
        return task, table.place(table.parse((0, self.size)))

    def __str__(self) -> str:
        """The name of a test case."""
        return f"{self.bound.spec}-{self.form}"


def figures(result: dict[str, Any], *names: str) -> str:
    """Return some figures of a result as text that is equal where every bit is."""
    return json.dumps({name: result[name] for name in names})


def problems(loss: Loss, size: int = 40, draws: int = 2, seed: int = 0) -> Iterator[Problem]:
    """Give a table for every form of a loss, at the defaults and at sampled parameters."""
    for form in FORMS[loss.kind]:
        rng = np.random.default_rng([seed, *loss.name.encode(), *form.encode()])
        for params in parameters(loss, rng, draws):
            yield problem(BoundLoss(loss, params), form, rng, size)


def problem(bound: BoundLoss, form: str, rng: Random, size: int) -> Problem:
    """Return a table of finite losses, some rows of it twice."""
    loss = bound.loss
    k = {"one": 1, "many": 3}.get(form, len(CLASSES))
    yhat = simplex(rng, k, size, 10.0) if loss.simplex else typical(loss.pred, rng, (size, k))
    table: dict[str, NDArray[Any]] = {f"p_{CLASSES[i]}": yhat[:, i] for i in range(k)}
    y: str | None = "y_*"
    if form == "labelled":
        y = "y"
        table["y"] = np.array(CLASSES)[rng.integers(0, k, size)]
    elif loss.y is None:
        y = None
    else:
        truth = truths(loss, rng, yhat)
        table.update((f"y_{CLASSES[i]}", truth[:, i]) for i in range(k))
    table["w"] = np.where(
        rng.integers(0, 2, size) == 0,
        rng.integers(0, 4, size),
        10.0 ** rng.uniform(-3.0, 3.0, size),
    )
    rows = np.concatenate([np.arange(size - size // 10), np.arange(size // 10)])
    return Problem(bound, form, table, y, "p_*").take(rows)


def truths(loss: Loss, rng: Random, yhat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return true numbers for some predictions."""
    assert loss.y is not None
    size, k = yhat.shape
    if loss.kind != "elementwise":
        return simplex(rng, k, size, 10.0)
    if loss.labels == "binary":
        hard = rng.integers(0, 2, (size, k)).astype(np.float64)
        return np.where(rng.integers(0, 4, (size, k)) > 0, hard, rng.uniform(0.0, 1.0, (size, k)))
    near = yhat + rng.normal(0.0, 1.0, (size, k))
    far = typical(loss.y, rng, (size, k))
    inside = np.array([[x in loss.y for x in row] for row in near.tolist()])
    return np.where(inside & (rng.integers(0, 2, (size, k)) == 0), near, far)
