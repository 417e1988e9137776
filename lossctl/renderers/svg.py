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
NEAR = 1.5  # of 255: how far a colour may be off the line between two shades


def inline(svg: bytes, prefix: str, label: str) -> str:
    """Return a drawing in the light theme as an element of a page.

    Its identifiers begin with ``prefix``; ``label`` is what a screen reader calls it. It is as
    wide as its column, and its colours are variables of the page: ``--ink``, ``--series-1`` ….
    """
    root = ET.fromstring(svg)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in _DROPPED]:
            parent.remove(child)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _restyle(element, used, prefix)
    box = root.attrib["viewBox"]
    # What matplotlib says of all its elements in a style sheet, which the page has no room for.
    lines = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "role": "img", "aria-label": label, **lines})
    return ET.tostring(root, encoding="unicode")


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
