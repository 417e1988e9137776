"""The report: frozen records that are the JSON schema."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.naming import labels

if TYPE_CHECKING:
    from collections.abc import Mapping


SCHEMA = "lossctl.report/1"


class Statistics(NamedTuple):
    """Mean, standard deviation (ddof 0), extremes and quantiles of a stream."""

    mean: float
    std: float
    min: float
    p05: float
    p50: float
    p95: float
    max: float


class PerSample(NamedTuple):
    """The distribution of the ℓᵢ, unweighted, over the rows with w > 0."""

    statistics: Statistics
    infinite: int
    quantiles: str
    histogram: tuple[int, ...]


class Gradient(NamedTuple):
    """The distribution and norms of the entries of g."""

    statistics: Statistics
    l1: float
    l2: float
    max_abs: float
    positive: int
    negative: int
    zero: int
    nonfinite: int


class Floor(NamedTuple):
    """What the best constant prediction reaches; logits where predictions are logits.

    ``constant`` has one number, or one for every prediction column. ``approximate``: rows too many
    to keep, of which a constant next to the best one was found; ``value`` is exact for it.
    """

    constant: float | tuple[float, ...]
    what: str
    value: float
    approximate: bool = False


class Hashes(NamedTuple):
    """The hashes of the truth, the predictions and the weights, with the key of each row if any."""

    truth: str | None
    pred: str
    key: tuple[str, ...] | None = None
    weight: str | None = None


class Skill(NamedTuple):
    """The floor of a loss, None where it has none, and the share of the way from it to perfect."""

    floor: Floor | None
    skill: float | None


class Worst(NamedTuple):
    """A row to blame."""

    row: int
    file: str | None
    line: int | None
    y: object
    pred: object
    loss: float
    contribution: float
    share: float | None
    gradient: float | tuple[float, ...]


class Interval(NamedTuple):
    """A two-sided confidence interval of a value, at ``level`` percent.

    ``se`` is its standard error, ``df`` the degrees of freedom of t (None for a bootstrap).
    ``n_units`` counts the independent units: rows, or clusters where ``clusters`` says so.
    ``detectable`` is the smallest distance of the value from a fixed number that so many units
    show in 80 of 100 samples, tested at this level. ``seed`` and ``resamples`` are those of a
    bootstrap.
    """

    level: float
    low: float
    high: float
    method: str
    se: float
    df: float | None
    n_units: int
    clusters: bool
    detectable: float
    seed: int | None = None
    resamples: int | None = None
    warning: str | None = None


class NoInterval(NamedTuple):
    """Why there is no interval, in a few words; ``estimate`` is what it would have been about.

    ``certain``: no row differs from another, so that chance has no part in the estimate.
    """

    reason: str
    estimate: float | None = None
    certain: bool = False


class Result(NamedTuple):
    """One loss over all rows or over one group."""

    loss: str
    params: Mapping[str, Any]
    spec: str
    columns: Mapping[str, Any]
    group: Mapping[str, str] | None
    n: int
    weight: float
    value: float
    sum: float
    per_sample: PerSample | None
    gradient: Gradient | None
    worst: tuple[Worst, ...] | None
    touched: Mapping[str, int]
    batches: tuple[float, ...] | None
    notes: tuple[str, ...] = ()
    interval: Interval | NoInterval | None = None
    floor: Skill | None = None
    hashes: Hashes | None = None
    rules: Mapping[str, Any] | None = None


class Elsewhere(NamedTuple):
    """The files of the truth, and the columns that match its rows; None by position."""

    files: tuple[str, ...]
    key: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was read, and a result for every loss and group."""

    version: str
    files: tuple[str, ...]
    rows: int
    skipped: int
    nonfinite: int
    results: tuple[Result, ...]
    truth: Elsewhere | None = None
    signature: str | None = None

    @property
    def value(self) -> float:
        """The value, where there is one result only."""
        if len(self.results) != 1:
            raise ValueError(f"the report has {len(self.results)} values; read them from .results")
        return self.results[0].value

    @property
    def metrics(self) -> dict[str, float]:
        """The values by name, as tools that follow metrics take them."""
        values = (result.value for result in self.results)
        return dict(zip(labels(self.results), values, strict=True))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know and is no error."""
        return tuple(dict.fromkeys(note for result in self.results for note in result.notes))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as the published schema has it; non-finite numbers are strings."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "input": {
                "files": list(self.files),
                "rows": self.rows,
                "skipped": self.skipped,
                "nonfinite": self.nonfinite,
                "truth": None
                if self.truth is None
                else {
                    "files": list(self.truth.files),
                    "key": None if self.truth.key is None else list(self.truth.key),
                },
            },
            "metrics": jsonable(self.metrics),
            "results": [_result_dict(result) for result in self.results],
            "signature": self.signature,
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return the JSON text; numbers are in shortest round-trip form."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for every result."""
        import pandas as pd

        return pd.DataFrame(self.flat())

    def flat(self) -> list[dict[str, Any]]:
        """Return a flat mapping for every result, as tables have it."""
        rows = []
        for result in self.results:
            group = result.group or {}
            head: dict[str, Any] = {"loss": result.spec, **_flat_columns(result)}
            row: dict[str, Any] = {"n": result.n, "weight": result.weight}
            row.update(value=result.value, sum=result.sum)
            if isinstance(result.interval, Interval):
                row.update(ci_low=result.interval.low, ci_high=result.interval.high)
            if result.floor is not None:
                row["floor"] = None if result.floor.floor is None else result.floor.floor.value
                row["skill"] = result.floor.skill
            for name, part in (("loss", result.per_sample), ("gradient", result.gradient)):
                if part is not None:
                    figures = _statistics(part.statistics)
                    row.update({f"{name}_{key}": figure for key, figure in figures.items()})
            if result.gradient is not None:
                row.update(gradient_l1=result.gradient.l1, gradient_l2=result.gradient.l2)
            taken = {*head, *row}
            named = {f"group_{k}" if k in taken else k: v for k, v in group.items()}
            rows.append({**head, **named, **row})
        return rows

    def _repr_html_(self) -> str:
        """Return the notebook view."""
        return str(self.to_frame().to_html(index=False))


def _result_dict(result: Result) -> dict[str, Any]:
    per_sample, gradient = result.per_sample, result.gradient
    return {
        "loss": result.loss,
        "params": {key: jsonable(number) for key, number in result.params.items()},
        "spec": result.spec,
        "columns": dict(result.columns),
        "group": None if result.group is None else dict(result.group),
        "n": result.n,
        "weight": jsonable(result.weight),
        "value": jsonable(result.value),
        "sum": jsonable(result.sum),
        "per_sample": None
        if per_sample is None
        else {
            **jsonable(_statistics(per_sample.statistics)),
            "infinite": per_sample.infinite,
            "quantiles": per_sample.quantiles,
        },
        "gradient": None
        if gradient is None
        else {
            **jsonable(_statistics(gradient.statistics)),
            "l1": jsonable(gradient.l1),
            "l2": jsonable(gradient.l2),
            "max_abs": jsonable(gradient.max_abs),
            "positive": gradient.positive,
            "negative": gradient.negative,
            "zero": gradient.zero,
            "nonfinite": gradient.nonfinite,
        },
        "worst": None
        if result.worst is None
        else [
            {
                "row": row.row,
                "file": row.file,
                "line": row.line,
                "y": jsonable(row.y),
                "pred": jsonable(row.pred),
                "loss": jsonable(row.loss),
                "contribution": jsonable(row.contribution),
                "share": jsonable(row.share),
                "gradient": jsonable(row.gradient),
            }
            for row in result.worst
        ],
        "touched": dict(result.touched),
        "batches": None if result.batches is None else jsonable(result.batches),
        "interval": _interval_dict(result.interval),
        "floor": None if result.floor is None else floor_dict(*result.floor),
        "rules": None if result.rules is None else dict(result.rules),
        "hashes": None if result.hashes is None else jsonable(result.hashes._asdict()),
    }


def _interval_dict(found: Interval | NoInterval | None) -> dict[str, Any] | None:
    """Return an interval; where there is none, every field but the reason is null."""
    if found is None:
        return None
    blank: dict[str, Any] = dict.fromkeys(Interval._fields)
    if isinstance(found, NoInterval):
        return {**blank, "why": found.reason}
    return {**jsonable(found._asdict()), "why": None}


def floor_dict(floor: Floor | None, skill: float | None) -> dict[str, Any]:
    """Return a floor as JSON has it; all null where there is none."""
    if floor is None:
        return {"constant": None, "what": "none", "value": None, "skill": None, "exact": True}
    return {
        "constant": jsonable(floor.constant),
        "what": floor.what,
        "value": jsonable(floor.value),
        "skill": jsonable(skill),
        "exact": not floor.approximate,
    }


def _statistics(figures: Statistics) -> dict[str, float]:
    return {name: getattr(figures, name) for name in Statistics._fields}


def _flat_columns(result: Result) -> dict[str, Any]:
    columns = result.columns
    return {
        "y": ",".join(columns["y"] or ()) or None,
        "pred": ",".join(columns["pred"]),
    }


def jsonable(value: Any) -> Any:
    """Return the value with non-finite numbers as strings, and tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    return value
