"""The picture of losses: for every kind of x a panel of values, one of slopes, one of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.renderers.plots.axes import number, plain, rule, titled
from lossctl.renderers.plots.sheet import Box, Sheet, sheet
from lossctl.renderers.plots.theme import DASHES, MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.curves import Line
    from lossctl.pictures.records import LossCurves, Row
    from lossctl.renderers.plots.theme import Theme

WIDE, HEAD, EACH = 9.0, 1.2, 2.66
LINE, SWATCH, LETTER = 0.19, 0.72, 0.066  # inches of the key: a line, a sample, a letter
ABOVE = 0.12  # inches between rows
APART = 6  # marks along a line
LABELLED = 4  # losses whose bars have room for numbers


class Style(NamedTuple):
    """How a line of a loss is drawn: the colour and mark of the loss, the dashes of the truth."""

    color: str
    mark: str
    dash: object
    order: int


def draw(
    picture: LossCurves, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure; without a size, as tall as there are kinds of x."""
    rows = picture.rows
    keys = [_key(row) for row in rows]
    tall = HEAD + sum(EACH + LINE * key.lines for key in keys)
    made = sheet(picture, theme, size or (WIDE, tall), caption)
    styles: dict[str, int] = {}
    for row in rows:
        for curve in row.curves:
            styles.setdefault(curve.spec, len(styles))
    height = made.room.height / len(rows)
    extra = sum(key.lines for key in keys) / len(rows)
    top = made.room.bottom + made.room.height
    for row, key in zip(rows, keys, strict=True):
        own = height + LINE * (key.lines - extra)
        top -= own
        box = Box(made.room.left, top, made.room.width, own)
        _row(made, box.within(bottom=0.45, top=ABOVE + 0.3 + LINE * key.lines), row, styles, theme)
        _write_key(made, box, row, key, styles, theme)
    return made.figure


class Key(NamedTuple):
    """What tells the lines of a row apart: their names, and how many stand beside each other."""

    names: tuple[tuple[str, int, str], ...]
    columns: int

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return -(-len(self.names) // self.columns)


def _key(row: Row) -> Key:
    """Return the key: a name for every line with the spec and the place of the line in it."""
    names = []
    for curve in row.curves:
        name = f"{curve.spec} (L of 4 rows)" if curve.batch else curve.spec
        slopes, losses = curve.curve.slope, curve.curve.loss
        lines = slopes if len(slopes) > len(losses) else losses
        for order, line in enumerate(lines):
            names.append((curve.spec, order, f"{name}, {line.name}" if line.name else name))
    widest = max(len(name) for _, _, name in names)
    return Key(tuple(names), max(1, int((WIDE - 0.6) / (SWATCH + LETTER * widest))))


def _write_key(
    made: Sheet, box: Box, row: Row, key: Key, styles: dict[str, int], theme: Theme
) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for spec, order, name in key.names:
        style = _style(styles[spec], order, theme, _several(row))
        look: dict[str, Any] = {"color": style.color, "ls": style.dash, "marker": style.mark}
        handles.append(Line2D([], [], lw=1.7, ms=3.8, mew=0, label=name, **look))
    width, height = made.figure.get_size_inches()
    made.figure.legend(
        handles=handles,
        loc="upper left",
        ncols=key.columns,
        fontsize=8,
        handlelength=3.2,
        labelspacing=0.35,
        bbox_to_anchor=((box.left + 0.1) / width, (box.bottom + box.height - ABOVE) / height),
        borderaxespad=0.0,
        borderpad=0.0,
    )


def _several(row: Row) -> bool:
    """Whether a loss has more than one line, so that dashes are needed to tell these apart."""
    return any(max(len(c.curve.loss), len(c.curve.slope)) > 1 for c in row.curves)


def _row(made: Sheet, box: Box, row: Row, styles: dict[str, int], theme: Theme) -> None:
    panels = 3 if row.steps else 2
    gap = 0.62
    wide = (box.width - panels * gap) / panels
    places = [
        Box(box.left + gap + at * (wide + gap), box.bottom, wide, box.height)
        for at in range(panels)
    ]
    loss, slope = made.axes(places[0]), made.axes(places[1])
    values, slopes = [], []
    marked: set[float] = set()
    for curve in row.curves:
        at = styles[curve.spec]
        for order, line in enumerate(curve.curve.loss):
            _line(loss, curve.curve.x, line, _style(at, order, theme, _several(row)))
            values.append(line.values)
            zero = curve.zeros[order]
            if zero is not None and zero not in marked:
                marked.add(zero)
                _mark(loss, zero, theme)
        for order, line in enumerate(curve.curve.slope):
            _line(slope, curve.curve.x, line, _style(at, order, theme, _several(row)))
            slopes.append(line.values)
    symbols = dict.fromkeys(curve.curve.slope_symbol for curve in row.curves)
    for axes, found, title in (
        (loss, values, "Loss ℓ"),
        (slope, slopes, f"Slope {', '.join(symbols)}"),
    ):
        plain(axes)
        axes.set_ylim(*limits(np.concatenate(found)))
        axes.set_xlabel(row.axis, size=8)
        titled(axes, title)
        rule(axes, theme, y=0.0)
    if row.steps:
        _steps(made.axes(places[2]), row, styles, theme)


def _mark(axes: Axes, zero: float, theme: Theme) -> None:
    """Mark where losses are 0, once for all of them."""
    axes.plot(
        [zero],
        [0.0],
        "o",
        ms=7.5,
        mfc="none",
        mec=theme.ink,
        mew=1.3,
        clip_on=False,
        zorder=5,
    )


def _style(at: int, order: int, theme: Theme, several: bool) -> Style:
    """Return the style of a line; where losses have several, dashes tell these apart."""
    return Style(theme.series[at], MARKS[at], DASHES[order if several else at], at)


def _line(axes: Axes, x: np.ndarray, line: Line, style: Style) -> None:
    start = (style.order + 1) * len(x) // (APART * 8)
    axes.plot(
        x,
        line.values,
        color=style.color,
        ls=style.dash,
        lw=1.7,
        marker=style.mark,
        ms=3.8,
        mew=0,
        markevery=(start, len(x) // APART),
    )


def limits(values: np.ndarray) -> tuple[float, float]:
    """Return from where to where a panel shows values: without most of a pole."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    bottom, top = (float(x) for x in np.quantile(finite, [0.06, 0.94]))
    reach = 1.5 * (top - bottom)
    poles = np.isinf(values)
    if high > top + reach or (poles & (values > 0)).any():
        high = min(high, top + 0.5 * (top - bottom))
    if low < bottom - reach or (poles & (values < 0)).any():
        low = max(low, bottom - 0.5 * (top - bottom))
    if low == high:
        low, high = low - 1.0, high + 1.0
    edge = 0.04 * (high - low)
    return low - edge, high + edge


def _steps(axes: Axes, row: Row, styles: dict[str, int], theme: Theme) -> None:
    """Draw what each unit of error costs as a group of bars, one for every loss."""
    wide = 0.8 / len(row.steps)
    for at, steps in enumerate(row.steps):
        order = styles[steps.spec]
        for k, cost in enumerate(steps.costs):
            x = k + 1 - 0.4 + wide * (at + 0.5)
            axes.bar(x, cost, 0.9 * wide, color=theme.series[order], lw=0)
            if len(row.steps) <= LABELLED:
                _label(axes, x, cost)
            axes.plot(
                [x],
                [0],
                MARKS[order],
                ms=3.2,
                mew=0,
                color=theme.series[order],
                clip_on=False,
                zorder=5,
            )
    plain(axes)
    axes.margins(y=0.12)
    count = max((len(steps.costs) for steps in row.steps), default=0)
    axes.set_xticks(range(1, count + 1), [f"{k - 1} to {k}" for k in range(1, count + 1)])
    axes.set_xlabel("error e, from one unit to the next", size=8)
    titled(axes, "Cost of one more unit of error")


def _label(axes: Axes, x: float, cost: float) -> None:
    """Write a cost at the end of its bar."""
    axes.annotate(
        number(round(cost, 2) if abs(cost) >= 0.05 else float(f"{cost:.1g}")),
        (x, cost),
        (0, 2 if cost >= 0 else -2),
        textcoords="offset points",
        ha="center",
        va="bottom" if cost >= 0 else "top",
        size=6.5,
    )
