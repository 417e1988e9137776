"""``lossctl plot groups``: the value of every group."""

from __future__ import annotations

from lossctl.cli import options as opt
from lossctl.cli.plots.canvas import Form, Output, ThemeName, canvas_of
from lossctl.errors import UsageError


def command(
    loss: opt.OneLoss,
    files: opt.Files = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
    by: opt.By = None,
    cluster: opt.Cluster = None,
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
    """Draw the value of every group.

    With its 95 % interval, worst first, beside the value of all rows.

    lossctl plot groups rmse preds.csv --by region -o groups.svg
    """
    canvas = canvas_of(output, form, theme)
    if not by:
        raise UsageError("name the column that makes groups: --by COL")
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
        by=by,
        cluster=cluster,
        ci=95.0,
        top=0,
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
    from lossctl.evaluation import groups_with
    from lossctl.options import make_options

    chosen = make_options(**settings)
    loaded()
    with watched() as watch:
        taken = groups_with(inputs(files), loss, chosen, watch)
    canvas.paint(taken.picture)
    for note in taken.notes:
        say(f"note: {note}")
