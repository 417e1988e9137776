"""``lossctl eval``: value, per-sample summary, gradient summary, worst rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lossctl.cli import options as opt
from lossctl.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.gates import Lines
    from lossctl.report import Report
    from lossctl.verdicts import Gate

FORMATS = ("table", "json", "jsonl", "csv", "tsv", "markdown", "html", "junit", "github")


def command(
    context: typer.Context,
    losses: opt.Losses,
    files: opt.Files = None,
    y: opt.Truth = None,
    pred: opt.Prediction = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
    by: opt.By = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size", metavar="N", help="Also the value of every mini-batch of N rows."
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
    top: opt.TopOfForm = None,
    ci: opt.Level = None,
    ci_method: opt.Method = "t",
    cluster: opt.Cluster = None,
    floor: Annotated[
        bool,
        typer.Option(
            "--floor",
            help="Also the loss of the best constant prediction, and the skill beyond it.",
        ),
    ] = False,
    maximum: Annotated[
        float | None,
        typer.Option("--max", metavar="X", help="Exit 1 if the value is above X, or not finite."),
    ] = None,
    minimum: Annotated[
        float | None,
        typer.Option("--min", metavar="X", help="Exit 1 if the value is below X, or not finite."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    value: Annotated[
        bool, typer.Option("--value", "-q", help="Print the bare value, one a line.")
    ] = False,
    precision: opt.Precision = None,
    output: opt.Output = None,
) -> None:
    """Print how wrong the predictions are, where, and which way the gradient points.

    lossctl eval mse,mae preds.csv
    """
    form = _format(form, as_json, value)
    if value and batch_size is not None:
        raise UsageError("-q prints the value of the whole: leave out --batch-size, or -q")
    if value and (ci is not None or floor):
        given = "--floor" if ci is None else "--ci"
        raise UsageError(f"-q prints bare values: leave out {given}, or -q")
    settings = opt.read_options(
        y=y,
        pred=pred,
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
        by=by,
        batch_size=batch_size,
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
        top=opt.top_of(top, form),
        ci=ci,
        ci_method=ci_method,
        cluster=cluster,
        floor=floor,
        value_only=value,
    )
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import inputs, loaded, look, say, watched
    from lossctl.evaluation import evaluate_with, seen_with
    from lossctl.gates import Lines
    from lossctl.losses.spec import parse_specs
    from lossctl.options import make_options

    for flag, line in (("--max", maximum), ("--min", minimum)):
        if line is not None and line != line:
            raise UsageError(f"{flag} must be a number, got nan: nothing could hold it")
    lines = Lines(maximum, minimum)
    if lines.drawn and len({spec.bound.spec for spec in parse_specs(losses)}) > 1:
        raise UsageError("--max and --min are for one loss; name one")
    chosen = make_options(**settings)
    if form == "html":
        from lossctl.renderers.html import check_installed

        check_installed()
    loaded()
    with watched() as watch:
        if form == "html":
            report, pictures = seen_with(inputs(files), losses, chosen, watch)
        else:
            report, pictures = evaluate_with(inputs(files), losses, chosen, watch), ()
    gates = _gates(report, lines) if lines.drawn else ()
    if value:
        text = "".join(f"{_bare(result.value, precision)}\n" for result in report.results)
    elif form == "html":
        from lossctl.cli.output import command_line
        from lossctl.renderers.html import Asked, of_report

        asked = Asked(command_line(context), chosen.top)
        text = of_report(report, pictures, gates, look(output, precision), asked)
    else:
        from lossctl.renderers import render

        text = render(report, form, look(output, precision), gates)
    with open_output(output) as file:
        # A name that is not UTF-8 is written as JSON spells it: \udcff.
        file.write(text.encode(errors="backslashreplace"))
    if form == "github":
        from lossctl.cli.summary import append_summary
        from lossctl.renderers import summary

        append_summary(summary(report, look(output, precision), gates))
    for note in report.notes:
        say(f"note: {note}")
    _hold(gates)


def _format(form: str | None, as_json: bool, value: bool) -> str:
    if sum((form is not None, as_json, value)) > 1:
        raise UsageError("-f, --json and -q exclude one another")
    form = "json" if as_json else (form or "table").lower()
    if form not in FORMATS:
        raise UsageError(f"unknown format '{form}': one of {', '.join(FORMATS)}")
    return form


def _bare(value: float, precision: int | None) -> str:
    return repr(value) if precision is None else f"{value:.{precision}g}"


def _gates(report: Report, lines: Lines) -> tuple[Gate, ...]:
    """Return which side of the lines every result is on."""
    gates = []
    for result in report.results:
        group = "" if result.group is None else f" [{', '.join(result.group.values())}]"
        gates.append(lines.hold(result.value, f"{result.spec}{group}"))
    return tuple(gates)


def _hold(gates: Sequence[Gate]) -> None:
    """Raise GateFailed for the first result beyond a line."""
    for gate in gates:
        if gate.verdict.exit_code:
            raise GateFailed(f"gate failed: {gate.text}")
