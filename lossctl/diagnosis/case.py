"""A case: what the facts say the columns are, in the form in which the findings are looked for."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from lossctl.diagnosis.choice import selector_of
from lossctl.diagnosis.seen import Tally, class_codes
from lossctl.sources.numbers import TRUTHS
from lossctl.sources.streams import STDIN_NAME
from lossctl.task import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lossctl.diagnosis.gather import Facts
    from lossctl.diagnosis.head import Look
    from lossctl.diagnosis.seen import Reading
    from lossctl.options import Options
    from lossctl.task import Columns

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

Kind = Literal["regression", "binary", "classes", "label", "ensemble", "distribution", "empty"]
Scale = Literal["probability", "percent", "log", "logit"]
MANY, HEAD = 64, 4096  # distinct numbers that are no labels, among so many rows
_LOGARITHM = re.compile(r"(?:log|ln)(?:$|[_.0-9\s-])", re.IGNORECASE)
ROUNDED = 1e-3  # so far beyond [0, 1] is an overshoot of a probability, not another scale
OVERSHOT = 0.5  # … and so far beyond it may still be one


def distinct(x: Floats) -> Floats:
    """Return the distinct numbers of x, or more than ``MANY`` of them where there are as many."""
    x = x.ravel()
    first = np.unique(x[:HEAD])
    return first if len(first) > MANY else np.unique(x)


@dataclass(frozen=True)
class Case:
    """The facts, what was asked for, and what follows from both.

    ``identified``: whether some column other than truth, prediction and weight tells rows apart.
    ``auto_keys``: whether the key columns were found by their names. ``delimiter`` is that of the
    file, None where there is none.
    """

    facts: Facts
    reading: Reading
    looks: Mapping[str, Look]
    files: tuple[str, ...]
    options: Options
    identified: bool
    auto_keys: bool
    delimiter: str | None

    @property
    def columns(self) -> Columns:
        """The columns of truth, prediction and weight."""
        return self.reading.columns

    @property
    def k(self) -> int:
        """How many columns of predictions there are."""
        return len(self.columns.pred)

    @property
    def n(self) -> int:
        """How many rows were kept."""
        return len(self.facts.kept.pred)

    @cached_property
    def distinct(self) -> Floats:
        """The distinct numbers of the truth, among the rows that were kept; some where many."""
        return distinct(self.facts.kept.y)

    @cached_property
    def low(self) -> float:
        """The least prediction of all rows."""
        return min(one.low for one in self.facts.seen.pred)

    @cached_property
    def high(self) -> float:
        """The largest prediction of all rows."""
        return max(one.high for one in self.facts.seen.pred)

    @property
    def unit(self) -> bool:
        """Whether all predictions lie in [0, 1]."""
        return self.low >= 0.0 and self.high <= 1.0

    @cached_property
    def kind(self) -> Kind:
        """What truth and prediction are to each other."""
        seen = self.facts.seen
        if not seen.rows:
            return "empty"
        if self.reading.truth == "labels":
            if self.k > 1:
                return "classes"
            return "binary" if len(self.facts.kept.names) <= 2 else "label"
        if self.k > 1:
            if len(self.columns.y) == 1:
                return "ensemble"
            both = (*seen.y, *seen.pred)
            shares = all(one.low >= 0.0 and one.high <= 1.0 for one in both)
            return "distribution" if shares and not seen.off.rows else "regression"
        if self.unit and self._unit_truth and seen.rows > 1:
            sums = [float(one.sum) for one in (*seen.y, *seen.pred)]
            hard = set(self.distinct.tolist()) <= {0.0, 1.0}
            if all(abs(each - 1.0) <= 1e-2 for each in sums) and not hard:
                return "distribution"
        return "binary" if self._two_valued else "regression"

    @cached_property
    def decided(self) -> bool:
        """Whether the predictions are 0 and 1 and nothing between."""
        p = self.facts.kept.pred
        return self.unit and bool(((p == 0.0) | (p == 1.0)).all())

    @property
    def logarithms(self) -> bool:
        """Whether the names of the predictions say that they are logarithms, of rates or others."""
        real = self.kind == "regression"
        return real and all(_LOGARITHM.match(name) for name in self.columns.pred)

    @property
    def _unit_truth(self) -> bool:
        return all(one.low >= 0.0 and one.high <= 1.0 for one in self.facts.seen.y)

    @property
    def _two_valued(self) -> bool:
        """Whether the truth is 0 and 1, −1 and 1, 1 and 2, or two whole numbers beside shares."""
        if self.reading.truth == "binary":
            return True
        found, (y,) = self.distinct, self.facts.seen.y
        if len(found) > 2 or not (found == np.round(found)).all():
            return False
        if y.low < found[0] or y.high > found[-1]:
            return False  # a later row holds another number
        if len(found) == 1:
            return bool(found[0] in (0.0, 1.0)) and self.unit
        if tuple(found.tolist()) in ((0.0, 1.0), (-1.0, 1.0)):
            return True
        # Counts may be 1 and 2 as well, but their predictions are near them.
        from_one = tuple(found.tolist()) == (1.0, 2.0) and (self.low < 0.0 or self.high > 10.0)
        return self.n > 2 and (from_one or self.unit)

    @cached_property
    def happened(self) -> Floats:
        """Whether it happened, as 1 and 0, for binary labels: the higher of two, or that asked."""
        kept = self.facts.kept
        came: Floats = (kept.y[:, 0] == self._positive_code).astype(np.float64)
        return came

    @property
    def positive(self) -> str:
        """The label that counts as 1, as ``--positive`` takes it."""
        kept = self.facts.kept
        if kept.names:
            return kept.names[int(self._positive_code)]
        return f"{self._positive_code:g}"

    @cached_property
    def _positive_code(self) -> float:
        kept = self.facts.kept
        if self.options.positive is not None:
            wanted = self.options.positive
            if not kept.names:
                number = number_of(wanted)
                return float("nan") if number is None else number
            return float(kept.names.index(wanted)) if wanted in kept.names else -1.0
        if not kept.names:
            return float(self.distinct[-1]) if len(self.distinct) == 2 else 1.0
        if {name.strip().lower() for name in kept.names} <= set(TRUTHS):
            return float(len(kept.names) - 1)
        if len(kept.names) < 2:
            return 0.0
        # Text says nothing of which label is 1: that with the larger predictions is meant.
        x = kept.pred[:, 0]
        with np.errstate(all="ignore"):
            first, second = (float(np.mean(x[kept.y[:, 0] == code])) for code in (0, 1))
        return 0.0 if first > second else 1.0

    @cached_property
    def lost(self) -> Tally:
        """The rows in which the probability of what happened is 0."""
        kept, seen = self.facts.kept, self.facts.seen
        if self.kind == "classes" or not (kept.names or self.recoded):
            return seen.lost
        p = kept.pred[:, 0]
        rows = np.flatnonzero(p == 1.0 - self.happened)
        return Tally(len(rows), kept.mark(int(rows[0])) if len(rows) else None)

    @property
    def recoded(self) -> bool:
        """Whether the labels are numbers other than 0 and 1."""
        return not self.facts.kept.names and not set(self.distinct.tolist()) <= {0.0, 1.0}

    @cached_property
    def codes(self) -> Codes:
        """The class of every label, −1 where it is none."""
        kept = self.facts.kept
        table = class_codes(kept.names, self.columns)
        return table[kept.y[:, 0].astype(np.intp)] if len(table) else np.empty(0, dtype=np.intp)

    @cached_property
    def scale(self) -> Scale:
        """On which scale the predictions are probabilities: where they cost least as such."""
        low, high = self.low, self.high
        if low >= -ROUNDED and high <= 1.0 + ROUNDED:
            return "probability"
        if high <= 0.0 and self.surprise("log") <= self.surprise("logit") * (1.0 + 1e-6):
            return "log"  # the softmax of logarithms of probabilities is the same again
        fitting: list[Scale] = ["logit"]
        if low >= -OVERSHOT and high <= 1.0 + OVERSHOT:
            fitting.append("probability")
        if low >= 0.0 and high <= 100.0 * (1.0 + ROUNDED):
            fitting.append("percent")
        return min(fitting, key=self.surprise)

    def probabilities(self, scale: Scale) -> Floats:
        """Return the predictions as probabilities, n × k, were they of that scale."""
        x = self.facts.kept.pred
        with np.errstate(all="ignore"):
            if scale == "percent":
                return np.clip(x / 100.0, 0.0, 1.0)
            if scale == "log":
                return np.exp(np.minimum(x, 0.0))
            if scale == "probability":
                return np.clip(x, 0.0, 1.0)
            if self.k == 1:
                return 1.0 / (1.0 + np.exp(-x))
            e = np.exp(x - x.max(axis=1, keepdims=True))
            shares: Floats = np.nan_to_num(e / e.sum(axis=1, keepdims=True), nan=1.0 / self.k)
            return shares

    def surprise(self, scale: Scale) -> float:
        """Return the mean log loss of the predictions, were they of that scale."""
        p = self.probabilities(scale)
        if self.kind == "binary":
            came = np.where(self.happened == 1.0, p[:, 0], 1.0 - p[:, 0])
        else:
            known = self.codes >= 0
            came = p[known, self.codes[known]]
            sums = p[known].sum(axis=1)
            came = came / np.where(sums > 0.0, np.maximum(sums, 1.0), 1.0)
        return float(np.mean(-np.log(np.maximum(came, 1e-12)))) if len(came) else 0.0

    @property
    def extra(self) -> list[str]:
        """The options without which a loss would not run on all rows that hold values."""
        words = []
        if self.kind == "binary" and self.options.positive is not None:
            words += ["--positive", self.options.positive]
        elif self.kind == "binary" and (self.facts.kept.names or self.recoded):
            words += ["--positive", self.positive]
        if self.facts.counts.skipped:
            words += ["--missing", "skip"]
        if not self.options.header:
            words.append("--no-header")
        if self.options.delimiter is not None:
            words += ["-d", self.options.delimiter]
        if self.options.input_format is not None:
            words += ["--input-format", self.options.input_format]
        return words

    def with_pred(self, selector: str) -> Case:
        """Return the case with other prediction columns in its commands."""
        return replace(self, options=self.options._replace(pred=selector))

    def command(self, spec: str, *more: str, pipe: bool = False) -> str:
        """Return the command that takes losses of these columns; ``pipe``: of what is piped in."""
        files = [] if pipe or self.files == (STDIN_NAME,) else self.files
        named = [file if file != STDIN_NAME else "-" for file in files]
        columns = self.columns
        wanted = ["-y", self.options.y or selector_of(columns.y)] if columns.y else []
        wanted += ["-p", self.options.pred or selector_of(columns.pred)]
        if columns.weight is not None:
            wanted += ["-w", columns.weight]
        return shlex.join(["lossctl", spec, *named, *wanted, *self.extra, *more])
