"""How far a per-row table is from the right one: ``python -m tests.bench.tables FILE TABLE``.

Prints the largest relative deviation of any number in TABLE, as written by ``lossctl samples
mse``, from what FILE asks for; or fails, naming what is wrong with its columns or rows.
"""

from __future__ import annotations

import sys

import polars as pl

COLUMNS = ["row", "y", "yhat", "loss", "contribution", "share", "gradient"]


def largest_deviation(file: str, table: str) -> float:
    """Return the largest relative deviation over all rows and columns."""
    written = pl.scan_csv(table)
    names = written.collect_schema().names()
    if names != COLUMNS:
        raise SystemExit(f"columns are {names}, not {COLUMNS}")
    data = pl.scan_csv(file)
    error = pl.col("yhat") - pl.col("y")
    squared = error * error
    rows, total = data.select(pl.len(), squared.sum()).collect(engine="streaming").row(0)
    rows_written = written.select(pl.len()).collect(engine="streaming").item()
    if rows_written != rows:
        raise SystemExit(f"{rows_written} rows, not {rows}")
    expected = data.with_row_index("row", offset=1).select(
        pl.col("row").cast(pl.Float64),
        "y",
        "yhat",
        loss=squared,
        contribution=squared / rows,
        share=squared / total,
        gradient=2 * error / rows,
    )
    both = pl.concat([expected, written.rename(lambda name: f"{name}_written")], how="horizontal")
    deviations = []
    for name in COLUMNS:
        right, got = pl.col(name), pl.col(f"{name}_written")
        apart = (right - got).abs()
        # A maximum passes over NaN; as a null it is counted.
        relative = (apart / pl.max_horizontal(right.abs(), got.abs())).fill_nan(None)
        deviations.append(pl.when(apart == 0).then(0.0).otherwise(relative).alias(name))
    per_row = both.select(deviations)
    found = per_row.select(
        pl.all().null_count().name.prefix("gaps_"), pl.all().max().name.prefix("max_")
    ).collect(engine="streaming")
    gaps = {name: found[f"gaps_{name}"].item() for name in COLUMNS}
    if any(gaps.values()):
        raise SystemExit(f"numbers missing, by column: {gaps}")
    return max(float(found[f"max_{name}"].item()) for name in COLUMNS)


if __name__ == "__main__":
    print(repr(largest_deviation(sys.argv[1], sys.argv[2])))
