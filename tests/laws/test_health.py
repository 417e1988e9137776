"""Gradient health: what is said of a gradient is what its entries, one by one, show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossctl
from lossctl.losses import Loss, all_losses
from lossctl.renderers.health import NOTHING, entries, health, percent
from lossctl.renderers.look import Look
from lossctl.report import Result
from tests.laws.problems import Problem, problem, problems

LOOK = Look()
SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
LOSSES = all_losses()
REAL = [loss for loss in LOSSES if loss.form(1) == "elementwise" and loss.labels == "real"]
# A value of one row, or one that a shift leaves as it is, says nothing of the level.
UNSHIFTED = ("median", "max", "explained_variance")
SHIFTED = [loss for loss in REAL if loss.ordered and loss.aggregate not in UNSHIFTED]


def said(data: Any, losses: str, **options: Any) -> list[tuple[str, ...]]:
    """Return what is said of every result."""
    return [health(result, LOOK) for result in lossctl.evaluate(data, losses, **options).results]


def gradients(case: Problem) -> Any:
    """Return every gradient of a problem, as ``samples`` gives them."""
    table = case.samples()
    return table[[name for name in table if str(name).startswith("gradient")]].to_numpy().ravel()


def result_of(case: Problem) -> Result:
    (result,) = case.report().results
    return result


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_counts_are_those_of_the_entries(loss: Loss) -> None:
    for case in problems(loss, size=60, draws=1):
        sentences = health(result_of(case), LOOK)
        assert sentences
        assert all(text.endswith(".") and text.isprintable() for text in sentences)
        found = gradients(case) if case.form != "rows" or loss.kind != "distribution" else None
        if found is None:
            continue
        for what, rows in (
            ("exactly 0", found == 0.0),
            ("above 0", found > 0.0),
            ("below 0", found < 0.0),
            ("not finite", ~np.isfinite(found)),
        ):
            told = [text for text in sentences if re.search(rf"\b(is|are) {what}\b", text)]
            if what in ("exactly 0", "not finite"):
                assert bool(told) == bool(rows.any())
            for text in told:
                assert text.startswith(share_of(int(rows.sum()), rows.size))


def share_of(count: int, total: int) -> str:
    if count == total:
        return f"All {total} gradients"
    return f"{percent(count / total).capitalize()} of the gradients ({count} of {total})"


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_with_flat_regions_are_those_that_have_a_reason(loss: Loss) -> None:
    shares = []
    for form_case in problems(loss, size=400, draws=0):
        gradient = result_of(form_case).gradient
        assert gradient is not None
        shares.append(gradient.zero / entries(gradient))
    # Soft labels and single columns have no flat regions where labels have them; ties are rare.
    assert (max(shares) > 0.01) == bool(loss.flat)


def test_the_reasons_are_true_row_by_row() -> None:
    rng = np.random.default_rng(5)
    y, yhat = rng.normal(size=(2, 300))
    labels = np.sign(y)
    for spec, truth, flat in (
        ("hinge", labels, labels * yhat >= 1),
        ("squared_hinge", labels, labels * yhat >= 1),
        ("epsilon_insensitive:epsilon=0.5", y, np.abs(yhat - y) <= 0.5),
        ("smape", np.where(labels > 0, y, 0.0), ~(np.where(labels > 0, y, 0.0) * yhat > 0)),
    ):
        slope = lossctl.get_loss(spec).slope(truth, yhat)
        assert flat.any()
        assert not flat.all()
        np.testing.assert_array_equal(slope == 0.0, flat)
    p = rng.dirichlet(np.ones(4), 300)
    label = rng.integers(0, 4, 300)
    true = np.eye(4, dtype=bool)[label]
    for spec in ("cce", "perplexity", "focal"):
        np.testing.assert_array_equal(lossctl.get_loss(spec).slope(label, p) != 0.0, true)
    np.testing.assert_array_equal(lossctl.get_loss("nll").slope(label, np.log(p)) != 0.0, true)
    z = rng.normal(size=(300, 4))
    rival = np.eye(4, dtype=bool)[np.argmax(np.where(true, -np.inf, z), axis=1)]
    for spec in ("categorical_hinge", "multiclass_hinge"):
        assert not (lossctl.get_loss(spec).slope(label, z)[~(true | rival)] != 0.0).any()


@pytest.mark.parametrize("loss", SHIFTED, ids=str)
def test_predictions_that_are_all_too_high_or_too_low_are_called_so(loss: Loss) -> None:
    case = problem(lossctl.get_loss(loss.name), "one", np.random.default_rng(3), 60)
    y = np.random.default_rng(4).uniform(1.0, 2.0, 60)
    truth = y if case.bound.y is not None and 1.5 in case.bound.y else y / 4.0
    log = case.bound.loss.name == "poisson_nll_with_log"
    for factor, word in ((1.6, "high"), (0.6, "low")):
        yhat = np.log(truth * factor) if log else truth * factor
        moved = case.having(**{str(case.y): truth, case.predictions[0]: yhat})
        told = [text for text in health(result_of(moved), LOOK) if "on the whole" in text]
        assert len(told) == 1
        assert f"predictions are too {word} on the whole" in told[0]
        assert told[0].startswith("All 60 gradients are ")


def test_unbiased_predictions_are_not_called_so() -> None:
    data = {"y": [1.0, 2.0, 3.0, 4.0], "yhat": [2.0, 1.0, 4.0, 3.0]}
    for told in said(data, "mse,mae,rmse,huber,r2,quantile:q=0.5"):
        assert not any("on the whole" in text for text in told)


def test_a_value_that_is_no_sum_of_rows_is_called_neither() -> None:
    data = {"y": [1.0, 2.0, 3.0], "yhat": [2.0, 4.0, 6.0]}
    assert said(data, "max_error,median_ae") == [
        ("67 % of the gradients (2 of 3) are exactly 0: only the largest error counts.",),
        ("67 % of the gradients (2 of 3) are exactly 0: only the rows in the middle count.",),
    ]


def test_one_row_that_carries_most_is_named() -> None:
    errors = np.tile([1.0, -1.0], 20)
    errors[6] = 500.0
    data = {"y": np.zeros(40), "yhat": errors}
    assert said(data, "mse")[0][-1] == "One row, 7, carries 93 % of ‖g‖₁, of 40 that are not 0."
    assert said(data, "mse", top=0)[0][-1].startswith("One gradient carries 93 %")


def test_few_rows_that_carry_most_are_counted() -> None:
    errors = np.tile([1.0, -1.0], 500)
    errors[:20] *= 1e4
    (told,) = said({"y": np.zeros(1000), "yhat": errors}, "mse")
    assert told == (
        "Few gradients carry most: it is as if 20 of 1000 were alike and the others 0.",
    )


def test_sizes_that_do_not_depend_on_the_error() -> None:
    data = {"y": [0.0, 0.0, 0.0, 1.0], "yhat": [1.0, -5.0, 7.0, -9.0]}
    same = "have the same size, 0.25: a large error pulls no more than a small one."
    assert said(data, "mae") == [(f"They all {same}",)]
    assert said({**data, "y": [1.0, 0.0, 0.0, 1.0]}, "mae") == [
        (
            "25 % of the gradients (1 of 4) are exactly 0: it does not move the model.",
            f"Those that are not 0 {same}",
        )
    ]


def test_what_is_not_finite_is_all_that_is_said_of_sizes() -> None:
    told = said({"y": [1.0, 1.0, 0.0], "p": [0.0, 0.5, 0.5]}, "bce")
    assert told == [
        ("33 % of the gradients (1 of 3) are not finite: no step along this gradient is finite.",)
    ]


def test_perfect_predictions_and_a_single_row() -> None:
    assert said({"y": [1.0, 2.0], "yhat": [1.0, 2.0]}, "mse") == [
        ("All 2 gradients are exactly 0: every loss is 0.",)
    ]
    assert said({"y": [1.0], "yhat": [1.0]}, "rmse") == [
        ("The gradient is exactly 0: every loss is 0.",)
    ]
    assert said({"y": [1.0], "yhat": [3.0]}, "mse") == [(NOTHING,)]


def test_real_predictions_have_nothing_unusual() -> None:
    assert said(SAMPLES / "diabetes.csv", "mse,rmse,r2") == [(NOTHING,)] * 3
    assert said(SAMPLES / "breast_cancer.csv", "hinge", pred="logit")[0][0] == (
        "85 % of the gradients (485 of 569) are exactly 0:"
        " it is flat where the margin is 1 or more."
    )


def test_a_report_without_a_gradient_has_no_health() -> None:
    assert said({"y": [1.0], "yhat": [3.0]}, "mse", value_only=True) == [()]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "under 1 %"),
        (0.01, "1 %"),
        (0.376, "38 %"),
        (0.99, "99 %"),
        (0.999999, "over 99 %"),
        (1.0, "100 %"),
    ],
)
def test_neither_none_nor_all_is_said_where_it_is_not_quite_that(share: float, text: str) -> None:
    assert percent(share) == text


def test_equal_errors_say_nothing_of_how_errors_pull() -> None:
    alike = {"y": [0.0, 0.0, 5.0], "yhat": [1.0, -1.0, 6.0]}
    assert said(alike, "mse") == [(NOTHING,)]
    unlike = {"y": [0.0, 0.0, 5.0], "yhat": [1.0, -1.0, 9.0]}
    assert "no more than a small one" in said(unlike, "mae")[0][0]


def test_where_shares_are_the_truth_there_is_no_true_class() -> None:
    data = {"y1": [1.0, 0.5], "y2": [0.0, 0.5], "p1": [0.5, 0.4], "p2": [0.5, 0.6]}
    ((text,),) = said(data, "cce", y="y1,y2", pred="p1,p2")
    assert text.startswith("25 % of the gradients (1 of 4) are exactly 0")
    assert "class" not in text
