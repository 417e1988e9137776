"""Sums of squares and products against Python's rationals; order, splits and scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from lossctl.batch import Batch, Text
from lossctl.dyadic import ZERO, Dyadic
from lossctl.errors import UsageError
from lossctl.losses.spec import parse_specs
from lossctl.parts import Clustered, Gram
from lossctl.scoring import Scores, score
from lossctl.spread import spread_of
from lossctl.task import Columns, Task
from lossctl.variation import Rows, clustered_of, gram_of, variation_of

Floats = NDArray[np.float64]

fixed = settings(derandomize=True, deadline=None)
LARGEST, TINY = 1.7976931348623157e308, 5e-324
finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=-1e6, max_value=1e6),
    st.sampled_from([0.0, TINY, LARGEST, -LARGEST, 2.0**-96, 2.0**95, 1e-29]),
)
positive = st.one_of(
    st.floats(min_value=0.0, exclude_min=True, allow_infinity=False),
    st.floats(min_value=0.1, max_value=10.0),
    st.sampled_from([TINY, LARGEST, 1.0]),
)
lines = st.lists(st.tuples(positive, positive, finite, finite), min_size=1, max_size=30)


def number(x: Dyadic) -> Fraction:
    return Fraction(x.mantissa) * Fraction(2) ** x.exponent


def part_of(rows: Rows, at: NDArray[np.intp]) -> Rows:
    def take(x: Floats | None) -> Floats | None:
        return None if x is None else x[at]

    losses = tuple(x[at] for x in rows.losses)
    return Rows(len(at), take(rows.weight), take(rows.per), losses)


def made_of(table: Sequence[tuple[float, float, float, float]], design: str) -> Rows:
    """Return rows with or without weights and divisors, of one task or two."""
    w, per, a, b = (np.array(column) for column in zip(*table, strict=True))
    losses = (a, b) if "b" in design else (a,)
    return Rows(len(a), w if "w" in design else None, per if "p" in design else None, losses)


def columns_of(rows: Rows) -> list[list[Fraction]]:
    """Return v and u of every task, exactly."""
    ones = np.ones(rows.size)
    w, per = (
        [Fraction(x) for x in (ones if part is None else part).tolist()]
        for part in (rows.weight, rows.per)
    )
    v = [x * y for x, y in zip(w, per, strict=True)]
    return [v] + [
        [x * Fraction(y) for x, y in zip(w, u.tolist(), strict=True)] for u in rows.losses
    ]


DESIGNS = ("", "b", "w", "wb", "p", "pb", "wp", "wpb")


@pytest.mark.parametrize("design", DESIGNS)
@fixed
@given(lines)
@example([(1.0, 1.0, 1e9 + 0.001 * i, 1e9) for i in range(30)])
@example([(LARGEST, LARGEST, LARGEST, -LARGEST), (TINY, TINY, TINY, TINY)])
def test_sums_and_products_are_exact(
    design: str, table: list[tuple[float, float, float, float]]
) -> None:
    rows = made_of(table, design)
    found, columns = gram_of(rows), columns_of(rows)
    assert found.rows == rows.size
    assert [number(x) for x in found.first] == [sum(column) for column in columns]
    pairs = combinations_with_replacement(columns, 2)
    assert [number(x) for x in found.second] == [
        sum(x * y for x, y in zip(*pair, strict=True)) for pair in pairs
    ]
    # Third powers are of rounded columns (and a difference of halves, which lose a bit of the
    # smallest numbers): near the exact ones, as a share of their magnitudes.
    turned = columns[:2]
    if len(rows.losses) == 2:
        halves = [0.5 * x for x in rows.losses]
        half = made_of(table, design)._replace(losses=(halves[0], halves[1]))
        _, x, y = columns_of(half)
        turned.append([2 * (b - a) for a, b in zip(x, y, strict=True)])
    for value, triple in zip(found.third, combinations_with_replacement(turned, 3), strict=True):
        terms = [x * y * z for x, y, z in zip(*triple, strict=True)]
        assert abs(number(value) - sum(terms)) <= sum(map(abs, terms)) / 2**49
    v = columns[0]
    working = [sum(x**k for x in v) for k in (2, 3, 4, 4, 5)]
    for value, exact in zip(found.working, working, strict=True):
        assert abs(number(value) - exact) <= exact / 2**49


@pytest.mark.parametrize("design", DESIGNS)
@fixed
@given(lines, st.integers(0, 2**32 - 1))
def test_neither_order_nor_splits_nor_grouping_of_the_merge_matter(
    design: str, table: list[tuple[float, float, float, float]], seed: int
) -> None:
    rows = made_of(table, design)
    rng = np.random.default_rng(seed)
    order = rng.permutation(rows.size)
    cuts = np.sort(rng.integers(0, rows.size + 1, 3))
    parts = [gram_of(part_of(rows, at)) for at in np.split(order, cuts)]
    whole = gram_of(rows)
    assert (parts[0] + parts[1]) + (parts[2] + parts[3]) == whole
    assert parts[3] + (parts[1] + (parts[0] + parts[2])) == whole
    assert Gram() + whole == whole == whole + Gram()
    names = ("x", "y", "z")
    codes = rng.integers(0, 3, rows.size)
    clusters = clustered_of(rows, codes, names)
    parts_of_clusters = [
        clustered_of(part_of(rows, at), codes[at], names) for at in np.split(order, cuts)
    ]
    joined = sum(parts_of_clusters[::-1], Clustered())
    assert joined == clusters == clusters + Clustered()
    assert joined.settled() == clusters.settled()
    columns = columns_of(rows)
    for name, cluster in clusters.clusters.items():
        members = np.flatnonzero(codes == names.index(name))
        assert cluster.rows == len(members)
        assert [number(x) for x in cluster.first] == [
            sum(column[i] for i in members) for column in columns
        ]


@fixed
@given(st.lists(st.tuples(positive, finite, finite), min_size=1, max_size=30))
def test_a_cluster_of_one_row_is_a_row(table: list[tuple[float, float, float]]) -> None:
    """But for the rounding of third powers and of the working model, which clusters do not have."""
    rows = made_of([(w, 1.0, a, b) for w, a, b in table], "wb")
    names = [str(i) for i in range(rows.size)]
    settled = clustered_of(rows, np.arange(rows.size), names).settled()
    plain = gram_of(rows)
    assert (settled.rows, settled.first, settled.second) == (plain.rows, plain.first, plain.second)
    for a, b in zip(settled.working, plain.working, strict=True):
        assert abs(number(a) - number(b)) <= number(b) / 2**49


def standard_error(rows: Rows, c: Sequence[float]) -> Fraction:
    """Return the square of the standard error of rows of one working variance, exactly."""
    v, *u = columns_of(rows)
    total = sum(v)
    theta = sum((Fraction(x) * sum(y) for x, y in zip(c, u, strict=True)), Fraction()) / total
    squares = Fraction()
    for i, weight in enumerate(v):
        z = sum((Fraction(x) * y[i] for x, y in zip(c, u, strict=True)), -theta * weight)
        squares += z * z
    h = [x / total for x in v]
    s2, s3 = (sum(x**k for x in h) for k in (2, 3))
    return squares / total**2 * s2 / (s2 - 2 * s3 + s2 * s2)


@pytest.mark.parametrize("design", ["", "w", "b", "wb", "wpb"])
@pytest.mark.parametrize("scale", [1.0, 2.0**990, 2.0**-990, 1e300, 1e-300])
def test_an_offset_does_not_cancel_and_weights_have_no_scale(design: str, scale: float) -> None:
    rng = np.random.default_rng(5)
    n = 500
    w, per = rng.uniform(0.1, 3.0, (2, n))
    a = 1e9 + 0.001 * np.arange(n)
    b = a + rng.normal(size=n) * 1e-6
    rows = made_of(list(zip(w.tolist(), per.tolist(), a.tolist(), b.tolist(), strict=True)), design)
    if rows.weight is None and scale != 1.0:
        return
    c = (-1.0, 1.0) if "b" in design else (1.0,)
    scaled = rows._replace(weight=None if rows.weight is None else rows.weight * scale)
    found = spread_of(gram_of(scaled), c)
    exact = float(standard_error(rows, c)) ** 0.5
    assert found.se == pytest.approx(exact, rel=1e-12)
    plain = spread_of(gram_of(rows), c)
    if math.frexp(scale)[0] == 0.5:
        assert found == plain or repr(found) == repr(plain)  # the skewness may be NaN
    assert found.df == pytest.approx(plain.df, rel=1e-12)


def test_figures_are_those_of_the_definitions() -> None:
    rng = np.random.default_rng(6)
    n = 40
    w, a, b = rng.exponential(size=(3, n))
    found = spread_of(gram_of(Rows(n, w, None, (a, b))), (-1.25, 1.0))
    h = w / w.sum()
    u = b - 1.25 * a
    z = h * (u - (h * u).sum())
    assert float(found.theta) == pytest.approx((h * u).sum(), rel=1e-13)
    assert found.skewness == pytest.approx(stats.skew(z), rel=1e-10)
    # Σz² = u'Du with D = (I − 1h')' H² (I − 1h'): its mean and variance under the working model.
    m = np.eye(n) - np.outer(np.ones(n), h)
    d = m.T @ np.diag(h**2) @ m
    mean, variance = np.trace(d), 2.0 * np.trace(d @ d)
    assert found.df == pytest.approx(2.0 * mean**2 / variance, rel=1e-10)
    assert found.se == pytest.approx(np.sqrt((z**2).sum() / mean * (h**2).sum()), rel=1e-12)
    # δ: the share of E Σz² along the direction of θ, h.
    assert found.shared == pytest.approx(h @ d @ h / (h @ h) / mean, rel=1e-10)
    equal = spread_of(gram_of(Rows(n, np.full(n, 0.1), None, (a,))), (1.0,))
    plain = spread_of(gram_of(Rows(n, None, None, (a,))), (1.0,))
    assert (plain.df, plain.shared) == (n - 1, 0.0)
    assert plain.se == pytest.approx(stats.sem(a), rel=1e-14)
    assert equal.df == pytest.approx(n - 1, rel=1e-12)
    assert equal.se == pytest.approx(plain.se, rel=1e-13)
    assert equal.shared < 1e-14


def test_the_working_model_of_clusters() -> None:
    rng = np.random.default_rng(7)
    sizes = np.array([1, 2, 5, 10, 3, 1, 4])
    codes = np.repeat(np.arange(len(sizes)), sizes)
    n = len(codes)
    rows = Rows(n, None, None, (rng.normal(size=n),))
    found = spread_of(clustered_of(rows, codes, [str(i) for i in range(len(sizes))]), (1.0,))
    h = sizes / n
    s = np.diag(sizes**2 * (0.5 + 0.5 / sizes))
    d = np.eye(len(h)) - h[:, np.newaxis] - h + (h**2).sum()
    u = np.bincount(codes, rows.losses[0])
    z = u - h * u.sum()
    kept = np.trace(d @ s)
    assert found.n == len(sizes)
    assert found.clusters
    assert found.se == pytest.approx(np.sqrt((z**2).sum() / kept * s.sum()) / n, rel=1e-12)
    assert found.df == pytest.approx(kept**2 / np.trace(d @ s @ d @ s), rel=1e-12)


def scored(
    spec: str, table: dict[str, Floats], weight: str | None = None, **texts: Text
) -> tuple[list[Task], list[Scores]]:
    bound = parse_specs(spec)[0].bound
    tasks = [Task(bound, Columns(("y",), (name,), weight)) for name in ("a", "b")]
    batch = Batch(len(table["y"]), table, texts)
    return tasks, [score(task, batch) for task in tasks]


def test_the_probe_leaves_out_weights_of_zero_and_counts_what_is_not_finite() -> None:
    table = {
        "y": np.array([1.0, 0.0, 1.0, 1.0, 1.0]),
        "a": np.array([0.0, 0.5, 0.0, 0.25, 0.5]),
        "b": np.array([0.5, 0.25, 0.5, 0.5, 0.25]),
        "w": np.array([0.0, 1.0, 2.0, 1.0, 1.0]),
    }
    tasks, scores = scored("bce", table, "w")
    found = variation_of(tasks, (0, 1)).look(scores)
    assert isinstance(found, Gram)
    assert (found.rows, found.nonfinite) == (3, 1)  # row 3 is infinite, row 1 has no weight
    assert number(found.first[0]) == 3
    tasks, scores = scored("bce", table)
    assert variation_of(tasks, (1,)).look(scores).nonfinite == 0
    assert variation_of(tasks, (0,)).look(scores).nonfinite == 2


def test_a_ratio_is_divided_by_what_it_declares() -> None:
    rng = np.random.default_rng(8)
    table = dict(zip("yab", rng.normal(size=(3, 20)), strict=True))
    tasks, scores = scored("wape", table)
    found = variation_of(tasks, (0,)).look(scores)
    assert isinstance(found, Gram)
    assert float(number(found.first[0])) == pytest.approx(np.abs(table["y"]).sum())
    other, _ = scored("mae", table)
    with pytest.raises(UsageError, match="wape and mae cannot be compared"):
        variation_of([tasks[0], other[1]], (0, 1))


def test_two_losses_need_the_same_weights() -> None:
    rng = np.random.default_rng(9)
    table = dict(zip(["y", "a", "b", "w"], rng.uniform(size=(4, 5)), strict=True))
    tasks, scores = scored("mse", table)
    _, weighted = scored("mse", table, "w")
    with pytest.raises(UsageError, match="same rows and same weights"):
        variation_of(tasks, (0, 1)).look([scores[0], weighted[1]])


def test_labels_of_clusters_are_matched_by_their_text() -> None:
    rng = np.random.default_rng(10)
    table = dict(zip("yab", rng.normal(size=(3, 6)), strict=True))
    codes = np.array([0, 1, 0, 2, 1, 0])
    tasks, scores = scored("mse", table, g=Text(codes, ("p", "q", "r")))
    _, renamed = scored("mse", table, g=Text(2 - codes, ("r", "q", "p")))
    probe = variation_of(tasks, (0,), "g")
    assert probe.look(scores) == probe.look(renamed)
    found = probe.look(scores)
    assert isinstance(found, Clustered)
    assert {name: cluster.rows for name, cluster in found.clusters.items()} == {
        "p": 3,
        "q": 2,
        "r": 1,
    }


def test_dyadic_zero_is_the_identity_and_sums_cancel_to_it() -> None:
    x = Dyadic.of(12, -5)
    assert (x.mantissa, x.exponent) == (3, -3)
    assert x + ZERO == ZERO + x == x
    assert x + -x == ZERO == Dyadic.of(0, 7)
    assert x.over(Dyadic.of(3)) == Fraction(1, 8)
