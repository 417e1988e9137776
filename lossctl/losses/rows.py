"""Sums along the k outputs of a row, the same for any number of rows and any memory layout."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def row_sum(x: Floats, low: Floats | None = None) -> Floats:
    """Return the sum over the last axis of x, with low parts, and rounding errors carried along.

    numpy's own sum adds in an order that depends on strides, and loses a bit per doubling of k.
    Source: Ogita, Rump and Oishi, "Accurate sum and dot product" (2005), Sum2.
    """
    sums = x[..., 0].copy()
    errors = np.zeros_like(sums)
    with np.errstate(all="ignore"):
        if low is not None:
            for column in range(low.shape[-1]):
                errors += low[..., column]
        for column in range(1, x.shape[-1]):
            term = x[..., column]
            new = sums + term
            shadow = new - sums
            error = (sums - (new - shadow)) + (term - shadow)
            errors += np.where(np.isfinite(error), error, 0.0)  # ∞ − ∞ is no error to carry
            sums = new
        return sums + errors


def row_mean(x: Floats) -> Floats:
    """Return the mean over the last axis; finite where the numbers are."""
    k = x.shape[-1]
    mean: Floats = row_sum(x) / k
    overflowed = np.isinf(mean) & np.isfinite(x).all(axis=-1)
    if overflowed.any():
        mean = np.where(overflowed, row_sum(x / k), mean)
    return mean


def pick(x: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return x[i, labels[i]] for every row i."""
    return np.take_along_axis(x, labels[..., np.newaxis], axis=-1)[..., 0]


def one_hot(labels: NDArray[np.intp], classes: int) -> Floats:
    """Return the n × k array with a 1 in the column of each row's label."""
    hot = np.zeros((*labels.shape, classes))
    np.put_along_axis(hot, labels[..., np.newaxis], 1.0, axis=-1)
    return hot


def undecided(z: Floats) -> NDArray[np.bool_]:
    """Return which rows of logits have no softmax: more than one ∞ in it, or nothing but −∞."""
    with np.errstate(all="ignore"):
        if np.isfinite(z.sum()):
            return np.zeros(z.shape[:-1], dtype=bool)
    many: NDArray[np.bool_] = (np.isposinf(z).sum(axis=-1) > 1) | np.isneginf(z).all(axis=-1)
    return many


def times(factor: Floats, x: Floats) -> Floats:
    """Return factor · x where 0 · ∞ is 0: a term with the factor 0 does not happen."""
    product = factor * x
    if np.isnan(product).any():
        product = np.where(factor == 0.0, 0.0, product)
    return product


def product(*factors: Floats | float) -> Floats:
    """Return the product of many, 0 where a factor is 0; no partial product vanishes or overflows.

    Mantissas and exponents are multiplied apart.
    """
    mantissa, exponent = np.frexp(factors[0])
    for factor in factors[1:]:
        more, shift = np.frexp(factor)
        mantissa = times(mantissa, more)
        exponent = exponent + shift
    result: Floats = np.ldexp(mantissa, exponent)
    return result
