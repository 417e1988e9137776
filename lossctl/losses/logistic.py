"""The sigmoid and the softplus, in forms that do not cancel or overflow."""

import numpy as np

from lossctl.losses.registry import Floats


def softplus(z: Floats) -> Floats:
    """Return ln(1 + eᶻ) without overflow; 0 at −∞ and ∞ at ∞."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z: Floats) -> Floats:
    """Return 1 / (1 + e⁻ᶻ), accurate in both tails."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, small) / (1.0 + small)
