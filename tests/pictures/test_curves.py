"""Curves: the two conditions of a loss, what a unit of error costs, values of several rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossctl.errors import UsageError
from lossctl.losses import Loss, all_losses
from lossctl.losses.spec import parse_specs
from lossctl.pictures.curves import loss_curves
from lossctl.pictures.records import LossCurves, NamedCurve


def curves(specs: str) -> LossCurves:
    return loss_curves([spec.bound for spec in parse_specs(specs)])


def only(specs: str) -> NamedCurve:
    ((row,),) = [[row.curves for row in curves(specs).rows]]
    return row[0]


def test_a_unit_of_error_costs_the_same_by_mae_and_more_each_time_by_mse() -> None:
    (row,) = curves("mae,mse,huber:delta=1,rmse").rows
    costs = {steps.spec: steps.costs for steps in row.steps}
    assert costs["mae"] == (1.0, 1.0, 1.0)
    assert costs["mse"] == (1.0, 3.0, 5.0)
    assert costs["huber"] == (0.5, 1.0, 1.0)
    root = [math.sqrt((k * k + 1 + 1 + 4) / 4) for k in range(4)]
    assert costs["rmse"] == pytest.approx(np.diff(root).tolist(), rel=1e-12)
    text = curves("mae,mse").text
    assert "Every unit of error costs the same by mae." in text
    assert "Every further one costs more by mse." in text


def test_both_conditions_are_said_where_they_hold() -> None:
    text = curves("mae,mse").text
    assert text.startswith("mae and mse are 0 at the right answer, where the mark is, and larger")
    assert "0 at the right answer" not in curves("poisson_nll").text
    assert [only(spec).zeros for spec in ("mse", "cce", "bce", "hinge")] == [
        (0.0,),
        (1.0,),
        (1.0, 0.0),
        (None, None),
    ]


def test_rmse_is_the_root_over_a_small_batch() -> None:
    made = only("rmse")
    e = made.curve.x
    (value,), (slope,) = made.curve.loss, made.curve.slope
    root = np.sqrt((e**2 + 6.0) / 4.0)
    assert value.values == pytest.approx(root, rel=1e-14)
    assert slope.values == pytest.approx(e / (4.0 * root), rel=1e-13, abs=1e-15)
    assert "4 rows" in made.batch
    assert made.batch in curves("rmse").text


def test_other_values_of_several_rows() -> None:
    made = only("perplexity")
    p = made.curve.x
    with np.errstate(divide="ignore"):
        expected = np.exp(-(np.log(p) + np.log(0.9) + np.log(0.7) + np.log(0.5)) / 4.0)
    assert made.curve.loss[0].values == pytest.approx(expected, rel=1e-12)
    slope = made.curve.slope[0].values
    assert slope[1:] == pytest.approx((-expected / (4.0 * p))[1:], rel=1e-12)
    assert math.isnan(slope[0])  # the value is infinite there
    made = only("wape")
    assert made.curve.loss[0].values == pytest.approx((np.abs(made.curve.x) + 4.0) / 4.0, rel=1e-12)
    made = only("rmsle")
    x = made.curve.x
    logs = [(np.log1p(at) - math.log(2.0)) ** 2 for at in (x, 2.0, 0.5, 3.0)]
    assert made.curve.loss[0].values == pytest.approx(np.sqrt(sum(logs) / 4.0), rel=1e-12)


@pytest.mark.parametrize(
    ("spec", "instead"),
    [("r2", "mse"), ("explained_variance", "mse"), ("median_ae", "mae"), ("max_error", "mae")],
)
def test_what_has_no_curve_is_refused_with_what_has(spec: str, instead: str) -> None:
    with pytest.raises(UsageError, match=f"{spec} has no curve.* Draw {instead}"):
        curves(f"mae,{spec}")


def test_kinds_of_x_have_rows_of_their_own_and_a_loss_stands_once() -> None:
    made = curves("mae,bce,mse,cce,mae")
    assert [[curve.spec for curve in row.curves] for row in made.rows] == [
        ["mae", "mse"],
        ["bce"],
        ["cce"],
    ]
    assert made.spec == "mae,bce,mse,cce"
    with pytest.raises(UsageError, match="up to 6 losses"):
        curves("mae,mse,rmse,huber,log_cosh,fair,cauchy")


@pytest.mark.parametrize("loss", all_losses(), ids=str)
def test_every_loss_has_a_picture_or_says_why(loss: Loss) -> None:
    if loss.aggregate in ("r2", "explained_variance", "median", "max"):
        with pytest.raises(UsageError, match="has no curve"):
            curves(loss.name)
    else:
        (row,) = curves(loss.name).rows
        assert np.isfinite(row.curves[0].curve.loss[0].values).any()
