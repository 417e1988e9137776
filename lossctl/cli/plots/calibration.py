"""``lossctl plot calibration``: how often it happened where p was predicted."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.cli import options as opt
from lossctl.cli.plots.canvas import Form, Output, ThemeName, canvas_of


def command(
    files: opt.Files = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            metavar="LOSS",
            help="What predictions are: bce or cce of probabilities (the default), or of logits "
            "bce_with_logits or cce_with_logits.",
        ),
    ] = None,
    bins: Annotated[
        int,
        typer.Option("--bins", metavar="N", min=1, max=100, help="Bins of equal width."),
    ] = 10,
    positive: opt.Positive = None,
    class_weight: opt.ClassWeight = None,
    ignore: opt.Ignore = None,
    normalize: opt.Normalize = False,
    missing: opt.Missing = "error",
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    output: Output = None,
    form: Form = None,
    theme: ThemeName = "light",
) -> None:
    """Draw how often it happened where p was predicted.

    With 95 % intervals (Wilson) and counts. Of classes: how often the likeliest was right. Weights
    count in shares and in intervals.

    lossctl plot calibration preds.csv -p prob -o calibration.svg
    """
    canvas = canvas_of(output, form, theme)
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
        outputs="mean",
        positive=positive,
        class_weight=class_weight,
        ignore=ignore,
        normalize=normalize,
        missing=missing,
        delimiter=delimiter,
        no_header=no_header,
        input_format=input_format,
        threads=threads,
    )
    from lossctl.cli.streams import inputs, loaded, say, watched
    from lossctl.options import make_options
    from lossctl.pictures.gather import take

    chosen = make_options(**settings)
    loaded()
    with watched() as watch:
        taken = take(inputs(files), loss, "calibration", chosen, watch, bins)
    canvas.paint(taken.picture)
    for note in taken.notes:
        say(f"note: {note}")
