"""What a file of truth and predictions holds, counted and summed exactly, cell by cell.

Parts of consecutive rows join in the order of the rows by ``+``; they are the same however the
rows are split. Cells that are no numbers are counted, never refused.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.batch import Place
from lossctl.exact import ONE, ExactSum, product_total, square_total, total
from lossctl.sources.numbers import BLANKS, TRUTHS, is_missing, to_numbers
from lossctl.task import class_position, same_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lossctl.batch import Batch, Text

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

LABELS = 64  # different cells of a column that are told apart
LAGS = (-1, 0, 1)
UNEVEN, NEARLY = 1e-2, 1e-6  # by how much k shares may miss 1 without an error, and without a note
NOTHING = ExactSum()


class Tally(NamedTuple):
    """How many rows are so, and where the first of them stands."""

    rows: int = 0
    first: Place | None = None
    cell: str = ""

    def __add__(self, other: Tally) -> Tally:  # type: ignore[override]
        """Join the counts; the first of the earlier rows is the first."""
        if not self.rows:
            return other
        return self._replace(rows=self.rows + other.rows)


def tally(batch: Batch, name: str, rows: Flags) -> Tally:
    """Return how many rows are marked, with the place and the cell of the first."""
    count = int(np.count_nonzero(rows))
    if not count:
        return Tally()
    index = int(np.argmax(rows))
    return Tally(count, batch.place(index, name), batch.texts[name].cell(index))


class Cells(NamedTuple):
    """A column as numbers, NaN where it has none, and what else its cells are."""

    values: Floats
    missing: Flags
    odd: Flags


def cells_of(text: Text, positive: str | None = None, *, truth: bool = False) -> Cells:
    """Read a column; ``positive`` is the label that counts as 1, all others being 0."""
    names = text.names
    missing = np.array([is_missing(name) for name in names], dtype=bool)
    if positive is not None:
        values = np.array([float(same_label(name.strip(BLANKS), positive)) for name in names])
    else:
        spelled = [TRUTHS.get(n.strip(BLANKS).lower(), n) if truth else n for n in names]
        values, bad = to_numbers(spelled)
        if bad is not None:
            values = np.array([_number(name) for name in spelled], dtype=np.float64)
    if not len(names):
        values = np.empty(0)
    values = np.where(missing, math.nan, values)
    odd = np.isnan(values) & ~missing
    return Cells(values[text.codes], missing[text.codes], odd[text.codes])


def _number(cell: str) -> float:
    values, bad = to_numbers([cell])
    return math.nan if bad is not None else float(values[0])


class Column(NamedTuple):
    """What the cells of a column are.

    ``labels`` are its different texts, None once they are more than ``LABELS``; ``low`` and
    ``high`` bound its finite numbers, of which ``whole`` are whole and ``zeros`` are 0.
    """

    rows: int = 0
    missing: Tally = Tally()
    odd: Tally = Tally()
    infinite: Tally = Tally()
    numbers: int = 0
    whole: int = 0
    zeros: int = 0
    low: float = math.inf
    high: float = -math.inf
    labels: frozenset[str] | None = frozenset()

    def __add__(self, other: Column) -> Column:  # type: ignore[override]
        """Join two parts."""
        labels = None
        if self.labels is not None and other.labels is not None:
            labels = self.labels | other.labels
        return Column(
            self.rows + other.rows,
            self.missing + other.missing,
            self.odd + other.odd,
            self.infinite + other.infinite,
            self.numbers + other.numbers,
            self.whole + other.whole,
            self.zeros + other.zeros,
            min(self.low, other.low),
            max(self.high, other.high),
            labels if labels is not None and len(labels) <= LABELS else None,
        )

    @property
    def within(self) -> bool:
        """Whether all of its numbers lie from 0 to 1."""
        return bool(self.numbers) and self.low >= 0.0 and self.high <= 1.0

    @property
    def values(self) -> frozenset[float]:
        """The different numbers among its labels; none where they are many or one is text."""
        found = [_number(label) for label in self.labels or ()]
        return frozenset() if any(map(math.isnan, found)) else frozenset(x + 0.0 for x in found)

    @property
    def binary(self) -> bool:
        """Whether it says only whether something happened."""
        labels = [TRUTHS.get(label.lower(), label) for label in self.labels or ()]
        return bool(labels) and all(_number(label) in (0.0, 1.0) for label in labels)


def column_of(batch: Batch, name: str, cells: Cells) -> Column:
    """Return what a column holds in a slice."""
    text, values = batch.texts[name], cells.values
    finite = values[np.isfinite(values)]
    return Column(
        batch.size,
        tally(batch, name, cells.missing),
        tally(batch, name, cells.odd),
        tally(batch, name, np.isinf(values)),
        len(finite),
        int(np.count_nonzero(finite == np.floor(finite))),
        int(np.count_nonzero(finite == 0.0)),
        float(finite.min()) if len(finite) else math.inf,
        float(finite.max()) if len(finite) else -math.inf,
        _labels(text),
    )


def _labels(text: Text) -> frozenset[str] | None:
    """Return the different cells that are not missing; None where they are many."""
    found: set[str] = set()
    for code in np.unique(text.codes).tolist():
        name = text.names[code]
        if not is_missing(name):
            found.add(name.strip(BLANKS))
        if len(found) > LABELS:
            return None
    return frozenset(found)


class Moments(NamedTuple):
    """Exact sums over pairs (y, ŷ)."""

    n: int = 0
    y: ExactSum = NOTHING
    p: ExactSum = NOTHING
    yy: ExactSum = NOTHING
    pp: ExactSum = NOTHING
    yp: ExactSum = NOTHING

    def __add__(self, other: Moments) -> Moments:  # type: ignore[override]
        """Add the sums."""
        return Moments(
            self.n + other.n,
            self.y + other.y,
            self.p + other.p,
            self.yy + other.yy,
            self.pp + other.pp,
            self.yp + other.yp,
        )

    @property
    def spread_y(self) -> Fraction:
        """Σ(y − ȳ)², exactly."""
        return _spread(self.n, self.y, self.y, self.yy)

    @property
    def spread_p(self) -> Fraction:
        """The same of ŷ."""
        return _spread(self.n, self.p, self.p, self.pp)

    @property
    def shared(self) -> Fraction:
        """Σ(y − ȳ)(ŷ − mean of ŷ), exactly."""
        return _spread(self.n, self.y, self.p, self.yp)

    def error(self, factor: Fraction = Fraction(1)) -> Fraction:
        """Return Σ(y − cŷ)², exactly."""
        return _whole(self.yy) - 2 * factor * _whole(self.yp) + factor**2 * _whole(self.pp)

    @property
    def correlation(self) -> float:
        """Pearson's correlation; 0 where one of the two does not vary."""
        both = self.spread_y * self.spread_p
        if not both:
            return 0.0
        return math.copysign(math.sqrt(min(self.shared**2 / both, Fraction(1))), self.shared)

    @property
    def line(self) -> tuple[Fraction, Fraction]:
        """The a and b of the least squares line y ≈ a + bŷ; ŷ must vary."""
        slope = self.shared / self.spread_p
        return (_whole(self.y) - slope * _whole(self.p)) / self.n, slope

    @property
    def line_error(self) -> Fraction:
        """What remains of Σ(y − ȳ)² about that line."""
        return self.spread_y - self.shared**2 / self.spread_p


def _whole(x: ExactSum) -> Fraction:
    return Fraction(x.units, ONE)


def _spread(n: int, x: ExactSum, y: ExactSum, xy: ExactSum) -> Fraction:
    return _whole(xy) - _whole(x) * _whole(y) / n if n else Fraction(0)


def moments_of(y: Floats, p: Floats) -> Moments:
    """Return the sums over the pairs of which both are finite."""
    both = np.isfinite(y) & np.isfinite(p)
    y, p = y[both], p[both]
    products = (square_total(y), square_total(p), product_total(y, p))
    return Moments(len(y), total(y), total(p), *products)


class Pair(NamedTuple):
    """A truth and a prediction: their sums at lags of −1, 0 and 1 rows, and what stands out.

    ``lags[1]`` pairs y of a row with ŷ of the same one, ``lags[2]`` with ŷ of the next. ``logs``
    and ``powers`` are of log y and eʸ. ``ends`` are the first and the last y and ŷ.
    """

    lags: tuple[Moments, Moments, Moments] = (Moments(), Moments(), Moments())
    logs: Moments = Moments()
    plain: Moments = Moments()  # of y where it is positive, beside the logarithms
    powers: Moments = Moments()
    certain: int = 0  # predictions that are exactly 0 or 1
    wrong: Tally = Tally()  # … of the other label
    outside: Tally = Tally()  # predictions outside [0, 1]
    ends: tuple[float, float, float, float] | None = None

    def __add__(self, other: Pair) -> Pair:  # type: ignore[override]
        """Join a part and the one of the rows that follow."""
        if self.ends is None or other.ends is None:
            return other if self.ends is None else self
        back, here, ahead = (a + b for a, b in zip(self.lags, other.lags, strict=True))
        (_, _, y, p), (next_y, next_p, _, _) = self.ends, other.ends
        back += _one(next_y, p)
        ahead += _one(y, next_p)
        return Pair(
            (back, here, ahead),
            self.logs + other.logs,
            self.plain + other.plain,
            self.powers + other.powers,
            self.certain + other.certain,
            self.wrong + other.wrong,
            self.outside + other.outside,
            (*self.ends[:2], *other.ends[2:]),
        )


def _one(y: float, p: float) -> Moments:
    return moments_of(np.array([y]), np.array([p]))


def pair_of(batch: Batch, pred: str, y: Floats, p: Floats) -> Pair:
    """Return what is to be known of a truth and the prediction ``pred`` in a slice."""
    if not batch.size:
        return Pair()
    positive, mild = y > 0.0, np.abs(y) < 300.0
    some, few = y[positive], y[mild]
    certain = (p == 0.0) | (p == 1.0)
    label = (y == 0.0) | (y == 1.0)
    return Pair(
        (moments_of(y[1:], p[:-1]), moments_of(y, p), moments_of(y[:-1], p[1:])),
        moments_of(np.log(some), p[positive]),
        moments_of(some, p[positive]),
        moments_of(np.exp(few), p[mild]),
        int(np.count_nonzero(certain)),
        tally(batch, pred, certain & label & (p != y)),
        tally(batch, pred, (p < 0.0) | (p > 1.0)),
        (float(y[0]), float(p[0]), float(y[-1]), float(p[-1])),
    )


class Votes(NamedTuple):
    """Labels and the classes of the largest probability: counts, also a row before and after.

    ``counts[i][j]`` are the rows of label i whose largest probability is that of class j, at each
    lag. ``strange`` are labels that name no class, ``uneven`` rows that do not sum to 1 within
    1e-2, ``nearly`` those that only nearly do. ``ends`` are the first and last label and class.
    """

    lags: tuple[NDArray[np.int64], ...]
    strange: Tally = Tally()
    uneven: Tally = Tally()
    nearly: Tally = Tally()
    ends: tuple[int, int, int, int] | None = None

    def __add__(self, other: Votes) -> Votes:  # type: ignore[override]
        """Join a part and the one of the rows that follow."""
        if self.ends is None or other.ends is None:
            return other if self.ends is None else self
        back, here, ahead = (a + b for a, b in zip(self.lags, other.lags, strict=True))
        (_, _, label, vote), (next_label, next_vote, _, _) = self.ends, other.ends
        for counts, i, j in ((back, next_label, vote), (ahead, label, next_vote)):
            if i >= 0 and j >= 0:
                counts[i, j] += 1
        return Votes(
            (back, here, ahead),
            self.strange + other.strange,
            self.uneven + other.uneven,
            self.nearly + other.nearly,
            (*self.ends[:2], *other.ends[2:]),
        )


def votes_of(
    batch: Batch, y: str, names: Sequence[str], classes: tuple[str, ...], shares: Sequence[Floats]
) -> Votes:
    """Return the counts of a slice; ``shares`` are the columns ``names`` as numbers."""
    k = len(classes)
    if not batch.size:
        return Votes((np.zeros((k, k), np.int64),) * 3)
    text = batch.texts[y]
    places = [class_position(name.strip(BLANKS), classes) for name in text.names]
    labels = np.array([-1 if at is None else at for at in places], dtype=np.intp)[text.codes]
    gone = np.array([is_missing(n) and n not in classes for n in text.names], bool)[text.codes]
    table = np.stack(shares)
    known = np.isfinite(table).all(axis=0)
    votes = np.where(known, np.where(known, table, 0.0).argmax(axis=0), -1)
    with np.errstate(all="ignore"):
        # Added class by class: the sum of a row does not depend on how the rows are split.
        sums = np.zeros(batch.size)
        for share in shares:
            sums += share
        gaps = np.abs(sums - 1.0)
    return Votes(
        (
            _counts(labels[1:], votes[:-1], k),
            _counts(labels, votes, k),
            _counts(labels[:-1], votes[1:], k),
        ),
        tally(batch, y, (labels < 0) & ~gone),
        tally(batch, names[0], known & (gaps > UNEVEN)),
        tally(batch, names[0], known & (gaps > NEARLY)),
        (int(labels[0]), int(votes[0]), int(labels[-1]), int(votes[-1])),
    )


def _counts(labels: NDArray[np.intp], votes: NDArray[np.intp], k: int) -> NDArray[np.int64]:
    both = (labels >= 0) & (votes >= 0)
    found = np.bincount(labels[both] * k + votes[both], minlength=k * k)
    return found.reshape(k, k).astype(np.int64)
