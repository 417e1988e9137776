"""The picture of a gradient, against the gradients that ``samples`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossctl
from lossctl.errors import UsageError
from lossctl.evaluation import seen_with
from lossctl.options import make_options
from lossctl.pictures.records import GradientSpread

from .seen import picture

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
DIABETES = str(SAMPLES / "diabetes.csv")
DIGITS = str(SAMPLES / "digits.csv")


def spread(data: Any, loss: str, **options: Any) -> GradientSpread:
    made = picture(data, loss, "gradient", **options)
    assert isinstance(made, GradientSpread)
    return made


CASES = [
    ("mse", DIABETES, {}),
    ("rmse", DIABETES, {"weight": "weight"}),
    ("huber:delta=20", DIABETES, {}),
    ("r2", DIABETES, {}),
    ("wape", DIABETES, {}),
    ("cce_with_logits", DIGITS, {"y": "digit", "pred": "z_*"}),
    ("cce", DIGITS, {"y": "digit", "pred": "p_*"}),
    ("bce", str(SAMPLES / "breast_cancer.csv"), {"pred": "prob"}),
]


@pytest.mark.parametrize(("loss", "data", "options"), CASES, ids=[case[0] for case in CASES])
def test_shares_and_bins_are_those_of_the_samples(
    loss: str, data: str, options: dict[str, Any]
) -> None:
    made = spread(data, loss, **options)
    frame = lossctl.samples(data, loss, **options)
    columns = [name for name in frame.columns if name.startswith("gradient")]
    g = frame[columns].to_numpy()
    sizes = np.abs(g)
    assert made.n == len(g)
    assert made.entries == g.size
    assert made.zero == int((g == 0.0).sum())
    vanishing = (sizes > 0.0) & (sizes < 1e-6 * sizes.max())
    assert made.vanishing == int(vanishing.sum())
    assert made.top is not None
    assert made.top.row == int(np.argmax(sizes.max(axis=1))) + 1
    assert made.top.share == pytest.approx(sizes.max() / sizes.sum(), rel=1e-12)
    assert sum(made.bins.counts) + made.bins.beyond == g.size
    edges = np.array(made.bins.edges)
    if not made.bins.beyond:
        assert edges[0] <= g.min() <= g.max() <= edges[-1]
    middle = edges[len(edges) // 2 + 3] * (1 + 1e-9)  # away from an edge and its rounding
    below = int(np.sum(made.bins.counts[: len(edges) // 2 + 3]))
    if not made.bins.beyond:
        assert below == pytest.approx(int((g < middle).sum()), abs=2)


def test_a_cap_is_counted() -> None:
    made = spread(DIABETES, "huber:delta=20")
    table = np.genfromtxt(DIABETES, delimiter=",", names=True, dtype=None)
    e = table["yhat"] - table["y"]
    assert made.capped == int((np.abs(e) >= 20.0).sum())
    assert "73.1 % share the largest slope seen" in made.text
    assert spread(DIABETES, "mae").capped == 442
    weighted = spread(DIABETES, "mae", weight="weight")  # the slope is capped, the entries differ
    assert weighted.capped == 442


def test_nothing_but_zeros_says_so() -> None:
    made = spread({"y": [1.0, 2.0], "yhat": [1.0, 2.0]}, "mse")
    assert (made.zero, made.vanishing, made.capped, made.top) == (2, 0, 0, None)
    assert made.text == "All entries are 0."


def test_entries_that_are_not_finite_are_counted_apart() -> None:
    made = spread({"y": [0, 1, 1.0], "p": [0.2, 0.0, 0.5]}, "bce")
    assert (made.entries, made.nonfinite) == (3, 1)
    assert sum(made.bins.counts) == 2
    assert "1 is not finite" in made.text


@pytest.mark.parametrize("loss", ["median_ae", "max_error", "explained_variance"])
def test_gradients_that_are_no_matter_of_rows_are_refused(loss: str) -> None:
    with pytest.raises(UsageError, match=f"plot gradient: {loss}"):
        spread(DIABETES, loss)


def test_groups_are_merged() -> None:
    options = make_options(by=["sex"], weight="weight")
    (made,) = [
        part
        for part in seen_with(DIABETES, "mse", options).pictures[0]
        if isinstance(part, GradientSpread)
    ]
    assert made == spread(DIABETES, "mse", weight="weight")


def test_blocks_and_threads_make_no_difference(tmp_path: Path) -> None:
    draw = np.random.default_rng(8)
    rows = [f"{y!r},{y + e!r}" for y, e in draw.normal(size=(30_000, 2)).tolist()]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["y,yhat", *rows]) + "\n")
    expected = spread(str(path), "huber:delta=0.5")
    for options in ({"threads": 1}, {"threads": 3}, {"block_size": 70_001}):
        assert spread(str(path), "huber:delta=0.5", **options) == expected


def test_shares_beside_an_infinite_gradient_are_of_the_finite_ones() -> None:
    data = {"y": [1.0, 1.0, 1.0], "yhat": [0.0, 0.2, 0.5]}
    text = picture(data, "bce", "gradient").text
    assert "1 is not finite" in text
    assert "Of the finite ones, the row that carries the most is row 2" in text
