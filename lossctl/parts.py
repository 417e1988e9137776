"""The sums that intervals rest on, of rows or of clusters: frozen values that add up.

What they are of, and why, is in ``lossctl.variation``, which makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, zip_longest
from typing import NamedTuple

from lossctl.dyadic import ZERO, Dyadic

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
