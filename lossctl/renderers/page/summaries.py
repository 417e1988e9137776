"""Losses and gradients: health in words, statistics in tables, mini-batches as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.renderers.health import health
from lossctl.renderers.look import sparkline
from lossctl.renderers.page.names import group_columns
from lossctl.renderers.page.tables import Cell, Table, cell, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lossctl.renderers.look import Look
    from lossctl.report import Result

MOST_BATCHES = 200  # marks of a line of mini-batches
STATISTICS = {"mean": "mean", "std": "std", "min": "min", "p05": "5 %", "p50": "50 %"}
STATISTICS |= {"p95": "95 %", "max": "max"}
COUNTS = {"positive": "> 0", "negative": "< 0", "zero": "= 0", "nonfinite": "not finite"}
HEADS = ("loss", *STATISTICS.values(), *COUNTS.values(), "infinite", "quantiles", "‖g‖₁", "‖g‖₂")
HEADS += ("max |g|",)


class Line(NamedTuple):
    """The values of mini-batches, in words and as a line of blocks."""

    words: str
    line: str


def healths(named: Sequence[tuple[str, Result]], look: Look) -> list[tuple[str, tuple[str, ...]]]:
    """Return what is said of gradients, with the names of all results of which it is said."""
    said: dict[tuple[str, ...], list[str]] = {}
    for name, result in named:
        said.setdefault(health(result, look), []).append(name)
    return [("; ".join(names), sentences) for sentences, names in said.items()]


def summaries(results: Sequence[Result], look: Look) -> list[Table]:
    """Return the statistics of losses and of gradients, a row for every result."""
    if not results:
        return []
    lead = {"loss": [Cell(result.spec) for result in results], **group_columns(results, HEADS)}
    samples = [result.per_sample for result in results if result.per_sample]
    gradients = [result.gradient for result in results if result.gradient]
    losses = {
        **_statistics([sample.statistics for sample in samples], look),
        "infinite": [cell(sample.infinite, look) for sample in samples],
        "quantiles": [Cell(sample.quantiles) for sample in samples],
    }
    slopes = _statistics([gradient.statistics for gradient in gradients], look)
    for key, head in (("l1", "‖g‖₁"), ("l2", "‖g‖₂"), ("max_abs", "max |g|")):
        slopes[head] = [cell(getattr(gradient, key), look) for gradient in gradients]
    for key, head in COUNTS.items():
        slopes[head] = [cell(getattr(gradient, key), look) for gradient in gradients]
    if not any(sample.infinite for sample in samples):
        del losses["infinite"]
    return [
        table("Per-sample losses", {**lead, **losses}),
        table("Gradients ∂L/∂ŷ", {**lead, **slopes}),
    ]


def _statistics(found: Sequence[Any], look: Look) -> dict[str, Sequence[Cell]]:
    return {
        head: [cell(getattr(figures, name), look) for figures in found]
        for name, head in STATISTICS.items()
    }


def batches(name: str, result: Result, look: Look) -> Line:
    """Return the values of the mini-batches of a result."""
    values = result.batches or ()
    first, last, least, most = (
        look.number(x) for x in (values[0], values[-1], min(values), max(values))
    )
    span = f"from {first} to {last}, the least {least}, the most {most}"
    step = -(-len(values) // MOST_BATCHES)
    means = [sum(part) / len(part) for part in _parts(values, step)]
    return Line(f"{name} of {len(values)} mini-batches: {span}.", sparkline(means))


def _parts(values: Sequence[float], step: int) -> Iterator[Sequence[float]]:
    return (values[at : at + step] for at in range(0, len(values), step))
