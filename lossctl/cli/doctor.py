"""``lossctl doctor``: what is probably wrong with a file, and which losses fit it."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.cli import options as opt
from lossctl.cli.completion import complete_column
from lossctl.errors import GateFailed

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
            help="A column that tells rows apart; repeatable. Else one called id, in small files.",
            autocompletion=complete_column,
        ),
    ] = None,
    positive: opt.Positive = None,
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 1 on any error or warning; notes are no reason."),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    output: opt.Output = None,
) -> None:
    """Say what is probably wrong with truth and predictions, and which losses fit them.

    Percent for probabilities, labels 1 and 2, swapped or shifted columns, repeated rows, class
    columns in another order, saturated probabilities, another unit, constants, one row that holds
    all: one line each, with figures, the first place and what to do. Where columns are not clear,
    it lists what they look like. Order, repeats and units are judged by the first 1,048,576 rows.
    It is advice: the exit code is 0 whatever it finds, except with --strict.

    lossctl doctor preds.csv
    """
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
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
    from lossctl.diagnosis.examine import diagnose
    from lossctl.options import make_options
    from lossctl.renderers.doctor import render

    chosen = make_options(**settings)
    loaded()
    with watched() as watch:
        found = diagnose(inputs(files), chosen, tuple(key or ()), watch)
    with open_output(output) as file:
        text = render(found, form, look(output, None))
        file.write(text.encode(errors="backslashreplace"))
    if strict and found.worst in ("error", "warning"):
        grave = sum(finding.severity != "note" for finding in found.findings)
        raise GateFailed(f"doctor: {grave} finding{'s' if grave > 1 else ''}, --strict")
