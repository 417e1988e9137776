"""One pass over the data: counts over all rows, and the first rows themselves.

Counts, extremes and exact sums are taken of every row. Order, repeats and scale are judged by the
first 2²⁰ rows, which are kept; so memory does not grow with the file, and nothing depends on how
it was cut into blocks.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lossctl.batch import Batch, Place, Text
from lossctl.diagnosis.seen import Reading, Seen, seen_in, stack_of
from lossctl.engines.local import run
from lossctl.sources.marks import joined, of_values
from lossctl.sources.table import Want
from lossctl.tables import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lossctl.options import Options
    from lossctl.passes import Watch
    from lossctl.sources.table import Counts, FirstGap

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

SLICE = 1 << 16  # rows that are summed at a time


class Kept(NamedTuple):
    """The first rows: ``y`` is n × columns, or codes into ``names`` where the truth is labels.

    ``pred`` is n × k, ``keys`` marks of the key columns, ``places`` the batches they come from.
    """

    y: Floats
    names: tuple[str, ...]
    pred: Floats
    keys: NDArray[np.int64] | None
    rows: NDArray[np.int64]
    places: tuple[Batch, ...]

    def mark(self, index: int) -> Place:
        """Return the place of one of the rows."""
        return mark_of(self.places, int(self.rows[index]))


class Facts(NamedTuple):
    """All that one pass found. ``repeats`` are marks of whole records, from the first on."""

    seen: Seen
    kept: Kept
    marks: NDArray[np.int64] | None
    records: tuple[Batch, ...]
    counts: Counts
    gap: FirstGap | None


def mark_of(places: Sequence[Batch], row: int) -> Place:
    """Return the place of a row, by its number, in one of the batches."""
    batch = next(b for b in reversed(places) if b.first_row <= row)
    return Place(row, batch.file, batch.lines.of(row - batch.first_row))


def gather(table: Any, reading: Reading, options: Options, watch: Watch | None) -> Facts:
    """Return what one pass over the table finds."""
    threads = prepare(table, _wants(table.names, reading), options._replace(missing="skip"))
    marked = _Marked(table, reading.limit)
    seen = Seen()
    parts: list[_Part] = []
    for more, part in run(marked, partial(_look, reading), threads):
        seen += more
        if part is not None:
            parts.append(part)
        if watch is not None:
            watch(table.progress, table.rows)
    counts = table.finish()
    marks = np.concatenate(marked.marks) if marked.marks else None
    return Facts(seen, _together(parts, reading), marks, tuple(marked.places), counts, table.gap)


class _Marked:
    """A table that also gives the marks of its first records."""

    def __init__(self, table: Any, limit: int) -> None:
        self._table = table
        self._limit = limit
        self._whole = True
        self.marks: list[NDArray[np.int64]] = []
        self.places: list[Batch] = []

    def blocks(self) -> Iterator[Any]:
        return iter(self._table.blocks())

    def parse(self, block: Any) -> Any:
        marks = self._table.row_marks(block) if self._table.rows < self._limit else None
        return self._table.parse(block), marks

    def place(self, parsed: Any) -> tuple[Batch, ...]:
        before = self._table.rows
        batches: tuple[Batch, ...] = tuple(self._table.place(parsed[0]))
        size = self._table.rows - before
        marks = parsed[1]
        # A block whose records the marks do not count alike ends the search for repeats.
        self._whole = self._whole and marks is not None and len(marks) == size
        if self._whole and before < self._limit:
            self.marks.append(marks[: self._limit - before])
            self.places += map(_bare, batches)
        return batches


class _Part(NamedTuple):
    y: Floats
    text: Text | None
    pred: Floats
    keys: NDArray[np.int64] | None
    rows: NDArray[np.int64]
    place: Batch


def _bare(batch: Batch) -> Batch:
    return replace(batch, columns={}, texts={}, rows=None)


def _wants(names: tuple[str, ...], reading: Reading) -> tuple[Want, ...]:
    columns = reading.columns
    wants = [Want(name, names.index(name), infinite=True) for name in columns.pred]
    if columns.weight is not None and columns.weight not in columns.pred:
        wants.append(Want(columns.weight, names.index(columns.weight)))
    for name in columns.y:
        if reading.truth == "labels":
            classes = columns.classes or ()
            wants.append(Want(name, names.index(name), "text", classes=classes))
        elif name not in columns.pred:
            kind: Literal["binary", "number"] = "binary" if reading.truth == "binary" else "number"
            wants.append(Want(name, names.index(name), kind))
    texts = {want.name for want in wants if want.kind == "text"}
    wants += [Want(n, names.index(n), "raw") for n in reading.keys if n not in texts]
    return tuple(wants)


def _look(reading: Reading, batch: Batch) -> tuple[Seen, _Part | None]:
    slices = [batch.part(at, at + SLICE) for at in range(0, batch.size, SLICE)]
    seen = reduce(Seen.__add__, (seen_in(reading, part) for part in slices), Seen())
    if batch.first_row > reading.limit or not batch.size:
        return seen, None
    size = int(np.searchsorted(batch.row_numbers(), reading.limit, side="right"))
    first, columns = batch.part(0, size), reading.columns
    text = first.texts[columns.y[0]] if reading.truth == "labels" else None
    y = np.empty((0, 0)) if text is not None else stack_of(first, columns.y)
    keys = None
    if reading.keys:
        cells = (of_values(c.names)[c.codes] for n in reading.keys if (c := first.texts[n]))
        keys = joined(cells, first.size)
    return seen, _Part(
        y, text, stack_of(first, columns.pred), keys, first.row_numbers(), _bare(batch)
    )


def _together(parts: Sequence[_Part], reading: Reading) -> Kept:
    """Return the rows of all parts as one; labels are numbered by their names in order."""
    k = len(reading.columns.pred)
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return Kept(np.empty((0, 1)), (), np.empty((0, k)), None, nothing, ())
    names: tuple[str, ...] = ()
    y = np.concatenate([part.y for part in parts])
    texts = [part.text for part in parts if part.text is not None]
    if texts:
        known = sorted({text.names[code] for text in texts for code in np.unique(text.codes)})
        place = {name: at for at, name in enumerate(known)}
        tables = [np.array([place.get(n, 0) for n in text.names]) for text in texts]
        codes = [table[text.codes] for table, text in zip(tables, texts, strict=True)]
        y, names = np.concatenate(codes).astype(np.float64)[:, np.newaxis], tuple(known)
    keys = [part.keys for part in parts if part.keys is not None]
    return Kept(
        y,
        names,
        np.concatenate([part.pred for part in parts]),
        np.concatenate(keys) if keys else None,
        np.concatenate([part.rows for part in parts]),
        tuple(part.place for part in parts),
    )
