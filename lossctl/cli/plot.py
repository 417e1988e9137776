"""``lossctl plot``: a group of commands, one for every kind of picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module

import typer

KINDS = ("curves", "samples", "residuals", "calibration", "gradient", "groups", "surface")


def about() -> None:
    """Draw pictures of losses, rows and groups.

    As PNG, SVG or PDF, in a light and a dark theme; the same command writes the same bytes. It
    needs matplotlib: pip install 'lossctl[plot]'.
    """


def group(arguments: Sequence[str]) -> typer.Typer:
    """Return the group with the kind that the arguments name, else with all of them."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(about)
    for kind in _needed(arguments):
        app.command(kind)(import_module(f"lossctl.cli.plots.{kind}").command)
    return app


def _needed(arguments: Sequence[str]) -> Iterable[str]:
    return arguments[:1] if arguments and arguments[0] in KINDS else KINDS
