"""Whole tables to evaluate, for any loss in every form that its data can take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lossctl
from lossctl.batch import Batch
from lossctl.binding import make_task, wants_of
from lossctl.losses import BoundLoss, Loss
from lossctl.losses.domain import LOGIT, REAL, UNIT
from lossctl.losses.registry import SINGLE
from lossctl.losses.spec import Spec
from lossctl.options import make_options
from lossctl.sources.arrays import ArrayTable
from lossctl.sources.columns import Header
from lossctl.task import Task
from tests.laws.inputs import Floats, Random, inside, parameters, simplex, typical

CLASSES = ("ant", "bee", "cat", "dog")
FORMS = {
    "elementwise": ("one", "many", "labelled"),
    "classes": ("labelled", "soft"),
    "either": ("one", "labelled", "soft"),
    "distribution": ("rows",),
    "vectors": ("many",),
    "roles": ("roles",),
    "ensemble": ("members",),
}
ONE_TRUTH = ("one", "roles", "members")
FINITE = 1e304  # below it sums over a table have room


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
        (batch,) = table.place(table.parse((0, self.size)))
        return task, batch

    def __str__(self) -> str:
        """The name of a test case."""
        return f"{self.bound.spec}-{self.form}"


def figures(result: dict[str, Any], *names: str) -> str:
    """Return some figures of a result as text that is equal where every bit is."""
    return json.dumps({name: result[name] for name in names})


def problems(loss: Loss, size: int = 40, draws: int = 2, seed: int = 0) -> Iterator[Problem]:
    """Give a table for every form of a loss, at the defaults and at sampled parameters."""
    for form in ("one",) if loss.aggregate in SINGLE else FORMS[loss.kind]:
        rng = np.random.default_rng([seed, *loss.name.encode(), *form.encode()])
        for params in parameters(loss, rng, draws):
            bound = BoundLoss(loss, params)
            one_hot = form == "labelled" and loss.form(2) == "elementwise"
            if not one_hot or (bound.y is not None and 0.0 in bound.y and 1.0 in bound.y):
                with suppress(TooLarge):
                    yield problem(bound, form, rng, size)


class TooLarge(Exception):
    """No rows of finite losses were found: the parameters are extreme."""


def problem(bound: BoundLoss, form: str, rng: Random, size: int) -> Problem:
    """Return a table of finite losses, some rows of it twice."""
    loss = bound.loss
    roles = [role.name for role in loss.roles]
    names = roles or list(CLASSES[: {"one": 1, "many": 3}.get(form, len(CLASSES))])
    y, yhat = _rows(bound, form, rng, size, len(names))
    table: dict[str, NDArray[Any]] = {f"p_{name}": yhat[:, i] for i, name in enumerate(names)}
    selector: str | None = "y_*"
    if y is None:
        selector = None
    elif form == "labelled":
        selector = "y"
        table["y"] = np.array(CLASSES)[y]
    else:
        truth = y[:, np.newaxis] if y.ndim == 1 else y
        table.update((f"y_{CLASSES[i]}", column) for i, column in enumerate(truth.T))
    table["w"] = np.where(
        rng.integers(0, 2, size) == 0,
        rng.integers(0, 4, size),
        10.0 ** rng.uniform(-3.0, 3.0, size),
    )
    rows = np.concatenate([np.arange(size - size // 10), np.arange(size // 10)])
    return Problem(bound, form, table, selector, "p_*").take(rows)


def _rows(
    bound: BoundLoss, form: str, rng: Random, size: int, k: int
) -> tuple[NDArray[Any] | None, Floats]:
    """Return y and ŷ of rows that the loss allows and whose losses and slopes are finite."""
    signs = bool(rng.integers(0, 2))
    y, yhat = _drawn(bound, form, rng, size, k, signs)
    for shrink in (*[1.0] * 3, *(0.5**power for power in range(1, 15))):
        bad = ~_fine(bound, form, y, yhat)
        if not bad.any():
            return y, yhat
        again, there = _drawn(bound, form, rng, size, k, signs)
        if bound.loss.form(k) != "distribution" and bound.pred in (REAL, LOGIT):
            there *= shrink
        if y is not None and again is not None:
            y[bad] = again[bad]
        yhat[bad] = there[bad]
    raise TooLarge(bound.spec)


def _drawn(
    bound: BoundLoss, form: str, rng: Random, size: int, k: int, signs: bool
) -> tuple[NDArray[Any] | None, Floats]:
    loss = bound.loss
    if loss.roles:
        yhat = np.column_stack([typical(domain, rng, size) for domain in bound.domains(k)])
    elif loss.simplex and form != "one":
        yhat = simplex(rng, k, size, 10.0)
    else:
        yhat = typical(bound.pred, rng, (size, k))
    if form == "labelled":
        return rng.integers(0, k, size), yhat
    if bound.y is None:
        return None, yhat
    y = truths(bound, form, rng, yhat, signs)
    return (y[:, 0] if form in ONE_TRUTH else y), yhat


def _fine(bound: BoundLoss, form: str, y: NDArray[Any] | None, yhat: Floats) -> NDArray[np.bool_]:
    """Return which rows the loss allows and are finite."""
    loss = bound.loss
    if form == "one":
        yhat = yhat[:, 0]
    if form == "labelled" and loss.form(2) == "elementwise":
        y = np.eye(len(CLASSES))[y]
    good = np.ones(len(yhat), dtype=bool)
    if loss.rule is not None:
        good &= ~loss.rule.broken(y, yhat)
    at = np.flatnonzero(good)
    value, slope = bound.both(None if y is None else y[at], yhat[at])
    with np.errstate(all="ignore"):
        both = np.column_stack([value, slope().reshape(len(at), -1)])
    good[at] = (np.abs(both) < FINITE).all(axis=1)
    return good


def truths(
    bound: BoundLoss, form: str, rng: Random, yhat: NDArray[np.float64], signs: bool
) -> NDArray[np.float64]:
    """Return true numbers for some predictions; labels of ±1 where ``signs`` asks for them."""
    assert bound.y is not None
    loss, (size, k) = bound.loss, yhat.shape
    if loss.form(2) in ("classes", "distribution") and form != "one":
        return simplex(rng, k, size, 10.0)
    if loss.labels != "real":
        hard = rng.integers(0, 2, (size, k)).astype(np.float64)
        if loss.labels == "signed" and signs:
            return 2.0 * hard - 1.0
        soft = typical(UNIT, rng, (size, k))
        return np.where(rng.integers(0, 4, (size, k)) > 0, hard, soft)
    near = yhat + rng.normal(0.0, 1.0, (size, k))
    far = typical(bound.y, rng, (size, k))
    return np.where(inside(bound.y, near) & (rng.integers(0, 2, (size, k)) == 0), near, far)
