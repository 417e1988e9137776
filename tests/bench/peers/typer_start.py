"""A Typer command with as many options as lossctl eval, which imports numpy and returns."""

# ruff: noqa: ARG001 - Typer is given the parameters, nobody uses them

from typing import Annotated

import numpy as np
import typer

app = typer.Typer()


@app.command()
def evaluate(
    metric: str,
    file: Annotated[str, typer.Argument(help="File to read.")] = "-",
    y: Annotated[str, typer.Option("--y", help="Column of the targets.")] = "y",
    yhat: Annotated[str, typer.Option("--yhat", help="Column of the predictions.")] = "yhat",
    weight: Annotated[str, typer.Option("--weight", help="Column of the weights.")] = "",
    group: Annotated[str, typer.Option("--group", help="Column of the groups.")] = "",
    delimiter: Annotated[str, typer.Option("--delimiter", help="Between the fields.")] = ",",
    quote: Annotated[str, typer.Option("--quote", help="Around a field.")] = '"',
    encoding: Annotated[str, typer.Option("--encoding", help="Of the file.")] = "utf-8",
    missing: Annotated[str, typer.Option("--missing", help="What to do with gaps.")] = "error",
    output: Annotated[str, typer.Option("--output", "-o", help="File to write.")] = "-",
    reduction: Annotated[str, typer.Option("--reduction", help="mean or sum.")] = "mean",
    threads: Annotated[int, typer.Option("--threads", min=0, help="Threads.")] = 0,
    worst: Annotated[int, typer.Option("--worst", min=0, help="Worst rows shown.")] = 5,
    skip: Annotated[int, typer.Option("--skip", min=0, help="Lines passed over.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows read at most.")] = 0,
    digits: Annotated[int, typer.Option("--digits", min=1, help="Digits shown.")] = 6,
    delta: Annotated[float, typer.Option("--delta", help="Where Huber turns.")] = 1.0,
    alpha: Annotated[float, typer.Option("--alpha", help="Quantile of pinball.")] = 0.5,
    epsilon: Annotated[float, typer.Option("--epsilon", help="Clipping.")] = 1e-12,
    no_header: Annotated[bool, typer.Option("--no-header", help="No header line.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Value only.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse odd input.")] = False,
    quantile: Annotated[list[float] | None, typer.Option("--quantile", help="Shown.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE.")] = None,
) -> None:
    """Do nothing but start."""
    np.zeros(1)


app()
