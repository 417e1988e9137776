"""A loss with its parameters, to be called on arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossctl.errors import UsageError
from lossctl.losses.domain import Domain
from lossctl.losses.registry import Floats, Form, Loss, Slope
from lossctl.losses.rows import row_mean, row_sum

NO_PARAMS: Mapping[str, Any] = {}
MIXED_SIGNS = "labels are −1 and 1, or 0 and 1, not −1 and 0 in one input"


def reduce_outputs(
    form: Form, value: Floats, slope: Slope, *, outputs_sum: bool
) -> tuple[Floats, Slope]:
    """Make one loss a row out of its k terms: their mean, or their sum."""
    if value.ndim == 1 or form not in ("elementwise", "distribution"):
        return value, slope
    if form == "distribution" or outputs_sum:
        return row_sum(value), slope
    k = value.shape[-1]
    return row_mean(value), lambda: slope() / k


class BoundLoss(NamedTuple):
    """A loss with its parameters: call it for per-sample losses, ``slope`` for ∂ℓ/∂ŷ."""

    loss: Loss
    params: Mapping[str, Any] = NO_PARAMS

    @property
    def spec(self) -> str:
        """The loss as it is named anywhere, with every parameter that is not its default."""
        named = (
            f":{param.name}={param.spell(self.params[param.name])}"
            for param in self.loss.params
            if self.params[param.name] != param.default
        )
        return self.loss.name + "".join(named)

    @property
    def y(self) -> Domain | None:
        """Where the truth may lie at these parameters; None where there is none."""
        y = self.loss.y
        return y(self.params) if callable(y) else y

    @property
    def pred(self) -> Domain:
        """Where predictions may lie at these parameters."""
        pred = self.loss.pred
        return pred(self.params) if callable(pred) else pred

    def domains(self, k: int) -> tuple[Domain, ...]:
        """Return where each of k prediction columns may lie."""
        if self.loss.roles:
            return tuple(role.domain for role in self.loss.roles)
        return (self.pred,) * k

    def __call__(self, y: Any, yhat: Any) -> Floats:
        """Return the n per-sample losses of y and yhat (shapes as on the page of the loss)."""
        return self.both(y, yhat)[0]

    def slope(self, y: Any, yhat: Any) -> Floats:
        """Return ∂ℓ/∂ŷ, in the shape of yhat."""
        return self.both(y, yhat)[1]()

    def both(self, y: Any, yhat: Any) -> tuple[Floats, Slope]:
        """Check shapes and domains, then return the losses and the function of the slopes."""
        pred = np.asarray(yhat, dtype=np.float64, order="C")
        k = 1 if pred.ndim < 2 else pred.shape[-1]
        form = self.loss.form(k)
        self._fit(form, pred)
        truth = None if self.loss.y is None else self._truth(y, pred, form)
        for at, domain in enumerate(self.domains(k)):
            if self.loss.roles:
                self._inside(pred[..., at], domain, self.loss.roles[at].name)
            elif at == 0:
                self._inside(pred, domain, "ŷ")
        rule = self.loss.rule
        if rule is not None and rule.broken(truth, pred).any():
            raise UsageError(f"{self.loss.name}: {rule.text}")
        value, slope = self.loss.kernel(truth, pred, **self.params)
        return reduce_outputs(form, value, slope, outputs_sum=False)

    def _fit(self, form: Form, pred: Floats) -> None:
        """Refuse predictions of a shape that the loss does not take."""
        k = len(self.loss.roles)
        if k and (pred.ndim < 2 or pred.shape[-1] != k):
            names = ", ".join(role.name for role in self.loss.roles)
            raise UsageError(f"{self.loss.name}: ŷ must be n × {k} ({names}), got {pred.shape}")
        if form in ("classes", "vectors", "ensemble") and pred.ndim < 2:
            raise UsageError(f"{self.loss.name}: ŷ must be n × k, got {pred.shape}")

    def _truth(self, y: Any, pred: Floats, form: Form) -> NDArray[Any]:
        """Return y as the kernel takes it."""
        domain = self.y
        assert domain is not None
        truth: NDArray[Any] = np.asarray(y)
        one = form in ("roles", "ensemble") or (form == "classes" and truth.ndim == pred.ndim - 1)
        labels = one and form == "classes"
        truth = self._whole(truth) if labels else np.asarray(truth, np.float64, "C")
        if truth.shape != (pred.shape[:-1] if one else pred.shape):
            raise UsageError(
                f"{self.loss.name}: y has shape {truth.shape} and ŷ {pred.shape}; they must agree"
            )
        if not labels:
            self._inside(truth, domain, "y")
        elif truth.size and not (truth.min() >= 0 and truth.max() < pred.shape[-1]):
            raise UsageError(f"{self.loss.name}: y must be in 0…{pred.shape[-1] - 1}")
        if self.loss.labels == "signed" and form == "elementwise":
            if (truth < 0.0).any() and ((truth >= 0.0) & (truth < 1.0)).any():
                raise UsageError(f"{self.loss.name}: {MIXED_SIGNS}")
            truth = np.maximum(truth, 0.0)
        return truth

    def _whole(self, labels: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(invalid="ignore"):
            whole = labels.astype(np.intp)
        if not np.array_equal(whole, labels):
            raise UsageError(f"{self.loss.name}: y must be the numbers of classes")
        return whole

    def _inside(self, x: Floats, domain: Domain, name: str) -> None:
        if not domain.holds(x):
            bad = x.ravel()[domain.first_outside(x.ravel())]
            hint = f". {self.loss.hint}" if name == "ŷ" and self.loss.hint else ""
            raise UsageError(f"{self.loss.name}: {name} must be in {domain}, got {bad}{hint}")

    def __hash__(self) -> int:
        """Equal specs are equal losses."""
        return hash(self.spec)
