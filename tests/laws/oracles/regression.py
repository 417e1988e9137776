"""A number against a number: e = ŷ − y, all of whose bits are kept, up to 2,100 of them."""

from __future__ import annotations

from tests.laws.oracles.core import Exact, Real, finer, ln, mp, oracle, power


def error(y: Real, yhat: Real) -> Real:
    """Return ŷ − y, exactly."""
    return mp.fsub(yhat, y, exact=True)


def size(y: Real, yhat: Real) -> Real:
    """Return |ŷ − y|, exactly."""
    return error(min(y, yhat), max(y, yhat))


@oracle
def mae(y: Real, yhat: Real) -> Exact:
    return Exact([size(y, yhat)], [[mp.sign(error(y, yhat))]])


@oracle
def wape(y: Real, yhat: Real) -> Exact:
    return mae(y, yhat)


@oracle
def median_ae(y: Real, yhat: Real) -> Exact:
    return mae(y, yhat)


@oracle
def max_error(y: Real, yhat: Real) -> Exact:
    return mae(y, yhat)


@oracle
def mean_bias(y: Real, yhat: Real) -> Exact:
    return Exact([error(y, yhat)], [[mp.one]])


@oracle
def mse(y: Real, yhat: Real) -> Exact:
    e = error(y, yhat)
    return Exact([e**2], [[2 * e]])


@oracle
def rmse(y: Real, yhat: Real) -> Exact:
    return mse(y, yhat)


@oracle
def r2(y: Real, yhat: Real) -> Exact:
    return mse(y, yhat)


@oracle
def explained_variance(y: Real, yhat: Real) -> Exact:
    return mse(y, yhat)


@oracle
def huber(y: Real, yhat: Real, delta: Real) -> Exact:
    e = error(y, yhat)
    if size(y, yhat) <= delta:
        return Exact([e**2 / 2], [[e]])
    return Exact([delta * (abs(e) - delta / 2)], [[delta * mp.sign(e)]])


@oracle
def smooth_l1(y: Real, yhat: Real, beta: Real) -> Exact:
    by_huber = huber(y, yhat, beta)
    return Exact([by_huber.value / beta], [[by_huber.gradient[0] / beta]])


@oracle
def pseudo_huber(y: Real, yhat: Real, delta: Real) -> Exact:
    e = error(y, yhat)
    square = (e / delta) ** 2
    with finer(square):
        root = mp.sqrt(1 + square)
        return Exact([delta**2 * (root - 1)], [[e / root]])


@oracle
def log_cosh(y: Real, yhat: Real) -> Exact:
    e = error(y, yhat)
    if abs(e) > mp.prec:  # e⁻²ᵉ lies beyond the last digit
        return Exact([abs(e) - ln(mp.mpf(2))], [[mp.sign(e)]])
    with finer(e**2):
        up = power(e)
        down = 1 / up
        return Exact([mp.log((up + down) / 2)], [[(up - down) / (up + down)]])


@oracle
def fair(y: Real, yhat: Real, c: Real) -> Exact:
    e = error(y, yhat)
    x = abs(e) / c
    with finer(x**2):
        return Exact([c**2 * (x - mp.log(1 + x))], [[c * e / (c + abs(e))]])


@oracle
def cauchy(y: Real, yhat: Real, c: Real) -> Exact:
    e = error(y, yhat)
    square = (e / c) ** 2
    with finer(square):
        return Exact([c**2 / 2 * mp.log(1 + square)], [[e / (1 + square)]])


@oracle
def quantile(y: Real, yhat: Real, q: Real) -> Exact:
    slope = -q if y > yhat else 1 - q if y < yhat else mp.zero
    e = error(y, yhat)
    return Exact([max(-q * e, (1 - q) * e)], [[slope]])


@oracle
def expectile(y: Real, yhat: Real, q: Real) -> Exact:
    e = error(y, yhat)
    factor = abs(q - 1) if y <= yhat else q
    return Exact([factor * e**2], [[2 * factor * e]])


@oracle
def epsilon_insensitive(y: Real, yhat: Real, epsilon: Real) -> Exact:
    e = error(y, yhat)
    beyond = mp.fsub(size(y, yhat), epsilon, exact=True)
    if beyond <= 0:
        return Exact([mp.zero], [[mp.zero]])
    return Exact([beyond], [[mp.sign(e)]])


@oracle
def mape(y: Real, yhat: Real, zero: str = "error") -> Exact:  # noqa: ARG001 - such rows never come
    return Exact([size(y, yhat) / abs(y)], [[mp.sign(error(y, yhat)) / abs(y)]])


@oracle
def smape(y: Real, yhat: Real) -> Exact:
    e = error(y, yhat)
    total = abs(y) + abs(yhat)
    if not total:
        return Exact([mp.zero], [[mp.zero]])
    slope = 4 * abs(y) * mp.sign(e) / total**2 if y * yhat > 0 else mp.zero
    return Exact([2 * abs(e) / total], [[slope]])


@oracle
def msle(y: Real, yhat: Real) -> Exact:
    difference = mp.log(1 + yhat) - mp.log(1 + y)
    return Exact([difference**2], [[2 * difference / (1 + yhat)]])


@oracle
def rmsle(y: Real, yhat: Real) -> Exact:
    return msle(y, yhat)
