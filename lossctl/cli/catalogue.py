"""``lossctl losses``: the catalogue, and one loss explained."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lossctl.cli.completion import complete_losses
from lossctl.errors import UnknownLoss, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.losses import Loss

FORMATS = ("table", "json", "markdown")


def complete_tasks(incomplete: str) -> list[str]:
    """Return the tasks that the word may become."""
    from lossctl.losses import all_losses
    from lossctl.renderers.catalogue import tasks_of

    return [task for task in tasks_of(all_losses()) if task.startswith(incomplete.lower())]


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A loss to explain; any other word lists the losses that mention it.",
            autocompletion=complete_losses,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="List the losses for a task, such as regression; NAME is a word to look for.",
            autocompletion=complete_tasks,
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print.")
    ] = "table",
) -> None:
    """List the losses, or explain one: formula, gradient, behaviour, when to choose it.

    lossctl losses bce

    lossctl losses --task count

    lossctl losses outlier
    """
    form = form.lower()
    if form not in FORMATS:
        raise UsageError(f"unknown format '{form}': one of {', '.join(FORMATS)}")
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import look
    from lossctl.renderers.catalogue import render_list, render_page

    view = look(None, None)
    found, task = _chosen(name, task)
    if isinstance(found, list):
        text = render_list(found, form, view, task)
    else:
        text = render_page(found, form, view, plain=not _takes_curves())
    with open_output(None) as file:
        file.write(text.encode())


def _chosen(name: str | None, task: str | None) -> tuple[Loss | list[Loss], str | None]:
    """Return the loss of that name, or those of a task that mention the word; and the task."""
    from lossctl.losses import all_losses, find
    from lossctl.renderers.catalogue import mentioning

    if task is None and name is not None:
        try:
            return find(name), None
        except UnknownLoss:
            matches = mentioning(all_losses(), name) if name.strip("-_ ") else []
            if not matches:
                raise
            return matches, None
    losses = list(all_losses())
    if task is not None:
        task = _known_task(task, losses)
        losses = [loss for loss in losses if task in loss.tasks]
    if name is not None:
        losses = mentioning(losses, name)
        if not losses:
            raise UsageError(f"no loss for {task} mentions '{name}'")
    return losses, task


def _known_task(task: str, losses: Sequence[Loss]) -> str:
    from lossctl.losses.registry import fold
    from lossctl.renderers.catalogue import tasks_of

    tasks = {fold(known): known for known in tasks_of(losses)}
    if fold(task) not in tasks:
        raise UsageError(f"unknown task '{task}': one of {', '.join(tasks.values())}")
    return tasks[fold(task)]


def _takes_curves() -> bool:
    """Whether standard output is of an encoding that has what curves are drawn with."""
    from lossctl.renderers.curve import SAMPLE

    try:
        SAMPLE.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
