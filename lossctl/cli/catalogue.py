"""``lossctl losses``: the catalogue, and one loss explained."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.cli.completion import complete_losses
from lossctl.errors import UsageError

FORMATS = ("table", "json", "markdown")


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A loss to explain.", autocompletion=complete_losses),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print.")
    ] = "table",
) -> None:
    """List the losses, or explain one: formula, gradient, behaviour, when to choose it.

    lossctl losses bce
    """
    if form not in FORMATS:
        raise UsageError(f"unknown format '{form}': one of {', '.join(FORMATS)}")
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import look
    from lossctl.losses import all_losses, find
    from lossctl.renderers.catalogue import render_list, render_page

    view = look(None, None)
    text = render_list(all_losses(), form, view) if name is None else render_page(find(name), form)
    with open_output(None) as file:
        file.write(text.encode())
