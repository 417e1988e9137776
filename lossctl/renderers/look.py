"""How text looks where it goes: width, colour, digits, and what of the input is shown."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

BLOCKS = "▁▂▃▄▅▆▇█"
_COMMAND = re.compile(r"##(?=(?:vso|teamcity)?\[)")  # CI services look for these anywhere in a line


@dataclass(frozen=True, slots=True)
class Look:
    """The facts of the terminal that a renderer is given."""

    width: int = 80
    colour: bool = False
    precision: int = 6

    def number(self, x: float | None) -> str:
        """Return a number in significant digits."""
        return "–" if x is None else f"{x:.{self.precision}g}"


def printable(text: object) -> str:
    """Return text from the input so that nothing in it acts on a terminal or in a CI log."""
    shown = "".join(char if char.isprintable() else "�" for char in str(text))
    return _COMMAND.sub("#�", shown)


def printable_line(text: object) -> str:
    """Return a printable line that begins with a file name; ``::`` there would be a command."""
    shown = printable(text)
    return f"./{shown}" if shown.lstrip().startswith("::") else shown


def sparkline(values: list[float] | tuple[float, ...]) -> str:
    """Return a line of blocks as high as the values, from the smallest to the largest."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    span = (high / 2 - low / 2) or 1.0  # halves, since the difference may overflow
    return "".join(
        BLOCKS[int((min(max(value, low), high) / 2 - low / 2) / span * (len(BLOCKS) - 1) + 0.5)]
        if not math.isnan(value)
        else " "
        for value in values
    )


def count_line(counts: tuple[int, ...]) -> str:
    """Return a histogram as a line of blocks: empty bins are blank, and any count is visible."""
    most = max(counts, default=0)
    return "".join(
        " " if not count else BLOCKS[min(len(BLOCKS) - 1, count * len(BLOCKS) // (most + 1))]
        for count in counts
    )
