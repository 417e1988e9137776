"""The sheet of a picture: its title, its words, the spec in the corner, and room for panels."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.renderers.look import printable
from lossctl.version import VERSION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import Picture
    from lossctl.renderers.plots.theme import Theme

EDGE = 0.16  # inches around everything
TITLE, WORDS, CORNER = 10.5, 8.5, 7.0  # points
LEADING = 1.32
WIDE = 0.56  # of the height of letters: how wide one is on average, and a bold one
BOLD = 0.64
_GLUED = re.compile(r" (?=%)|(?<==) | (?==)|(?<=\d) (?=\d{3}\b)")


class Box(NamedTuple):
    """A place on the sheet in inches, from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float

    def part(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """Return a part of the box, from one corner to the other in shares of it."""
        return Box(
            self.left + x0 * self.width,
            self.bottom + y0 * self.height,
            (x1 - x0) * self.width,
            (y1 - y0) * self.height,
        )

    def within(
        self, left: float = 0.0, bottom: float = 0.0, right: float = 0.0, top: float = 0.0
    ) -> Box:
        """Return the box without margins in inches."""
        return Box(
            self.left + left,
            self.bottom + bottom,
            self.width - left - right,
            self.height - bottom - top,
        )


class Sheet(NamedTuple):
    """A figure, and the room on it that panels may take."""

    figure: Figure
    room: Box

    def axes(self, box: Box) -> Axes:
        """Return axes whose frame is a box."""
        width, height = self.figure.get_size_inches()
        return self.figure.add_axes(
            (box.left / width, box.bottom / height, box.width / width, box.height / height)
        )

    def write(self, left: float, bottom: float, text: str, **style: Any) -> None:
        """Write text at a place in inches."""
        width, height = self.figure.get_size_inches()
        self.figure.text(left / width, bottom / height, text, **style)


def sheet(
    picture: Picture, theme: Theme, size: tuple[float, float], caption: bool, more: str = ""
) -> Sheet:
    """Return the sheet of a picture; ``more`` is said below its words, whatever ``caption`` is."""
    from matplotlib.figure import Figure

    width, height = size
    figure = Figure(figsize=size)
    made = Sheet(figure, Box(0, 0, width, height))
    room = width - 2 * EDGE
    title = wrapped(picture.title, room, TITLE, BOLD)
    top = height - EDGE
    made.write(EDGE, top, title, size=TITLE, weight="bold", va="top", linespacing=LEADING)
    top -= lines(title) * TITLE * LEADING / 72
    corner = shortened(f"{picture.spec} · lossctl {VERSION}", room, CORNER)
    made.write(width - EDGE, EDGE, corner, size=CORNER, color=theme.muted, ha="right", va="bottom")
    bottom = EDGE + CORNER * LEADING / 72
    words = "\n".join(
        wrapped(part, room, WORDS) for part in (picture.text if caption else "", more) if part
    )
    if words:
        bottom += 0.06
        made.write(EDGE, bottom, words, size=WORDS, va="bottom", linespacing=LEADING)
        bottom += lines(words) * WORDS * LEADING / 72
    return Sheet(figure, Box(EDGE, bottom + 0.08, room, top - bottom - 0.16))


def wrapped(text: str, width: float, points: float, wide: float = WIDE) -> str:
    """Return printable text in lines that are at most as wide, in inches; numbers stay whole."""
    letters = max(8, int(width * 72 / (points * wide)))
    whole = _GLUED.sub("\N{NO-BREAK SPACE}", printable(text))
    return "\n".join(textwrap.wrap(whole, letters, break_on_hyphens=False))


def lines(text: str) -> int:
    """Return how many lines a text has."""
    return text.count("\n") + 1 if text else 0


def shortened(text: object, width: float, points: float) -> str:
    """Return printable text cut to a width in inches, its middle left out."""
    shown = printable(text)
    letters = max(8, int(width * 72 / (points * WIDE)))
    if len(shown) <= letters:
        return shown
    half = (letters - 1) // 2
    return f"{shown[: letters - 1 - half]}…{shown[len(shown) - half :]}"
