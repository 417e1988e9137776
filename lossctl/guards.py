"""Guards: accidents that would let a gate pass though nothing, or the wrong thing, was compared.

They are on in ``compare`` and ``check``, and each is switched off by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

GUARDS = {
    "no-rows": "there is nothing to score",
    "zero-weights": "all weights are zero",
    "same-file": "candidate and baseline are the same file",
    "constant": "the predictions are the same in every row",
    "unmatched": "keys do not match one to one",
    "skipped": "rows lack a cell, and nobody asked to skip them",
    "truth": "candidate and baseline have different truths",
    "not-finite": "a value is not finite",
    "floor": "the best constant prediction does better",
}


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
