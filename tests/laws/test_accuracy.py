"""Values and slopes are the real-number formula, to the last places, over all of float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lossctl
from lossctl.losses import all_losses
from lossctl.losses.domain import UNIT
from tests.docs.readme import ACCURACY, table_of
from tests.laws.accuracy import ALGEBRAIC, LIMIT, limit, ulps, worst_error, worst_errors
from tests.laws.inputs import typical
from tests.laws.oracles import ORACLES, exact, mp

NAMES = [loss.name for loss in all_losses()]


def test_every_loss_has_an_oracle_and_every_oracle_a_loss() -> None:
    assert set(ORACLES) == set(NAMES)
    assert set(ORACLES) >= ALGEBRAIC


@pytest.mark.parametrize("name", NAMES)
def test_value_and_slope_are_within_the_limit(name: str) -> None:
    worst = worst_error(name)
    assert worst.judged >= 4000
    assert worst.value.ulp <= limit(name), worst.value
    assert worst.slope.ulp <= limit(name), worst.slope


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_tells_the_errors_that_are_found(name: str) -> None:
    """Refresh: python -m tests.docs.readme."""
    rows = [row.split(" | ") for row in table_of(ACCURACY).splitlines()]
    (row,) = (row for row in rows if row[0] == f"| `{name}`")
    worst = worst_error(name)
    # numpy's exp and log may differ by half a unit from one kind of processor to another
    assert float(row[1]) == pytest.approx(worst.value.ulp, abs=0.6)
    assert float(row[2]) == pytest.approx(worst.slope.ulp, abs=0.6)
    assert row[3] == f"{worst.judged:,}"


def test_worst_errors_of_some_losses() -> None:
    found = worst_errors("mse", "rmse")
    assert list(found) == ["mse", "rmse"]
    assert 0.5 < found["mse"].value.ulp < 2.0
    assert found["mse"].value.spec == "mse"


def test_the_judge_counts_ulps() -> None:
    third = mp.mpf(1) / 3
    assert ulps(1 / 3, [third]) < 0.5
    assert ulps(math.nextafter(1 / 3, 1.0), [third]) == pytest.approx(1.0, abs=0.5)
    assert ulps(5e-324, [mp.zero]) == 1.0
    assert ulps(1.0 + 2**-52, [mp.mpf(2), mp.mpf(-1)]) == 0.5  # of the larger term, 2
    assert ulps(math.inf, [mp.mpf(2) ** 1024]) == 0.0
    assert ulps(math.inf, [mp.mpf(1)]) > 1e15
    assert ulps(1.0, [mp.inf]) == math.inf
    assert ulps(math.nan, [mp.one]) == math.inf


def test_the_judge_convicts_the_usual_form_of_the_logits_loss() -> None:
    z = 30.0
    usual = max(z, 0.0) - z * 1.0 + math.log1p(math.exp(-z))
    loss = lossctl.get_loss("bce_with_logits")
    truth = ORACLES["bce_with_logits"](mp.one, mp.mpf(z), mp.one, mp.zero)
    assert ulps(float(loss(np.ones(1), np.array([z]))[0]), truth.loss) <= 1.0
    assert ulps(float(1 / (1 + math.exp(-z))) - 1.0, truth.slopes[0][1:]) > 100.0
    assert ulps(usual, truth.loss) <= 1.0  # at y = 1 exactly it does not cancel
    soft = math.nextafter(1.0, 0.0)
    truth = ORACLES["bce_with_logits"](mp.mpf(soft), mp.mpf(z), mp.one, mp.zero)
    usual = max(z, 0.0) - z * soft + math.log1p(math.exp(-z))
    assert ulps(usual, truth.loss) > 10.0


@pytest.mark.parametrize(
    ("spec", "y", "yhat", "value"),
    [
        ("bce_with_logits", 1.0, 40.0, 4.248354255291589e-18),
        ("bce_with_logits", 1.0, -1000.0, 1000.0),
        ("bce_with_logits:pos_weight=1e200", 1.0, 745.0, 2.822350730471937e-124),
        ("bce_with_logits:label_smoothing=1e-12", 1.0, 745.0, 3.725e-10),
        ("bce:label_smoothing=1e-12", 1.0, 1 - 2**-53, 1.8368511307141012e-11),
        ("bce:eps=1e-20", 0.0, 1.0, 46.051701859880914),
        ("bce:eps=1e-20", 1.0, 1.0, 1e-20),
        ("cce:eps=1e-20", 0, [1.0, 0.0], 1e-20),
        ("cce_with_logits", 0, [0.1, -700.3], 6.609138834709863e-305),
        ("cross_entropy:base=2", 1.0, 5e-324, 1074.0),
    ],
)
def test_what_is_easily_got_wrong(spec: str, y: float, yhat: float, value: float) -> None:
    found = lossctl.get_loss(spec)(np.array([y]), np.array([yhat]))
    assert found == pytest.approx(value, rel=1e-15, abs=0.0)


@pytest.mark.parametrize(
    ("spec", "y", "yhat", "slope"),
    [
        ("bce_with_logits", [1.0], [40.0], [-4.248354255291589e-18]),
        ("bce", [1.0], [-0.0], [-math.inf]),
        ("cce", [[0.5, 0.5]], [[-0.0, 1.0]], [[-math.inf, -0.5]]),
        ("cross_entropy", [0.5], [-0.0], [-math.inf]),
        ("cross_entropy:base=1.5", [1e-320], [1e-320], [-2.46630346237643]),
        ("cce_with_logits", [0], [[40.0, 0.0]], [[-4.248354255291589e-18, 4.248354255291589e-18]]),
        ("cce_with_logits", [[1.0, 0.0]], [[40.0, 0.0]], [[-4.248354255291589e-18] * 2]),
    ],
)
def test_slopes_that_are_easily_got_wrong(
    spec: str, y: object, yhat: object, slope: object
) -> None:
    found = lossctl.get_loss(spec).slope(np.array(y), np.array(yhat))
    assert np.abs(found) == pytest.approx(np.abs(np.array(slope)), rel=1e-15, abs=0.0)
    assert found.ravel()[0] < 0.0


@pytest.mark.parametrize("name", [loss.name for loss in all_losses() if loss.kind == "elementwise"])
def test_the_mean_of_outputs_is_as_accurate_and_does_not_overflow(name: str) -> None:
    bound = lossctl.get_loss(name)
    rng = np.random.default_rng(0)
    assert bound.y is not None
    y = typical(bound.y if bound.loss.labels == "real" else UNIT, rng, (200, 5))
    yhat = typical(bound.pred, rng, (200, 5))
    params = dict(bound.params)
    rows = zip(y.tolist(), yhat.tolist(), strict=True)
    for row, found in zip(rows, bound(y, yhat).tolist(), strict=True):
        outputs = [exact(name, a, b, params).loss for a, b in zip(*row, strict=True)]
        assert ulps(found, [term / 5 for terms in outputs for term in terms]) <= LIMIT
    if name == "mse":
        assert bound(np.zeros((1, 2)), np.full((1, 2), 1.2e154)).tolist() == [1.2e154 * 1.2e154]
