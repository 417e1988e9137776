"""A fit is decided by the data and the seed: not by blocks, threads, files or memory."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import lossctl
from lossctl.training import rows as rows_module
from lossctl.training.chunks import (
    LONGEST,
    PLACES,
    WINDOW,
    Chunk,
    Order,
    in_windows,
    run_length,
    window_size,
)
from lossctl.training.rows import held_out

from .problems import features

N = 70_000  # more than one window


def columns(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(23)
    x = np.round(features(n, 3), 6)
    y = np.round(x @ [1.0, -2.0, 0.5] + rng.normal(size=n), 6)
    w = rng.integers(0, 3, n).astype(float)
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y, "w": w}


@pytest.fixture(scope="module", name="data")
def _data() -> dict[str, Any]:
    return columns(N)


@pytest.fixture(scope="module", name="path")
def _path(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fit") / "rows.csv"
    pl.DataFrame(data).write_csv(path)
    return path


OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 512, "validation": 0.2, "standardize": True}


def learned(data: Any, **options: Any) -> dict[str, Any]:
    """Return all that a fit tells but for the names of the files."""
    found = lossctl.fit(data, "huber", "y", ["a,b", "c"], "w", **OPTIONS | options).to_dict()
    del found["input"]["files"]
    return found


def test_blocks_threads_files_and_memory_make_no_difference(
    data: dict[str, Any], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = learned(data)
    assert learned(pd.DataFrame(data)) == expected
    assert learned(path) == expected
    for block_size, threads in ((1 << 16, 1), (123_457, 2), (1 << 19, 3)):
        assert learned(path, block_size=block_size, threads=threads) == expected
    lines = path.read_text().splitlines(keepends=True)
    parts = [tmp_path / "first.csv", tmp_path / "second.csv"]
    parts[0].write_text("".join(lines[:12_346]))
    parts[1].write_text("".join([lines[0], *lines[12_346:]]))
    assert learned(parts) == expected
    monkeypatch.setattr(rows_module, "KEPT", 1000)  # too many rows to keep: read in every epoch
    assert learned(path, block_size=1 << 18) == expected
    assert learned(parts, threads=2) == expected


def test_lbfgs_and_layers_are_determined_too(path: Path, data: dict[str, Any]) -> None:
    for options in (
        {"optimizer": "lbfgs", "batch_size": None, "epochs": 5},
        {"model": "mlp", "hidden": 4, "epochs": 1},
    ):
        assert learned(path, block_size=1 << 17, **options) == learned(data, **options)


def test_the_seed_decides(data: dict[str, Any]) -> None:
    small = {name: x[:500] for name, x in data.items()}
    assert learned(small, seed=1) == learned(small, seed=1)
    assert learned(small, seed=1)["history"] != learned(small, seed=2)["history"]


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "KEPT", 1000)
    peaks = []
    for n in (300_000, 900_000):
        path = tmp_path / f"{n}.csv"
        pl.DataFrame(columns(n)).write_csv(path)
        tracemalloc.start()
        lossctl.fit(
            path, "mse", "y", "a,b,c", epochs=1, batch_size=1024, block_size=1 << 18, threads=2
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]


def test_data_that_change_between_epochs_are_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "KEPT", 1000)
    copy = tmp_path / "growing.csv"
    copy.write_bytes(path.read_bytes())
    read = rows_module.Rows.look

    def grow(self: rows_module.Rows, *args: Any) -> Any:
        seen = read(self, *args)
        with copy.open("a") as file:
            file.write("1,2,3,4,1\n")
        return seen

    monkeypatch.setattr(rows_module.Rows, "look", grow)
    with pytest.raises(lossctl.errors.InputError, match="changed between"):
        learned(copy)


# Windows, runs and held-out rows


def chunk(n: int) -> Chunk:
    x = np.arange(float(n))
    return Chunk((x, -x), x, None)


def test_windows_are_counted_in_rows() -> None:
    whole = chunk(1000)
    for cuts in ([1000], [1, 999], [250, 250, 500], [0, 333, 0, 667], [1] * 1000):
        edges = np.cumsum([0, *cuts])
        parts = [whole.rows(a, b) for a, b in pairwise(edges.tolist())]
        windows = list(in_windows(parts, 300))
        assert [window.size for window in windows] == [300, 300, 300, 100]
        assert np.concatenate([window.x[1] for window in windows]).tolist() == (-whole.y).tolist()


@pytest.mark.parametrize("batch", [1, 32, 100, 128, 256, 1000, 1024, 3000, 4096, 100_000])
def test_a_mini_batch_is_drawn_from_many_places(batch: int) -> None:
    length, size = run_length(batch), window_size(batch)
    assert size % batch == batch % length == 0
    assert size == batch or WINDOW - batch < size <= WINDOW
    assert length == 1 or batch // length >= PLACES
    assert length <= LONGEST
    order = Order.drawn(np.random.default_rng(1), size, length)
    rows = order.taken(np.arange(size))
    assert sorted(rows.tolist()) == list(range(size))
    assert rows.tolist() != list(range(size)) or size == 1
    starts = rows[:batch:length]
    if batch > 1:
        assert np.ptp(starts) > 0.5 * size * (1 - 2 / max(2, len(starts)))


def test_a_share_of_the_rows_is_held_out_whatever_comes_with_them() -> None:
    rows = np.arange(1, 100_001)
    for share in (0.01, 0.2, 0.5, 0.9):
        for seed in (0, 1, 12345):
            held = held_out(rows, seed, share)
            spread = 4.5 * np.sqrt(share * (1 - share) / len(rows))
            assert abs(held.mean() - share) < spread
            assert (held_out(rows[777:999], seed, share) == held[777:999]).all()
            # No pattern from one row to the next.
            pairs = (held[1:] & held[:-1]).mean()
            assert abs(pairs - share * share) < 2 * spread
    a, b = held_out(rows, 0, 0.5), held_out(rows, 1, 0.5)
    assert abs((a == b).mean() - 0.5) < 0.01
