"""Mean squared error with pandas."""

import sys

import pandas as pd

frame = pd.read_csv(sys.argv[1], usecols=["y", "yhat"])
print(repr(float(((frame["y"] - frame["yhat"]) ** 2).mean())))
