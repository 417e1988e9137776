"""Probabilities or logits against a label or against soft labels.

A loss that has both a binary form and one for k classes takes the first for a ŷ that is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.laws.oracles.core import (
    Exact,
    Real,
    clipped,
    kept,
    ln,
    mp,
    oracle,
    over,
    power,
    raised,
    shares,
    sigmoid,
    smoothed,
    term,
)


@oracle
def bce(y: Real, p: Real, label_smoothing: Real, eps: Real) -> Exact:
    t = smoothed(y, label_smoothing, 2)
    q = clipped(p, eps)
    slope = [over(1 - t, 1 - q), -over(t, q)] if q == p else [mp.zero]
    return Exact([-term(t, ln(q)), -term(1 - t, ln(1 - q))], [slope])


@oracle
def bce_with_logits(y: Real, z: Real, pos_weight: Real, label_smoothing: Real) -> Exact:
    t = smoothed(y, label_smoothing, 2)
    with mp.workprec(mp.prec if pos_weight <= 1 else 2 * mp.prec):  # it lifts what is below 2⁻¹⁰⁷⁴
        yes, no = sigmoid(z), sigmoid(-z)
        return Exact(
            [-term(pos_weight * t, ln(yes)), -term(1 - t, ln(no))],
            [[(1 - t) * yes, -pos_weight * t * no]],
        )


@oracle
def cce(y: Any, p: Sequence[Real], label_smoothing: Real, eps: Real) -> Exact:
    t = shares(y, label_smoothing, len(p))
    q = [clipped(x, eps) for x in p]
    return Exact(
        [-term(a, ln(b)) for a, b in zip(t, q, strict=True)],
        [[-over(a, b) if b == x else mp.zero] for a, b, x in zip(t, q, p, strict=True)],
    )


@oracle
def cce_with_logits(y: Any, z: Sequence[Real], label_smoothing: Real) -> Exact:
    t = shares(y, label_smoothing, len(z))
    if mp.inf in z:  # all of the probability is there
        powers = [mp.mpf(x == mp.inf) for x in z]
        below = [mp.zero if x == mp.inf else mp.inf for x in z]
    else:
        below = [max(z) - x for x in z]
        powers = [power(-x) for x in below]
    total, everything = mp.fsum(powers), mp.fsum(t)
    p = [x / total for x in powers]
    return Exact(
        [term(a, x + ln(total)) for a, x in zip(t, below, strict=True)],
        [
            [everything * b, -a] if a != everything else [-a * (1 - b)]  # the class of a hard label
            for a, b in zip(t, p, strict=True)
        ],
    )


@oracle
def perplexity(y: Any, p: Any, label_smoothing: Real = mp.zero, eps: Real = mp.zero) -> Exact:
    return cce(y, p, label_smoothing, eps)


@oracle
def nll(y: Any, logs: Sequence[Real], label_smoothing: Real = mp.zero) -> Exact:
    t = shares(y, label_smoothing, len(logs))
    return Exact([-term(a, x) for a, x in zip(t, logs, strict=True)], [[-a] for a in t])


@oracle
def brier(y: Any, p: Any, label_smoothing: Real = mp.zero) -> Exact:
    row = p if isinstance(p, list) else [p]
    t = shares(y, label_smoothing, len(p)) if row is p else [smoothed(y, label_smoothing, 2)]
    pairs = list(zip(row, t, strict=True))
    if label_smoothing:  # t is a sum itself, and need not be rounded better than its size
        squares = [mp.fsum(x**2 for x in side) for side in (row, t)]
        products = mp.fsum(a * b for a, b in pairs)
        return Exact([*squares, -2 * products], [[2 * a, -2 * b] for a, b in pairs])
    return Exact([(a - b) ** 2 for a, b in pairs], [[2 * (a - b)] for a, b in pairs])


@oracle
def focal(
    y: Any, p: Any, gamma: Real, alpha: Real | None = None, label_smoothing: Real = mp.zero
) -> Exact:
    if isinstance(p, list):
        factor = mp.one if alpha is None else alpha
        t = [factor * share for share in shares(y, label_smoothing, len(p))]
        nothing = mp.zero, mp.zero
        costs = [_focal(x, 1 - x, gamma) if a else nothing for a, x in zip(t, p, strict=True)]
        return Exact(
            [term(a, cost) for a, (cost, _) in zip(t, costs, strict=True)],
            [[term(a, slope)] for a, (_, slope) in zip(t, costs, strict=True)],
        )
    yes, no = _sides(y, alpha, label_smoothing)
    hit, miss = _focal(p, 1 - p, gamma), _focal(1 - p, p, gamma)
    return Exact([term(yes, hit[0]), term(no, miss[0])], [[term(yes, hit[1]), -term(no, miss[1])]])


def _sides(y: Real, alpha: Real | None, smoothing: Real) -> tuple[Real, Real]:
    """Return the factors of the loss at 1 and of that at 0."""
    t = smoothed(y, smoothing, 2)
    return (t, 1 - t) if alpha is None else (alpha * t, (1 - alpha) * (1 - t))


@kept
def _focal(p: Real, rest: Real, gamma: Real) -> tuple[Real, Real]:
    """Return −(1 − p)^γ ln p and its slope in p."""
    faded = raised(rest, gamma)
    inner = term(gamma, faded / rest * ln(p)) if rest else mp.zero  # its limit
    return term(faded, -ln(p)), inner - over(faded, p)


@oracle
def focal_with_logits(
    y: Any, z: Any, gamma: Real, alpha: Real | None = None, label_smoothing: Real = mp.zero
) -> Exact:
    if isinstance(z, list):
        return _focal_of_softmax(y, z, gamma, alpha, label_smoothing)
    yes, no = _sides(y, alpha, label_smoothing)
    p, q = sigmoid(z), sigmoid(-z)
    hit, miss = _focal_of_logit(p, q, gamma), _focal_of_logit(q, p, gamma)
    return Exact(
        [term(yes, hit[0]), term(no, miss[0])],
        [[-term(yes, q * hit[1]), term(no, p * miss[1])]],
    )


@kept
def _focal_of_logit(p: Real, rest: Real, gamma: Real) -> tuple[Real, Real]:
    """Return −(1 − p)^γ ln p, and −p times its slope in p."""
    faded = raised(rest, gamma)
    moving = gamma * faded / rest * term(p, -ln(p)) if rest else mp.zero
    return term(faded, -ln(p)), faded + moving


def _focal_of_softmax(
    y: Any, z: list[Real], gamma: Real, alpha: Real | None, smoothing: Real
) -> Exact:
    """∂ℓ/∂zⱼ = Σₖ αtₖ hₖ (pⱼ − δₖⱼ), where hₖ is −p times the slope in p."""
    top = max(z)
    powers = [mp.mpf(x == top) if top == mp.inf else power(x - top) for x in z]
    total = mp.fsum(powers)
    p = [x / total for x in powers]
    rest = [mp.fsum(p[:k] + p[k + 1 :]) for k in range(len(p))]
    factor = mp.one if alpha is None else alpha
    t = [factor * share for share in shares(y, smoothing, len(z))]
    costs = [
        _focal_of_logit(p[k], rest[k], gamma) if t[k] else (mp.zero, mp.zero) for k in range(len(p))
    ]
    pulls = [term(a, h) for a, (_, h) in zip(t, costs, strict=True)]
    return Exact(
        [term(a, cost) for a, (cost, _) in zip(t, costs, strict=True)],
        [[p[j] * mp.fsum(pulls[:j] + pulls[j + 1 :]), -rest[j] * pulls[j]] for j in range(len(z))],
    )
