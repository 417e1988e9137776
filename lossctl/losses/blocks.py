"""Kernels of many steps, done in blocks: what comes in between stays in the cache.

Blocks are as large as that allows, since the threads that share the interpreter wait for one
another at every step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Found = tuple[Floats, Callable[[], Floats]]
Part = Callable[[Any, Floats], Found]

BLOCK = 1 << 14  # numbers of each array: 128 KB


def blockwise(function: Callable[[Floats, Floats], Floats], a: Floats, b: Floats) -> Floats:
    """Return an elementwise function of a and b, found in blocks that stay in the cache."""
    if a.size <= BLOCK:
        return function(a, b)
    a, b, result = np.ravel(a), np.ravel(b), np.empty(a.shape)
    flat = result.reshape(-1)
    for start in range(0, a.size, BLOCK):
        rows = slice(start, start + BLOCK)
        flat[rows] = function(a[rows], b[rows])
    return result


def by_blocks(part: Part, y: NDArray[Any], yhat: Floats) -> tuple[Floats, Callable[[], Floats]]:
    """Return the losses and the slope of a kernel, found in blocks of rows that stay in the cache.

    A slope computes its block anew: to keep all that the value was made of would cost more.
    """
    step = max(1, BLOCK // (yhat.shape[-1] if yhat.ndim > 1 else 1))
    if len(yhat) <= step:
        return part(y, yhat)
    blocks = [slice(start, start + step) for start in range(0, len(yhat), step)]
    value = np.empty(len(yhat))
    for rows in blocks:
        value[rows] = part(y[rows], yhat[rows])[0]

    def slope() -> Floats:
        s = np.empty(yhat.shape)
        for rows in blocks:
            s[rows] = part(y[rows], yhat[rows])[1]()
        return s

    return value, slope


def in_blocks(part: Part, y: NDArray[Any] | None, yhat: Floats, *, eager: bool) -> Found:
    """Return what a kernel makes of rows, found in short blocks that stay in the cache.

    ``eager``: the slopes are wanted too, and found with the losses; else each block is computed
    anew when they are asked for.
    """
    step = max(1, BLOCK // (yhat.shape[-1] if yhat.ndim > 1 else 1))
    if len(yhat) <= step:
        return part(y, yhat)
    blocks = [slice(start, start + step) for start in range(0, len(yhat), step)]

    def found(rows: slice) -> Found:
        return part(None if y is None else y[rows], yhat[rows])

    value = slopes = np.empty(0)
    for rows in blocks:
        some, slope = found(rows)
        if not len(value):
            value = np.empty((len(yhat), *some.shape[1:]))
        value[rows] = some
        if eager:
            own = slope()
            if not len(slopes):
                slopes = np.empty((len(yhat), *own.shape[1:]))
            slopes[rows] = own

    def later() -> Floats:
        return np.concatenate([found(rows)[1]() for rows in blocks])

    return value, (lambda: slopes) if eager else later


def apart(
    first: NDArray[np.bool_], of_first: Part, of_rest: Part, y: NDArray[Any], yhat: Floats
) -> tuple[Floats, Callable[[], Floats]]:
    """Return the losses and the slope of rows that one kernel is for, and another for the rest."""
    if first.all():
        return of_first(y, yhat)
    rest = ~first
    if rest.all():
        return of_rest(y, yhat)
    of_both = of_first(y[first], yhat[first]), of_rest(y[rest], yhat[rest])
    value = np.empty(len(yhat))
    value[first], value[rest] = (found[0] for found in of_both)

    def slope() -> Floats:
        s = np.empty(yhat.shape)
        s[first], s[rest] = (found[1]() for found in of_both)
        return s

    return value, slope
