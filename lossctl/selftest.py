"""An audit of an install: shipped vectors, exact sums, and both readers, in about a second.

The vectors were computed with 50-digit arithmetic apart from the kernels. Each number comes with
how far a float64 may lie from it: 4 units in its last place, or in that of its largest term where
a form crosses zero (2 for losses made of + − × ÷ √).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.api import evaluate, get_loss
from lossctl.exact import product_total, total
from lossctl.losses import all_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

VECTORS = "selftest.json"
SPECIAL = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
LARGE_ROWS = 70_000  # enough text for the fast reader


class Fault(NamedTuple):
    """A number that is not what it should be."""

    where: str
    found: float | None = None
    expected: float | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        if self.expected is None:
            return self.where
        return f"{self.where}: expected {self.expected!r}, got {self.found!r}"


class Check(NamedTuple):
    """One part of the audit: how many numbers were compared, and those that are wrong."""

    name: str
    numbers: int
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing was wrong."""
        return self.numbers > 0 and not self.faults


def selftest() -> tuple[Check, ...]:
    """Run every part of the audit."""
    try:
        vectors = json.loads(files("lossctl").joinpath(VECTORS).read_text(encoding="utf-8"))
        kernels, reports = dict(vectors["kernels"]), list(vectors["reports"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        return (Check("vectors", 0, (_broken(error),)),)
    checks = [_kernels(loss.name, kernels.get(loss.name, ())) for loss in all_losses()]
    parts: tuple[tuple[str, Callable[..., Iterator[tuple[str, Any, Any, float]]], Any], ...] = (
        ("whole reports", _reports, reports),
        ("exact sums", _sums, None),
        ("readers", _readers, None),
    )
    return (*checks, *(_check(name, part(data)) for name, part, data in parts))


def _broken(error: Exception) -> Fault:
    """Return what broke, in one line, where there is no number to compare."""
    return Fault(" ".join(f"{type(error).__name__}: {error}".split()))


def _check(name: str, compared: Iterator[tuple[str, Any, Any, float]]) -> Check:
    numbers, faults = 0, []
    try:
        for where, found, expected, within in compared:
            numbers += 1
            if not _agree(found, expected, within):
                faults.append(Fault(where, found, expected))
    except Exception as error:  # a broken install may break anywhere: that is a finding
        faults.append(_broken(error))
    return Check(name, numbers, tuple(faults))


def _agree(found: float, expected: float, within: float) -> bool:
    return found == expected or abs(found - expected) <= within < math.inf


def _kernels(name: str, cases: list[dict[str, Any]]) -> Check:
    """Hold value and slope of a loss against its vectors."""
    return _check(name, (number for case in cases for number in _rows(case)))


def _rows(case: dict[str, Any]) -> Iterator[tuple[str, Any, Any, float]]:
    bound = get_loss(case["spec"])
    y, yhat = _numbers(case["y"]), _numbers(case["yhat"])
    value, slope = bound.both(None if y is None else np.array(y), np.array(yhat, dtype=np.float64))
    for name, found in (("value", value), ("slope", slope())):
        expected, within = _numbers(case[name]), _numbers(case[f"{name}_within"])
        for row, figures in enumerate(zip(found.tolist(), expected, within, strict=True)):
            columns = [x if isinstance(x, list) else [x] for x in figures]
            truth = "" if y is None else f" y = {y[row]}"
            for at in zip(*columns, strict=True):
                yield f"{name} of {case['spec']} at{truth} ŷ = {yhat[row]}", *at


def _numbers(x: Any) -> Any:
    """Return numbers that JSON has as text in place of infinities."""
    if isinstance(x, list):
        return [_numbers(item) for item in x]
    return SPECIAL[x] if isinstance(x, str) else x


def _reports(cases: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Any, float]]:
    """Hold value, sum and gradient norms of small tables against exact ones, in every order."""
    for case in cases:
        table = {name: np.array(column) for name, column in case["table"].items()}
        rows = len(next(iter(table.values())))
        orders = [np.arange(rows), np.arange(rows)[::-1]]
        for order in orders:
            data = {name: column[order] for name, column in table.items()}
            result = evaluate(data, case["spec"], **case["columns"]).to_dict()["results"][0]
            figures = {"value": result["value"], "sum": result["sum"], **result["gradient"]}
            for name, (expected, within) in case["expected"].items():
                where = f"{name} of {case['spec']} over {rows} rows"
                yield where, figures[name], expected, within


def _sums(_: None) -> Iterator[tuple[str, float, float, float]]:
    """Add what floating point cannot, in every order and at sizes around a block."""
    for order in permutations([1e308, 1.0, -1e308, 5e-324, -1.0, 2.0**-1000]):
        yield "a sum that cancels", float(total(np.array(order))), 2.0**-1000, 0.0
    for n in (1, 2**16 - 1, 2**16 + 1):
        x = np.full(n, 0.1)
        exact = (0.1).as_integer_ratio()
        yield "0.1 added up", float(total(x)), exact[0] * n / exact[1], 0.0
        square = exact[0] ** 2 * n / exact[1] ** 2
        yield "0.1² added up", float(product_total(x, x)), square, 0.0


def _readers(_: None) -> Iterator[tuple[str, float, float, float]]:
    """Read a small and a large file, by the reference and by the fast reader."""
    import os
    import tempfile

    rng = np.random.default_rng(0)
    for name, rows in (("a small file", 50), ("a large file", LARGE_ROWS)):
        y, yhat = np.round(rng.normal(0.0, 100.0, (2, rows)), 4)
        lines = (f"{a!r},{b!r}" for a, b in zip(y.tolist(), yhat.tolist(), strict=True))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("y,yhat\n" + "\n".join(lines) + "\n")
            read = evaluate(path, "mse,r2,median_ae").results
        held = evaluate({"y": y, "yhat": yhat}, "mse,r2,median_ae").results
        for a, b in zip(read, held, strict=True):
            yield f"{a.spec} of {name}", a.value, b.value, 0.0
            assert a.gradient is not None
            assert b.gradient is not None
            yield f"gradient of {a.spec} of {name}", a.gradient.l2, b.gradient.l2, 0.0
