"""The per-row table of the squared error with polars: FILE OUT."""

import sys

import polars as pl

error = pl.col("yhat") - pl.col("y")
loss = error**2
(
    pl.scan_csv(sys.argv[1])
    .select(
        pl.int_range(1, pl.len() + 1).alias("row"),
        "y",
        "yhat",
        loss.alias("loss"),
        (loss / pl.len()).alias("contribution"),
        (loss / loss.sum()).alias("share"),
        (2 * error / pl.len()).alias("gradient"),
    )
    .sink_csv(sys.argv[2])
)
