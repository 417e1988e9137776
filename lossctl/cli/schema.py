"""``lossctl schema``: the JSON schema of the report."""

from __future__ import annotations


def command() -> None:
    """Print the JSON Schema that the output of 'eval --json' follows."""
    import json

    from lossctl.cli.output import open_output
    from lossctl.schema import REPORT

    with open_output(None) as file:
        file.write(json.dumps(REPORT, indent=2, ensure_ascii=False).encode() + b"\n")
