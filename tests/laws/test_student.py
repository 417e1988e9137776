"""Student's t against mpmath at 40 digits and against scipy."""

from __future__ import annotations

import math
from statistics import NormalDist

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lossctl.student import cdf, quantile, sf

fixed = settings(derandomize=True, deadline=None)
DF = (0.05, 0.3, 1.0, 1.5, 2.0, 2.5, 3.0, 7.3, 29.0, 47.9, 300.0, 1e4, 1e9)
PROBABILITIES = (
    1e-300,
    1e-100,
    1e-12,
    1e-6,
    0.001,
    0.025,
    0.1,
    0.25,
    0.26,
    0.4,
    0.4999,
    0.5 - 1e-9,
)
CLOSE = 2e-13


def exact_sf(t: float, df: float) -> mpmath.mpf:
    """Return the upper tail: an incomplete beta, or an integral where df is large."""
    with mpmath.workdps(40):
        x, v = mpmath.mpf(t), mpmath.mpf(df)
        if df < 2000:
            return mpmath.betainc(v / 2, 0.5, 0, v / (v + x * x), regularized=True) / 2
        log_front = mpmath.loggamma((v + 1) / 2) - mpmath.loggamma(v / 2)
        front = mpmath.exp(log_front) / mpmath.sqrt(v * mpmath.pi)
        ends = [x + k / mpmath.mpf(max(t, 1.0)) for k in (0, 1, 2, 4, 8, 16, 32, 64, 128)]
        return front * mpmath.quad(
            lambda s: mpmath.exp(-(v + 1) / 2 * mpmath.log1p(s * s / v)), ends
        )


@pytest.mark.parametrize("df", DF)
def test_tails_have_all_their_digits(df: float) -> None:
    for t in (0.0, 1e-8, 0.01, 0.3, 1.0, 1.7, 2.0, 2.4494, 2.4496, 3.0, 5.0, 7.0, 12.0):
        exact = exact_sf(t, df)
        assert abs(sf(t, df) - exact) <= CLOSE * exact, t
        assert cdf(-t, df) == sf(t, df)
        assert abs(cdf(t, df) + sf(t, df) - 1.0) < 1e-15


@pytest.mark.parametrize("df", [*DF, 1e16, 1e17, math.inf])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_quantiles_are_where_the_distribution_says(df: float, p: float) -> None:
    t = quantile(p, df)
    if math.isinf(t):  # 10³⁰⁸ and beyond
        assert sf(1.7e308, df) > p
        return
    assert t < 0.0
    # A rounding of t moves log p by t² of them in the normal limit, by log p in a heavy tail.
    assert abs(cdf(t, df) - p) <= (10.0 + min(t * t, -2.0 * math.log(p))) * 1e-15 * p
    assert quantile(1.0 - p, df) == -quantile(1.0 - (1.0 - p), df)


@fixed
@given(st.floats(0.2, 1e7), st.floats(1e-12, 0.5))
def test_scipy_agrees(df: float, p: float) -> None:
    t = quantile(p, df)
    assert t == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-15)
    assert sf(-t, df) == pytest.approx(stats.t.sf(-t, df), rel=1e-9)


def test_known_values_and_ends() -> None:
    assert quantile(0.975, 1.0) == pytest.approx(math.tan(math.pi * 0.475), rel=1e-14)
    assert quantile(0.975, 2.0) == pytest.approx(0.95 / math.sqrt(2 * 0.975 * 0.025), rel=1e-14)
    assert quantile(0.975, math.inf) == pytest.approx(NormalDist().inv_cdf(0.975), rel=1e-14)
    assert (quantile(0.5, 7.0), quantile(0.0, 7.0), quantile(1.0, 7.0)) == (
        0.0,
        -math.inf,
        math.inf,
    )
    assert (sf(math.inf, 3.0), cdf(math.inf, 3.0), sf(0.0, 3.0)) == (0.0, 1.0, 0.5)
    assert all(
        map(math.isnan, (sf(1.0, 0.0), sf(math.nan, 1.0), quantile(1.5, 1.0), quantile(0.1, -1)))
    )
