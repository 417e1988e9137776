"""Which losses have kinks is seen from their slopes."""

from __future__ import annotations

import pytest

from lossctl.losses.spec import parse_specs
from lossctl.training.smoothness import kinked

KINKED = (
    *("mae", "quantile:q=0.9", "epsilon_insensitive", "epsilon_insensitive:epsilon=1.5"),
    *("mape", "smape", "wape", "hinge", "categorical_hinge", "multiclass_hinge"),
)
SMOOTH = (
    *("mse", "rmse", "huber", "huber:delta=0.1", "pseudo_huber", "log_cosh", "fair", "cauchy"),
    *("expectile:q=0.9", "msle", "bce", "bce_with_logits", "cce", "cce_with_logits", "nll"),
    *("squared_hinge", "exponential", "brier", "focal", "focal_with_logits"),
    *("poisson_nll", "poisson_nll_with_log", "gamma_deviance", "tweedie_deviance"),
    "gaussian_nll",
)


@pytest.mark.parametrize("spec", KINKED)
def test_kinks_are_seen(spec: str) -> None:
    assert kinked(parse_specs(spec)[0].bound)


@pytest.mark.parametrize("spec", SMOOTH)
def test_what_is_smooth_has_none(spec: str) -> None:
    assert not kinked(parse_specs(spec)[0].bound)
