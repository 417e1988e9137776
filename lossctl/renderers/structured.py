"""JSON and JSON Lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.renderers.look import Look
    from lossctl.report import Report


def render(report: Report, form: str, look: Look) -> str:  # noqa: ARG001 - JSON is never rounded
    """Return the report as one JSON document, or as one line for every result."""
    if form == "json":
        return report.to_json() + "\n"
    results = report.to_dict()["results"]
    lines = (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in results)
    return "".join(f"{line}\n" for line in lines)
