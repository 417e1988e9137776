"""Probes: what a pass looks at beyond the states of its losses.

A probe sees every slice of rows scored for all losses at once, so that what compares two losses,
or only looks at columns, is read in the same pass as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from lossctl.scoring import Scores


class Probe(Protocol):
    """Something to be found out about rows, as parts that merge in any order by ``+``."""

    def look(self, scores: Sequence[Scores], /) -> Any:
        """Return the part of a slice of rows; ``scores[i]`` are those of the i-th loss."""
        ...


Probes = Mapping[Hashable, Probe]
NO_PROBES: Probes = {}
