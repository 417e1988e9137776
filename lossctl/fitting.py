"""Which losses fit a table: what its first rows and the names of its columns say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.errors import InputError, UsageError
from lossctl.sources.columns import ANONYMOUS, PREDICTION, TRUTH, Header, select
from lossctl.sources.numbers import BLANKS, TRUTHS, is_missing, is_number, to_numbers
from lossctl.sources.table import Want
from lossctl.tables import header_of, open_table
from lossctl.task import class_position

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.batch import Text
    from lossctl.options import Options

ROWS = 4096  # that are looked at
PIECE = 1 << 18  # bytes that are parsed for them
STEMS = ("p_", "prob_", "proba_", "probability_")  # how columns of class probabilities begin
UNEVEN = 1e-2  # by how much probabilities that sum to 1 may miss it
FEW = 12  # labels at most in a column of groups
FAMILIES = {
    "regression": ("rmse", "mae"),
    "probability": ("bce", "brier"),
    "logit": ("bce_with_logits",),
    "classes": ("cce",),
}


class Column(NamedTuple):
    """What the first rows of a column hold.

    ``labels`` are the texts that are not missing, once each; ``numbers`` is None where one is no
    number; ``whole``: nothing is missing.
    """

    name: str
    labels: tuple[str, ...]
    numbers: NDArray[np.float64] | None
    whole: bool

    @property
    def binary(self) -> bool:
        """Whether it says only whether something happened."""
        return bool(self.labels) and all(
            TRUTHS.get(label.lower(), label) in ("0", "1", "0.0", "1.0") for label in self.labels
        )

    @property
    def unit(self) -> bool:
        """Whether all are numbers from 0 to 1."""
        return self.numbers is not None and bool(
            np.all((self.numbers >= 0.0) & (self.numbers <= 1.0))
        )


class First(NamedTuple):
    """The first rows of a table, column by column."""

    header: Header
    columns: tuple[Column, ...]
    rows: int

    def column(self, name: str) -> Column:
        """Return the column of a name."""
        return self.columns[self.header.names.index(name)]

    def selector(self, name: str) -> str:
        """Return what selects a column: its name, or its position where that is not unique."""
        if self.header.written.count(name) == 1:
            return name
        return str(self.header.names.index(name) + 1)


class Fit(NamedTuple):
    """Losses that fit a truth and a prediction, as selectors; ``rival`` predicts the same."""

    losses: tuple[str, ...]
    y: str
    pred: str
    rival: str | None = None


def first_rows(data: Any, options: Options) -> First:
    """Return what the first rows of a table hold, or raise InputError."""
    options = options._replace(block_size=PIECE)
    with open_table(data, options) as table:
        header = header_of(table, options)
        wants = tuple(Want(name, at, "raw") for at, name in enumerate(table.names))
        table.want(wants, skip=False, fast=False)
        for block in table.blocks():
            for batch in table.place(table.parse(block)):
                rows = batch.part(0, ROWS)
                if rows.size:
                    columns = tuple(_column(name, rows.texts[name]) for name in table.names)
                    return First(header, columns, rows.size)
        raise InputError("has a header and no rows", file=header.file)


def _column(name: str, text: Text) -> Column:
    cells = [text.names[code].strip(BLANKS) for code in text.codes.tolist()]
    there = [cell for cell in cells if not is_missing(cell)]
    values, bad = to_numbers(there)
    numbers = values if bad is None and there else None
    return Column(name, tuple(dict.fromkeys(there)), numbers, len(there) == len(cells))


def fits_of(first: First, options: Options) -> tuple[Fit, ...]:
    """Return the losses that fit, each with its columns, or raise UsageError where none does."""
    header, y, pred = first.header, options.y, options.pred
    if y is not None and len(select(header, y).names) > 1:
        if pred is None:
            raise header.error("which columns are the predictions? Use -p")
        return (Fit(FAMILIES["regression"], y, pred),)
    truth, classes, singles = roles_of(first, options)
    label = first.column(truth)
    found = []
    if classes is not None:
        found.append(Fit(FAMILIES["classes"], first.selector(truth), classes.selector))
    if not options.positive and len(label.labels) == 2 and singles and not found:
        _ask_which_counts(label)
    found += _single(first, label, singles, spelled=options.positive is not None)
    if not found:
        raise header.error("which column is the prediction ŷ? Use -p")
    return tuple(found)


class Roles(NamedTuple):
    """What the columns are for: one truth, classes that it names, predictions of single columns."""

    truth: str
    classes: Classes | None
    singles: list[str]


def roles_of(first: First, options: Options, *, loose: bool = False) -> Roles:
    """Return what the columns are for, or raise InputError where nothing says so.

    ``loose``: columns that the labels name are those of classes, whatever they hold.
    """
    pred = options.pred
    classes = _classes(first, pred)
    if classes is None and loose:
        classes = _classes(first, pred, loose=True)
        if classes is not None and not _surely(first, options, classes):
            classes = None
    predictions = () if pred is None else select(first.header, pred).names
    truth = _truth(first, options.y, predictions, classes)
    if classes is not None and not classes.named_by(first.column(truth)):
        classes = classes if loose and _surely(first, options, classes) else None
    taken = {truth, *(classes.columns if classes else ())}
    singles = [name for name in predictions if name not in taken]
    if pred is None:
        singles = _predictions(first, taken, alone=classes is None, loose=loose)
    return Roles(truth, classes, singles)


def _surely(first: First, options: Options, classes: Classes) -> bool:
    """Whether the labels name columns by their names, or more than two by their places."""
    try:
        label = first.column(_truth(first, options.y, classes.columns, classes))
    except InputError:
        return False
    named = [text for text in label.labels if class_position(text, classes.names) is not None]
    literal = set(named) <= set(classes.names)
    return 1 < len(named) > len(label.labels) / 2 and (literal or len(named) > 2)


def _ask_which_counts(label: Column) -> None:
    if label.numbers is None and not label.binary:
        one, other = label.labels
        raise UsageError(
            f"{label.name} is {one} or {other}: which counts as 1? Use --positive {other}"
        )


class Classes(NamedTuple):
    """Columns of probabilities that sum to 1, what selects them, and the classes they are of."""

    selector: str
    columns: tuple[str, ...]
    names: tuple[str, ...]

    def named_by(self, label: Column) -> bool:
        """Whether every label of a column is one of the classes."""
        return label.name not in self.columns and all(
            class_position(text, self.names) is not None for text in label.labels
        )


def _truth(first: First, y: str | None, predictions: Sequence[str], classes: Classes | None) -> str:
    """Return the truth: what was named, what is named like one, or what names the classes."""
    header = first.header
    if y is not None:
        return select(header, y).names[0]
    written = dict(zip(header.names, header.written, strict=True))
    free = [name for name in header.names if name not in predictions]
    named = [name for name in free if written[name].casefold() in TRUTH]
    if not named and classes is not None:
        named = [name for name in free if classes.named_by(first.column(name))]
    if not named and _two(header):
        named = free[:1]
    if len(named) != 1:
        more = f" {', '.join(named)} could be." if named else ""
        raise header.error(f"which column is the truth y?{more} Use -y")
    return named[0]


def _two(header: Header) -> bool:
    plain = all(name.casefold() not in ANONYMOUS for name in header.names)
    return len(header.names) == 2 and plain


def _classes(first: First, pred: str | None, *, loose: bool = False) -> Classes | None:
    """Return the columns of probabilities that sum to 1: those named, or named like ones.

    ``loose``: any columns of numbers.
    """
    for selector in [f"{stem}*" for stem in STEMS] if pred is None else [pred]:
        try:
            chosen = select(first.header, selector)
        except InputError:
            if pred is None:
                continue
            raise
        columns = [first.column(name) for name in chosen.names]
        numbers = [
            x.numbers for x in columns if x.numbers is not None and (loose or (x.unit and x.whole))
        ]
        if len(columns) < 2 or len(numbers) < len(columns):
            continue
        if loose or np.all(np.abs(np.sum(numbers, axis=0) - 1.0) <= UNEVEN):
            return Classes(selector, chosen.names, chosen.stars or chosen.names)
    return None


def _predictions(first: First, taken: set[str], *, alone: bool, loose: bool) -> list[str]:
    """Return the columns of numbers that are named like a prediction, or begin with such a name.

    ``loose``: most of their cells are numbers.
    """
    header = first.header
    written = dict(zip(header.names, header.written, strict=True))
    free = [
        name
        for name in header.names
        if name not in taken and _numeric(first.column(name), loose=loose)
    ]
    exact = [name for name in free if written[name].casefold() in PREDICTION]
    begun = [name for name in free if name not in exact and _begins(written[name].casefold())]
    if alone and not exact and not begun and _two(header):
        return free
    return exact + begun


def _numeric(column: Column, *, loose: bool) -> bool:
    if column.numbers is not None or not loose:
        return column.numbers is not None
    return 2 * sum(map(is_number, column.labels)) > len(column.labels)


def _begins(name: str) -> bool:
    return any(
        name.startswith(known) and not name[len(known) :][:1].isalpha() for known in PREDICTION
    )


def _single(first: First, y: Column, names: Sequence[str], *, spelled: bool) -> list[Fit]:
    """Return what fits single predictions: those of one kind are rivals of each other."""
    kinds: dict[str, list[str]] = {}
    binary = spelled or y.binary
    both = len(y.labels) > 1  # a truth of one value only may be any number further on
    for name in names:
        column = first.column(name)
        if column.numbers is None or (y.numbers is None and not binary):
            continue
        kind = "regression"
        if binary and (spelled or not column.binary):
            if "logit" in name.casefold() or (both and not column.unit):
                kind = "logit"
            elif column.unit:
                kind = "probability"
        kinds.setdefault(kind, []).append(first.selector(name))
    truth = first.selector(y.name)
    return [
        Fit(FAMILIES[kind], truth, found[0], found[1] if len(found) > 1 else None)
        for kind, found in kinds.items()
    ]


def group_of(first: First, fits: Sequence[Fit]) -> tuple[str, ...]:
    """Return what selects a column of few text values, by which rows can be grouped."""
    used = {
        name
        for fit in fits
        for selector in (fit.y, fit.pred, fit.rival)
        if selector is not None
        for name in select(first.header, selector).names
    }
    for column in first.columns:
        few = 2 <= len(column.labels) <= min(FEW, first.rows / 2)
        if few and column.numbers is None and column.whole and column.name not in used:
            return (first.selector(column.name),)
    return ()
