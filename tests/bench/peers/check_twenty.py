"""Run ``lossctl check`` with twenty checks of one file: ``check_twenty.py FILE CONFIG``."""

import os
import sys

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
LOSSES = (
    *("mse", "rmse", "mae", "mean_bias", "max_error", "r2", "wape", "smape", "cauchy"),
    *("huber", "smooth_l1", "log_cosh", "epsilon_insensitive"),
    *(f"quantile:q={level}" for level in LEVELS),
)

data, config = sys.argv[1:]
with open(config, "w", encoding="utf-8") as file:
    for number, loss in enumerate(LOSSES, 1):
        line = "min = -1e9" if loss == "r2" else "max = 1e9"
        file.write(f"[[check]]\nname = '{number}'\nloss = '{loss}'\ndata = '{data}'\n{line}\n")
argv = [sys.executable, "-m", "lossctl", "check", config, "--json", "-o", os.devnull]
os.execv(sys.executable, argv)
