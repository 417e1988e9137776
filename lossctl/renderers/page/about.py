"""What was read, and how: names and lines of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossctl.naming import labels
from lossctl.renderers.page.names import columns_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lossctl.report import PerSample, Report, Result

Facts = list[tuple[str, list[str]]]


def read(report: Report) -> Facts:
    """Return what was read and how, as names and lines."""
    facts: Facts = [("Files", list(report.files) or ["data in memory"])]
    if report.truth is not None:
        key = report.truth.key
        facts.append(("Truth from", list(report.truth.files)))
        facts.append(("Rows matched", [f"by {', '.join(key)}" if key else "by position"]))
    facts += counts(report)
    columns = list(dict.fromkeys(columns_text(result) for result in report.results))
    facts.append(("Columns", columns))
    classes = [", ".join(r.columns["classes"]) for r in report.results if r.columns["classes"]]
    facts += [("Classes", list(dict.fromkeys(classes)))] if classes else []
    rules = list(dict.fromkeys(line for result in report.results for line in _rules(result)))
    facts += [("Rules", rules)] if rules else []
    touched = [
        f"{name}: {count} rows {what}"
        for name, result in zip(labels(report.results), report.results, strict=True)
        for what, count in result.touched.items()
        if count
    ]
    facts += [("Rows touched", touched)] if touched else []
    samples = [result.per_sample for result in report.results if result.per_sample]
    facts += [("Quantiles", [_quantiles(samples)])] if samples else []
    hashes = [r.hashes for r in report.results if r.hashes]
    for which, head in (("truth", "Truth"), ("pred", "Predictions"), ("weight", "Weights")):
        found = list(dict.fromkeys(filter(None, (getattr(h, which) for h in hashes))))
        if len(found) == 1:
            facts.append((f"{head} hash", found))
    return facts


def counts(report: Any) -> Facts:
    """Return how many rows there were, and what became of those that lack a cell."""
    facts: Facts = [("Rows", [str(report.rows)])]
    if report.skipped:
        facts.append(("Skipped", [f"{report.skipped} rows that lack a cell"]))
    if report.nonfinite:
        facts.append(("Not finite", [f"{report.nonfinite} of the skipped rows hold an infinity"]))
    if not report.skipped:
        facts.append(("Missing cells", ["none"]))
    return facts


def _quantiles(samples: Sequence[PerSample]) -> str:
    if all(sample.quantiles == "exact" for sample in samples):
        return "exact: order statistics, no interpolation"
    return "approximate where it says so: from histograms, within 0.4 % of themselves"


def _rules(result: Result) -> Iterator[str]:
    rules = result.rules or {}
    if rules.get("outputs"):
        yield f"the loss of a row is the {rules['outputs']} over its outputs"
    if rules.get("positive") is not None:
        yield f"'{rules['positive']}' counts as 1"
    if rules.get("ignore") is not None:
        yield f"rows of '{rules['ignore']}' are left out"
    if rules.get("class_weight"):
        weights = ", ".join(
            f"{label} = {weight:g}" for label, weight in rules["class_weight"].items()
        )
        yield f"rows are weighted by class: {weights}"
    if rules.get("normalize"):
        yield "probabilities are rescaled to sum to 1"
