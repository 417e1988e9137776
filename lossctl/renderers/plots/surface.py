"""The picture of a landscape: contours of J over two weights, and the path down the valley."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lossctl.renderers.plots.axes import number, plain, titled
from lossctl.renderers.plots.sheet import sheet, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from lossctl.pictures.records import Surface
    from lossctl.renderers.plots.theme import Theme

    Floats = NDArray[np.float64]

SIZE = (6.2, 6.4)
LEVELS = 16
DOTS = 80  # steps of the path that are marked, at most


def draw(picture: Surface, theme: Theme, size: tuple[float, float] | None, caption: bool) -> Figure:
    """Return the figure."""
    made = sheet(picture, theme, size or SIZE, caption)
    room = made.room.within(left=0.6, bottom=0.45, right=0.15, top=0.26)
    axes = made.axes(room)
    _contours(axes, picture, theme)
    _path(axes, picture, theme)
    plain(axes)
    axes.set_xlim(picture.x[0], picture.x[-1])
    axes.set_ylim(picture.y[0], picture.y[-1])
    axes.set_xlabel(shortened(picture.names[0], room.width, 9.0))
    axes.set_ylabel(shortened(picture.names[1], room.height, 9.0))
    titled(axes, "J(w): contours, and the path of the descent")
    return made.figure


def levels_of(heights: Floats) -> Floats:
    """Return the heights of contours: closer near the bottom, where the valley is.

    Their distances grow as those of a bowl's contours at even distances do.
    """
    low, high = float(heights.min()), float(heights.max())
    levels: Floats = low + (high - low) * np.square(np.arange(1, LEVELS + 1) / LEVELS)
    return levels


def _contours(axes: Axes, picture: Surface, theme: Theme) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    heights = np.ma.masked_invalid(np.array(picture.heights))
    if heights.count() == 0 or heights.min() == heights.max():
        return
    levels = levels_of(heights.compressed())
    low, high = theme.shades
    # The valley stands out: on paper it is the dark end of the shades, on a screen the light one.
    shades = LinearSegmentedColormap.from_list("heights", [high, low])
    ranks = np.linspace(0.0, 1.0, len(levels))
    lines = axes.contour(
        picture.x, picture.y, heights, levels=levels, colors=shades(ranks), linewidths=1.1
    )
    axes.clabel(
        lines,
        levels[::2],
        fontsize=7,
        fmt=lambda level: number(float(f"{level:.3g}")),
        colors=theme.ink,
    )


def _path(axes: Axes, picture: Surface, theme: Theme) -> None:
    way = np.array(picture.path)
    colour = theme.series[1]
    axes.plot(way[:, 0], way[:, 1], color=colour, lw=1.3, zorder=3)
    if len(way) <= DOTS:
        axes.plot(way[:, 0], way[:, 1], ".", color=colour, ms=4, zorder=3)
    axes.plot(*way[0], "o", color=theme.paper, mec=colour, mew=1.6, ms=7, zorder=4, label="start")
    axes.plot(*way[-1], "o", color=colour, ms=7, zorder=4, label="end")
    axes.plot(*picture.lowest, "+", color=theme.ink, ms=10, mew=1.6, zorder=5, label="lowest shown")
    axes.legend(
        loc="best",
        fontsize=8,
        frameon=True,
        facecolor=theme.paper,
        edgecolor=theme.paper,
        framealpha=0.9,
    )
