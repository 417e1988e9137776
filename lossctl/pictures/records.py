"""The records of pictures: numbers to be drawn, and the words that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lossctl.curves import Curve


class About(NamedTuple):
    """What stands around any picture: its title, what it shows in words, what determined it."""

    title: str
    text: str
    spec: str


@dataclass(frozen=True, slots=True)
class Described:
    """What every picture has."""

    about: About

    @property
    def title(self) -> str:
        """What it shows, with unit and n where it has them."""
        return self.about.title

    @property
    def text(self) -> str:
        """What it shows, in words."""
        return self.about.text

    @property
    def spec(self) -> str:
        """What determined it."""
        return self.about.spec


class Bins(NamedTuple):
    """A histogram: bin i reaches from ``edges[i]`` to ``edges[i + 1]``.

    ``log``: the bins are even in the logarithm, on either side of the one that holds 0 if there are
    numbers on both, and all of them are to be drawn equally wide. Of numbers that are all 0 or
    more, that one is the first. ``beyond`` numbers lie outside of the bins.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    log: bool = False
    beyond: int = 0


class NamedRow(NamedTuple):
    """A row that costs much: how it is called, and its share of the whole, None without one."""

    name: str
    row: int
    loss: float
    share: float | None


@dataclass(frozen=True, slots=True)
class LossSpread(Described):
    """The per-sample losses of the rows with w > 0, and how few of them carry how much.

    ``lorenz`` are points (share of the rows, share of the loss), cheapest rows first; empty where
    ``no_lorenz`` says why. ``exact``: from every loss; else from their histogram, and shares of
    the loss are within 0.4 % of themselves. ``infinite`` losses are in no bin.
    """

    unit: str
    n: int
    bins: Bins
    infinite: int
    lorenz: tuple[tuple[float, float], ...]
    no_lorenz: str
    worst: tuple[NamedRow, ...]
    mean: float
    median: float
    exact: bool


class Cells(NamedTuple):
    """Counts of cells of a plane: ``x[i]`` and ``y[i]`` are the lower ends of cell i."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    rows: tuple[int, ...]
    width: float
    height: float


class Middle(NamedTuple):
    """The median of e over rows whose ŷ lies between ``low`` and ``high``."""

    low: float
    high: float
    median: float


@dataclass(frozen=True, slots=True)
class Residuals(Described):
    """The errors e = ŷ − y against ŷ: points where rows are few, else counts of cells.

    ``side`` is the distribution of e; ``running`` its median in parts of equal counts of rows,
    from low ŷ to high. ``outside`` rows lie beyond what is shown, which is in words.
    """

    n: int
    points: tuple[tuple[float, float], ...]
    cells: Cells | None
    side: Bins
    running: tuple[Middle, ...]
    outside: int


class Bin(NamedTuple):
    """A bin of predictions: from ``low`` to ``high``, what was predicted and what happened.

    ``rate`` is the share that happened (or was right), ``lower`` to ``upper`` its 95 % interval
    (Wilson), at ``effective`` rows of equal weight (Kish).
    """

    low: float
    high: float
    rows: int
    weight: float
    mean: float
    rate: float
    lower: float
    upper: float
    effective: float


@dataclass(frozen=True, slots=True)
class Reliability(Described):
    """How often it happened where p was predicted; of classes, how often the likeliest was right.

    ``error`` is the expected calibration error Σ W_b/W · |rate − mean| over the bins.
    """

    n: int
    classes: bool
    bins: tuple[Bin, ...]
    error: float


@dataclass(frozen=True, slots=True)
class GradientSpread(Described):
    """The entries of g = ∂L/∂ŷ of the rows with w > 0.

    ``zero``, ``vanishing`` (below 1e-6 of the largest, but not 0) and ``capped`` (those of the
    largest slope) count entries. ``top`` is the row of the largest entry, and its share of ‖g‖₁.
    """

    n: int
    entries: int
    bins: Bins
    zero: int
    vanishing: int
    capped: int
    nonfinite: int
    top: NamedRow | None


class Group(NamedTuple):
    """The value of a group with its interval, None where there is none."""

    name: str
    n: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class GroupValues(Described):
    """The value of every group, worst first; ``left_out`` more are better than those.

    ``level`` is that of the intervals in percent, None where there are none; ``overall`` the value
    of all rows, None where a value has none.
    """

    unit: str
    level: float | None
    groups: tuple[Group, ...]
    left_out: int
    overall: float | None


class Difference(NamedTuple):
    """Candidate − baseline in shares of the baseline's value, and its interval if it has one."""

    name: str
    n: int
    share: float
    low: float | None
    high: float | None

    @property
    def side(self) -> str:
        """Whether the interval shows the candidate ``better`` or ``worse``, or leaves it open."""
        if self.low is None or self.high is None or self.low <= 0.0 <= self.high:
            return "open"
        return "better" if self.high < 0.0 else "worse"


@dataclass(frozen=True, slots=True)
class Differences(Described):
    """The differences of losses and groups; ``left_out`` more are smaller than those."""

    found: tuple[Difference, ...]
    left_out: int


class NamedCurve(NamedTuple):
    """A curve and the spec of the loss; ``batch`` says of what rows it is a value.

    ``zeros`` has the x at which a line is 0, None where it is nowhere or along a stretch.
    """

    spec: str
    curve: Curve
    zeros: tuple[float | None, ...]
    batch: str = ""


class Steps(NamedTuple):
    """What the k-th unit of error costs, ℓ(k) − ℓ(k − 1), for k = 1, 2 …."""

    spec: str
    costs: tuple[float, ...]


class Row(NamedTuple):
    """Curves that share their x, and the steps of those that are of an error."""

    symbol: str
    axis: str
    curves: tuple[NamedCurve, ...]
    steps: tuple[Steps, ...]


@dataclass(frozen=True, slots=True)
class LossCurves(Described):
    """The curves of some losses, a row of panels for every kind of x."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Surface(Described):
    """J over two weights: ``heights[j][i]`` at (x[i], y[j]), NaN where it has no value.

    ``path`` goes from the weights at the start to those at the end; ``lowest`` is the place of the
    lowest height.
    """

    names: tuple[str, str]
    x: tuple[float, ...]
    y: tuple[float, ...]
    heights: tuple[tuple[float, ...], ...]
    path: tuple[tuple[float, float], ...]
    lowest: tuple[float, float]


class Learning(NamedTuple):
    """The losses of one fit, epoch by epoch; ``validation`` is None where no rows are held out."""

    spec: str
    training: tuple[float, ...]
    validation: tuple[float, ...] | None
    unit: str


@dataclass(frozen=True, slots=True)
class LearningCurves(Described):
    """How the losses of some fits fell, a panel for each; ``steps`` is what an epoch is called."""

    fits: tuple[Learning, ...]
    steps: str


Picture = (
    LossSpread
    | Residuals
    | Reliability
    | GradientSpread
    | GroupValues
    | LossCurves
    | Surface
    | LearningCurves
    | Differences
)


def row_name(row: int, file: str | None, line: int | None, files: Sequence[str]) -> str:
    """Return how a row is called: by its line where there is one, and its file among several."""
    name = f"row {row}" if line is None else f"line {line}"
    return f"{file} {name}" if file is not None and len(files) > 1 else name


def place_text(files: Sequence[str]) -> str:
    """Return where rows come from, for a title; nothing for tables in memory."""
    if not files:
        return ""
    return f" ({files[0]})" if len(files) == 1 else f" ({len(files)} files)"


def count_text(n: int) -> str:
    """Return a count with groups of three digits: 12 345 678."""
    return f"{n:,}".replace(",", " ")


def counted(n: int, one: str, many: str) -> str:
    """Return a count with its noun."""
    return f"{count_text(n)} {one if n == 1 else many}"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number_text(x: float, digits: int = 4) -> str:
    """Return a number for people: in some digits, with a minus sign, 10⁻⁷ and ∞."""
    text = f"{x + 0.0:.{digits}g}"
    if "e" in text:
        mantissa, _, power = text.partition("e")
        raised = f"10{str(int(power)).translate(RAISED)}"
        lone = {"1": raised, "-1": f"-{raised}"}
        text = lone.get(mantissa, f"{mantissa}·{raised}")
    return text.replace("-", "−").replace("inf", "∞")


def share_text(part: float) -> str:
    """Return a share in percent, in three digits; never 0 for some, nor 100 for not all."""
    percent = 100.0 * part
    if percent in (0.0, 100.0):
        return f"{percent:.0f} %"
    if percent < 1e-4:
        return "under 0.0001 %"
    if percent > 99.99:
        return "over 99.99 %"
    if percent < 0.1:
        return f"{round(percent, 4):.1g} %" if percent < 0.001 else f"{percent:.2g} %"
    return f"{percent:.3g} %" if percent < 99.9 else f"{percent:.2f} %"
