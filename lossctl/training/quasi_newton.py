"""L-BFGS over all rows, which takes smooth losses to the last digits; scipy's.

Source: Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained optimization"
(1995).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lossctl.errors import UsageError
from lossctl.training.chunks import WINDOW, Room, in_windows
from lossctl.training.descent import UNSEEN, Data, Descent, Judge, advice_for, diverged, no_slope
from lossctl.training.objective import STEP, Goal, curve, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lossctl.training.settings import Training

    Floats = NDArray[np.float64]

MEMORY = 20  # pairs of steps and slopes that stand for the curvature
FLAT = 1e-10  # a largest entry of the gradient that counts as 0
SEARCH = 50  # looks along one line
AGAIN = 1e-9  # a share by which a fresh start must get lower, or it is the last


class Whole:
    """The objective over all rows: the value, its penalty, and the gradient of both."""

    def __init__(self, goal: Goal, data: Data, penalty: Floats) -> None:
        self._goal = goal
        self._data = data
        self._penalty = penalty
        self.loss = math.nan

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the objective and its gradient."""
        total = divisor = 0.0
        gradient = np.zeros(len(theta))
        with np.errstate(all="ignore"):
            for room in self._rooms():
                for first in range(0, room.size, STEP):
                    part = slice(first, first + STEP)
                    weight = None if room.weight is None else room.weight[part]
                    found = seen(self._goal, theta, room.x[:, part], room.y[part], weight)
                    total += found.loss
                    divisor += found.divisor
                    gradient += found.gradient()
            self.loss, pull = curve(self._goal.aggregate, total / divisor)
            gradient *= pull / divisor
            gradient += self._penalty * theta
            return self.loss + 0.5 * float(self._penalty @ (theta * theta)), gradient

    def _rooms(self) -> Iterator[Room]:
        room: Room | None = None
        for window in in_windows(self._data.chunks(), WINDOW):
            room = room or Room(self._data.features, window.size)
            yield room.fill(window, self._data.shift)


def minimise(
    goal: Goal,
    data: Data,
    start: Floats,
    penalty: Floats,
    training: Training,
    judge: Judge = UNSEEN,
) -> Descent:
    """Go down from ``start`` by L-BFGS, or raise Diverged; UsageError where scipy is missing."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise UsageError("--optimizer lbfgs needs scipy: pip install 'lossctl[stats]'") from None
    whole = Whole(goal, data, penalty)
    advice = advice_for(goal, data).replace("a lower --lr", "--l2 or --optimizer sgd")
    first, slope = whole(start)
    at_start = whole.loss
    if not (math.isfinite(first) and np.isfinite(slope).all()):
        raise diverged(goal, at_start, "with the first weights", advice)
    if not slope.any() and at_start:
        raise no_slope(goal)
    losses: list[float] = []
    held: list[float] = []

    def told(theta: Floats) -> None:
        if judge.trace is not None:
            judge.trace(len(losses) + 1, theta)
        losses.append(whole.loss)
        if judge.validate is not None:
            held.append(judge.validate(theta))
        if judge.watch is not None:
            judge.watch(len(losses), whole.loss)

    def down(theta: Floats) -> Any:
        return minimize(
            whole,
            theta,
            jac=True,
            method="L-BFGS-B",
            callback=told,
            options={
                "maxiter": training.epochs - len(losses),
                "maxfun": 20 * training.epochs,
                "maxcor": MEMORY,
                "maxls": SEARCH,
                "ftol": training.tol,
                "gtol": FLAT,
            },
        )

    found = down(start)
    steps, lower = int(found.nfev), True
    # Where slopes jump, what is remembered of them misleads: it goes on with a fresh memory.
    while lower and len(losses) < training.epochs:
        more = down(found.x)
        steps += int(more.nfev)
        lower = bool(more.fun < found.fun - AGAIN * abs(found.fun))
        found = more if more.fun < found.fun else found
    if not (math.isfinite(found.fun) and np.isfinite(found.x).all()):
        raise diverged(goal, float(found.fun), f"at step {steps}", advice)
    validation = tuple(held) if judge.validate is not None else None
    return Descent(found.x, tuple(losses), validation, None, at_start, _ended(found), steps)


def _ended(found: Any) -> str:
    """Return why scipy stopped, in the words of the record."""
    if found.status == 0:
        return "gradient" if "GRADIENT" in str(found.message).upper() else "tol"
    return "epochs" if found.status == 1 else "line search"
