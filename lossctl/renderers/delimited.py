"""CSV and TSV of a report: one row for every result, numbers never rounded."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.renderers.look import Look
    from lossctl.report import Report


def render(report: Report, form: str, look: Look) -> str:  # noqa: ARG001 - CSV is never rounded
    """Return a header and a row for every result."""
    rows = report.flat()
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    delimiter = "\t" if form == "tsv" else ","
    writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
