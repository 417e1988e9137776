"""Quantiles are order statistics: exact while the stream is short, within 0.4 % beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lossctl import quantiles
from lossctl.figures import LEVELS
from lossctl.quantiles import EXACT_LIMIT, Quantiles

Floats = NDArray[np.float64]

fixed = settings(derandomize=True, deadline=None)
NORMAL = 2.2250738585072014e-308
MANY_LEVELS = (0.0, 0.001, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.999, 1.0)
BOUND = 0.004

numbers = st.one_of(
    st.floats(allow_nan=False),
    st.floats(min_value=-10.0, max_value=10.0),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, 1.0, -1.0, 5e-324]),
)


def at(x: Floats, found: Quantiles, levels: Sequence[float] = LEVELS) -> list[float]:
    return found.at(levels, float(x.min()), float(x.max()))


def order_statistic(x: Floats, levels: Sequence[float] = LEVELS) -> list[float]:
    """Return the smallest number that at least the share of each level does not exceed."""
    ordered = np.sort(x)
    return [float(ordered[max(0, math.ceil(level * len(x)) - 1)]) for level in levels]


def in_parts(x: Floats, rng: np.random.Generator) -> Quantiles:
    """Take the numbers in shuffled parts of many sizes, merged in a random tree."""
    cuts = np.sort(rng.integers(0, len(x) + 1, rng.integers(0, 12)))
    parts = [Quantiles.of(part) for part in np.split(rng.permutation(x), cuts)]
    while len(parts) > 1:
        left, right = sorted(rng.permutation(len(parts))[:2].tolist())
        parts.append(parts.pop(right) + parts.pop(left))
    return parts[0]


@fixed
@given(st.lists(numbers, min_size=1, max_size=50))
@example([0.0, -0.0])
@example([float(x) for x in range(20)])
@example([float(x) for x in range(40)])
def test_short_streams_are_exact(stream: list[float]) -> None:
    x = np.array(stream)
    found = in_parts(x, np.random.default_rng(len(x)))
    assert found.exact
    assert found.count == len(x)
    ordered = np.sort(x)
    # numpy interpolates even here with a weight of 0, and 0·∞ is NaN: ask it for positions
    positions = np.quantile(np.arange(len(x)), LEVELS, method="inverted_cdf").astype(int)
    assert at(x, found) == ordered[positions].tolist() == order_statistic(x)


@pytest.mark.parametrize("n", [*range(1, 130), 999, 1000, 1001, 2**16, 2**20 - 1, 2**20])
def test_every_length_agrees_with_numpy(n: int) -> None:
    x = np.arange(n, dtype=np.float64)
    wanted = np.quantile(x, LEVELS, method="inverted_cdf").tolist()
    assert at(x, Quantiles.of(x)) == wanted


def test_a_share_of_one_twentieth_of_a_hundred_numbers_is_five() -> None:
    x = np.arange(1.0, 101.0)
    assert at(x, Quantiles.of(x)) == [5.0, 50.0, 95.0]


def streams() -> dict[str, Floats]:
    rng = np.random.default_rng(3)
    return {
        "losses": rng.exponential(1.0, 3000),
        "gradient": rng.normal(0.0, 1.0, 3000),
        "negative": -rng.lognormal(0.0, 3.0, 3000),
        "magnitudes": rng.choice([-1.0, 1.0], 3000) * 10.0 ** rng.uniform(-300.0, 300.0, 3000),
        "zeros": np.where(rng.integers(0, 2, 3000) == 0, 0.0, rng.normal(0.0, 1.0, 3000)),
        "signed zeros": np.tile([0.0, -0.0, 1.0], 1000),
        "infinities": np.where(rng.integers(0, 9, 3000) < 8, rng.normal(0.0, 1.0, 3000), np.inf),
        "both infinities": np.tile([-np.inf, 1.0, np.inf], 1000),
        "one number": np.full(3000, 0.1),
        "two neighbours": np.tile([1.0, math.nextafter(1.0, 2.0)], 1500),
        "powers of two": np.repeat(2.0 ** np.arange(-10.0, 20.0), 100),
        "top of the bins": np.nextafter(np.repeat(2.0 ** np.arange(-10.0, 20.0), 100), 0.0),
    }


@pytest.mark.parametrize("name", streams())
def test_long_streams_are_within_the_bound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "EXACT_LIMIT", 100)
    x = streams()[name]
    found = in_parts(x, np.random.default_rng(0))
    assert not found.exact
    wanted = order_statistic(x, MANY_LEVELS)
    for level, value, exact in zip(MANY_LEVELS, at(x, found, MANY_LEVELS), wanted, strict=True):
        close = value == exact or abs(value - exact) <= BOUND * abs(exact)
        assert close, (level, value, exact)


@pytest.mark.parametrize("name", streams())
def test_any_order_of_merging_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = streams()[name]
    for limit in (0, 1, 100, 2999, 3000, 10**6):
        monkeypatch.setattr(quantiles, "EXACT_LIMIT", limit)
        whole = Quantiles.of(x)
        assert whole.exact == (limit >= 3000)
        for seed in range(4):
            parts = in_parts(x, np.random.default_rng(seed))
            assert parts.exact == whole.exact
            assert at(x, parts, MANY_LEVELS) == at(x, whole, MANY_LEVELS)
            low, high = float(x.min()), float(x.max())
            assert parts.histogram(low, high) == whole.histogram(low, high)
        in_turn = reduce(add, (Quantiles.of(x[k : k + 150]) for k in range(0, len(x), 150)))
        assert at(x, in_turn, MANY_LEVELS) == at(x, whole, MANY_LEVELS)


def test_the_empty_stream_is_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    x = streams()["gradient"]
    for limit in (100, 10**6):
        monkeypatch.setattr(quantiles, "EXACT_LIMIT", limit)
        whole = Quantiles.of(x)
        for empty in (Quantiles(), Quantiles.of(np.empty(0))):
            for joined in (empty + whole, whole + empty, empty + whole + empty):
                assert joined.count == whole.count
                assert at(x, joined, MANY_LEVELS) == at(x, whole, MANY_LEVELS)


def test_subnormal_numbers_keep_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "EXACT_LIMIT", 10)
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.integers(1, 2**40, 500) * 5e-324, -rng.integers(1, 9, 500) * 5e-324])
    wanted = order_statistic(x)
    for value, exact in zip(at(x, in_parts(x, rng)), wanted, strict=True):
        assert abs(value - exact) <= NORMAL * BOUND


def test_the_histogram_counts_every_finite_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (100, 10**6):
        monkeypatch.setattr(quantiles, "EXACT_LIMIT", limit)
        for name in ("losses", "gradient", "negative", "zeros", "powers of two", "top of the bins"):
            x = streams()[name]
            counts = Quantiles.of(x).histogram(float(x.min()), float(x.max()))
            assert sum(counts) == len(x)
            assert len(counts) == 32
            if limit > 100:
                assert list(counts) == np.histogram(x, 32)[0].tolist()


@pytest.mark.parametrize(
    "ends",
    [
        (1.0, math.nextafter(1.0, 2.0)),
        (0.0, 5e-324),
        (2.0, 2.0),
        (0.0, math.inf),
        (1e308, math.nextafter(1e308, math.inf)),
        (-1e-320, 1e-320),
    ],
)
def test_a_range_too_narrow_or_too_wide_has_no_histogram(ends: tuple[float, float]) -> None:
    assert Quantiles.of(np.array(ends)).histogram(*ends) in ((), (1, *[0] * 30, 1))


def test_a_stream_beyond_the_limit() -> None:
    rng = np.random.default_rng(11)
    x = rng.lognormal(0.0, 2.0, EXACT_LIMIT + 4321) * rng.choice([-1.0, 1.0], EXACT_LIMIT + 4321)
    parts = [Quantiles.of(part) for part in np.array_split(x, 19)]
    found, backwards = reduce(add, parts), reduce(add, parts[::-1])
    assert not found.exact
    assert at(x, found) == at(x, backwards) == at(x, Quantiles.of(x))
    for value, exact in zip(at(x, found), order_statistic(x), strict=True):
        assert abs(value / exact - 1.0) < BOUND
    kept = Quantiles.of(x[:EXACT_LIMIT])
    assert kept.exact
    assert at(x, kept) == np.quantile(x[:EXACT_LIMIT], LEVELS, method="inverted_cdf").tolist()
