"""Honest predictions, and the accidents that are planted in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lossctl
from lossctl.diagnosis.records import Diagnosis, Finding

Floats = NDArray[np.float64]
Table = dict[str, Any]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def regression(n: int = 400, seed: int = 0) -> Table:
    """Return ŷ = E[y | x] and y = ŷ + noise, with a row number."""
    draw = rng(seed)
    yhat = draw.normal(50.0, 10.0, n)
    return {"id": np.arange(n), "y": yhat + draw.normal(0.0, 4.0, n), "yhat": yhat}


def series(phi: float, n: int = 400, seed: int = 0, noise: float = 0.0) -> Table:
    """Return an AR(1) series and its forecasts from the value before."""
    draw = rng(seed)
    y = np.zeros(n + 1)
    y[0] = draw.normal(0.0, 1.0 / np.sqrt(1.0 - phi * phi))
    for at in range(1, n + 1):
        y[at] = phi * y[at - 1] + draw.normal()
    forecast = phi * y[:-1] + noise * draw.normal(size=n)
    return {"id": np.arange(n), "y": y[1:], "yhat": forecast}


def binary(n: int = 600, seed: int = 0, spread: float = 2.5) -> Table:
    """Return calibrated probabilities, their logits and what happened."""
    draw = rng(seed)
    logit = draw.normal(0.0, spread, n)
    p = 1.0 / (1.0 + np.exp(-logit))
    y = (draw.random(n) < p).astype(float)
    return {"id": np.arange(n), "y": y, "p": p, "logit_of_p": logit}


def classes(n: int = 600, k: int = 4, seed: int = 0) -> Table:
    """Return calibrated probabilities of k classes a, b, c … and the label that came."""
    draw = rng(seed)
    logit = draw.normal(0.0, 3.0, (n, k))
    p = np.exp(logit)
    p /= p.sum(axis=1, keepdims=True)
    came = (p.cumsum(axis=1) < draw.random((n, 1))).sum(axis=1).clip(0, k - 1)
    names = "abcdefgh"[:k]
    table: Table = {"id": np.arange(n), "y": np.array(list(names))[came]}
    for at, name in enumerate(names):
        table[f"p_{name}"] = p[:, at]
    return table


def changed(table: Mapping[str, Any], **columns: Any) -> Table:
    return {**table, **columns}


def repeated(table: Mapping[str, Any], rows: Any) -> Table:
    """Return the table with these rows once more at its end."""
    return {name: np.concatenate([x, np.asarray(x)[rows]]) for name, x in table.items()}


def shuffled(table: Mapping[str, Any], seed: int = 7) -> Table:
    order = rng(seed).permutation(len(table["y"]))
    return {name: np.asarray(x)[order] for name, x in table.items()}


def found(data: Any, **options: Any) -> dict[str, Finding]:
    """Return the findings by their names, which must not come twice."""
    diagnosis: Diagnosis = lossctl.doctor(data, **options)
    names = [finding.name for finding in diagnosis.findings]
    assert len(set(names)) == len(names), names
    return {finding.name: finding for finding in diagnosis.findings}


def csv_of(table: Mapping[str, Any]) -> str:
    """Return the table as CSV, numbers in shortest round-trip form."""
    columns = [[str(cell) for cell in np.asarray(x).tolist()] for x in table.values()]
    rows = [",".join(row) for row in zip(*columns, strict=True)]
    return "\n".join([",".join(table), *rows, ""])
