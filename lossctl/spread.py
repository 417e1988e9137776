"""The standard error of a mean, a ratio or a difference of two, and its degrees of freedom.

For θ = Σ c_j·r_j with r_j = Σu_j/Σv let z_i = Σ c_j·u_ij − θ·v_i, which add up to 0. With
h_i = v_i/Σv and S_k = Σhᵏ, rows whose losses have one variance σ² give

    E Σz² = (Σv)² σ² (S₂ − 2S₃ + S₂²),

and the variance of θ is σ²·S₂: so se² = Σz²/(Σv)² · S₂/(S₂ − 2S₃ + S₂²), which is unbiased there
and s²/n for equal weights. Σz² is a quadratic form of the losses; a multiple of χ² that has its
mean and its variance for normal losses has

    df = (S₂ − 2S₃ + S₂²)² / (S₄ − 4S₅ + 4S₂S₄ + S₂⁴ − 4S₂²S₃ + 2S₃²)

degrees of freedom (Satterthwaite), n − 1 for equal weights.

Sources: Satterthwaite, "An approximate distribution of estimates of variance components" (1946);
Bell and McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage
samples" (Survey Methodology, 2002); Cochran, "Sampling Techniques" (1977), 2.15, for the rule on
skewness.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.exact import ratio, root_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.dyadic import Dyadic
    from lossctl.variation import Part

ROUNDING = 2.0**-50  # a third power, and a product of three, to this
KNOWN = 0.1  # a skewness with a larger rounding error than this is not known
ALONE = 1e-9  # share of Σz² that is left; below it one row has all the weight


class Totals(NamedTuple):
    """Sums as ``variation.Gram`` has them: whole numbers in one unit, or arrays over data sets."""

    first: Sequence[Any]
    second: Sequence[Any]
    third: Sequence[Any]
    powers: Sequence[Any]


class Forms(NamedTuple):
    """What the sums make of a combination of losses, W = Σv.

    ``top`` is W·θ; ``squares`` W²·Σz²; ``cubes`` W³·Σz³; ``left`` W⁴·(S₂ − 2S₃ + S₂²); ``own``
    W⁸ times the denominator of the degrees of freedom.
    """

    top: Any
    squares: Any
    cubes: Any
    left: Any
    own: Any


def forms_of(totals: Totals, c: Sequence[Any]) -> Forms:
    """Return them with + − × only: exact for whole numbers, and the same for arrays."""
    w, *u = totals.first
    top = sum((x * y for x, y in zip(c, u, strict=True)), 0)
    direction = [-top, *(w * x for x in c)]
    turned = [-top, *(w * x for x in (sum(c), *c[1:]))]  # of v, u_a and u_b − u_a
    p2, p3 = totals.second[0], totals.third[0]
    p4, p5 = totals.powers
    left = p2 * w**2 - 2 * p3 * w + p2**2
    own = p4 * w**4 - 4 * p5 * w**3 + 4 * p2 * p4 * w**2
    own = own + p2**4 - 4 * p2**2 * p3 * w + 2 * p3**2 * w**2
    squares = _form(direction, totals.second, 2)
    return Forms(top, squares, _form(turned, totals.third, 3), left, own)


def _form(x: Sequence[Any], sums: Sequence[Any], degree: int) -> Any:
    """Return the quadratic or cubic form at x."""
    total: Any = 0
    indices = combinations_with_replacement(range(len(x)), degree)
    for at, value in zip(indices, sums, strict=True):
        count = math.factorial(degree)
        for i in set(at):
            count //= math.factorial(at.count(i))
        total = total + count * value * reduce(lambda a, b: a * b, (x[i] for i in at))
    return total


class Spread(NamedTuple):
    """An estimate θ, its standard error and degrees of freedom, and the skewness of the z.

    ``n`` counts rows, or clusters. The skewness is NaN where rounding leaves none of its digits,
    and 0 where all z are 0. ``alone`` says that a single row has all the weight: no standard
    error is known then.
    """

    theta: Fraction
    se: float
    df: float
    skewness: float
    n: int
    alone: bool = False


def spread_of(part: Part, coefficients: Sequence[float | Fraction]) -> Spread:
    """Return the spread of Σ c_j·r_j over independent rows, or clusters; there must be two."""
    sums = part.settled()
    scales = [Fraction(c) for c in coefficients]
    common = math.lcm(*(c.denominator for c in scales))
    c = [int(x * common) for x in scales]
    # Everything in one unit 2^e of u and one of v: the same in all the forms.
    e_v, e_u = _units(sums.first, sums.second, sums.third, sums.powers)
    totals = Totals(
        _whole(sums.first, 1, e_v, e_u),
        _whole(sums.second, 2, e_v, e_u),
        _whole(sums.third, 3, e_v, e_u),
        [x.above(k * e_v) for x, k in zip(sums.powers, (4, 5), strict=True)],
    )
    forms = forms_of(totals, c)
    w, n = totals.first[0], sums.rows
    unit = Fraction(2) ** (e_u - e_v) / common
    theta = Fraction(forms.top, w) * unit
    p2 = totals.second[0]
    # left and p2 w² are W⁴ and W² times shares; a negative one is rounding.
    if n < 2 or forms.left <= ALONE * p2 * w**2:
        return Spread(theta, math.nan, math.nan, math.nan, n, alone=True)
    numerator = forms.squares * p2 * unit.numerator**2
    denominator = w**2 * forms.left * unit.denominator**2
    se = root_ratio(numerator, denominator) if numerator else 0.0
    df = ratio(forms.left**2, forms.own)
    return Spread(theta, se, df, _skewness(totals, forms, c, n), n)


def _units(*groups: Sequence[Dyadic]) -> tuple[int, int]:
    """Return units of v and u in which every sum is whole."""
    first, second, third, powers = groups
    e_v = min([first[0].exponent, second[0].exponent // 2, third[0].exponent // 3])
    e_v = min([e_v, powers[0].exponent // 4, powers[1].exponent // 5])
    e_u = 0
    for degree, sums in enumerate((first, second, third), start=1):
        indices = combinations_with_replacement(range(len(first)), degree)
        for at, x in zip(indices, sums, strict=True):
            count = sum(i > 0 for i in at)
            if count and x.mantissa:
                e_u = min(e_u, (x.exponent - (degree - count) * e_v) // count)
    return e_v, e_u


def _whole(sums: Sequence[Dyadic], degree: int, e_v: int, e_u: int) -> list[int]:
    columns = 2 if len(sums) == degree + 1 else 3  # v and one or two u
    indices = combinations_with_replacement(range(columns), degree)
    return [
        x.above(sum(e_u if i else e_v for i in at)) for at, x in zip(indices, sums, strict=True)
    ]


def _skewness(totals: Totals, forms: Forms, c: Sequence[int], n: int) -> float:
    """Return the skewness of the z (of the population, not corrected)."""
    if not forms.squares:
        return 0.0
    size = root_ratio(n * forms.cubes**2, forms.squares**3) if forms.cubes else 0.0
    # Rounding: each term is below the product of three norms (of v, u_a and u_b − u_a).
    second = totals.second
    norms = [second[0], second[2] if len(c) == 1 else second[3]]
    if len(c) == 2:
        norms.append(second[3] - 2 * second[4] + second[5])
    turned = [forms.top, *(totals.first[0] * x for x in (sum(c), *c[1:]))]
    parts = (ratio(x * x * norm, forms.squares) for x, norm in zip(turned, norms, strict=True))
    loss = math.sqrt(n) * ROUNDING * sum(math.sqrt(part) for part in parts) ** 3
    if loss > KNOWN:
        return math.nan
    return size if forms.cubes > 0 else -size
