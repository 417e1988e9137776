"""Nothing is found in honest data: the samples, calibrated predictions, smooth series, shuffles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossctl

from .planted import binary, classes, csv_of, found, regression, series, shuffled

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
HONEST = [
    *(("diabetes.csv", "y", pred) for pred in ("yhat", "yhat_boosting", "q50", "mean", "m_1")),
    *(("diabetes.csv", "y", pred) for pred in ("q10", "q90", "m_*")),
    ("breast_cancer.csv", "label", "prob"),
    ("breast_cancer.csv", "label", "logit"),
    ("digits.csv", "digit", "p_*"),
    ("digits.csv", "digit", "z_*"),
    ("wine.csv", "cultivar", "p_*"),
    ("wine.csv", "cultivar", "lp_*"),
    ("linnerud.csv", "y_*", "rate_*"),
    ("linnerud.csv", "y_*", "log_*"),
    ("dice.csv", "fair", "loaded"),
    ("dice.csv", "loaded", "fair"),
]


@pytest.mark.parametrize(("file", "y", "pred"), HONEST)
def test_nothing_in_the_sample_files(file: str, y: str, pred: str) -> None:
    assert found(str(SAMPLES / file), y=y, pred=pred) == {}


@pytest.mark.parametrize(("file", "y", "pred"), HONEST)
def test_every_loss_that_fits_runs(file: str, y: str, pred: str) -> None:
    fits = lossctl.doctor(str(SAMPLES / file), y=y, pred=pred).fits
    assert fits
    for fit in fits:
        chosen = fit.command.partition(" -p ")[2].strip("'")
        assert lossctl.evaluate(str(SAMPLES / file), fit.spec, y=y, pred=chosen).results


def test_weights_of_the_sample_files() -> None:
    assert found(str(SAMPLES / "diabetes.csv"), y="y", pred="yhat", weight="weight") == {}


SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 400)


def kinds(n: int, seed: int) -> list[tuple[dict[str, Any], str]]:
    return [
        (regression(n, seed), "yhat"),
        (binary(n, seed), "p"),
        (binary(n, seed), "logit_of_p"),
        (classes(n, 4, seed), "p_*"),
    ]


# A truth that is the same in every row is one thing that a few rows hold by chance.
CHANCE = {"constant"}


@given(SIZES, SEEDS)
@settings(max_examples=60, deadline=None)
def test_nothing_in_calibrated_predictions(n: int, seed: int) -> None:
    for table, pred in kinds(n, seed):
        assert set(found(table, y="y", pred=pred)) <= CHANCE
        assert set(found(shuffled(table, seed), y="y", pred=pred)) <= CHANCE


@given(st.floats(-0.999, 0.999), st.integers(2, 1500), SEEDS, st.sampled_from([0.0, 0.1, 0.5]))
@settings(max_examples=150, deadline=None)
def test_nothing_in_forecasts_of_a_series(phi: float, n: int, seed: int, noise: float) -> None:
    table = series(phi, n, seed, noise)
    assert set(found(table, y="y", pred="yhat")) <= (CHANCE if not table["yhat"].any() else set())


@given(st.integers(10, 1500), SEEDS)
@settings(max_examples=60, deadline=None)
def test_nothing_in_a_forecast_that_repeats_the_last_value(n: int, seed: int) -> None:
    """A random walk, whose best forecast is the value before."""
    walk = np.random.default_rng(seed).normal(size=n + 1).cumsum()
    assert found({"y": walk[1:], "yhat": walk[:-1]}) == {}


@given(st.integers(2, 1500), SEEDS)
@settings(max_examples=60, deadline=None)
def test_nothing_in_predictions_that_know_nothing(n: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    assert found({"y": draw.normal(size=n), "yhat": draw.normal(size=n)}) == {}
    assert set(found({"y": draw.integers(0, 2, n), "p": draw.uniform(0.3, 0.7, n)})) <= CHANCE


@given(st.integers(2, 1500), st.integers(1, 2), st.integers(2, 6), SEEDS)
@settings(max_examples=60, deadline=None)
def test_rows_that_are_the_same_are_normal_in_discrete_data(
    n: int, digits: int, values: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    p = np.round(draw.random(n).clip(0.02, 0.98), digits).clip(0.1, 0.9)
    table = {"y": (draw.random(n) < p).astype(int), "p": p, "part": draw.integers(0, values, n)}
    assert set(found(table, y="y", pred="p")) <= CHANCE
    counts = draw.poisson(3.0, n)
    rates = np.round(np.maximum(counts + draw.normal(size=n), 0.5))
    assert set(found({"y": counts, "yhat": rates})) <= CHANCE


def test_rows_sorted_by_truth_are_honest() -> None:
    for table, pred in kinds(500, 3):
        order = np.argsort(table["y"], kind="stable")
        assert found({n: np.asarray(x)[order] for n, x in table.items()}, y="y", pred=pred) == {}


def test_an_id_that_names_groups_is_no_key() -> None:
    table = regression()
    table["id"] = np.arange(400) // 10
    assert found(table, y="y", pred="yhat") == {}
    assert set(found(table, y="y", pred="yhat", key="id")) == {"repeated keys"}


def test_decisions_are_not_saturated_probabilities() -> None:
    y = np.array([0.0, 1.0] * 30)
    assert found({"y": y, "p": y}) == {}


def test_a_file_says_the_same_as_arrays(tmp_path: Path) -> None:
    for number, (table, pred) in enumerate(kinds(300, 11)):
        path = tmp_path / f"{number}.csv"
        path.write_text(csv_of(table))
        assert found(str(path), y="y", pred=pred) == found(table, y="y", pred=pred) == {}
