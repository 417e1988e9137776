"""Mean squared error with polars, the truth in another file: FILE TRUTH."""

import sys

import polars as pl

predictions, truth = (pl.scan_csv(path) for path in sys.argv[1:3])
mse = ((pl.col("y") - pl.col("yhat")) ** 2).mean()
print(repr(predictions.join(truth, on="id").select(mse).collect(engine="streaming").item()))
