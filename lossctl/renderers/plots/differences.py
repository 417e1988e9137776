"""The picture of a comparison: a line for every loss and group, from end to end of its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.pictures.records import count_text
from lossctl.renderers.plots.axes import plain, rule
from lossctl.renderers.plots.sheet import sheet, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lossctl.pictures.records import Differences
    from lossctl.renderers.plots.theme import Theme

WIDTH, ROW, AROUND = 8.0, 0.28, 1.5  # inches: of the picture, of a comparison, of what is around
NAMES = 2.2  # inches for names
STYLES = {"better": ("o", 2), "worse": ("s", 1), "open": ("D", 0)}  # mark, and colour of the series


def draw(
    picture: Differences, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure."""
    height = AROUND + ROW * max(2, len(picture.found)) + (0.3 if caption else 0.0)
    more = f"{picture.left_out} more differ by less." if picture.left_out else ""
    made = sheet(picture, theme, size or (WIDTH, height), caption, more)
    axes = made.axes(made.room.within(left=NAMES, bottom=0.42, right=0.25, top=0.32))
    shown = picture.found[::-1]
    for at, one in enumerate(shown):
        mark, series = STYLES[one.side]
        colour = theme.series[series]
        if one.low is not None and one.high is not None:
            axes.plot([100 * one.low, 100 * one.high], [at, at], color=colour, lw=1.6)
        face = theme.paper if one.side == "open" else colour
        axes.plot([100 * one.share], [at], mark, color=colour, mfc=face, ms=5)
    rule(axes, theme, x=0.0)
    plain(axes)
    axes.set_yticks(
        range(len(shown)),
        [f"{shortened(one.name, NAMES - 0.9, 8)}  n = {count_text(one.n)}" for one in shown],
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(shown) - 0.3)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.05 * (high - low)), max(high, 0.05 * (high - low)))
    axes.set_xlabel("difference in % of the baseline's value, with its interval")
    for edge, words, side in ((0.0, "← candidate better", "left"), (1.0, "worse →", "right")):
        axes.text(
            edge,
            1.02,
            words,
            transform=axes.transAxes,
            ha=side,
            va="bottom",
            size=8,
            color=theme.muted,
        )
    return made.figure
