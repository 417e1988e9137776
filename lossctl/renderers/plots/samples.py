"""The picture of per-sample losses: their histogram, and the Lorenz curve of what they cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.pictures.records import count_text, number_text, share_text
from lossctl.renderers.plots.axes import bars, place, plain, remarks, titled
from lossctl.renderers.plots.sheet import Box, Sheet, sheet, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import LossSpread
    from lossctl.renderers.plots.theme import Theme

SIZE = (8.0, 4.6)
SHOWN = 0.9  # the share of the rows that cost less than those the curve is marked for


def draw(
    picture: LossSpread, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure."""
    made = sheet(picture, theme, size or SIZE, caption, _worst(picture))
    room = made.room.within(bottom=0.42, top=0.28)
    side = min(room.height, 0.42 * room.width)
    left = room.within(left=0.75, right=side + 1.05)
    _losses(made.axes(left), picture, theme)
    right = Box(room.left + room.width - side - 0.2, room.bottom, side, room.height)
    if picture.lorenz:
        _lorenz(made.axes(right), picture, theme)
    else:
        _why_not(made, right, picture)
    return made.figure


def _worst(picture: LossSpread) -> str:
    rows = [
        f"{row.name} (ℓ = {number_text(row.loss, 5)}"
        + (")" if row.share is None else f", {share_text(row.share)})")
        for row in picture.worst
    ]
    return f"Costliest: {', '.join(rows)}." if rows else ""


def _losses(axes: Axes, picture: LossSpread, theme: Theme) -> None:
    bars(axes, picture.bins, theme)
    unit = f", {picture.unit}" if picture.unit else ""
    axes.set_xlabel(f"loss ℓ of a row{unit}")
    axes.set_ylabel("rows")
    apart = f", {count_text(picture.infinite)} at ∞ not shown" if picture.infinite else ""
    titled(axes, f"How losses are spread{remarks(picture.bins, picture.n)}{apart}")
    if not picture.bins.counts:
        return
    low, high = axes.get_xlim()
    marks = [
        ("median", picture.median, "-", theme.ink),
        ("mean", picture.mean, "--", theme.series[1]),
    ]
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top * 1.12)
    for row, (name, x, style, colour) in enumerate(marks):
        if not math.isfinite(x):
            continue
        at = place(picture.bins, x)
        right = at < (low + high) / 2
        axes.axvline(at, color=colour, lw=1.2, ls=style)
        axes.annotate(
            f"{name} {number_text(x, 5)}",
            (at, top * (1.08 - 0.09 * row)),
            (4 if right else -4, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            size=8,
            color=colour,
            bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1.0},
        )


def _lorenz(axes: Axes, picture: LossSpread, theme: Theme) -> None:
    from matplotlib.ticker import FuncFormatter

    x, y = zip(*picture.lorenz, strict=True)
    axes.plot([0, 1], [0, 1], color=theme.muted, lw=0.9, ls=":")
    axes.fill_between(x, y, x, color=theme.series[0], alpha=0.13, lw=0)
    axes.plot(x, y, color=theme.series[0], lw=1.8)
    plain(axes, most=5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("share of rows, cheapest first")
    axes.set_ylabel("share of the loss")
    titled(axes, "Lorenz curve")
    axes.text(0.40, 0.44, "all alike", size=8, color=theme.muted, ha="right")
    if picture.n >= 10:
        import numpy as np

        carried = float(np.interp(SHOWN, x, y))
        axes.plot([SHOWN], [carried], "o", color=theme.series[1], ms=5, clip_on=False)
        axes.annotate(
            f"the costliest 10 %\ncarry {share_text(1.0 - carried)}",
            (SHOWN, carried),
            (0.06, 0.93),
            size=8,
            va="top",
            color=theme.series[1],
            arrowprops={"arrowstyle": "-", "color": theme.series[1], "lw": 0.8},
        )


def _why_not(made: Sheet, box: Box, picture: LossSpread) -> None:
    text = wrapped(f"No Lorenz curve. {picture.no_lorenz}", box.width - 0.2, 9.0)
    made.write(box.left, box.bottom + box.height, text, size=9, va="top", linespacing=1.4)
