"""One pass over a file of truth and predictions: every column, pair and row, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.engines.local import run
from lossctl.fitting import roles_of
from lossctl.repeats import KEPT, Register, Repeats
from lossctl.signature import row_words
from lossctl.sources.columns import select
from lossctl.sources.table import Want
from lossctl.tables import open_table, prepare
from lossctl.vitals import Column, Pair, Votes, cells_of, column_of, pair_of, votes_of

if TYPE_CHECKING:
    from lossctl.batch import Batch
    from lossctl.fitting import First
    from lossctl.options import Options
    from lossctl.passes import Watch
    from lossctl.repeats import Words


class Chart(NamedTuple):
    """What is looked at: pairs of a truth and a prediction, or the columns of classes.

    ``joint`` are selectors of several truths and as many predictions, which are scored together.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    truth: str | None = None
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    selector: str = ""
    weight: str | None = None
    joint: tuple[str, str] | None = None

    @property
    def truths(self) -> tuple[str, ...]:
        """The columns of the truth, once each."""
        label = (self.truth,) if self.truth else ()
        return tuple(dict.fromkeys((*label, *(y for y, _ in self.pairs))))

    @property
    def predictions(self) -> tuple[str, ...]:
        """The columns of predictions, once each."""
        return tuple(dict.fromkeys((*self.names, *(p for _, p in self.pairs))))


class Seen(NamedTuple):
    """What was counted of the whole table."""

    rows: int
    columns: dict[str, Column]
    pairs: dict[tuple[str, str], Pair]
    votes: Votes | None
    repeats: Repeats


def chart_of(first: First, options: Options) -> Chart:
    """Return what to look at, or raise InputError or UsageError where nothing says so."""
    header = first.header
    weight = None if options.weight is None else select(header, options.weight).names[0]
    if options.y is not None and len(select(header, options.y).names) > 1:
        if options.pred is None:
            raise header.error("which columns are the predictions? Use -p")
        y, pred = select(header, options.y), select(header, options.pred)
        if len(y.names) != len(pred.names):
            raise header.error(f"{len(y.names)} truths and {len(pred.names)} predictions")
        names = y.names
        if y.stars and pred.stars and set(y.stars) == set(pred.stars):
            names = tuple(y.names[y.stars.index(star)] for star in pred.stars)
        pairs = tuple(zip(names, pred.names, strict=True))
        return Chart(pairs, weight=weight, joint=(options.y, options.pred))
    truth, classes, singles = roles_of(first, options, loose=True)
    pairs = tuple((truth, name) for name in singles)
    if classes is None:
        if not pairs:
            raise header.error("which column is the prediction ŷ? Use -p")
        return Chart(pairs, weight=weight)
    return Chart(pairs, truth, classes.columns, classes.names, classes.selector, weight)


def survey(
    source: Any, options: Options, chart: Chart, keys: Sequence[str], watch: Watch | None
) -> Seen:
    """Return what is counted of the whole table, in one pass."""
    with open_table(source, options) as table:
        wants = tuple(Want(name, at, "raw") for at, name in enumerate(table.names))
        threads = prepare(table, wants, options)
        names = tuple(
            dict.fromkeys(filter(None, (*chart.truths, *chart.predictions, chart.weight)))
        )
        register = Register()
        columns = {name: Column() for name in names}
        pairs = {pair: Pair() for pair in chart.pairs}
        votes: Votes | None = None

        def look(batch: Batch) -> tuple[Batch, Words | None, _Part]:
            words = None
            if batch.first_row <= KEPT:
                words = row_words([batch.texts[n] for n in keys or table.names], batch.size)
            return batch, words, _part(batch, chart, names, options)

        placed = None if watch is None else lambda: watch(table.progress, table.rows)
        for batch, words, part in run(table, look, threads, placed):
            if words is not None:
                register.add(batch, words)
            for name, column in part.columns.items():
                columns[name] += column
            for pair, more in part.pairs.items():
                pairs[pair] += more
            if part.votes is not None:
                votes = part.votes if votes is None else votes + part.votes
        return Seen(table.finish().rows, columns, pairs, votes, register.repeats())


class _Part(NamedTuple):
    columns: dict[str, Column]
    pairs: dict[tuple[str, str], Pair]
    votes: Votes | None


def _part(batch: Batch, chart: Chart, names: Sequence[str], options: Options) -> _Part:
    """Return what is counted of a slice."""
    cells = {
        name: cells_of(
            batch.texts[name],
            options.positive if name in chart.truths else None,
            truth=name in chart.truths,
        )
        for name in names
    }
    columns = {name: column_of(batch, name, found) for name, found in cells.items()}
    pairs = {(y, p): pair_of(batch, p, cells[y].values, cells[p].values) for y, p in chart.pairs}
    votes = None
    if chart.truth is not None:
        shares = [cells[name].values for name in chart.names]
        votes = votes_of(batch, chart.truth, chart.names, chart.classes, shares)
    return _Part(columns, pairs, votes)
