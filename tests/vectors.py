"""The vectors that the program ships for its selftest; ``python -m tests.vectors`` writes them.

Every number comes from the oracles. Rows are drawn from the inputs of the laws: at the defaults
and at sampled parameters, imperfect predictions, neighbours and extremes.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import lossctl
from lossctl.losses import BoundLoss, Loss, all_losses
from lossctl.selftest import VECTORS
from tests.laws.accuracy import LARGEST, limit, unit
from tests.laws.inputs import Random, Sample, samples
from tests.laws.oracles import Real, Terms, exact, mp
from tests.laws.problems import Problem, problems

HOME = Path(lossctl.__file__).with_name(VECTORS)
ROWS = 8  # of each sample
SAMPLES = 4  # of each loss: two at the defaults, two at sampled parameters


def nearest(x: Real) -> float:
    """Return the float64 nearest to an exact number; infinite beyond the largest."""
    if abs(x) >= LARGEST - mp.mpf(2) ** 970:
        return math.inf if x > 0 else -math.inf
    return float(x)


def figure(terms: Terms, name: str) -> tuple[float, float]:
    """Return the number that terms add up to, and how far a float64 may lie from it."""
    total = mp.fsum(terms)
    found = nearest(total)
    if math.isinf(found):
        return found, 0.0
    magnitudes = [abs(x) for x in terms]
    one_sign = mp.fsum(magnitudes) == abs(total)
    scale = abs(total) if one_sign else max(magnitudes)
    within = (limit(name) + 0.5) * unit(scale)  # the nearest float64 is off by up to half of one
    return found, min(nearest(within), 1.7976931348623157e308)


def case(sample: Sample) -> dict[str, Any]:
    """Return the vectors of some rows."""
    loss, params = sample.bound.loss, dict(sample.bound.params)
    truths = [exact(loss.name, y, yhat, params) for y, yhat in sample.rows()]
    several = sample.yhat.ndim > 1
    slopes = [[figure(terms, loss.name) for terms in truth.slopes] for truth in truths]
    losses = [figure(truth.loss, loss.name) for truth in truths]
    picked = [[[pair[at] for pair in row] for row in slopes] for at in (0, 1)]
    slope, slope_within = picked if several else [[row[0] for row in part] for part in picked]
    return {
        "spec": sample.bound.spec,
        "y": None if sample.y is None else spelled(sample.y.tolist()),
        "yhat": spelled(sample.yhat.tolist()),
        "value": spelled([found for found, _ in losses]),
        "value_within": [within for _, within in losses],
        "slope": spelled(slope),
        "slope_within": slope_within,
    }


def spelled(x: Any) -> Any:
    """Return numbers as JSON has them: infinities as text."""
    if isinstance(x, list):
        return [spelled(item) for item in x]
    if isinstance(x, float) and math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return x


def some(sample: Sample, rng: Random) -> Sample:
    """Return a few rows of a sample, few predictions to a row."""
    rows = np.sort(rng.permutation(len(sample.yhat))[:ROWS])
    return Sample(sample.bound, None if sample.y is None else sample.y[rows], sample.yhat[rows])


def of_loss(loss: Loss) -> list[dict[str, Any]]:
    """Return the vectors of a loss."""
    rng = np.random.default_rng([2718, *loss.name.encode()])
    drawn = [s for s in samples(loss, 99) if s.yhat.ndim == 1 or s.yhat.shape[1] <= 6]
    plain = [s for s in drawn if s.bound.params == loss.defaults]
    other = [s for s in drawn if s.bound.params != loss.defaults]
    order = [plain[at] for at in rng.permutation(len(plain))[: SAMPLES // 2 if other else SAMPLES]]
    order += [other[at] for at in rng.permutation(len(other))[: SAMPLES - SAMPLES // 2]]
    return [case(some(sample, rng)) for sample in order]


def report(problem: Problem) -> dict[str, Any]:
    """Return a small table and what its report must say, from exact arithmetic."""
    losses = _exact_losses(problem)
    weights = [_real(x) for x in problem.table["w"].tolist()]
    pairs = list(zip(weights, losses, strict=True))
    total, sums = mp.fsum(weights), mp.fsum(w * x for w, x in pairs)
    size = mp.fsum(w * abs(x) for w, x in pairs)
    loss = problem.bound.loss
    slack = (limit(loss.name) + 0.5) * unit(size)  # each loss may be off, the sum is exact
    value, steepness = _value(problem, weights, losses, total, sums)
    within = slack * steepness + unit(value)
    return {
        "spec": problem.bound.spec,
        "table": {name: column.tolist() for name, column in problem.table.items()},
        "columns": {"y": problem.y, "pred": problem.pred, "weight": "w"},
        "expected": {
            "sum": [nearest(sums), nearest(slack)],
            "value": [nearest(value), nearest(within)],
        },
    }


def _value(
    problem: Problem, weights: list[Real], losses: list[Real], total: Real, sums: Real
) -> tuple[Real, Real]:
    """Return the value, and by how much it moves with the sum of the losses."""
    mean = sums / total
    aggregate = problem.bound.loss.aggregate
    if aggregate == "root":
        root = mp.sqrt(mean)
        return root, 1 / (2 * root * total)
    if aggregate == "exp":
        return mp.exp(mean), mp.exp(mean) / total
    if aggregate == "mean":
        return mean, 1 / total
    y = [_real(x) for x in problem.table["y_ant"].tolist()]
    if aggregate == "ratio":
        per = mp.fsum(w * abs(x) for w, x in zip(weights, y, strict=True))
        return sums / per, 1 / per
    if aggregate in ("r2", "explained_variance"):
        centre = mp.fsum(w * x for w, x in zip(weights, y, strict=True)) / total
        spread = mp.fsum(w * (x - centre) ** 2 for w, x in zip(weights, y, strict=True))
        bias = mp.zero
        if aggregate == "explained_variance":
            yhat = [_real(x) for x in problem.table["p_ant"].tolist()]
            rows = zip(weights, y, yhat, strict=True)
            bias = mp.fsum(w * (b - a) for w, a, b in rows) / total
        return 1 - (sums - total * bias**2) / spread, 1 / spread
    ordered = sorted((x, w) for x, w in zip(losses, weights, strict=True) if w)
    if aggregate == "max":
        return ordered[-1][0], mp.one
    below = mp.zero
    ends: list[Real] = []
    for x, w in ordered:
        if not ends and 2 * (below + w) >= total:
            ends.append(x)
        if 2 * (below + w) > total:
            return (ends[0] + x) / 2, mp.one
        below += w
    raise AssertionError("the median lies in no row")


def _real(x: Any) -> Real:
    return mp.mpf(float(x))


def _exact_losses(problem: Problem) -> list[Real]:
    """Return the exact loss of every row, over k outputs their mean."""
    from tests.laws.problems import CLASSES, ONE_TRUTH

    names = problem.predictions
    rows = []
    for at in range(problem.size):
        yhat = [float(problem.table[name][at]) for name in names]
        y: Any = None
        if problem.form == "labelled":
            y = CLASSES.index(str(problem.table["y"][at]))
        elif problem.form in ONE_TRUTH or problem.form == "one":
            y = float(problem.table["y_ant"][at]) if problem.y else None
        elif problem.y is not None:
            y = [float(problem.table[f"y_{name[2:]}"][at]) for name in names]
        rows.append(_row_loss(problem.bound, problem.form, y, yhat))
    return rows


def _row_loss(bound: BoundLoss, form: str, y: Any, yhat: list[float]) -> Real:
    name, params = bound.loss.name, dict(bound.params)
    kind = bound.loss.form(len(yhat))
    if kind == "elementwise" or (kind == "distribution"):
        truths = y if isinstance(y, list) else [y] * len(yhat)
        if form == "labelled":
            truths = [float(k == y) for k in range(len(yhat))]
        terms = [exact(name, a, b, params).value for a, b in zip(truths, yhat, strict=True)]
        return mp.fsum(terms) if kind == "distribution" else mp.fsum(terms) / len(terms)
    return exact(name, y, yhat, params).value


def everything() -> dict[str, Any]:
    """Return all vectors."""
    return {
        "kernels": {loss.name: of_loss(loss) for loss in all_losses()},
        "reports": [report(next(iter(problems(loss, 20, 0)))) for loss in all_losses()],
    }


def _lines(cases: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(case) for case in cases)


def text() -> str:
    """Return the file: one case a line."""
    vectors = everything()
    kernels = ",\n".join(
        f"{json.dumps(name)}: [\n{_lines(cases)}\n]" for name, cases in vectors["kernels"].items()
    )
    reports = _lines(vectors["reports"])
    return f'{{"kernels": {{\n{kernels}\n}},\n"reports": [\n{reports}\n]}}\n'


if __name__ == "__main__":
    HOME.write_text(text(), encoding="utf-8")
