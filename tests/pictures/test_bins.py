"""Histograms count exactly, and the same whether numbers were kept or counted in bins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossctl import quantiles
from lossctl.pictures.bins import MOST, histogram
from lossctl.pictures.records import Bins
from lossctl.quantiles import Quantiles

NUMBERS = st.lists(
    st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from([0.0, 1.0, -1.0]),
    min_size=1,
    max_size=80,
)


def counted(x: np.ndarray) -> Quantiles:
    """Return numbers as they are beyond the limit."""
    return quantiles._counted(len(x), (x,))


def holds(bins: Bins, x: float) -> int | None:
    """Return the bin of a number by the rule of the page: a bin holds its edge nearer to 0."""
    ends = list(zip(bins.edges[:-1], bins.edges[1:], strict=True))
    for at, (low, high) in enumerate(ends):
        last = at == len(ends) - 1
        if low == high == x or low < x < high:
            return at
        if (x == low and x >= 0.0) or (x == high and (x < 0.0 or (x == 0.0 and last))):
            return at
    return None


@given(NUMBERS)
@settings(max_examples=150, deadline=None)
def test_every_number_is_in_the_bin_that_says_so(values: list[float]) -> None:
    x = np.array(values) + 0.0
    bins = histogram(Quantiles.of(x))
    assert sum(bins.counts) + bins.beyond == len(x)
    assert len(bins.edges) == len(bins.counts) + 1
    assert list(bins.edges) == sorted(bins.edges)
    expected = [0] * len(bins.counts)
    beyond = 0
    for value in values:
        at = holds(bins, value + 0.0)
        if at is None:
            beyond += 1
        else:
            expected[at] += 1
    assert (tuple(expected), beyond) == (bins.counts, bins.beyond)


def test_counted_numbers_give_the_bins_of_kept_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    for x in (
        draw.normal(size=5000),
        draw.exponential(size=5000),
        np.exp(3.0 * draw.normal(size=5000)),
        draw.standard_cauchy(5000),
        np.where(draw.random(5000) < 0.4, 0.0, np.exp(4.0 * draw.normal(size=5000))),
    ):
        kept = histogram(Quantiles.of(x))
        with monkeypatch.context() as patch:
            patch.setattr(quantiles, "EXACT_LIMIT", 1000)
            binned = histogram(Quantiles.of(x))
            assert not Quantiles.of(x).exact
        assert kept.log == binned.log
        # The same counts between the edges that both have: coarser bins are unions of finer ones.
        below = dict(zip(kept.edges, np.cumsum([0, *kept.counts]).tolist(), strict=True))
        start = [kept.edges[0] <= edge <= kept.edges[-1] for edge in binned.edges].index(True)
        total = 0
        seen = 0
        base = None
        for edge, count in zip(binned.edges[start:], [*binned.counts[start:], 0], strict=True):
            if edge in below:
                base = below[edge] - total if base is None else base
                assert below[edge] == base + total
                seen += 1
            total += count
        assert seen >= 10


def test_skewed_numbers_have_bins_even_in_the_logarithm() -> None:
    x = np.exp(4.0 * np.random.default_rng(2).normal(size=3000))
    bins = histogram(Quantiles.of(x))
    assert bins.log
    assert len(bins.counts) <= MOST + 4
    steps = np.diff(np.log2(bins.edges))
    assert np.ptp(steps) < 0.02 * float(steps.mean()) + 0.01


def test_where_most_stand_in_one_bin_most_are_looked_at_closer() -> None:
    x = np.append(np.linspace(0.0, 1.0, 999), 100.0)
    bins = histogram(Quantiles.of(x))
    assert not bins.log
    assert bins.edges[-1] <= 1.05
    assert bins.beyond == len(x) - sum(bins.counts)
    assert 1 <= bins.beyond <= 5 + 1


def test_nothing_finite_has_no_bins() -> None:
    assert histogram(Quantiles()) == Bins((), ())
    assert histogram(Quantiles.of(np.array([math.inf, -math.inf]))) == Bins((), ())


def test_steps_of_a_histogram_are_the_numbers_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([3.0, -2.0, 0.0, 3.0, 1e-300, -1e300])
    values, counts = Quantiles.of(x).steps()
    assert values.tolist() == sorted(x.tolist())
    assert counts.tolist() == [1] * 6
    monkeypatch.setattr(quantiles, "EXACT_LIMIT", 3)
    values, counts = Quantiles.of(x).steps()
    assert counts.tolist() == [1, 1, 1, 1, 2]
    assert np.allclose(values, [-1e300, -2.0, 0.0, 1e-300, 3.0], rtol=2.0**-8, atol=0.0)
