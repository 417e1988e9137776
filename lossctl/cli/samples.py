"""``lossctl samples``: one row out per row in."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated

import typer

from lossctl.cli import options as opt
from lossctl.cli.completion import complete_column
from lossctl.cli.streams import on_terminal
from lossctl.errors import UsageError

FORMATS = ("csv", "tsv", "jsonl", "parquet", "table")


def command(
    loss: opt.OneLoss,
    files: opt.Files = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="COL,...",
            help="Input columns to pass through.",
            autocompletion=complete_column,
        ),
    ] = None,
    outputs: opt.Outputs = "mean",
    missing: opt.Missing = "error",
    positive: opt.Positive = None,
    class_weight: opt.ClassWeight = None,
    ignore: opt.Ignore = None,
    normalize: opt.Normalize = False,
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    top: Annotated[
        int | None,
        typer.Option("--top", metavar="K", min=1, help="Only the K rows that cost the most."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    precision: opt.Precision = None,
    output: opt.Output = None,
) -> None:
    """Print loss, contribution, share and gradient of every row, as CSV unless told otherwise.

    The totals are needed first: files are read twice, a pipe is kept in a temporary file.

    lossctl samples mse preds.csv | sort -t, -k5 -gr | head
    """
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
        keep=tuple(keep or ()),
        outputs=outputs,
        missing=missing,
        positive=positive,
        class_weight=class_weight,
        ignore=ignore,
        normalize=normalize,
        delimiter=delimiter,
        no_header=no_header,
        input_format=input_format,
        threads=threads,
    )
    form = _format(form, output, top)
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import inputs, loaded, look, say
    from lossctl.options import make_options
    from lossctl.renderers.samples import worst_of, writer
    from lossctl.sampling import open_samples

    chosen = make_options(**settings)
    make = writer(form, look(output, precision))
    loaded()
    work = None if top else make.encode
    with open_samples(inputs(files), loss, chosen, work) as (parts, notes):
        if top:
            parts = iter([make.encode(worst_of(parts, top))])
        with open_output(output) as file:
            make.write(parts, file)
    for note in notes:
        say(f"note: {note}")


def _format(form: str | None, output: str | None, top: int | None) -> str:
    if form is None and output is not None:
        suffix = PurePath(output).suffix.lower().lstrip(".")
        form = suffix if suffix in FORMATS else None
    if form is None:
        form = "table" if top and on_terminal(output) else "csv"
    form = form.lower()
    if form not in FORMATS:
        raise UsageError(f"unknown format '{form}': one of {', '.join(FORMATS)}")
    if form == "table" and not top:
        raise UsageError("-f table needs --top K: a table of every row helps nobody")
    return form
