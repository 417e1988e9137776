"""Turn outcomes into text: what ran where, and each judgement with its bar."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from .cases import Judgement
from .run import Outcome, paired_ratio

PACKAGES = ("lossctl", "numpy", "polars", "duckdb", "pandas", "typer")

NOTES = (
    "Ratios are medians of the ratios taken round by round; MB are 10^6 bytes.",
    "No peak is measured below that of the bench itself, some 20 MB, which is what mawk shows.",
    "The peers compute the number and no more; polars checks nothing about the input.",
)

MARKDOWN_HEAD = (
    "| Case | Compared | Time | Peak memory | Result | Bar | Aim | Reached |",
    "| --- | --- | --- | --- | ---: | ---: | ---: | --- |",
)


@dataclass(frozen=True)
class Verdict:
    """A judgement with the number that was measured, or why none was."""

    judgement: Judgement
    measured: float | None
    why_not: str = ""


def environment() -> list[str]:
    """Return the date, the versions and the processor."""
    versions = [f"python {platform.python_version()}"]
    versions += [f"{name} {_package_version(name)}" for name in PACKAGES]
    versions.append(f"mawk {_mawk_version()}")
    return [date.today().isoformat(), ", ".join(versions), _processor()]


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _mawk_version() -> str:
    if shutil.which("mawk") is None:
        return "not installed"
    shown = subprocess.run(["mawk", "-W", "version"], capture_output=True, text=True, check=False)
    words = shown.stdout.split("\n", 1)[0].split()
    return " ".join(words[1:3]) or "of unknown version"


def _processor() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {cores} cores"


def judged(judgement: Judgement, outcome: Outcome) -> Verdict:
    """Return a judgement with its number."""
    for name in (judgement.subject, judgement.reference):
        if name in outcome.missing:
            return Verdict(judgement, None, outcome.missing[name])
    subject = outcome.series[judgement.subject]
    if judgement.quantity == "peak":
        return Verdict(judgement, subject.peak_mb)
    reference = outcome.series[judgement.reference]
    if judgement.quantity == "peaks alike":
        low, high = sorted((subject.peak_mb, reference.peak_mb))
        return Verdict(judgement, high / low)
    return Verdict(judgement, paired_ratio(subject.seconds, reference.seconds))


def reaches(measured: float, mark: float, at_least: bool) -> bool:
    """Tell whether a number reaches a bar or an aim."""
    return measured >= mark if at_least else measured <= mark


def missed_bar(verdict: Verdict) -> bool:
    """Tell whether a number was measured and does not reach its bar."""
    judgement = verdict.judgement
    if verdict.measured is None or judgement.bar is None:
        return False
    return not reaches(verdict.measured, judgement.bar, judgement.at_least)


def standing(verdict: Verdict) -> str:
    """Return how a verdict stands to its bar and aim, in a word or two."""
    judgement = verdict.judgement
    if verdict.measured is None:
        return f"not run: {verdict.why_not}"
    if judgement.bar is None:
        return "no bar"
    if missed_bar(verdict):
        return "MISSED"
    if judgement.aim is not None and reaches(verdict.measured, judgement.aim, judgement.at_least):
        return "aim"
    return "bar"


def _label(judgement: Judgement) -> str:
    if judgement.quantity == "peak":
        return f"{judgement.subject}: peak memory"
    if judgement.quantity == "peaks alike":
        return f"{judgement.subject}, {judgement.reference}: larger peak over smaller"
    return f"{judgement.subject} / {judgement.reference}"


def _number(judgement: Judgement, number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:.0f} MB" if judgement.quantity == "peak" else f"{number:.2f}"


def _mark(judgement: Judgement, mark: float | None) -> str:
    if mark is None:
        return "–"
    return f"{'≥' if judgement.at_least else '≤'} {_number(judgement, mark)}"


def _rows(outcome: Outcome) -> str:
    counts = " and ".join(f"{rows:,}".replace(",", " ") for rows in outcome.rows)
    return f"{counts} rows"


def text(outcome: Outcome, verdicts: list[Verdict]) -> Iterator[str]:
    """Return the lines of one case as plain text."""
    rounds = max(len(series.seconds) for series in outcome.series.values())
    yield f"{outcome.case.name}: {outcome.case.description}"
    yield f"  {_rows(outcome)}; rounds: {rounds}"
    for file in outcome.files:
        yield f"  {file.path.name}: {file.size / 1e6:.1f} MB"
    for name, series in outcome.series.items():
        yield f"  {name:<12} {median(series.seconds):9.3f} s {series.peak_mb:8.0f} MB"
    for name, why in outcome.missing.items():
        yield f"  {name:<12} not run: {why}"
    for verdict in verdicts:
        judgement = verdict.judgement
        marks = f"bar {_mark(judgement, judgement.bar)}, aim {_mark(judgement, judgement.aim)}"
        measured = _number(judgement, verdict.measured)
        yield f"  {_label(judgement)}: {measured} ({marks}): {standing(verdict)}"
    yield ""


def markdown(outcome: Outcome, verdicts: list[Verdict]) -> Iterator[str]:
    """Return the table rows of one case, one for each judgement."""
    for verdict in verdicts:
        judgement = verdict.judgement
        names = [name for name in (judgement.subject, judgement.reference) if name]
        shown = [outcome.series[name] for name in names if name in outcome.series]
        cells = (
            f"`{outcome.case.name}`, {_rows(outcome)}",
            _label(judgement),
            " / ".join(f"{median(series.seconds):.3f}" for series in shown) + " s",
            " / ".join(f"{series.peak_mb:.0f}" for series in shown) + " MB",
            _number(judgement, verdict.measured),
            _mark(judgement, judgement.bar),
            _mark(judgement, judgement.aim),
            standing(verdict),
        )
        yield f"| {' | '.join(cells)} |"
