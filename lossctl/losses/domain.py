"""Where a number may lie: domains as data.

Validation, its messages, the documentation and the inputs of the tests all come from these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of the extended real line; ``closed`` says which ends belong to it."""

    low: float
    high: float
    closed: Literal["both", "left", "right", "neither"] = "both"

    def holds(self, x: NDArray[np.float64]) -> bool:
        """Whether all numbers of x lie in it."""
        if x.size == 0:
            return True
        return float(np.min(x)) in self and float(np.max(x)) in self

    def __contains__(self, x: float) -> bool:
        """Whether the number x lies in it; NaN lies in none."""
        above = self.low <= x if self.closed in ("both", "left") else self.low < x
        below = x <= self.high if self.closed in ("both", "right") else x < self.high
        return above and below

    def first_outside(self, x: NDArray[np.float64]) -> int:
        """Return the index of the first number of a one-dimensional x that does not lie in it."""
        return next(i for i, value in enumerate(x.tolist()) if value not in self)

    @property
    def infinite(self) -> bool:
        """Whether an infinity belongs to it."""
        return math.inf in self or -math.inf in self

    def __str__(self) -> str:
        """Return the usual notation, such as ``[0, 1)``."""
        if self == REAL:
            return "ℝ"
        if self == LOGIT:
            return "ℝ ∪ {−∞, ∞}"
        left = "[" if self.closed in ("both", "left") else "("
        right = "]" if self.closed in ("both", "right") else ")"
        return f"{left}{_plain(self.low)}, {_plain(self.high)}{right}"


def _plain(x: float) -> str:
    return f"{x:g}".replace("inf", "∞").replace("-", "−")


REAL = Interval(-math.inf, math.inf, "neither")
LOGIT = Interval(-math.inf, math.inf, "both")
UNIT = Interval(0.0, 1.0)
POSITIVE = Interval(0.0, math.inf, "neither")
