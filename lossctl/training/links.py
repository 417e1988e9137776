"""Links: how a model's outputs o become the predictions ŷ that a loss takes, and slopes go back.

A loss says where its predictions may lie, and the link is the usual function that leads there:
nothing for the real line and logits, the sigmoid for [0, 1], softmax for k shares, exp for what is
positive. Outputs are a row for each, k × n, or n numbers where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.errors import UsageError
from lossctl.losses.domain import LOG_UNIT, LOGIT, REAL, UNIT, Domain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lossctl.losses.bound import BoundLoss

    Floats = NDArray[np.float64]
    Back = Callable[[Floats], Floats]


class Link(NamedTuple):
    """ŷ = ``forward(o)``; ``back(slope, ŷ, o)`` is ∂ℓ/∂o where the slope is ∂ℓ/∂ŷ."""

    name: str
    forward: Callable[[Floats], Floats]
    back: Callable[[Floats, Floats, Floats], Floats]


def _sigmoid(o: Floats) -> Floats:
    t = np.exp(-np.abs(o))
    p: Floats = np.where(o >= 0.0, 1.0, t) / (1.0 + t)
    return p


def _softmax(o: Floats) -> Floats:
    powers = np.exp(o - o.max(axis=0))
    p: Floats = powers / powers.sum(axis=0)
    return p


def _log_softmax(o: Floats) -> Floats:
    z = o - o.max(axis=0)
    found: Floats = z - np.log(np.exp(z).sum(axis=0))
    return found


IDENTITY = Link("identity", lambda o: o, lambda slope, _, __: slope)
SIGMOID = Link("sigmoid", _sigmoid, lambda slope, p, o: slope * p * _sigmoid(-o))
EXP = Link("exp", np.exp, lambda slope, yhat, _: slope * yhat)
EXPM1 = Link("exp − 1", np.expm1, lambda slope, yhat, _: slope * (yhat + 1.0))
SOFTMAX = Link("softmax", _softmax, lambda slope, p, _: p * (slope - (slope * p).sum(axis=0)))
LOG_SOFTMAX = Link(
    "log-softmax", _log_softmax, lambda slope, yhat, _: slope - np.exp(yhat) * slope.sum(axis=0)
)


def _single(domain: Domain, loss: str) -> Link:
    """Return the link that leads into an interval."""
    if domain in (REAL, LOGIT):
        return IDENTITY
    if domain == UNIT:
        return SIGMOID
    if domain.low == 0.0 and domain.high == np.inf:
        return EXP
    if domain.low == -1.0 and domain.high == np.inf:
        return EXPM1
    raise UsageError(f"{loss} cannot be fitted: no link leads to predictions in {domain}")


def link_of(bound: BoundLoss, k: int) -> Link:
    """Return the link of a loss with k outputs, or raise UsageError where there is none."""
    loss = bound.loss
    if loss.roles:
        return _by_role([_single(role.domain, loss.name) for role in loss.roles], bound)
    if k == 1 or bound.pred in (REAL, LOGIT):
        return _single(bound.pred, loss.name)
    return LOG_SOFTMAX if bound.pred == LOG_UNIT else SOFTMAX


def _by_role(links: list[Link], bound: BoundLoss) -> Link:
    names = (
        f"{role.name}: {link.name}" for role, link in zip(bound.loss.roles, links, strict=True)
    )

    def forward(o: Floats) -> Floats:
        return np.stack([link.forward(row) for link, row in zip(links, o, strict=True)])

    def back(slope: Floats, yhat: Floats, o: Floats) -> Floats:
        rows = zip(links, slope, yhat, o, strict=True)
        return np.stack([link.back(s, p, z) for link, s, p, z in rows])

    return Link(", ".join(names), forward, back)
