"""The picture of errors: points while they are few, counts of cells beyond, medians along ŷ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossctl.errors import UsageError
from lossctl.evaluation import seen_with
from lossctl.options import make_options
from lossctl.pictures import grid
from lossctl.pictures.records import Residuals
from lossctl.pictures.residuals import ACROSS, DOWN

from .seen import picture

DRAW = np.random.default_rng(9)


def errors(data: Any, **options: Any) -> Residuals:
    made = picture(data, "mse", "residuals", **options)
    assert isinstance(made, Residuals)
    return made


def rows_of(n: int) -> dict[str, np.ndarray]:
    yhat = DRAW.normal(size=n) * 10.0 + 50.0
    return {"y": yhat - 0.1 * (yhat - 50.0) - DRAW.normal(size=n), "yhat": yhat}


def test_few_rows_are_points() -> None:
    data = rows_of(1000)
    made = errors(data)
    e = data["yhat"] - data["y"]
    assert made.points == tuple(sorted(zip(data["yhat"].tolist(), e.tolist(), strict=True)))
    assert made.cells is None
    assert sum(made.side.counts) == made.n == 1000
    assert made.outside == 0
    share = (e > 0).mean()
    assert made.text.startswith(f"{100 * share:.3g} % of the predictions are too high")


def test_running_medians_are_those_of_equal_parts() -> None:
    data = rows_of(1000)
    made = errors(data)
    order = np.argsort(data["yhat"])
    e = (data["yhat"] - data["y"])[order]
    expected = [float(np.sort(part)[24]) for part in np.split(e, 20)]
    assert [part.median for part in made.running] == expected
    assert made.running[0].median < -0.5 < 0.5 < made.running[-1].median  # as they were made


def test_many_rows_are_cells_that_hold_them_all() -> None:
    data = rows_of(20_000)
    made = errors(data)
    assert made.points == ()
    cells = made.cells
    assert cells is not None
    assert sum(cells.rows) + made.outside == made.n == 20_000
    assert len(cells.rows) <= ACROSS * DOWN < 3000
    e = data["yhat"] - data["y"]
    for x, y, count in list(zip(cells.x, cells.y, cells.rows, strict=True))[::50]:
        inside = (data["yhat"] >= x) & (data["yhat"] < x + cells.width)
        inside &= (e >= y) & (e < y + cells.height)
        assert count == int(inside.sum())
    points = np.sort(e)
    edges = np.searchsorted(points, made.side.edges)
    assert np.diff(edges).tolist() == list(made.side.counts)


def test_medians_from_cells_are_within_half_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows_of(4000)
    yhat, e = data["yhat"], data["yhat"] - data["y"]
    monkeypatch.setattr(grid, "KEPT", 100)
    made = errors(data)
    assert made.cells is not None
    wide, tall = (grid.Axis(float(x.min()), float(x.max())).length / 2.0 for x in (yhat, e))
    assert len(made.running) >= 15
    for part in made.running:
        inside = np.sort(e[(yhat >= part.low - wide) & (yhat < part.high + wide)])
        median = inside[(len(inside) + 1) // 2 - 1]
        assert part.median == pytest.approx(median, abs=tall)


def test_rows_far_away_are_said_and_not_shown() -> None:
    data = rows_of(1000)
    data["y"][0] = -1e6
    made = errors(data)
    assert made.outside == 1
    assert len(made.points) == 999
    assert "1 row lies beyond the edges of the picture" in made.text


def test_cells_too_coarse_for_the_others_are_said() -> None:
    data = rows_of(20_000)
    data["y"][:3] = -1e9
    made = errors(data)
    assert made.running == ()
    assert "cells cannot tell the others apart" in made.text


def test_a_weight_of_0_leaves_a_row_out() -> None:
    data = rows_of(300)
    w = DRAW.integers(0, 2, 300).astype(float)
    made = errors({**data, "w": w}, weight="w")
    assert made.n == int(w.sum())
    kept = {name: column[w > 0] for name, column in data.items()}
    assert errors(kept).points == made.points


def test_several_columns_are_refused() -> None:
    data = {"y_a": [1.0], "y_b": [1.0], "p_a": [1.0], "p_b": [1.0]}
    with pytest.raises(UsageError, match="name one by -p"):
        errors(data, y="y_*", pred="p_*")


def test_a_prediction_of_the_logarithm_has_no_errors() -> None:
    data = {"y": np.array([1.0, 3.0]), "yhat": np.array([0.1, 1.0])}
    pictures = seen_with(data, "poisson_nll,poisson_nll_with_log", make_options()).pictures
    kinds = [[type(part).__name__ for part in parts] for parts in pictures]
    assert "Residuals" in kinds[0]
    assert "Residuals" not in kinds[1]


def test_blocks_threads_and_order_make_no_difference(tmp_path: Path) -> None:
    data = rows_of(30_000)
    rows = [f"{y!r},{p!r}" for y, p in zip(data["y"].tolist(), data["yhat"].tolist(), strict=True)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["y,yhat", *rows]) + "\n")
    expected = errors(str(path))
    for options in ({"threads": 1}, {"threads": 3}, {"block_size": 70_001}):
        assert errors(str(path), **options) == expected
    path.write_text("\n".join(["y,yhat", *reversed(rows)]) + "\n")
    assert errors(str(path)) == expected
