"""Guards: accidents that would let a gate pass though nothing, or the wrong thing, was compared.

They are on in ``compare`` and ``check``, and each is switched off by its name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lossctl.errors import (
    InputError,
    MissingCells,
    NoRows,
    UnmatchedKeys,
    UsageError,
    ZeroWeights,
)
from lossctl.sources.streams import display_name, identity
from lossctl.tables import paths_of
from lossctl.verdicts import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lossctl.moves import Extremes, Mismatch
    from lossctl.options import Options
    from lossctl.recorded import Entry
    from lossctl.report import Floor, Hashes

GUARDS = {
    "no-rows": "there is nothing to score",
    "zero-weights": "all weights are zero",
    "same-file": "candidate and baseline are the same file",
    "constant": "the predictions are the same in every row",
    "unmatched": "keys do not match one to one",
    "skipped": "rows lack a cell, and nobody asked to skip them",
    "truth": "candidate and baseline have different truths, or weights",
    "not-finite": "a value is not finite",
    "floor": "the best constant prediction does better",
}
ROUNDING = 1e-12
# What reading or scoring raises where a guard is broken.
_RAISED: dict[type[InputError], str] = {
    NoRows: "no-rows",
    ZeroWeights: "zero-weights",
    UnmatchedKeys: "unmatched",
    MissingCells: "skipped",
}
RAISED = tuple(_RAISED)
# Off, these change what is read; what they still stop at, such as a key that is there twice, is an
# error of the input.
LOOSENING = frozenset({"skipped", "unmatched"})


def allowed_guards(names: Iterable[str]) -> frozenset[str]:
    """Return the guards that are switched off, or raise UsageError."""
    from lossctl.losses.registry import nearest

    found = set()
    for name in names:
        for part in name.split(","):
            folded = part.strip().lower().replace("_", "-")
            if folded not in GUARDS:
                near = nearest(folded, GUARDS)
                advice = f" (did you mean '{near}'?)" if near else ""
                known = ", ".join(GUARDS)
                raise UsageError(f"there is no guard '{part}'{advice}; the guards are {known}")
            found.add(folded)
    return frozenset(found)


def loosened(options: Options, allow: frozenset[str]) -> Options:
    """Return how to read where guards are off: what they would stop at is left out and counted."""
    return options._replace(
        missing="skip" if "skipped" in allow else options.missing,
        inner=options.inner or "unmatched" in allow,
    )


def guard_of(error: InputError) -> Guard:
    """Return the guard that an error of reading or scoring breaks."""
    name = next(name for kind, name in _RAISED.items() if isinstance(error, kind))
    return Guard(name, str(error).removesuffix("."))


def same_file(baseline: Any, candidate: Any) -> Iterator[Guard]:
    """Look for a file that is on both sides, under whatever name."""
    known = dict(_inodes(baseline))
    for inode, path in _inodes(candidate):
        if inode in known:
            also = "" if known[inode] == path else f", called {known[inode]} there"
            yield Guard("same-file", f"{path} is the baseline too{also}")


def _inodes(data: Any) -> Iterator[tuple[tuple[int, int], str]]:
    for path in paths_of(data) or ():
        found = identity(path)
        if found is not None:
            yield found[:2], display_name(path)


def constant(extremes: Extremes, who: str) -> Guard | None:
    """Look for predictions that never change."""
    if not extremes.constant:
        return None
    shown = ", ".join(f"{x:g}" for x in extremes.low[:3])
    more = ", …" if len(extremes.low) > 3 else ""
    return Guard("constant", f"{who} predicts {shown}{more} in all {extremes.rows} rows")


def finite(value: float, who: str) -> Guard | None:
    """Look for a value that is no number to decide by."""
    if math.isfinite(value):
        return None
    return Guard("not-finite", f"the value of {who} is {value:g}")


def truths(mismatch: Mismatch, what: str = "y") -> Guard | None:
    """Look for rows whose truth, or weight, differs between baseline and candidate."""
    if not mismatch.rows:
        return None
    line, row = mismatch.line, mismatch.row
    place = f"row {row:.0f}" if line is None else f"{mismatch.file}:{line}"
    rows = "1 row has" if mismatch.rows == 1 else f"{mismatch.rows} rows have"
    return Guard(
        "truth",
        f"{rows} another {what} in the baseline than in the candidate, first {place}:"
        f" {_cell(mismatch.baseline)} and {_cell(mismatch.candidate)}",
    )


def recorded_rows(entry: Entry, now: Hashes) -> Guard | None:
    """Look for a recorded value that was taken of another truth, or of other weights."""
    pairs = (("truth", entry.truth, now.truth), ("weights", entry.weight, now.weight))
    for what, then, here in pairs:
        if then != here:
            text = f"the recorded {entry.spec} is of {'another ' if what == 'truth' else 'other '}"
            return Guard("truth", f"{text}{what}: its hash is {then}, not {here}")
    return None


def lost_groups(lost: Sequence[Entry]) -> Guard | None:
    """Look for groups of a recorded value of which no row is left."""
    if not lost:
        return None
    shown = ", ".join(" ".join(label for _, label in sorted(entry.group)) for entry in lost[:5])
    more = ", …" if len(lost) > 5 else ""
    rows = "1 group" if len(lost) == 1 else f"{len(lost)} groups"
    have = "has" if len(lost) == 1 else "have"
    return Guard("truth", f"{rows} of the recorded {lost[0].spec} {have} no rows: {shown}{more}")


def _cell(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def worse_than_constant(value: float, floor: Floor | None, higher: bool, who: str) -> Guard | None:
    """Look for a value that the best constant prediction beats."""
    if floor is None:
        return None
    beaten = value < floor.value if higher else value > floor.value
    # As good as the constant, but for the rounding of either, is not worse.
    if not beaten or math.isclose(value, floor.value, rel_tol=ROUNDING):
        return None
    return Guard(
        "floor",
        f"the value of {who} is {value:.6g}, where {floor.what} as a constant gives"
        f" {floor.value:.6g}",
    )
