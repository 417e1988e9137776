"""What a check in a config may say: every key with its type, its domain and its meaning, as data.

Validation, its messages and the documentation are made from this table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lossctl.errors import UsageError
from lossctl.losses.domain import Choice, Interval
from lossctl.margins import RULE, margin_of
from lossctl.sources.csv_file import check_delimiter


class Kind(NamedTuple):
    """A type: how a message names it, and what reads a TOML value; None is a wrong one."""

    says: str
    read: Callable[[Any], Any]


class Key(NamedTuple):
    """A key: its type, where its value may lie if not everywhere, and what it means."""

    name: str
    kind: Kind
    help: str
    domain: Interval | Choice | None = None

    @property
    def says(self) -> str:
        """What its value must be, as it stands after *must be*."""
        if isinstance(self.domain, Choice):
            return " or ".join(f'"{word}"' for word in self.domain.words)
        return self.kind.says if self.domain is None else f"a number in {self.domain}"

    def read(self, value: Any) -> Any:
        """Return what a TOML value means; None where it means nothing."""
        found = self.kind.read(value)
        return None if self.domain is not None and found not in self.domain else found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> tuple[str, ...] | None:
    items = value if isinstance(value, list) else [value]
    return tuple(items) if all(isinstance(item, str) and item for item in items) else None


def _column(value: Any) -> str | None:
    return str(value) if _count(value) else _text(value)


def _label(value: Any) -> str | None:
    return str(value) if isinstance(value, str) or _number(value) is not None else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 1 << 31 else None


def _weights(value: Any) -> dict[str, float] | None:
    if not isinstance(value, Mapping):
        return None
    weights = {label: _number(weight) for label, weight in value.items()}
    known = {label: w for label, w in weights.items() if w is not None and w >= 0.0}
    return known if len(known) == len(weights) else None


def _delimiter(value: Any) -> str | None:
    try:
        return value if isinstance(value, str) and check_delimiter(value) else None
    except UsageError:
        return None


TEXT = Kind("a text", _text)
TEXTS = Kind("a text or a list of texts", _texts)
COLUMN = Kind("a column: a name, a position, a list 'a,b' or a pattern", _column)
LABEL = Kind("a label: a text or a number", _label)
FLAG = Kind("true or false", _flag)
NUMBER = Kind("a finite number", _number)
COUNT = Kind("a whole number of at least 0", _count)
MARGIN = Kind(RULE, margin_of)
WEIGHTS = Kind("a table of labels and their weights of at least 0", _weights)
DELIMITER = Kind("one ASCII character or 'tab'", _delimiter)

LEVEL = Interval(0.0, 0.5, "neither")  # at one half and above, any value would both pass and fail

KEYS = {
    key.name: key
    for key in (
        Key("name", TEXT, "What the check is called; else it is named after loss and gate."),
        Key("data", TEXTS, "The files with the predictions; several are one data set."),
        Key("truth", TEXTS, "The files with the truth, where data has only predictions."),
        Key("key", TEXTS, "The columns by which rows of several files belong together."),
        Key("by_position", FLAG, "Rows of several files belong together by their order."),
        Key("loss", TEXT, 'One loss with its parameters, as in "huber:delta=2".'),
        Key("y", COLUMN, "The truth."),
        Key("pred", COLUMN, "The prediction."),
        Key("weight", COLUMN, "A weight."),
        Key("max", NUMBER, "The value must not be above it."),
        Key("min", NUMBER, "The value must not be below it."),
        Key("baseline", TEXTS, "Other predictions, or a report (.json of 'lossctl eval --json')."),
        Key("baseline_pred", COLUMN, "The prediction in the baseline; without one, in data."),
        Key("no_worse_than", MARGIN, "How much worse than the baseline the value may be."),
        Key("better_by", MARGIN, "How much better than the baseline the value must be."),
        Key("alpha", NUMBER, "The error rate of the test behind a margin (0.05).", LEVEL),
        Key("by", TEXTS, "Columns: every group must pass."),
        Key("cluster", COLUMN, "Rows with one label in it are not independent of each other."),
        Key(
            "missing",
            TEXT,
            "What a missing or infinite cell does: stop, or leave its row out.",
            Choice(("error", "skip")),
        ),
        Key("positive", LABEL, "The label that counts as 1."),
        Key("ignore", LABEL, "Rows of this label are left out."),
        Key("class_weight", WEIGHTS, "Multiplies a row's weight by that of its class."),
        Key("normalize", FLAG, "Rescale class probabilities to sum 1."),
        Key(
            "outputs", TEXT, "How a row's k outputs make one loss (mean).", Choice(("mean", "sum"))
        ),
        Key("delimiter", DELIMITER, "The delimiter; else by suffix and header."),
        Key("header", FLAG, "Whether the first line names the columns (true)."),
        Key("input_format", TEXT, "Whatever the name says.", Choice(("csv", "tsv"))),
        Key("allow", TEXTS, "Guards to switch off, by their names."),
        Key("top", COUNT, "How many of the worst rows a failed check shows (5)."),
    )
}
GATES = ("max", "min", "no_worse_than", "better_by")
MARGINS = ("no_worse_than", "better_by")


def shown(value: Any) -> str:
    """Return what a TOML value is, for a message: short, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 40 else f"{value[:39]}…", ensure_ascii=False)
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number too large"
    return str(value)


def reference() -> str:
    """Return the keys as a Markdown table."""
    rows = [f"| `{key.name}` | {_cell(key.says)} | {_cell(key.help)} |" for key in KEYS.values()]
    return "\n".join(["| key | value | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
