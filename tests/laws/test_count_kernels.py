"""What the Poisson, gamma and Tweedie losses get wrong most easily."""

import math

import numpy as np
import pytest

from lossctl.losses import BoundLoss, find
from tests.laws.accuracy import ulps
from tests.laws.oracles import exact

POWERS = (-1e300, -20.0, -1e-300, 1.0, 1.0000000000000002, 1.5, 2.0, 2.0000000000000004, 10.0, 1e16)


def deviance(power: float) -> BoundLoss:
    return BoundLoss(find("tweedie_deviance"), {"power": power})


@pytest.mark.parametrize("power", POWERS)
def test_deviance_is_0_at_the_truth_and_never_negative_beside_it(power: float) -> None:
    y = np.array([5e-324, 1e-300, 0.9, 1.0, 3.0, 1e300])
    assert (deviance(power)(y, y) == 0.0).all()
    assert (deviance(power)(y, np.nextafter(y, math.inf)) >= 0.0).all()
    assert (deviance(power)(y, y * 0.5 + 5e-324) >= 0.0).all()


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_limits_join(power: float) -> None:
    rng = np.random.default_rng(0)
    y, mu = np.exp(rng.normal(0.0, 2.0, (2, 500)))
    beside = deviance(math.nextafter(power, 3.0))(y, mu)
    np.testing.assert_allclose(beside, deviance(power)(y, mu), rtol=1e-14)


@pytest.mark.parametrize("power", [-1.0, 1.2, 1.5, 1.9, 2.5, 3.0, 10.0])
def test_pieces_join(power: float) -> None:
    steepness = max(1.0, abs(1.0 - power), abs(2.0 - power))
    seams = np.array([-6.0, -4.0, -2.0, 2.0, 4.0, 6.0]) / steepness
    mu = np.exp(seams)
    below, above = mu * (1.0 - 1e-15), mu * (1.0 + 1e-15)
    losses = [deviance(power)(np.ones(6), side) for side in (below, above)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-13)


@pytest.mark.parametrize(
    ("power", "y", "mu"),
    [
        (1.9999999999999696, 1e200, 1.7976931348623157e308),
        (2.0000000000000004, 0.9, 1.5),
        (1.1, 5e-105, 3e-110),
        (1.9999999603653325, 1.742098666995256, 1.101573440416315),
        (1.9976780097792846, 7.326239187875539e229, 5.419689233426079e230),
        (-0.11886626078857086, 0.10788207178936028, 5.3994072515989687e-11),
        (-0.2541736998779326, -0.13012896816927338, 0.021425158575127442),
        (-1e10, 7.959222796970205e226, 7.959222796970205e226),
    ],
)
def test_corners_where_roundings_add_up(power: float, y: float, mu: float) -> None:
    found = float(deviance(power)(np.array([y]), np.array([mu]))[0])
    truth = exact("tweedie_deviance", y, mu, {"power": power})
    assert ulps(found, truth.loss) <= 3.0


def test_closed_form_of_the_default_over_all_of_float64() -> None:
    sizes = [5e-324, 1e-320, 1e-308, 1e-280, 1e-210, 1e-9, 1.0, 1e150, 1e280, 1.797e308]
    rng = np.random.default_rng(0)
    near = rng.choice(sizes, 100)
    y = np.concatenate([np.repeat([0.0, *sizes], 10), near])
    mu = np.concatenate([np.tile(sizes, 11), np.nextafter(near, math.inf)])
    params = {"power": 1.5}
    for loss, a, b in zip(deviance(1.5)(y, mu).tolist(), y.tolist(), mu.tolist(), strict=True):
        assert ulps(loss, exact("tweedie_deviance", a, b, params).loss) <= 2.0


def test_spec_of_the_power_decides_the_domains() -> None:
    assert str(deviance(-1.0).y) == "ℝ"
    assert str(deviance(0.0).pred) == "ℝ"
    assert str(deviance(1.5).y) == "[0, ∞)"
    assert str(deviance(2.0).y) == "(0, ∞)"


def test_terms_that_overflow_apart_leave_a_finite_loss() -> None:
    largest = 1.7976931348623157e308
    nll = BoundLoss(find("poisson_nll"))
    assert math.isfinite(nll(np.array([4e305]), np.array([largest]))[0])
    log = BoundLoss(find("poisson_nll_with_log"))
    assert math.isfinite(log(np.array([2e305]), np.array([709.9]))[0])
