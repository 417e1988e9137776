"""Summaries of streams of numbers that merge in any order: extremes, signs, sums and quantiles."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lossctl.exact import ExactSum, moments, total
from lossctl.quantiles import Quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest error, and how many of the rows that have it are above and below y."""

    at: float = -math.inf
    positive: int = 0
    negative: int = 0

    @staticmethod
    def of(e: Floats) -> Peak:
        """Take the errors of some rows."""
        if not len(e):
            return Peak()
        size = np.abs(e)
        at = size.max()
        ties = e[size == at]
        return Peak(float(at), int(np.count_nonzero(ties > 0)), int(np.count_nonzero(ties < 0)))

    def __add__(self, other: Peak) -> Peak:
        """Keep the larger; add the counts of a tie."""
        if self.at != other.at:
            return self if self.at > other.at else other
        return Peak(self.at, self.positive + other.positive, self.negative + other.negative)


@dataclass(frozen=True, slots=True)
class Summary:
    """Count, sums, extremes and quantiles of a stream of numbers."""

    count: int = 0
    total: ExactSum = field(default_factory=ExactSum)
    squares: ExactSum = field(default_factory=ExactSum)
    low: float = math.inf
    high: float = -math.inf
    quantiles: Quantiles = field(default_factory=Quantiles)

    @staticmethod
    def of(x: Floats) -> Summary:
        """Summarise an array."""
        if not len(x):
            return Summary()
        sums, squares = moments(x)
        kept = x[~np.isnan(x)] if sums.nans else x
        return Summary(
            count=len(x),
            total=sums,
            squares=squares,
            low=float(kept.min()) if len(kept) else math.inf,
            high=float(kept.max()) if len(kept) else -math.inf,
            quantiles=Quantiles.of(kept),
        )

    def __add__(self, other: Summary) -> Summary:
        """Join two streams."""
        if not self.count or not other.count:
            return self if self.count else other
        return Summary(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            min(self.low, other.low),
            max(self.high, other.high),
            self.quantiles + other.quantiles,
        )


@dataclass(frozen=True, slots=True)
class Signs:
    """How many entries of a gradient are above, below and at zero, and the sum of magnitudes."""

    positive: int = 0
    negative: int = 0
    zero: int = 0
    magnitudes: ExactSum = field(default_factory=ExactSum)

    @staticmethod
    def of(x: Floats) -> Signs:
        """Count the signs of an array."""
        return Signs(
            int(np.count_nonzero(x > 0.0)),
            int(np.count_nonzero(x < 0.0)),
            int(np.count_nonzero(x == 0.0)),
            total(np.abs(x)),
        )

    def __add__(self, other: Signs) -> Signs:
        """Add the counts."""
        return Signs(
            self.positive + other.positive,
            self.negative + other.negative,
            self.zero + other.zero,
            self.magnitudes + other.magnitudes,
        )
