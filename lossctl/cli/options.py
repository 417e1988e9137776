"""The options that commands share, each written once."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from lossctl.cli.completion import complete_column, complete_losses
from lossctl.errors import UsageError

Losses = Annotated[
    str,
    typer.Argument(
        metavar="LOSSES",
        help="Losses, parted by commas: name[:key=value]*. The keys y, pred and weight give a "
        "loss columns of its own.",
        autocompletion=complete_losses,
    ),
]
OneLoss = Annotated[
    str, typer.Argument(metavar="LOSS", help="A loss.", autocompletion=complete_losses)
]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        help="CSV or TSV, plain or gz, bz2, xz, zst; several files are one data set. "
        "No FILE or - is standard input.",
    ),
]
Truth = Annotated[
    list[str] | None,
    typer.Option(
        "--y",
        "-y",
        metavar="COL",
        help="The truth: a name, a 1-based position, a list with commas or a glob.",
        autocompletion=complete_column,
    ),
]
Prediction = Annotated[
    list[str] | None,
    typer.Option(
        "--pred", "-p", metavar="COL", help="The prediction.", autocompletion=complete_column
    ),
]
Weight = Annotated[
    list[str] | None,
    typer.Option("--weight", "-w", metavar="COL", help="A weight.", autocompletion=complete_column),
]
TruthFile = Annotated[
    list[str] | None,
    typer.Option(
        "--truth",
        metavar="FILE",
        help="Where y is, if not in FILE: rows are matched by --key or --by-position. Repeatable.",
    ),
]
Key = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="COL",
        help="The columns, in both files, that match a row to its truth in any order; keeps the "
        "rows in memory. Repeatable.",
        autocompletion=complete_column,
    ),
]
ByPosition = Annotated[
    bool,
    typer.Option("--by-position", help="Row i of FILE and row i of --truth belong together."),
]
Outputs = Annotated[
    str,
    typer.Option("--outputs", metavar="mean|sum", help="How a row's k outputs make one loss."),
]
Missing = Annotated[
    str,
    typer.Option(
        "--missing",
        metavar="error|skip",
        help="What a missing or infinite cell does: stop, or leave its row out and count it.",
    ),
]
Positive = Annotated[
    str | None,
    typer.Option("--positive", metavar="LABEL", help="The label that counts as 1."),
]
ClassWeight = Annotated[
    str | None,
    typer.Option(
        "--class-weight",
        metavar="LABEL=W,...",
        help="Multiply a row's weight by that of its class.",
    ),
]
Ignore = Annotated[
    str | None,
    typer.Option("--ignore", metavar="LABEL", help="Leave rows of this label out; count them."),
]
Normalize = Annotated[
    bool,
    typer.Option("--normalize", help="Rescale class probabilities to sum 1; count the rows."),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter", "-d", metavar="CHAR", help="The delimiter; else by suffix and header."
    ),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first line is data; columns go by position.")
]
InputFormat = Annotated[
    str | None, typer.Option("--input-format", metavar="csv|tsv", help="Whatever the name says.")
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Threads; the digits do not depend on it."),
]
Precision = Annotated[
    int | None,
    typer.Option(
        "--precision",
        metavar="N",
        min=1,
        max=17,
        help="Significant digits in tables and with -q; JSON and CSV are never rounded.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write here, whole or not at all."),
]
TOP = {"html": 100}  # rows that a format has room for; the others show 5
FEW = 5
TopOfForm = Annotated[
    int | None,
    typer.Option(
        "--top",
        metavar="K",
        min=0,
        help=f"How many of the worst rows to show: {FEW}, with -f html {TOP['html']}.",
    ),
]
Top = Annotated[
    int, typer.Option("--top", metavar="K", min=0, help="How many of the worst rows to show.")
]

By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="COL",
        help="A result for every group; repeatable.",
        autocompletion=complete_column,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="COL",
        help="Rows of one label in COL are not independent of each other; memory grows with the "
        "number of labels.",
        autocompletion=complete_column,
    ),
]
Method = Annotated[
    str,
    typer.Option(
        "--ci-method",
        metavar="t|bootstrap",
        help="Student's t from exact sums, or the BCa bootstrap (9,999 resamples, seed 12345; up "
        "to 1,048,576 rows, which are kept in memory).",
    ),
]
Level = Annotated[
    float | None,
    typer.Option(
        "--ci",
        metavar="LEVEL",
        help="An interval for every value, at a level in percent, as in --ci 95.",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="GUARD", help="Switch a guard off by its name; repeatable."),
]


def top_of(top: int | None, form: str) -> int:
    """Return how many rows to show: what was asked for, else what the format has room for."""
    return TOP.get(form, FEW) if top is None else top


def once(values: list[str] | None, flag: str) -> str | None:
    """Return the value of an option that may be given once."""
    if not values:
        return None
    if len(values) > 1:
        raise UsageError(f"{flag} is given twice; name several columns as 'a,b' or by a glob")
    return values[0]


def class_weights(text: str | None) -> dict[str, float]:
    """Return the weights that ``cat=2,dog=0.5`` spells."""
    weights: dict[str, float] = {}
    for part in [] if text is None else text.split(","):
        label, mark, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not mark or not 0.0 <= weight < math.inf:
            raise UsageError(f"--class-weight is LABEL=W,... with W ≥ 0, got '{part}'")
        if label in weights:
            raise UsageError(f"--class-weight names '{label}' twice")
        weights[label] = weight
    return weights


def read_options(**options: Any) -> dict[str, Any]:
    """Return keyword arguments of ``lossctl.options.make_options`` from what Typer parsed."""
    options["class_weight"] = class_weights(options["class_weight"])
    options["key"] = tuple(options.get("key") or ())
    options["header"] = not options.pop("no_header")
    for name, flag in (("y", "-y"), ("pred", "-p"), ("weight", "-w")):
        options[name] = once(options[name], flag)
    return options


def form_of(form: str | None, as_json: bool, known: tuple[str, ...]) -> str:
    """Return the format that is asked for, the first known one where none is."""
    if form is not None and as_json:
        raise UsageError("-f and --json exclude one another")
    form = "json" if as_json else (form or known[0]).lower()
    if form not in known:
        raise UsageError(f"unknown format '{form}': one of {', '.join(known)}")
    return form
