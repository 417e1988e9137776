"""Predictions of a fitted model, and the exact value of a loss over them.

An output is summed feature by feature, in the order of the features: its bits depend on nothing
else, not on how many rows come at a time, nor on the linear algebra library.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.engines.local import default_threads
from lossctl.losses.registry import Loss
from lossctl.scoring import Scores, Touched
from lossctl.state import State, sums_of
from lossctl.values import value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from lossctl.task import Task
    from lossctl.training.chunks import Chunk
    from lossctl.training.links import Link
    from lossctl.values import Sums

    Floats = NDArray[np.float64]

STEP = 1 << 15  # rows that go through a layer at a time: few steps, and near in the cache
SLICE = 1 << 16


class Predictor(NamedTuple):
    """The layers of a fitted model in the units of the file, and the link behind them.

    Each layer has a row for every output, and its intercepts in the last column.
    """

    layers: tuple[Floats, ...]
    activation: str
    link: Link

    def outputs(self, columns: Sequence[Floats]) -> Floats:
        """Return the predictions, a row for each: k × n."""
        size = len(columns[0])
        found = np.empty((len(self.layers[-1]), size))
        with np.errstate(all="ignore"):
            for start in range(0, size, STEP):
                part = slice(start, start + STEP)
                inputs: Sequence[Floats] = [column[part] for column in columns]
                for layer in self.layers[:-1]:
                    before = _affine(layer, inputs)
                    relu = self.activation == "relu"
                    inputs = list(np.maximum(before, 0.0) if relu else np.tanh(before))
                o = _affine(self.layers[-1], inputs)
                found[:, part] = self.link.forward(o[0] if len(o) == 1 else o)
        return found


def _affine(layer: Floats, inputs: Sequence[Floats]) -> Floats:
    """Return the sums of one layer, term by term."""
    size = len(inputs[0])
    o, term = np.empty((len(layer), size)), np.empty(size)
    for sums, weights in zip(o, layer, strict=True):
        np.multiply(inputs[0], weights[0], out=sums)
        for x, weight in zip(inputs[1:], weights[1:-1], strict=True):
            np.multiply(x, weight, out=term)
            sums += term
        sums += weights[-1]
    return o


def inside(task: Task, predictions: Floats) -> bool:
    """Whether predictions (k × n) lie where the loss takes them."""
    domains = task.bound.domains(len(predictions))
    return all(d.holds(row) for d, row in zip(domains, predictions, strict=True))


def exact_value(
    task: Task, predict: Callable[[Chunk], Floats], chunks: Iterable[Chunk]
) -> float | None:
    """Return the value of a loss over some rows, from exact sums.

    None where a prediction lies outside of what the loss takes.
    """
    sums = State().sums
    for found in _through_threads(lambda chunk: _sums(task, predict, chunk), _slices(chunks)):
        if found is None:
            return None
        sums = sums.join(found)
    return value_of(task, sums)


def _sums(task: Task, predict: Callable[[Chunk], Floats], chunk: Chunk) -> Sums | None:
    loss: Loss = task.bound.loss
    yhat = predict(chunk)
    if not inside(task, yhat):
        return None
    pred = yhat[0] if len(yhat) == 1 else yhat.T
    value, slope = loss.kernel(chunk.y, pred, **task.bound.params)
    batch: Any = None  # the sums are of numbers; no message points at a row
    return sums_of(task, Scores(batch, value, slope, chunk.weight, Touched(), chunk.y, pred))


def _slices(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        for start in range(0, chunk.size, SLICE):
            yield chunk.rows(start, start + SLICE)


def _through_threads(work: Callable[[Chunk], Any], chunks: Iterator[Chunk]) -> Iterator[Any]:
    """Give what ``work`` makes of some chunks, a few at a time; sums do not mind the order."""
    first, second = next(chunks, None), next(chunks, None)
    if first is None:
        return
    if second is None:
        yield work(first)
        return
    from collections import deque
    from concurrent.futures import Future

    threads = default_threads()
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        waiting.append(pool.submit(work, first))
        waiting.append(pool.submit(work, second))
        for chunk in chunks:
            waiting.append(pool.submit(work, chunk))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
