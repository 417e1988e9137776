"""Write one data file: ``python -m tests.bench.generate LAYOUT ROWS PATH``.

Prints the mean squared error of the rows written, which every contender has to find again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .data import truth_path

Floats = NDArray[np.float64]

SEED = 20240229

# Rows drawn and written at a time: what bounds the memory.
BLOCK = 500_000

DECIMALS = 6
WIDE_COLUMNS = 30
NOTE_COUNT = 512
WORDS = [
    *("late", "early", "north", "paid", "open", "closed", "checked", "revised", "sample"),
    *("meter", "reading", "estimate", "second", "manual", "returned", "customer", "order"),
]


def targets(rng: np.random.Generator, rows: int) -> dict[str, pl.Series]:
    """Return `y` and `yhat`, rounded to the decimals that are written."""
    y = np.round(rng.normal(0.0, 100.0, rows), DECIMALS)
    yhat = np.round(y + rng.normal(0.0, 10.0, rows), DECIMALS)
    return {"y": pl.Series(y), "yhat": pl.Series(yhat)}


def row_ids(start: int, rows: int) -> pl.Series:
    """Return the running number of each row, from one."""
    return pl.Series(np.arange(start + 1, start + rows + 1))


def pair(rng: np.random.Generator, _start: int, rows: int) -> pl.DataFrame:
    """Return rows of y,yhat."""
    return pl.DataFrame(targets(rng, rows))


def plain(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return rows of id,y,yhat."""
    return pl.DataFrame({"id": row_ids(start, rows), **targets(rng, rows)})


def text(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return rows of id,note,y,yhat whose notes need no quotes."""
    return _with_notes(rng, start, rows, commas=False)


def quoted(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return the rows of `text` with a comma, hence quotes, in one note of ten."""
    return _with_notes(rng, start, rows, commas=True)


def _with_notes(rng: np.random.Generator, start: int, rows: int, *, commas: bool) -> pl.DataFrame:
    # Every draw is made with and without commas, so that both files hold the same numbers.
    word_rng = np.random.default_rng(SEED)
    phrases = [list(word_rng.choice(WORDS, word_rng.integers(3, 6))) for _ in range(NOTE_COUNT)]
    spaced = [" ".join(words) for words in phrases]
    with_comma = [f"{words[0]}, {' '.join(words[1:])}" for words in phrases]
    which = rng.integers(0, NOTE_COUNT, rows)
    has_comma = rng.integers(0, 10, rows) == 0
    # The second half of the notes are the first half with a comma.
    chosen = np.where(has_comma & commas, which + NOTE_COUNT, which)
    note = pl.Series(spaced + with_comma).gather(chosen)
    return pl.DataFrame({"id": row_ids(start, rows), "note": note, **targets(rng, rows)})


def wide(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return thirty columns of ids, integers and decimals with y and yhat in the middle."""
    columns = {
        "id": row_ids(start, rows),
        "account": pl.Series(rng.integers(10_000_000, 100_000_000, rows)),
    }
    middle = WIDE_COLUMNS // 2 - 1
    while len(columns) < WIDE_COLUMNS:
        position = len(columns)
        if position == middle:
            columns |= targets(rng, rows)
        elif position % 3 == 0:
            columns[f"n{position:02}"] = pl.Series(rng.integers(0, 10_000, rows))
        elif position % 3 == 1:
            columns[f"x{position:02}"] = pl.Series(rng.normal(0.0, 10.0, rows))
        else:
            # write_csv has one precision for all floats; a decimal brings its own.
            five = pl.Series(rng.normal(50.0, 20.0, rows)).cast(pl.Decimal(18, 5))
            columns[f"x{position:02}"] = five
    return pl.DataFrame(columns)


def positive(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return rows of id,y,yhat above 0, as of rates and counts."""
    yhat = rng.lognormal(1.0, 1.0, rows)
    y = yhat * rng.gamma(4.0, 0.25, rows) + 1e-3
    return pl.DataFrame({"id": row_ids(start, rows), "y": y, "yhat": yhat})


def binary(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return rows of id,y,yhat with labels and probabilities."""
    return _labels(rng, start, rows, logits=False)


def logits(rng: np.random.Generator, start: int, rows: int) -> pl.DataFrame:
    """Return rows of id,y,yhat with labels and logits."""
    return _labels(rng, start, rows, logits=True)


def _labels(rng: np.random.Generator, start: int, rows: int, *, logits: bool) -> pl.DataFrame:
    z = rng.normal(0.0, 2.0, rows)
    p = np.clip(1.0 / (1.0 + np.exp(-z)), 1e-5, 1.0 - 1e-5)
    y = (rng.uniform(0.0, 1.0, rows) < p).astype(np.int64)
    return pl.DataFrame({"id": row_ids(start, rows), "y": y, "yhat": z if logits else p})


CLASSES = ("ant", "bee", "cat")


def _class_frame(rng: np.random.Generator, rows: int, *, scores: bool) -> pl.DataFrame:
    z = rng.normal(0.0, 1.5, (rows, len(CLASSES)))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    label = pl.Series(CLASSES).gather(rng.integers(0, len(CLASSES), rows))
    x = z if scores else _rounded_shares(p)
    return pl.DataFrame({"label": label, **{f"p_{n}": x[:, k] for k, n in enumerate(CLASSES)}})


def _rounded_shares(p: Floats) -> Floats:
    """Return shares above 0 with the decimals that are written, which still sum to 1."""
    rounded = np.clip(np.round(p, DECIMALS), 1e-5, None)
    rounded[:, 0] = 1.0 - rounded[:, 1:].sum(axis=1)
    return np.clip(rounded, 1e-5, None)


def classes(rng: np.random.Generator, _start: int, rows: int) -> pl.DataFrame:
    """Return rows of a label and the probabilities of three classes."""
    return _class_frame(rng, rows, scores=False)


def scores(rng: np.random.Generator, _start: int, rows: int) -> pl.DataFrame:
    """Return rows of a label and the logits of three classes."""
    return _class_frame(rng, rows, scores=True)


def shares(rng: np.random.Generator, _start: int, rows: int) -> pl.DataFrame:
    """Return rows of two distributions over three outcomes, and the logarithms of the second."""
    columns = {}
    for name in ("y", "p"):
        z = rng.normal(0.0, 1.0, (rows, len(CLASSES)))
        x = _rounded_shares(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
        columns.update({f"{name}_{n}": x[:, k] for k, n in enumerate(CLASSES)})
    columns.update({f"l_{n}": np.minimum(np.log(columns[f"p_{n}"]), 0.0) for n in CLASSES})
    return pl.DataFrame(columns)


def forecast(rng: np.random.Generator, _start: int, rows: int) -> pl.DataFrame:
    """Return rows of y, a mean and a variance, and the bounds of an interval."""
    y = rng.normal(0.0, 100.0, rows)
    mean = y + rng.normal(0.0, 10.0, rows)
    variance = rng.uniform(50.0, 150.0, rows)
    width = 1.64 * np.sqrt(variance)
    return pl.DataFrame(
        {"y": y, "mean": mean, "variance": variance, "lower": mean - width, "upper": mean + width}
    )


def ensemble(rng: np.random.Generator, _start: int, rows: int) -> pl.DataFrame:
    """Return rows of y and an ensemble of four members."""
    y = rng.normal(0.0, 100.0, rows)
    return pl.DataFrame(
        {"y": y, **{f"m_{k}": y + rng.normal(0.0, 10.0, rows) for k in range(1, 5)}}
    )


LAYOUTS: dict[str, Callable[[np.random.Generator, int, int], pl.DataFrame]] = {
    "pair": pair,
    "plain": plain,
    "text": text,
    "quoted": quoted,
    "wide": wide,
    "positive": positive,
    "binary": binary,
    "logits": logits,
    "classes": classes,
    "scores": scores,
    "shares": shares,
    "forecast": forecast,
    "ensemble": ensemble,
}


def write_match(rows: int, path: Path) -> float:
    """Write id,yhat to `path` and id,y in another order to its truth file; return the error."""
    rng = np.random.default_rng(SEED)
    frame = pl.DataFrame({"id": row_ids(0, rows), **targets(rng, rows)})
    for target, name in ((path, "yhat"), (truth_path(path), "y")):
        shuffled = frame.select("id", name)[rng.permutation(rows)]
        shuffled.write_csv(target, float_precision=DECIMALS)
    error = frame["yhat"].to_numpy() - frame["y"].to_numpy()
    return math.fsum((error * error).tolist()) / rows


def write(layout: str, rows: int, path: Path) -> float:
    """Write `rows` rows to `path` block by block and return their mean squared error."""
    if layout == "match":
        return write_match(rows, path)
    rng = np.random.default_rng(SEED)
    squares = []
    with path.open("wb") as file:
        for start in range(0, rows, BLOCK):
            frame = LAYOUTS[layout](rng, start, min(BLOCK, rows - start))
            if "yhat" in frame.columns:
                error = np.round(frame["yhat"].to_numpy(), DECIMALS)
                error -= np.round(frame["y"].to_numpy(), DECIMALS)
                squares.append(float(np.sum(error * error)))
            frame.write_csv(file, include_header=start == 0, float_precision=DECIMALS)
    return math.fsum(squares) / rows if squares else math.nan


if __name__ == "__main__":
    print(repr(write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
