"""CSV and TSV of a report: one row for every result, numbers never rounded."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lossctl.renderers.look import Look
    from lossctl.report import Report


def render(report: Report, form: str, look: Look) -> str:  # noqa: ARG001 - CSV is never rounded
    """Return a header and a row for every result."""
    rows = report.flat()
    names = list(dict.fromkeys(name for row in rows for name in row))
    delimiter = "\t" if form == "tsv" else ","
    lines = [_line(names, delimiter)]
    lines += [_line([row.get(name) for name in names], delimiter) for row in rows]
    return "".join(lines)


def _line(cells: Iterable[object], delimiter: str) -> str:
    text = io.StringIO()
    # Before Python 3.13 a lone CR is quoted only where it is part of the line's end.
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
