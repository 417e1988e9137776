"""Time one epoch of fit beside bare matrix products: ``python -m tests.bench.fitting ROWS ROUNDS``.

The products are those of a linear model by mini-batches, X[b] @ w and X[b].T @ s, and nothing
else: *shuffled* takes the rows of each from all over X, *in order* walks through X.
Prints, as JSON, the seconds and the values of each, round by round, the warm-up left out.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

import lossctl

FEATURES, BATCH = 20, 1024


def measure(rows: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of all, taking turns, and the loss of what was learned, found twice."""
    rng = np.random.default_rng(20261125)
    x = rng.normal(0.0, 1.0, (rows, FEATURES))
    y = x @ rng.normal(0.0, 1.0, FEATURES) + rng.normal(0.0, 1.0, rows)
    data = {f"x{at}": x[:, at].copy() for at in range(FEATURES)} | {"y": y}
    w, s = rng.normal(0.0, 1.0, FEATURES), rng.normal(0.0, 1.0, BATCH)
    order = rng.permutation(rows)

    def products(batches: list[slice] | list[np.ndarray]) -> None:
        for batch in batches:
            part = x[batch]
            part @ w
            part.T @ s[: len(part)]

    starts = range(0, rows, BATCH)
    shuffled = [order[start : start + BATCH] for start in starts]
    in_order = [slice(start, start + BATCH) for start in starts]
    seconds: dict[str, list[float]] = {"lossctl": [], "shuffled": [], "in order": []}
    values: dict[str, list[float]] = {name: [] for name in seconds}
    for round_ in range(rounds + 1):
        times = [perf_counter()]
        found = lossctl.fit(data, "mse", "y", "x*", epochs=1, batch_size=BATCH, lr=0.01)
        times.append(perf_counter())
        products(shuffled)
        times.append(perf_counter())
        products(in_order)
        times.append(perf_counter())
        if round_ > 0:
            for name, start, end in zip(seconds, times[:-1], times[1:], strict=True):
                seconds[name].append(end - start)
            values["lossctl"].append(found.value)
            coefficients = np.array(list(found.model.coefficients()["yhat"].values()))
            e = x @ coefficients + found.model.intercepts()["yhat"] - y
            values["shuffled"].append(float(np.mean(e * e)))
    return {name: {"seconds": seconds[name], "values": values[name]} for name in seconds}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
