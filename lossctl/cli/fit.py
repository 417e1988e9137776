"""``lossctl fit``: the learning loop, with the registry's own loss and slope."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from lossctl.cli import options as opt
from lossctl.cli import training
from lossctl.cli.completion import complete_losses
from lossctl.cli.output import STDOUT
from lossctl.cli.plots.canvas import Canvas, ThemeName, canvas_of
from lossctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lossctl.training.fitting import Fitted

FORMATS = ("table", "json")


class Where(NamedTuple):
    """Where results go: the format of the report, None for none, and the files besides."""

    shown: str | None
    precision: int | None
    predict: str | None
    output: str | None
    canvas: Canvas | None


def command(
    files: opt.Files = None,
    target: training.Target = None,
    features: training.Features = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss", metavar="LOSS", help="The loss to lower.", autocompletion=complete_losses
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="LOSSES",
            help="In place of --loss: fit each of some losses, and score every fit under all.",
            autocompletion=complete_losses,
        ),
    ] = None,
    weight: opt.Weight = None,
    model: Annotated[
        str, typer.Option("--model", metavar="linear|mlp", help="One layer, or two.")
    ] = "linear",
    hidden: Annotated[
        int | None,
        typer.Option("--hidden", metavar="N", help="Units of an mlp's first layer: 16."),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option("--activation", metavar="tanh|relu", help="What bends them: tanh."),
    ] = None,
    optimizer: training.Optimizer = "sgd",
    lr: training.Rate = None,
    batch_size: training.BatchSize = None,
    epochs: training.Epochs = None,
    tol: training.Tolerance = None,
    l2: training.Penalty = 0.0,
    standardize: training.Standardize = False,
    validation: Annotated[
        float,
        typer.Option(
            "--validation",
            metavar="SHARE",
            help="Hold this share of the rows out, by a hash of seed and row number.",
        ),
    ] = 0.0,
    seed: training.Seed = 0,
    missing: opt.Missing = "error",
    positive: opt.Positive = None,
    class_weight: opt.ClassWeight = None,
    ignore: opt.Ignore = None,
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    predict: Annotated[
        str | None,
        typer.Option(
            "--predict",
            metavar="FILE",
            help="Write predictions as CSV that eval reads: y, yhat (yhat_CLASS, or a column for "
            "each role), weight, part. - is standard output, in place of the report.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the model as JSON."),
    ] = None,
    curve: Annotated[
        str | None,
        typer.Option(
            "--curve",
            metavar="FILE",
            help="Draw the losses by epoch: .png, .svg or .pdf (pip install 'lossctl[plot]').",
        ),
    ] = None,
    theme: ThemeName = "light",
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print the report."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    precision: opt.Precision = None,
) -> None:
    """Fit a model of some columns to another by gradient descent on a loss.

    The first weights are random, each step goes down the slope of a mini-batch, and mini-batches
    are drawn from windows of some 65,536 rows: a file need not fit in memory. Predictions are
    kept where the loss takes them: by a sigmoid in [0, 1], by softmax over classes, by exp above 0.
    A loss that grows without bounds stops it with exit code 3. A pipe is kept in a temporary file.

    lossctl fit train.csv --target y --features 'x*' --loss mse --predict - | lossctl mse
    """
    settings = opt.read_options(
        y=None,
        pred=None,
        weight=weight,
        missing=missing,
        positive=positive,
        class_weight=class_weight,
        ignore=ignore,
        delimiter=delimiter,
        no_header=no_header,
        input_format=input_format,
        threads=threads,
    )
    canvas = None if curve is None else canvas_of(curve, None, theme, flag="--curve")
    where = Where(_format(form, as_json, predict, output), precision, predict, output, canvas)
    losses = _losses(loss, compare, output)
    _apart({"--predict": predict, "-o": output, "--curve": curve}, files or ())
    from lossctl.cli.streams import followed, inputs, loaded
    from lossctl.options import make_options
    from lossctl.training.fitting import open_fits
    from lossctl.training.ready import Asked
    from lossctl.training.settings import Settings

    chosen = make_options(**settings)
    trained = Settings(
        model,
        hidden,
        activation,
        optimizer,
        lr,
        batch_size,
        epochs,
        tol,
        l2,
        standardize,
        validation,
        seed,
    )
    asked = Asked(opt.once(target, "--target"), tuple(features or ()), trained)
    loaded()
    with ExitStack() as stack:
        with followed() as watch:  # which is gone from the terminal before anything is written
            fits = stack.enter_context(open_fits(inputs(files), losses, chosen, asked, watch))
        _write(fits, compare is not None, where)


def _format(form: str | None, as_json: bool, predict: str | None, output: str | None) -> str | None:
    """Return how the report is printed; None where standard output is taken."""
    taken = [
        flag
        for flag, path in (("--predict", predict), ("-o", output))
        if path is not None and path in STDOUT
    ]
    if len(taken) > 1:
        raise UsageError("--predict and -o both write to standard output")
    known = opt.form_of(form, as_json, FORMATS)
    if taken and (form is not None or as_json):
        raise UsageError(f"{taken[0]} - takes the place of the report: leave out -f")
    return None if taken else known


def _apart(written: Mapping[str, str | None], read: Sequence[str]) -> None:
    """Refuse a file that would be written twice, or over the data."""
    seen = {os.path.realpath(path): f"the input {path}" for path in read if path != "-"}
    for flag, path in written.items():
        if path is None or path in STDOUT:
            continue
        stays = os.path.realpath(path)
        if os.path.exists(stays) and not os.path.isfile(stays):
            continue  # a device or a pipe takes what comes
        if stays in seen:
            raise UsageError(
                f"{flag} {path} would be written over {seen[stays]}; name another file"
            )
        seen[stays] = f"that of {flag}"


def _losses(loss: str | None, compare: str | None, output: str | None) -> str:
    """Return what is fitted: one loss, or several to compare."""
    if loss is not None and compare is not None:
        raise UsageError("--loss and --compare exclude one another")
    if compare is not None:
        if output is not None:
            raise UsageError("-o writes one model: use --loss, or leave out -o")
        return compare
    if loss is None:
        raise UsageError("name the loss to lower: --loss LOSS")
    from lossctl.losses.spec import parse_specs

    if len(parse_specs(loss)) != 1:
        raise UsageError(f"--loss takes one loss, got '{loss}'; use --compare for several")
    return loss


def _write(fits: tuple[Fitted, ...], several: bool, where: Where) -> None:
    """Write predictions, the model, the picture and the report."""
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import look, say
    from lossctl.renderers.fit import render, render_comparison
    from lossctl.training.comparing import compared

    dress = look(None, where.precision)
    # Made first: what is wrong must be told before anything is written.
    comparison = compared(fits) if several else None
    if where.predict is not None:
        from lossctl.renderers.samples import writer
        from lossctl.training.predicting import predicted

        make = writer("csv", dress)
        with open_output(where.predict) as file:
            make.write(predicted(fits, make.encode), file)
    if where.output is not None:
        with open_output(where.output) as file:
            file.write(_json(fits[0].fit.model_dict()))
    if where.canvas is not None:
        from lossctl.training.learning import learning_curves

        where.canvas.paint(learning_curves([fitted.fit for fitted in fits]))
    if where.shown is not None:
        text = (
            render(fits[0].fit, where.shown, dress)
            if comparison is None
            else render_comparison(comparison, where.shown, dress)
        )
        with open_output(None) as file:
            file.write(text.encode(errors="backslashreplace"))
    for fitted in fits:
        for note in fitted.fit.notes:
            say(f"note: {note}")


def _json(found: dict[str, Any]) -> bytes:
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="backslashreplace")
