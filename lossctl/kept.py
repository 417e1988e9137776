"""Rows that are kept because they are drawn from: what resampling and sign flips need of each.

Memory grows with the rows, so there is a limit. At the end they are sorted by what they hold, or
added up exactly by cluster and these sorted, so that seeded draws meet the same rows whatever
their order was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.batch import Text
from lossctl.exact import ONE, grouped_units, product_total, ratio, total
from lossctl.scoring import Scores
from lossctl.task import Task
from lossctl.values import per_of
from lossctl.variation import check_same_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LIMIT = 1 << 20  # rows
EXPLAINED = ("r2", "explained_variance")


class Block(NamedTuple):
    """Columns of some rows: weights (None for ones), divisors (None for ones), and the rest.

    The rest are the losses of every task, or y and ŷ where the value explains the spread of y.
    """

    weight: Floats | None
    per: Floats | None
    rest: tuple[Floats, ...]
    labels: Text | None


@dataclass(frozen=True, slots=True, eq=False)
class KeptRows:
    """Rows with w > 0 and finite numbers, in no order; ``nonfinite`` counts the others of them.

    ``KeptRows()`` is the identity of ``+``. Beyond ``LIMIT`` rows they are only counted.
    """

    rows: int = 0
    nonfinite: int = 0
    blocks: tuple[Block, ...] = ()

    def __add__(self, other: KeptRows) -> KeptRows:
        """Join the rows; the order makes no difference to ``units_of``."""
        rows = self.rows + other.rows
        blocks = self.blocks + other.blocks if rows <= LIMIT else ()
        return KeptRows(rows, self.nonfinite + other.nonfinite, blocks)


@dataclass(frozen=True)
class Kept:
    """The probe that keeps the rows of one task, or of two that are compared.

    ``chosen`` are the tasks at the positions ``at``. Make it with ``kept_of``.
    """

    at: tuple[int, ...]
    chosen: tuple[Task, ...]
    cluster: str | None = None

    def look(self, scores: Sequence[Scores]) -> KeptRows:
        """Return the rows that count."""
        taken = [scores[at] for at in self.at]
        check_same_rows(taken)
        first, task = taken[0], self.chosen[0]
        aggregate = task.bound.loss.aggregate
        if aggregate in EXPLAINED:
            rest = tuple(np.asarray(x, dtype=np.float64) for x in (first.y, first.pred))
        else:
            rest = tuple(each.loss for each in taken)
        per = per_of(task, first) if aggregate == "ratio" else None
        weight = first.weight
        counts = np.ones(len(rest[0]), dtype=bool) if weight is None else weight > 0.0
        finite = reduce(np.logical_and, map(np.isfinite, rest), counts)
        for factor in (weight, per):
            if factor is not None:
                finite = finite & np.isfinite(factor)
        size = int(np.count_nonzero(finite))
        labels = None if self.cluster is None else first.batch.texts[self.cluster]
        block = Block(
            None if weight is None else weight[finite],
            None if per is None else per[finite],
            tuple(x[finite] for x in rest),
            None if labels is None else labels[np.flatnonzero(finite)],
        )
        nonfinite = int(np.count_nonzero(counts)) - size
        return KeptRows(size, nonfinite, (block,) if 0 < size <= LIMIT else ())


def kept_of(tasks: Sequence[Task], at: tuple[int, ...], cluster: str | None = None) -> Kept:
    """Return the probe for the tasks at these positions."""
    return Kept(at, tuple(tasks[i] for i in at), cluster)


def units_of(kept: KeptRows, explained: bool = False) -> Floats:
    """Return a line of numbers for every row, or every cluster: those of a column lie together.

    They are v and the u of every task; where the value explains the spread of y they are w, w·y',
    w·y'², w·e and w·e², with y' = y − ȳ and e = ŷ − y. Weights are first divided by a power of
    two, which changes no value of them. The order is that of the numbers.
    """
    weight = _joined([block.weight for block in kept.blocks])
    per = _joined([block.per for block in kept.blocks])
    rest = [np.concatenate(parts) for parts in zip(*(b.rest for b in kept.blocks), strict=True)]
    w = np.ones(kept.rows)
    if weight is not None:
        w = np.ldexp(weight, -math.frexp(float(weight.max()))[1])
    with np.errstate(over="ignore"):
        if explained:
            y, yhat = rest
            y_off, e = y - _mean(y, w), yhat - y
            lines = [w, w * y_off, w * y_off * y_off, w * e, w * e * e]
        else:
            lines = [w if per is None else w * per, *(w * x for x in rest)]
    if kept.blocks[0].labels is not None:
        lines = _by_cluster(lines, kept)
    order = np.lexsort(lines)
    return np.stack([line[order] for line in lines])


def _joined(parts: Sequence[Floats | None]) -> Floats | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None


def _mean(y: Floats, w: Floats) -> float:
    return ratio(product_total(w, y).units, total(w).units)


def _by_cluster(lines: Sequence[Floats], kept: KeptRows) -> list[Floats]:
    """Return the exact sums of every cluster, rounded."""
    codes: dict[str, int] = {}
    parts = []
    for block in kept.blocks:
        assert block.labels is not None
        found, index = np.unique(block.labels.codes, return_inverse=True)
        names = [block.labels.names[at] for at in found.tolist()]
        numbers = [codes.setdefault(name, len(codes)) for name in names]
        parts.append(np.array(numbers, dtype=np.intp)[index])
    joined = np.concatenate(parts)
    sums = []
    for line in lines:
        units = grouped_units(line, joined, len(codes))
        sums.append(np.array([ratio(whole, ONE) for whole in units]))
    return sums
