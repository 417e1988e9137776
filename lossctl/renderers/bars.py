"""Bars beside the values of groups: how long each is beside the largest of its loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.losses.registry import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.report import Result

CELLS = 10
EIGHTHS = "▏▎▍▌▋▊▉█"
ENDLESS = "…"


def bars(results: Sequence[Result]) -> list[str]:
    """Return a bar for the value of every result, from 0 to the largest finite one of its loss.

    It is empty where length would say nothing of how wrong a group is: a loss of one group, one
    with negative values, one of which more is better or neither is.
    """
    return [bar(result.value, _largest(result, results)) for result in results]


def share_of_bar(result: Result, results: Sequence[Result]) -> float | None:
    """Return the length of a bar from 0 to 1; None where there is to be none."""
    largest = _largest(result, results)
    if math.isnan(largest) or math.isnan(result.value):
        return None
    return min(1.0, result.value / largest) if largest > 0.0 else float(result.value > 0.0)


def bar(value: float, largest: float) -> str:
    """Return a bar of a value; anything above 0 is visible, and infinity has no end."""
    if value == math.inf and largest >= 0.0:
        return EIGHTHS[-1] * (CELLS - 1) + ENDLESS
    if not value > 0.0 or not largest > 0.0:
        return ""
    eighths = max(1, round(min(1.0, value / largest) * CELLS * len(EIGHTHS)))
    whole, rest = divmod(eighths, len(EIGHTHS))
    return EIGHTHS[-1] * whole + (EIGHTHS[rest - 1] if rest else "")


def _largest(result: Result, results: Sequence[Result]) -> float:
    """Return what a full bar stands for; NaN where there is to be none."""
    loss = find(result.loss)
    values = [other.value for other in results if other.spec == result.spec]
    if len(values) < 2 or min(values) < 0.0 or loss.higher_is_better or not loss.ordered:
        return math.nan
    return max((value for value in values if math.isfinite(value)), default=0.0)
