"""What a cell may say: the grammar of numbers and of missing values, in one place.

A number is an optional sign and a decimal or scientific ASCII notation, or ``inf``, ``infinity``
or ``nan`` in any case, with spaces or tabs around it. Python's ``float`` takes more (``1_000``,
``１``), so what it is given is guarded.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MISSING = frozenset({"", "na", "n/a", "null", "none", "nan"})
TRUTHS = {"true": "1", "false": "0"}
BLANKS = " \t"
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip(BLANKS).lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    return _NUMBER.fullmatch(cell.strip(BLANKS)) is not None


def bare_keys(cells: Sequence[str]) -> list[str]:
    """Return keys as they are compared: without the blanks around them."""
    return [cell.strip(BLANKS) for cell in cells]


def to_labels(cells: Sequence[str]) -> tuple[NDArray[np.float64], int | None]:
    """Return the numbers of a column of binary labels, in which true is 1 and false is 0."""
    values, bad = to_numbers(cells)
    if bad is None:
        return values, None
    return to_numbers([TRUTHS.get(cell.strip(BLANKS).lower(), cell) for cell in cells])


def to_numbers(cells: Sequence[str]) -> tuple[NDArray[np.float64], int | None]:
    """Return the numbers of a column, NaN where missing, and the first cell that is neither."""
    joined = "".join(cells)
    # What is left are the ASCII characters, among which float() knows no number we do not.
    if joined.isascii() and joined.isprintable() and "_" not in joined:
        try:
            return np.array(list(map(float, cells)), dtype=np.float64), None
        except ValueError:
            pass
    values = np.empty(len(cells))
    for index, cell in enumerate(cells):
        if is_missing(cell):
            values[index] = math.nan
        elif is_number(cell):
            values[index] = float(cell.strip(BLANKS))
        else:
            return values, index
    return values, None
