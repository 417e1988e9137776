"""Bootstrap and sign flips against scipy, with the same generator where there is one."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from lossctl.batch import Text
from lossctl.bootstrap import BATCH_BYTES, Draws, bootstrap_of
from lossctl.flips import Flipped, flipped_sums, flips_of, p_of
from lossctl.kept import EXPLAINED, LIMIT, Block, KeptRows, kept_of, units_of
from lossctl.report import Interval, NoInterval
from lossctl.task import Task
from tests.laws.test_intervals import CANCER, DIABETES, scored, small

Floats = NDArray[np.float64]

GROUPS = Text(np.arange(442) % 37, tuple(f"g{i}" for i in range(37)))
DRAWS = Draws(1999)


def kept(
    spec: str,
    weight: str | None = None,
    cluster: str | None = None,
    order: Any = None,
    cuts: Any = (),
) -> tuple[tuple[Task, Task], KeptRows]:
    """Return the rows of the diabetes data, in some order and some pieces."""
    order = np.arange(442) if order is None else order
    alone = spec in EXPLAINED
    total = KeptRows()
    for at in np.split(order, cuts):
        table = {name: column[at] for name, column in DIABETES.items()}
        (a, b), scores = scored(spec, table, "y", ("yhat", "yhat_boosting"), weight, g=GROUPS[at])
        total += kept_of((a, b), (0,) if alone else (0, 1), cluster).look(scores)
    return (a, b), total


def one(rows: KeptRows, explained: bool) -> KeptRows:
    """Return the rows of the first task only."""
    if explained:
        return rows
    blocks = tuple(block._replace(rest=block.rest[:1]) for block in rows.blocks)
    return KeptRows(rows.rows, rows.nonfinite, blocks)


def value(spec: str, lines: Floats, axis: int) -> Any:
    """Return the value of lines."""
    sums = lines.sum(axis=axis)
    if spec in EXPLAINED:
        w, y, yy, e, ee = sums
        left = ee - e**2 / w if spec == "explained_variance" else ee
        return 1.0 - left / (yy - y**2 / w)
    mean = sums[1] / sums[0]
    return np.sqrt(mean) if spec == "rmse" else mean


@pytest.mark.parametrize(
    ("spec", "weight", "cluster"),
    list(product(["mse", "rmse", "wape", *EXPLAINED], [None, "weight"], [None, "g"])),
)
def test_scipy_draws_the_same_interval(spec: str, weight: str | None, cluster: str | None) -> None:
    tasks, rows = kept(spec, weight, cluster)
    rows = one(rows, spec in EXPLAINED)
    found = bootstrap_of(tasks[0], rows, 90.0, DRAWS)
    lines = units_of(rows, spec in EXPLAINED)
    oracle = stats.bootstrap(
        (np.arange(lines.shape[1]),),
        lambda at, axis: value(spec, lines[:, at], axis),
        vectorized=True,
        batch=500,
        n_resamples=1999,
        confidence_level=0.9,
        method="BCa",
        rng=np.random.default_rng(12345),
    )
    assert isinstance(found, Interval)
    ends = oracle.confidence_interval
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=1e-10)
    assert found.se == pytest.approx(oracle.standard_error, rel=1e-10)
    assert (found.seed, found.resamples, found.df) == (12345, 1999, None)
    assert found.n_units == (37 if cluster else 442)
    assert found.clusters == (cluster is not None)


@pytest.mark.parametrize("spec", ["rmse", "wape", "r2"])
@pytest.mark.parametrize("cluster", [None, "g"])
def test_neither_order_nor_pieces_matter(spec: str, cluster: str | None) -> None:
    order = np.random.default_rng(2).permutation(442)
    tasks, rows = kept(spec, "weight", cluster)
    _, pieces = kept(spec, "weight", cluster, order, (7, 200))
    explained = spec in EXPLAINED
    assert np.array_equal(units_of(rows, explained), units_of(pieces, explained))
    rows, pieces = one(rows, explained), one(pieces, explained)
    assert bootstrap_of(tasks[0], rows, 95.0, DRAWS) == bootstrap_of(tasks[0], pieces, 95.0, DRAWS)
    if not explained:
        _, both = kept(spec, "weight", cluster)
        _, apart = kept(spec, "weight", cluster, order, (7, 200))
        assert flips_of(tasks, both, 999) == flips_of(tasks, apart, 999)


def of(*columns: Floats, weight: Floats | None = None) -> KeptRows:
    return KeptRows(len(columns[0]), 0, (Block(weight, None, columns, None),))


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, _ = kept("mse")
    rows = of(np.random.default_rng(3).exponential(size=300))
    whole = bootstrap_of(tasks[0], rows, 95.0, DRAWS)
    monkeypatch.setattr("lossctl.bootstrap.BATCH_BYTES", 8 * 300 * 7)
    assert bootstrap_of(tasks[0], rows, 95.0, DRAWS) == whole
    assert BATCH_BYTES <= 1 << 24


@pytest.mark.parametrize("scale", [2.0**1000, 2.0**-1000])
def test_weights_have_no_scale(scale: float) -> None:
    rng = np.random.default_rng(4)
    tasks, _ = kept("mse")
    x, y, w = rng.exponential(size=(3, 60))
    a, b = (bootstrap_of(tasks[0], of(x, weight=w * s), 95.0, DRAWS) for s in (1.0, scale))
    assert a == b
    assert isinstance(a, Interval)
    p, q = (flips_of(tasks, of(x, y, weight=w * s), 999) for s in (1.0, scale))
    assert p == q


def test_a_large_offset_does_not_cancel() -> None:
    tasks, _ = kept("mse")
    x = np.arange(200.0) / 1024.0
    near, far = (bootstrap_of(tasks[0], of(x + at), 95.0, DRAWS) for at in (0.0, 2.0**30))
    assert isinstance(near, Interval)
    assert isinstance(far, Interval)
    assert far.low - 2.0**30 == pytest.approx(near.low, abs=2.0**-21)
    assert far.se == pytest.approx(near.se, rel=1e-6)


def test_where_there_is_no_bootstrap_the_reason_is_told() -> None:
    tasks, rows = kept("mse")
    same = bootstrap_of(tasks[0], of(np.ones(5)), 95.0, DRAWS)
    assert isinstance(same, NoInterval)
    assert (same.reason, same.estimate) == ("all resamples have the same value", 1.0)
    many = KeptRows(LIMIT, 0, ()) + of(np.ones(1))
    assert many.blocks == ()
    cases = (
        (bootstrap_of(tasks[0], many), "at most 1,048,576 rows, got 1,048,577"),
        (flips_of(tasks, many), "at most 1,048,576 rows, got 1,048,577"),
        (bootstrap_of(tasks[0], of(np.ones(1))), "it takes 2 rows or more, got 1"),
        (bootstrap_of(tasks[0], KeptRows(3, 2, rows.blocks)), "2 of the losses are not finite"),
        (flips_of(tasks, KeptRows(3, 2, rows.blocks)), "2 of the losses are not finite"),
        (flips_of(tasks, KeptRows()), "no rows to flip"),
    )
    for found, reason in cases:
        assert isinstance(found, NoInterval)
        assert reason in found.reason
    explained, sums = kept("r2")
    assert isinstance(flips_of(explained, sums), NoInterval)
    few = Block(None, None, (np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])), None)
    constant = bootstrap_of(explained[0], KeptRows(3, 0, (few,)), 95.0, DRAWS)
    assert isinstance(constant, NoInterval)
    assert "nothing is left to divide by" in constant.reason
    median, rows = kept("median_ae")
    assert isinstance(bootstrap_of(median[0], rows), NoInterval)
    assert isinstance(small("median_ae", [1.0, 2.0], [2.0, 4.0]), NoInterval)


def test_rows_without_weight_are_not_kept() -> None:
    table = {
        "y": np.array([1.0, 0.0, 1.0, 1.0]),
        "a": np.array([0.0, 0.5, 0.0, 0.25]),
        "w": np.array([0.0, 1.0, 2.0, 1.0]),
    }
    tasks, scores = scored("bce", table, "y", ("a",), "w")
    found = kept_of(tasks, (0,)).look(scores)
    assert (found.rows, found.nonfinite) == (2, 1)


@pytest.mark.parametrize("spec", ["mse", "mae"])
def test_flips_have_the_p_of_the_permutation_test(spec: str) -> None:
    tasks, rows = kept(spec)
    found = flips_of(tasks, rows)
    _, a, b = units_of(rows)
    oracle = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.sum(y - x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        batch=1000,
        rng=np.random.default_rng(1),
    )
    assert isinstance(found, Flipped)
    assert (found.flips, found.seed, found.n_units, found.clusters) == (9999, 12345, 442, False)
    error = math.sqrt(2.0 * oracle.pvalue * (1.0 - oracle.pvalue) / 9999)
    assert abs(found.p - oracle.pvalue) < 4.0 * error


@pytest.mark.parametrize("seed", range(5))
def test_few_rows_have_the_exact_p(seed: int) -> None:
    """All signs of 10 rows, with ties: the losses are 0 or 1, the weights are tenths."""
    rng = np.random.default_rng(seed)
    d = rng.choice([-0.1, 0.0, 0.1, 0.2, 0.3], 10)
    signs = np.array(list(product([-1, 1], repeat=10)))
    tenths = np.rint(d * 10).astype(int)
    exact = np.mean(np.abs(signs @ tenths) >= abs(tenths.sum()))
    found = p_of(d, 40_000, seed)
    assert abs(found - exact) < 4.0 * math.sqrt(exact * (1.0 - exact) / 40_000) + 1e-4


def test_sums_of_flips_are_sums_of_signed_differences() -> None:
    """Every sum is of ± d: powers of two show the signs, and each sign is as likely."""
    d = np.ldexp(np.ones(19), np.arange(19))
    sums = flipped_sums(d, 2000, 7)
    whole = ((sums + d.sum()) / 2.0).astype(np.int64)  # what was counted as +
    bits = whole[:, np.newaxis] >> np.arange(19) & 1
    assert np.array_equal((2.0 * bits - 1.0) @ d, sums)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 4.5 * 0.5 / math.sqrt(2000)
    pairs = np.corrcoef(bits.T)
    assert np.abs(pairs - np.eye(19)).max() < 4.5 / math.sqrt(2000)


def test_flips_of_clusters_flip_their_rows_together() -> None:
    tasks, rows = kept("mae", "weight", "g")
    found = flips_of(tasks, rows, 999)
    assert isinstance(found, Flipped)
    assert (found.n_units, found.clusters) == (37, True)
    _, a, b = units_of(rows)
    u = DIABETES["weight"]
    (_, _), scores = scored("mae", DIABETES, "y", ("yhat", "yhat_boosting"), "weight")
    d = np.bincount(GROUPS.codes, u * (scores[1].loss - scores[0].loss))
    scale = (b - a).sum() / d.sum()
    assert np.sort(b - a) == pytest.approx(np.sort(d * scale), rel=1e-9)


def test_no_difference_has_a_p_of_one_and_no_p_is_zero() -> None:
    assert p_of(np.zeros(5)) == 1.0
    assert p_of(np.array([1.0, -1.0, 2.0, -2.0])) == 1.0
    assert p_of(np.ones(100), 99) == 0.01
    tasks, _ = kept("mse")
    x = np.arange(4.0)
    same = flips_of(tasks, of(x, x))
    assert isinstance(same, Flipped)
    assert same.p == 1.0


def test_a_binary_loss_too() -> None:
    (task,), scores = scored("bce", CANCER, "label", ("prob",))
    found = bootstrap_of(task, kept_of((task,), (0,)).look(scores), 95.0, DRAWS)
    oracle = stats.bootstrap(
        (np.sort(scores[0].loss),),
        np.mean,
        n_resamples=1999,
        method="BCa",
        rng=np.random.default_rng(12345),
    ).confidence_interval
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), rel=1e-10)
