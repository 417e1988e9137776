"""Gates: a line that is drawn, and whether a value is beyond it, with evidence where it is noisy.

A fixed line is held against the value itself. A margin to a baseline is held against what the rows
can show of the difference: with θ the excess of the candidate over the margin, the gate passes
where the one-sided confidence interval of θ at 1 − α lies at or below 0 (non-inferiority, or
superiority by a margin), fails where it lies above, and is inconclusive between.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lossctl.errors import UsageError
from lossctl.verdicts import Gate, Verdict, worst_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.margins import Margin


class Lines(NamedTuple):
    """The fixed lines of a gate; None where there is none."""

    maximum: float | None = None
    minimum: float | None = None

    @property
    def drawn(self) -> bool:
        """Whether there is a line at all."""
        return self.maximum is not None or self.minimum is not None

    @property
    def rule(self) -> str:
        """The lines as a person reads them."""
        lines = (("max", self.maximum), ("min", self.minimum))
        return ", ".join(f"{name} {line:g}" for name, line in lines if line is not None)

    def hold(self, value: float, what: str) -> Gate:
        """Return the gate of a value; one that is not finite fails it."""
        found = f"{what} is {value!r}"
        fault = None
        if self.maximum is not None and not value <= self.maximum:
            fault = f"above max {self.maximum:g}"
        elif self.minimum is not None and not value >= self.minimum:
            fault = f"below min {self.minimum:g}"
        elif not math.isfinite(value):
            fault = "not finite"
        if fault is None:
            return Gate(self.rule, Verdict.PASS, found)
        return Gate(self.rule, Verdict.FAIL, f"{found}, {fault}")


def joined(gates: Sequence[Gate]) -> Gate:
    """Return several gates as one, which ends as the worst of them."""
    if len(gates) == 1:
        return gates[0]
    verdict = worst_of([gate.verdict for gate in gates])
    rule = ", ".join(gate.rule for gate in gates)
    text = "; ".join(gate.text for gate in gates if gate.verdict is verdict)
    evidence = next((gate for gate in gates if gate.alpha is not None), gates[0])
    return evidence._replace(rule=rule, verdict=verdict, text=text)


class Wanted(NamedTuple):
    """What a candidate must show against a baseline: at most so much worse, or at least better."""

    margin: Margin
    better: bool
    alpha: float

    @staticmethod
    def of(
        no_worse_than: str | float | None, better_by: str | float | None, alpha: float
    ) -> Wanted | None:
        """Return what two options ask for, None where neither is given; raises UsageError."""
        from lossctl.margins import parse_margin

        if not 0.0 < alpha < 0.5:
            raise UsageError(f"--alpha must be in (0, 0.5), got {alpha:g}")
        if no_worse_than is not None and better_by is not None:
            raise UsageError("--no-worse-than and --better-by exclude one another")
        if no_worse_than is not None:
            return Wanted(parse_margin(no_worse_than, "--no-worse-than"), False, alpha)
        if better_by is not None:
            return Wanted(parse_margin(better_by, "--better-by"), True, alpha)
        return None

    @property
    def rule(self) -> str:
        """The rule as a person reads it."""
        return f"{'better by' if self.better else 'no worse than'} {self.margin}"

    def hold(self, value: float, baseline: float, higher: bool, what: str) -> Gate:
        """Return the gate of a value beside a recorded one, whose rows are not there to be paired.

        ``higher``: whether higher values are better.
        """
        excess = baseline - value if higher else value - baseline
        side = "worse" if excess > 0.0 else "better"
        allowed = self.allowed(baseline)
        text = f"{what} is {value!r}, recorded {baseline!r}: {abs(excess):.6g} {side}"
        if not excess <= allowed or (self.better and excess == 0.0):
            return Gate(self.rule, Verdict.FAIL, f"{text}, allowed {allowed:.6g}")
        return Gate(self.rule, Verdict.PASS, text)

    def allowed(self, baseline: float) -> float:
        """Return how much the candidate's value may exceed the baseline's; below 0 if better."""
        size = self.margin.amount * (abs(baseline) if self.margin.relative else 1.0)
        return -size if self.better else size


class Evidence(NamedTuple):
    """What the rows show of θ: its one-sided bounds at 1 − α, and the rows that would decide it."""

    low: float
    high: float
    rows_to_decide: int | None


def judge(wanted: Wanted, evidence: Evidence | None, difference: float, allowed: float) -> Gate:
    """Return the gate of a comparison; without evidence it is inconclusive."""
    what = f"difference {difference:.6g}, allowed {allowed:.6g}"
    if not math.isfinite(difference):
        return Gate(wanted.rule, Verdict.FAIL, f"difference {difference:.6g}, not finite")
    if evidence is None:
        text = f"{what}: too few rows to say more"
        return Gate(wanted.rule, Verdict.INCONCLUSIVE, text, wanted.alpha)
    sure = 1.0 - wanted.alpha
    # What a relative margin allows is as uncertain as the difference: the texts give θ, which
    # holds both. A superiority of 0 has to be one: the same predictions are not better.
    passes = evidence.high < 0.0 if wanted.better else evidence.high <= 0.0
    if passes:
        text = f"{what}; with {sure:.0%} confidence within it by {abs(evidence.high):.6g} or more"
        return Gate(wanted.rule, Verdict.PASS, text, wanted.alpha, evidence.high)
    if evidence.low > 0.0 or (wanted.better and evidence.low == evidence.high == 0.0):
        text = f"{what}; with {sure:.0%} confidence beyond it by {evidence.low:.6g} or more"
        return Gate(wanted.rule, Verdict.FAIL, text, wanted.alpha, evidence.low)
    text = (
        f"{what}; with {sure:.0%} confidence from {abs(evidence.low):.6g} within it to"
        f" {evidence.high:.6g} beyond it"
    )
    more = evidence.rows_to_decide
    return Gate(wanted.rule, Verdict.INCONCLUSIVE, text, wanted.alpha, evidence.high, more)
