"""Markdown as GitHub and GitLab read it: values, verdicts, and the rows that cost most."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lossctl.naming import group_label
from lossctl.renderers.look import printable
from lossctl.renderers.words import ends, gate_text, p_value, signed_share, word
from lossctl.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.renderers.look import Look
    from lossctl.report import Report, Worst
    from lossctl.verdicts import Check, CheckReport, CompareReport, Comparison, Gate, Guard, Moved

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")


def of_report(report: Report, gates: Sequence[Gate], look: Look) -> str:
    """Return the values of ``eval``, with their gates where there are some, and worst rows."""
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
    left = 1 + len(groups)
    if gates:
        head = ["gate", *head, "rule"]
        cells = zip(gates, rows, strict=True)
        rows = [[word(gate.verdict), *row, gate.rule] for gate, row in cells]
        left += 1
    parts = [table(head, rows, left=left)]
    for at, result in enumerate(report.results):
        failed = bool(gates) and gates[at].verdict is not Verdict.PASS
        if result.worst and (failed or not groups):
            parts.append(_worst(result.spec + group_label(result.group), result.worst, look))
    return "\n".join(parts)


def of_comparison(report: CompareReport, look: Look) -> str:
    """Return a line for every comparison, what its gate found, and the rows that moved."""
    from lossctl.renderers.compare import heading

    found = report.comparisons
    groups = list(dict.fromkeys(name for compared in found for name in compared.group or {}))
    head = ["gate", "loss", *groups, "baseline", "candidate", "difference", "interval"]
    head += ["relative", "better", "equal", "worse", "p (t)", "p (flips)", "n"]
    rows = [
        [
            word(compared.gate and compared.gate.verdict),
            compared.spec,
            *[(compared.group or {}).get(name, "") for name in groups],
            *map(look.number, (compared.baseline, compared.candidate, compared.difference)),
            ends(compared.interval, look),
            signed_share(compared.relative),
            *map(str, (compared.wins, compared.ties, compared.losses)),
            p_value(compared.t, look),
            p_value(compared.permutation, look),
            str(compared.n),
        ]
        for compared in found
    ]
    # No line begins with text from the input: it could be a list there, or a command.
    parts = [f"Compared: {escape(heading(report))}\n"]
    parts += [table(head, rows, left=2 + len(groups))] if rows else []
    said = [_gate_line(compared) for compared in found if compared.gate]
    said += [_guard_line(guard) for guard in report.guards]
    said += [
        f"- Hypothesis: {escape(line)}\n" for line in dict.fromkeys(x.hypothesis for x in found)
    ]
    parts.append("".join(said))
    for compared in found:
        if compared.group is None:
            parts += [
                _moved(f"{title} by {compared.spec}", rows_moved, look)
                for title, rows_moved in (
                    ("Rows that got worse", compared.worse),
                    ("Rows that got better", compared.better),
                )
                if rows_moved
            ]
    if report.signature:
        parts.append(f"Signature: {escape(report.signature)}\n")
    return "\n".join(filter(None, parts))


def of_check(report: CheckReport, look: Look) -> str:
    """Return a line for every check and group, then what is to be known of those that failed."""
    from lossctl.renderers.check import heading, why

    head = ["gate", "check", "group", "value", "interval", "baseline", "rule", "n"]
    rows = [row for check in report.checks for row in _lines(check, look)]
    parts = [f"Checks of {escape(heading(report))}\n"]
    parts += [table(head, rows, left=3)] if rows else []
    for check in report.checks:
        if check.verdict is not Verdict.PASS:
            place = escape(f"{check.place[0]}:{check.place[1]}")
            said = f"**{word(check.verdict)}** {escape(check.name)}: {escape(why(check))}"
            parts.append(f"{said} ({place})\n")
            parts += ["".join(map(_guard_line, check.guards))]
            if check.worst:
                parts.append(_worst(check.spec, check.worst, look))
    return "\n".join(filter(None, parts))


def _lines(check: Check, look: Look) -> list[list[str]]:
    if not check.lines:
        return [[word(check.verdict), check.name, "", "–", "–", "–", "", ""]]
    return [
        [
            word(line.gate.verdict),
            check.name,
            ", ".join(f"{name}={value}" for name, value in (line.group or {}).items()),
            look.number(line.value),
            ends(line.interval, look),
            look.number(line.baseline),
            line.gate.rule,
            str(line.n),
        ]
        for line in check.lines
    ]


def _gate_line(found: Comparison) -> str:
    assert found.gate is not None
    group = f" [{', '.join(found.group.values())}]" if found.group else ""
    text = escape(f"{found.spec}{group}: {found.gate.rule}: {gate_text(found.gate)}")
    return f"- **{word(found.gate.verdict)}** {text}\n"


def _guard_line(guard: Guard) -> str:
    return f"- **{word(Verdict.FAIL)}** {escape(f'guard {guard.name}: {guard.text}')}\n"


def _worst(spec: str, worst: Sequence[Worst], look: Look) -> str:
    rows = [
        [
            _place(row),
            _cell(row.y, look),
            _cell(row.pred, look),
            look.number(row.loss),
            "" if row.share is None else f"{row.share:.2%}",
        ]
        for row in worst
    ]
    head = ["row", "y", "ŷ", "ℓ", "share"]
    return f"Worst rows by {escape(spec)}:\n\n{table(head, rows, left=1)}"


def _moved(title: str, moved: Sequence[Moved], look: Look) -> str:
    head = ["row", "y", "ŷ baseline", "ŷ candidate", "ℓ baseline", "ℓ candidate", "change"]
    rows = [
        [
            _place(row),
            *[_cell(value, look) for value in (row.y, row.baseline, row.candidate)],
            *map(look.number, (row.loss_baseline, row.loss_candidate, row.change)),
        ]
        for row in moved
    ]
    return f"{escape(title)}:\n\n{table(head, rows, left=1)}"


def _place(row: Worst | Moved) -> str:
    return f"{row.file or ''}:{row.line}" if row.line else str(row.row)


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
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item, look) for item in value)
    return "" if value is None else str(value)
