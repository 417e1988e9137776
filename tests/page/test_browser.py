"""The page in headless Chromium: sorting, filtering, the keyboard, widths, schemes, print."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import SAMPLES, Run
from tests.page.conftest import Opened

Write = Callable[..., Path]
Opening = Callable[..., Any]

DIABETES = SAMPLES / "diabetes.csv"
PAIR = ("-p", "yhat", "-p", "yhat_boosting")
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}{% raw %}",
    "' onfocus='alert(1)",
    "\u202eright to left",
    "bell\x07\x1b[31m",
    "&lt;b&gt;&amp;",
    "$\\frac{1}{2}$",
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of real predictions, each made once."""
    from lossctl.cli import app

    folder = tmp_path_factory.mktemp("pages")
    made = {
        "report": ("eval", "mse,mae", DIABETES, "--by", "sex", "--ci", 95, "--floor"),
        "classes": ("eval", "cce,zero_one", SAMPLES / "digits.csv", "-y", "digit", "-p", "p_*"),
        "compare": ("compare", "mse,mae", DIABETES, *PAIR, "--by", "sex"),
    }
    for name, words in made.items():
        path = folder / f"{name}.html"
        assert app.run([*map(str, words), "-f", "html", "-o", str(path)]) == 0
    return {name: folder / f"{name}.html" for name in made}


def numbers(texts: list[str]) -> list[float]:
    return [float(text.rstrip("%")) for text in texts]


def focus_head(shown: Opened, table: str, at: int) -> Any:
    head = shown.page.locator(f"#{table}-t thead th:nth-child({at})")
    head.locator("button").focus()
    return head


def test_sorting_by_keyboard(pages: dict[str, Path], opened: Opening) -> None:
    with opened(pages["report"]) as shown:
        ranks = numbers(shown.column("worst-1", 1))
        assert ranks == list(range(1, 101))
        head = focus_head(shown, "worst-1", 4)  # y
        assert head.get_attribute("aria-sort") is None
        shown.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        y = numbers(shown.column("worst-1", 4))
        assert y == sorted(y, reverse=True)
        shown.page.keyboard.press("Space")
        assert head.get_attribute("aria-sort") == "ascending"
        assert numbers(shown.column("worst-1", 4)) == sorted(y)
        # Text sorts as text, and rows that are equal keep the order they had.
        by_sex = focus_head(shown, "worst-1", 2)
        shown.page.keyboard.press("Enter")
        assert (head.get_attribute("aria-sort"), by_sex.get_attribute("aria-sort")) == (
            None,
            "ascending",
        )
        sexes = shown.column("worst-1", 2)
        assert sexes == sorted(sexes)
        assert len(set(sexes)) == 2
        y = numbers(shown.column("worst-1", 4))
        change = sexes.index("sex_2")
        assert y == [*sorted(y[:change]), *sorted(y[change:])]


def test_numbers_sort_by_all_their_digits_and_what_is_none_stands_last(
    run: Run, write: Write, tmp_path: Path, opened: Opening
) -> None:
    rows = ["1,0", "1,0.5", "1,0.50000001", "1,1", "1,0"]
    path, out = write("y,p\n" + "\n".join(rows) + "\n"), tmp_path / "page.html"
    assert run("eval", "bce", path, "-f", "html", "-o", out).code == 0
    with opened(out) as shown:
        page = shown.page
        head = page.locator("#worst-1-t thead th")
        names = [text.strip() for text in head.all_text_contents()]
        loss, line = names.index("loss") + 1, names.index("line") + 1
        focus_head(shown, "worst-1", loss)
        page.keyboard.press("Enter")
        assert shown.column("worst-1", loss) == ["inf", "inf", "0.693147", "0.693147", "0"]
        assert shown.column("worst-1", line) == ["2", "6", "3", "4", "5"]
        page.keyboard.press("Enter")
        assert shown.column("worst-1", line) == ["5", "4", "3", "2", "6"]
        # A share of an infinite loss is none.
        assert "share" not in names


def test_missing_numbers_stand_last_in_either_order(
    run: Run, write: Write, tmp_path: Path, opened: Opening
) -> None:
    path, out = write("y,yhat,g\n1,1,a\n1,2,b\n1,4,b\n"), tmp_path / "page.html"
    assert run("eval", "mse", path, "--by", "g", "-f", "html", "-o", out).code == 0
    with opened(out) as shown:
        focus_head(shown, "worst-1", 7)  # share: none where the loss of the group is 0
        for shares in (["90.00%", "10.00%", "–"], ["10.00%", "90.00%", "–"]):
            shown.page.keyboard.press("Enter")
            assert shown.column("worst-1", 7) == shares


def test_filtering(pages: dict[str, Path], opened: Opening) -> None:
    with opened(pages["report"]) as shown:
        box = shown.page.get_by_label("Filter By mse")
        count = shown.page.locator(".filter output").first
        assert count.text_content() == "100 of 100 rows"
        assert count.get_attribute("aria-live") == "polite"
        box.fill("SEX_1")
        sexes = shown.column("worst-1", 2)
        assert set(sexes) == {"sex_1"}
        assert count.text_content() == f"{len(sexes)} of 100 rows"
        box.fill("sex_1 24480")
        assert shown.column("worst-1", 1) == ["1"]
        focus_head(shown, "worst-1", 3)
        shown.page.keyboard.press("Enter")
        assert shown.column("worst-1", 1) == ["1"]
        box.fill("no such row")
        assert count.text_content() == "0 of 100 rows"
        box.fill("")
        assert len(shown.column("worst-1", 1)) == 100
        assert len(shown.column("worst-2", 1)) == 100


@pytest.mark.parametrize("name", ["report", "classes", "compare"])
@pytest.mark.parametrize("width", [360, 768, 2000])
def test_nothing_overflows(pages: dict[str, Path], opened: Opening, name: str, width: int) -> None:
    with opened(pages[name], width) as shown:
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        # Nor is anything cut that does not scroll by itself.
        cut = """() => [...document.querySelectorAll("main *, header *, footer *")]
            .filter((e) => !(e instanceof SVGElement) && !e.closest(".scroll, .drawing, .unseen"))
            .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
            .map((e) => e.outerHTML.slice(0, 80))"""
        assert shown.page.evaluate(cut) == []


@pytest.mark.parametrize("name", ["report", "compare"])
def test_everything_is_reached_by_keyboard(
    pages: dict[str, Path], opened: Opening, name: str
) -> None:
    with opened(pages[name]) as shown:
        page = shown.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        reached = set()
        for _ in range(400):
            page.keyboard.press("Tab")
            where = """(() => {
                const e = document.activeElement;
                const all = [...document.querySelectorAll("a, button, input, [tabindex='0']")];
                return [all.indexOf(e), getComputedStyle(e).outlineStyle];
            })()"""
            at, outline = page.evaluate(where)
            if at < 0 or at in reached:
                break
            assert outline != "none"
            reached.add(at)
        things = page.locator("a, button, input, [tabindex='0']").count()
        links = page.locator("nav a, .skip").count()
        assert len(reached) >= things - links


def test_landmarks_and_headings(pages: dict[str, Path], opened: Opening) -> None:
    for path in pages.values():
        with opened(path) as shown:
            page = shown.page
            for role in ("banner", "navigation", "main", "contentinfo"):
                assert page.get_by_role(role).count() == 1
            assert page.locator("html").get_attribute("lang") == "en"
            levels = page.evaluate(
                "[...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1])"
            )
            assert levels[0] == 1
            assert levels.count(1) == 1
            assert all(b - a <= 1 for a, b in pairwise(levels))
            targets = page.evaluate(
                "[...document.querySelectorAll('nav a')]"
                ".map((a) => !!document.querySelector(a.hash))"
            )
            assert all(targets)
            ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
            assert len(ids) == len(set(ids))
            regions = page.evaluate(
                "[...document.querySelectorAll('[aria-labelledby]')]"
                ".map((e) => document.getElementById(e.getAttribute('aria-labelledby')) !== null)"
            )
            assert all(regions)


def contrast(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return the contrast of two colours, 0 to 255 a channel (WCAG 2.1)."""

    def luminance(colour: tuple[float, ...]) -> float:
        parts = [x / 255 for x in colour]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


COLOURS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => {
    const colour = rgb(getComputedStyle(e).backgroundColor);
    return colour.length === 4 && colour[3] === 0 ? behind(e.parentElement) : colour;
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => !(e instanceof SVGElement) && !["SCRIPT", "STYLE"].includes(e.tagName))
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => [rgb(getComputedStyle(e).color), behind(e), e.className || e.tagName]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(
    run: Run, tmp_path: Path, opened: Opening, scheme: str
) -> None:
    out = tmp_path / "page.html"
    words = ("mse", DIABETES, "--by", "sex", "--max", 3000, "--batch-size", 99, "--top", 9)
    assert run("eval", *words, "-f", "html", "-o", out).code == 1
    with opened(out, color_scheme=scheme) as shown:
        paper = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
        found = shown.page.evaluate(COLOURS)
        kinds = {kind for _, _, kind in found}
        assert {"verdict pass", "verdict fail", "lead", "value"} <= kinds
        for ink, behind, kind in found:
            assert contrast(tuple(ink[:3]), tuple(behind[:3])) >= 4.5, kind


def test_pictures_follow_the_scheme_and_print_is_light(
    pages: dict[str, Path], opened: Opening
) -> None:
    fill = """[...document.querySelectorAll(".drawing text")]
        .map((t) => getComputedStyle(t).fill)[0]"""
    with opened(pages["report"], color_scheme="dark") as shown:
        page = shown.page
        assert page.evaluate(fill) == "rgb(236, 236, 236)"
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate(fill) == "rgb(26, 26, 26)"
        body = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(body) == "rgb(255, 255, 255)"
        assert page.locator(".filter:visible, nav:visible").count() == 0
        scroll = "getComputedStyle(document.querySelector('.scroll')).overflow"
        assert page.evaluate(scroll) == "visible"
        # Heads stand over every sheet of a table: Chromium does not repeat what is in a button.
        button = "getComputedStyle(document.querySelector('th button')).display"
        assert page.evaluate(button) == "contents"
        assert page.locator("#worst-1-t tbody tr:visible").count() == 100


def test_pixels_follow_the_scheme(pages: dict[str, Path], opened: Opening) -> None:
    for scheme in ("light", "dark"):
        with opened(pages["report"], color_scheme=scheme) as shown:
            images = shown.page.locator("svg image")
            seen = shown.page.locator("svg image:visible")
            assert (images.count(), seen.count()) == (2, 1)
            assert seen.first.get_attribute("class") == scheme
            shown.page.emulate_media(media="print", color_scheme=scheme)
            assert seen.first.get_attribute("class") == "light"
        first, second = (shown_url for shown_url in _images(pages["report"]))
        assert first != second


def _images(path: Path) -> list[str]:
    return re.findall(r'href="(data:image/png[^"]*)"', path.read_text())


def test_pictures_fit_their_columns_and_have_names(pages: dict[str, Path], opened: Opening) -> None:
    for name, title in (("report", "mse"), ("compare", "Candidate − baseline")):
        with opened(pages[name], 2000) as shown:
            drawings = shown.page.locator("figure svg[role=img]")
            assert drawings.count() >= 1
            assert title in drawings.first.get_attribute("aria-label")
            box = drawings.first.bounding_box()
            column = shown.page.locator("figure").first.bounding_box()
            assert 400 < box["width"] <= column["width"] + 1
            assert box["height"] > 100
            captions = shown.page.locator("figcaption").all_text_contents()
            assert all(len(caption) > 40 for caption in captions)
            # What clips refers to its own picture, and is there.
            broken = """[...document.querySelectorAll(".drawing [clip-path]")].filter((e) => {
                const name = e.getAttribute("clip-path").slice(5, -1);
                return document.getElementById(name)?.ownerSVGElement !== e.ownerSVGElement;
            }).length"""
            assert shown.page.evaluate(broken) == 0


def test_the_page_reads_without_script(pages: dict[str, Path], opened: Opening) -> None:
    with opened(pages["report"], java_script_enabled=False) as shown:
        page = shown.page
        assert page.locator("button, input:visible").count() == 0
        assert page.locator("#worst-1-t tbody tr:visible").count() == 100
        assert "mse" in page.locator("main").text_content()


def printable(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_only_text(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opening, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"f {text.replace('/', '')}.csv"
    out = tmp_path / "page.html"
    with Path(name).open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([["y", text, f"g{text}"], ["1", "2", text], ["3", "5", "x"]])
    done = run("eval", "mse", f"./{name}", "-p", "2", "--by", "3", "-f", "html", "-o", out)
    assert (done.code, done.err) == (0, "")
    with opened(out) as shown:
        page = shown.page
        assert page.locator("h1").text_content() == printable(f"./{name}")
        assert page.title() == f"mse: {printable(f'./{name}')}"
        # An order that sorts by text: the label and "x".
        assert set(shown.column("values-all", 2)) == {printable(text), "x"}
        heads = page.locator("#values-all-t thead th").all_text_contents()
        assert heads[1].strip() == printable(f"g{text}").strip()
        columns = page.locator("#read dd").all_text_contents()
        assert f"y = y; ŷ = {printable(text)}" in columns
        command = page.locator("#made pre").first.text_content()
        assert printable(text.replace("/", "")).replace("'", "") in command.replace("'\"'\"'", "")
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == 0


def test_hostile_labels_of_classes_and_rows(run: Run, tmp_path: Path, opened: Opening) -> None:
    text, out = HOSTILE[0], tmp_path / "page.html"
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["label", text, "b"], [text, "0.5", "0.5"], ["b", ".1", ".9"]])
    assert run("eval", "cce", path, "-p", "2,3", "-f", "html", "-o", out).code == 0
    with opened(out) as shown:
        assert set(shown.column("worst-1", 3)) == {text, "b"}


def test_a_comparison_sorts_and_names_what_moved(pages: dict[str, Path], opened: Opening) -> None:
    with opened(pages["compare"]) as shown:
        heads = [
            head.strip() for head in shown.page.locator("#moved-1-t thead th").all_text_contents()
        ]
        assert heads == [
            *("#", "sex", "line", "y", "ŷ baseline", "ŷ candidate"),
            *("loss baseline", "loss candidate", "change"),
        ]
        change = numbers(shown.column("moved-1", 9))
        assert change == sorted(change, reverse=True)
        focus_head(shown, "moved-1", 9)
        shown.page.keyboard.press("Enter")
        shown.page.keyboard.press("Enter")
        assert numbers(shown.column("moved-1", 9)) == sorted(change)
        assert math.isclose(change[0], 10364.4)
