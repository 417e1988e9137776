"""What comes of a look at a file: findings, the losses that fit, and the columns that could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lossctl.report import jsonable
from lossctl.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lossctl.batch import Place

SCHEMA = "lossctl.doctor/1"
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Finding(NamedTuple):
    """One thing that is probably wrong: what was seen, in figures, and what to do.

    An *error* makes a loss that fits refuse the file or be infinite, a *warning* makes its value
    mean something else than it seems, a *note* is worth knowing.
    """

    name: str
    severity: Severity
    text: str
    evidence: Mapping[str, Any]
    advice: str


class Fit(NamedTuple):
    """A loss that would run on these columns, and the command that runs it."""

    spec: str
    command: str


class Candidate(NamedTuple):
    """A column, what its cells look like, and the part it could play."""

    column: str
    looks: str
    role: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found in the data.

    ``columns`` is None where it is not clear which they are; then nothing was read beyond the
    first rows, ``rows`` is None, and ``candidates`` and ``commands`` say how to go on.
    ``looked_at`` is how many rows the findings about order, repeats and scale were taken from.
    """

    files: tuple[str, ...]
    columns: Mapping[str, Any] | None
    rows: int | None
    looked_at: int
    skipped: int
    nonfinite: int
    findings: tuple[Finding, ...]
    fits: tuple[Fit, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The gravest severity among the findings, None without any."""
        present = {finding.severity for finding in self.findings}
        return next((severity for severity in SEVERITIES if severity in present), None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; numbers that are not finite are strings."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "input": {
                "files": list(self.files),
                "rows": self.rows,
                "skipped": self.skipped,
                "nonfinite": self.nonfinite,
                "looked_at": self.looked_at,
            },
            "columns": None if self.columns is None else dict(self.columns),
            "findings": [
                {**finding._asdict(), "evidence": jsonable(dict(finding.evidence))}
                for finding in self.findings
            ],
            "fits": [fit._asdict() for fit in self.fits],
            "candidates": [candidate._asdict() for candidate in self.candidates],
            "commands": list(self.commands),
        }


def where(mark: Place | None, key: str = "") -> dict[str, Any]:
    """Return the row, file and line of a mark as evidence."""
    if mark is None:
        return {}
    return {f"{key}{name}": value for name, value in mark._asdict().items() if value is not None}


def at(mark: Place | None) -> str:
    """Return the place of a mark in words: its line, or its row where there are no lines."""
    if mark is None:
        return ""
    return f"row {mark.row}" if mark.line is None else f"line {mark.line}"
