"""Findings about where numbers lie: scales of probabilities, saturation, sums, gaps, weights."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from lossctl.diagnosis.records import Finding, at, where
from lossctl.sources.streams import STDIN_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lossctl.diagnosis.case import Case

SOME = 10  # rows that are seldom all 0 and 1 by chance
FLOAT32 = 2.0**-24  # half a step below 1: what is nearer becomes 1 in float32
_PROBABILITY = re.compile(r"(?:p|prob|probs|proba|probability|probabilities)(?:[_.\s-].*)?")


def find(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the range of a column."""
    yield from _gaps(case)
    yield from _weights(case)
    if case.kind in ("binary", "classes"):
        if case.scale != "probability":
            yield from _scale(case)
        elif case.facts.seen.outside.rows:
            yield _overshoot(case)
        else:
            yield from _saturation(case)
        if case.k > 1 and case.scale == "probability":
            yield from _sums(case)


def _pred(case: Case) -> str:
    names = case.columns.pred
    return names[0] if len(names) == 1 else f"{names[0]}…{names[-1]}"


def _gaps(case: Case) -> Iterator[Finding]:
    counts, gap = case.facts.counts, case.facts.gap
    if gap is None or not counts.skipped:
        return
    what = "an infinite value" if gap.infinite else "no value"
    place = f"line {gap.line}" if gap.line is not None else f"row {gap.row}"
    yield Finding(
        "missing",
        "error",
        f"{counts.skipped} of {counts.rows} rows lack a value; first {place}: {gap.column} holds"
        f" {what}",
        {
            "rows": counts.skipped,
            "nonfinite": counts.nonfinite,
            "row": gap.row,
            "file": gap.file,
            "line": gap.line,
            "column": gap.column,
        },
        "fill them, or leave the rows out and count them: --missing skip",
    )


def _weights(case: Case) -> Iterator[Finding]:
    name, seen = case.columns.weight, case.facts.seen
    if name is None or not seen.rows:
        return
    negative = seen.negative_weights
    if negative.rows:
        yield Finding(
            "weights",
            "error",
            f"{name}: {negative.rows} weights are below 0; first {at(negative.first)}",
            {"rows": negative.rows, **where(negative.first)},
            "a weight is 0 or more: name another column with -w, or leave -w out",
        )
    elif not seen.positive_weights.rows:
        yield Finding(
            "weights",
            "error",
            f"{name}: all weights are 0",
            {"rows": seen.rows},
            "name another column with -w, or leave -w out",
        )


def _scale(case: Case) -> Iterator[Finding]:
    outside = case.facts.seen.outside
    evidence = {
        "low": case.low,
        "high": case.high,
        "outside": outside.rows,
        "log_loss": case.surprise(case.scale),
        **where(outside.first),
    }
    span = f"{_pred(case)} runs from {case.low:.4g} to {case.high:.4g}"
    if case.scale == "percent":
        yield Finding(
            "percent",
            "error",
            f"{span}: percent, where probabilities lie in [0, 1]; first above 1:"
            f" {at(outside.first)}",
            evidence,
            _divided(case),
        )
        return
    if not all(_PROBABILITY.fullmatch(name.casefold()) for name in case.columns.pred):
        return  # a column of logits or logarithms that does not claim to be another
    binary = case.kind == "binary"
    if case.scale == "log":
        what, spec = "logarithms of probabilities", "nll" if not binary else ""
    else:
        what, spec = "logits", "bce_with_logits" if binary else "cce_with_logits"
    yield Finding(
        "logits" if case.scale == "logit" else "logarithms",
        "warning",
        f"{span}: {what}, though the name says probability; first outside [0, 1]:"
        f" {at(outside.first)}",
        evidence,
        case.command(spec) if spec else "take exp of the column first, for bce",
    )


def _divided(case: Case) -> str:
    """Return how to divide the columns by 100, as a pipe where the shell can do that."""
    spec = "bce" if case.kind == "binary" else "cce"
    names = list(case.looks)
    cells = names + [cell for x in case.looks.values() for cell in x.cells]
    mark = case.delimiter
    quoted = mark is None or any(mark in cell or '"' in cell or "\n" in cell for cell in cells)
    packed = any(file.endswith((".gz", ".bz2", ".xz", ".zst")) for file in case.files)
    if quoted or packed or len(case.files) != 1:
        return f"divide by 100, then {case.command(spec, pipe=True)}"
    steps = ";".join(f"${names.index(name) + 1}/=100" for name in case.columns.pred)
    script = f"{'NR>1' if case.options.header else ''}{{{steps}}}1"
    file = [] if case.files == (STDIN_NAME,) else list(case.files)
    separator = "\\t" if mark == "\t" else str(mark)
    words = ["awk", f"-F{separator}", "-v", f"OFS={separator}", "-v", "CONVFMT=%.17g", script]
    return f"divide by 100: {shlex.join([*words, *file])} | {case.command(spec, pipe=True)}"


def _overshoot(case: Case) -> Finding:
    outside = case.facts.seen.outside
    return Finding(
        "overshoot",
        "error",
        f"{_pred(case)} runs from {case.low!r} to {case.high!r}: {outside.rows} rows lie"
        f" outside [0, 1]; first {at(outside.first)}",
        {"low": case.low, "high": case.high, "outside": outside.rows, **where(outside.first)},
        "bound it where it is made, as in p.clip(0, 1)",
    )


def _saturation(case: Case) -> Iterator[Finding]:
    seen = case.facts.seen
    zeros, ones, lost = seen.zeros, seen.ones, case.lost
    sure = zeros.rows + ones.rows
    if case.decided:
        yield from _decisions(case)
        return
    if not sure or (not lost.rows and case.k > 1):
        return
    spec = "bce" if case.kind == "binary" else "cce"
    p = case.facts.kept.pred
    inner = p[(p > 0.0) & (p < 1.0)]
    tiny, gap = (float(inner.min()), float(1.0 - inner.max())) if inner.size else (1.0, 1.0)
    rounded = ones.rows > 0 and not zeros.rows and tiny < FLOAT32 / 8 and gap >= FLOAT32 / 2
    evidence = {
        "zeros": zeros.rows,
        "ones": ones.rows,
        "rows": seen.rows,
        "infinite": lost.rows,
        **where(lost.first),
    }
    shares = f"exactly 0 in {zeros.rows / seen.rows:.2%} of rows, 1 in {ones.rows / seen.rows:.2%}"
    why = ": rounded to 1 in float32" if rounded else ""
    if lost.rows:
        yield Finding(
            "saturated",
            "error",
            f"{_pred(case)} is {shares}{why}; {lost.rows} rows of them are wrong, which costs"
            f" infinity; first {at(lost.first)}",
            evidence,
            f"write logits and use {spec}_with_logits, or bound the cost:"
            f" {case.command(f'{spec}:eps=1e-7')}",
        )
    else:
        yield Finding(
            "saturated",
            "note",
            f"{_pred(case)} is {shares}{why}; one wrong row would cost infinity",
            evidence,
            f"write logits and use {spec}_with_logits, or {spec}:eps=1e-7",
        )


def _decisions(case: Case) -> Iterator[Finding]:
    """Say that predictions are 0 and 1 and nothing between: decisions, of which some are wrong."""
    seen, lost = case.facts.seen, case.lost
    if not lost.rows or seen.rows < SOME:
        return
    yield Finding(
        "decisions",
        "note",
        f"{_pred(case)} holds decisions, 0 and 1 and nothing between; {lost.rows} of {seen.rows}"
        f" are wrong, for which a loss of probabilities is infinite; first {at(lost.first)}",
        {"wrong": lost.rows, "rows": seen.rows, **where(lost.first)},
        f"give probabilities, or count the wrong ones: {case.command('zero_one')}",
    )


def _sums(case: Case) -> Iterator[Finding]:
    seen = case.facts.seen
    for tally, how in ((seen.off, "do not sum to 1"), (seen.uneven, "sum to 1 only within 1e-2")):
        if tally.rows:
            yield Finding(
                "sums",
                "error" if tally is seen.off else "note",
                f"{_pred(case)}: {tally.rows} of {seen.rows} rows {how}; first {at(tally.first)}",
                {"rows": tally.rows, **where(tally.first)},
                f"rescale them: {case.command('cce', '--normalize')}",
            )
            return
