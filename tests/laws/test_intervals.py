"""Intervals, differences and margins against scipy and mpmath; and where there are none."""

from __future__ import annotations

import csv
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from lossctl.batch import Batch, Text
from lossctl.intervals import (
    Difference,
    Margin,
    Theta,
    difference_of,
    few_units,
    interval_of,
    theta_of,
)
from lossctl.losses.spec import parse_specs
from lossctl.report import Interval, NoInterval
from lossctl.scoring import Scores, score
from lossctl.spread import Spread
from lossctl.task import Columns, Task
from lossctl.values import curve_of
from lossctl.variation import variation_of

Floats = NDArray[np.float64]
Table = dict[str, Floats]

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


def read(name: str, *columns: str) -> Table:
    with (SAMPLES / name).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {column: np.array([float(row[column]) for row in rows]) for column in columns}


DIABETES = read("diabetes.csv", "y", "yhat", "yhat_boosting", "weight")
CANCER = read("breast_cancer.csv", "label", "prob")


def scored(
    spec: str,
    table: Table,
    y: str,
    preds: tuple[str, ...],
    weight: str | None = None,
    **texts: Text,
) -> tuple[tuple[Task, ...], list[Scores]]:
    bound = parse_specs(spec)[0].bound
    tasks = tuple(Task(bound, Columns((y,), (pred,), weight)) for pred in preds)
    batch = Batch(len(table[y]), table, texts)
    return tasks, [score(task, batch) for task in tasks]


def diabetes(spec: str, weight: str | None = None) -> tuple[tuple[Task, Task], list[Scores]]:
    (a, b), scores = scored(spec, DIABETES, "y", ("yhat", "yhat_boosting"), weight)
    return (a, b), scores


def small(spec: str, y: list[float], pred: list[float], **more: Any) -> Interval | NoInterval:
    """Return the interval of a few rows."""
    table = {"y": np.array(y), "p": np.array(pred)}
    weight = "w" if "w" in more else None
    table.update({"w": np.array(more["w"])} if weight else {})
    cluster = more.get("g")
    texts = {} if cluster is None else {"g": Text(np.array(cluster), ("x", "y", "z"))}
    (task,), scores = scored(spec, table, "y", ("p",), weight, **texts)
    return interval_of(task, variation_of((task,), (0,), cluster and "g").look(scores))


@pytest.mark.parametrize("spec", ["mse", "mae"])
@pytest.mark.parametrize("level", [80.0, 95.0, 99.9])
def test_a_plain_mean_has_the_interval_of_the_t_test(spec: str, level: float) -> None:
    tasks, scores = diabetes(spec)
    found = interval_of(tasks[0], variation_of(tasks, (0,)).look(scores), level)
    oracle = stats.ttest_1samp(scores[0].loss, 0.0)
    ends = oracle.confidence_interval(level / 100.0)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-12)
    assert found.se == pytest.approx(stats.sem(scores[0].loss), rel=1e-14)
    assert (found.df, found.n_units, found.clusters, found.method) == (441.0, 442, False, "t")


def test_a_binary_loss_too() -> None:
    (task,), scores = scored("bce", CANCER, "label", ("prob",))
    found = interval_of(task, variation_of((task,), (0,)).look(scores))
    ends = stats.ttest_1samp(scores[0].loss, 0.0).confidence_interval(0.95)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-12)


@pytest.mark.parametrize("spec", ["mse", "mae"])
def test_a_difference_has_the_paired_t_test(spec: str) -> None:
    tasks, scores = diabetes(spec)
    found = difference_of(tasks, variation_of(tasks, (0, 1)).look(scores))
    oracle = stats.ttest_rel(scores[1].loss, scores[0].loss)
    assert isinstance(found, Difference)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-11)
    assert (found.low, found.high) == pytest.approx(oracle.confidence_interval(), rel=1e-11)
    assert found.estimate / found.se == pytest.approx(oracle.statistic, rel=1e-12)


@pytest.mark.parametrize("margin", [Margin(0.05), Margin(-0.02, 3.0), Margin(absolute=10.0)])
def test_a_margin_is_the_t_test_of_the_shifted_losses(margin: Margin) -> None:
    tasks, scores = diabetes("mse")
    found = theta_of(tasks, variation_of(tasks, (0, 1)).look(scores), margin, alpha=0.05)
    shifted = scores[1].loss - (1.0 + margin.relative) * scores[0].loss - margin.absolute
    below = stats.ttest_1samp(shifted, 0.0, alternative="less")
    above = stats.ttest_1samp(shifted, 0.0, alternative="greater")
    assert isinstance(found, Theta)
    assert found.p_below == pytest.approx(below.pvalue, rel=1e-10)
    assert found.p_above == pytest.approx(above.pvalue, rel=1e-10)
    assert found.upper == pytest.approx(below.confidence_interval(0.95).high, rel=1e-10)
    assert found.lower == pytest.approx(above.confidence_interval(0.95).low, rel=1e-10)
    assert (found.upper < 0.0) == (found.p_below < 0.05)
    # So many rows of the same kind have the power: t is near normal there.
    assert found.needed is not None
    reach = stats.norm.ppf(0.95) + stats.norm.ppf(0.8)
    rows = (reach * shifted.std(ddof=1) / shifted.mean()) ** 2
    assert found.needed == pytest.approx(rows, rel=0.01)


def test_a_relative_margin_is_of_the_magnitude_where_the_value_is_below_zero() -> None:
    """Losses of densities may be negative: 5 % of |L_a| above L_a is 0.95 L_a."""
    rng = np.random.default_rng(1)
    table = {"y": rng.normal(size=50), "a": rng.normal(size=50), "b": rng.normal(size=50)}
    tasks, scores = scored("mae", table, "y", ("a", "b"))
    below = [each._replace(loss=-each.loss) for each in scores]
    pair = (tasks[0], tasks[1])
    found = theta_of(pair, variation_of(tasks, (0, 1)).look(below), Margin(0.05))
    assert isinstance(found, Theta)
    exact = -scores[1].loss.mean() + 0.95 * scores[0].loss.mean()
    assert found.estimate == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("weight", [None, "weight"])
def test_roots_and_ratios_are_differentiated(weight: str | None) -> None:
    tasks, scores = diabetes("rmse", weight)
    w = np.ones(442) if weight is None else DIABETES["weight"]
    part = variation_of(tasks, (0, 1)).look(scores)
    single = interval_of(tasks[0], variation_of(tasks, (0,)).look(scores))
    squares, _ = diabetes("mse", weight)
    plain = interval_of(squares[0], variation_of(squares, (0,)).look(scores))
    assert isinstance(single, Interval)
    assert isinstance(plain, Interval)
    a, b = (math.sqrt(np.average(each.loss, weights=w)) for each in scores)
    assert single.se == pytest.approx(plain.se / (2.0 * a), rel=1e-12)
    assert (single.low + single.high) / 2.0 == pytest.approx(a, rel=1e-13)
    assert (single.df, single.method) == (plain.df, "delta")
    # The difference is that of the linearised losses.
    found = difference_of(tasks, part)
    linear = scores[1].loss / (2.0 * b) - scores[0].loss / (2.0 * a)
    z = w * (linear - np.average(linear, weights=w))
    assert isinstance(found, Difference)
    assert found.estimate == pytest.approx(b - a, rel=1e-9)
    s2, s3 = (float(np.sum((w / w.sum()) ** k)) for k in (2, 3))
    se = math.sqrt(np.sum(z**2) / w.sum() ** 2 * s2 / (s2 - 2.0 * s3 + s2**2))
    assert found.se == pytest.approx(se, rel=1e-10)
    ratio, scores = diabetes("wape", weight)
    shares = interval_of(ratio[0], variation_of(ratio, (0,)).look(scores))
    v, u = w * np.abs(DIABETES["y"]), w * scores[0].loss
    h, z = v / v.sum(), u - u.sum() / v.sum() * v
    s2, s3 = (float(np.sum(h**k)) for k in (2, 3))
    assert isinstance(shares, Interval)
    se = math.sqrt(np.sum(z**2) / v.sum() ** 2 * s2 / (s2 - 2.0 * s3 + s2**2))
    assert shares.se == pytest.approx(se, rel=1e-11)


@pytest.mark.parametrize(
    "mean", [Fraction(2), Fraction(1, 3), Fraction(7, 2**900), Fraction(2**700)]
)
def test_curves_have_sixty_digits(mean: Fraction) -> None:
    with mpmath.workdps(80):
        m = mpmath.mpf(mean.numerator) / mean.denominator
        found = curve_of("root", mean)
        assert found is not None
        for value, exact in zip(found, (mpmath.sqrt(m), 1 / (2 * mpmath.sqrt(m))), strict=True):
            close = mpmath.mpf(value.numerator) / value.denominator / exact - 1
            assert abs(close) < mpmath.mpf(10) ** -55
    assert curve_of("exp", Fraction(0)) == (Fraction(1), Fraction(1))
    assert curve_of("exp", Fraction(710)) is None
    assert curve_of("root", Fraction(0)) is None
    assert curve_of("mean", mean) == (mean, Fraction(1))


def test_a_difference_of_near_roots_has_all_its_digits() -> None:
    y = np.zeros(20)
    a = 1.0 + np.arange(20) / 64.0
    b = np.where(np.arange(20) % 2, np.nextafter(a, 2.0), a)
    tasks, scores = scored("rmse", {"y": y, "a": a, "b": b}, "y", ("a", "b"))
    found = difference_of((tasks[0], tasks[1]), variation_of(tasks, (0, 1)).look(scores))
    with mpmath.workdps(60):
        roots = [mpmath.sqrt(mpmath.fsum(map(mpmath.mpf, s.loss.tolist())) / 20) for s in scores]
        exact = roots[1] - roots[0]
    assert isinstance(found, Difference)
    assert found.estimate == float(exact)


def test_the_detectable_difference_is_that_of_the_level() -> None:
    tasks, scores = diabetes("mse")
    found = interval_of(tasks[0], variation_of(tasks, (0,)).look(scores), 99.0)
    assert isinstance(found, Interval)
    reach = stats.t.ppf(0.995, 441) + stats.t.ppf(0.8, 441)
    assert found.detectable == pytest.approx(reach * found.se, rel=1e-12)


def test_where_there_is_no_interval_the_reason_is_told() -> None:
    cases = {
        "it takes 2 rows or more, got 1": small("mse", [1.0], [2.0]),
        "all losses are equal": small("mse", [1.0, 2.0], [2.0, 3.0]),
        "a root of 0 has no slope": small("rmse", [1.0, 2.0], [1.0, 2.0]),
        "all ratios are equal": small("wape", [1.0, 2.0], [2.0, 4.0]),
        "1 loss is not finite": small("bce", [1.0, 0.0, 1.0], [0.0, 0.5, 0.5]),
        "2 losses are not finite": small("bce", [1.0, 1.0, 1.0], [0.0, 0.0, 0.5]),
        "the error of single rows": small("max_error", [1.0, 2.0], [2.0, 4.0]),
        "median_ae is the error of": small("median_ae", [1.0, 2.0], [2.0, 4.0]),
        "--ci-method bootstrap": small("r2", [1.0, 2.0], [2.0, 4.0]),
        "it takes 2 clusters or more, got 1": small("mse", [1.0, 2.0], [2.0, 4.0], g=[1, 1]),
        "one of the rows has all the weight": small(
            "mse", [1.0, 2.0], [2.0, 4.0], w=[1e300, 1e-300]
        ),
    }
    for reason, found in cases.items():
        assert isinstance(found, NoInterval), reason
        assert reason in found.reason
    overflow = small("mse", [0.0, 0.0], [1e154, 1.1e154])
    assert isinstance(overflow, Interval)  # squares near the end of float64, and a mean
    assert isinstance(small("mse", [1.0, 2.0], [2.0, 4.0], w=[1.0, 0.0]), NoInterval)
    assert isinstance(small("mse", [1.0, 2.0, 5.0], [2.0, 4.0, 5.0], g=[0, 1, 2]), Interval)


def test_a_difference_that_never_varies_has_no_p() -> None:
    table = {"y": np.array([1.0, 2.0, 3.0]), "a": np.array([1.5, 2.5, 4.0])}
    tasks, scores = scored("mae", table, "y", ("a", "a"))
    part = variation_of(tasks, (0, 1)).look(scores)
    found = difference_of((tasks[0], tasks[1]), part)
    assert isinstance(found, NoInterval)
    assert found.estimate == 0.0
    assert "same amount in every row" in found.reason
    margin = theta_of((tasks[0], tasks[1]), part, Margin(0.1))
    assert isinstance(margin, Theta)
    assert margin.estimate == pytest.approx(-0.2 / 3.0)


def spread(n: int, skewness: float, **more: Any) -> Spread:
    return Spread(
        Fraction(1), 1.0, more.pop("df", n - 1.0), more.pop("shared", 0.0), skewness, n, **more
    )


def test_few_rows_of_skewed_losses_are_warned_of() -> None:
    says = "such 95 % intervals cover less often than they say"
    assert few_units(spread(30, 2.0), 95.0) == f"30 rows are few for losses this skewed: {says}"
    assert few_units(spread(30, 0.9), 95.0) is None
    for n in (10, 100, 1000):  # n < 25 G₁², with G₁ as pandas and SAS have it
        edge = math.sqrt(n / 25.0) * (n - 2) / math.sqrt(n * (n - 1))
        assert few_units(spread(n, -1.001 * edge), 95.0)
        assert few_units(spread(n, 0.999 * edge), 95.0) is None
    assert few_units(spread(30, math.nan), 95.0) is None
    assert few_units(spread(5, 0.0), 95.0) is None
    assert few_units(spread(5, 0.0, clusters=True), 90.0) == f"5 clusters are few: {says}".replace(
        "95", "90"
    )
    assert few_units(spread(12, 0.0, clusters=True), 95.0) is None
    few = few_units(spread(12, 0.0, df=2.5, shared=0.1), 95.0)
    assert few == f"12 rows of such unequal weight are few: {says}"


def test_the_interval_is_the_same_for_any_order_and_split() -> None:
    rng = np.random.default_rng(3)
    order = rng.permutation(442)
    for spec in ("rmse", "wape"):
        for weight in (None, "weight"):
            for cluster in (None, "g"):
                found = []
                for at in (np.arange(442), order):
                    table = {name: column[at] for name, column in DIABETES.items()}
                    text = Text(at % 40, tuple(map(str, range(40))))
                    parts: list[Any] = []
                    for rows in np.split(np.arange(442), [5, 300]):
                        piece = {name: column[rows] for name, column in table.items()}
                        tasks, scores = scored(
                            spec, piece, "y", ("yhat", "yhat_boosting"), weight, g=text[rows]
                        )
                        parts.append(variation_of(tasks, (0, 1), cluster).look(scores))
                    whole = parts[2] + (parts[0] + parts[1])
                    found.append(difference_of((tasks[0], tasks[1]), whole))
                assert found[0] == found[1]
                assert isinstance(found[0], Difference)


def test_weights_are_no_counts() -> None:
    """A row of weight 2 is one row that matters twice as much: two equal rows say more."""
    y, p = [0.0] * 6, [1.0, 2.0, 4.0, 1.5, 2.5, 3.0]
    once = small("mae", y, p, w=[2.0] * 6)
    twice = small("mae", y * 2, p * 2)
    plain = small("mae", y, p)
    assert isinstance(once, Interval)
    assert isinstance(twice, Interval)
    assert isinstance(plain, Interval)
    assert once.se == pytest.approx(plain.se, rel=1e-14)
    assert once.n_units == 6
    assert twice.se < 0.75 * plain.se
