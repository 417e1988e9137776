"""``lossctl check``: the gates of a CI job."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.cli import options as opt
from lossctl.errors import UsageError

FORMATS = ("table", "json", "markdown", "github", "junit")


def command(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG",
            help="A file of checks; without it lossctl.toml, else [tool.lossctl] of "
            "pyproject.toml, in this folder.",
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            metavar="FILE",
            help="Look at a file of predictions and write a config to begin with, to lossctl.toml "
            "or -o; nothing is replaced.",
        ),
    ] = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    threads: opt.Threads = None,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    precision: opt.Precision = None,
    output: opt.Output = None,
) -> None:
    """Run the checks of a config: each a loss, data, and a line that must hold.

    Checks that read the same data share a pass; all are reported, and the exit code is the worst:
    0 all passed, 4 one is inconclusive, 1 one failed or a guard did, 3 data are invalid or cannot
    be read; 2 the config says what it should not. Guards look for accidents that would let a
    check pass: no-rows, zero-weights, same-file, constant, unmatched, skipped, truth, not-finite,
    floor; 'allow = ["constant"]' in a check switches one off. A config names data and losses,
    never code.

    lossctl check -f junit -o report.xml
    """
    form = opt.form_of(form, as_json, FORMATS)
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import loaded, look, say, watched

    if init is not None:
        if config is not None:
            raise UsageError("--init writes a config: leave CONFIG out, or --init")
        from lossctl.starting import start

        columns = {"y": opt.once(y, "-y"), "pred": opt.once(pred, "-p")}
        begun = start(init, output or "lossctl.toml", weight=opt.once(weight, "-w"), **columns)
        for guard in begun.guards:
            say(f"note: guard {guard.name} fails the check: {guard.text}")
        say(f"wrote {begun.path}: {begun.checks} check{'' if begun.checks == 1 else 's'}")
        return
    for given, flag in ((y, "-y"), (pred, "-p"), (weight, "-w")):
        if given:
            raise UsageError(f"{flag} goes with --init; a check names its own columns")
    from lossctl.checking import run_checks
    from lossctl.config import load
    from lossctl.renderers.check import render, summary

    checks = load(config)
    loaded()
    with watched() as watch:
        found = run_checks(checks, threads, watch)
    with open_output(output) as file:
        text = render(found, form, look(output, precision))
        file.write(text.encode(errors="backslashreplace"))
    if form == "github":
        from lossctl.cli.summary import append_summary

        append_summary(summary(found, look(output, precision)))
    for made in found.checks:
        for note in made.notes:
            say(f"note: {made.name}: {note}")
    if found.verdict.exit_code:
        raise typer.Exit(int(found.verdict.exit_code))
