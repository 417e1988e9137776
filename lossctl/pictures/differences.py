"""The picture of a comparison: the differences of all losses and groups, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.naming import labels
from lossctl.pictures.records import About, Difference, Differences, count_text, place_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.verdicts import CompareReport, Comparison

MOST = 40  # comparisons that a picture has room for


def differences(report: CompareReport) -> Differences | None:
    """Return the differences in shares of the baseline's value, which puts all losses on one axis.

    None where no comparison has such a share.
    """
    found = [
        _difference(name, compared)
        for name, compared in zip(labels(report.comparisons), report.comparisons, strict=True)
        if compared.relative is not None
    ]
    if not found:
        return None
    shown = sorted(found, key=lambda one: -abs(one.share))[:MOST]
    kept = tuple(one for one in found if one in shown)
    files = tuple(dict.fromkeys((*report.baseline_files, *report.candidate_files)))
    title = f"Candidate − baseline, n = {count_text(report.rows)}{place_text(files)}"
    specs = ",".join(dict.fromkeys(compared.spec for compared in report.comparisons))
    return Differences(About(title, _words(found), specs), kept, len(found) - len(kept))


def _difference(name: str, compared: Comparison) -> Difference:
    assert compared.relative is not None
    interval, size = compared.interval, abs(compared.baseline)
    ends = (None, None) if interval is None else (interval.low / size, interval.high / size)
    return Difference(name, compared.n, compared.relative, *ends)


def _words(found: Sequence[Difference]) -> str:
    sides = [one.side for one in found]
    counts = {side: sides.count(side) for side in ("better", "worse", "open")}
    largest = max(found, key=lambda one: abs(one.share))
    change = f"{largest.share:+.2%}".replace("%", " %")
    if len(found) == 1:
        return f"{_ALONE[sides[0]]}; it changes by {change}."
    return (
        f"Of {len(found)} differences, intervals show {counts['better']} for the better and"
        f" {counts['worse']} for the worse; {counts['open']} may be either. The largest is {change}"
        f" ({largest.name})."
    )


_ALONE = {
    "better": "The interval shows the candidate better",
    "worse": "The interval shows the candidate worse",
    "open": "No interval shows which is better",
}
