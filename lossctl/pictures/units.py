"""The unit of per-sample losses, as the page of the loss has it."""

from __future__ import annotations

import re

from lossctl.losses.bound import BoundLoss

_UNIT = re.compile(r"^Value: .*?\b(in nats|in the (?:square of the )?unit of y)\b", re.MULTILINE)
PLAIN = ("mean", "median", "max")  # the value has the unit of the losses that it is made of


def unit_of(bound: BoundLoss) -> str:
    """Return ``in nats`` or ``in the unit of y``; nothing where there is none, or it is not said.

    A base that is not e counts in bits or in nothing that has a name.
    """
    found = _UNIT.search(bound.loss.doc)
    if found is None or bound.loss.aggregate not in PLAIN:
        return ""
    base = bound.params.get("base", None)
    return found[1] if base is None or found[1] != "in nats" else _of_base(bound, base)


def _of_base(bound: BoundLoss, base: object) -> str:
    if base == bound.loss.defaults["base"]:
        return "in nats"
    return "in bits" if base == 2.0 else ""
