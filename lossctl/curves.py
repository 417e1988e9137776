"""The curve of a loss: its value and its slope along one line through its predictions.

What moves and what stands still follows from what the loss declares; the numbers are those of
its own kernel. A curve is data, for whatever draws it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossctl.losses.bound import BoundLoss
from lossctl.losses.domain import Domain
from lossctl.losses.registry import Floats

STEPS = 960  # many factors, so that whole numbers and halves of a window are among its points


@dataclass(frozen=True, slots=True)
class Line:
    """The numbers along a curve, and what tells them from another line's ("" for a lone one)."""

    name: str
    values: Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses and slopes of single rows along ``x``.

    ``symbol`` is what x is called, ``about`` says the same in words with all that stands still;
    ``slope_symbol`` is the derivative that the slopes are.
    """

    x: Floats
    symbol: str
    about: str
    loss: tuple[Line, ...]
    slope: tuple[Line, ...]
    slope_symbol: str


def curve_of(bound: BoundLoss) -> Curve:
    """Return the curve of a loss at its parameters."""
    match bound.loss.kind:
        case "classes":
            return _of_a_class(bound)
        case "distribution":
            return _of_a_share(bound)
        case "vectors":
            return _of_an_angle(bound)
        case "roles":
            return _of_roles(bound)
        case "ensemble":
            return _of_an_ensemble(bound)
        case _:  # one column, which is what an "either" loss takes as well
            return _of_a_number(bound)


def _of_a_number(bound: BoundLoss) -> Curve:
    pred, y = bound.pred, bound.y
    if bound.loss.labels != "real" or bound.loss.kind == "either":
        symbol = "p" if _shares(pred) else "z" if _free(pred) else "ŷ"
        low = -1.0 if bound.loss.labels == "signed" else 0.0
        truths = {f"y = {_text(label)}": label for label in (1.0, low)}
        return _lines(bound, symbol, f"{symbol} = ŷ", _window(pred, 4.0), truths)
    if y is None:
        return _lines(bound, "ŷ", "ŷ", _window(pred, 3.0), {"": 0.0})
    if _free(pred) and _moves_along(bound):
        return _lines(bound, "e", "e = ŷ − y at y = 0", _window(pred, 3.0), {"": 0.0})
    truth = 1.0 if 1.0 in y else _inner(y)
    window = _window(pred, 2.0, truth)
    return _lines(bound, "ŷ", f"ŷ at y = {_text(truth)}", window, {"": truth})


def _lines(bound: BoundLoss, symbol: str, about: str, x: Floats, truths: dict[str, float]) -> Curve:
    """Return the curve of a prediction x, one line for each truth."""
    losses, slopes = [], []
    for name, truth in truths.items():
        value, slope = bound.both(np.full(x.shape, truth), x)
        losses.append(Line(name, value))
        slopes.append(Line(name, slope()))
    variable = "ŷ" if symbol == "e" else symbol
    return Curve(x, symbol, about, tuple(losses), tuple(slopes), f"∂ℓ/∂{variable}")


def _moves_along(bound: BoundLoss) -> bool:
    """Whether the loss depends on e = ŷ − y alone: moved together, y and ŷ leave it as it is."""
    e = np.array([-2.5, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0])
    places = (0.0, 1.0, 8.0)
    if bound.y is None or not all(place in bound.y for place in places):
        return False
    first, *others = (bound(np.full(e.shape, place), e + place) for place in places)
    return all(np.allclose(first, other, rtol=1e-9, atol=0.0) for other in others)


def _of_a_class(bound: BoundLoss) -> Curve:
    """Return the curve over the prediction for the true class, the first of three."""
    pred = bound.pred
    if _shares(pred):
        symbol, about, x = "p", "p of the true class among three, the others equal", _grid(0, 1)
        others = (1.0 - x) / 2.0
    elif math.isfinite(pred.high):
        symbol, about = "ln p", "ln p of the true class among three, the others equal"
        x = _grid(-4.0, 0.0)
        with np.errstate(divide="ignore"):
            others = np.log(-np.expm1(x) / 2.0)
    else:
        symbol, about = "z", "z of the true class among three, the others 0"
        x = _window(pred, 4.0)
        others = np.zeros_like(x)
    yhat = np.column_stack((x, others, others))
    allowed = pred.where(yhat).all(axis=1)  # an end need not be
    x, yhat = x[allowed], yhat[allowed]
    value, slope = bound.both(np.zeros(len(x), dtype=np.intp), yhat)
    variable = "ŷ" if symbol == "ln p" else symbol
    return _single(x, symbol, about, value, slope()[:, 0], f"∂ℓ/∂{variable} of the true class")


def _of_a_share(bound: BoundLoss) -> Curve:
    """Return the curve over the share of one of two outcomes."""
    x = _grid(0.0, 1.0)
    x = x[bound.pred.where(x) & bound.pred.where(1.0 - x)]
    yhat = np.column_stack((x, 1.0 - x))
    y = None if bound.loss.y is None else np.full(yhat.shape, 0.5)
    truth = "" if y is None else " against (½, ½)"
    value, slope = bound.both(y, yhat)
    about = f"p, one of two shares (p, 1 − p){truth}"
    total = value if value.ndim == 1 else value.sum(axis=1)
    return _single(x, "p", about, total, slope()[:, 0], "∂ℓ/∂p of that share")


def _of_an_angle(bound: BoundLoss) -> Curve:
    """Return the curve over the angle between two vectors in the plane."""
    x = _grid(-180.0, 180.0)
    sine, cosine = np.sin(np.radians(x)), np.cos(np.radians(x))
    y = np.column_stack((np.ones_like(x), np.zeros_like(x)))
    value, slope = bound.both(y, np.column_stack((cosine, sine)))
    s = slope()
    turned = s[:, 1] * cosine - s[:, 0] * sine
    about = "θ, the angle in degrees between ŷ and y, both of length 1"
    return _single(x, "θ", about, value, turned, "dℓ/dθ per radian")


def _of_roles(bound: BoundLoss) -> Curve:
    """Return the curve of roles that are all alike over y, of others over the first of them."""
    roles = bound.loss.roles
    y = bound.y
    assert y is not None
    alike = all(role.domain == roles[0].domain for role in roles)
    if alike and len(roles) > 1:
        x = _window(y, 3.0)
        middle = float(x[len(x) // 2])
        half = (float(x[-1]) - middle) / 3.0
        fixed = np.linspace(middle - half, middle + half, len(roles))
        yhat = np.repeat(fixed[np.newaxis, :], len(x), axis=0)
        where = ", ".join(f"{r.name} {_text(at)}" for r, at in zip(roles, fixed, strict=True))
        symbol, about, truth = "y", f"y at {where}", x
    else:
        free = _free(roles[0].domain)
        at = 0.0 if free and 0.0 in y else 1.0 if 1.0 in y else _inner(y)
        x = _window(roles[0].domain, 3.0 if free else 2.0, at)
        others = [1.0 if 1.0 in role.domain else _inner(role.domain) for role in roles[1:]]
        yhat = np.column_stack((x, *(np.full(x.shape, other) for other in others)))
        named = [f"{r.name} {_text(v)}" for r, v in zip(roles[1:], others, strict=True)]
        symbol = "e" if at == 0.0 else roles[0].name
        moving = f"e = {roles[0].name} − y" if at == 0.0 else roles[0].name
        about = f"{moving} at {', '.join([f'y = {_text(at)}', *named])}"
        truth = np.full(x.shape, at)
    value, slope = bound.both(truth, yhat)
    s = slope()
    slopes = tuple(Line(f"∂ℓ/∂{role.name}", s[:, at]) for at, role in enumerate(roles))
    return Curve(x, symbol, about, (Line("", value),), slopes, "∂ℓ/∂ŷ")


def _of_an_ensemble(bound: BoundLoss) -> Curve:
    """Return the curve of five members that move across y together."""
    truth = 0.0 if _free(bound.pred) else bound.pred.low + 5.0
    x = _grid(truth - 3.0, truth + 3.0)
    spread = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    value, slope = bound.both(np.full(x.shape, truth), x[:, np.newaxis] + spread)
    about = f"m at y = {_text(truth)}, with the members m − 1, m − ½, m, m + ½, m + 1"
    return _single(x, "m", about, value, slope().sum(axis=1), "dℓ/dm")


def _single(
    x: Floats, symbol: str, about: str, value: Floats, slope: Any, slope_symbol: str
) -> Curve:
    return Curve(x, symbol, about, (Line("", value),), (Line("", slope),), slope_symbol)


def _grid(low: float, high: float) -> Floats:
    """Return evenly spaced numbers; those that are short in binary are hit exactly."""
    at = np.arange(STEPS + 1.0)
    x: Floats = (low * (STEPS - at) + high * at) / STEPS
    return x


def _window(domain: Domain, reach: float, around: float = 0.0) -> Floats:
    """Return numbers of a domain: all of it where it is short, else those near ``around``."""
    low = domain.low if math.isfinite(domain.low) else min(around, domain.high) - reach
    high = domain.high if math.isfinite(domain.high) else max(around, domain.low) + reach
    x = _grid(low, high)
    return x[domain.where(x)]


def _free(domain: Domain) -> bool:
    return math.isinf(domain.low) and math.isinf(domain.high)


def _shares(domain: Domain) -> bool:
    return domain.low == 0.0 and domain.high == 1.0


def _inner(domain: Domain) -> float:
    """Return a number of the domain, none of its ends."""
    x = _window(domain, 2.0)
    return float(x[len(x) // 2])


def _text(x: float) -> str:
    return f"{x:g}".replace("-", "−")
