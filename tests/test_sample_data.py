"""The committed sample files are what their generator writes, and hold together."""

from __future__ import annotations

import csv
import importlib.util
import math
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chisquare, norm
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_linnerud,
    load_wine,
)

from lossctl.sources.columns import PREDICTION, TRUTH

FloatArray = npt.NDArray[np.float64]
Table = dict[str, list[str]]

SAMPLE_DATA = Path(__file__).resolve().parents[1] / "sample_data"
CULTIVARS = ["barolo", "grignolino", "barbera"]
EXERCISES = ["chins", "situps", "jumps"]
MEMBERS = [f"m_{member}" for member in range(1, 9)]
HEADERS = {
    "diabetes.csv": [
        *("id", "sex", "age_band", "weight", "y"),
        *("yhat", "yhat_boosting", "q10", "q50", "q90"),
        *("mean", "variance", *MEMBERS),
    ],
    "diabetes_features.csv": ["age", "sex", "bmi", "bp", *(f"s{k}" for k in range(1, 7)), "y"],
    "breast_cancer.csv": ["id", "label", "prob", "logit"],
    "digits.csv": ["digit", *(f"p_{k}" for k in range(10)), *(f"z_{k}" for k in range(10))],
    "wine.csv": [
        "cultivar",
        *(f"p_{name}" for name in CULTIVARS),
        *(f"lp_{name}" for name in CULTIVARS),
    ],
    "linnerud.csv": [
        "id",
        *(f"y_{name}" for name in EXERCISES),
        *(f"rate_{name}" for name in EXERCISES),
        *(f"log_{name}" for name in EXERCISES),
    ],
    "dice.csv": ["face", "fair", "loaded"],
}
ROW_COUNTS = {
    "diabetes.csv": 442,
    "diabetes_features.csv": 442,
    "breast_cancer.csv": 569,
    "digits.csv": 1797,
    "wine.csv": 178,
    "linnerud.csv": 20,
    "dice.csv": 6,
}
TEXT_COLUMNS = {"sex", "age_band", "cultivar"}

# A rebuilt figure may differ by one part in a million; the absolute allowance is only for
# numbers next to zero, and is smaller than the smallest probability in the files.
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9


def read_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def committed(name: str) -> Table:
    header, *rows = read_rows(SAMPLE_DATA / name)
    return {column: [row[index] for row in rows] for index, column in enumerate(header)}


def numbers(table: Table, *columns: str) -> FloatArray:
    """Return the named columns side by side, a single one as a vector."""
    values = np.array([[float(cell) for cell in table[column]] for column in columns])
    return values[0] if len(columns) == 1 else values.T


def mean_loss_of_true_class(log_probabilities: FloatArray, classes: list[int]) -> float:
    return float(-log_probabilities[np.arange(len(classes)), classes].mean())


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLE_DATA / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    make_samples = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_samples)
    directory = tmp_path_factory.mktemp("sample_data")
    make_samples.main([str(directory)])
    return directory


def test_generator_writes_exactly_the_committed_files(rebuilt: Path) -> None:
    assert {path.name for path in rebuilt.iterdir()} == set(HEADERS)
    assert {path.name for path in SAMPLE_DATA.glob("*.csv")} == set(HEADERS)


@pytest.mark.parametrize("name", HEADERS)
def test_rebuilt_file_equals_the_committed_one(rebuilt: Path, name: str) -> None:
    header, *rows = read_rows(SAMPLE_DATA / name)
    rebuilt_header, *rebuilt_rows = read_rows(rebuilt / name)
    assert rebuilt_header == header
    assert len(rebuilt_rows) == len(rows)
    differences = [
        (line, column, old, new)
        for line, (row, rebuilt_row) in enumerate(zip(rows, rebuilt_rows, strict=True), start=2)
        for column, old, new in zip(header, row, rebuilt_row, strict=True)
        if (
            old != new
            if column in TEXT_COLUMNS
            else not math.isclose(
                float(old), float(new), rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE
            )
        )
    ]
    assert differences == []


@pytest.mark.parametrize("name", HEADERS)
def test_layout(rebuilt: Path, name: str) -> None:
    header, *rows = read_rows(SAMPLE_DATA / name)
    assert header == HEADERS[name]
    assert len(rows) == ROW_COUNTS[name]
    rebuilt_bytes = (rebuilt / name).read_bytes()
    assert rebuilt_bytes.endswith(b"\n")
    assert b"\r" not in rebuilt_bytes


@pytest.mark.parametrize("name", sorted(HEADERS.keys() - {"dice.csv"}))
def test_predictions_have_at_most_nine_significant_digits(name: str) -> None:
    table = committed(name)
    cells = [cell for column in table if column not in TEXT_COLUMNS for cell in table[column]]
    assert [cell for cell in cells if f"{float(cell):.9g}" != cell] == []


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("diabetes.csv", {"y", "yhat"}),
        ("diabetes_features.csv", {"y"}),
        ("breast_cancer.csv", {"label", "prob", "logit"}),
        ("digits.csv", set()),
        ("wine.csv", set()),
        ("linnerud.csv", set()),
        ("dice.csv", set()),
    ],
)
def test_columns_that_are_found_by_name(name: str, named: set[str]) -> None:
    assert set(HEADERS[name]) & (TRUTH | PREDICTION) == named


def test_diabetes_targets_and_groups_follow_the_source() -> None:
    table = committed("diabetes.csv")
    source = load_diabetes(scaled=False)
    age, sex = source.data[:, 0], source.data[:, 1]
    assert table["id"] == [str(number) for number in range(1, 443)]
    assert numbers(table, "y").tolist() == source.target.tolist()
    assert table["sex"] == [f"sex_{code:.0f}" for code in sex]
    for years, band in zip(age, table["age_band"], strict=True):
        low, high = band.split("-")
        assert int(low) <= years <= int(high)
    assert min(Counter(table["age_band"]).values()) >= 20


def test_diabetes_features_follow_the_source() -> None:
    table = committed("diabetes_features.csv")
    source = load_diabetes(scaled=False)
    assert list(table) == [*source.feature_names, "y"]
    assert numbers(table, *source.feature_names) == pytest.approx(source.data, rel=1e-9)
    assert table["y"] == committed("diabetes.csv")["y"]


def test_diabetes_weights_balance_the_cells() -> None:
    table = committed("diabetes.csv")
    weight = numbers(table, "weight")
    cells = list(zip(table["sex"], table["age_band"], strict=True))
    totals = {cell: weight[[other == cell for other in cells]].sum() for cell in set(cells)}
    assert len(totals) == 8
    assert list(totals.values()) == pytest.approx([442 / 8] * 8, rel=1e-7)


def test_diabetes_quantiles_are_sorted_and_cover() -> None:
    table = committed("diabetes.csv")
    q10, q50, q90 = numbers(table, "q10", "q50", "q90").T
    y = numbers(table, "y")
    assert np.all(q10 <= q50)
    assert np.all(q50 <= q90)
    for level, quantile in ((0.1, q10), (0.5, q50), (0.9, q90)):
        assert np.mean(y <= quantile) == pytest.approx(level, abs=0.05)


def gaussian_crps(y: FloatArray, mean: FloatArray, deviation: FloatArray) -> float:
    z = (y - mean) / deviation
    terms = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi)
    return float(np.mean(deviation * terms))


def fair_crps(y: FloatArray, members: FloatArray) -> float:
    """Return the mean CRPS of the distribution that the members are drawn from."""
    k = members.shape[1]
    distances = np.abs(members[:, :, None] - members[:, None, :]).sum(axis=(1, 2))
    error = np.abs(members - y[:, None]).mean(axis=1)
    return float(np.mean(error - distances / (2 * k * (k - 1))))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_diabetes_gaussian_intervals_cover(level: float) -> None:
    y, mean, variance = numbers(committed("diabetes.csv"), "y", "mean", "variance").T
    half_width = norm.ppf((1 + level) / 2) * np.sqrt(variance)
    assert np.mean(np.abs(y - mean) <= half_width) == pytest.approx(level, abs=0.05)


def test_diabetes_truth_could_be_any_member_of_the_ensemble() -> None:
    table = committed("diabetes.csv")
    y, members = numbers(table, "y"), numbers(table, *MEMBERS)
    rank = (members < y[:, None]).sum(axis=1)
    assert chisquare(np.bincount(rank, minlength=9)).pvalue > 0.05
    assert np.mean((rank > 0) & (rank < 8)) == pytest.approx(7 / 9, abs=0.05)
    # The spread of a good ensemble is the error of its mean, but for √(1 + 1/8).
    error = np.sqrt(np.mean((y - members.mean(axis=1)) ** 2))
    spread = np.sqrt(members.var(axis=1, ddof=1).mean())
    assert error == pytest.approx(spread * math.sqrt(9 / 8), rel=0.05)


def test_diabetes_distributions_beat_the_one_without_features() -> None:
    table = committed("diabetes.csv")
    y, mean, variance = numbers(table, "y", "mean", "variance").T
    gaussian = gaussian_crps(y, mean, np.sqrt(variance))
    assert fair_crps(y, numbers(table, *MEMBERS)) == pytest.approx(gaussian, rel=0.05)
    without_features = np.abs(y[:, None] - y).mean() / 2
    assert gaussian < 0.8 * without_features


@pytest.mark.parametrize("column", ["yhat", "yhat_boosting", "mean"])
def test_diabetes_models_beat_the_mean_without_having_seen_the_row(column: str) -> None:
    table = committed("diabetes.csv")
    y = numbers(table, "y")
    rmse = np.sqrt(np.mean((y - numbers(table, column)) ** 2))
    # The full-sample least squares fit has residual RMSE 53.48, which no linear
    # prediction of an unseen row should reach on average.
    assert 53.48 < rmse < 0.8 * y.std()


def test_breast_cancer_label_1_is_malignant() -> None:
    table = committed("breast_cancer.csv")
    source = load_breast_cancer()
    assert [source.target_names[code] == "malignant" for code in source.target] == [
        label == "1" for label in table["label"]
    ]
    assert Counter(table["label"]) == {"0": 357, "1": 212}


def test_breast_cancer_prob_and_logit_are_the_same_prediction() -> None:
    table = committed("breast_cancer.csv")
    label, prob, logit = numbers(table, "label", "prob", "logit").T
    assert np.all(prob > 0)
    assert np.all(prob < 1)
    bce = -np.mean(label * np.log(prob) + (1 - label) * np.log1p(-prob))
    bce_with_logits = np.mean(np.logaddexp(0, logit) - label * logit)
    assert bce == pytest.approx(bce_with_logits, rel=1e-6, abs=0)
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(prob, rel=1e-7, abs=0)
    assert np.mean((prob > 0.5) == (label == 1)) > 0.9


def test_digits_probabilities_are_the_softmax_of_the_logits() -> None:
    table = committed("digits.csv")
    digit = [int(cell) for cell in table["digit"]]
    p = numbers(table, *(f"p_{k}" for k in range(10)))
    z = numbers(table, *(f"z_{k}" for k in range(10)))
    assert digit == load_digits().target.tolist()
    assert np.all(p > ABSOLUTE_TOLERANCE)
    assert np.all(p < 1)
    assert np.max(np.abs(p.sum(axis=1) - 1)) < 1e-7
    log_softmax = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    assert np.exp(log_softmax) == pytest.approx(p, rel=1e-7, abs=0)
    assert mean_loss_of_true_class(np.log(p), digit) == pytest.approx(
        mean_loss_of_true_class(log_softmax, digit), rel=1e-7, abs=0
    )
    assert np.mean(p.argmax(axis=1) == digit) > 0.9


def test_wine_probabilities() -> None:
    table = committed("wine.csv")
    p = numbers(table, *(f"p_{name}" for name in CULTIVARS))
    classes = [CULTIVARS.index(name) for name in table["cultivar"]]
    assert classes == load_wine().target.tolist()
    assert Counter(table["cultivar"]) == {"barolo": 59, "grignolino": 71, "barbera": 48}
    assert np.all(p > ABSOLUTE_TOLERANCE)
    assert np.max(np.abs(p.sum(axis=1) - 1)) < 1e-7
    assert np.mean(p.argmax(axis=1) == classes) > 0.9


def test_wine_log_probabilities_are_those_of_the_probabilities() -> None:
    table = committed("wine.csv")
    p = numbers(table, *(f"p_{name}" for name in CULTIVARS))
    lp = numbers(table, *(f"lp_{name}" for name in CULTIVARS))
    assert np.all(lp < -ABSOLUTE_TOLERANCE)
    assert np.exp(lp) == pytest.approx(p, rel=1e-7, abs=0)
    assert np.max(np.abs(np.logaddexp.reduce(lp, axis=1))) < 1e-7


def test_linnerud_counts_follow_the_source() -> None:
    table = committed("linnerud.csv")
    source = load_linnerud()
    assert source.data_filename == "linnerud_exercise.csv"
    assert [name.lower() for name in source.feature_names] == EXERCISES
    assert table["id"] == [str(number) for number in range(1, 21)]
    counts = [[str(int(count)) for count in exercise] for exercise in source.data.T]
    assert [table[f"y_{name}"] for name in EXERCISES] == counts


@pytest.mark.parametrize(
    ("exercise", "beats"), [("chins", True), ("situps", True), ("jumps", False)]
)
def test_linnerud_rates_against_the_mean_of_the_others(exercise: str, beats: bool) -> None:
    table = committed("linnerud.csv")
    y, rate = numbers(table, f"y_{exercise}", f"rate_{exercise}").T
    assert np.all(rate > 0)
    others = (y.sum() - y) / 19
    # No count is 0, and mean y log(y/ŷ) + ŷ − y is half the mean Poisson deviance.
    loss, loss_of_others = (np.mean(y * np.log(y / r) + r - y) for r in (rate, others))
    assert (loss < loss_of_others) == beats


def test_dice_entropy_and_cross_entropy() -> None:
    table = committed("dice.csv")
    fair, loaded = numbers(table, "fair", "loaded").T
    assert table["face"] == ["1", "2", "3", "4", "5", "6"]
    assert fair.tolist() == [1 / 6] * 6
    assert loaded.tolist() == [0.5, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert -np.sum(fair * np.log(fair)) == pytest.approx(math.log(6), rel=1e-12)
    assert -np.sum(fair * np.log(loaded)) == pytest.approx(math.log(2 * 10**5) / 6, rel=1e-12)
