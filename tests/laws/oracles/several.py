"""Several predictions of a row that belong together: an interval, an ensemble, a vector."""

from __future__ import annotations

from tests.laws.oracles.core import Exact, Real, mp, oracle


@oracle
def interval_score(y: Real, yhat: list[Real], alpha: Real) -> Exact:
    lower, upper = yhat
    below, above = max(lower - y, mp.zero), max(y - upper, mp.zero)
    slopes = [
        [-mp.one, 2 / alpha if below else mp.zero],
        [mp.one, -2 / alpha if above else mp.zero],
    ]
    # at an end that y lies on the loss has a kink, where a slope is 0
    ties = (lower == y, upper == y)
    return Exact(
        [upper - lower, 2 / alpha * below, 2 / alpha * above],
        [[mp.zero] if tie else terms for tie, terms in zip(ties, slopes, strict=True)],
    )


@oracle
def crps(y: Real, members: list[Real]) -> Exact:
    k = len(members)
    away = mp.fsum(abs(x - y) for x in members) / k
    apart = mp.fsum(abs(a - b) for a in members for b in members) / k**2
    slopes = [
        [mp.sign(a - y) / k - mp.fsum(mp.sign(a - b) for b in members) / k**2] for a in members
    ]
    return Exact([away - apart / 2], slopes)


@oracle
def cosine_distance(y: list[Real], yhat: list[Real]) -> Exact:
    length_y, length = (mp.sqrt(mp.fsum(x**2 for x in v)) for v in (y, yhat))
    cosine = mp.fsum(a * b for a, b in zip(y, yhat, strict=True)) / (length_y * length)
    slopes = [
        [cosine * b / length**2, -a / (length_y * length)] for a, b in zip(y, yhat, strict=True)
    ]
    return Exact([1 - cosine], slopes)
