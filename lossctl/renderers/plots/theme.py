"""How pictures look, on white paper and on a dark screen.

Colours are those of Okabe and Ito, which colour-blind people tell apart, made darker on white or
lighter on black until each has a contrast of 3 : 1 or more; what colour says, the style of a line
or a mark says too, so that a print in grey says it.

Source: Okabe and Ito, "Color universal design" (2002); WCAG 2.1, 1.4.11, for the contrast.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Theme(NamedTuple):
    """Colours by what they are for; ``series`` are told apart, ``shades`` rise from few to many."""

    name: str
    paper: str
    ink: str
    muted: str
    faint: str
    series: tuple[str, ...]
    shades: tuple[str, str]


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1a1a1a",
    muted="#5c5c5c",
    faint="#d9d9d9",
    series=("#0072b2", "#d55e00", "#008f68", "#b0578d", "#9a6b00", "#2f7fb5"),
    shades=("#d3e5f1", "#00304d"),
)
DARK = Theme(
    name="dark",
    paper="#15181c",
    ink="#ececec",
    muted="#a8adb3",
    faint="#3c4248",
    series=("#56b4e9", "#f08a4b", "#3cc49a", "#dd9cc3", "#e6b23c", "#9fd3f3"),
    shades=("#1f4257", "#cdeaff"),
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}

DASHES = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)), (0, (3, 1.5)), (0, (9, 3)))
MARKS = ("o", "s", "^", "D", "v", "P")

# parse_math is off: a dollar sign in a file's name is one. So no number may be written as
# mathematics either: tick labels are made in ``lossctl.renderers.plots.axes``.
PLAIN: dict[Any, Any] = {
    "text.parse_math": False,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "lossctl",
    "pdf.fonttype": 42,
    "path.simplify": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.dpi": 100.0,
}


@contextmanager
def settings(theme: Theme | None) -> Iterator[None]:
    """Draw with these settings alone, whatever a matplotlibrc says."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # a font cache that is made, a folder that cannot be written
    try:
        import matplotlib as mpl

        with mpl.rc_context(), warnings.catch_warnings():
            # A name in a script that the font lacks is shown as boxes; there is nothing to mend.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            mpl.rcdefaults()
            mpl.rcParams.update(PLAIN)
            if theme is not None:
                mpl.rcParams.update(_colours(theme))
            yield
    finally:
        log.setLevel(level)


def _colours(theme: Theme) -> dict[Any, Any]:
    return {
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "legend.labelcolor": theme.ink,
    }
