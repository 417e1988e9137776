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

    def where(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers of x lie in it."""
        above = x >= self.low if self.closed in ("both", "left") else x > self.low
        below = x <= self.high if self.closed in ("both", "right") else x < self.high
        return above & below

    def __contains__(self, x: object) -> bool:
        """Whether x is a number that lies in it; NaN lies in none."""
        if not isinstance(x, (int, float)):
            return False
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
        if self.low == self.high:
            return f"{{{_plain(self.low)}}}"
        left = "[" if self.closed in ("both", "left") else "("
        right = "]" if self.closed in ("both", "right") else ")"
        return f"{left}{_plain(self.low)}, {_plain(self.high)}{right}"


@dataclass(frozen=True, slots=True)
class Union:
    """Several intervals, in rising order and apart from one another."""

    parts: tuple[Interval, ...]

    @property
    def low(self) -> float:
        """Its lower end."""
        return self.parts[0].low

    @property
    def high(self) -> float:
        """Its upper end."""
        return self.parts[-1].high

    @property
    def infinite(self) -> bool:
        """Whether an infinity belongs to it."""
        return any(part.infinite for part in self.parts)

    def holds(self, x: NDArray[np.float64]) -> bool:
        """Whether all numbers of x lie in it."""
        return bool(self.where(x).all())

    def where(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers of x lie in it."""
        inside = self.parts[0].where(x)
        for part in self.parts[1:]:
            inside |= part.where(x)
        return inside

    def __contains__(self, x: object) -> bool:
        """Whether x is a number that lies in one of them."""
        return any(x in part for part in self.parts)

    def first_outside(self, x: NDArray[np.float64]) -> int:
        """Return the index of the first number of a one-dimensional x that does not lie in it."""
        return next(i for i, value in enumerate(x.tolist()) if value not in self)

    def __str__(self) -> str:
        """Return the usual notation, such as ``(−∞, 0) ∪ (0, ∞)``."""
        return " ∪ ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is one of some words."""

    words: tuple[str, ...]

    def __contains__(self, x: object) -> bool:
        """Whether x is one of the words."""
        return x in self.words

    def __str__(self) -> str:
        """Return the words as a set."""
        return "{" + ", ".join(self.words) + "}"


Domain = Interval | Union


def _plain(x: float) -> str:
    return f"{x:g}".replace("inf", "∞").replace("-", "−")


REAL = Interval(-math.inf, math.inf, "neither")
LOGIT = Interval(-math.inf, math.inf, "both")
UNIT = Interval(0.0, 1.0)
INSIDE_UNIT = Interval(0.0, 1.0, "neither")
POSITIVE = Interval(0.0, math.inf, "neither")
NOT_NEGATIVE = Interval(0.0, math.inf, "left")
NONZERO = Union((Interval(-math.inf, 0.0, "neither"), POSITIVE))
LOG_UNIT = Interval(-math.inf, 0.0)  # the logarithm of a probability
SIGNED = Union((Interval(-1.0, -1.0), UNIT))  # −1 or 1, or 0 to 1, where 0 is read as −1
