"""Comparisons and checks made by hand: one of everything that renderers have to show."""

from __future__ import annotations

import math
from typing import Any

from lossctl.report import Interval, Report, Result, Worst
from lossctl.verdicts import (
    Check,
    CheckReport,
    CompareReport,
    Comparison,
    Flips,
    Gate,
    Guard,
    Line,
    Moved,
    PairedT,
    Verdict,
)

INTERVAL = Interval(95.0, -310.5, 32.25, "t", 87.25, 441.0, 442, False, 245.0)
CLUSTERED = INTERVAL._replace(
    method="bootstrap",
    clusters=True,
    n_units=12,
    se=91.5,
    df=None,
    detectable=256.25,
    seed=0,
    resamples=10_000,
    warning="12 clusters are few: the interval may be too short",
)
PASSED = Gate("no worse than 1%", Verdict.PASS, "4.64 % better", 0.05, -168.0)
FAILED = Gate("no worse than 1%", Verdict.FAIL, "12.3 % worse than the baseline", 0.05, 310.0)
OPEN = Gate("no worse than 1%", Verdict.INCONCLUSIVE, "may be 2 % worse", 0.05, 21.0, 1234)
HYPOTHESIS = (
    "H₀: the candidate is worse than the baseline by 1 % or more; "
    "it is rejected where the bound is below 0"
)


def moved(row: int, **changes: Any) -> Moved:
    """Return a row that got worse."""
    found = Moved(row, "new.csv", row + 1, 151.0, 160.25, 208.5, 85.5625, 3306.25, 3220.6875)
    return found._replace(**changes)


def compared(**changes: Any) -> Comparison:
    """Return a comparison over all rows."""
    found = Comparison(
        loss="mse",
        params={},
        spec="mse",
        columns={"y": ["y"], "baseline": ["yhat"], "candidate": ["yhat_new"], "weight": None},
        group=None,
        n=442,
        weight=442.0,
        baseline=2998.920935661154,
        candidate=2859.6903473,
        difference=-139.230588361154,
        relative=-0.046427,
        wins=240,
        ties=2,
        losses=200,
        interval=INTERVAL,
        why=None,
        t=PairedT(-1.5957, 441.0, 0.11126),
        permutation=Flips(0.1123, 9999, 0),
        hypothesis=HYPOTHESIS,
        better=(moved(7, loss_candidate=12.25, candidate=154.5, change=-73.3125),),
        worse=(moved(12), moved(90)),
    )
    return found._replace(**changes)


def comparison(*comparisons: Comparison, **changes: Any) -> CompareReport:
    """Return a report of comparisons; of one where none is given."""
    facts: dict[str, Any] = {
        "version": "0.1.0",
        "baseline_files": ("old.csv",),
        "candidate_files": ("new.csv",),
        "rows": 442,
        "skipped": 0,
        "nonfinite": 0,
        "comparisons": comparisons or (compared(),),
        "guards": (),
        "notes": (),
        "signature": "mse|y=y|rows=442|lossctl=0.1.0",
    }
    return CompareReport(**{**facts, **changes})


def grouped() -> CompareReport:
    """Return a comparison of all rows and of three groups, of which one is worse."""
    gates = {"sex_1": PASSED, "sex_2": FAILED, "sex_3": OPEN}
    groups = [
        compared(group={"sex": sex, "age": "50-64"}, gate=gate, n=147)
        for sex, gate in gates.items()
    ]
    groups[1] = groups[1]._replace(interval=None, why="no spread", t=None, permutation=None)
    return comparison(
        compared(gate=PASSED, interval=CLUSTERED),
        *groups,
        guards=(Guard("rows", "3 rows of the baseline have no partner"),),
        skipped=3,
        nonfinite=1,
    )


def worst(row: int, **changes: Any) -> Worst:
    """Return a row to blame."""
    found = Worst(row, "preds.csv", row + 1, 151.0, 208.5, 3306.25, 7.48, 0.0025, 0.26)
    return found._replace(**changes)


def line(gate: Gate, **changes: Any) -> Line:
    """Return what a check found."""
    return Line(None, 442, 2998.920935661154, None, gate)._replace(**changes)


def check(verdict: Verdict, **changes: Any) -> Check:
    """Return a check that ended so."""
    gate = Gate("max 60", verdict, f"mse is 2998.9 ({verdict})")
    return Check(
        name=f"{verdict} check",
        place=("lossctl.toml", 7),
        spec="mse",
        files=("preds.csv",),
        verdict=verdict,
        message="" if verdict is Verdict.PASS else "mse is 2998.9, above max 60",
        lines=(line(gate),),
        worst=() if verdict is Verdict.PASS else (worst(12), worst(7)),
        signature="mse|y=y|lossctl=0.1.0",
    )._replace(**changes)


def checks(*found: Check) -> CheckReport:
    """Return a report of checks; of one of every verdict where none is given."""
    every = [check(verdict) for verdict in Verdict]
    every[1] = every[1]._replace(
        lines=(
            line(Gate("max 60", Verdict.PASS, "mse is 59"), group={"sex": "f"}, value=59.0),
            line(FAILED, group={"sex": "m"}, value=math.inf, baseline=61.5, interval=INTERVAL),
        ),
        guards=(Guard("constant", "the prediction is the same in all rows"),),
        notes=("3 rows skipped",),
    )
    every[3] = every[3]._replace(lines=(), worst=(), message="preds.csv: no such file")
    return CheckReport("0.1.0", "lossctl.toml", found or tuple(every))


def report(*values: float, groups: bool = False, **changes: Any) -> Report:
    """Return a report of ``eval`` with a result for every value."""
    results = tuple(
        Result(
            loss="mse",
            params={},
            spec="mse",
            columns={"y": ["y"], "pred": ["yhat"], "weight": None, "classes": None, "roles": None},
            group={"sex": f"g{at}"} if groups else None,
            n=442,
            weight=442.0,
            value=value,
            sum=value * 442,
            per_sample=None,
            gradient=None,
            worst=tuple(worst(row) for row in (12, 7, 3)),
            touched={"clipped": 0, "normalized": 0, "ignored": 0},
            batches=None,
        )._replace(**changes)
        for at, value in enumerate(values)
    )
    return Report("0.1.0", ("preds.csv",), 442, 0, 0, results)
