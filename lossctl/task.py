"""A task: a loss, its parameters, its columns and the rules, all that decides a row's number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.errors import UsageError
from lossctl.losses.bound import BoundLoss
from lossctl.losses.registry import Form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """The columns that a loss reads; ``classes`` are the class names of k predictions."""

    y: tuple[str, ...]
    pred: tuple[str, ...]
    weight: str | None = None
    classes: tuple[str, ...] | None = None


NO_WEIGHTS: Mapping[str, float] = {}


class Rules(NamedTuple):
    """What the user asked of the rows: how outputs are reduced, labels read, weights made."""

    outputs_sum: bool = False
    positive: str | None = None
    ignore: str | None = None
    class_weight: Mapping[str, float] = NO_WEIGHTS
    normalize: bool = False


NO_RULES = Rules()


@dataclass(frozen=True)
class Task:
    """A loss, its parameters, its columns and the rules: all that decides a row's number."""

    bound: BoundLoss
    columns: Columns
    rules: Rules = NO_RULES

    @property
    def form(self) -> Form:
        """What the prediction columns are to the loss."""
        return self.bound.loss.form(len(self.columns.pred))

    @property
    def whole(self) -> bool:
        """Whether the column is one distribution, whose terms add up to the value."""
        return self.form == "distribution" and len(self.columns.pred) == 1

    @property
    def labelled(self) -> bool:
        """Whether y is one column of labels that name one of the k prediction columns."""
        many = len(self.columns.pred) > 1 and len(self.columns.y) == 1
        return many and self.form in ("elementwise", "classes")

    @property
    def binary(self) -> bool:
        """Whether y is one column that says whether it happened."""
        real = self.bound.loss.labels == "real"
        return self.form == "elementwise" and not real and not self.labelled

    @property
    def classifies(self) -> bool:
        """Whether y says which class a row belongs to."""
        return self.form == "classes" or self.bound.loss.labels != "real" or self.labelled

    @property
    def text_truth(self) -> bool:
        """Whether the labels are read as text."""
        ignore = self.rules.ignore
        spelled = self.rules.positive is not None or (
            ignore is not None and number_of(ignore) is None
        )
        return self.labelled or (self.binary and spelled)

    @property
    def plain_rules(self) -> dict[str, Any]:
        """The rules as JSON has them; how outputs are reduced is None where there is one a row."""
        rules = self.rules
        several = self.form == "elementwise" and len(self.columns.pred) > 1
        return {
            "outputs": ("sum" if rules.outputs_sum else "mean") if several else None,
            "positive": rules.positive,
            "ignore": rules.ignore,
            "class_weight": dict(sorted(rules.class_weight.items())) or None,
            "normalize": rules.normalize,
        }

    @property
    def rows_key(self) -> tuple[object, ...]:
        """What decides which rows count, and how much, and what their truth is to the loss."""
        loss, rules = self.bound.loss, self.rules
        drop = (loss.name, self.bound.params[loss.drop]) if loss.drop else None
        weights = tuple(sorted(rules.class_weight.items()))
        columns = (self.columns.y, self.columns.weight, self.columns.classes)
        return (columns, weights, rules.ignore, rules.positive, drop, loss.labels, self.form)

    @cached_property
    def class_weights(self) -> Floats | None:
        """The weight of each class in the order of the prediction columns; None without any."""
        weights = self.rules.class_weight
        if not weights:
            return None
        classes = self.columns.classes or ("0", "1")
        found = np.ones(len(classes))
        for label, weight in weights.items():
            minus = self.bound.loss.labels == "signed" and number_of(label) == -1.0
            position = class_position("0" if minus and self.binary else label, classes)
            if position is None and not (self.binary and self.rules.positive):
                known = ", ".join(classes[:10])
                raise UsageError(f"--class-weight: '{label}' is no class; the classes are {known}")
            if position is not None:
                found[position] = weight
        return found


def class_position(label: str, classes: tuple[str, ...]) -> int | None:
    """Return the class that a label names, None where it names none.

    A number names the class that is the same number, other text the class of that name, and where
    no class is a number, a whole number is a 0-based position.
    """
    if label in classes:
        return classes.index(label)
    number = number_of(label)
    if number is None:
        return None
    values = [number_of(name) for name in classes]
    if number in values:
        return values.index(number)
    positional = all(value is None for value in values)
    if positional and number.is_integer() and 0 <= number < len(classes):
        return int(number)
    return None


def same_label(a: str, b: str) -> bool:
    """Whether two labels are the same text or the same number."""
    return a == b or ((number := number_of(a)) is not None and number == number_of(b))


def number_of(text: str) -> float | None:
    """Return the finite number that a label spells; None where it is none."""
    try:
        plain = text.isascii() and text.isprintable() and "_" not in text
        value = float(text) if plain else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
