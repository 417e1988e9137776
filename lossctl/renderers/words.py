"""How verdicts, gates, intervals and columns are put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lossctl.verdicts import Verdict

if TYPE_CHECKING:
    from rich.text import Text

    from lossctl.renderers.look import Look
    from lossctl.report import Interval
    from lossctl.verdicts import Flips, Gate, PairedT

# What is not as it should be stands out without colours too.
_WORDS = {Verdict.FAIL: "FAIL", Verdict.ERROR: "ERROR"}
STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.ERROR: "bold red",
}
_COLUMNS = {"y": "y", "pred": "ŷ", "baseline": "baseline", "candidate": "candidate", "weight": "w"}


def word(verdict: Verdict | None) -> str:
    """Return a verdict as people read it; nothing where there is none."""
    return "" if verdict is None else _WORDS.get(verdict, str(verdict))


def verdict_text(verdict: Verdict | None) -> Text:
    """Return the word of a verdict in its colour."""
    from rich.text import Text

    return Text(word(verdict), style="" if verdict is None else STYLES[verdict])


def gate_text(gate: Gate) -> str:
    """Return what was found, and how many rows would decide what is not decided."""
    return with_rows(gate.text or gate.rule, gate)


def with_rows(text: str, gate: Gate) -> str:
    """Return a text about a gate, and how many rows would decide it where these do not."""
    rows = gate.rows_to_decide
    return f"{text} (about {rows} rows would decide it)" if rows else text


def interval_text(interval: Interval, look: Look) -> str:
    """Return an interval, its level, and what it rests on."""
    what = "clusters" if interval.clusters else "rows"
    basis = f"{interval.method}, {interval.n_units} {what}"
    return f"{interval.level:g} % interval {ends(interval, look)} ({basis})"


def ends(interval: Interval | None, look: Look) -> str:
    """Return an interval as mathematics writes it; a dash for none."""
    if interval is None:
        return "–"
    return f"[{look.number(interval.low)}, {look.number(interval.high)}]"


def signed_share(share: float | None) -> str:
    """Return a relative change; a dash where there is none."""
    return "–" if share is None else f"{share:+.2%}"


def p_value(test: PairedT | Flips | None, look: Look) -> str:
    """Return the p of a test; a dash where it was not made."""
    return "–" if test is None else look.number(test.p)


def columns_text(columns: Mapping[str, Any]) -> str:
    """Return which columns were read for what: ``y = y, baseline = old, candidate = new``."""
    parts = []
    for name, shown in _COLUMNS.items():
        found = columns.get(name)
        if found:
            parts.append(f"{shown} = {_few([found] if isinstance(found, str) else found)}")
    return ", ".join(parts)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]}"
