"""``lossctl plot gradient``: how the gradient is spread."""

from __future__ import annotations

from lossctl.cli import options as opt
from lossctl.cli.plots.canvas import Form, Output, ThemeName, canvas_of


def command(
    loss: opt.OneLoss,
    files: opt.Files = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
    outputs: opt.Outputs = "mean",
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
    """Draw how the gradient is spread over rows.

    Its entries, and what share of them is 0, vanishes or has the largest slope there is.

    lossctl plot gradient huber:delta=20 preds.csv -o gradient.svg
    """
    canvas = canvas_of(output, form, theme)
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
        outputs=outputs,
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
        taken = take(inputs(files), loss, "gradient", chosen, watch)
    canvas.paint(taken.picture)
    for note in taken.notes:
        say(f"note: {note}")
