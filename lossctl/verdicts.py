"""What comparisons, gates, guards and checks come to: frozen records that are the JSON schema."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.errors import ExitCode
from lossctl.naming import by_name, group_label, labels
from lossctl.report import Interval, Worst, jsonable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPARISON_SCHEMA = "lossctl.comparison/1"
CHECK_SCHEMA = "lossctl.check/1"


class Verdict(StrEnum):
    """How a gate, a guard or a check ended."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"  # the input is invalid: nothing could be decided

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that says so."""
        return _CODES[self]


_CODES = {
    Verdict.PASS: ExitCode.OK,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.ERROR: ExitCode.INVALID,
}
# From the best to the worst: what cannot be decided is worse than what failed, since it may hide
# that too.
ORDER = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)


def worst_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst verdict; pass where there are none."""
    return max(verdicts, key=ORDER.index, default=Verdict.PASS)


class Guard(NamedTuple):
    """An accident that would have let a gate pass: which guard saw it, and what it saw."""

    name: str
    text: str


class Gate(NamedTuple):
    """A line that was drawn, and on which side of it a value is.

    ``rule`` is as it was given (``max 60``, ``no worse than 1%``), ``text`` one line of what was
    found. With evidence: ``alpha``, the one-sided ``bound`` of the excess over the margin (above
    0: beyond the line), and how many rows would decide it where these do not.
    """

    rule: str
    verdict: Verdict
    text: str
    alpha: float | None = None
    bound: float | None = None
    rows_to_decide: int | None = None


class Moved(NamedTuple):
    """A row whose loss changed much: what the file holds, and what either prediction cost."""

    row: int
    file: str | None
    line: int | None
    y: object
    baseline: object
    candidate: object
    loss_baseline: float
    loss_candidate: float
    change: float


class Flips(NamedTuple):
    """The sign-flip permutation test: two-sided p = (c + 1)/(flips + 1)."""

    p: float
    flips: int
    seed: int


class PairedT(NamedTuple):
    """The t test on the differences: two-sided p."""

    statistic: float
    df: float
    p: float


class Comparison(NamedTuple):
    """Two predictions of the same rows under one loss, over all rows or over one group.

    ``difference`` is candidate − baseline, ``relative`` its share of |baseline|. ``wins`` are rows
    that the candidate predicts better. ``interval`` is that of the difference; None where there is
    none, with the reason in ``why``.
    """

    loss: str
    params: Mapping[str, Any]
    spec: str
    columns: Mapping[str, Any]
    group: Mapping[str, str] | None
    n: int
    weight: float
    baseline: float
    candidate: float
    difference: float
    relative: float | None
    wins: int
    ties: int
    losses: int
    interval: Interval | None
    why: str | None
    t: PairedT | None
    permutation: Flips | None
    hypothesis: str
    better: tuple[Moved, ...]
    worse: tuple[Moved, ...]
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class CompareReport:
    """What was read on either side, and a comparison for every loss and group."""

    version: str
    baseline_files: tuple[str, ...]
    candidate_files: tuple[str, ...]
    rows: int
    skipped: int
    nonfinite: int
    comparisons: tuple[Comparison, ...]
    guards: tuple[Guard, ...]
    notes: tuple[str, ...]
    signature: str

    @property
    def verdict(self) -> Verdict:
        """The worst of all gates and guards."""
        gates = [found.gate.verdict for found in self.comparisons if found.gate]
        return worst_of([*gates, *(Verdict.FAIL for _ in self.guards)])

    @property
    def metrics(self) -> dict[str, float]:
        """The candidate's values by name, the baseline's and the differences beside them."""
        found = []
        for name, compared in zip(labels(self.comparisons), self.comparisons, strict=True):
            found.append((name, compared.candidate))
            found.append((f"{name}.baseline", compared.baseline))
            found.append((f"{name}.difference", compared.difference))
        return by_name(found)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; numbers that are not finite are strings."""
        return {
            "schema": COMPARISON_SCHEMA,
            "version": self.version,
            "input": {
                "baseline": list(self.baseline_files),
                "candidate": list(self.candidate_files),
                "rows": self.rows,
                "skipped": self.skipped,
                "nonfinite": self.nonfinite,
            },
            "verdict": str(self.verdict),
            "metrics": jsonable(self.metrics),
            "comparisons": [plain(found) for found in self.comparisons],
            "guards": [plain(guard) for guard in self.guards],
            "notes": list(self.notes),
            "signature": self.signature,
        }


class Line(NamedTuple):
    """What a check found for all rows or one group: the value, and what became of its gate."""

    group: Mapping[str, str] | None
    n: int
    value: float
    baseline: float | None
    gate: Gate
    interval: Interval | None = None


class Check(NamedTuple):
    """One check of a config: its verdict, what was found, and the rows to blame where it failed.

    ``place`` is the file and line of the config that it stands on. ``message`` says in one line
    why it did not pass; empty where it did.
    """

    name: str
    place: tuple[str, int]
    spec: str
    files: tuple[str, ...]
    verdict: Verdict
    message: str
    lines: tuple[Line, ...] = ()
    guards: tuple[Guard, ...] = ()
    worst: tuple[Worst, ...] = ()
    notes: tuple[str, ...] = ()
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What came of every check of a config."""

    version: str
    config: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all checks."""
        return worst_of([check.verdict for check in self.checks])

    @property
    def metrics(self) -> dict[str, float]:
        """The values by the names of the checks and groups; baselines beside them."""
        found = []
        for check in self.checks:
            for line in check.lines:
                name = check.name + group_label(line.group)
                found.append((name, line.value))
                if line.baseline is not None:
                    found.append((f"{name}.baseline", line.baseline))
        return by_name(found)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; numbers that are not finite are strings."""
        return {
            "schema": CHECK_SCHEMA,
            "version": self.version,
            "config": self.config,
            "verdict": str(self.verdict),
            "metrics": jsonable(self.metrics),
            "checks": [plain(check) for check in self.checks],
        }


def plain(record: Any) -> Any:
    """Return a record as JSON has it: records are objects, non-finite numbers strings."""
    if isinstance(record, tuple) and hasattr(record, "_asdict"):
        return {name: plain(value) for name, value in record._asdict().items()}
    if isinstance(record, (list, tuple)):
        return [plain(item) for item in record]
    if isinstance(record, StrEnum):
        return str(record)
    if hasattr(record, "items"):
        return {name: plain(value) for name, value in record.items()}
    return jsonable(record)
