"""The picture of calibration: what happened against what was predicted, and counts below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.renderers.plots.axes import plain, titled
from lossctl.renderers.plots.sheet import Box, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import Reliability
    from lossctl.renderers.plots.theme import Theme

SIZE = (5.6, 6.4)


def draw(
    picture: Reliability, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure."""
    made = sheet(picture, theme, size or SIZE, caption)
    room = made.room.within(left=0.75, bottom=0.42, right=0.25, top=0.28)
    low = 0.2 * room.height
    upper = Box(room.left, room.bottom + low + 0.35, room.width, room.height - low - 0.35)
    _rates(made.axes(upper), picture, theme)
    _counts(made.axes(Box(room.left, room.bottom, room.width, low)), picture, theme)
    return made.figure


def _rates(axes: Axes, picture: Reliability, theme: Theme) -> None:
    axes.plot([0, 1], [0, 1], color=theme.muted, lw=0.9, ls=":")
    x = [part.mean for part in picture.bins]
    y = [part.rate for part in picture.bins]
    reach = (
        [part.rate - part.lower for part in picture.bins],
        [part.upper - part.rate for part in picture.bins],
    )
    axes.errorbar(x, y, yerr=reach, fmt="none", ecolor=theme.series[0], elinewidth=1.3, capsize=3)
    axes.plot(x, y, "-", color=theme.series[0], lw=0.9, alpha=0.6)
    axes.plot(x, y, "o", color=theme.series[0], ms=5.5, clip_on=False, zorder=4)
    plain(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share that is right" if picture.classes else "share that happened")
    titled(axes, "With 95 % intervals; dotted: as often as predicted")


def _counts(axes: Axes, picture: Reliability, theme: Theme) -> None:
    from matplotlib.ticker import FixedLocator

    for part in picture.bins:
        wide = part.high - part.low
        axes.bar((part.low + part.high) / 2, part.rows, 0.94 * wide, color=theme.series[0], lw=0)
    plain(axes, ycount=True, most=3)
    axes.xaxis.set_major_locator(FixedLocator([0, 0.2, 0.4, 0.6, 0.8, 1.0]))
    axes.set_xlim(0, 1)
    axes.set_ylabel("rows")
    what = "confidence in the likeliest class" if picture.classes else "predicted probability p"
    axes.set_xlabel(what)
