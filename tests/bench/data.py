"""The data files of the bench: what they are called, and making those that are not there yet.

This module imports neither numpy nor polars: the files are written by a process of their own
(``tests.bench.generate``), because Linux hands the peak memory of a parent on to its children,
and the process that starts the contenders must therefore stay small.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "positive", "binary", "logits", "classes", "scores", "shares", "forecast", "ensemble", "match"
]
Layout = Literal["pair", "plain", "text", "quoted", "wide"] | Kind

# Part of every file name. Raise it whenever `generate` would write something else.
REVISION = 1

# No data set is scaled to fewer rows than this, which is also the size of the start-up case.
FEWEST_ROWS = 442


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


@dataclass(frozen=True)
class Dataset:
    """A data file, by its columns and its number of rows."""

    layout: Layout
    rows: int

    def scaled(self, scale: float) -> Dataset:
        """Return the same layout with the rows multiplied by `scale`."""
        return Dataset(self.layout, scaled_rows(self.rows, scale))

    @property
    def file_name(self) -> str:
        """Return the name of the file inside the data directory."""
        return f"{self.layout}-{self.rows}-r{REVISION}.csv"

    def size(self, path: Path) -> int:
        """Return the bytes of the file at `path` and of that of its truth, 0 where one lacks."""
        files = [path, truth_path(path)] if self.layout == "match" else [path]
        return sum(file.stat().st_size for file in files) if all(map(Path.exists, files)) else 0


@dataclass(frozen=True)
class Prepared:
    """A data file on disk, with the mean squared error its rows were drawn to have.

    It is NaN where a file has no columns y and yhat.
    """

    path: Path
    rows: int
    size: int
    mse: float


def truth_path(path: Path) -> Path:
    """Return where the truth of the predictions at `path` stands, if it has a file of its own."""
    return path.with_suffix(".truth.csv")


def scaled_rows(rows: int, scale: float) -> int:
    """Return `rows` times `scale`, but never fewer rows than the smallest data set has."""
    return max(min(rows, FEWEST_ROWS), round(rows * scale))


def prepare(dataset: Dataset, directory: Path) -> Prepared:
    """Return the file of `dataset` in `directory`, written now unless it is there and whole."""
    path = directory / dataset.file_name
    record = path.with_suffix(".json")
    return _recorded(path, dataset, record) or _made(path, dataset, record)


def _recorded(path: Path, dataset: Dataset, record: Path) -> Prepared | None:
    """Return the file as recorded when it was written, if it still has the recorded size."""
    if not record.exists():
        return None
    facts = json.loads(record.read_text(encoding="utf-8"))
    if dataset.size(path) != facts["size"]:
        return None
    return Prepared(path, dataset.rows, facts["size"], facts["mse"])


def _made(path: Path, dataset: Dataset, record: Path) -> Prepared:
    """Write the file, then its record: a run cut short leaves no record and is made again."""
    print(f"making {path}", file=sys.stderr, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    generator = (sys.executable, "-m", f"{__package__}.generate")
    made = subprocess.run(
        [*generator, dataset.layout, str(dataset.rows), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise BenchError(f"{path} could not be made:\n{made.stderr}")
    mse = float(made.stdout)
    size = dataset.size(path)
    record.write_text(json.dumps({"size": size, "mse": mse}), encoding="utf-8")
    return Prepared(path, dataset.rows, size, mse)
