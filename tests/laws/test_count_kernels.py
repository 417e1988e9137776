"""What the Poisson, gamma and Tweedie losses get wrong most easily."""

import math

import numpy as np
import pytest

from lossctl.losses import BoundLoss, find

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
