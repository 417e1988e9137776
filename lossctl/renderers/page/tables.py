"""Tables of the page: what a cell shows, and by what it is sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lossctl.renderers.look import Look

SEVERAL = 3  # numbers of a list that are shown
LONG = 28  # letters from which a text is wrapped
FILTERED = 8  # rows from which a table has a filter


class Cell(NamedTuple):
    """What is shown; ``value`` is a whole number to sort by, ``bar`` a share of the longest bar.

    ``mark`` is the class of a verdict, or nothing.
    """

    text: str
    value: str | None = None
    bar: float | None = None
    mark: str = ""

    @property
    def long(self) -> bool:
        """Whether the text needs lines of its own."""
        return len(self.text) > LONG


class Table(NamedTuple):
    """A table: names of columns, whether they are sorted as numbers, and rows of cells."""

    title: str
    head: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def filtered(self) -> bool:
        """Whether it is long enough to look for rows."""
        return len(self.rows) >= FILTERED


BLANK = Cell("–")


def table(title: str, columns: Mapping[str, Sequence[Cell]]) -> Table:
    """Return a table of columns; one in which only numbers stand is sorted as numbers."""
    shown = {name: cells for name, cells in columns.items() if any(c != BLANK for c in cells)}
    numeric = tuple(
        all(cell.value is not None or cell == BLANK for cell in cells) for cells in shown.values()
    )
    return Table(title, tuple(shown), numeric, tuple(zip(*shown.values(), strict=True)))


def cell(value: object, look: Look) -> Cell:
    """Return the cell of anything a report holds: a number, a label, a list, or nothing."""
    if value is None:
        return BLANK
    if isinstance(value, int):
        return Cell(str(value), str(value))
    if isinstance(value, float):
        return Cell(look.number(value), _sortable(value))
    if isinstance(value, (list, tuple)):
        few = ", ".join(cell(item, look).text for item in value[:SEVERAL])
        return Cell(f"{few}, …" if len(value) > SEVERAL else few)
    return Cell(str(value))


def share(value: float | None, *, signed: bool = False) -> Cell:
    """Return the cell of a share, in percent."""
    if value is None:
        return BLANK
    return Cell(f"{value:+.2%}" if signed else f"{value:.2%}", _sortable(value))


def _sortable(x: float) -> str:
    """Return a number as the script reads it, in all its digits."""
    return repr(x).replace("inf", "Infinity").replace("nan", "NaN")
