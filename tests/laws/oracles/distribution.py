"""One outcome of a distribution, or of one distribution against another."""

from __future__ import annotations

from tests.laws.oracles.core import Exact, Real, clipped, ln, mp, oracle, over, term


@oracle
def entropy(y: None, p: Real, base: Real) -> Exact:  # noqa: ARG001 - every oracle takes both
    unit = ln(base)
    return Exact([-term(p, ln(p)) / unit], [[-ln(p) / unit, -1 / unit]])


@oracle
def cross_entropy(y: Real, q: Real, base: Real, eps: Real) -> Exact:
    moved = clipped(q, eps)
    slope = -over(y, q) / ln(base) if moved == q else mp.zero
    return Exact([-term(y, ln(moved)) / ln(base)], [[slope]])


@oracle
def kl_divergence(y: Real, q: Real, base: Real, eps: Real = mp.zero) -> Exact:
    against = cross_entropy(y, q, base, eps)
    return Exact([term(y, ln(y)) / ln(base), *against.loss], against.slopes)


@oracle
def js_divergence(y: Real, q: Real, base: Real) -> Exact:
    middle = (y + q) / 2
    if not middle:
        return Exact([mp.zero], [[ln(2) / 2 / ln(base)]])  # as for any q > 0 beside y = 0
    both = term(y, ln(y / middle)) + term(q, ln(q / middle))
    return Exact([both / 2 / ln(base)], [[ln(q / middle) / 2 / ln(base)]])
