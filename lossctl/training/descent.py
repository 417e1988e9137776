"""Stochastic gradient descent: shuffled mini-batches, and a learning rate that adapts.

Without a learning rate that is given, the first is a share of the step of Polyak, L/‖∇L‖²: that
which would bring the loss down to 0, were it a straight line. It has the unit that the weights
need, whatever the scale of features and target.
Source: Polyak, "Introduction to optimization" (1987), 5.3.

The rate is divided by ``CUT`` whenever the loss has not fallen by the tolerance for ``PATIENCE``
epochs in a row, as scikit-learn's ``SGDRegressor(learning_rate="adaptive")`` does; the end is
where it has become ``LEAST`` of what it was. So the steps shrink geometrically, which also leads to
the lowest point of losses with kinks, where the slope does not fade. At each cut the weights become
the mean of where they were in those epochs.

Source of the mean: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging"
(1992).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.errors import InputError
from lossctl.training.chunks import Order, Room, in_windows, run_length, window_size
from lossctl.training.links import SIGMOID, SOFTMAX
from lossctl.training.objective import STEP, Goal, Seen, curve, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from lossctl.training.chunks import Chunk, Shift
    from lossctl.training.settings import Training

    Floats = NDArray[np.float64]

PATIENCE = 5  # epochs without progress before the rate is cut
CUT = 3.0
LEAST = 1e-6
SHARE = 0.1  # of the rate that would bring a loss down to 0, if its slope stayed as it is
UNKNOWN = 0.01  # the rate where the first slope tells none
AGAIN = 4  # lower rates, at most, where none was given and the first is too high
GROWN = 1e3  # a loss so many times that of the start has no way back
ORDER_STREAM = 1  # random numbers that are not those of the weights


class Diverged(InputError):
    """The loss grows beyond all bounds, or is no finite number."""


class Data(NamedTuple):
    """Where rows come from, epoch by epoch, and how they are standardised."""

    chunks: Callable[[], Iterable[Chunk]]
    features: int
    shift: Shift | None


class Descent(NamedTuple):
    """Where it ended, and the losses and rates on the way."""

    theta: Floats
    losses: tuple[float, ...]
    validation: tuple[float, ...] | None
    rates: tuple[float, ...] | None
    start: float
    ended: str
    steps: int


class Judge(NamedTuple):
    """What is asked at the end of every epoch: the validation loss, and whoever watches.

    ``trace`` is given the number of every step and the weights after it; at 1 it begins again.
    """

    validate: Callable[[Floats], float] | None = None
    watch: Callable[[int, float], None] | None = None
    trace: Callable[[int, Floats], None] | None = None


UNSEEN = Judge()


def descend(
    goal: Goal,
    data: Data,
    start: Floats,
    penalty: Floats,
    training: Training,
    judge: Judge = UNSEEN,
) -> Descent:
    """Go down from ``start``, or raise Diverged; ½ · penalty · θ² is added for every weight.

    Without a learning rate that is given, it is found by the first slope; where that is too high,
    it begins again with a tenth of it.
    """
    guard = Guard.of(goal, data, start, training)
    if training.lr is not None:
        return _descend(goal, data, penalty, training, Try(guard, training.lr, judge))
    rate = guard.rate
    for _ in range(AGAIN):
        try:
            return _descend(goal, data, penalty, training, Try(guard, rate, judge))
        except Diverged:
            rate /= 10.0
    return _descend(goal, data, penalty, training, Try(guard, rate, judge))


class Try(NamedTuple):
    """A descent with a learning rate to begin with."""

    guard: Guard
    lr: float
    judge: Judge


def _descend(goal: Goal, data: Data, penalty: Floats, training: Training, attempt: Try) -> Descent:
    guard, lr, judge = attempt
    start = guard.theta
    theta, trail, length = start.copy(), np.zeros(len(start)), 0
    rng = np.random.default_rng([training.seed, ORDER_STREAM])
    room = _Rooms(data, training.batch_size)
    mean, per_row = guard.mean, guard.per_row
    pull = curve(goal.aggregate, mean)[1] or 1.0
    rate, best, stale, steps = lr, math.inf, 0, 0
    losses: list[float] = []
    held: list[float] = []
    rates: list[float] = []
    ended = "epochs"
    with np.errstate(all="ignore"):
        for epoch in range(1, training.epochs + 1):
            # What rows are divided by is that of the whole, as known from the epoch before: were it
            # that of each mini-batch, weights would cancel in batches of one. So is φ', which only
            # weighs the loss against the penalty: as it grows under a root, steps must not.
            scale = pull / per_row
            dear = penalty * (pull / (curve(goal.aggregate, mean)[1] or pull))
            total = divisor = 0.0
            rows = 0
            for window in room.windows(rng):
                for x, y, weight in _batches(window, training.batch_size):
                    found = seen(goal, theta, x, y, weight)
                    steps += 1
                    value = curve(goal.aggregate, found.mean)[0] if found.divisor else 0.0
                    if not value <= guard.limit:
                        guard.check(value, steps, x, y, weight)
                    g = found.gradient()
                    guard.feel(g)
                    g *= -rate * scale / len(y)
                    theta += g
                    if training.l2:
                        # A proximal step: stable however much a weight costs.
                        theta /= 1.0 + rate * dear
                    if judge.trace is not None:
                        judge.trace(steps, theta)
                    trail += theta
                    length += 1
                    total += found.loss
                    divisor += found.divisor
                    rows += len(y)
            mean, per_row = total / divisor if divisor else math.nan, divisor / rows
            loss = curve(goal.aggregate, mean)[0]
            guard.settle(loss, epoch, theta)
            losses.append(loss)
            rates.append(rate)
            if judge.validate is not None:
                held.append(judge.validate(theta))
            if judge.watch is not None:
                judge.watch(epoch, loss)
            objective = loss + 0.5 * float(penalty @ (theta * theta))
            if objective < best - training.tol * abs(best) or best == math.inf:
                best, stale = objective, 0
            else:
                stale += 1
            if stale >= PATIENCE:
                # It circles around the lowest point: the middle of its trail is nearer.
                theta[:] = trail / length
                rate, stale = rate / CUT, 0
                if rate < LEAST * lr:
                    ended = "tol"
                    break
            if not stale:
                trail[:], length = 0.0, 0
    validation = tuple(held) if judge.validate is not None else None
    return Descent(theta, tuple(losses), validation, tuple(rates), guard.start, ended, steps)


def _batches(
    window: Room, size: int
) -> Iterator[tuple[Floats, NDArray[np.float64], Floats | None]]:
    """Give the mini-batches of a window, as views."""
    x, y, weights = window.x, window.y, window.weight
    for first in range(0, window.size, size):
        part = slice(first, first + size)
        yield x[:, part], y[part], None if weights is None else weights[part]


class _Rooms:
    """Two rooms: one window is got ready in a thread while the other is trained on."""

    def __init__(self, data: Data, batch: int) -> None:
        self._data = data
        self._size = window_size(batch)
        self._length = run_length(batch)
        self._rooms: list[Room] = []

    def windows(self, rng: np.random.Generator) -> Iterator[Room]:
        """Give the shuffled windows of one epoch; each is gone when the next but one comes."""
        cut = in_windows(self._data.chunks(), self._size)
        first, second = next(cut, None), next(cut, None)
        if first is None:
            return
        if second is None:
            yield self._filled(0, first, rng)
            return
        with ThreadPoolExecutor(1) as pool:
            turn = 0
            coming = pool.submit(self._filled, turn, first, rng)
            following: Chunk | None = second
            while following is not None:
                ready = coming.result()
                turn = 1 - turn
                coming = pool.submit(self._filled, turn, following, rng)
                # What reads the file runs in threads of its own; here it is only asked for.
                following = next(cut, None)
                yield ready
            yield coming.result()

    def _filled(self, turn: int, window: Chunk, rng: np.random.Generator) -> Room:
        if len(self._rooms) <= turn:
            # A window that comes alone is often smaller than others might be.
            size = window.size if turn == 0 and not self._rooms else self._size
            self._rooms.append(Room(self._data.features, size))
        order = Order.drawn(rng, window.size, self._length)
        with np.errstate(all="ignore"):  # which holds for one thread only
            return self._rooms[turn].fill(window, self._data.shift, order)


class First(NamedTuple):
    """What the first window tells: a learning rate, Σwℓ/Σw, what a row is divided by, the value."""

    rate: float
    mean: float
    per_row: float
    start: float


class Guard:
    """Notices that a descent leads nowhere: a loss without bounds, or a slope that is 0.

    A loss has grown without bounds where it is ``GROWN`` times that of the random weights, both
    over the first window and over the very rows of the mini-batch: an outlier that was costly from
    the start is none.
    """

    def __init__(self, goal: Goal, theta: Floats, first: First, advice: str) -> None:
        self._goal = goal
        self.theta = theta
        self.rate, self.mean, self.per_row, start = first
        self._advice = advice
        self.start = start
        self._least = max(abs(start), 1.0 if goal.signed else 0.0)
        self.limit = GROWN * self._least
        self._moved = False

    @classmethod
    def of(cls, goal: Goal, data: Data, theta: Floats, training: Training) -> Guard:
        """Look at the loss of the weights to start from, over the first window."""
        window = next(iter(in_windows(data.chunks(), window_size(training.batch_size))))
        room = Room(data.features, window.size).fill(window, data.shift)
        loss = divisor = 0.0
        gradient = np.zeros(len(theta))
        with np.errstate(all="ignore"):
            for x, y, weight in _batches(room, max(STEP, training.batch_size)):
                found = seen(goal, theta, x, y, weight)
                loss += found.loss
                divisor += found.divisor
                if training.lr is None:
                    gradient += found.gradient()
            start, pull = curve(goal.aggregate, loss / divisor) if divisor else (0.0, 0.0)
            gradient *= pull / divisor if divisor else 0.0
            size = float(gradient @ gradient)
        advice = advice_for(goal, data)
        if not math.isfinite(start):
            raise diverged(goal, start, "with the first weights", advice)
        rate = SHARE * abs(start) / size if 0.0 < size < math.inf and start else UNKNOWN
        mean, per_row = (loss / divisor, divisor / room.size) if divisor else (0.0, 1.0)
        return cls(goal, theta, First(rate, mean, per_row, start), advice)

    def check(
        self, value: float, step: int, x: Floats, y: NDArray[np.float64], weight: Floats | None
    ) -> None:
        """Raise Diverged where a mini-batch is far worse off than at the start."""
        if math.isfinite(value):
            before: Seen = seen(self._goal, self.theta, x, y, weight)
            at_start = abs(curve(self._goal.aggregate, before.mean)[0])
            if value <= GROWN * max(at_start, self._least):
                return
        raise diverged(self._goal, value, f"at step {step}", self._advice)

    def feel(self, gradient: Floats) -> None:
        """Take note of a gradient that is not 0."""
        if not self._moved:
            self._moved = bool(gradient.any())

    def settle(self, loss: float, epoch: int, theta: Floats) -> None:
        """Raise where an epoch has ended nowhere."""
        if not (math.isfinite(loss) and np.isfinite(theta).all()):
            raise diverged(self._goal, loss, f"at the end of epoch {epoch}", self._advice)
        if not self._moved and loss:
            raise no_slope(self._goal)


def advice_for(goal: Goal, data: Data) -> str:
    """Return what to do about a loss without bounds."""
    found = "Use a lower --lr" + ("" if data.shift is not None else ", or --standardize")
    if goal.link in (SIGMOID, SOFTMAX):
        return f"{found}; where a probability rounds to 0 or 1, a loss of logits is finite still"
    return found


def diverged(goal: Goal, value: float, where: str, advice: str) -> Diverged:
    """Return the error for a loss without bounds."""
    return Diverged(
        f"{goal.name}: the training diverges: the loss is {value:.6g} {where}. {advice}."
    )


def no_slope(goal: Goal) -> InputError:
    """Return the error for a gradient that is 0 wherever it was looked at."""
    other = "cce_with_logits" if goal.shape.outputs > 1 else "bce_with_logits or hinge"
    return InputError(
        f"{goal.name}: its slope is 0 in every row: there is no way down. Use {other}."
    )
