"""The picture of per-sample losses, against plain sorts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossctl import quantiles
from lossctl.pictures.records import LossSpread
from lossctl.pictures.spread import CHUNK, carried, largest, lorenz
from lossctl.quantiles import Quantiles

from .seen import picture

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


def spread(data: Any, loss: str, **options: Any) -> LossSpread:
    made = picture(data, loss, "samples", **options)
    assert isinstance(made, LossSpread)
    return made


def plain_lorenz(costs: np.ndarray, share: float) -> float:
    """Return the share of the sum that the cheapest share of the rows has."""
    ordered = np.sort(costs)
    sums = np.append(0.0, np.cumsum(ordered)) / math.fsum(ordered)
    return float(np.interp(share, np.linspace(0.0, 1.0, len(sums)), sums))


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=400).filter(any))
@settings(max_examples=60, deadline=None)
def test_points_of_the_curve_are_those_of_a_sort(costs: list[float]) -> None:
    x = np.array(costs)
    points = lorenz(Quantiles.of(x), math.fsum(x))
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    assert len(points) <= 200
    for rows, share in points:
        assert share == pytest.approx(plain_lorenz(x, rows), abs=1e-9)
        assert share <= rows + 1e-9


def test_counted_losses_give_the_curve_within_what_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.random.default_rng(4).exponential(size=20_000) ** 3
    exact = lorenz(Quantiles.of(x), math.fsum(x))
    monkeypatch.setattr(quantiles, "EXACT_LIMIT", 1000)
    binned = lorenz(Quantiles.of(x), math.fsum(x))
    assert len(binned) <= 200
    for (rows, share), (same, near) in zip(exact, binned, strict=True):
        assert rows == same
        assert near == pytest.approx(share, rel=0.004, abs=1e-12)


def test_of_a_real_file() -> None:
    made = spread(str(SAMPLES / "diabetes.csv"), "mse")
    table = np.genfromtxt(SAMPLES / "diabetes.csv", delimiter=",", names=True, dtype=None)
    losses = (table["yhat"] - table["y"]) ** 2
    assert made.n == 442
    assert made.mean == pytest.approx(losses.mean(), rel=1e-12)
    assert made.median == np.sort(losses)[220]
    assert sum(made.bins.counts) + made.bins.beyond == 442
    order = np.argsort(-losses, kind="stable")[:5]
    assert [row.row for row in made.worst] == (order + 1).tolist()
    assert [row.name for row in made.worst] == [f"line {at + 2}" for at in order]
    assert made.worst[0].share == pytest.approx(losses.max() / losses.sum(), rel=1e-12)
    assert carried(made.lorenz, 0.1) == pytest.approx(1 - plain_lorenz(losses, 0.9), abs=2e-4)
    assert "n = 442" in made.title
    assert "the square of the unit of y" in made.title
    assert "line 58 alone carries 1.85 %" in made.text


def test_weights_count_in_the_shares_and_zeros_leave_rows_out() -> None:
    draw = np.random.default_rng(5)
    y, e = draw.normal(size=(2, 300))
    w = draw.integers(0, 4, 300).astype(float)
    data = {"y": y, "yhat": y + e, "w": w}
    made = spread(data, "mae", weight="w")
    used = w > 0.0
    costs = (w * np.abs(data["yhat"] - y))[used]
    assert made.n == int(used.sum())
    for rows, share in made.lorenz:
        assert share == pytest.approx(plain_lorenz(costs, rows), abs=1e-9)
    assert made.worst[0].share == pytest.approx(costs.max() / costs.sum(), rel=1e-12)
    removed = {name: column[used] for name, column in data.items()}
    assert spread(removed, "mae", weight="w").lorenz == made.lorenz
    assert spread(removed, "mae").bins == made.bins  # rows are counted, not weights


def test_where_shares_mean_nothing_words_say_so() -> None:
    y = np.array([0.0, 1.0, 9.0, 4.0])
    made = spread({"y": y, "yhat": np.full(4, 3.0)}, "poisson_nll")
    assert made.lorenz == ()
    assert "negative" in made.no_lorenz
    assert made.no_lorenz in made.text
    made = spread({"y": [0, 1, 1, 0.0], "p": [0, 0, 1, 0.5]}, "bce")
    assert made.infinite == 1
    assert made.lorenz == ()
    assert "1 loss is infinite" in made.text
    assert made.worst[0].row == 2
    assert made.worst[0].share is None
    made = spread({"y": y, "yhat": y}, "mse")
    assert made.lorenz == ()
    assert "All losses are 0" in made.text
    assert made.bins.counts == (4,)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, math.inf, -1.0]), max_size=40),
    st.integers(0, 6),
    st.integers(1, 3),
)
@settings(max_examples=100, deadline=None)
def test_the_largest_are_found_and_ties_by_their_order(
    values: list[float], limit: int, times: int
) -> None:
    x = np.tile(np.array(values), 200 * times)
    expected = np.argsort(-x, kind="stable")[:limit]
    assert largest(x, limit).tolist() == expected.tolist()
    assert CHUNK == 1024


def test_blocks_threads_and_order_make_no_difference(tmp_path: Path) -> None:
    draw = np.random.default_rng(6)
    rows = [
        f"{y!r},{y + e!r},{w}"
        for y, e, w in zip(
            *draw.normal(size=(2, 30_000)).tolist(),
            draw.integers(0, 3, 30_000).tolist(),
            strict=True,
        )
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["y,yhat,w", *rows]) + "\n")
    expected = spread(str(path), "mse", weight="w")
    for options in ({"threads": 1}, {"threads": 3}, {"block_size": 70_001}):
        assert spread(str(path), "mse", weight="w", **options) == expected
    head, tail = tmp_path / "a.csv", tmp_path / "b.csv"
    head.write_text("\n".join(["y,yhat,w", *rows[:999]]) + "\n")
    tail.write_text("\n".join(["y,yhat,w", *rows[999:]]) + "\n")
    split = spread([str(head), str(tail)], "mse", weight="w")
    assert (split.lorenz, split.bins, split.n) == (expected.lorenz, expected.bins, expected.n)
    assert [row.row for row in split.worst] == [row.row for row in expected.worst]
    assert split.worst[0].name.startswith(str(tail))
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join(["y,yhat,w", *reversed(rows)]) + "\n")
    other = spread(str(shuffled), "mse", weight="w")
    assert (other.lorenz, other.bins, other.mean) == (expected.lorenz, expected.bins, expected.mean)


@pytest.mark.parametrize("loss", ["median_ae", "max_error"])
def test_the_error_of_one_row_is_no_sum_to_share(loss: str) -> None:
    found = spread({"y": [0.0, 0.0, 0.0], "yhat": [1.0, 2.0, 7.0]}, loss)
    assert found.lorenz == ()
    assert "no sum" in found.no_lorenz
    assert all(row.share is None for row in found.worst)
