"""Time lossctl and numpy on arrays in this process: ``python -m tests.bench.arrays ROWS ROUNDS``.

Prints, as JSON, the seconds and the values of each, round by round, the warm-up left out.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np

import lossctl


def measure(rows: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds and the values of both, taking turns."""
    rng = np.random.default_rng(20240229)
    y = rng.normal(0.0, 100.0, rows)
    yhat = y + rng.normal(0.0, 10.0, rows)

    def by_lossctl() -> float:
        return float(lossctl.evaluate({"y": y, "yhat": yhat}, "mse", value_only=True).value)

    def by_numpy() -> float:
        return float(np.mean((y - yhat) ** 2))

    contenders = {"lossctl": by_lossctl, "numpy": by_numpy}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + 1):
        for name, compute in contenders.items():
            start = perf_counter()
            value = compute()
            taken = perf_counter() - start
            if round_ > 0:
                seconds[name].append(taken)
                values[name].append(value)
    return {name: {"seconds": seconds[name], "values": values[name]} for name in contenders}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
