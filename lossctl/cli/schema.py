"""``lossctl schema``: the JSON schemas of what is printed as JSON."""

from __future__ import annotations

from typing import Annotated

import typer

from lossctl.errors import UsageError


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="Of what: report, comparison, check, doctor, fit, fit_comparison (what --json "
            "prints of eval, compare, check, doctor, fit, fit --compare), model (of fit -o).",
        ),
    ] = "report",
) -> None:
    """Print the JSON Schema that the output of 'eval --json' follows.

    lossctl schema check > check.schema.json
    """
    import json

    from lossctl.cli.output import open_output
    from lossctl.schema import SCHEMAS

    if name not in SCHEMAS:
        raise UsageError(f"there is no schema '{name}': one of {', '.join(SCHEMAS)}")
    with open_output(None) as file:
        file.write(json.dumps(SCHEMAS[name], indent=2, ensure_ascii=False).encode() + b"\n")
