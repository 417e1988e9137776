"""How much the rows vary: exact sums of squares and products, and what else intervals rest on.

A value is φ(r), r = Σu/Σv, with u = w·ℓ and v = w, or w·per(y) for a ratio. ``Gram`` holds the
exact sums of v and u and of their products, so that the variance of u − r·v does not cancel
whatever the losses are. Sums of third powers (for the skewness), and of v under a working model
of the variances (for degrees of freedom), are exact sums of rounded terms. The parts of two
halves of the rows add up to that of all, to the bit, in any order.

With two losses of the same rows, the third powers are of ℓ_a and of ℓ_b − ℓ_a, for these are what
keeps its digits where the two losses are nearly the same.

Weights are no counts: a row of weight 3 is one row that matters three times as much, not three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.dyadic import ZERO, Dyadic, bands, gram, grouped, sum_of
from lossctl.errors import UsageError
from lossctl.losses.accurate import two_product
from lossctl.parts import Cluster, Clustered, Gram, Part, Sums
from lossctl.scoring import Scores
from lossctl.task import Task
from lossctl.values import per_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from lossctl.dyadic import Column

    Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """Rows that count: weights and divisors (None for ones) and the losses of one or two tasks."""

    size: int
    weight: Floats | None
    per: Floats | None
    losses: tuple[Floats, ...]


@dataclass(frozen=True)
class Variation:
    """The probe that sums one or two losses over the same rows, in clusters where one is named.

    ``ratio`` is the task that says what a ratio divides by. Make it with ``variation_of``.
    """

    tasks: tuple[int, ...]
    cluster: str | None = None
    ratio: Task | None = None

    def look(self, scores: Sequence[Scores]) -> Part:
        """Return the sums of some rows."""
        chosen = [scores[at] for at in self.tasks]
        check_same_rows(chosen)
        first = chosen[0]
        weight = first.weight
        per = None if self.ratio is None else per_of(self.ratio, first)
        losses = tuple(each.loss for each in chosen)
        counts = np.ones(len(first.loss), dtype=bool) if weight is None else weight > 0.0
        finite = counts.copy()
        for factor in (weight, per, *losses):
            if factor is not None:
                finite &= np.isfinite(factor)
        nonfinite = int(np.count_nonzero(counts)) - int(np.count_nonzero(finite))
        kept = None if finite.all() else np.flatnonzero(finite)
        rows = Rows(
            int(np.count_nonzero(finite)),
            _taken(weight, kept),
            _taken(per, kept),
            tuple(loss if kept is None else loss[kept] for loss in losses),
        )
        if self.cluster is None:
            return gram_of(rows, nonfinite)
        labels = first.batch.texts[self.cluster]
        codes = labels.codes if kept is None else labels.codes[kept]
        return clustered_of(rows, codes, labels.names, nonfinite)


def variation_of(
    tasks: Sequence[Task], chosen: tuple[int, ...], cluster: str | None = None
) -> Variation:
    """Return the probe for one task, or for two that are compared row by row."""
    ratios = [tasks[at] for at in chosen if tasks[at].bound.loss.aggregate == "ratio"]
    if ratios and len(ratios) < len(chosen):
        names = " and ".join(tasks[at].bound.loss.name for at in chosen)
        raise UsageError(f"{names} cannot be compared: only one of them divides by a sum")
    return Variation(chosen, cluster, ratios[0] if ratios else None)


def _taken(x: Floats | None, kept: NDArray[np.intp] | None) -> Floats | None:
    return x if x is None or kept is None else x[kept]


def check_same_rows(scores: Sequence[Scores]) -> None:
    """Refuse to pair losses whose rows or weights differ."""
    first = scores[0]
    rows = first.batch.row_numbers()
    for other in scores[1:]:
        same = np.array_equal(rows, other.batch.row_numbers())
        if first.weight is not other.weight:
            ones = np.ones(len(rows))
            w, v = (ones if x is None else x for x in (first.weight, other.weight))
            same = same and np.array_equal(w, v)
        if not same:
            raise UsageError("two losses are compared row by row: same rows and same weights")


class Piece(NamedTuple):
    """Columns of rows of one band, each to be multiplied by 2^exponent: v, then u of every task.

    ``v`` is None where it is 1. ``turned`` is u_b − u_a, rounded, where there are two tasks.
    """

    rows: NDArray[np.intp] | slice
    size: int
    v: Column | None
    u: tuple[Column, ...]
    exponents: tuple[int, ...]
    turned: tuple[Floats, int] | None


def _pieces(rows: Rows) -> Iterator[Piece]:
    """Yield the rows by bands of exponents."""
    if not rows.size:
        return
    heads = [x for x in (rows.weight, rows.per) if x is not None]
    factors = [*heads, *rows.losses]
    if len(rows.losses) == 2:
        a, b = rows.losses
        factors.append(0.5 * b - 0.5 * a)  # b − a itself could overflow
    for part in bands(factors):
        count = len(heads)
        head, tail = part.factors[:count], part.factors[count:]
        e_v, e_w = sum(part.exponents[:count]), sum(part.exponents[: rows.weight is not None])
        v = None if not head else two_product(*head) if count == 2 else head
        w = None if rows.weight is None else head[0]
        u: list[Column] = [(x,) if w is None else two_product(w, x) for x in tail]
        exponents = [e_w + e for e in part.exponents[count:]]
        turned = (u.pop()[0], exponents.pop() + 1) if len(tail) == 3 else None
        yield Piece(part.rows, len(tail[0]), v, tuple(u), (e_v, *exponents), turned)


def gram_of(rows: Rows, nonfinite: int = 0) -> Gram:
    """Return the sums of rows."""
    return sum((_gram_of(piece) for piece in _pieces(rows)), Gram(nonfinite=nonfinite))


def _gram_of(piece: Piece) -> Gram:
    ones = np.ones(piece.size)
    v: Column = (ones,) if piece.v is None else piece.v
    columns = [v, *piece.u] if piece.v is None else [(ones,), v, *piece.u]
    exponents = piece.exponents if piece.v is None else (0, *piece.exponents)
    table = [
        [x.raised(exponents[i] + e) for x, e in zip(row, exponents[i:], strict=True)]
        for i, row in enumerate(gram(columns))
    ]
    first = table[0] if piece.v is None else table[0][1:]
    second = tuple(chain(*(table if piece.v is None else table[1:])))
    third, working = _higher(piece, second)
    return Gram(piece.size, 0, tuple(first), second, third, working)


def _higher(piece: Piece, second: Sums) -> tuple[Sums, Sums]:
    """Return the sums of the products of three columns, and those of the working model."""
    columns = [piece.u[0][0]]
    exponents = list(piece.exponents[:2])
    if piece.turned is not None:
        columns.append(piece.turned[0])
        exponents.append(piece.turned[1])
    if piece.v is None:  # what has a factor v is known
        known = second
        if piece.turned is not None:
            n, a, b, aa, ab, bb = second
            ad = ab + -aa
            known = (n, a, b + -a, aa, ad, bb + -ab + -ad)
        return (*known, *_cubes(columns, exponents[1:])), (second[0],) * 5
    v, e = piece.v[0], exponents[0]
    square = v * v
    fourth = square * square
    third = tuple(_cubes([v, *columns], exponents))
    p4, p5 = sum_of(fourth, 4 * e), sum_of(fourth * v, 5 * e)
    return third, (second[0], third[0], p4, p4, p5)


def _cubes(columns: Sequence[Floats], exponents: Sequence[int]) -> Iterable[Dyadic]:
    count = range(len(columns))
    squares = {(i, j): columns[i] * columns[j] for i, j in combinations_with_replacement(count, 2)}
    for i, j, k in combinations_with_replacement(count, 3):
        exponent = exponents[i] + exponents[j] + exponents[k]
        yield sum_of(squares[i, j] * columns[k], exponent)


def clustered_of(
    rows: Rows, codes: NDArray[np.intp], names: Sequence[str], nonfinite: int = 0
) -> Clustered:
    """Return the sums of every cluster of rows; ``codes`` say which of the names a row is of."""
    sizes = np.bincount(codes, minlength=len(names))
    found = np.flatnonzero(sizes)
    counts = sizes[found]
    groups = len(found)
    index = (np.cumsum(sizes > 0) - 1)[codes]
    sums = [[ZERO] * groups for _ in range(1 + len(rows.losses))]
    for piece in _pieces(rows):
        part = index[piece.rows]
        v: Column = (np.ones(piece.size),) if piece.v is None else piece.v
        for at, (column, exponent) in enumerate(zip((v, *piece.u), piece.exponents, strict=True)):
            own = grouped(column, exponent, part, groups)
            sums[at] = [x + y for x, y in zip(sums[at], own, strict=True)]
    each = zip(found.tolist(), counts.tolist(), zip(*sums, strict=True), strict=True)
    return Clustered(nonfinite, {names[at]: Cluster(count, first) for at, count, first in each})
