"""What a fit leaves behind: the model, the history of its losses, and the values it reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.verdicts import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

FIT_SCHEMA = "lossctl.fit/1"
MODEL_SCHEMA = "lossctl.model/1"
COMPARE_SCHEMA = "lossctl.fit_comparison/1"


class History(NamedTuple):
    """The losses epoch by epoch, and the learning rate of each; lbfgs has iterations and no rates.

    ``training`` is the running loss, of the weights as they were on the way; ``validation`` that
    of the weights at the end of the epoch, None where no rows are kept for it.
    """

    training: tuple[float, ...]
    validation: tuple[float, ...] | None
    rates: tuple[float, ...] | None

    @property
    def epochs(self) -> tuple[int, ...]:
        """The numbers of the epochs, from 1."""
        return tuple(range(1, len(self.training) + 1))


class Layer(NamedTuple):
    """One layer, in the units of the file: an output is Σ weight · input + intercept.

    ``weights`` has a row for every output, ``intercepts`` a number for each.
    """

    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]


class Scaling(NamedTuple):
    """Mean and standard deviation (ddof 0) of every feature over the training rows, unweighted."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]


class Model(NamedTuple):
    """A fitted model: ``link`` makes predictions of what the last layer gives.

    ``outputs`` are the names of the predictions. ``scaling`` is that of ``--standardize``; the
    layers are in the units of the file with it or without.
    """

    loss: str
    kind: str
    activation: str | None
    link: str
    target: str
    positive: str | None
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...] | None
    layers: tuple[Layer, ...]
    scaling: Scaling | None

    @property
    def linear(self) -> bool:
        """Whether there is one layer, whose weights are the coefficients of the features."""
        return self.kind == "linear"

    def coefficients(self) -> dict[str, dict[str, float]]:
        """Return the coefficients of a linear model by output and feature."""
        (layer,) = self.layers
        return {
            name: dict(zip(self.features, row, strict=True))
            for name, row in zip(self.outputs, layer.weights, strict=True)
        }

    def intercepts(self) -> dict[str, float]:
        """Return the intercepts of a linear model by output."""
        (layer,) = self.layers
        return dict(zip(self.outputs, layer.intercepts, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        scaling = self.scaling
        found: dict[str, Any] = plain(
            {
                "loss": self.loss,
                "model": self.kind,
                "activation": self.activation,
                "link": self.link,
                "target": self.target,
                "positive": self.positive,
                "features": self.features,
                "outputs": self.outputs,
                "classes": self.classes,
                "standardization": None
                if scaling is None
                else {
                    "means": dict(zip(self.features, scaling.means, strict=True)),
                    "deviations": dict(zip(self.features, scaling.deviations, strict=True)),
                },
                "coefficients": self.coefficients() if self.linear else None,
                "intercepts": self.intercepts() if self.linear else None,
                "layers": None if self.linear else self.layers,
            }
        )
        return found


class Value(NamedTuple):
    """The value of the loss over some rows: exact, of the predictions as they are written."""

    rows: int
    value: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model and how it came about.

    ``start`` is the loss of the random weights over the first training rows (at most 2^16),
    ``training`` and ``validation`` the values at the end. ``ended`` says why it stopped: *tol*,
    *epochs*, *gradient* or *line search*. ``settings`` are those of the training.
    """

    version: str
    model: Model
    files: tuple[str, ...]
    rows: int
    skipped: int
    nonfinite: int
    weight: str | None
    settings: Mapping[str, Any]
    history: History
    start: float
    training: Value
    validation: Value | None
    ended: str
    steps: int
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The value of the loss over the training rows."""
        return self.training.value

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; numbers that are not finite are strings."""
        return {
            "schema": FIT_SCHEMA,
            "version": self.version,
            "input": {
                "files": list(self.files),
                "rows": self.rows,
                "skipped": self.skipped,
                "nonfinite": self.nonfinite,
                "weight": self.weight,
            },
            **self._body(),
            "history": plain(
                {"epochs": self.history.epochs, **self.history._asdict()},
            ),
            "notes": list(self.notes),
        }

    def model_dict(self) -> dict[str, Any]:
        """Return the model as a file of its own has it, with what made it."""
        return {"schema": MODEL_SCHEMA, "version": self.version, **self._body()}

    def _body(self) -> dict[str, Any]:
        return {
            **self.model.to_dict(),
            "settings": plain(self.settings),
            "ended": self.ended,
            "epochs": len(self.history.training),
            "steps": self.steps,
            "values": plain(
                {"start": self.start, "training": self.training, "validation": self.validation}
            ),
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return the JSON text; numbers are in shortest round-trip form."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class FitComparison:
    """Fits of the same data under several losses, and every fit scored under every loss.

    ``scores`` has a row for every fit and a value for every loss, over the training rows; None
    where the predictions of a fit are none that the loss takes.
    """

    version: str
    fits: tuple[Fit, ...]
    scores: tuple[tuple[float | None, ...], ...]

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses, as specs."""
        return tuple(fit.model.loss for fit in self.fits)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; numbers that are not finite are strings."""
        return {
            "schema": COMPARE_SCHEMA,
            "version": self.version,
            "losses": list(self.losses),
            "fits": [fit.to_dict() for fit in self.fits],
            "scores": plain(self.scores),
        }
