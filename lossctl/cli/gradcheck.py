"""``lossctl gradcheck``: gradients that somebody else's code wrote, against the closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from lossctl.cli import options as opt
from lossctl.cli.completion import complete_column
from lossctl.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from lossctl.checks import Of

FORMATS = ("table", "json")


def command(
    loss: opt.OneLoss,
    files: opt.Files = None,
    grad: Annotated[
        list[str] | None,
        typer.Option(
            "--grad",
            metavar="COL",
            help="The gradient to check; for k predictions a list with commas or a glob.",
            autocompletion=complete_column,
        ),
    ] = None,
    of: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="value|sum",
            help="The gradient of the printed value, or that of the sum of weighted losses.",
        ),
    ] = "value",
    rtol: Annotated[
        float,
        typer.Option("--rtol", metavar="X", help="A row agrees within atol + rtol times its size."),
    ] = 1e-5,
    atol: Annotated[
        float | None,
        typer.Option(
            "--atol",
            metavar="X",
            help="For a rounded column; without it, 1e-6 of the gradient's median size.",
        ),
    ] = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
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
    top: opt.Top = 5,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    precision: opt.Precision = None,
    output: opt.Output = None,
) -> None:
    """Hold a column of gradients against the closed form, row by row, and name the usual slips.

    The slips: the sign, a factor 2 or ½, divided by n, weights left out, taken with respect to p
    in place of the logit, and their combinations. Exit code 1 when a row differs. The totals are
    needed first: files are read twice, a pipe is kept in a temporary file.

    lossctl gradcheck bce_with_logits preds.csv --grad g
    """
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
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
    form = _format(form, as_json)
    column = opt.once(grad, "--grad")
    if column is None:
        raise UsageError("name the column of gradients: --grad COL")
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import inputs, loaded, look, say
    from lossctl.gradients import Settings, gradcheck_with
    from lossctl.options import make_options
    from lossctl.renderers.gradcheck import render

    closely = Settings(cast("Of", of), rtol, atol, top)  # which checks them
    chosen = make_options(**settings)
    loaded()
    found = gradcheck_with(inputs(files), loss, column, chosen, closely)
    with open_output(output) as file:
        text = render(found, form, look(output, precision))
        file.write(text.encode(errors="backslashreplace"))
    for note in found.notes:
        say(f"note: {note}")
    if not found.agrees:
        raise GateFailed(f"gradcheck failed: {found.verdict}")


def _format(form: str | None, as_json: bool) -> str:
    if form is not None and as_json:
        raise UsageError("-f and --json exclude one another")
    form = "json" if as_json else (form or "table").lower()
    if form not in FORMATS:
        raise UsageError(f"unknown format '{form}': one of {', '.join(FORMATS)}")
    return form
