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
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossctl.errors import UnknownLoss, UsageError
from lossctl.losses.domain import REAL, Choice, Domain
from lossctl.losses.index import FAMILIES
from lossctl.losses.rows import undecided

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Slope = Callable[[], Floats]
Kernel = Callable[..., tuple[Floats, Slope]]
Setting = float | str | None
DomainOf = Domain | Callable[[Mapping[str, Any]], Domain]

Form = Literal["elementwise", "classes", "distribution", "vectors", "roles", "ensemble"]
Kind = Form | Literal["either"]
Labels = Literal["real", "binary", "signed"]
Aggregate = Literal["mean", "root", "exp", "ratio", "r2", "explained_variance", "median", "max"]

ConstantKind = Literal[
    "mean",
    "log_mean",
    "likelihood",
    "deviance",
    "quantiles",
    "relative_quantiles",
    "middle",
    "label",
    "classes",
    "normal",
    "direction",
    "definition",
]

# Values that are no sum over rows or need the truth's own mean: they take one output.
SINGLE: tuple[Aggregate, ...] = ("r2", "explained_variance", "median", "max")


class Rule(NamedTuple):
    """What the numbers of a row must meet together: a text, and which rows break it.

    ``broken`` takes y (n or n × k) and ŷ (n or n × k) and returns n flags.
    """

    text: str
    broken: Callable[[Any, Floats], Flags]


class Role(NamedTuple):
    """What one of several prediction columns is: its domain, and names by which it is known."""

    name: str
    domain: Domain
    names: tuple[str, ...]


def _undecided(_: Any, z: Floats) -> Flags:
    return undecided(z) if z.ndim > 1 else np.zeros(z.shape, dtype=bool)


ONE_INFINITY = Rule("at most one logit of a row may be ∞, and not all of them −∞", _undecided)


class Constant(NamedTuple):
    """What the best constant prediction is, and what of y it rests on.

    ``what`` says it to a person, with y for the truth; ``of`` is what the kind takes:

    - *mean*: squares, lowest at ȳ; *log_mean* the same of ln(1 + y);
    - *likelihood*: a loss that is affine in y, lowest at ŷ = of(ȳ);
    - *deviance*: 2(φ(y) − φ(ŷ) − φ′(ŷ)(y − ŷ)); ``of`` gives 2φ of the parameters, or None;
    - *quantiles*: ``of`` gives the levels of the parameters and k, and what the sum of quantile
      losses at these levels is to be multiplied by; *relative_quantiles* with weights w/|y|;
    - *middle*: half the way from the least to the largest y;
    - *label*, *classes*: a loss that is linear in labels; ``of`` is described in ``constants``;
    - *normal*: mean and variance of y; *direction*: the mean of the directions of y;
    - *definition*: the loss compares with a constant already, which has the value 0.
    """

    kind: ConstantKind
    what: str
    of: Callable[..., Any] | None = None


class Param(NamedTuple):
    """A parameter of a loss: its name, default and domain; ``optional`` ones may be none."""

    name: str
    default: Setting
    domain: Domain | Choice
    optional: bool = False

    def parse(self, text: Setting, loss: str) -> Setting:
        """Return the value that ``text`` spells, or raise UsageError with the domain."""
        if self.optional and (text is None or fold(str(text)) == "none"):
            return None
        value: Setting
        if isinstance(self.domain, Choice):
            value = fold(str(text))
        else:
            try:
                value = float(text)  # type: ignore[arg-type]  # None is refused like any other
            except (TypeError, ValueError):
                value = math.nan
        if value not in self.domain:
            raise UsageError(f"{loss}: {self.name} must be in {self.range}, got {text}")
        return value

    @property
    def range(self) -> str:
        """The domain, and none where that is a setting too."""
        return f"{self.domain} or none" if self.optional else str(self.domain)

    def spell(self, value: Setting) -> str:
        """Return a value as a spec has it; ``parse`` gives it back."""
        return "none" if value is None else value if isinstance(value, str) else repr(value)


ConstantOf = Constant | Callable[[Form], Constant | None] | None


class Loss(NamedTuple):
    """A loss function and what it declares.

    ``kind``: *elementwise* losses compare single numbers (and average or sum over k outputs),
    *classes* losses take k columns and a label or k soft labels, *either* are one column of a
    binary label or k classes, *distribution* losses compare distributions, one down a column or
    one a row, *vectors* compare k numbers with k numbers, *roles* take one y and a column for
    every role, *ensemble* losses one y and any number of members. ``labels`` says whether y of an
    elementwise loss is any number, a binary label, or one that may be ±1 as well. ``aggregate``
    names φ, which makes the value of the sums; ``per`` what a ratio divides by, a function of y.
    ``simplex`` says that k predictions are probabilities that sum to 1. ``clip`` names the
    parameter ε that moves predictions into [ε, 1 − ε] first, ``drop`` the one that leaves out
    rows whose y lies outside its domain when it is *skip*. ``ordered`` says whether of two values
    one is better. ``flat`` says where slopes are 0 in whole regions, with parameters in braces; of
    *either* that is so of k classes alone. ``constant`` is what the best constant prediction is, or
    a function of the form; None where there is no closed form.
    """

    name: str
    kernel: Kernel
    aliases: tuple[str, ...]
    tasks: tuple[str, ...]
    kind: Kind
    y: DomainOf | None
    pred: DomainOf
    labels: Labels
    aggregate: Aggregate
    per: Callable[[Floats], Floats] | None
    simplex: bool
    clip: str | None
    drop: str | None
    hint: str
    rule: Rule | None
    roles: tuple[Role, ...]
    zero_at_truth: bool
    signed: bool
    ordered: bool
    flat: str
    constant: ConstantOf
    params: tuple[Param, ...]
    doc: str
    module: str

    @property
    def summary(self) -> str:
        """The first line of its page."""
        return self.doc.split("\n", 1)[0]

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings of its parameters where none is given."""
        return {param.name: param.default for param in self.params}

    @property
    def higher_is_better(self) -> bool:
        """Whether the value grows as the predictions get better."""
        return self.aggregate in ("r2", "explained_variance")

    def __reduce__(self) -> tuple[Callable[[str], Loss], tuple[str]]:
        """Go by name from one process to another: what it declares may be functions."""
        return find, (self.name,)

    def form(self, k: int) -> Form:
        """Return what k prediction columns are to it."""
        if self.kind == "either":
            return "elementwise" if k == 1 else "classes"
        return self.kind

    def constant_of(self, k: int) -> Constant | None:
        """Return what the best constant for k prediction columns is; None without a closed form."""
        constant = self.constant
        if constant is None or isinstance(constant, Constant):
            return constant
        return constant(self.form(k))

    def __str__(self) -> str:
        """Return its name."""
        return self.name


_LOSSES: dict[str, Loss] = {}
_NAMES: dict[str, str] = {}


def loss(
    *aliases: str,
    task: str | tuple[str, ...],
    kind: Kind = "elementwise",
    y: DomainOf | None = REAL,
    pred: DomainOf = REAL,
    labels: Labels = "real",
    aggregate: Aggregate = "mean",
    per: Callable[[Floats], Floats] | None = None,
    simplex: bool = False,
    clip: str | None = None,
    drop: str | None = None,
    hint: str = "",
    rule: Rule | None = None,
    roles: tuple[Role, ...] = (),
    zero_at_truth: bool = True,
    signed: bool = False,
    ordered: bool = True,
    flat: str = "",
    constant: ConstantOf = None,
) -> Callable[[Kernel], Kernel]:
    """Register the decorated function under its own name and its aliases.

    ``y`` and ``pred`` are domains, or functions of the parameters that return one. ``hint`` is
    what the message says when a prediction lies outside ``pred``. ``zero_at_truth``: whether the
    loss is 0 at ŷ = y, and never falls as ŷ moves away. ``signed``: whether it can be negative.
    ``flat``: why whole regions of slopes are 0. ``constant``: what the best constant prediction is,
    or a function of the form.
    """

    def register(kernel: Kernel) -> Kernel:
        params = tuple(
            Param(
                parameter.name,
                parameter.default,
                parameter.annotation.__metadata__[0],
                parameter.default is None,
            )
            for parameter in inspect.signature(kernel).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        )
        quiet = _quiet(kernel)
        entry = Loss(
            name=kernel.__name__,
            kernel=quiet,
            aliases=aliases,
            tasks=(task,) if isinstance(task, str) else task,
            kind=kind,
            y=y,
            pred=pred,
            labels=labels,
            aggregate=aggregate,
            per=per,
            simplex=simplex,
            clip=clip,
            drop=drop,
            hint=hint,
            rule=rule,
            roles=roles,
            zero_at_truth=zero_at_truth,
            signed=signed,
            ordered=ordered,
            flat=flat,
            constant=constant,
            params=params,
            doc=inspect.cleandoc(kernel.__doc__ or ""),
            module=kernel.__module__.rpartition(".")[2],
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
    def silenced(*args: Any, **params: Any) -> tuple[Floats, Slope]:
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
    """Return the loss of that name or alias, or raise UnknownLoss with the nearest name.

    Only the family that the loss belongs to is loaded.
    """
    wanted = fold(name)
    if wanted not in _NAMES:
        homes = [family for family, names in FAMILIES.items() if wanted in names]
        for family in homes or FAMILIES:
            import_module(f"lossctl.losses.{family}")
    known = _NAMES.get(wanted) or _squeezed(wanted)
    if known is None:
        near = nearest(wanted, _NAMES)
        advice = f"did you mean {near}?" if near else "run 'lossctl losses' for the list"
        raise UnknownLoss(f"unknown loss '{name}': {advice}")
    return _LOSSES[known]


def _squeezed(wanted: str) -> str | None:
    """Return the loss whose name is spelled in one word, as MSELoss is."""
    return {name.replace("_", ""): known for name, known in _NAMES.items()}.get(wanted)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was most likely meant: letters swapped first, then the closest."""
    import difflib

    known = list(known)
    swapped = [name for name in known if sorted(name) == sorted(word)]
    near = swapped or difflib.get_close_matches(word, known, n=1)
    return near[0] if near else None


def all_losses() -> tuple[Loss, ...]:
    """Return every loss, family by family, in the order of their definition."""
    for family in FAMILIES:
        import_module(f"lossctl.losses.{family}")
    order = list(FAMILIES)
    return tuple(sorted(_LOSSES.values(), key=lambda entry: order.index(entry.module)))
