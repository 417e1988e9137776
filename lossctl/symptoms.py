"""Findings about a file of truth and predictions, each a pure function of what was counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from lossctl.diagnosis import Finding
from lossctl.exact import ONE
from lossctl.sources.numbers import BLANKS
from lossctl.task import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.diagnosis import Level
    from lossctl.vitals import Column, Moments, Pair, Tally, Votes

FACTORS = (Fraction(100), Fraction(1000), Fraction(1, 100), Fraction(1, 1000))
DROP = 100  # how many times smaller the squared error becomes where the scale was wrong
ENOUGH = 10  # rows without which nothing is said of how numbers are distributed
MANY = 30  # rows without which a mean of 0 and a deviation of 1 say nothing
YES = ("yes", "y", "true", "t", "positive", "pos")


def rows_of(count: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if count == 1 else f"{count} rows"


def _g(x: float) -> str:
    return f"{x:.6g}"


def missing(name: str, column: Column, *, skipped: bool) -> list[Finding]:
    """Cells that are missing, infinite or no numbers."""
    found = []
    level: Level = "note" if skipped else "warning"
    advice = "Left out and counted" if skipped else "Leave such rows out: --missing skip"
    for what, cells in (("missing", column.missing), ("infinite", column.infinite)):
        if cells.rows:
            text = f"{name}: {what} in {cells.rows} of {rows_of(column.rows)}"
            found.append(Finding("missing", level, text, advice).at(cells.first))
    return found


def not_numbers(name: str, cells: Tally, rows: int) -> Finding | None:
    """Cells in a column of numbers that are none."""
    if not cells.rows:
        return None
    text = f"{name}: {cells.rows} of {rows} cells are no numbers, the first is '{cells.cell}'"
    finding = Finding("not numbers", "warning", text, "Mend them, or empty them: --missing skip")
    return finding.at(cells.first)


def constant(name: str, what: str, column: Column) -> Finding | None:
    """The truth or the prediction never changes."""
    if column.rows < 2 or column.missing.rows == column.rows:
        return None
    one = column.labels is not None and len(column.labels) == 1
    if not one and not (column.numbers > 1 and column.low == column.high):
        return None
    cell = next(iter(column.labels)) if column.labels else _g(column.low)
    text = f"{name}: {what} is {cell} in all of {rows_of(column.rows)}"
    advice = (
        "Is it the right column? A model that has collapsed looks so too"
        if what == "the prediction"
        else "Is it the right column? A loss over one truth says little"
    )
    return Finding("constant", "warning", text, advice)


def percent(name: str, p: Column, pair: Pair) -> Finding | None:
    """Predictions of a binary label that lie beyond [0, 1]."""
    if not p.numbers or (p.low >= 0.0 and p.high <= 1.0):
        return None
    span = f"{name}: from {_g(p.low)} to {_g(p.high)}, {rows_of(pair.outside.rows)} outside [0, 1]"
    if p.low >= 0.0 and 2.0 < p.high <= 100.0:
        return Finding("percent", "warning", span, "Percent? Divide by 100").at(pair.outside.first)
    if (p.low < -0.5 and p.high > 0.0) or p.high <= 0.0:
        text = "Logits? Score them with bce_with_logits; they are no probabilities"
        return Finding("logits", "note", span, text)
    advice = "No probabilities: clip them to [0, 1], or score them with mse"
    return Finding("outside", "warning", span, advice).at(pair.outside.first)


def labels(name: str, y: Column) -> Finding | None:
    """A truth of two values that are not 0 and 1, beside probabilities."""
    if y.labels is None or len(y.labels) != 2 or y.binary:
        return None
    values = y.values
    one, other = sorted(y.labels, key=lambda label: (_value(label), label))
    chosen = next((label for label in (one, other) if label.lower() in YES), other)
    if values == {-1.0, 1.0}:
        text = f"{name}: the labels are -1 and 1"
        advice = f"Good for hinge and logistic; for bce use --positive {chosen}"
        return Finding("labels", "note", text, advice)
    text = f"{name}: the labels are {one} and {other}, not 0 and 1"
    advice = f"Say which one counts as 1: --positive {_quoted(chosen)}"
    return Finding("labels", "warning", text, advice)


def _value(label: str) -> float:
    return number_of(label) or 0.0


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text.strip(BLANKS))


def swapped(y_name: str, p_name: str, y: Column, p: Column) -> Finding | None:
    """The truth looks like a prediction, and the prediction like a truth."""
    advice = f"Swapped? Use -y {_quoted(p_name)} -p {_quoted(y_name)}"
    many = y.labels is None or len(y.labels) > ENOUGH
    fractions = y.numbers - y.whole
    if y.numbers < ENOUGH or not many or fractions < 0.5 * y.numbers:
        return None
    if y.within and p.binary and p.numbers and p.low < p.high:
        text = f"{y_name} is any number in [0, 1] while {p_name} is only 0 or 1"
        return Finding("swapped", "warning", text, advice)
    few = p.labels is not None and len(p.labels) <= ENOUGH
    if few and p.numbers and p.whole == p.numbers and p.low < p.high and y.labels is None:
        text = f"{y_name} is any number while {p_name} has only {len(p.labels or ())} whole values"
        return Finding("swapped", "note", text, advice)
    return None


def shifted(y_name: str, p_name: str, pair: Pair) -> Finding | None:
    """Each prediction belongs to the row before or after its own.

    A forecast of a smooth series is like the truth of the row before, but then it is like its own
    too; one of a series that is hardly smooth varies far less than the truth does. Neither is
    shifted.
    """
    here = pair.lags[1]
    mistake = here.error()
    for lag, moments in ((-1, pair.lags[0]), (1, pair.lags[2])):
        if moments.n < ENOUGH or 2 * moments.error() * here.n >= mistake * moments.n:
            continue
        near, own = moments.correlation, here.correlation
        if _only_there(near, own, moments.n) and not _timid(moments, near):
            return _shift(y_name, p_name, lag, near, own, "correlation")
    return None


def _timid(moments: Moments, correlation: float) -> bool:
    """Whether ŷ varies clearly less than r times as much as y, as a calibrated prediction does."""
    return float(moments.spread_p) < (0.75 * correlation) ** 2 * float(moments.spread_y)


def shifted_votes(y_name: str, p_name: str, votes: Votes) -> Finding | None:
    """The same for classes: by Cohen's kappa of labels and the most probable classes."""
    back, here, ahead = votes.lags
    own = _kappa(here)
    for lag, counts in ((-1, back), (1, ahead)):
        n, agree = int(counts.sum()), int(counts.trace())
        if n < ENOUGH or 2 * (n - agree) >= int(here.sum()) - int(here.trace()):
            continue
        if _only_there(_kappa(counts), own, n):
            return _shift(y_name, p_name, lag, _kappa(counts), own, "agreement (kappa)")
    return None


def _only_there(near: float, own: float, n: int) -> bool:
    """Whether a shifted association is strong and sure, and hardly any is left in place."""
    return near >= 0.5 and near * math.sqrt(n) >= 5.0 and own < 0.3 * near


def _shift(y: str, p: str, lag: int, near: float, own: float, what: str) -> Finding:
    # y of a row goes with ŷ of the next (lag 1): the predictions come a row late.
    late = "late" if lag == 1 else "early"
    text = (
        f"{p} comes one row {late}: its {what} with {y} is {near:.2f} there"
        f" and {own:.2f} on its own row"
    )
    advice = "Join truth and predictions by a key; a header or a first row was lost on one side"
    return Finding("shifted", "warning", text, advice)


def _kappa(counts: NDArray[np.int64]) -> float:
    n = int(counts.sum())
    if not n:
        return 0.0
    rows, columns = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    chance = Fraction(sum(a * b for a, b in zip(rows, columns, strict=True)), n * n)
    return float((Fraction(int(counts.trace()), n) - chance) / (1 - chance)) if chance < 1 else 0.0


def saturated(name: str, p: Column, pair: Pair) -> Finding | None:
    """Probabilities that are exactly 0 or 1."""
    if not pair.certain or not p.within:
        return None
    share = f"{name}: {pair.certain} of {rows_of(p.numbers)} are exactly 0 or 1"
    hard = pair.certain == p.numbers
    if not pair.wrong.rows:
        return Finding(
            "saturated", "note", f"{share}, none of them wrong", "One slip costs ∞ in bce"
        )
    text = f"{share}, {pair.wrong.rows} of them wrong: bce is infinite"
    advice = (
        "These are labels: score probabilities, or use brier or zero_one"
        if hard
        else "Write more digits, or move them off 0 and 1: bce:eps=1e-7"
    )
    return Finding("saturated", "warning", text, advice).at(pair.wrong.first)


def scaled(y_name: str, p_name: str, pair: Pair) -> Finding | None:
    """The prediction is the truth in another unit, its logarithm or power, or standardised."""
    m = pair.lags[1]
    if m.n < ENOUGH or not m.spread_y or not m.spread_p:
        return None
    error = m.error()
    if 2 * error < m.spread_y:  # better than half of what the mean of y does: no wrong scale
        return None
    for factor in FACTORS:
        after = m.error(factor)
        if DROP * after <= error and 10 * after <= 9 * m.spread_y and m.correlation > 0.3:
            what = f"{_g(float(factor))} times {p_name}"
            times = f"Multiply {p_name} by {factor}"
            by = times if factor > 1 else f"Divide {p_name} by {1 / factor}"
            return _other_scale(y_name, p_name, what, error, after, by)
    for what, found, plain, advice in (
        ("log", pair.logs, pair.plain.error(), f"Take exp of {p_name}"),
        ("exp", pair.powers, error, f"Take the log of {p_name}"),
    ):
        if found.n == m.n and DROP * found.error() <= plain and 2 * found.error() <= found.spread_y:
            text = f"{p_name} is close to {what} {y_name}"
            return Finding("scale", "warning", text + _drop(plain, found.error()), advice)
    return _on_a_line(y_name, p_name, m, error)


def _on_a_line(y_name: str, p_name: str, m: Moments, error: Fraction) -> Finding | None:
    """A prediction that is standardised, or off by a straight line."""
    if m.correlation < 0.5:
        return None
    (offset, slope), after = m.line, m.line_error
    line = f"{_g(float(offset))} + {_g(float(slope))} × {p_name}"
    centre, spread = float(_mean(m)), math.sqrt(m.spread_p / m.n)
    standard = abs(centre) <= 0.25 and 0.3 <= spread <= 1.2
    if standard and m.n >= MANY and error > 4 * m.spread_y:
        text = f"{p_name} looks standardised: mean {_g(centre)}, deviation {_g(spread)}"
        advice = f"Undo the scaling of {y_name}, about {line}"
        return Finding("scale", "warning", text + _drop(error, after), advice)
    if DROP * after <= error and error >= m.spread_y:
        return _other_scale(y_name, p_name, line, error, after, f"Use {line}")
    return None


def _mean(m: Moments) -> Fraction:
    return Fraction(m.p.units, ONE * m.n)


def _other_scale(
    y: str, p: str, what: str, before: Fraction, after: Fraction, advice: str
) -> Finding:
    text = f"{p} is on another scale: {y} is about {what}"
    return Finding("scale", "warning", text + _drop(before, after), advice)


def _drop(before: Fraction, after: Fraction) -> str:
    if not after:
        return ", which leaves no squared error"
    try:
        return f", {float(before / after):.3g} times less squared error"
    except OverflowError:
        return ", which leaves hardly any squared error"


def class_order(
    y_name: str, names: Sequence[str], classes: Sequence[str], votes: Votes
) -> Finding | None:
    """The columns of classes go with the labels in another order than the one they stand in."""
    counts = votes.lags[1]
    n, named = int(counts.sum()), int(counts.trace())
    order = _order(counts)
    if order is None or n < ENOUGH:
        return None
    agree = sum(int(counts[label, place]) for place, label in enumerate(order))
    sure = agree - named >= 5.0 * math.sqrt(n) or agree - named >= 0.8 * n
    if not sure or 2 * (n - agree) > n - named or 2 * agree < n:
        return None
    moved = [place for place, label in enumerate(order) if place != label]
    what = ", ".join(f"{names[place]} is of {classes[order[place]]}" for place in moved[:10])
    text = (
        f"{y_name} is the most probable class in {named} of {rows_of(n)}, and in {agree} if {what}"
    )
    advice = "The columns are in another order than the classes: rename or reorder them"
    return Finding("class order", "warning", text, advice)


def _order(counts: NDArray[np.int64]) -> list[int] | None:
    """Return the label that goes with each class, where that is a permutation but not the one."""
    k = len(counts)
    if k > 50:
        return None
    order = [
        int(np.argmax(counts[:, place])) if counts[:, place].any() else -1 for place in range(k)
    ]
    taken = [label for label in order if label >= 0]
    if len(set(taken)) < len(taken):
        return None
    free = [label for label in range(k) if label not in taken]
    order = [free.pop(0) if label < 0 else label for label in order]
    return None if order == list(range(k)) else order


def strange_labels(y_name: str, classes: Sequence[str], votes: Votes) -> Finding | None:
    """Labels that name none of the classes."""
    if not votes.strange.rows:
        return None
    known = ", ".join(classes[:10])
    text = (
        f"{y_name}: {rows_of(votes.strange.rows)} with a label that is no class, the first is"
        f" '{votes.strange.cell}'; the classes are {known}"
    )
    advice = f"Leave them out: --ignore {_quoted(votes.strange.cell)}, or name all classes by -p"
    return Finding("labels", "warning", text, advice).at(votes.strange.first)


def sums(names: Sequence[str], votes: Votes) -> Finding | None:
    """Probabilities of a row that do not sum to 1."""
    columns = f"{names[0]}…{names[-1]}"
    if votes.uneven.rows:
        text = f"{columns}: {rows_of(votes.uneven.rows)} do not sum to 1 within 0.01"
        advice = "Rescale them: --normalize; or are they logits?"
        return Finding("sums", "warning", text, advice).at(votes.uneven.first)
    if votes.nearly.rows:
        text = f"{columns}: {rows_of(votes.nearly.rows)} sum to 1 only within 0.01"
        return Finding("sums", "note", text, "Rescale them: --normalize").at(votes.nearly.first)
    return None


def weights(name: str, w: Column) -> Finding | None:
    """Weights that are negative, or all 0."""
    if not w.numbers:
        return None
    if w.low < 0.0:
        text = f"{name}: weights down to {_g(w.low)}"
        return Finding("weights", "warning", text, "A weight must be 0 or more")
    if w.high == 0.0:
        return Finding("weights", "warning", f"{name}: all weights are 0", "Name another column")
    return None
