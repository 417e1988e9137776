"""Drawings on a page: no styles, no names that collide, colours that are the page's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from lossctl.evaluation import seen_with
from lossctl.options import make_options
from lossctl.pictures.records import Picture
from lossctl.renderers.plots import draw, save
from lossctl.renderers.plots.theme import LIGHT
from lossctl.renderers.svg import _shade, has_pixels, inline, palette
from tests.cli.program import SAMPLES

INKLESS = {"#1f77b4"}  # a fill of marks that are lines


def pictures() -> Iterator[Picture]:
    for name, losses, options in (
        ("diabetes", "mse", {"by": "sex", "ci": 95.0}),
        ("breast_cancer", "bce", {"pred": "prob"}),
        ("digits", "cce", {"y": "digit", "pred": "p_*"}),
    ):
        seen = seen_with(str(SAMPLES / f"{name}.csv"), losses, make_options(**options))
        for of_loss in seen.pictures:
            yield from of_loss


@pytest.fixture(scope="module")
def drawings() -> list[bytes]:
    return [save(draw(picture, caption=False), "svg") for picture in pictures()]


def test_no_styles_and_no_names_but_those_that_are_used(drawings: list[bytes]) -> None:
    assert len(drawings) > 6
    for drawing in drawings:
        root = ET.fromstring(inline(drawing, "p1", "a label"))
        assert root.attrib["aria-label"] == "a label"
        elements = list(root.iter())
        assert not any("style" in element.attrib for element in elements)
        assert {element.tag for element in elements}.isdisjoint({"style", "metadata", "title"})
        names = [element.attrib["id"] for element in elements if "id" in element.attrib]
        assert all(name.startswith("p1-") for name in names)
        used = set()
        for element in elements:
            for value in element.attrib.values():
                used |= set(re.findall(r"url\(#(.*?)\)", value))
            href = element.attrib.get("href", "")
            used |= {href[1:]} if href.startswith("#") else set()
        assert sorted(used) == sorted(names)


def test_text_is_text_and_all_of_it_is_kept(drawings: list[bytes]) -> None:
    for drawing in drawings:
        told = [
            "".join(part.itertext())
            for part in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")
        ]
        kept = [
            "".join(part.itertext())
            for part in ET.fromstring(inline(drawing, "p", "")).iter("text")
        ]
        assert [text.strip() for text in told] == [text.strip() for text in kept]
        assert any(kept)


def test_colours_are_variables_of_the_page(drawings: list[bytes]) -> None:
    seen: set[str] = set()
    for drawing in drawings:
        text = inline(drawing, "p", "")
        found = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+|var\([^"]*\))"', text))
        assert {colour for colour in found if colour[0] == "#"} <= INKLESS
        seen |= found
    assert {"var(--ink)", "var(--paper)", "var(--series-1)"} <= seen


def test_every_colour_of_the_theme_has_a_variable() -> None:
    single = {LIGHT.paper, LIGHT.ink, LIGHT.muted, LIGHT.faint, *LIGHT.series}
    assert set(palette()) == single
    assert len(set(palette().values())) == len(single)


def test_shades_are_mixtures_and_other_colours_are_none() -> None:
    few, many = LIGHT.shades
    assert _shade(few) == "color-mix(in srgb, var(--shade-many) 0%, var(--shade-few))"
    assert _shade(many) == "color-mix(in srgb, var(--shade-many) 100%, var(--shade-few))"
    channels = [[int(c[at : at + 2], 16) for at in (1, 3, 5)] for c in (few, many)]
    middle = "#" + "".join(f"{(a + b) // 2:02x}" for a, b in zip(*channels, strict=True))
    assert re.search(r" (49|50)%", str(_shade(middle)))
    for other in ("#ff0000", "#ffffff", "#123456"):
        assert _shade(other) is None


def test_pixels_of_both_themes_are_there(drawings: list[bytes]) -> None:
    by_picture = zip(pictures(), drawings, strict=True)
    pixels = [(picture, drawing) for picture, drawing in by_picture if has_pixels(drawing)]
    assert pixels
    for picture, drawing in pixels:
        dark = save(draw(picture, "dark", caption=False), "svg")
        images = ET.fromstring(inline(drawing, "p", "", dark)).iter("image")
        light_one, dark_one = images
        assert (light_one.attrib["class"], dark_one.attrib["class"]) == ("light", "dark")
        assert light_one.attrib["href"] != dark_one.attrib["href"]
        for name in ("x", "y", "width", "height", "transform"):
            assert light_one.attrib.get(name) == dark_one.attrib.get(name)
