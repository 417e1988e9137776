"""The picture of errors against predictions: points or shaded cells, and their distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lossctl.renderers.plots.axes import plain, rule, titled
from lossctl.renderers.plots.sheet import Box, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import Cells, Residuals
    from lossctl.renderers.plots.theme import Theme

SIZE = (8.0, 5.0)
THIN = 0.008  # of the axis: what a bar is at least


def draw(
    picture: Residuals, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure."""
    made = sheet(picture, theme, size or SIZE, caption)
    room = made.room.within(left=0.7, bottom=0.45, right=0.1, top=0.28)
    narrow = 0.2 * room.width
    gap = 0.25
    main = made.axes(Box(room.left, room.bottom, room.width - narrow - gap, room.height))
    side = made.axes(Box(room.left + room.width - narrow, room.bottom, narrow, room.height))
    if picture.cells is not None:
        _cells(main, picture.cells, theme)
    elif picture.points:
        x, y = zip(*picture.points, strict=True)
        size_of_mark = 4.0 if len(x) < 500 else 2.5
        main.plot(
            x, y, "o", ms=size_of_mark, color=theme.series[0], alpha=0.55, mew=0, rasterized=True
        )
    rule(main, theme, y=0.0)
    limits = main.get_xlim(), main.get_ylim()  # what is shown, wherever a median lies
    _running(main, picture, theme)
    main.set_xlim(*limits[0])
    main.set_ylim(*limits[1])
    plain(main)
    main.set_xlabel("prediction ŷ")
    main.set_ylabel("error e = ŷ − y")
    titled(main, "Errors, e > 0 where the prediction is too high")
    _side(side, picture, theme, main.get_ylim())
    return made.figure


def _cells(axes: Axes, cells: Cells, theme: Theme) -> None:
    """Shade the cells by the logarithm of their counts, as one image."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    x, y = np.array(cells.x), np.array(cells.y)
    across = np.rint((x - x.min()) / cells.width).astype(int)
    down = np.rint((y - y.min()) / cells.height).astype(int)
    counts = np.full((down.max() + 1, across.max() + 1), np.nan)
    counts[down, across] = cells.rows
    shades = LinearSegmentedColormap.from_list("rows", theme.shades)
    image = axes.imshow(
        counts,
        cmap=shades,
        norm=LogNorm(1, max(2, max(cells.rows))),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(
            x.min(),
            x.min() + cells.width * counts.shape[1],
            y.min(),
            y.min() + cells.height * counts.shape[0],
        ),
    )
    _key(axes, image, max(cells.rows), theme)


def _key(axes: Axes, image: Any, most: int, theme: Theme) -> None:
    """Say in the corner which shade stands for how many rows."""
    from matplotlib.patches import Patch

    from lossctl.renderers.plots.axes import count

    steps = sorted({1, round(most**0.5), most})
    shade, norm = image.cmap, image.norm  # whose types are wider than what they hold here
    patches = [Patch(color=shade(norm(n)), label=count(float(f"{n:.2g}"))) for n in steps]
    axes.legend(
        handles=patches,
        title="rows of a cell",
        fontsize=7.5,
        title_fontsize=7.5,
        loc="best",
        frameon=True,
        framealpha=0.9,
        edgecolor="none",
        facecolor=theme.paper,
    )


def _running(axes: Axes, picture: Residuals, theme: Theme) -> None:
    """Draw the median of every part as a step, and its middle as a mark."""
    if not picture.running:
        return
    x = [(part.low + part.high) / 2 for part in picture.running]
    y = [part.median for part in picture.running]
    axes.plot(x, y, color=theme.paper, lw=3.6, solid_capstyle="round")
    axes.plot(x, y, "-o", color=theme.series[1], lw=1.6, ms=3.5, label="running median")
    axes.annotate(
        "running median",
        (x[-1], y[-1]),
        (0, 10),
        textcoords="offset points",
        ha="right",
        size=8,
        color=theme.series[1],
        bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
    )


def _side(axes: Axes, picture: Residuals, theme: Theme, limits: tuple[float, float]) -> None:
    """Draw how many rows have which error, beside those errors."""
    edges = np.array(picture.side.edges)
    tall = np.maximum(np.diff(edges) * 0.94, THIN * (limits[1] - limits[0]))
    axes.barh((edges[:-1] + edges[1:]) / 2, picture.side.counts, tall, color=theme.series[0], lw=0)
    plain(axes, xcount=True, most=2)
    rule(axes, theme, y=0.0)
    axes.set_ylim(*limits)
    axes.set_yticks([])
    axes.set_xlabel("rows")
    titled(axes, "Distribution of e")
