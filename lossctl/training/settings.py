"""How a model is trained: the options that the command line and Python share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

MODELS = ("linear", "mlp")
ACTIVATIONS = ("tanh", "relu")
OPTIMIZERS = ("sgd", "lbfgs")


class Settings(NamedTuple):
    """How a model is trained; the names are those of the command line's options.

    What is None has a default that depends on the model or the optimiser: see ``settled``.
    """

    model: str = "linear"
    hidden: int | None = None
    activation: str | None = None
    optimizer: str = "sgd"
    lr: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    tol: float | None = None
    l2: float = 0.0
    standardize: bool = False
    validation: float = 0.0
    seed: int = 0


class Training(NamedTuple):
    """Settings of which none is left open; ``shown`` leaves out those that have no part."""

    model: str
    hidden: int
    activation: str
    optimizer: str
    lr: float | None
    batch_size: int
    epochs: int
    tol: float
    l2: float
    standardize: bool
    validation: float
    seed: int

    def shown(self, rates: Sequence[float] | None) -> dict[str, Any]:
        """Return the settings that have a part in it, None for the others.

        ``rates`` are the learning rates of the epochs: the first is that of sgd, given or found.
        """
        lr = self.lr if rates is None else rates[0]
        absent = set() if self.model == "mlp" else {"hidden", "activation"}
        absent |= set() if self.optimizer == "sgd" else {"lr", "batch_size"}
        return {
            name: None if name in absent else value
            for name, value in self._replace(lr=lr)._asdict().items()
            if name not in ("model", "activation")
        }


def settled(settings: Settings) -> Training:
    """Return the settings with their defaults, or raise UsageError for one that is none."""
    for name, known in (("model", MODELS), ("optimizer", OPTIMIZERS)):
        if getattr(settings, name) not in known:
            raise UsageError(
                f"unknown {name} '{getattr(settings, name)}': one of {', '.join(known)}"
            )
    if settings.activation not in (None, *ACTIVATIONS):
        raise UsageError(
            f"unknown activation '{settings.activation}': one of {', '.join(ACTIVATIONS)}"
        )
    for name, owner, has in (
        ("hidden", "--model mlp", settings.model == "mlp"),
        ("activation", "--model mlp", settings.model == "mlp"),
        ("lr", "--optimizer sgd", settings.optimizer == "sgd"),
        ("batch_size", "--optimizer sgd", settings.optimizer == "sgd"),
    ):
        if getattr(settings, name) is not None and not has:
            raise UsageError(f"--{name.replace('_', '-')} has no effect without {owner}")
    for name, low in (("hidden", 1), ("batch_size", 1), ("epochs", 1), ("seed", 0)):
        value = getattr(settings, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= low):
            raise UsageError(
                f"--{name.replace('_', '-')} must be a whole number of at least {low}, got {value}"
            )
    _check_number("lr", settings.lr, "above 0 and finite", lambda x: 0.0 < x < math.inf)
    _check_number("tol", settings.tol, "0 or more and below 1", lambda x: 0.0 <= x < 1.0)
    _check_number("l2", settings.l2, "0 or more and finite", lambda x: 0.0 <= x < math.inf)
    _check_number("validation", settings.validation, "0 to below 1", lambda x: 0.0 <= x < 1.0)
    sgd = settings.optimizer == "sgd"
    return Training(
        settings.model,
        settings.hidden or 16,
        settings.activation or "tanh",
        settings.optimizer,
        None if settings.lr is None else float(settings.lr),
        32 if settings.batch_size is None else settings.batch_size,
        (200 if sgd else 1000) if settings.epochs is None else settings.epochs,
        (1e-5 if sgd else 0.0) if settings.tol is None else float(settings.tol),
        float(settings.l2),
        bool(settings.standardize),
        float(settings.validation),
        settings.seed,
    )


def _check_number(name: str, x: Any, rule: str, holds: Any) -> None:
    number = isinstance(x, (int, float)) and not isinstance(x, bool)
    if x is not None and not (number and holds(x)):
        raise UsageError(f"--{name} must be {rule}, got {x}")
