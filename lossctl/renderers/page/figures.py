"""Pictures as elements of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lossctl.renderers.look import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from lossctl.pictures.records import Picture


class Shown(NamedTuple):
    """A picture as the page has it: its drawing, what it is, and what it shows in words."""

    svg: Markup
    title: str
    text: str


def figures(pictures: Sequence[Picture]) -> list[Shown]:
    """Return pictures drawn, as elements of the page; the words stand below them."""
    from markupsafe import Markup

    from lossctl.renderers.plots import draw, save
    from lossctl.renderers.svg import has_pixels, inline

    shown = []
    for at, picture in enumerate(pictures, start=1):
        drawing = save(draw(picture, caption=False), "svg")
        pixels = has_pixels(drawing)
        dark = save(draw(picture, "dark", caption=False), "svg") if pixels else None
        svg = inline(drawing, f"p{at}", printable(picture.title), dark)
        shown.append(Shown(Markup(svg), picture.title, picture.text))
    return shown
