"""How a value and its gradient come from the sums: the mean, and values that are no mean.

A value is computed from exact sums and rounded once. What a kind of value needs beyond Σw and Σwℓ
is in ``extra_sums``, in units of 2⁻³²²² (whole for a product of three numbers):

- *ratio*: Σw·per(y), by which Σwℓ is divided;
- *r2* and *explained_variance*: Σwy, Σwy², Σwŷ, Σwŷ² and Σwyŷ, from which Σw(y − ȳ)², Σwe² and
  Σw(e − ē)² come without cancellation, and where a single e² is beyond float64.

The gradient is g = w·s·factor for sums of rows; for *explained_variance* s is taken from its own
mean, which takes a second pass; for the median and the largest error it rests on the rows that
have that error.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.errors import InputError
from lossctl.exact import (
    CUBIC_SHIFT,
    ONE,
    SCALE_BITS,
    ExactSum,
    cubic_units,
    pair_units,
    product_total,
    ratio,
    root_ratio,
    total,
)
from lossctl.losses.rows import row_mean, row_sum, times
from lossctl.order import Atom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from fractions import Fraction

    from numpy.typing import NDArray

    from lossctl.losses.registry import Aggregate
    from lossctl.scoring import Scores
    from lossctl.task import Task

    Floats = NDArray[np.float64]

CUBIC_ONE = 1 << SCALE_BITS + CUBIC_SHIFT
TINY, HUGE = 1e-290, 1e290  # a divisor between them loses nothing
LARGEST_EXPONENT = 10_000  # its power is beyond float64 by far; a larger one would take longer
ROOT_BITS = 400  # of the number under a root: 60 digits of the root
DIGITS = 60  # of exp(mean): its own rounding is far below that of the result
ORDERED: tuple[Aggregate, ...] = ("median", "max")  # values that are the error of some row
CENTRED: tuple[Aggregate, ...] = ("explained_variance",)  # gradients that need a mean first


class Sums(NamedTuple):
    """Σw, Σwℓ and what else the value takes, of some rows."""

    weight: ExactSum
    loss: ExactSum
    extra: tuple[int, ...] = ()

    def join(self, other: Sums) -> Sums:
        """Return the sums of both."""
        extra = tuple(a + b for a, b in zip_longest(self.extra, other.extra, fillvalue=0))
        return Sums(self.weight + other.weight, self.loss + other.loss, extra)


class Scale(NamedTuple):
    """The factor that makes g of w·s: numerator/denominator, or the root of it.

    ``divisor`` is 1/factor rounded once, what a single entry is divided by; 0 stands for a
    gradient that vanishes.
    """

    numerator: int
    denominator: int
    root: bool = False

    @property
    def divisor(self) -> float:
        """1/factor as one float64."""
        if not self.numerator or not self.denominator:
            return 0.0
        make = root_ratio if self.root else ratio
        return make(self.denominator, self.numerator)

    def entry(self, pull: float) -> float:
        """Return one entry of the gradient; 0 for −0, since which of them sorts first is chance."""
        return float(self.entries(np.array([pull]))[0])

    def entries(self, pull: Floats) -> Floats:
        """Return entries of the gradient, each rounded once; no −0."""
        if not self.numerator or not self.denominator:
            return np.zeros_like(pull)
        divisor = self.divisor
        with np.errstate(all="ignore"):
            if TINY < divisor < HUGE:
                return pull / divisor + 0.0
            # 1/factor is near the ends of float64 or beyond, g need not be
            mantissa, exponent = self._parts()
            return np.ldexp(pull / mantissa, -exponent) + 0.0

    def _parts(self) -> tuple[float, int]:
        """Return 1/factor as a number near 1 and a power of two."""
        exponent = self.denominator.bit_length() - self.numerator.bit_length()
        exponent -= exponent & 1 if self.root else 0
        up, down = max(exponent, 0), max(-exponent, 0)
        make = root_ratio if self.root else ratio
        mantissa = make(self.denominator << down, self.numerator << up)
        return mantissa, exponent // 2 if self.root else exponent

    def of_ratio(self, numerator: int, denominator: int) -> float:
        """Return the factor times an exact ratio, rounded once."""
        if not self.numerator or not self.denominator or not numerator:
            return 0.0
        if not self.root:
            return ratio(numerator * self.numerator, denominator * self.denominator)
        size = root_ratio(numerator**2 * self.numerator, denominator**2 * self.denominator)
        return size if numerator > 0 else -size

    def of_root(self, numerator: int, denominator: int) -> float:
        """Return the factor times the root of an exact ratio, rounded once."""
        if not self.numerator or not self.denominator or not numerator:
            return 0.0
        power = 1 if self.root else 2
        return root_ratio(numerator * self.numerator**power, denominator * self.denominator**power)


UNSCALED = Scale(1, 1)


class Outcome(NamedTuple):
    """What only the whole input decides of a loss: its value, and how gradients are scaled.

    ``centre`` is taken off every slope first; ``atoms`` are the rows on which an ordered value
    rests, None for values of sums.
    """

    value: float
    scale: Scale = UNSCALED
    centre: float = 0.0
    atoms: tuple[Atom, ...] | None = None


def extra_sums(task: Task, scores: Scores) -> tuple[int, ...]:
    """Return the sums that the value takes beyond Σw and Σwℓ."""
    loss, w = task.bound.loss, scores.weight
    if loss.aggregate not in ("ratio", "r2", "explained_variance"):
        return ()
    y = np.asarray(scores.y, dtype=np.float64)
    if loss.aggregate == "ratio":
        per = per_of(task, scores)
        found = total(per) if w is None else product_total(w, per)
        return (found.units << CUBIC_SHIFT,)
    yhat = scores.pred
    if w is None:
        return tuple(units << CUBIC_SHIFT for units in pair_units(y, yhat))
    ones = np.broadcast_to(1.0, len(scores.loss))
    return (
        cubic_units(w, ones, y),
        cubic_units(w, y, y),
        cubic_units(w, ones, yhat),
        cubic_units(w, yhat, yhat),
        cubic_units(w, y, yhat),
    )


def per_of(task: Task, scores: Scores) -> Floats:
    """Return what the rows of a ratio are divided by (n)."""
    assert task.bound.loss.per is not None
    per = task.bound.loss.per(np.asarray(scores.y, dtype=np.float64))
    if per.ndim > 1:
        per = row_sum(per) if task.rules.outputs_sum else row_mean(per)
    return per


def value_of(task: Task, sums: Sums) -> float:
    """Return L of sums, rounded once; NaN where there are none, as in a batch of weight 0."""
    if task.whole:
        return float(sums.loss)
    aggregate = task.bound.loss.aggregate
    weight, loss = sums.weight.units, sums.loss
    if aggregate in ("r2", "explained_variance"):
        return _explained(aggregate, sums)
    if aggregate == "ratio":
        per = sums.extra[0] if sums.extra else 0
        if loss.special is not None:
            return loss.special
        return ratio(loss.units << CUBIC_SHIFT, per) if per else math.nan
    if loss.special is not None:
        return loss.special
    if not weight:
        return math.nan
    if aggregate == "exp":
        return _number(_exp(loss.units, weight))
    make = root_ratio if aggregate == "root" else ratio
    return make(loss.units, weight)


def outcome_of(task: Task, sums: Sums, where: str = "") -> Outcome:
    """Return value and gradient factor of all rows, or raise InputError where there is none."""
    aggregate = task.bound.loss.aggregate
    if task.whole:
        return Outcome(value_of(task, sums))
    weight, loss = sums.weight.units, sums.loss.units
    finite = sums.loss.special is None
    if aggregate in ("ratio", "r2", "explained_variance"):
        _check_denominator(task, sums, where)
    value = value_of(task, sums)
    if aggregate == "root":
        return Outcome(value, Scale(ONE * ONE, 4 * loss * weight if finite else 0, root=True))
    if aggregate == "exp":
        if not finite:
            return Outcome(value, Scale(0, 1))
        numerator, denominator = _exp(loss, weight).as_integer_ratio()
        return Outcome(value, Scale(numerator * ONE, denominator * weight))
    if aggregate == "ratio":
        return Outcome(value, Scale(CUBIC_ONE, sums.extra[0]))
    if aggregate in ("r2", "explained_variance"):
        spread = _spread(weight << CUBIC_SHIFT, *sums.extra[:2])
        scale = Scale(CUBIC_ONE * (weight << CUBIC_SHIFT), spread)
        if aggregate == "r2":
            return Outcome(value, scale)
        return Outcome(value, scale, centre_of(sums))
    return Outcome(value, Scale(ONE, weight))


def centre_of(sums: Sums) -> float:
    """Return the mean of the slopes 2(ŷ − y) that *explained_variance* takes them from."""
    return ratio(2 * (sums.extra[2] - sums.extra[0]), sums.weight.units << CUBIC_SHIFT)


def _check_denominator(task: Task, sums: Sums, where: str) -> None:
    name = task.columns.y[0]
    if task.bound.loss.aggregate == "ratio":
        if not sums.extra[0]:
            raise InputError(
                f"{task.bound.loss.name} divides by Σw|y|, and that is 0{where}", column=name
            )
    elif not _spread(sums.weight.units << CUBIC_SHIFT, *sums.extra[:2]):
        raise InputError(
            f"{task.bound.loss.name} compares with the spread of y, and y is constant{where}",
            column=name,
        )


def _spread(weight: int, total: int, squares: int) -> int:
    """Return Σw · Σw(x − x̄)², from Σw, Σwx and Σwx²."""
    return weight * squares - total * total


def _explained(aggregate: Aggregate, sums: Sums) -> float:
    """Return 1 less the share of Σw(y − ȳ)² that the errors leave, or that their spread leaves."""
    if not sums.extra:
        return math.nan
    weight = sums.weight.units << CUBIC_SHIFT
    y, yy, yhat, yhat_yhat, y_yhat = sums.extra
    spread = _spread(weight, y, yy)
    bias = yhat - y if aggregate == "explained_variance" else 0
    left = _spread(weight, bias, yhat_yhat - 2 * y_yhat + yy)
    return ratio(spread - left, spread) if spread else math.nan


def _exp(numerator: int, denominator: int) -> Decimal:
    """Return exp(numerator/denominator) to ``DIGITS`` digits."""
    from decimal import Context, Decimal

    context = Context(prec=DIGITS, Emax=10**9, Emin=-(10**9))
    quotient = context.divide(Decimal(numerator), Decimal(denominator))
    if quotient > LARGEST_EXPONENT:
        quotient = Decimal(LARGEST_EXPONENT)
    return quotient.exp(context)


def curve_of(aggregate: Aggregate, mean: Fraction) -> tuple[Fraction, Fraction] | None:
    """Return φ(m) and φ'(m) to 60 digits; None where one of them is no finite number."""
    from fractions import Fraction

    if aggregate == "root":
        if mean <= 0:
            return None
        shift = max(0, ROOT_BITS - mean.numerator.bit_length() + mean.denominator.bit_length())
        half = (shift + 1) // 2
        root = math.isqrt((mean.numerator << 2 * half) // mean.denominator)
        value = Fraction(root, 1 << half)
        return value, 1 / (2 * value)
    if aggregate == "exp":
        value = Fraction(_exp(mean.numerator, mean.denominator))
        return None if math.isinf(ratio(value.numerator, value.denominator)) else (value, value)
    return mean, Fraction(1)


def _number(x: Decimal) -> float:
    return ratio(*x.as_integer_ratio())


def weighted_slope(scores: Scores, centre: float = 0.0) -> Floats:
    """Return w·(s − centre), the gradient of Σwℓ where the centre is 0."""
    slope, weight = scores.slope(), scores.weight
    with np.errstate(all="ignore"):
        if centre:
            slope = slope - centre
        if weight is None:
            return slope
        return times(weight if slope.ndim == 1 else weight[:, np.newaxis], slope)


def pull_of(task: Task, scores: Scores, centre: float) -> Floats:
    """Return the gradient but for the positive factor that all rows share."""
    pull = weighted_slope(scores, centre)
    return -pull if task.bound.loss.higher_is_better else pull


def gradient_of(task: Task, scores: Scores, outcome: Outcome) -> Floats:
    """Return g of some rows (n or n × k)."""
    if outcome.atoms is None:
        return outcome.scale.entries(pull_of(task, scores, outcome.centre))
    g = np.zeros(len(scores.loss))
    signs = scores.slope()
    for atom in outcome.atoms:
        g = np.where(scores.loss == atom.at, signs * atom.step, g)
    return g if scores.weight is None else np.where(scores.weight > 0.0, g, 0.0)


def atom_entry(loss: float, sign: float, atoms: Sequence[Atom]) -> float:
    """Return the gradient of one row of an ordered value."""
    return next((sign * atom.step for atom in atoms if loss == atom.at), 0.0)
