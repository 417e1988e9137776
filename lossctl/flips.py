"""The paired sign-flip test: how often chance alone makes a difference as large as this one.

If two predictions are equally good, the difference d = u_b − u_a of a row is as likely to have
either sign. The signs of all rows (of whole clusters, where there are some) are flipped at random
many times, and p is (c + 1)/(n + 1), c of the n flips making a sum at least as far from 0 as that
observed. It assumes no more of the losses than that. A root or exp of the means grows with them
and leaves p as it is.

The rows are sorted first, so that p is the same for any order of them. Rows go in chunks of
``CHUNK``: a table has the sum of every choice of signs of a chunk, and random bytes choose.

Source: Phipson and Smyth, "Permutation p-values should never be zero" (2010).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.intervals import no_interval
from lossctl.kept import EXPLAINED, LIMIT, units_of
from lossctl.report import NoInterval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.kept import KeptRows
    from lossctl.task import Task

    Floats = NDArray[np.float64]

SEED = 12345
FLIPS = 9_999
CHUNK = 8  # rows whose signs are one random byte
BLOCK = 256  # chunks whose tables are made at a time
TIES = 1e-10  # sums this near the observed one, relative to it, are the same but for rounding


class Flipped(NamedTuple):
    """The two-sided p of the test, how many flips it rests on, and of what."""

    p: float
    flips: int
    seed: int
    n_units: int
    clusters: bool


def flips_of(
    tasks: tuple[Task, Task], kept: KeptRows, flips: int = FLIPS, seed: int = SEED
) -> Flipped | NoInterval:
    """Return the p of no difference between two tasks, or why there is none."""
    for task in tasks:
        reason = no_interval(task)
        if task.bound.loss.aggregate in EXPLAINED:
            reason = f"{task.bound.loss.name} is no mean: its rows cannot be flipped"
        if reason is not None:
            return NoInterval(reason)
    if kept.nonfinite:
        return NoInterval(f"{kept.nonfinite} of the losses are not finite")
    if kept.rows > LIMIT:
        return NoInterval(f"sign flips keep at most {LIMIT:,} rows, got {kept.rows:,}")
    if not kept.rows:
        return NoInterval("no rows to flip")
    _, a, b = units_of(kept)
    clusters = kept.blocks[0].labels is not None
    return Flipped(p_of(b - a, flips, seed), flips, seed, len(a), clusters)


def p_of(d: Floats, flips: int = FLIPS, seed: int = SEED) -> float:
    """Return the two-sided p of differences, which flips of their signs share."""
    d = np.sort(d[d != 0.0])
    observed = abs(math.fsum(d.tolist()))
    if not len(d) or not observed:
        return 1.0
    sums = np.abs(flipped_sums(d, flips, seed))
    rounding = 2.0**-52 * math.sqrt(len(d)) * float(np.abs(d).max())
    reached = int(np.count_nonzero(sums >= observed - max(TIES * observed, rounding)))
    return (reached + 1) / (flips + 1)


def flipped_sums(d: Floats, flips: int, seed: int) -> Floats:
    """Return Σ ±d for random signs, as many times as asked."""
    chunks = -(-len(d) // CHUNK)
    table = np.zeros((chunks, CHUNK))
    table.reshape(-1)[: len(d)] = d
    rng = np.random.default_rng(seed)
    words = -(-flips // 8)
    sums, taken = np.zeros(flips), np.empty(flips)
    for start in range(0, chunks, BLOCK):
        tables = _tables(table[start : start + BLOCK])
        random = rng.integers(0, 1 << 64, (len(tables), words), dtype=np.uint64).astype("<u8")
        for line, choice in zip(tables, random.view(np.uint8), strict=True):
            np.take(line, choice[:flips], out=taken, mode="clip")
            sums += taken
    return sums


def _tables(chunks: Floats) -> Floats:
    """Return the sums of every choice of signs of each chunk (a line of ``CHUNK`` numbers)."""
    sums = np.zeros((len(chunks), 1))
    for column in chunks.T[:, :, np.newaxis]:
        sums = np.concatenate([sums + column, sums - column], axis=1)
    return sums
