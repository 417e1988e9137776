"""What the first rows of a column look like: numbers, labels, probabilities, text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.sources.numbers import TRUTHS, is_missing, is_number, to_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

IDENTIFIERS = frozenset(
    ["id", "index", "key", "uuid", "guid", "row", "row_id", "row_number", "sample_id", "rowid"]
)
FEW = 20  # distinct values that still look like labels
NEARLY_ALL = 0.9  # share of distinct cells that makes a column tell rows apart


class Look(NamedTuple):
    """The first cells of a column that hold something; ``numbers`` where all of them are."""

    name: str
    cells: tuple[str, ...]
    numbers: Floats | None

    @property
    def kinds(self) -> int:
        """How many distinct cells there are."""
        return len(set(self.cells))

    @property
    def strays(self) -> tuple[str, ...]:
        """The cells that are no numbers, where at least half are."""
        if self.numbers is not None:
            return ()
        found = tuple(cell for cell in self.cells if not is_number(cell))
        return found if 2 * len(found) <= len(self.cells) else ()

    @property
    def text_labels(self) -> bool:
        """Whether it holds text for labels, of which some may be whole numbers."""
        numbers, _ = to_numbers([cell for cell in self.cells if is_number(cell)])
        return self.labels and bool((numbers == np.round(numbers)).all())

    @property
    def whole(self) -> bool:
        """Whether all cells are whole numbers."""
        x = self.numbers
        return x is not None and len(x) > 0 and bool((np.isfinite(x) & (x == np.round(x))).all())

    @property
    def unit(self) -> bool:
        """Whether all cells are numbers from 0 to 1."""
        x = self.numbers
        return x is not None and len(x) > 0 and bool(((x >= 0.0) & (x <= 1.0)).all())

    @property
    def spelled_truths(self) -> bool:
        """Whether all cells are true or false."""
        return bool(self.cells) and all(cell.strip().lower() in TRUTHS for cell in self.cells)

    @property
    def identifies(self) -> bool:
        """Whether nearly every row has a cell of its own."""
        return len(self.cells) > 1 and self.kinds >= NEARLY_ALL * len(self.cells)

    @property
    def labels(self) -> bool:
        """Whether it may well be a column of labels."""
        if self.numbers is None:
            return 1 < self.kinds <= max(FEW, len(self.cells) // 10)
        return self.whole and 1 < self.kinds <= FEW and self.kinds < len(self.cells)

    def in_words(self) -> str:
        """Return what it looks like, with what it is seen by."""
        if not self.cells:
            return "empty"
        if self.numbers is None:
            shown = ", ".join(sorted(set(self.cells))[:3])
            if self.spelled_truths or self.labels:
                return f"labels: {shown}{', …' if self.kinds > 3 else ''}"
            return "text"
        low, high = f"{self.numbers.min():.4g}", f"{self.numbers.max():.4g}"
        if self.labels:
            return f"labels or counts: {self.kinds} from {low} to {high}"
        if self.whole and self.identifies and _rises(self.numbers):
            return f"row numbers from {low}"
        if self.unit:
            return f"probabilities? from {low} to {high}"
        return f"{'whole numbers' if self.whole else 'numbers'} from {low} to {high}"


def _rises(x: Floats) -> bool:
    return bool((x[1:] > x[:-1]).all())


def looks(cells: Mapping[str, Sequence[str]]) -> dict[str, Look]:
    """Return the looks of all columns."""
    found = {}
    for name, column in cells.items():
        filled = tuple(cell for cell in column if not is_missing(cell))
        numbers, bad = to_numbers(filled)
        plain = bad is None and len(filled) > 0
        found[name] = Look(name, filled, numbers if plain else None)
    return found


def identifies(cells: Mapping[str, Sequence[str]], names: Sequence[str]) -> bool:
    """Whether one of the columns tells the distinct rows apart, so that no row comes twice.

    A few rows are told apart by anything.
    """
    rows = set(zip(*(cells[name] for name in cells), strict=True))
    order = list(cells)
    return len(rows) > FEW and any(
        len({row[order.index(name)] for row in rows}) >= NEARLY_ALL * len(rows) for name in names
    )
