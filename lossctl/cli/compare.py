"""``lossctl compare``: two predictions of the same rows, paired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lossctl.cli import options as opt
from lossctl.cli.completion import complete_column
from lossctl.errors import UsageError

if TYPE_CHECKING:
    from lossctl.verdicts import CompareReport

FORMATS = ("table", "json", "markdown", "html", "github", "junit")


def command(
    context: typer.Context,
    losses: opt.Losses,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="One file with both predictions (-p OLD -p NEW), or two: the baseline's, then "
            "the candidate's.",
        ),
    ] = None,
    y: opt.Truth = None,
    pred: Annotated[
        list[str] | None,
        typer.Option(
            "--pred",
            "-p",
            metavar="COL",
            help="The prediction; given twice, that of the baseline and that of the candidate.",
            autocompletion=complete_column,
        ),
    ] = None,
    weight: opt.Weight = None,
    truth: opt.TruthFile = None,
    key: opt.Key = None,
    by_position: opt.ByPosition = False,
    by: opt.By = None,
    cluster: opt.Cluster = None,
    ci: Annotated[
        float, typer.Option("--ci", metavar="LEVEL", help="The level of intervals, in percent.")
    ] = 95.0,
    no_worse_than: Annotated[
        str | None,
        typer.Option(
            "--no-worse-than",
            metavar="X|X%",
            help="Pass if the rows show that the candidate is worse by no more than X, or X % of "
            "the baseline's value; exit 1 if they show that it is, 4 if they show neither.",
        ),
    ] = None,
    better_by: Annotated[
        str | None,
        typer.Option(
            "--better-by",
            metavar="X|X%",
            help="Pass if the rows show that the candidate is better by more than X.",
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha",
            metavar="A",
            help="How often these two may pass a candidate that lies beyond the margin.",
        ),
    ] = 0.05,
    allow: opt.Allow = None,
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
        typer.Option(
            "--top",
            metavar="K",
            min=0,
            help=f"How many of the rows that moved most, either way: {opt.FEW}, with -f html"
            f" {opt.TOP['html']}.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to print."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for -f json.")] = False,
    precision: opt.Precision = None,
    output: opt.Output = None,
) -> None:
    """Say whether one prediction is better than another of the same rows, with evidence.

    The difference is candidate minus baseline, with its interval; rows that win, tie and lose; a
    paired t test and, up to 1,048,576 rows, a sign-flip permutation test; the rows that moved
    most. Rows of two files are matched by --key, which keeps them in memory, or with --by-position,
    where y has to be the same row by row.

    Guards look for accidents that would let a gate pass, and exit with 1: no-rows, zero-weights,
    same-file, constant, unmatched, skipped, truth, not-finite, floor.

    lossctl compare mse preds.csv -p yhat -p yhat_new --no-worse-than 1%
    """
    form = opt.form_of(form, as_json, FORMATS)
    preds = list(pred or ())
    if len(preds) > 2:
        raise UsageError("-p is given three times; the baseline's and the candidate's are two")
    settings = opt.read_options(
        y=y,
        pred=preds[-1:],
        weight=weight,
        truth=truth,
        key=key,
        by_position=by_position,
        by=by,
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
    )
    if len(files or ()) > 2:
        raise UsageError("compare takes one file or two; several parts of one are for 'check'")
    from lossctl.cli.output import open_output
    from lossctl.cli.streams import inputs, loaded, look, say, watched
    from lossctl.comparison import Settings, compare_with
    from lossctl.gates import Wanted
    from lossctl.guards import allowed_guards
    from lossctl.options import make_options
    from lossctl.renderers.compare import render, summary

    wanted = Wanted.of(no_worse_than, better_by, alpha)
    closely = Settings(
        baseline_pred=preds[0] if len(preds) == 2 else None,
        wanted=wanted,
        level=ci,
        cluster=cluster,
        allow=allowed_guards(allow or ()),
    )
    chosen = make_options(**settings)
    *baseline, candidate = inputs(files)
    if form == "html":
        from lossctl.renderers.html import check_installed

        check_installed()
    loaded()
    with watched() as watch:
        found = compare_with(baseline or None, [candidate], losses, chosen, closely, watch)
    if form == "html":
        from lossctl.cli.output import command_line
        from lossctl.renderers.html import Asked, of_comparison

        asked = Asked(command_line(context), chosen.top)
        text = of_comparison(found, look(output, precision), asked)
    else:
        text = render(found, form, look(output, precision))
    with open_output(output) as file:
        file.write(text.encode(errors="backslashreplace"))
    if form == "github":
        from lossctl.cli.summary import append_summary

        append_summary(summary(found, look(output, precision)))
    for note in found.notes:
        say(f"note: {note}")
    _end(found)


def _end(found: CompareReport) -> None:
    """Say on standard error what did not hold, and exit with the code that means it."""
    from lossctl.cli.streams import say
    from lossctl.renderers.words import gate_text
    from lossctl.verdicts import Verdict

    for guard in found.guards:
        say(f"guard {guard.name}: {guard.text}. If that is meant, --allow {guard.name}")
    for made in found.comparisons:
        if made.gate is not None and made.gate.verdict is not Verdict.PASS:
            group = "" if made.group is None else f" [{', '.join(made.group.values())}]"
            word = "failed" if made.gate.verdict is Verdict.FAIL else str(made.gate.verdict)
            say(f"gate {word}: {made.spec}{group}, {made.gate.rule}: {gate_text(made.gate)}")
    if found.verdict is not Verdict.PASS:
        raise typer.Exit(int(found.verdict.exit_code))
