"""A count or an amount against the mean that was predicted for it, μ = ŷ."""

from __future__ import annotations

from tests.laws.oracles.core import Exact, Real, ln, mp, oracle, power, raised, term


@oracle
def poisson_nll(y: Real, mu: Real) -> Exact:
    return Exact([mu, -term(y, ln(mu))], [[mp.one, -y / mu]])


@oracle
def poisson_nll_with_log(y: Real, z: Real) -> Exact:
    rate = power(z)
    if rate == mp.inf:  # it outgrows any y·z
        return Exact([mp.inf], [[mp.inf]])
    return Exact([rate, -term(y, z)], [[rate, -y]])


@oracle
def poisson_deviance(y: Real, mu: Real) -> Exact:
    logs = y * ln(y / mu) if y else mp.zero
    return Exact([2 * (logs - y + mu)], [[mp.mpf(2), -2 * y / mu]])


@oracle
def gamma_nll(y: Real, mu: Real) -> Exact:
    return Exact([y / mu, ln(mu)], [[(mu - y) / mu**2]])


@oracle
def gamma_deviance(y: Real, mu: Real) -> Exact:
    return Exact([2 * (ln(mu / y) + y / mu - 1)], [[2 * (mu - y) / mu**2]])


@oracle
def tweedie_deviance(y: Real, mu: Real, power: Real) -> Exact:
    p = power
    if p == 0:
        return Exact([(y - mu) ** 2], [[2 * (mu - y)]])
    if y == mu:  # no precision would do where the terms have trillions of digits
        return Exact([mp.zero], [[mp.zero]])
    slope = 2 * (mu - y) * raised(mu, -p)
    if p == 1:
        return Exact(poisson_deviance(y, mu).loss, [[slope]])
    if p == 2:
        return Exact(gamma_deviance(y, mu).loss, [[slope]])
    value = (
        raised(max(y, mp.zero), 2 - p) / ((1 - p) * (2 - p))
        - y * raised(mu, 1 - p) / (1 - p)
        + raised(mu, 2 - p) / (2 - p)
    )
    return Exact([2 * value], [[slope]])


@oracle
def tweedie_nll(y: Real, mu: Real, power: Real) -> Exact:
    p = power
    return Exact(
        [-y * raised(mu, 1 - p) / (1 - p), raised(mu, 2 - p) / (2 - p)],
        [[(mu - y) * raised(mu, -p)]],
    )


@oracle
def gaussian_nll(y: Real, yhat: list[Real]) -> Exact:
    mean, variance = yhat
    e = mean - y
    return Exact(
        [ln(variance) / 2, e**2 / variance / 2],
        [[e / variance], [1 / variance / 2, -(e**2) / variance**2 / 2]],
    )
