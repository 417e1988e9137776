"""``lossctl plot residuals``: errors against predictions."""

from __future__ import annotations

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
    missing: opt.Missing = "error",
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    output: Output = None,
    form: Form = None,
    theme: ThemeName = "light",
) -> None:
    """Draw errors against predictions.

    e = ŷ − y against ŷ, its running median and its distribution. Up to 4,096 rows are points,
    more of them shaded cells. A weight of 0 leaves a row out; others count alike.

    lossctl plot residuals preds.csv -o residuals.svg
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
        positive=None,
        class_weight=None,
        ignore=None,
        normalize=False,
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
        taken = take(inputs(files), "mse", "residuals", chosen, watch)
    canvas.paint(taken.picture)
    for note in taken.notes:
        say(f"note: {note}")
