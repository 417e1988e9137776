"""``lossctl fit``: the learning loop, with the registry's own loss and slope."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossctl.cli import options as opt
from lossctl.cli.completion import complete_column, complete_losses
from lossctl.cli.output import STDOUT
from lossctl.errors import UsageError

if TYPE_CHECKING:
    from lossctl.training.fitting import Fitted

FORMATS = ("table", "json")


def command(
    files: opt.Files = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-y",
            metavar="COL",
            help="The column to predict.",
            autocompletion=complete_column,
        ),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features",
            metavar="COL,...",
            help="The columns to predict it from: names, positions or globs. Repeatable.",
            autocompletion=complete_column,
        ),
    ] = None,
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
    optimizer: Annotated[
        str,
        typer.Option(
            "--optimizer",
            metavar="sgd|lbfgs",
            help="Steps by mini-batches, or L-BFGS over all rows (pip install 'lossctl[stats]').",
        ),
    ] = "sgd",
    lr: Annotated[
        float | None,
        typer.Option(
            "--lr",
            metavar="X",
            help="The learning rate of sgd: 0.01. It is divided by 3 whenever 5 epochs in a row "
            "bring no progress.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", metavar="N", help="Rows in a mini-batch of sgd: 32."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            metavar="N",
            help="At most so many passes of sgd (200) or iterations of lbfgs (1000).",
        ),
    ] = None,
    tol: Annotated[
        float | None,
        typer.Option(
            "--tol",
            metavar="X",
            help="Progress is a loss that falls by this share: 1e-5 of sgd, 0 of lbfgs.",
        ),
    ] = None,
    l2: Annotated[
        float,
        typer.Option(
            "--l2",
            metavar="X",
            help="Adds X/2 times the sum of squared weights, intercepts left out.",
        ),
    ] = 0.0,
    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize",
            help="Train on features of mean 0 and deviation 1 over the training rows, unweighted; "
            "coefficients are told in the units of the file.",
        ),
    ] = False,
    validation: Annotated[
        float,
        typer.Option(
            "--validation",
            metavar="SHARE",
            help="Hold this share of the rows out, by a hash of seed and row number.",
        ),
    ] = 0.0,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="N", help="Of the first weights, the order and the held-out rows."
        ),
    ] = 0,
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
    shown = _format(form, as_json, predict, output)
    losses = _losses(loss, compare, output)
    from lossctl.cli.streams import followed, inputs, loaded
    from lossctl.options import make_options
    from lossctl.training.fitting import Asked, open_fits
    from lossctl.training.settings import Settings

    chosen = make_options(**settings)
    training = Settings(
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
    asked = Asked(opt.once(target, "--target"), tuple(features or ()), training)
    loaded()
    with ExitStack() as stack:
        with followed() as watch:  # which is gone from the terminal before anything is written
            fits = stack.enter_context(open_fits(inputs(files), losses, chosen, asked, watch))
        _write(fits, compare is not None, shown, precision, predict, output)


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


def _write(
    fits: tuple[Fitted, ...],
    several: bool,
    shown: str | None,
    precision: int | None,
    predict: str | None,
    output: str | None,
) -> None:
    """Write predictions, the model and the report."""
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import look, say
    from lossctl.renderers.fit import render, render_comparison
    from lossctl.training.comparing import compared

    dress = look(None, precision)
    # Made first: what is wrong must be told before anything is written.
    comparison = compared(fits) if several else None
    if predict is not None:
        from lossctl.renderers.samples import writer
        from lossctl.training.predicting import predicted

        make = writer("csv", dress)
        with open_output(predict) as file:
            make.write(predicted(fits, make.encode), file)
    if output is not None:
        with open_output(output) as file:
            file.write(_json(fits[0].fit.model_dict()))
    if shown is not None:
        text = (
            render(fits[0].fit, shown, dress)
            if comparison is None
            else render_comparison(comparison, shown, dress)
        )
        with open_output(None) as file:
            file.write(text.encode(errors="backslashreplace"))
    for fitted in fits:
        for note in fitted.fit.notes:
            say(f"note: {note}")


def _json(found: dict[str, Any]) -> bytes:
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="backslashreplace")
