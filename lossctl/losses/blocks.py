"""Kernels of many steps, done in blocks: what comes in between stays in the cache.

Blocks are as large as that allows, since the threads that share the interpreter wait for one
another at every step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Part = Callable[[NDArray[Any], Floats], tuple[Floats, Callable[[], Floats]]]

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
