"""Models: a layer of weights, or two with a bend in between, forward and backward.

The parameters are one flat vector. The features come as d + 1 rows, the last of which is all
ones, so that an intercept is a weight like any other. ``forward`` also returns the function that
takes slopes ∂/∂o back to the gradient, in the layout of the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Pulled = Callable[[Floats], Floats]

SMALL = 0.01  # the spread of the random weights of a linear model at the start


class Shape(NamedTuple):
    """How many features and outputs there are, and hidden units between them; 0 for none."""

    features: int
    outputs: int
    hidden: int = 0
    activation: str = "tanh"

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """The rows and columns of every layer's weights, the column of the intercepts included."""
        if not self.hidden:
            return ((self.outputs, self.features + 1),)
        return ((self.hidden, self.features + 1), (self.outputs, self.hidden + 1))

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(rows * columns for rows, columns in self.layers)

    @property
    def penalised(self) -> Floats:
        """1 for every weight, 0 for every intercept."""
        flags = []
        for rows, columns in self.layers:
            flat = np.ones((rows, columns))
            flat[:, -1] = 0.0
            flags.append(flat.ravel())
        return np.concatenate(flags)


def matrices(shape: Shape, theta: Floats) -> list[Floats]:
    """Return the layers of a flat vector, as views."""
    found, start = [], 0
    for rows, columns in shape.layers:
        stop = start + rows * columns
        found.append(theta[start:stop].reshape(rows, columns))
        start = stop
    return found


def drawn(shape: Shape, seed: int) -> Floats:
    """Return random weights to start from; intercepts are 0.

    A linear model starts near 0. The spread of the layers of two keeps sums and slopes of one size
    from layer to layer (Glorot and Bengio 2010 for tanh, He et al. 2015 for relu).
    """
    rng = np.random.default_rng(seed)
    layers = []
    for rows, columns in shape.layers:
        inputs = columns - 1
        spread = SMALL
        if shape.hidden:
            relu = shape.activation == "relu"
            spread = math.sqrt(2.0 / inputs if relu else 2.0 / (inputs + rows))
        weights = np.zeros((rows, columns))
        weights[:, :-1] = rng.normal(0.0, spread, (rows, inputs))
        layers.append(weights.ravel())
    return np.concatenate(layers)


def forward(shape: Shape, theta: Floats, x: Floats) -> tuple[Floats, Pulled]:
    """Return the outputs (k × n, or n where k is 1) and the function of the gradient."""
    if not shape.hidden:
        return _linear(shape, theta, x)
    inner, outer = matrices(shape, theta)
    before = inner @ x
    relu = shape.activation == "relu"
    after = np.maximum(before, 0.0) if relu else np.tanh(before)
    o = outer[:, :-1] @ after + outer[:, -1:]

    def pulled(slope: Floats) -> Floats:
        s = slope.reshape(shape.outputs, -1)
        outward = np.concatenate([s @ after.T, s.sum(axis=1, keepdims=True)], axis=1)
        into = outer[:, :-1].T @ s
        into *= (before > 0.0) if relu else 1.0 - after * after
        return np.concatenate([(into @ x.T).ravel(), outward.ravel()])

    return o[0] if shape.outputs == 1 else o, pulled


def _linear(shape: Shape, theta: Floats, x: Floats) -> tuple[Floats, Pulled]:
    if shape.outputs == 1:
        return theta @ x, lambda slope: x @ slope
    o = theta.reshape(shape.outputs, -1) @ x
    return o, lambda slope: (slope @ x.T).ravel()
