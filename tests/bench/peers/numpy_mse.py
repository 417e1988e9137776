"""Mean squared error with numpy.loadtxt."""

import sys

import numpy as np

with open(sys.argv[1], encoding="utf-8") as file:
    header = file.readline().rstrip("\n").split(",")
    columns = (header.index("y"), header.index("yhat"))
    y, yhat = np.loadtxt(file, delimiter=",", usecols=columns, unpack=True)
print(repr(float(np.mean((y - yhat) ** 2))))
