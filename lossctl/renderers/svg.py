"""Drawings as part of a page: one SVG among others that follows the page's colours.

The SVG is our own: matplotlib made it. On a page its identifiers would collide with those of other
drawings, and a strict policy allows no ``style`` attributes.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from lossctl.renderers.plots.theme import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_DROPPED = ("metadata", "style", "title")
_UNSTYLED = ("font-family", "white-space")  # the page's own font is used
SCALE = 1.15  # pixels a point: small letters stay readable
WIDE = 480.0  # points
NEAR = 1.5  # of 255: how far a colour may be off the line between two shades


def inline(svg: bytes, prefix: str, label: str, dark: bytes | None = None) -> str:
    """Return a drawing in the light theme as an element of a page.

    Its identifiers begin with ``prefix``; ``label`` is what a screen reader calls it. It is drawn
    at one scale whatever its size, or narrower where its column is, and its colours are variables
    of the page: ``--ink``, ``--series-1`` …. Pixels have colours of their own: where there are
    some, ``dark`` is the same drawing in the dark theme, whose pixels a dark page shows.
    """
    root = _cleared(svg)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _restyle(element, used, prefix)
    if dark is not None:
        _add_images(root, _cleared(dark))
    box = root.attrib["viewBox"]
    width = float(box.split()[2])
    own = {"viewBox": box, "role": "img", "aria-label": label, "width": f"{width * SCALE:.0f}"}
    own["class"] = "wide" if width > WIDE else "narrow"
    # What matplotlib says of all its elements in a style sheet, which the page has no room for.
    own |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    root.attrib.clear()
    root.attrib.update(own)
    return ET.tostring(root, encoding="unicode")


def has_pixels(svg: bytes) -> bool:
    """Whether a drawing has parts whose colours the page cannot change."""
    return b"<image" in svg


def _add_images(root: ET.Element, dark: ET.Element) -> None:
    """Put the images of the same drawing in the dark theme beside those that are there."""
    others = iter([element for element in dark.iter() if element.tag == "image"])
    for parent in list(root.iter()):
        for image in [child for child in parent if child.tag == "image"]:
            other = ET.Element("image", image.attrib)
            found = next(others).attrib
            other.set("href", next(v for name, v in found.items() if _local(name) == "href"))
            image.set("class", "light")
            other.set("class", "dark")
            parent.insert(list(parent).index(image) + 1, other)


def _cleared(svg: bytes) -> ET.Element:
    """Return a drawing without namespaces, white space, and what is not drawn."""
    root = ET.fromstring(svg)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in _DROPPED]:
            parent.remove(child)
    return root


def variable(name: str) -> str:
    """Return a colour of the theme as the page's style has it."""
    return f"var(--{name})"


def palette() -> dict[str, str]:
    """Return the variable of every colour of the theme but the shades."""
    named = {colour: variable(f"series-{at}") for at, colour in enumerate(LIGHT.series, start=1)}
    for name in ("paper", "ink", "muted", "faint"):
        named[getattr(LIGHT, name)] = variable(name)
    return named


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _references(element: ET.Element) -> Iterator[str]:
    for name, value in element.attrib.items():
        if _local(name) == "href" and value.startswith("#"):
            yield value[1:]
        yield from _REFERENCE.findall(value)


def _restyle(element: ET.Element, used: set[str], prefix: str) -> None:
    """Turn the style of an element into attributes, and its names into those of the page."""
    old = {_local(name): value for name, value in element.attrib.items()}
    for line in old.pop("style", "").split(";"):
        name, _, value = line.partition(":")
        if name.strip() and name.strip() not in _UNSTYLED:
            old[name.strip()] = value.strip()
    if old.get("id") not in used:
        old.pop("id", None)
    element.attrib.clear()
    for name, value in old.items():
        element.set(name, _renamed(name, " ".join(value.split()), prefix))


def _renamed(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return f"#{prefix}-{value[1:]}" if value.startswith("#") else value
    if name in ("fill", "stroke") and _COLOUR.fullmatch(value):
        return palette().get(value) or _shade(value) or value
    return _REFERENCE.sub(rf"url(#{prefix}-\1)", value)


def _shade(colour: str) -> str | None:
    """Return a colour between the theme's shades as a mixture of them; None for any other."""
    few, many, found = map(_channels, (*LIGHT.shades, colour))
    span = [b - a for a, b in zip(few, many, strict=True)]
    at = [x - a for a, x in zip(few, found, strict=True)]
    share = sum(s * x for s, x in zip(span, at, strict=True)) / sum(s * s for s in span)
    off = max(abs(x - share * s) for s, x in zip(span, at, strict=True))
    if off > NEAR or not -0.01 <= share <= 1.01:
        return None
    percent = 100.0 * min(max(share, 0.0), 1.0)
    return f"color-mix(in srgb, var(--shade-many) {percent:.0f}%, var(--shade-few))"


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
