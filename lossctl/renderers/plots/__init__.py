"""Pictures drawn with matplotlib: one module per kind, found by the record it draws.

matplotlib is loaded when something is drawn. Settings of the user's own are not read: the same
record gives the same bytes.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lossctl.errors import UsageError
from lossctl.renderers.look import printable
from lossctl.renderers.plots.theme import THEMES, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lossctl.pictures.records import Picture

FORMS = ("png", "svg", "pdf")
DPI = 150  # of a PNG
_MODULES = {
    "LossSpread": "samples",
    "Residuals": "residuals",
    "Reliability": "calibration",
    "GradientSpread": "gradient",
    "GroupValues": "groups",
    "LossCurves": "curves",
    "Surface": "surface",
    "LearningCurves": "learning",
    "Differences": "differences",
}


def check_drawing() -> None:
    """Raise UsageError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise UsageError("plot needs matplotlib: pip install 'lossctl[plot]'")


def draw(
    picture: Picture,
    theme: str = "light",
    size: tuple[float, float] | None = None,
    *,
    caption: bool = True,
) -> Figure:
    """Return the figure of a picture in a theme, ``light`` or ``dark``.

    ``size`` is width and height in inches, else what suits the picture. ``caption`` says whether
    the picture's own words stand below it.
    """
    module = import_module(f"lossctl.renderers.plots.{_MODULES[type(picture).__name__]}")
    with settings(THEMES[theme]):
        figure: Figure = module.draw(picture, THEMES[theme], size, caption)
        figure.set_label(printable(picture.title))
        return figure


def save(figure: Figure, form: str) -> bytes:
    """Return a figure as a file of a form: ``png``, ``svg`` or ``pdf``; the same one every time."""
    from io import BytesIO

    title = figure.get_label()
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": "lossctl", "Title": str(title)},
        "svg": {"Date": None, "Creator": "lossctl", "Title": str(title)},
        "pdf": {"CreationDate": None, "Creator": "lossctl", "Producer": None, "Title": str(title)},
    }
    target = BytesIO()
    with settings(None):
        figure.savefig(target, format=form, dpi=DPI, metadata=metadata[form])
    return target.getvalue()
