"""The floor of a loss: what the best constant prediction reaches, and the skill above it.

What the constant rests on is looked at in the pass that scores the rows: see ``tally``. Losses
that rest on the same of the same rows share it: equal keys are equal parts. Where rows are few
enough to be kept, or labels few, the value is the kernel's own at the constant.

Source of the best constants: for means Banerjee et al., "Clustering with Bregman divergences"
(2005); for quantiles Koenker and Bassett (1978); for labels, the least of a convex function of one
share or of k shares.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl.batch import Batch
from lossctl.exact import ONE, ExactSum, product_total, ratio, root_ratio
from lossctl.exact import total as sum_of
from lossctl.losses.bound import reduce_outputs
from lossctl.losses.rows import row_sum
from lossctl.quantiles import rank_of
from lossctl.report import Floor
from lossctl.scoring import Scores, Touched
from lossctl.state import sums_of
from lossctl.tally import Bins, Generated, Kept, Moments, Range, columns_of
from lossctl.values import Sums, value_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.registry import Constant, ConstantKind
    from lossctl.task import Task

    Floats = NDArray[np.float64]

Part = Moments | Range | Kept
SLICE = 1 << 16  # numbers that the kernel takes at a time
HUGE, TINY = 1.7976931348623157e308, 5e-324


class ConstantOf(NamedTuple):
    """The probe of what the best constant of a task rests on; ``at`` says which task."""

    at: int
    task: Task
    constant: Constant

    @property
    def key(self) -> Hashable:
        """What the part depends on: probes of one key find one part."""
        task, kind = self.task, self.constant.kind
        loss, columns, rules = task.bound.loss, task.columns, task.rules
        family: tuple[Hashable, ...] = (kind,)
        if kind in ("mean", "normal"):
            family = ("squares",)
        elif kind in ("likelihood", "label", "definition"):
            family = ("sums",)
        elif kind == "deviance":
            family = (kind, task.bound.spec)
        coded = task.labelled or task.form in ("classes", "distribution")
        return (
            "constant",
            family,
            columns.y,
            columns.weight,
            (columns.pred, columns.classes) if coded else None,
            task.binary,
            rules.positive,
            rules.ignore,
            tuple(sorted(rules.class_weight.items())),
            loss.drop and task.bound.params[loss.drop],
        )

    def look(self, scores: Sequence[Scores]) -> Part:
        """Return the part of a slice of rows."""
        found, kind = scores[self.at], self.constant.kind
        y, w = found.y, found.weight
        assert y is not None
        if kind == "middle":
            return Range.of(y.astype(np.float64, copy=False), w)
        if y.dtype.kind == "i":
            return Moments.of_labels(y.astype(np.intp), found.pred.shape[-1], w)
        if kind == "direction":
            y = _directions(y.astype(np.float64))
        columns = columns_of(y)
        if kind == "log_mean":
            columns = tuple(np.log1p(column) for column in columns)
        if kind == "deviance":
            generator = _generator(self.task, self.constant)
            digester = partial(Generated.of, generator=generator)
            return Kept.of(columns, w, digester)
        if kind in ("quantiles", "relative_quantiles"):
            relative = kind == "relative_quantiles"
            return Kept.of(columns, w, _relative_bins if relative else Bins.of)
        squares = kind in ("mean", "log_mean", "normal")
        return Moments.of(columns, w, squares=squares)


def probe_of(task: Task, at: int) -> ConstantOf | None:
    """Return what to look at for the floor of the task at a place; None where it has none."""
    constant = task.bound.loss.constant_of(len(task.columns.pred))
    if constant is None or task.whole:
        return None
    if constant.kind == "deviance" and _generator(task, constant) is None:
        return None
    return ConstantOf(at, task, constant)


def floor_of(task: Task, part: Part) -> Floor | None:
    """Return the floor of a task from the part of its probe.

    None where the loss has no best constant in closed form, or there is none for these rows: they
    have no weight, or the constant lies outside the domain of predictions.
    """
    probe = probe_of(task, 0)
    if probe is None or _empty(part):
        return None
    constant = probe.constant
    found = _FOUND[constant.kind](task, constant, part)
    if found is None or math.isnan(found.value):
        return None
    domains = task.bound.domains(len(task.columns.pred))
    flat = [found.constant] if isinstance(found.constant, float) else found.constant
    if any(x not in domain for x, domain in zip(flat, domains, strict=False)):
        return None
    return Floor(found.constant, _what(task, constant), found.value, found.approximate)


def skill(task: Task, value: float, floor: Floor | None) -> float | None:
    """Return the share of the way from the floor to a perfect value: 1 − L/L₀ where that is 0.

    It is 1 for a perfect model, 0 for the best constant, below 0 for a worse one. A perfect value
    is 0, but 1 for perplexity and for what compares with a constant already, whose skill is the
    value itself. None where a perfect value is not known or the floor leaves nothing to gain.
    """
    loss = task.bound.loss
    if floor is None or floor.value is None or not loss.zero_at_truth or loss.signed:
        return None
    perfect = 1.0 if loss.higher_is_better or loss.aggregate == "exp" else 0.0
    room = floor.value - perfect
    if not room or not math.isfinite(room) or math.isnan(value):
        return None
    return (floor.value - value) / room


class _Found(NamedTuple):
    constant: float | tuple[float, ...]
    value: float
    approximate: bool = False


def _empty(part: Part) -> bool:
    if isinstance(part, Moments):
        return not part.weight.units or part.weight.special is not None
    return part.low > part.high if isinstance(part, Range) else not part.count


NOUNS = ("geometric mean", "mean", "median", "quantile", "base rate", "class freq", "majority")


def _what(task: Task, constant: Constant) -> str:
    """Return what the constant is, in words."""
    text = constant.what
    if task.columns.weight is not None or task.rules.class_weight:
        noun = next((noun for noun in NOUNS if noun in text), None)
        text = text if noun is None else text.replace(noun, f"weighted {noun}", 1)
    several = task.form == "elementwise" and len(task.columns.pred) > 1
    return text.replace("of y", "of each y") if several else text


def _constants(values: Sequence[float]) -> float | tuple[float, ...]:
    """Return one number, or several; no −0."""
    found = tuple(float(x) + 0.0 for x in values)
    return found[0] if len(found) == 1 else found


def _value(task: Task, means: Sequence[Fraction | float]) -> float:
    """Return L of the mean losses of the outputs."""
    beyond = [x for x in means if isinstance(x, float) and not math.isfinite(x)]
    if beyond:
        return value_of(task, Sums(ExactSum(1), sum_of(np.array(beyond))))
    total = sum((Fraction(mean) for mean in means), Fraction())
    if task.form == "elementwise" and not task.rules.outputs_sum:
        total /= len(means)
    return value_of(task, Sums(ExactSum(total.denominator), ExactSum(total.numerator)))


def _mean(task: Task, _: Constant, part: Moments) -> _Found:
    """Squares of y, or of smoothed labels: t(1 − ε) + ε/k has the spread of y times (1 − ε)²."""
    smoothing = Fraction(task.bound.params.get("label_smoothing", 0.0))
    k = len(part.first) if task.form == "classes" else 2
    means = [part.mean(j) * (1 - smoothing) + smoothing / k for j in range(len(part.first))]
    spreads = [part.variance(j) * (1 - smoothing) ** 2 for j in range(len(part.first))]
    return _Found(_constants([_float(mean) for mean in means]), _value(task, spreads))


def _log_mean(task: Task, _: Constant, part: Moments) -> _Found:
    columns = range(len(part.first))
    values = [math.expm1(_float(part.mean(j))) for j in columns]
    return _Found(_constants(values), _value(task, [part.variance(j) for j in columns]))


def _definition(task: Task, _: Constant, part: Moments) -> _Found:
    del task
    return _Found(_float(part.mean(0)), 0.0)


def _likelihood(task: Task, constant: Constant, part: Moments) -> _Found:
    """Return ℓ(ȳ, c): the mean loss of a constant, where the loss is affine in y."""
    y = np.array([_float(part.mean(j)) for j in range(len(part.first))])
    with np.errstate(divide="ignore"):
        c = y if constant.of is None else constant.of(y)
    losses = task.bound.loss.kernel(y, c, **task.bound.params)[0]
    return _Found(_constants(c.tolist()), _value(task, losses.tolist()))


def _normal(task: Task, _: Constant, part: Moments) -> _Found | None:
    del task
    spread = _float(part.variance(0))
    if not spread:
        return None
    return _Found((_float(part.mean(0)), spread), 0.5 * math.log(spread) + 0.5)


def _middle(task: Task, _: Constant, part: Range) -> _Found:
    del task
    low, high = Fraction(part.low), Fraction(part.high)
    return _Found(_float((low + high) / 2), _float((high - low) / 2))


def _direction(task: Task, _: Constant, part: Moments) -> _Found | None:
    """Return 1 − ‖ū‖ for the mean ū of unit vectors, the cosine to its own direction."""
    del task
    means = [part.mean(j) for j in range(len(part.first))]
    square = sum((mean**2 for mean in means), Fraction())
    if not square:
        return None
    length = root_ratio(square.numerator, square.denominator)
    value = max(0.0, _float(1 - square) / (1.0 + length))
    return _Found(_constants([_float(mean) for mean in means]), value)


def _directions(y: Floats) -> Floats:
    """Return the rows of y at length 1."""
    sizes = np.abs(y).max(axis=1, keepdims=True)
    y = np.ldexp(y, -np.frexp(sizes)[1])
    unit: Floats = y / np.sqrt(row_sum(y * y))[:, np.newaxis]
    return unit


def _label(task: Task, constant: Constant, part: Moments) -> _Found:
    """Return the best of the candidates, tried on a row of each label, for every output."""
    assert constant.of is not None
    params = dict(task.bound.params)
    smoothing = Fraction(params.get("label_smoothing", 0.0))
    params["label_smoothing"] = 0.0
    constants, losses = [], []
    for j in range(len(part.first)):
        yes = part.mean(j) * (1 - smoothing) + smoothing / 2
        no = 1 - yes
        tried = constant.of(params, _share(yes), _share(no))
        labels = np.tile([1.0, 0.0], len(tried))
        costs = task.bound.loss.kernel(labels, np.repeat(tried, 2), **params)[0].tolist()
        means = [_expected(yes, costs[i], no, costs[i + 1]) for i in range(0, len(costs), 2)]
        best = min(range(len(means)), key=means.__getitem__)
        constants.append(tried[best])
        losses.append(means[best])
    return _Found(_constants(constants), _value(task, losses))


def _expected(yes: Fraction, if_1: float, no: Fraction, if_0: float) -> Fraction | float:
    """Return the mean of two losses; a share of 0 counts nothing, whatever its loss."""
    if (yes and math.isinf(if_1)) or (no and math.isinf(if_0)):
        return math.inf
    return (yes * Fraction(if_1) if yes else Fraction()) + (no * Fraction(if_0) if no else 0)


def _classes(task: Task, constant: Constant, part: Moments) -> _Found:
    """Return the best of the candidates, tried on one row of the mean shares."""
    assert constant.of is not None
    params = dict(task.bound.params)
    smoothing = Fraction(params.get("label_smoothing", 0.0))
    if "label_smoothing" in params:
        params["label_smoothing"] = 0.0
    k = len(part.first)
    shares = np.array([_share(part.mean(j) * (1 - smoothing) + smoothing / k) for j in range(k)])
    with np.errstate(divide="ignore"):
        tried = constant.of(params, shares)
    labels = np.repeat(shares[np.newaxis], len(tried), axis=0)
    losses, slope = task.bound.loss.kernel(labels, tried, **params)
    losses, _ = reduce_outputs(task.form, losses, slope, outputs_sum=False)
    best = int(np.argmin(losses))
    return _Found(_constants(tried[best].tolist()), _value(task, [float(losses[best])]))


def _deviance(task: Task, constant: Constant, part: Kept) -> _Found | None:
    """Return the value at the mean; of rows too many to keep, from the mean of the generator."""
    if part.whole:
        y, w = part.all()
        weight = len(y[0]) * ONE if w is None else sum_of(w).units
        sums = (sum_of(x) if w is None else product_total(w, x) for x in y)
        return _at(task, part, [ratio(units.units, weight) for units in sums])
    generator = _generator(task, constant)
    means, losses = [], []
    for column in part.digested[1:]:
        assert isinstance(column, Generated)
        mean = ratio(column.first.units, column.weight.units)
        with np.errstate(all="ignore"):
            image = float(generator(np.array([mean]))[0])
        if column.generated.special is not None or not math.isfinite(image):
            return None
        spread = Fraction(column.generated.units, column.weight.units) - Fraction(image)
        means.append(mean)
        losses.append(max(spread, Fraction()))  # the rounding of φ(ȳ) may take it below
    return _Found(_constants(means), _value(task, losses))


def _generator(task: Task, constant: Constant) -> Any:
    """Return what the deviance holds in y alone; None where it has no best constant."""
    assert constant.of is not None
    return constant.of(task.bound.params)


def _quantiles(task: Task, constant: Constant, part: Kept) -> _Found | None:
    """Return the value at the quantiles; of rows too many to keep, at edges of bins near them."""
    assert constant.of is not None
    levels, factor = constant.of(task.bound.params, len(task.columns.pred))
    if part.whole:
        y, w = part.all()
        relative = constant.kind == "relative_quantiles"
        pairs = ((x, _relative(x, w) if relative else w) for x in y)
        return _at(task, part, [at for x, v in pairs for at in quantiles_of(x, v, levels)])
    weight, *digests = part.digested
    columns = [bins for bins in digests if isinstance(bins, Bins)]
    assert isinstance(weight, ExactSum)
    if any(bins.overflow for bins in columns):
        return None
    constants: list[float] = []
    losses = []
    divisor = Fraction(weight.units, ONE)
    if task.bound.loss.aggregate == "ratio":
        divisor = sum((bins.magnitude() for bins in columns), Fraction())
        if not divisor:
            return None
    for bins in columns:
        edges = bins.least(levels)
        constants += [edge for edge, _ in edges]
        losses.append(Fraction(factor) * sum(loss for _, loss in edges) / divisor)
    if task.bound.loss.aggregate == "ratio":
        return _Found(_constants(constants), _float(sum(losses, Fraction())), True)
    return _Found(_constants(constants), _value(task, losses), True)


def quantiles_of(y: Floats, w: Floats | None, levels: Sequence[float | Fraction]) -> list[float]:
    """Return the smallest y that at least a share of the weight does not exceed, for each level."""
    if w is None:
        y = np.sort(y)
        return [float(y[rank_of(level, len(y))]) for level in levels]
    order = np.argsort(y, kind="stable")
    y, weight = y[order], w[order]

    def below(count: int) -> Fraction:
        return Fraction(sum_of(weight[:count]).units)

    whole = below(len(y))
    places = [bisect_left(range(1, len(y)), Fraction(q) * whole, key=below) for q in levels]
    return [float(y[place]) for place in places]


def _relative(y: Floats, w: Floats | None) -> Floats:
    """Return w/|y|; what is beyond float64 is its largest number."""
    with np.errstate(all="ignore"):
        weight: Floats = np.minimum((1.0 if w is None else w) / np.abs(y), HUGE)
    return weight


def _relative_bins(y: Floats, w: Floats | None) -> Bins:
    """Return the bins of y with weights w/|y|; none where one of them is beyond float64."""
    weight = _relative(y, w)
    return Bins(overflow=True) if weight.max() == HUGE else Bins.of(y, weight)


def _at(task: Task, part: Kept, constants: Sequence[float]) -> _Found:
    """Return the value of constant predictions of the rows that were kept."""
    k = len(constants)
    step = max(1, SLICE // k)
    sums = Sums(ExactSum(), ExactSum())
    for columns, weight in part.rows:
        for start in range(0, len(columns[0]), step):
            rows = slice(start, start + step)
            y = columns[0][rows] if len(columns) == 1 else np.column_stack(columns)[rows]
            n = len(y)
            pred = np.full(n, constants[0]) if k == 1 else np.tile(constants, (n, 1))
            if y.ndim > 1 and k == 1:
                pred = pred[:, np.newaxis]
            loss, slope = task.bound.loss.kernel(y, pred, **task.bound.params)
            loss, slope = reduce_outputs(task.form, loss, slope, outputs_sum=task.rules.outputs_sum)
            w = None if weight is None else weight[rows]
            scores = Scores(Batch(n, {}), loss, slope, w, Touched(), y, pred)
            sums = sums.join(sums_of(task, scores))
    return _Found(_constants(constants), value_of(task, sums))


def _float(x: Fraction) -> float:
    return ratio(x.numerator, x.denominator)


def _share(x: Fraction) -> float:
    """Return a share, above 0 where it is: what happens must not be ruled out."""
    return max(_float(x), TINY) if x else 0.0


_FOUND: Mapping[ConstantKind, Callable[[Task, Constant, Any], _Found | None]] = {
    "mean": _mean,
    "log_mean": _log_mean,
    "likelihood": _likelihood,
    "deviance": _deviance,
    "quantiles": _quantiles,
    "relative_quantiles": _quantiles,
    "middle": _middle,
    "label": _label,
    "classes": _classes,
    "normal": _normal,
    "direction": _direction,
    "definition": _definition,
}
