"""The picture of training: the loss by epoch, of the training rows and of those held out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.renderers.plots.axes import number, plain, titled
from lossctl.renderers.plots.sheet import sheet, shortened
from lossctl.renderers.plots.theme import DASHES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lossctl.pictures.records import Learning, LearningCurves
    from lossctl.renderers.plots.theme import Theme

WIDE, ALONE, EACH = 7.2, 3.6, 2.6
DECADES = 2.0  # from this many on, the axis of the loss is logarithmic
MARKED = 30  # epochs, at most, that get a mark of their own


def draw(
    picture: LearningCurves, theme: Theme, size: tuple[float, float] | None, caption: bool
) -> Figure:
    """Return the figure, a panel for each fit."""
    count = len(picture.fits)
    made = sheet(
        picture, theme, size or (WIDE, ALONE if count == 1 else 1.2 + EACH * count), caption
    )
    for at, fit in enumerate(picture.fits):
        part = made.room.part(0.0, 1.0 - (at + 1) / count, 1.0, 1.0 - at / count)
        axes = made.axes(part.within(left=0.65, bottom=0.45, right=0.1, top=0.28))
        _lines(axes, fit, theme)
        axes.set_xlabel(picture.steps)
        axes.set_ylabel(shortened(f"loss, {fit.unit}" if fit.unit else "loss", part.height, 9.0))
        titled(axes, shortened(fit.spec, part.width, 9.0))
    return made.figure


def _lines(axes: Axes, fit: Learning, theme: Theme) -> None:
    named = [("training", fit.training), ("validation", fit.validation)]
    for at, (name, losses) in enumerate(named):
        if losses is None:
            continue
        epochs = range(1, len(losses) + 1)
        mark = "os"[at] if len(losses) <= MARKED else ""
        axes.plot(
            epochs,
            losses,
            color=theme.series[at],
            ls=DASHES[at],
            marker=mark or None,
            ms=3.5,
            lw=1.5,
            label=name,
        )
    plain(axes, xcount=True)
    _scaled(axes, [x for _, losses in named for x in losses or ()])
    if fit.validation is not None:
        axes.legend(loc="best", fontsize=8)


def _scaled(axes: Axes, losses: list[float]) -> None:
    """Draw losses that span decades by their logarithms."""
    low, high = min(losses), max(losses)
    if low > 0.0 and math.isfinite(high) and math.log10(high / low) >= DECADES:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_major_formatter(FuncFormatter(number))
        axes.yaxis.set_minor_formatter(NullFormatter())
