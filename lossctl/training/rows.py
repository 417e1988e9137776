"""The rows that a model is fitted to: read from the table as often as they are needed.

Where they are few they are kept, else every epoch reads the file anew: memory does not grow with
it. Which rows are kept apart for validation is decided by a hash of the seed and the row's number.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lossctl.batch import Batch
from lossctl.engines.local import run
from lossctl.errors import InputError, ZeroWeights
from lossctl.passes import changed, identities
from lossctl.scoring import NO_MARKS, check_marks, truths, weights_of
from lossctl.tables import open_table, paths_of, prepare
from lossctl.training.chunks import Chunk
from lossctl.training.problem import one_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from lossctl.options import Options
    from lossctl.passes import Watch
    from lossctl.sources.table import Counts
    from lossctl.training.problem import Problem

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Result = TypeVar("Result")
KEPT = 1 << 23  # numbers of a file that are kept: 64 MiB
FIRST = 64  # rows in which most features vary
GOLDEN, MIX = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


class Sides(NamedTuple):
    """Rows to train on, and rows that are held out, if any are."""

    training: Chunk
    validation: Chunk | None


class Part(NamedTuple):
    """The rows of one block that count, and which of them are held out for validation."""

    batch: Batch
    rows: Chunk
    held: Flags | None
    marks: Any

    def sides(self) -> Sides:
        """Return the rows to train on, and those that are held out."""
        if self.held is None:
            return Sides(self.rows, None)
        return Sides(self.rows.of(~self.held), self.rows.of(self.held))


def held_out(rows: NDArray[np.int64], seed: int, share: float) -> Flags:
    """Return which rows are held out, by a hash of the seed and their numbers.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), whose
    mixing function this is.
    """
    with np.errstate(over="ignore"):
        z = (rows.astype(np.uint64) + np.uint64(seed % (1 << 64))) * np.uint64(GOLDEN)
        z = z + np.uint64((seed * MIX[0] + GOLDEN) % (1 << 64))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX[0])
        z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX[1])
        z ^= z >> np.uint64(31)
    flags: Flags = (z >> np.uint64(11)) < np.uint64(round(share * (1 << 53)))
    return flags


class Split(NamedTuple):
    """Which rows are held out for validation: a share of them, drawn by a seed."""

    seed: int
    share: float


class Seen(NamedTuple):
    """What one pass over all rows tells: how many there are on either side, and how many read."""

    counts: Counts
    training: int
    validation: int


class Rows:
    """The rows of a problem, in the order of the file, as often as they are asked for."""

    def __init__(self, source: Any, problem: Problem, options: Options, split: Split) -> None:
        self.source = source
        self.problem = problem
        self._options = options
        self._split = split
        self._identities = identities(source)
        self._kept: list[Sides] | None = None
        self._seen: Seen | None = None

    @property
    def kept(self) -> bool:
        """Whether all rows are in memory."""
        return self._kept is not None

    @property
    def seen(self) -> Seen:
        """What the first look told."""
        assert self._seen is not None
        return self._seen

    def training(self) -> Iterator[Chunk]:
        """Give the rows to train on."""
        for sides in self._sides():
            yield sides.training

    def validation(self) -> Iterator[Chunk]:
        """Give the rows that are held out."""
        for sides in self._sides():
            if sides.validation is not None:
                yield sides.validation

    def look(self, parameters: int, watch: Watch | None = None) -> Seen:
        """Read all rows once: refuse those from which nothing can be learned, keep them if few."""
        problem, in_memory = self.problem, paths_of(self.source) is None
        names = problem.named.features
        variety, truth = Variety(len(names)), Variety(1)
        kept: list[Sides] | None = []
        training = validation = numbers = 0
        heaviest, marks = 0.0, NO_MARKS
        with open_table(self.source, self._options) as table:
            for part in self._read(table, self._part, watch):
                sides = part.sides()
                chunk = sides.training
                variety.see(chunk.x)
                truth.see((chunk.y,))
                marks = marks.join(part.marks)
                training += chunk.size
                validation += part.rows.size - chunk.size
                weight = np.ones(1) if chunk.weight is None else chunk.weight
                heaviest = max(heaviest, float(weight.max(initial=0.0)))
                numbers += part.rows.size * (len(names) + 2)
                # Data in memory are there anyway; only views of them are kept.
                kept = None if kept is None or (numbers > KEPT and not in_memory) else kept
                if kept is not None:
                    kept.append(sides)
            counts = table.finish()
        check_marks(marks)
        if training < parameters:
            what = "rows to train on" if validation else "rows"
            raise InputError(f"{training} {what} are fewer than the {parameters} weights to learn")
        if self._split.share and not validation:
            raise InputError(
                f"--validation {self._split.share:g} holds none of {training} rows out"
            )
        if not heaviest:
            raise ZeroWeights("all weights are zero", column=problem.named.weight)
        if problem.task.classifies and not truth.varies[0]:
            raise one_class(problem.named.target)
        for name, varies in zip(names, variety.varies, strict=True):
            if not varies:
                what = "the same in all rows: it cannot be told from the intercept. Leave it out."
                raise InputError(what, column=name)
        self._kept = kept
        self._seen = Seen(counts, training, validation)
        return self._seen

    def _sides(self) -> Iterator[Sides]:
        return self.each(Part.sides) if self._kept is None else iter(self._kept)

    def each(self, work: Callable[[Part], Result]) -> Iterator[Result]:
        """Give what ``work`` makes of every block, read anew; the data must be the same still."""
        with open_table(self.source, self._options) as table:
            yield from self._read(table, lambda batch: work(self._part(batch)))
            same = identities(self.source) == self._identities
            if table.finish() != self.seen.counts or not same:
                raise changed(self.source)

    def _read(
        self, table: Any, work: Callable[[Batch], Result], watch: Watch | None = None
    ) -> Iterator[Result]:
        threads = prepare(table, self.problem.wants(table.names), self._options)
        placed = None if watch is None else partial(_tell, watch, table)
        yield from run(table, work, threads, placed)

    def _part(self, batch: Batch) -> Part:
        task, named = self.problem.task, self.problem.named
        batch, y, _, marks = truths(task, batch)
        assert y is not None
        columns = tuple(batch.numbers(name) for name in named.features)
        held = None
        if self._split.share:
            held = held_out(batch.row_numbers(), *self._split)
        return Part(batch, Chunk(columns, y, weights_of(task, batch, y)), held, marks)


def _tell(watch: Watch, table: Any) -> None:
    watch(table.progress, table.rows)


class Variety:
    """Which of some columns hold more than one value, so far."""

    def __init__(self, columns: int) -> None:
        self.varies = [False] * columns
        self._first: list[Any] = [None] * columns

    def see(self, columns: tuple[NDArray[Any], ...]) -> None:
        """Look at more rows of every column."""
        for at, column in enumerate(columns):
            if self.varies[at] or not len(column):
                continue
            if self._first[at] is None:
                self._first[at] = column[0]
            first = self._first[at]
            self.varies[at] = bool((column[:FIRST] != first).any() or (column != first).any())
