"""Losses of a vector against a vector, one of each a row.

1 − cos loses every digit where the vectors are nearly parallel. Dot products are therefore carried
as pairs of numbers, the second of which is the rounding error of the first (Ogita, Rump and Oishi,
"Accurate sum and dot product", 2005), and nearly parallel vectors are replaced by exact ones.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossctl.losses.registry import Constant, Flags, Floats, Rule, Slope, loss

HEIGHT = 240  # the largest entry of a scaled vector is near 2²⁴⁰: products keep far from both ends
NOTHING: Floats = np.zeros(())  # the low part of numbers that are one number each
BLOCK = 32768  # numbers worked on at a time: what comes in between stays in the cache
CANCELLED = 2.0**-48  # of ‖a‖‖b‖: a dot product below it may be the rounding of others
FAINT = 2.0**-700  # scaled entries below it may have lost bits
NEARLY_PARALLEL = 2.0**-40  # of sin²: above it, pairs still hold sin² to more than 60 bits


Shifts = NDArray[np.intc]


class Pair(NamedTuple):
    """The unevaluated sum of two numbers, ``low`` within the rounding error of ``high``."""

    high: Floats
    low: Floats


class Angle(NamedTuple):
    """What the rows of two scaled vectors a (in two parts) and b span, the columns first."""

    a: Pair
    b: Floats
    aa: Pair
    bb: Pair
    ab: Pair
    square: Floats  # ‖a‖²‖b‖² − (a·b)², by which sin² is known


def _zero(y: Floats, yhat: Floats) -> Flags:
    zero: Flags = np.logical_not(y.any(axis=-1) & yhat.any(axis=-1))
    return zero


@loss(
    "cosine",
    "cosine_embedding",
    "cosine_embedding_loss",
    task="regression",
    kind="vectors",
    rule=Rule("a vector of zeros has no direction", _zero),
    constant=Constant("direction", "the mean direction of y"),
)
def cosine_distance(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    r"""Cosine distance: by how much two vectors point apart, whatever their lengths.

    Formula:    ℓ = 1 − y·ŷ / (‖y‖ ‖ŷ‖), over the k numbers of a row
    Gradient:   ∂ℓ/∂ŷ = −(u − cos · v) / ‖ŷ‖, u = y/‖y‖, v = ŷ/‖ŷ‖
    Value:      L = Σ wℓ / Σ w, from 0 (one direction) over 1 (at right angles) to 2 (opposite)

    Behaviour:  Only directions count: a prediction of the right direction and the wrong length
                costs 0, and the gradient is at right angles to ŷ, so that it turns ŷ and never
                changes its length at first order. A short ŷ turns fast: the gradient grows as
                1/‖ŷ‖. It fades both at 0 and at 2, where ŷ points exactly the wrong way. No row
                costs more than 2, so one outlier cannot carry the value away. Near 0 it is half
                the square of the angle, and is right to its last digits there. A vector of
                zeros has no direction and is an error.
    Choose it:  for embeddings and profiles whose length means nothing. Not where the length is
                part of the answer (mse over the outputs).
    Elsewhere:  scipy.spatial.distance.cosine, scikit-learn cosine_distances (1 for a zero
                vector), torch CosineEmbeddingLoss with target 1, optax cosine_distance. Keras
                CosineSimilarity is −cos, this number less 1, and torch's cosine_similarity is
                cos. Most compute 1 − cos as it stands: below 1e-16 nothing is left of it.
    Example:    $ lossctl cosine_distance sample_data/linnerud.csv \
                  -y 'y_*' -p 'rate_*' -q --precision 6
                0.0128216
    Source:     Salton and McGill, "Introduction to Modern Information Retrieval" (1983).

    >>> import numpy as np
    >>> loss, slope = cosine_distance(np.array([[0.0, 3.0]]), np.array([[2.0, 0.0]]))
    >>> loss.tolist(), slope().tolist()
    ([1.0], [[0.0, -0.5]])
    """
    n, k = yhat.shape
    step = max(1, BLOCK // k)
    starts = range(0, n, step) if n else (0,)
    blocks = [_distances(y[at : at + step], yhat[at : at + step]) for at in starts]
    values = np.concatenate([value for value, _ in blocks])
    return values, lambda: np.concatenate([slope() for _, slope in blocks])


def _distances(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Return the losses and the slopes of some rows."""
    a, lift = _scaled(y)
    b, rise = _scaled(yhat)
    angle = _span(Pair(a, NOTHING), b)
    dot = angle.ab
    lengths = _multiply(angle.aa, angle.bb)
    root = _root(lengths)
    below = _plus(lengths, _multiply(root, dot))
    value = np.where(dot.high > 0.0, angle.square / below.high, 1.0 - dot.high / root.high)
    near = np.flatnonzero(angle.square <= NEARLY_PARALLEL * lengths.high)
    if near.size:
        across, lever, fall = _across(a[:, near], b[:, near])
        levers = _multiply(_multiply(lever, lever), Pair(*(part[near] for part in below)))
        close = np.ldexp(across.square, -2 * fall) / levers.high
        value[near] = np.where(dot.high[near] > 0.0, close, value[near])

    def slope() -> Floats:
        # sizes are brought near 1 first, so that a small entry is rounded once, at the end
        size = _multiply(angle.bb, root)
        turn, shift = _turn(angle) / (size.high * 2.0 ** (-4 * HEIGHT)), rise - 4 * HEIGHT
        if near.size:
            size = _multiply(Pair(*(part[near] * 2.0 ** (-4 * HEIGHT) for part in size)), lever)
            turn[:, near] = _turn(across) / size.high
            shift[near] -= fall
        slopes = np.ldexp(turn, shift)
        faint = ((np.abs(a) < FAINT) & (y.T != 0.0)) | ((np.abs(b) < FAINT) & (yhat.T != 0.0))
        crossed = np.flatnonzero(_crossed(a, b, dot, root))
        if crossed.size or faint.any():
            faint[:, crossed] = True
            mantissa, exponent = np.frexp(dot.high)
            exponent -= lift + rise
            for row in crossed.tolist():
                mantissa[row], exponent[row] = _exact_dot(y[row].tolist(), yhat[row].tolist())
            below = root.high * 2.0 ** (-2 * HEIGHT), angle.bb.high * 2.0 ** (-2 * HEIGHT)
            slopes[faint] = _by_terms(y.T, yhat.T, below, (lift, rise), (mantissa, exponent), faint)
        return np.ascontiguousarray(slopes.T)

    return value, slope


def _crossed(a: Floats, b: Floats, dot: Pair, root: Pair) -> Flags:
    """Return the rows whose products cancel so far that pairs may hold nothing of their sum.

    Where all products are of one size, as of vectors of ±1, nothing was lost.
    """
    rows: Flags = np.abs(dot.high) <= CANCELLED * root.high
    if rows.any():
        sizes = np.abs(a[:, rows] * b[:, rows])
        least = np.where(sizes > 0.0, sizes, np.inf).min(axis=0)
        whole = np.abs(np.frexp(sizes)[0]) % 2.0**-20 == 0.0  # products without an error
        rows[rows] = (sizes.max(axis=0) > 2.0**30 * least) | ~whole.all(axis=0)
    return rows


def _exact_dot(x: list[float], y: list[float]) -> tuple[float, int]:
    """Return the mantissa and the exponent of a dot product that is rounded once."""
    from fractions import Fraction

    dot = sum((Fraction(p) * Fraction(q) for p, q in zip(x, y, strict=True)), Fraction())
    exponent = dot.numerator.bit_length() - dot.denominator.bit_length()
    return float(dot / Fraction(2) ** exponent), exponent


def _by_terms(
    y: Floats,
    yhat: Floats,
    below: tuple[Floats, Floats],
    shifts: tuple[Shifts, Shifts],
    dot: tuple[Floats, Shifts],
    chosen: Flags,
) -> Floats:
    """Return −y/(‖y‖‖ŷ‖) + (y·ŷ)·ŷ/(‖y‖‖ŷ‖³) for some entries, each term rounded by itself.

    ``below`` are ‖y‖‖ŷ‖ and ‖ŷ‖² of the scaled vectors; mantissas and exponents are kept apart.
    """
    lengths, square = below
    lift, rise = (shift - HEIGHT for shift in shifts)  # of vectors with lengths near 1
    rows = np.broadcast_to(np.arange(y.shape[1]), y.shape)[chosen]
    (u, of_u), (v, of_v) = np.frexp(y[chosen]), np.frexp(yhat[chosen])
    mantissa, exponent = dot
    u = -u / lengths[rows]
    v = v * (mantissa / (lengths * square))[rows]
    of_u = np.where(u == 0.0, -9999, of_u + (lift + rise)[rows])
    of_v = np.where(v == 0.0, -9999, of_v + (exponent + lift + 3 * rise)[rows])
    top = np.maximum(of_u, of_v)
    together: Floats = np.ldexp(np.ldexp(u, of_u - top) + np.ldexp(v, of_v - top), top)
    return together


def _scaled(x: Floats) -> tuple[Floats, Shifts]:
    """Return the columns of x, each row times a power of two, and the exponents of those."""
    columns = np.ascontiguousarray(x.T)
    shift: Shifts = HEIGHT - np.frexp(np.abs(columns).max(axis=0))[1]
    if np.abs(shift).max(initial=0) < 1000:
        return columns * np.ldexp(1.0, shift), shift
    return np.ldexp(columns, shift), shift


def _span(a: Pair, b: Floats) -> Angle:
    """Return the dot products of a and b, and ‖a‖²‖b‖² − (a·b)²."""
    a_parts, b_parts = _split(a.high), _split(b)
    squares, rests = _times(a.high, a_parts, a.high, a_parts)
    products, errors = _times(a.high, a_parts, b, b_parts)
    if a.low.ndim:
        rests += 2.0 * a.high * a.low
        errors += a.low * b
    aa, ab = _total(squares, rests), _total(products, errors)
    bb = _total(*_times(b, b_parts, b, b_parts))
    return Angle(a, b, aa, bb, ab, _minus(_multiply(aa, bb), _multiply(ab, ab)))


def _turn(angle: Angle) -> Floats:
    """Return (a·b)·b − ‖b‖²·a, which is −‖b‖² times the part of a across b."""
    a, b = angle.a, angle.b
    return _minus(_multiply(angle.ab, Pair(b, NOTHING)), _multiply(angle.bb, a))


def _across(a: Floats, b: Floats) -> tuple[Angle, Pair, Shifts]:
    """Return the angle of m = b_p·a − a_p·b with b, b_p and the exponent by which m was scaled.

    The part of m across b is b_p times that of a. m has no entry at p, the largest of b, so it is
    far from parallel to b; and each of its entries is exact to twice the digits.
    """
    pivot = np.abs(b).argmax(axis=0)[np.newaxis]
    a_there, b_there = np.take_along_axis(a, pivot, 0), np.take_along_axis(b, pivot, 0)
    high, low = _times(a, _split(a), b_there, _split(b_there))
    other, error = _times(b, _split(b), a_there, _split(a_there))
    high, rest = _add(high, -other)
    rest, last = _add(rest, low)
    rest, final = _add(rest, -error)
    high, rest = _add(high, rest)
    high, rest = _add(high, rest + (last + final))
    shift: Shifts = HEIGHT - np.frexp(np.abs(high).max(axis=0))[1]
    m = Pair(np.ldexp(high, shift), np.ldexp(rest, shift))
    # b_p is brought near 1, and what it is multiplied by stays in range
    return _span(m, b), Pair(b_there[0] * 2.0**-HEIGHT, NOTHING), shift + HEIGHT


def _add(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return x + y and its rounding error (Knuth's two-sum)."""
    total = x + y
    shadow = total - x
    return total, (x - (total - shadow)) + (y - shadow)


def _split(x: Floats) -> tuple[Floats, Floats]:
    """Return two numbers of 26 bits that add up to x (Veltkamp)."""
    big = x * 134217729.0
    high = big - (big - x)
    return high, x - high


def _times(
    x: Floats, x_parts: tuple[Floats, Floats], y: Floats, y_parts: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return x·y and its rounding error (Dekker's two-product)."""
    product = x * y
    (x_high, x_low), (y_high, y_low) = x_parts, y_parts
    error = x_high * y_high
    error -= product
    error += x_high * y_low
    error += x_low * y_high
    error += x_low * y_low
    return product, error


def _total(terms: Floats, errors: Floats) -> Pair:
    """Return the sum down the columns of terms and of their errors."""
    total, rest = terms[0], errors[0]
    for term, error in zip(terms[1:], errors[1:], strict=True):
        total, lost = _add(total, term)
        rest = rest + (lost + error)
    high = total + rest
    return Pair(high, rest - (high - total))


def _multiply(x: Pair, y: Pair) -> Pair:
    """Return x·y."""
    product, error = _times(x.high, _split(x.high), y.high, _split(y.high))
    if x.low.ndim:
        error = error + x.low * y.high
    if y.low.ndim:
        error = error + x.high * y.low
    high = product + error
    return Pair(high, error - (high - product))


def _plus(x: Pair, y: Pair) -> Pair:
    """Return x + y."""
    total, lost = _add(x.high, y.high)
    rest = lost + (x.low + y.low)
    high = total + rest
    return Pair(high, rest - (high - total))


def _minus(x: Pair, y: Pair) -> Floats:
    """Return x − y, rounded once."""
    total, lost = _add(x.high, -y.high)
    return total + (lost + (x.low - y.low))


def _root(x: Pair) -> Pair:
    """Return √x, by one step of Newton's from the root of a number."""
    root = np.sqrt(x.high)
    square, error = _times(root, _split(root), root, _split(root))
    rest = ((x.high - square) - error + x.low) / (root + root)
    return Pair(root, rest)
