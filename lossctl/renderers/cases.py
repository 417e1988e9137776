"""What CI services are told: a case for every result under its gate, with the rows to blame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lossctl.naming import distinct, group_label, labels
from lossctl.renderers.check import why
from lossctl.renderers.look import printable
from lossctl.renderers.words import gate_text, interval_text
from lossctl.verdicts import Verdict

if TYPE_CHECKING:
    from lossctl.renderers.look import Look
    from lossctl.report import Report, Worst
    from lossctl.verdicts import Check, CheckReport, CompareReport, Comparison, Gate, Moved

STDIN = "<stdin>"  # the name of a file that no editor can open


class Blamed(NamedTuple):
    """A row that cost much: where it stands, and what it cost."""

    file: str | None
    line: int | None
    row: int
    text: str

    @property
    def place(self) -> str:
        """The file and line; the row where they are not known."""
        if self.line is None:
            return f"row {self.row}"
        return f"{self.file}:{self.line}" if self.file else f"line {self.line}"


class Case(NamedTuple):
    """A result and what became of its gate; ``verdict`` is None where it has none.

    ``message`` is one line of what was found, ``details`` are lines that say more of it, ``place``
    is where the case itself is written down.
    """

    name: str
    verdict: Verdict | None
    message: str
    details: tuple[str, ...] = ()
    blamed: tuple[Blamed, ...] = ()
    place: tuple[str, int] | None = None


class Suite(NamedTuple):
    """The cases of one run of a command, and its plain numbers."""

    command: str
    files: tuple[str, ...]
    cases: tuple[Case, ...]
    metrics: Mapping[str, float]

    @property
    def title(self) -> str:
        """The command and its first files."""
        more = ", …" if len(self.files) > 3 else ""
        return f"lossctl {self.command} {', '.join(self.files[:3])}{more}".rstrip()


def of_report(report: Report, gates: Sequence[Gate], look: Look) -> Suite:
    """Return the results of ``eval``; ``gates`` holds one for every result, or none at all."""
    cases = []
    for at, (name, result) in enumerate(zip(labels(report.results), report.results, strict=True)):
        gate = gates[at] if gates else None
        blamed = tuple(_worst(row, look) for row in result.worst or ())
        text = f"{result.spec}{group_label(result.group)} is {result.value!r}"
        text = text if gate is None else gate_text(gate)
        verdict = None if gate is None else gate.verdict
        cases.append(Case(name, verdict, text, (f"n = {result.n}",), blamed))
    return Suite("eval", report.files, tuple(cases), report.metrics)


def of_comparison(report: CompareReport, look: Look) -> Suite:
    """Return the comparisons, then the guards that failed."""
    names = labels(report.comparisons)
    cases = [_compared(*pair, look) for pair in zip(names, report.comparisons, strict=True)]
    guards = distinct(f"guard {guard.name}" for guard in report.guards)
    cases += [
        Case(name, Verdict.FAIL, guard.text)
        for name, guard in zip(guards, report.guards, strict=True)
    ]
    files = tuple(dict.fromkeys((*report.baseline_files, *report.candidate_files)))
    return Suite("compare", files, tuple(cases), report.metrics)


def _compared(name: str, found: Comparison, look: Look) -> Case:
    gate = found.gate
    difference = f"candidate − baseline = {found.difference!r}"
    details = [
        f"baseline = {found.baseline!r}, candidate = {found.candidate!r}, {difference}",
        f"{found.wins} rows better, {found.ties} equal, {found.losses} worse",
        found.hypothesis,
    ]
    if found.interval is not None:
        details.insert(1, interval_text(found.interval, look))
    return Case(
        name,
        None if gate is None else gate.verdict,
        difference if gate is None else gate_text(gate),
        tuple(details),
        tuple(_moved(row, look) for row in found.worse),
    )


def of_check(report: CheckReport, look: Look) -> Suite:
    """Return the checks of a config."""
    names = distinct(check.name for check in report.checks)
    cases = tuple(_checked(*pair, look) for pair in zip(names, report.checks, strict=True))
    return Suite("check", (report.config,), cases, report.metrics)


def _checked(name: str, check: Check, look: Look) -> Case:
    details = [*_lines(check, look), *(f"guard {x.name}: {x.text}" for x in check.guards)]
    return Case(
        name,
        check.verdict,
        why(check),
        (*details, *check.notes, *filter(None, [check.signature])),
        tuple(_worst(row, look) for row in check.worst),
        check.place,
    )


def _lines(check: Check, look: Look) -> Iterator[str]:
    for line in check.lines:
        parts = [f"{check.spec}{group_label(line.group)} = {line.value!r}", f"n = {line.n}"]
        if line.baseline is not None:
            parts.insert(1, f"baseline = {line.baseline!r}")
        if line.interval is not None:
            parts.append(interval_text(line.interval, look))
        yield f"{', '.join(parts)}: {line.gate.verdict}, {gate_text(line.gate)}"


def _worst(row: Worst, look: Look) -> Blamed:
    share = "" if row.share is None else f", {row.share:.2%} of the loss"
    text = f"y = {cell(row.y, look)}, ŷ = {cell(row.pred, look)}: loss {look.number(row.loss)}"
    return Blamed(row.file, row.line, row.row, text + share)


def _moved(row: Moved, look: Look) -> Blamed:
    before, after = look.number(row.loss_baseline), look.number(row.loss_candidate)
    pair = f"baseline {cell(row.baseline, look)}, candidate {cell(row.candidate, look)}"
    text = f"y = {cell(row.y, look)}, {pair}: loss {before} → {after}"
    return Blamed(row.file, row.line, row.row, text)


def cell(value: object, look: Look) -> str:
    """Return what a cell holds: a number or a label, the first few of a list."""
    if isinstance(value, float):
        return look.number(value)
    if isinstance(value, (list, tuple)):
        few = ", ".join(cell(item, look) for item in value[:3])
        return f"[{few}{', …' if len(value) > 3 else ''}]"
    return "missing" if value is None else printable(value)
