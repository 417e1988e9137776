"""Run ``lossctl check`` with twenty checks of one file: ``check_twenty.py FILE CONFIG``."""

import os
import sys

LOSSES = (
    *("mse", "mae", "rmse", "huber", "smooth_l1", "pseudo_huber", "log_cosh", "cauchy"),
    *("epsilon_insensitive", "quantile:q=0.1", "quantile:q=0.9", "expectile:q=0.9"),
    *("smape", "wape", "max_error", "huber:delta=2", "huber:delta=5", "r2", "mse", "mae"),
)

data, config = sys.argv[1:]
with open(config, "w", encoding="utf-8") as file:
    for number, loss in enumerate(LOSSES, 1):
        line = "min = -1e9" if loss == "r2" else "max = 1e9"
        file.write(f"[[check]]\nname = '{number}'\nloss = '{loss}'\ndata = '{data}'\n{line}\n")
argv = [sys.executable, "-m", "lossctl", "check", config, "--json", "-o", os.devnull]
os.execv(sys.executable, argv)
