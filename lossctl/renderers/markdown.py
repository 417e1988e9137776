"""Markdown: the values, and the worst rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lossctl.renderers.look import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.renderers.look import Look
    from lossctl.report import Report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def render(report: Report, form: str, look: Look) -> str:  # noqa: ARG001 - one format
    """Return tables as GitHub and GitLab read them."""
    groups = list(dict.fromkeys(name for r in report.results for name in r.group or {}))
    head = ["loss", *groups, "value", "n", "mean ℓ", "p95 ℓ", "max ℓ", "‖g‖₂"]
    rows = []
    for result in report.results:
        sample, gradient = result.per_sample, result.gradient
        figures = [
            sample.statistics.mean if sample else None,
            sample.statistics.p95 if sample else None,
            sample.statistics.max if sample else None,
            gradient.l2 if gradient else None,
        ]
        rows.append(
            [
                result.spec,
                *[(result.group or {}).get(name, "") for name in groups],
                look.number(result.value),
                str(result.n),
                *[look.number(figure) for figure in figures],
            ]
        )
    parts = [table(head, rows, left=1 + len(groups))]
    for result in report.results:
        if result.worst and not groups:
            worst = [
                [
                    f"{row.file or ''}:{row.line}" if row.line else str(row.row),
                    _cell(row.y, look),
                    _cell(row.pred, look),
                    look.number(row.loss),
                    "" if row.share is None else f"{row.share:.2%}",
                ]
                for row in result.worst
            ]
            head = ["row", "y", "ŷ", "ℓ", "share"]
            parts.append(f"Worst rows by {escape(result.spec)}:\n\n{table(head, worst, left=1)}")
    return "\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """Return a pipe table; the first ``left`` columns are aligned left, the others right."""
    rule = [":---" if index < left else "---:" for index in range(len(head))]
    text = [[escape(cell) for cell in row] for row in (head, *rows)]
    lines = [text[0], rule, *text[1:]]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def escape(text: str) -> str:
    """Return text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", printable(text))


def _cell(value: object, look: Look) -> str:
    if isinstance(value, float):
        return look.number(value)
    if isinstance(value, list):
        return ", ".join(_cell(item, look) for item in value)
    return "" if value is None else str(value)
