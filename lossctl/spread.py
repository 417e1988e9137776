"""The standard error of a mean, a ratio or a difference of two, and its degrees of freedom.

For θ = Σ c_j·r_j with r_j = Σu_j/Σv let z_i = Σ c_j·u_ij − θ·v_i, which add up to 0, and
h_i = v_i/Σv, S₂ = Σh². Let the variances of the Σ c_j·u_ij be as s_i, Σs = 1: s = h²/S₂ where all
losses have one variance, as is assumed of rows. Then, as multiples of the variance of θ,

    E Σz²/(Σv)² = f = 1 − 2Σsh + S₂,

so that se² = Σz² / (f·(Σv)²) is unbiased there; it is s²/n for equal weights. Σz² is a quadratic
form; the multiple of χ² with its mean and its variance, for normal losses, has

    df = f² / (Σs²(1 − 4h + 2S₂) + Σ_ij s_i s_j (S₂ − h_i − h_j)²)

degrees of freedom (Satterthwaite), n − 1 for equal weights. With unequal weights the estimate θ
and Σz² are not independent: of E Σz², a share δ = Σ(s − h)²/f comes from the normal variable that
θ itself is, and grows with its square. |θ|² > t² se² is then |θ|² (1 − t²δ) > t² (1 − δ) R with R
independent of θ, so that the quantile q of Student's t stands for t = q / √(1 − δ + q²δ). Equal
weights have δ = 0.

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
from lossctl.student import cdf, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.dyadic import Dyadic
    from lossctl.parts import Gram, Part

ROUNDING = 2.0**-50  # a third power, and a product of three, to this
KNOWN = 0.1  # a skewness with a larger rounding error than this is not known
WORKING = (2, 3, 4, 4, 5)  # powers of the unit of v in the working sums
ALONE = 10**9  # 1/f from which one row has all the weight: rounding is what is left


class Totals(NamedTuple):
    """Sums as ``parts.Gram`` has them: whole numbers in one unit, or arrays over data sets."""

    first: Sequence[Any]
    second: Sequence[Any]
    third: Sequence[Any]
    working: Sequence[Any]


class Forms(NamedTuple):
    """What the sums make of a combination of losses, W = Σv.

    ``top`` is W·θ; ``squares`` W²·Σz²; ``cubes`` W³·Σz³. With A = Σs not yet 1: ``left`` is W²A·f,
    ``own`` W⁴A² times the denominator of the degrees of freedom, ``shared`` W²A²·f·δ.
    """

    top: Any
    squares: Any
    cubes: Any
    left: Any
    own: Any
    shared: Any


def forms_of(totals: Totals, c: Sequence[Any]) -> Forms:
    """Return them with + − × only: exact for whole numbers, and the same for arrays."""
    w, *u = totals.first
    top = sum((x * y for x, y in zip(c, u, strict=True)), 0)
    direction = [-top, *(w * x for x in c)]
    turned = [-top, *(w * x for x in (sum(c), *c[1:]))]  # of v, u_a and u_b − u_a
    p2 = totals.second[0]
    a0, a1, a2, b0, b1 = totals.working
    left = a0 * w**2 - 2 * a1 * w + p2 * a0
    own = b0 * w**4 - 4 * b1 * w**3 + 2 * (p2 * b0 + a2 * a0 + a1**2) * w**2
    own = own + (p2 * a0) ** 2 - 4 * p2 * a1 * a0 * w
    shared = b0 * w**2 - 2 * a1 * a0 * w + p2 * a0**2
    squares = _form(direction, totals.second, 2)
    return Forms(top, squares, _form(turned, totals.third, 3), left, own, shared)


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


def widened(q: Any, shared: Any) -> Any:
    """Return what stands for the quantile q of Student's t; ``shared`` is δ. Numbers or arrays."""
    return q / (1.0 - shared + q * q * shared) ** 0.5


class Spread(NamedTuple):
    """An estimate θ, its standard error and degrees of freedom, and the skewness of the z.

    ``shared`` is δ, 0 where weights are equal. ``n`` counts rows, or clusters. The skewness is NaN
    where rounding leaves none of its digits, and 0 where all z are 0. ``alone`` says that a single
    row has all the weight: no standard error is known then.
    """

    theta: Fraction
    se: float
    df: float
    shared: float
    skewness: float
    n: int
    clusters: bool = False
    alone: bool = False

    def reach(self, p: float) -> float:
        """Return how far θ is below its estimate at most with probability p."""
        return float(widened(quantile(p, self.df), self.shared)) * self.se

    def probability(self, theta: float) -> float:
        """Return the one-sided p of an estimate of at most ``theta``, where the truth is 0."""
        t = theta / self.se
        left = 1.0 - t * t * self.shared
        if left <= 0.0:
            return 0.0 if t < 0.0 else 1.0
        return cdf(t * math.sqrt((1.0 - self.shared) / left), self.df)


def spread_of(part: Part, coefficients: Sequence[float | Fraction]) -> Spread:
    """Return the spread of Σ c_j·r_j over independent rows, or clusters; there must be two."""
    sums = part.settled()
    scales = [Fraction(c) for c in coefficients]
    common = math.lcm(*(c.denominator for c in scales))
    c = [int(x * common) for x in scales]
    # Everything in one unit 2^e of u and one of v: the same in all the forms.
    e_v, e_u = _units(sums)
    totals = Totals(
        _whole(sums.first, 1, e_v, e_u),
        _whole(sums.second, 2, e_v, e_u),
        _whole(sums.third, 3, e_v, e_u),
        [x.above(k * e_v) for x, k in zip(sums.working, WORKING, strict=True)],
    )
    forms = forms_of(totals, c)
    w, n = totals.first[0], sums.rows
    unit = Fraction(2) ** (e_u - e_v) / common
    theta = Fraction(forms.top, w) * unit
    a0 = totals.working[0]
    if n < 2 or forms.left * ALONE <= a0 * w**2:
        return Spread(theta, math.nan, math.nan, math.nan, math.nan, n, sums.clusters, alone=True)
    numerator = forms.squares * a0 * unit.numerator**2
    denominator = w**2 * forms.left * unit.denominator**2
    se = root_ratio(numerator, denominator) if numerator else 0.0
    df = ratio(forms.left**2, forms.own)
    shared = max(0.0, ratio(forms.shared, a0 * forms.left))  # equal weights: 0 but for rounding
    return Spread(theta, se, df, shared, _skewness(totals, forms, c, n), n, sums.clusters)


def _units(sums: Gram) -> tuple[int, int]:
    """Return units of v and u in which every sum is whole."""
    first, second, third = sums.first, sums.second, sums.third
    own = [first[0].exponent, second[0].exponent // 2, third[0].exponent // 3]
    working = (x.exponent // k for x, k in zip(sums.working, WORKING, strict=True))
    e_v = min(*own, *working)
    e_u = 0
    for degree, group in enumerate((first, second, third), start=1):
        indices = combinations_with_replacement(range(len(first)), degree)
        for at, x in zip(indices, group, strict=True):
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
    """Return the skewness of the z, g₁."""
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
