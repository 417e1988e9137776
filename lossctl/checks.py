"""What comes of a gradient check: the verdict, the slips that explain it, the worst rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lossctl.report import jsonable

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "lossctl.gradcheck/1"
Of = Literal["value", "sum"]


class Differing(NamedTuple):
    """A row whose gradient differs from the closed form."""

    row: int
    file: str | None
    line: int | None
    y: object
    pred: object
    found: tuple[float, ...]
    expected: tuple[float, ...]

    @property
    def gap(self) -> float:
        """The largest difference of its entries; infinite where one is not finite."""
        gaps = [abs(a - b) for a, b in zip(self.found, self.expected, strict=True) if a != b]
        return max((math.inf if math.isnan(gap) else gap for gap in gaps), default=0.0)


class Slip(NamedTuple):
    """What would explain the difference, and for how many of the differing rows looked at."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class GradCheck:
    """What came of the comparison; ``worst`` are the rows with the largest differences.

    ``faint`` rows agree only because their gradient is so small beside ``atol``. ``looked_at`` is
    how many of the rows that differ were searched for a slip that explains some of them only.
    """

    spec: str
    of: Of
    files: tuple[str, ...]
    columns: Mapping[str, Any]
    n: int
    differ: int
    faint: int
    looked_at: int
    rtol: float
    atol: float
    slips: tuple[Slip, ...]
    worst: tuple[Differing, ...]
    notes: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every row agrees."""
        return self.differ == 0

    @property
    def verdict(self) -> str:
        """One line that says what was found."""
        what = "∂L/∂ŷ" if self.of == "value" else "∂Σwℓ/∂ŷ"
        if self.agrees:
            few = f", {self.faint} of them only within atol {self.atol:.3g}" if self.faint else ""
            return f"all {self.n} rows agree with {what} of {self.spec}{few}"
        line = f"{self.differ} of {self.n} rows differ from {what} of {self.spec}"
        if not self.slips:
            most = f"; the largest difference is {self.worst[0].gap:.3g}" if self.worst else ""
            return f"{line}: no usual slip explains it{most}"
        rows = self.slips[0].rows
        share = "" if rows == self.differ else f" (in {rows} of the {self.looked_at} looked at)"
        return f"{line}: {' or '.join(slip.name for slip in self.slips)}{share}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; numbers that are not finite are strings."""
        return {
            "schema": SCHEMA,
            "loss": self.spec,
            "of": self.of,
            "files": list(self.files),
            "columns": dict(self.columns),
            "n": self.n,
            "differ": self.differ,
            "faint": self.faint,
            "looked_at": self.looked_at,
            "rtol": self.rtol,
            "atol": self.atol,
            "slips": [slip._asdict() for slip in self.slips],
            "verdict": self.verdict,
            "worst": [
                {
                    "row": row.row,
                    "file": row.file,
                    "line": row.line,
                    "y": jsonable(row.y),
                    "pred": jsonable(row.pred),
                    "found": _single(row.found),
                    "expected": _single(row.expected),
                }
                for row in self.worst
            ],
        }


def _single(entries: tuple[float, ...]) -> Any:
    """Return the entries of a row as JSON has them: a list for k outputs only."""
    return jsonable(entries[0] if len(entries) == 1 else entries)
