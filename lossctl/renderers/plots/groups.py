"""The picture of groups: a dot and an interval each, worst on top, all rows as a line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.pictures.records import count_text, number_text
from lossctl.renderers.plots.axes import number, plain, rule, titled
from lossctl.renderers.plots.sheet import EDGE, sheet, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import GroupValues
    from lossctl.renderers.plots.theme import Theme

WIDE = 7.2
TALL = 2.4  # without the groups
EACH = 0.22
NAMES = 2.0  # inches for the longest name
LETTER = 0.075


def draw(
    picture: GroupValues, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure; without a size, as tall as there are groups."""
    groups = picture.groups
    made = sheet(picture, theme, size or (WIDE, TALL + EACH * len(groups)), caption)
    names = [shortened(group.name, NAMES, 8.0) for group in groups]
    left = max(0.6, min(NAMES, LETTER * max(map(len, names))) + 0.15)
    room = made.room.within(left=left - EDGE / 2, bottom=0.42, right=1.0, top=0.28)
    axes = made.axes(room)
    _dots(axes, picture, names, theme)
    return made.figure


def _dots(axes: Axes, picture: GroupValues, names: list[str], theme: Theme) -> None:
    shown = [(at, group) for at, group in enumerate(picture.groups) if math.isfinite(group.value)]
    for at, group in shown:
        if group.low is not None and group.high is not None and math.isfinite(group.high):
            axes.plot([group.low, group.high], [at, at], color=theme.series[0], lw=1.6)
            axes.plot([group.low, group.high], [at, at], "|", color=theme.series[0], ms=6, mew=1.2)
    axes.plot(
        [group.value for _, group in shown],
        [at for at, _ in shown],
        "o",
        color=theme.series[0],
        ms=5.5,
        zorder=4,
    )
    plain(axes)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    for at, group in enumerate(picture.groups):
        text = f"n = {count_text(group.n)}"
        if not math.isfinite(group.value):
            text = f"{number(group.value)}, {text}"
        axes.annotate(
            text,
            (1.0, at),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size=8,
            color=theme.muted,
        )
    unit = f", {picture.unit}" if picture.unit else ""
    axes.set_xlabel(f"value L{unit}")
    what = "Value" if picture.level is None else f"Value and {picture.level:g} % interval"
    if picture.overall is not None and math.isfinite(picture.overall):
        rule(axes, theme, x=picture.overall)
        what = f"{what}; line: all rows, {number_text(picture.overall, 5)}"
    titled(axes, what)
