"""The options of training, which ``fit`` and ``plot surface`` share, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.cli.completion import complete_column

Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-y",
        metavar="COL",
        help="The column to predict.",
        autocompletion=complete_column,
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        metavar="COL,...",
        help="The columns to predict it from: names, positions or globs. Repeatable.",
        autocompletion=complete_column,
    ),
]
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer",
        metavar="sgd|lbfgs",
        help="Steps by mini-batches, or L-BFGS over all rows (pip install 'lossctl[stats]').",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--lr",
        metavar="X",
        help="The learning rate of sgd; else found by the first slope, on features that are "
        "standardised inside. Divided by 3 whenever 5 epochs in a row bring no progress.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", metavar="N", help="Rows in a mini-batch of sgd: 32."),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        help="At most so many passes of sgd (200) or iterations of lbfgs (1000).",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tol",
        metavar="X",
        help="Progress is a loss that falls by this share: 1e-5 of sgd, 0 of lbfgs.",
    ),
]
Penalty = Annotated[
    float,
    typer.Option(
        "--l2",
        metavar="X",
        help="Adds X/2 times the sum of squared weights, intercepts left out.",
    ),
]
Standardize = Annotated[
    bool,
    typer.Option(
        "--standardize",
        help="Train on features of mean 0 and deviation 1 over the training rows, unweighted; "
        "coefficients are told in the units of the file.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", help="Of the first weights, the order and the held-out rows."
    ),
]
