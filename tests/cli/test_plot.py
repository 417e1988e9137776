"""``lossctl plot``: every kind of picture as every kind of file, and what is refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lossctl.cli.plot import KINDS
from lossctl.renderers.plots import FORMS
from lossctl.renderers.plots.theme import DASHES, MARKS, THEMES

from .program import HELP, SAMPLES, Run, environment, one_line, process

Write = Callable[..., Path]

DIABETES = str(SAMPLES / "diabetes.csv")
WORDS = {
    "curves": ["curves", "mae,mse,rmse,huber:delta=1,bce"],
    "samples": ["samples", "mse", DIABETES],
    "residuals": ["residuals", DIABETES],
    "calibration": ["calibration", str(SAMPLES / "breast_cancer.csv"), "-p", "prob"],
    "gradient": ["gradient", "huber:delta=20", DIABETES],
    "groups": ["groups", "rmse", DIABETES, "--by", "sex", "--by", "age_band"],
    "surface": [
        *("surface", "mse", str(SAMPLES / "diabetes_features.csv"), "--target", "y"),
        *("--features", "bmi,s5", "--standardize", "--epochs", "10"),
    ],
}
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> list[str]:
    """Return the texts of a picture, which must be XML, with spaces that may break."""
    parts = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return ["".join(part.itertext()).replace("\N{NO-BREAK SPACE}", " ") for part in parts]


def drawn(run: Run, *words: object) -> str:
    """Return all text of the picture that a command writes to standard output."""
    done = run("plot", *words, "-o", "-", "-f", "svg")
    assert (done.code, done.err) == (0, "")
    return " ".join(texts(done.raw))


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl plot KIND --help > tests/cli/help/plot/KIND.txt."""
    done = run("plot", "--help")
    assert done.out == (HELP / "plot.txt").read_text(encoding="utf-8")
    for kind in KINDS:
        done = run("plot", kind, "--help")
        assert done.out == (HELP / "plot" / f"{kind}.txt").read_text(encoding="utf-8")
    assert {path.stem for path in (HELP / "plot").glob("*.txt")} == set(KINDS) == set(WORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_as_every_kind_of_file(run: Run, tmp_path: Path, kind: str) -> None:
    for form, theme in zip(FORMS, ("light", "dark", "light"), strict=True):
        first, second = tmp_path / f"first.{form}", tmp_path / f"second.{form.upper()}"
        for path in (first, second):
            done = run("plot", *WORDS[kind], "-o", path, "--theme", theme)
            assert (done.code, done.out, done.err) == (0, "", "")
        assert first.read_bytes().startswith(MAGIC[form])
        assert first.read_bytes() == second.read_bytes()  # the same command, the same bytes
    assert {path.name for path in tmp_path.iterdir() if path.name != ".stdin"} == {
        name for form in FORMS for name in (f"first.{form}", f"second.{form.upper()}")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_titles_say_what_and_n_and_the_spec_is_in_the_corner(run: Run, kind: str) -> None:
    found = drawn(run, *WORDS[kind])
    assert "lossctl 0.1.0" in found
    if kind != "curves":
        assert re.search(r"n = (442|569) ", found)
        assert WORDS[kind][-1] in found or "sample_data/" in found
    dark, light = (
        run("plot", *WORDS[kind], "-o", "-", "-f", "svg", "--theme", theme).out
        for theme in ("dark", "light")
    )
    assert THEMES["dark"].paper in dark
    assert THEMES["dark"].paper not in light
    assert THEMES["light"].paper in light


def test_another_process_and_settings_of_the_users_own_make_no_difference(
    run: Run, tmp_path: Path
) -> None:
    here = run("plot", *WORDS["samples"], "-o", "-", "-f", "svg").raw
    (tmp_path / "matplotlibrc").write_text("font.size: 40\nsvg.fonttype: path\nno.such.key: 1\n")
    words = ["plot", *WORDS["samples"], "-o", "-", "-f", "svg"]
    done = process(*words, cwd=tmp_path, env=environment(PYTHONHASHSEED="7"))
    assert (done.code, done.err) == (0, "")
    assert done.raw == here


def test_the_rows_to_blame_and_the_shares_are_in_words(run: Run) -> None:
    found = drawn(run, *WORDS["samples"])
    assert "the costliest 10 % carry 41 %" in found
    assert "line 58" in found
    assert "line 207" in found
    found = drawn(run, *WORDS["gradient"])
    assert "73.1 %" in found


def test_names_from_the_file_are_plain_text(run: Run, write: Write) -> None:
    hostile = [
        r"$x$ <b>",
        "[red]a & b",
        r"\frac{1}{2}",
        "$",
        "_{x}^{2}",
        "\x1b[31m",
        "%s{0}",
        "😀 한",
    ]
    rows = "".join(f'{k},{k + 1 + k % 3},"{name}"\n' for k, name in enumerate(hostile * 3))
    path = write("y,yhat,$g$\n" + rows, name="a $b$ <i>.csv")
    found = drawn(run, "groups", "mse", path, "--by", "$g$")
    for name in hostile:
        assert name.replace("\x1b", "�") in found
    assert "by $g$" in found
    assert "$b$ <i>.csv" in found
    for form in ("png", "pdf"):
        done = run("plot", "groups", "mse", path, "--by", "$g$", "-o", "-", "-f", form)
        assert (done.code, done.err) == (0, "")
        assert done.raw.startswith(MAGIC[form])


def test_weights_leave_rows_out(run: Run, write: Write) -> None:
    path = write("y,yhat,w\n" + "1,2,1\n3,5,0\n2,2.5,2\n" * 10)
    assert "n = 20" in drawn(run, "samples", "mae", path, "-w", "w")
    assert "n = 30" in drawn(run, "samples", "mae", path)


def test_what_has_no_lorenz_curve_says_why(run: Run, write: Write) -> None:
    path = write("y,yhat\n0,1\n5,3\n")
    assert "No Lorenz curve. Some losses are negative" in " ".join(
        drawn(run, "samples", "poisson_nll", path).split()
    )


def test_both_conditions_of_a_loss_are_seen(run: Run) -> None:
    found = " ".join(drawn(run, "curves", "mae,mse").split())
    assert "0 at the right answer, where the mark is, and larger the further e is from it" in found
    assert "Cost of one more unit of error" in found
    for cost in ("1", "3", "5"):
        assert cost in texts(run("plot", "curves", "mse", "-o", "-", "-f", "svg").raw)


def test_a_picture_is_small_for_any_number_of_rows(run: Run, big: Path) -> None:
    for words in (["samples", "mse"], ["residuals"], ["gradient", "mse"]):
        done = run("plot", *words, big, "-o", "-", "-f", "svg")
        assert (done.code, done.err) == (0, "")
        assert len(done.raw) < 300_000


REFUSED = [
    ("samples mse DATA", "name the picture to write: -o FILE.png, -o FILE.svg, -o FILE.pdf"),
    ("samples mse nowhere.csv -o x.jpg", "one of png, svg, pdf; got '.jpg'"),
    ("samples mse nowhere.csv -o x", "one of png, svg, pdf; got none"),
    ("samples mse DATA -o -", "one of png, svg, pdf; got none"),
    ("samples mse DATA -o x.png -f gif", "unknown format 'gif': one of png, svg, pdf"),
    ("samples mse DATA -o x.png --theme pink", "unknown theme 'pink': one of light, dark"),
    ("samples mse,mae DATA -o x.png", "draws one loss, got 2"),
    ("gradient max_error DATA -o x.png", "plot gradient: max_error is the error of one row"),
    ("groups mse DATA -o x.png", "name the column that makes groups: --by COL"),
    ("calibration DATA --loss mse -o x.png", "no probabilities of a label"),
    ("calibration DATA --bins 0 -o x.png", "--bins"),
    ("curves r2 -o x.png", "r2 has no curve: it is a value of all rows together. Draw mse"),
    ("curves median_ae -o x.png", "Draw mae"),
    ("curves mae,nonsense -o x.png", "unknown loss 'nonsense'"),
    ("pie mse DATA -o x.png", "No such command 'pie'"),
    ("", "Missing command"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_wrong_usage_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("plot", *words.replace("DATA", DIABETES).split())
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)
    assert message in done.err
    assert [path.name for path in tmp_path.iterdir()] == [".stdin"]


INVALID = [
    ("samples mse FILE -p nobody", "y,yhat\n1,2\n", "nobody"),
    ("samples mse FILE", "y,yhat\n", "no rows"),
    ("samples mse FILE", "", "empty"),
    ("residuals FILE", "y,yhat\n1,x\n", "yhat"),
    ("samples mse FILE -w w", "y,yhat,w\n1,2,0\n", "all weights are zero"),
    ("groups mse FILE --by g", "y,yhat,g\n", "no rows"),
    ("groups mse FILE --by nobody", "y,yhat\n1,2\n", "nobody"),
    ("calibration FILE", "y,p\n1,1.7\n", "Logits? Use bce_with_logits."),
]


@pytest.mark.parametrize(("words", "text", "message"), INVALID)
def test_what_cannot_be_drawn_leaves_no_file(
    run: Run, write: Write, tmp_path: Path, words: str, text: str, message: str
) -> None:
    path = write(text)
    picture = tmp_path / "x.svg"
    done = run("plot", *words.replace("FILE", str(path)).split(), "-o", picture)
    assert (done.code, done.out) == (3, "")
    assert one_line(done.err)
    assert message in done.err
    assert not picture.exists()


def test_what_cannot_be_written_is_said(run: Run) -> None:
    done = run("plot", *WORDS["residuals"], "-o", "/nowhere/x.svg")
    assert (done.code, done.out) == (3, "")
    assert done.err == "lossctl: /nowhere/x.svg: cannot be written: No such file or directory\n"


def test_without_matplotlib_one_line_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("plot", "samples", "mse", "nowhere.csv", "-o", "x.png")
    expected = "lossctl: plot needs matplotlib: pip install 'lossctl[plot]'\n"
    assert (done.code, done.out, done.err) == (2, "", expected)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour as WCAG 2.1 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255.0 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_colours_stand_out_and_are_not_all_that_tells_lines_apart(theme: object) -> None:
    from lossctl.renderers.plots.theme import Theme

    assert isinstance(theme, Theme)
    assert contrast(theme.ink, theme.paper) >= 7.0
    assert contrast(theme.muted, theme.paper) >= 4.5
    for colour in theme.series:
        assert contrast(colour, theme.paper) >= 3.0
    assert len(set(theme.series)) == len(set(MARKS)) == len(set(DASHES)) == 6
