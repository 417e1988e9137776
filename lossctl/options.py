"""How to read and reduce: the options that the command line and Python share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from lossctl.errors import UsageError
from lossctl.sources.columns import listed
from lossctl.sources.csv_file import Dialect, check_delimiter
from lossctl.task import NO_WEIGHTS


class Options(NamedTuple):
    """How to read and reduce; the names are those of the command line's options."""

    y: str | None = None
    pred: str | None = None
    weight: str | None = None
    by: Sequence[str] = ()
    batch_size: int | None = None
    outputs: Literal["mean", "sum"] = "mean"
    missing: Literal["error", "skip"] = "error"
    positive: str | None = None
    class_weight: Mapping[str, float] = NO_WEIGHTS
    ignore: str | None = None
    normalize: bool = False
    delimiter: str | None = None
    header: bool = True
    input_format: Literal["csv", "tsv"] | None = None
    threads: int | None = None
    top: int = 5
    ci: float | None = None
    ci_method: Literal["t", "bootstrap"] = "t"
    cluster: str | None = None
    floor: bool = False
    value_only: bool = False
    keep: Sequence[str] = ()
    block_size: int | None = None
    truth: Any = None
    key: Sequence[str] = ()
    by_position: bool = False
    inner: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(dict.fromkeys(name for part in self.key for name in listed(part)))

    @property
    def dialect(self) -> Dialect:
        """How CSV is to be read."""
        delimiter = None if self.delimiter is None else check_delimiter(self.delimiter)
        if self.input_format == "tsv" and delimiter is None:
            delimiter = "\t"
        dialect = Dialect(delimiter, self.header, by_suffix=self.input_format is None)
        return dialect if self.block_size is None else dialect._replace(block_size=self.block_size)


def make_options(by: str | Sequence[str] | None = None, **options: Any) -> Options:
    """Return the options, with a usage error for one that does not exist."""
    unknown = [name for name in options if name not in Options._fields]
    if unknown:
        raise UsageError(f"there is no option '{unknown[0]}'")
    # A label, a position or a single column to keep may be given as what it is in Python.
    for name in ("positive", "ignore", "y", "pred", "weight", "cluster"):
        if options.get(name) is not None:
            options[name] = str(options[name])
    for name in ("keep", "key"):
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    weights = options.get("class_weight") or {}
    if not isinstance(weights, Mapping):
        raise UsageError(f"class_weight maps labels to weights, got {weights!r}")
    options["class_weight"] = {str(label): _weight(weight) for label, weight in weights.items()}
    groups: Iterable[Any] = (by,) if isinstance(by, str) or not isinstance(by, Iterable) else by
    chosen = Options(by=tuple(str(name) for name in groups if name is not None), **options)
    for name, low in (("batch_size", 1), ("threads", 1), ("block_size", 1), ("top", 0)):
        value = getattr(chosen, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= low):
            raise UsageError(f"{name} must be a whole number of at least {low}, got {value!r}")
    for name, choices in (
        ("outputs", ("mean", "sum")),
        ("missing", ("error", "skip")),
        ("input_format", ("csv", "tsv", None)),
        ("ci_method", ("t", "bootstrap")),
    ):
        if getattr(chosen, name) not in choices:
            known = ", ".join(choice for choice in choices if choice)
            raise UsageError(f"{name} must be one of {known}, got '{getattr(chosen, name)}'")
    if chosen.ci is not None:
        check_level(chosen.ci)
    if chosen.ci is None and (chosen.cluster is not None or chosen.ci_method != "t"):
        given = "cluster" if chosen.cluster is not None else "ci_method"
        raise UsageError(f"{given} needs ci, the level of the intervals in percent")
    return chosen


def check_level(level: float) -> None:
    """Refuse a level of intervals that is none."""
    if not 0.0 < level < 100.0:
        raise UsageError(f"ci is a level in percent, between 0 and 100, got {level!r}")


def check_truth(options: Options) -> None:
    """Refuse a truth of which nothing says how its rows are matched, or two things do."""
    if options.truth is None:
        if options.by_position:
            raise UsageError("--by-position matches the rows of two files: name one by --truth")
        return
    if options.keys and options.by_position:
        raise UsageError("--key and --by-position exclude one another")
    if not options.keys and not options.by_position:
        raise UsageError("say how the rows of --truth are matched: by --key COL or --by-position")


def _weight(weight: Any) -> float:
    """Return the weight of a class, or raise UsageError."""
    try:
        value = float(weight)
    except (TypeError, ValueError):
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise UsageError(f"a class weight must be 0 or more and finite, got {weight!r}")
    return value
