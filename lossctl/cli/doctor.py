"""``lossctl doctor``: what is probably wrong with a file, and which losses fit it."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.cli import options as opt
from lossctl.cli.completion import complete_column

FORMATS = ("table", "json")


def command(
    files: opt.Files = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="COL",
            help="The columns that tell rows apart, else one called id or index. Repeatable.",
            autocompletion=complete_column,
        ),
    ] = None,
    missing: opt.Missing = "error",
    positive: opt.Positive = None,
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where there is a warning.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    output: opt.Output = None,
) -> None:
    """Look for what is probably wrong with a file of truth and predictions.

    Percent for probabilities, labels that are not 0 and 1, columns swapped, rows shifted or
    repeated, classes in another order, another scale, probabilities of exactly 0 or 1, missing
    cells, a gradient that rests on one row. Says which losses fit, or, where the columns cannot be
    told, what each looks like. It is advice: the exit code is 0 whatever is found, unless --strict.

    lossctl doctor preds.csv
    """
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        key=key,
        missing=missing,
        positive=positive,
        class_weight=None,
        delimiter=delimiter,
        no_header=no_header,
        input_format=input_format,
        threads=threads,
    )
    form = opt.form_of(form, as_json, FORMATS)
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import inputs, loaded, look, watched
    from lossctl.diagnosing import diagnose
    from lossctl.options import make_options
    from lossctl.renderers.doctor import render

    chosen = make_options(**settings)
    loaded()
    with watched() as watch:
        found = diagnose(inputs(files), chosen, watch)
    with open_output(output) as file:
        text = render(found, form, look(output, None))
        file.write(text.encode(errors="backslashreplace"))
    if strict and found.warnings:
        raise typer.Exit(1)
