"""Axes: ticks that are plain text, a faint rule or two, bars of histograms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lossctl.pictures.records import RAISED, Bins, count_text, number_text, share_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lossctl.renderers.plots.theme import Theme

TICKS = 6  # at most, of a logarithmic axis
APART = 0.09  # of an axis, between two of its ticks


def number(x: float, _: object = None) -> str:
    """Return a number for an axis."""
    return number_text(x, 6)


def count(x: float, _: object = None) -> str:
    """Return a count for an axis: its digits by threes, millions as M."""
    if x >= 1e6:
        return f"{x / 1e6:g} M"
    return count_text(int(x)) if x == int(x) else ""


def plain(axes: Axes, *, xcount: bool = False, ycount: bool = False, most: int = 6) -> None:
    """Give both axes few ticks, with numbers in plain text."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis, counts in ((axes.xaxis, xcount), (axes.yaxis, ycount)):
        axis.set_major_locator(MaxNLocator(most, integer=counts, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(count if counts else number))
    axes.tick_params(labelsize=8, length=3)


def titled(axes: Axes, text: str) -> None:
    """Say above a panel what it is."""
    axes.set_title(text, loc="left", fontsize=9, pad=6)


def rule(axes: Axes, theme: Theme, *, x: float | None = None, y: float | None = None) -> None:
    """Draw a thin line through all of a panel, below what it shows."""
    style: dict[str, Any] = {"color": theme.muted, "lw": 0.8, "zorder": 0.5}
    if x is not None:
        axes.axvline(x, **style)
    if y is not None:
        axes.axhline(y, **style)


def bars(axes: Axes, bins: Bins, theme: Theme, *, sideways: bool = False) -> None:
    """Draw a histogram; the bars of a logarithmic one are equally wide, its ticks powers of ten."""
    if not bins.counts:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nothing finite to show", transform=axes.transAxes, ha="center", size=9)
        return
    edges = np.arange(len(bins.edges), dtype=float) if bins.log else np.array(bins.edges)
    if len(edges) == 2 and edges[0] == edges[1]:
        thin = abs(edges[0]) / 200.0 or 0.02
        edges = edges[0] + np.array([-thin, thin])
    draw = axes.barh if sideways else axes.bar
    thick: dict[str, Any] = {"height" if sideways else "width": np.diff(edges) * 0.94}
    middles = (edges[:-1] + edges[1:]) / 2.0
    draw(middles, bins.counts, **thick, color=theme.series[0], lw=0)
    plain(axes, xcount=sideways, ycount=not sideways)
    if bins.log:
        places, names = log_ticks(bins)
        axis = axes.yaxis if sideways else axes.xaxis
        axis.set_ticks(places, names)
    span = float(edges[-1] - edges[0]) * (0.02 if len(bins.counts) > 1 else 10.0)
    (axes.set_ylim if sideways else axes.set_xlim)(edges[0] - span, edges[-1] + span)


def remarks(bins: Bins, n: int) -> str:
    """Return what a title says of bins that are logarithmic, or do not hold all n numbers."""
    log = ", logarithmic" if bins.log else ""
    return f"{log}; {share_text(bins.beyond / n)} lie beyond" if bins.beyond else log


def log_ticks(bins: Bins) -> tuple[list[float], list[str]]:
    """Return where powers of ten, and 0, lie among bins that are numbered, and what they are."""
    edges = np.array(bins.edges)
    places: list[float] = []
    names: list[str] = []
    for sign in (-1.0, 1.0):
        at = np.flatnonzero(sign * edges > 0.0)
        sizes = np.log10(np.abs(edges[at]))
        order = np.argsort(sizes)
        if not len(at):
            continue
        powers = np.arange(math.ceil(sizes.min()), math.floor(sizes.max()) + 1)
        powers = powers[:: max(1, -(-len(powers) // TICKS))]
        places += np.interp(powers, sizes[order], at[order].astype(float)).tolist()
        names += [_power(sign, int(power)) for power in powers.tolist()]
    zero = np.flatnonzero((edges[:-1] <= 0.0) & (edges[1:] > 0.0))
    if len(zero):
        middle = float(zero[0]) + 0.5
        near = [abs(place - middle) < APART * len(edges) for place in places]
        places = [middle, *(place for place, close in zip(places, near, strict=True) if not close)]
        names = ["0", *(name for name, close in zip(names, near, strict=True) if not close)]
    return places, names


def _power(sign: float, power: int) -> str:
    text = number(10.0**power) if -3 <= power <= 4 else f"10{str(power).translate(RAISED)}"
    return f"−{text}" if sign < 0.0 else text


def place(bins: Bins, x: float) -> float:
    """Return where a number lies on the axis of a histogram."""
    if not bins.log:
        return x
    edges = np.array(bins.edges)
    at = int(np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2))
    low, high = edges[at], edges[at + 1]
    if low <= 0.0 <= high or not math.isfinite(high):
        return at + 0.5
    share = math.log(abs(x / low)) / math.log(abs(high / low)) if low and x else 0.5
    return at + min(max(share, 0.0), 1.0)
