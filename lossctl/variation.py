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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations_with_replacement, zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.dyadic import ZERO, Dyadic, bands, gram, grouped, sum_of
from lossctl.errors import UsageError
from lossctl.losses.accurate import two_product
from lossctl.scoring import Scores
from lossctl.task import Task
from lossctl.values import per_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from lossctl.dyadic import Column

    Floats = NDArray[np.float64]

Sums = tuple[Dyadic, ...]
FINE = 64  # bits to which the working model of clusters is rounded


@dataclass(frozen=True, slots=True)
class Gram:
    """Sums over rows with w > 0 and finite losses; ``nonfinite`` counts the others of them.

    ``first``: Σv and Σu_j. ``second``: Σv², Σv·u_j, Σu_i·u_j, i ≤ j. ``third``: in the same order
    of the products of three of v, u_a and u_b − u_a. ``working``: Σs, Σsv, Σsv², Σs², Σs²v with
    s = v², which the variances are in proportion to where those of the losses are one. ``Gram()``
    is the identity of ``+``.

    Where rows come in ``clusters``, each of them is one of the ``rows`` here, and
    s = v²·(ρ + (1 − ρ)/m) of its m rows: the working model is that they correlate by ρ = ½.
    """

    rows: int = 0
    nonfinite: int = 0
    first: Sums = ()
    second: Sums = ()
    third: Sums = ()
    working: Sums = ()
    clusters: bool = False

    def __add__(self, other: Gram) -> Gram:
        """Join the sums; the order does not matter."""
        return Gram(
            self.rows + other.rows,
            self.nonfinite + other.nonfinite,
            _added(self.first, other.first),
            _added(self.second, other.second),
            _added(self.third, other.third),
            _added(self.working, other.working),
            self.clusters or other.clusters,
        )

    def settled(self) -> Gram:
        """Return the sums of independent units: of the rows."""
        return self


class Cluster(NamedTuple):
    """The rows of one cluster, and their Σv and Σu_j."""

    rows: int
    first: Sums

    def join(self, other: Cluster) -> Cluster:
        """Return the sums of both."""
        return Cluster(self.rows + other.rows, _added(self.first, other.first))


@dataclass(frozen=True, slots=True)
class Clustered:
    """The sums of every cluster, by its label. ``Clustered()`` is the identity of ``+``."""

    nonfinite: int = 0
    clusters: Mapping[str, Cluster] = field(default_factory=dict)

    def __add__(self, other: Clustered) -> Clustered:
        """Join the sums of every label; the order does not matter."""
        few, many = sorted((self.clusters, other.clusters), key=len)
        joined = dict(many)
        for label, cluster in few.items():
            joined[label] = joined[label].join(cluster) if label in joined else cluster
        return Clustered(self.nonfinite + other.nonfinite, joined)

    def settled(self) -> Gram:
        """Return the sums of independent units: of the clusters, each as one row."""
        clusters = [cluster.first for cluster in self.clusters.values()]
        if not clusters:
            return Gram(nonfinite=self.nonfinite, clusters=True)
        e_v = min(sums[0].exponent for sums in clusters)
        e_u = min(x.exponent for sums in clusters for x in sums[1:])
        v = [sums[0].above(e_v) for sums in clusters]
        u = [
            [x.above(e_u) for x in column]
            for column in zip(*(c[1:] for c in clusters), strict=True)
        ]
        turned = u if len(u) == 1 else [u[0], [b - a for a, b in zip(*u, strict=True)]]

        def sums_of(columns: Sequence[Sequence[int]], power: int) -> Sums:
            return tuple(
                Dyadic.of(
                    _product_sum(*(columns[i] for i in at)), sum(e_u if i else e_v for i in at)
                )
                for at in combinations_with_replacement(range(len(columns)), power)
            )

        counts = [cluster.rows for cluster in self.clusters.values()]
        s = [(x * x * (m + 1) << FINE) // (2 * m) for x, m in zip(v, counts, strict=True)]
        columns = ((s,), (s, v), (s, v, v), (s, s), (s, s, v))
        exponents = (
            2 * e_v - FINE,
            3 * e_v - FINE,
            4 * e_v - FINE,
            4 * e_v - 2 * FINE,
            5 * e_v - 2 * FINE,
        )
        working = (
            Dyadic.of(_product_sum(*each), e) for each, e in zip(columns, exponents, strict=True)
        )
        return Gram(
            len(clusters),
            self.nonfinite,
            sums_of([v, *u], 1),
            sums_of([v, *u], 2),
            sums_of([v, *turned], 3),
            tuple(working),
            clusters=True,
        )


Part = Gram | Clustered


def _added(a: Sums, b: Sums) -> Sums:
    return tuple(x + y for x, y in zip_longest(a, b, fillvalue=ZERO))


def _product_sum(x: Sequence[int], *more: Sequence[int]) -> int:
    """Return the sum of the products of one to three columns."""
    if not more:
        return sum(x)
    if len(more) == 1:
        return sum(a * b for a, b in zip(x, more[0], strict=True))
    return sum(a * b * c for a, b, c in zip(x, *more, strict=True))


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
