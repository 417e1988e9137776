"""A curve in the terminal: a panel for the loss and one for the slope, in Braille or in ASCII."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossctl.curves import Curve, Line

Floats = NDArray[np.float64]
Dots = Iterator[tuple[int, int]]

SAMPLE = "⠁┤│└─∞−"  # what the panels are made of, besides the names of things
SIDE_BY_SIDE = 80  # columns from which the panels stand beside each other
NARROWEST, WIDEST, GAP, HEIGHT = 40, 100, 3, 8
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille cell's dots
_DASH = 4  # dots of a broken line, and of its gaps
_ASCII = str.maketrans(
    {"ŷ": "yhat", "ℓ": "l", "∂": "d", "θ": "theta", "∞": "inf", "½": "1/2"}
    | dict(zip("−┤│└─", "-+|+-", strict=True))
)


@dataclass(frozen=True, slots=True)
class _Style:
    """What a cell is made of: its dots across and down, and what spells them."""

    across: int
    down: int
    ascii: bool

    def spell(self, text: str) -> str:
        """Return the text in characters that go with the dots."""
        return text.translate(_ASCII) if self.ascii else text


BRAILLE, ASCII = _Style(2, 4, False), _Style(1, 1, True)


def draw(curve: Curve, width: int, *, plain: bool = False) -> list[str]:
    """Return the lines of both panels and of what has to be said about them.

    They stand beside each other from 80 columns on; ``plain`` makes them of ASCII alone.
    """
    style = ASCII if plain else BRAILLE
    width = max(NARROWEST, min(width, WIDEST))
    beside = width >= SIDE_BY_SIDE
    room = (width - GAP) // 2 if beside else width
    frames = [_frame("loss", curve.loss), _frame("slope", curve.slope)]
    titles = ["loss ℓ", f"slope {curve.slope_symbol}"]
    left, right = (
        _panel(curve.x, title, frame, room, style)
        for title, frame in zip(titles, frames, strict=True)
    )
    about = style.spell(f"loss and slope of a row along {curve.about}")
    lines = [*_hanging("Curve:      ", about, width), ""]
    if beside:
        height = max(len(left), len(right))
        left, right = ([""] * (height - len(panel)) + panel for panel in (left, right))
        lines += [f"{a:<{room + GAP}}{b}" for a, b in zip(left, right, strict=True)]
    else:
        lines += [*left, "", *right]
    notes = [style.spell(note) for frame in frames for note in _notes(curve, frame)]
    lines += [""] if notes else []
    for note in notes:
        lines += _hanging("            " if beside else "", note, width)
    return [line.rstrip() for line in lines]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The lines of a panel, what they reach, and from where to where the panel shows them."""

    name: str
    lines: tuple[Line, ...]
    least: float
    most: float
    low: float
    high: float


def _frame(name: str, lines: tuple[Line, ...]) -> _Frame:
    """Return the frame that holds the lines, without most of a pole where they have one."""
    values = np.concatenate([line.values for line in lines])
    values = values[~np.isnan(values)]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return _Frame(name, lines, -np.inf, np.inf, -1.0, 1.0)
    least, most = float(values.min()), float(values.max())
    bottom, top = (float(x) for x in np.quantile(finite, [0.04, 0.96]))
    reach = 2.0 * (top - bottom)
    floor = -_round(-bottom) if bottom < 0.0 else bottom
    ceiling = _round(top) if top > 0.0 else top
    low = floor if least < min(floor, bottom - reach) else least
    high = ceiling if most > max(ceiling, top + reach) else most
    if low == high:
        low, high = low - 1.0, high + 1.0
    return _Frame(name, lines, least, most, low, high)


def _round(x: float) -> float:
    """Return the smallest of 1, 2, 5, 10 and so on that is at least x."""
    unit = 10.0 ** np.floor(np.log10(x))
    return float(next(unit * digit for digit in (1.0, 2.0, 5.0, 10.0) if unit * digit >= x))


def _panel(x: Floats, title: str, frame: _Frame, width: int, style: _Style) -> list[str]:
    """Return the lines of a panel: title, legend, curve, axis and its ends."""
    labels = _labels(frame)
    gutter = max(map(len, labels.values()))
    columns = width - gutter - 2
    cells = _cells(x, frame, columns, style)
    margin = " " * (gutter + 2)
    lines = [f"{margin}{title}"]
    if len(frame.lines) > 1:
        legend = [f"{mark} {line.name}" for mark, line in _legend(frame.lines, style)]
        both = style.spell("  ".join(legend))
        lines += [margin + both] if len(both) <= columns else [margin + each for each in legend]
    for row in range(HEIGHT):
        tick = f"{labels[row]:>{gutter}} ┤" if row in labels else f"{'':>{gutter}} │"
        lines.append(tick + "".join(cells[row]))
    lines.append(f"{'':>{gutter}} └{'─' * columns}")
    left, right = number(float(x[0])), number(float(x[-1]))
    middle = number(float(x[0] / 2.0 + x[-1] / 2.0))
    free = columns - len(left) - len(right)
    before = columns // 2 - len(left) - len(middle) // 2
    lines.append(margin + left + (" " * before + middle).ljust(free) + right)
    return [style.spell(line) for line in lines]


def _labels(frame: _Frame) -> dict[int, str]:
    """Return the numbers beside the rows: both ends, and 0 between them; of a constant, it."""
    values = frame.lines[0].values
    if len(frame.lines) == 1 and (values == values[0]).all() and np.isfinite(values[0]):
        return {int(_rows(values[:1], frame, HEIGHT)[0]): number(float(values[0]))}
    labels = {0: number(frame.high), HEIGHT - 1: number(frame.low)}
    if frame.low < 0.0 < frame.high:
        row = int(_rows(np.array([0.0]), frame, HEIGHT)[0])
        labels.setdefault(row, "0")
    return labels


def _cells(x: Floats, frame: _Frame, columns: int, style: _Style) -> list[list[str]]:
    """Return the characters of a panel, row by row."""
    across, down = columns * style.across, HEIGHT * style.down
    at = np.rint((x - x[0]) / (x[-1] - x[0]) * (across - 1)).astype(int)
    bits = [[0] * columns for _ in range(HEIGHT)]
    marks = [[" "] * columns for _ in range(HEIGHT)]
    # The first line is drawn last: it lies over the others where cells hold one of them.
    for order, line in reversed(list(enumerate(frame.lines))):
        seen = ~np.isnan(line.values)
        dots = _dots(at[seen], _rows(line.values[seen], frame, down))
        for column, row in dots if style.ascii else _broken(dots, order):
            cell_row, cell = row // style.down, column // style.across
            marks[cell_row][cell] = _mark(order)
            bits[cell_row][cell] |= _BITS[row % 4][column % 2]
    if style.ascii:
        return marks
    return [[chr(0x2800 + cell) if cell else " " for cell in row] for row in bits]


def _rows(values: Floats, frame: _Frame, down: int) -> NDArray[np.int_]:
    """Return the rows of values; those beyond the frame lie on its edge."""
    inside = np.clip(values, frame.low, frame.high)
    share = (frame.high - inside) / (frame.high - frame.low)
    return np.rint(share * (down - 1)).astype(int)


def _dots(columns: NDArray[np.int_], rows: NDArray[np.int_]) -> Dots:
    """Give the dots of a line from left to right, each once, without gaps in height."""
    last: tuple[int, int] | None = None
    for column, row in zip(columns.tolist(), rows.tolist(), strict=True):
        if last is not None and row != last[1]:
            step = 1 if row > last[1] else -1
            yield from ((column, between) for between in range(last[1] + step, row, step))
        if (column, row) != last:
            yield column, row
        last = column, row


def _broken(dots: Dots, order: int) -> Dots:
    """Give all dots of the first line, dashes of the second, and single dots of any further."""
    if order == 0:
        return dots
    on, period = (_DASH, 2 * _DASH) if order == 1 else (1, 3 + order)
    return (dot for index, dot in enumerate(dots) if index % period < on)


def _mark(order: int) -> str:
    return "*ox+"[order % 4]


def _legend(lines: Sequence[Line], style: _Style) -> Iterator[tuple[str, Line]]:
    for order, line in enumerate(lines):
        braille = ("⠒⠒⠒⠒", "⠒⠒ ⠒", "⠂ ⠂ ")[min(order, 2)]
        yield (_mark(order) if style.ascii else braille), line


def _notes(curve: Curve, frame: _Frame) -> Iterator[str]:
    """Give what the panel cannot show: where it cuts, and what is infinite."""
    if frame.low <= frame.least and frame.most <= frame.high:
        return
    parts = []
    for line in frame.lines:
        named = f" ({line.name})" if line.name else ""
        for sign, infinite in (("∞", np.isposinf), ("−∞", np.isneginf)):
            where = curve.x[infinite(line.values)]
            if where.size:
                ends = [where[0]] if where.size == 1 else [where[0], where[-1]]
                at = _and(number(float(end)) for end in ends)
                between = "at" if where.size <= 2 else "between"
                parts.append(f"{sign} {between} {curve.symbol} = {at}{named}")
    cuts = []
    if frame.most > frame.high:
        cuts.append(f"up to {_of(frame.high, frame.most)}")
    if frame.least < frame.low:
        cuts.append(f"down to {_of(frame.low, frame.least)}")
    yield "; ".join([f"The {frame.name} is drawn {_and(cuts)}", *parts]) + "."


def _of(edge: float, extreme: float) -> str:
    return number(edge) if np.isinf(extreme) else f"{number(edge)} of {number(extreme)}"


def _and(words: Iterable[str]) -> str:
    return " and ".join(words)


def number(x: float) -> str:
    """Return a number for an axis: three digits, with a minus sign."""
    return f"{x + 0.0:.3g}".replace("-", "−").replace("inf", "∞")


def _hanging(label: str, text: str, width: int) -> list[str]:
    indent = " " * len(label)
    return textwrap.wrap(text, width, initial_indent=label, subsequent_indent=indent) or [label]
