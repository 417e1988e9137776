"""The picture of a gradient: the distribution of its entries, and what share of them is idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.pictures.records import share_text
from lossctl.renderers.plots.axes import bars, place, plain, remarks, rule, titled
from lossctl.renderers.plots.sheet import Box, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import GradientSpread
    from lossctl.renderers.plots.theme import Theme

SIZE = (8.0, 4.4)


def draw(
    picture: GradientSpread, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure."""
    made = sheet(picture, theme, size or SIZE, caption)
    room = made.room.within(left=0.78, bottom=0.42, right=0.15, top=0.28)
    strip = 1.9
    _entries(made.axes(room.within(right=strip + 0.9)), picture, theme)
    right = Box(room.left + room.width - strip, room.bottom, strip, room.height)
    _shares(made.axes(right), picture, theme)
    return made.figure


def _entries(axes: Axes, picture: GradientSpread, theme: Theme) -> None:
    bars(axes, picture.bins, theme)
    if picture.bins.counts:
        low, high = axes.get_xlim()
        zero = place(picture.bins, 0.0)
        if low <= zero <= high:
            rule(axes, theme, x=zero)
    axes.set_xlabel("entry of g = ∂L/∂ŷ")
    axes.set_ylabel("entries")
    titled(axes, f"How entries are spread{remarks(picture.bins, picture.entries)}")


def _shares(axes: Axes, picture: GradientSpread, theme: Theme) -> None:
    """Draw the shares as bars from 0 to all, named beside them."""
    names = ["exactly 0", "vanishing", "at the largest\nslope", "between"]
    capped = picture.capped if picture.capped > 1 else 0
    counts = [picture.zero, picture.vanishing, capped]
    counts.append(max(0, picture.entries - picture.nonfinite - sum(counts)))
    whole = max(1, picture.entries)
    places = range(len(names))
    axes.barh(places, [n / whole for n in counts], 0.55, color=theme.series[0], lw=0)
    for at, n in zip(places, counts, strict=True):
        axes.annotate(
            share_text(n / whole),
            (n / whole, at),
            (3, 0),
            textcoords="offset points",
            va="center",
            size=8,
        )
    plain(axes)
    axes.set_xlim(0, 1.75)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks(list(places), names)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    titled(axes, "Shares of entries")
