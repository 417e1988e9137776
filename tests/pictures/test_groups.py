"""The picture of groups, against the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossctl
from lossctl.errors import UsageError
from lossctl.evaluation import groups_with, seen_with
from lossctl.options import make_options
from lossctl.pictures.groups import MOST
from lossctl.pictures.records import GroupValues
from lossctl.report import Interval

DIABETES = str(Path(__file__).resolve().parents[2] / "sample_data" / "diabetes.csv")


def groups(data: Any, loss: str, **options: Any) -> GroupValues:
    made = groups_with(data, loss, make_options(**options)).picture
    assert isinstance(made, GroupValues)
    return made


def test_values_and_intervals_are_those_of_the_report() -> None:
    made = groups(DIABETES, "rmse", by=["sex", "age_band"], ci=95.0)
    report = lossctl.evaluate(DIABETES, "rmse", by=["sex", "age_band"], ci=95.0)
    expected = {
        ", ".join((result.group or {}).values()): (result.n, result.value, result.interval)
        for result in report.results
    }
    assert len(made.groups) == len(expected) == 8
    for group in made.groups:
        n, value, interval = expected[group.name]
        assert (group.n, group.value) == (n, value)
        assert isinstance(interval, Interval)
        assert (group.low, group.high) == (interval.low, interval.high)
    values = [group.value for group in made.groups]
    assert values == sorted(values, reverse=True)
    assert made.overall == lossctl.evaluate(DIABETES, "rmse").value
    assert made.level == 95.0
    assert "n = 442" in made.title


def test_where_higher_is_better_the_lowest_is_worst() -> None:
    made = groups(DIABETES, "r2", by=["age_band"])
    values = [group.value for group in made.groups]
    assert values == sorted(values)
    assert made.overall == lossctl.evaluate(DIABETES, "r2").value
    assert made.level is None
    assert "interval" not in made.text


def test_values_that_no_sums_make_have_no_line() -> None:
    assert groups(DIABETES, "median_ae", by=["sex"]).overall is None


def test_of_many_groups_the_worst_are_shown() -> None:
    draw = np.random.default_rng(10)
    names = [f"g{k}" for k in draw.permutation(np.repeat(np.arange(60), 5))]
    y = draw.normal(size=300)
    made = groups({"y": y, "yhat": y + draw.normal(size=300), "g": names}, "mae", by=["g"])
    assert len(made.groups) == MOST
    assert made.left_out == 20
    assert "20 better groups are left out" in made.text
    assert "best g" in made.text


def test_one_loss_and_a_page_of_several() -> None:
    with pytest.raises(UsageError, match="one loss"):
        groups(DIABETES, "mse,mae", by=["sex"])
    seen = seen_with(DIABETES, "mse,mae", make_options(by=["sex"], ci=95.0))
    assert [type(part).__name__ for part in seen.pictures[0]] == [
        "LossSpread",
        "Residuals",
        "GradientSpread",
        "GroupValues",
    ]
    # The errors of the same columns are looked at once.
    assert [type(part).__name__ for part in seen.pictures[1]] == [
        "LossSpread",
        "GradientSpread",
        "GroupValues",
    ]
    assert seen.report == lossctl.evaluate(DIABETES, "mse,mae", by=["sex"], ci=95.0)
    assert seen.pictures[0][-1] == groups(DIABETES, "mse", by=["sex"], ci=95.0)


def test_of_a_lean_the_furthest_from_0_is_worst() -> None:
    data = {"y": [0.0] * 6, "yhat": [0.1, 0.2, -3.0, -4.0, 1.0, 1.0], "g": list("aabbcc")}
    found = groups(data, "mean_bias", by="g")
    assert [group.name for group in found.groups] == ["b", "c", "a"]
