"""The number that training lowers: the value of the loss over some rows, and its gradient.

It is that of ``lossctl.values``: a mean of weighted losses, the root or exp of one, a ratio. Here
sums are plain float64 sums, as every step is only a guess; the figures of a report are exact.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.losses.rows import times
from lossctl.training.models import forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.registry import Aggregate, Kernel
    from lossctl.task import Task
    from lossctl.training.links import Link
    from lossctl.training.models import Shape

    Floats = NDArray[np.float64]

STEP = 1 << 12  # rows that pass at a time through what is no mini-batch: they stay in the cache


class Goal(NamedTuple):
    """A loss with all that decides its number, the link before it, and the model before that."""

    name: str
    kernel: Kernel
    params: dict[str, Any]
    aggregate: Aggregate
    per: Callable[[Floats], Floats] | None
    signed: bool
    link: Link
    shape: Shape

    @classmethod
    def of(cls, task: Task, link: Link, shape: Shape) -> Goal:
        """Bind them. The kernel is the bare one: whoever calls it ignores errors all around."""
        loss = task.bound.loss
        kernel = inspect.unwrap(loss.kernel)
        return cls(
            task.bound.spec,
            kernel,
            dict(task.bound.params),
            loss.aggregate,
            loss.per,
            loss.signed,
            link,
            shape,
        )


class Seen(NamedTuple):
    """Σwℓ of some rows, what it is divided by, and the function of the gradient of Σwℓ."""

    loss: float
    divisor: float
    gradient: Callable[[], Floats]

    @property
    def mean(self) -> float:
        """Σwℓ / Σw, or the ratio; NaN where nothing counts."""
        return self.loss / self.divisor if self.divisor else math.nan


def seen(goal: Goal, theta: Floats, x: Floats, y: NDArray[Any], weight: Floats | None) -> Seen:
    """Return the sums of some rows: x has a row for each feature, and one of ones."""
    o, pulled = forward(goal.shape, theta, x)
    yhat = goal.link.forward(o)
    value, slope = goal.kernel(y, yhat.T, **goal.params)

    def gradient() -> Floats:
        s = slope()
        if weight is not None:
            s = times(weight if s.ndim == 1 else weight[:, np.newaxis], s)
        return pulled(goal.link.back(s.T, yhat, o))

    if weight is not None:
        value = times(weight, value)
    loss = float(np.add.reduce(value))
    return Seen(loss, _divisor(goal, y, weight), gradient)


def _divisor(goal: Goal, y: NDArray[Any], weight: Floats | None) -> float:
    if goal.per is not None:
        per = goal.per(y)
        return float(np.add.reduce(per if weight is None else weight * per))
    return float(len(y)) if weight is None else float(np.add.reduce(weight))


def curve(aggregate: Aggregate, mean: float) -> tuple[float, float]:
    """Return φ(m) and φ'(m); the derivative of a root is 0 at 0, as in the report."""
    if aggregate == "root":
        root = math.sqrt(mean) if mean > 0.0 else mean  # NaN and 0 stay what they are
        return root, 0.5 / root if root > 0.0 else 0.0
    if aggregate == "exp":
        power = math.exp(mean) if mean < 700.0 else math.inf if mean == mean else math.nan
        return power, power
    return mean, 1.0
