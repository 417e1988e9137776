"""The registry of losses: what a loss declares, and how one is found by its name.

A loss is one decorated function. It takes the truth and the prediction as arrays and returns the
per-sample losses together with a function of no arguments that returns the slopes, so that both
share their intermediates and slopes cost nothing where nobody asks for them. What else the
program needs to know is declared on the decorator as data.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossctl.errors import UnknownLoss, UsageError
from lossctl.losses.domain import LOGIT, REAL, Interval
from lossctl.losses.rows import row_mean, row_sum, undecided

Floats = NDArray[np.float64]
Slope = Callable[[], Floats]
Kernel = Callable[..., tuple[Floats, Slope]]

Kind = Literal["elementwise", "classes", "distribution"]
Labels = Literal["real", "binary"]
Aggregate = Literal["mean", "root"]

TWO_INFINITIES = "at most one logit of a row may be ∞, and not all of them −∞"


NO_PARAMS: Mapping[str, float] = {}


class Param(NamedTuple):
    """A parameter of a loss: its name, default and domain."""

    name: str
    default: float
    domain: Interval

    def parse(self, text: str | float, loss: str) -> float:
        """Return the value that ``text`` spells, or raise UsageError with the domain."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if value not in self.domain:
            raise UsageError(f"{loss}: {self.name} must be in {self.domain}, got {text}")
        return value


class Loss(NamedTuple):
    """A loss function and what it declares.

    ``kind``: *elementwise* losses compare single numbers (and average or sum over k outputs),
    *classes* losses take k columns and a label or k soft labels, *distribution* losses compare
    distributions, one down a column or one a row. ``labels`` says whether y of an elementwise loss
    is any number or a binary label. ``aggregate`` names φ, which makes the value of the mean.
    ``simplex`` says that k predictions are probabilities that sum to 1. ``clip`` names the
    parameter ε that moves predictions into [ε, 1 − ε] first.
    """

    name: str
    kernel: Kernel
    aliases: tuple[str, ...]
    task: str
    kind: Kind
    y: Interval | None
    pred: Interval
    labels: Labels
    aggregate: Aggregate
    simplex: bool
    clip: str | None
    hint: str
    zero_at_truth: bool
    params: tuple[Param, ...]
    doc: str

    @property
    def summary(self) -> str:
        """The first line of its page."""
        return self.doc.split("\n", 1)[0]

    def __str__(self) -> str:
        """Return its name."""
        return self.name


_LOSSES: dict[str, Loss] = {}
_NAMES: dict[str, str] = {}


def loss(
    *aliases: str,
    task: str,
    kind: Kind = "elementwise",
    y: Interval | None = REAL,
    pred: Interval = REAL,
    labels: Labels = "real",
    aggregate: Aggregate = "mean",
    simplex: bool = False,
    clip: str | None = None,
    hint: str = "",
    zero_at_truth: bool = True,
) -> Callable[[Kernel], Kernel]:
    """Register the decorated function under its own name and its aliases.

    ``hint`` is what the message says when a prediction lies outside ``pred``. ``zero_at_truth``:
    whether the loss is 0 at ŷ = y, and only there smallest.
    """

    def register(kernel: Kernel) -> Kernel:
        params = tuple(
            Param(parameter.name, parameter.default, parameter.annotation.__metadata__[0])
            for parameter in inspect.signature(kernel).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        )
        quiet = _quiet(kernel)
        entry = Loss(
            name=kernel.__name__,
            kernel=quiet,
            aliases=aliases,
            task=task,
            kind=kind,
            y=y,
            pred=pred,
            labels=labels,
            aggregate=aggregate,
            simplex=simplex,
            clip=clip,
            hint=hint,
            zero_at_truth=zero_at_truth,
            params=params,
            doc=inspect.cleandoc(kernel.__doc__ or ""),
        )
        for name in (entry.name, *aliases):
            if _NAMES.setdefault(fold(name), entry.name) != entry.name:
                raise ValueError(f"two losses are called {name}")
        _LOSSES[entry.name] = entry
        return quiet

    return register


def _quiet(kernel: Kernel) -> Kernel:
    """Let 1/0 be ∞ without a warning: a loss that is infinite says so in its value."""

    @functools.wraps(kernel)
    def silenced(*args: Any, **params: float) -> tuple[Floats, Slope]:
        with np.errstate(all="ignore"):
            value, slope = kernel(*args, **params)

        def silenced_slope() -> Floats:
            with np.errstate(all="ignore"):
                return slope()

        return value, silenced_slope

    return silenced


def fold(name: str) -> str:
    """Return the name as it is compared: case and ``-``/``_`` make no difference."""
    return name.strip().lower().replace("-", "_")


def find(name: str) -> Loss:
    """Return the loss of that name or alias, or raise UsageError with the nearest name."""
    known = _NAMES.get(fold(name))
    if known is None:
        near = nearest(fold(name), _NAMES)
        advice = f"did you mean {near}?" if near else "run 'lossctl losses' for the list"
        raise UnknownLoss(f"unknown loss '{name}': {advice}")
    return _LOSSES[known]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was most likely meant: letters swapped first, then the closest."""
    import difflib

    known = list(known)
    swapped = [name for name in known if sorted(name) == sorted(word)]
    near = swapped or difflib.get_close_matches(word, known, n=1)
    return near[0] if near else None


def all_losses() -> tuple[Loss, ...]:
    """Return every loss, in the order of their definition."""
    return tuple(_LOSSES.values())


def reduce_outputs(
    loss: Loss, value: Floats, slope: Slope, *, outputs_sum: bool
) -> tuple[Floats, Slope]:
    """Make one loss a row out of its k terms: their mean, or their sum."""
    if loss.kind == "classes" or value.ndim == 1:
        return value, slope
    if loss.kind == "distribution" or outputs_sum:
        return row_sum(value), slope
    k = value.shape[-1]
    return row_mean(value), lambda: slope() / k


class BoundLoss(NamedTuple):
    """A loss with its parameters: call it for per-sample losses, ``slope`` for ∂ℓ/∂ŷ."""

    loss: Loss
    params: Mapping[str, float] = NO_PARAMS

    @property
    def spec(self) -> str:
        """The loss as it is named anywhere, with every parameter that is not its default."""
        named = (
            f":{param.name}={self.params[param.name]!r}"
            for param in self.loss.params
            if self.params[param.name] != param.default
        )
        return self.loss.name + "".join(named)

    def __call__(self, y: Any, yhat: Any) -> Floats:
        """Return the n per-sample losses of y and yhat (shapes as on the page of the loss)."""
        return self.both(y, yhat)[0]

    def slope(self, y: Any, yhat: Any) -> Floats:
        """Return ∂ℓ/∂ŷ, in the shape of yhat."""
        return self.both(y, yhat)[1]()

    def both(self, y: Any, yhat: Any) -> tuple[Floats, Slope]:
        """Check shapes and domains, then return the losses and the function of the slopes."""
        pred = np.asarray(yhat, dtype=np.float64, order="C")
        if self.loss.y is None:
            self._inside(pred, self.loss.pred, "ŷ")
            return self._evaluated(None, pred)
        truth: NDArray[Any] = np.asarray(y)
        labels = self.loss.kind == "classes" and truth.ndim == pred.ndim - 1
        truth = self._whole(truth) if labels else np.asarray(truth, np.float64, "C")
        wanted = pred.shape[:-1] if labels else pred.shape
        if truth.shape != wanted:
            raise UsageError(
                f"{self.loss.name}: y has shape {truth.shape} and ŷ {pred.shape}; they must agree"
            )
        if not labels:
            self._inside(truth, self.loss.y, "y")
        elif truth.size and not (truth.min() >= 0 and truth.max() < pred.shape[-1]):
            raise UsageError(f"{self.loss.name}: y must be in 0…{pred.shape[-1] - 1}")
        self._inside(pred, self.loss.pred, "ŷ")
        if self.loss.kind == "classes" and self.loss.pred.infinite and undecided(pred).any():
            raise UsageError(f"{self.loss.name}: {TWO_INFINITIES}")
        return self._evaluated(truth, pred)

    def _evaluated(self, y: Any, yhat: Floats) -> tuple[Floats, Slope]:
        value, slope = self.loss.kernel(y, yhat, **self.params)
        return reduce_outputs(self.loss, value, slope, outputs_sum=False)

    def _whole(self, labels: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(invalid="ignore"):
            whole = labels.astype(np.intp)
        if not np.array_equal(whole, labels):
            raise UsageError(f"{self.loss.name}: y must be the numbers of classes")
        return whole

    def _inside(self, x: Floats, domain: Interval, name: str) -> None:
        if not domain.holds(x):
            bad = x.ravel()[domain.first_outside(x.ravel())]
            hint = f". {self.loss.hint}" if name == "ŷ" and self.loss.hint else ""
            raise UsageError(f"{self.loss.name}: {name} must be in {domain}, got {bad}{hint}")

    def __hash__(self) -> int:
        """Equal specs are equal losses."""
        return hash(self.spec)


def domain_of_predictions(entry: Loss) -> Interval:
    """Return where the cells of a prediction column may lie; infinities only for logits."""
    return LOGIT if entry.pred.infinite else entry.pred
