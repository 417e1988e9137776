"""Mean squared error with polars' streaming engine."""

import sys

import polars as pl

frame = pl.scan_csv(sys.argv[1])
mse = ((pl.col("y") - pl.col("yhat")) ** 2).mean()
print(repr(frame.select(mse).collect(engine="streaming").item()))
