"""What a picture is drawn on: a file of a form, in a theme."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from lossctl.errors import UsageError
from lossctl.renderers.plots import FORMS, check_drawing
from lossctl.renderers.plots.theme import THEMES

if TYPE_CHECKING:
    from lossctl.pictures.records import Picture

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The picture, by its suffix: .png, .svg or .pdf; written whole or not at all. "
        "- is standard output, with -f.",
    ),
]
Form = Annotated[
    str | None,
    typer.Option("--format", "-f", metavar="|".join(FORMS), help="Whatever the suffix says."),
]
ThemeName = Annotated[
    str, typer.Option("--theme", metavar="|".join(THEMES), help="For white paper or dark screens.")
]


class Canvas(NamedTuple):
    """Where a picture goes, and how it is to look there."""

    path: str
    form: str
    theme: str

    def paint(self, picture: Picture) -> None:
        """Draw a picture and write it."""
        from lossctl.cli.output import open_output
        from lossctl.renderers.plots import draw, save

        drawn = save(draw(picture, self.theme), self.form)
        with open_output(self.path) as file:
            file.write(drawn)


def canvas_of(output: str | None, form: str | None, theme: str, flag: str = "-o") -> Canvas:
    """Return the canvas, or raise UsageError before anything is read.

    ``flag`` is the option that names the file.
    """
    if output is None:
        names = ", ".join(f"-o FILE.{known}" for known in FORMS)
        raise UsageError(f"name the picture to write: {names}")
    suffix = PurePath(output).suffix.lower().removeprefix(".")
    chosen = (form or suffix).lower()
    if chosen not in FORMS:
        known = ", ".join(FORMS)
        if form is not None:
            raise UsageError(f"unknown format '{form}': one of {known}")
        found = f"got '.{suffix}'" if suffix else "got none"
        raise UsageError(f"{flag} {output}: the suffix says the format, one of {known}; {found}")
    if theme.lower() not in THEMES:
        raise UsageError(f"unknown theme '{theme}': one of {', '.join(THEMES)}")
    check_drawing()
    return Canvas(output, chosen, theme.lower())
