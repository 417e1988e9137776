"""What a look at a file found: frozen records that are the JSON schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lossctl.report import jsonable
from lossctl.version import VERSION

if TYPE_CHECKING:
    from lossctl.batch import Place

SCHEMA = "lossctl.doctor/1"
Level = Literal["warning", "note"]


class Finding(NamedTuple):
    """One thing that is probably wrong (a warning) or worth knowing (a note), and what to do."""

    name: str
    level: Level
    text: str
    advice: str
    row: int | None = None
    file: str | None = None
    line: int | None = None

    def at(self, place: Place | None) -> Finding:
        """Return the finding at a place."""
        if place is None:
            return self
        return self._replace(row=place.row, file=place.file, line=place.line)


class Kind(NamedTuple):
    """What a column looks like."""

    name: str
    text: str


class Fitting(NamedTuple):
    """Losses that would run on some columns, and the command that runs the first of them."""

    losses: tuple[str, ...]
    y: str
    pred: str
    command: str


class Diagnosis(NamedTuple):
    """What was found: the columns that were looked at, findings, losses that fit.

    ``why`` says why the columns could not be chosen, where they could not; then there are only
    ``columns`` and the ``command`` to go on with.
    """

    files: tuple[str, ...]
    rows: int
    y: tuple[str, ...]
    pred: tuple[str, ...]
    findings: tuple[Finding, ...]
    fits: tuple[Fitting, ...]
    columns: tuple[Kind, ...]
    why: str | None = None
    command: str | None = None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are probably wrong."""
        return tuple(finding for finding in self.findings if finding.level == "warning")

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as the published schema has it."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "input": {"files": list(self.files), "rows": self.rows},
            "y": list(self.y),
            "pred": list(self.pred),
            "findings": [jsonable(finding._asdict()) for finding in self.findings],
            "fits": [jsonable(fit._asdict()) for fit in self.fits],
            "columns": [kind._asdict() for kind in self.columns],
            "why": self.why,
            "command": self.command,
        }
