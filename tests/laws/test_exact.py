"""Exact sums against Python's rationals, over the whole range of float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import lossctl
from lossctl.exact import (
    ExactSum,
    grouped_units,
    moments,
    product_total,
    ratio,
    root_ratio,
    square_total,
    total,
)

Floats = NDArray[np.float64]

UNIT = Fraction(1, 2**2148)  # the unit of an exact sum
TINY = 5e-324
LARGEST = 1.7976931348623157e308

fixed = settings(derandomize=True, deadline=None)  # the same examples in every run

finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=-1e-300, max_value=1e-300),
    st.floats(min_value=-1e6, max_value=1e6),
    st.sampled_from([0.0, -0.0, TINY, -TINY, LARGEST, -LARGEST, 1.0, -1.0, 2.0**-1022, 2.0**900]),
)
anything = st.one_of(finite, st.sampled_from([math.inf, -math.inf, math.nan]))


def array(numbers: Sequence[float]) -> Floats:
    return np.array(numbers, dtype=np.float64)


def exactly(numbers: Sequence[float]) -> Fraction:
    return sum((Fraction(x) for x in numbers), Fraction())


def wide(rng: np.random.Generator, size: int, low: float = -1074.0, high: float = 1023.0) -> Floats:
    """Return numbers whose exponents are spread over a range."""
    mantissas = rng.choice([-1.0, 1.0], size) * rng.uniform(1.0, 2.0, size)
    return np.ldexp(mantissas, rng.integers(int(low), int(high), size))


def close_to_a_slice() -> list[int]:
    """Return lengths around those at which the work is cut."""
    return [2**13 - 1, 2**13, 2**13 + 1, 2**16 - 1, 2**16, 2**16 + 1, 2**17 + 3]


@fixed
@given(st.lists(finite, max_size=60))
@example([])
@example([LARGEST] * 9 + [TINY, -LARGEST])
@example([2.0**900, 2.0**-700, TINY])
@example([1.0, -(2.0**-60), 2.0**-120])
def test_total_is_exact(numbers: list[float]) -> None:
    assert total(array(numbers)) == ExactSum(int(exactly(numbers) / UNIT))


@fixed
@given(st.lists(finite, max_size=40))
@example([LARGEST, TINY])
@example([2.0**400, 2.0**-400, math.nextafter(2.0**400, 0.0)])
def test_square_total_is_exact(numbers: list[float]) -> None:
    squares = sum((Fraction(x) ** 2 for x in numbers), Fraction())
    assert square_total(array(numbers)) == ExactSum(int(squares / UNIT))
    assert moments(array(numbers)) == (total(array(numbers)), ExactSum(int(squares / UNIT)))


@fixed
@given(st.lists(st.tuples(finite, finite), max_size=40))
@example([(LARGEST, LARGEST), (TINY, TINY), (LARGEST, TINY)])
@example([(LARGEST, -LARGEST), (LARGEST, LARGEST), (TINY, -TINY)])
def test_product_total_is_exact(pairs: list[tuple[float, float]]) -> None:
    x, y = array([a for a, _ in pairs]), array([b for _, b in pairs])
    products = sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction())
    assert product_total(x, y) == ExactSum(int(products / UNIT))


@fixed
@given(st.lists(st.tuples(finite, st.integers(0, 6)), max_size=60))
def test_grouped_units_are_exact(pairs: list[tuple[float, int]]) -> None:
    codes = np.array([code for _, code in pairs], dtype=np.intp)
    sums = grouped_units(array([x for x, _ in pairs]), codes, 7)
    assert sums == [int(exactly([x for x, c in pairs if c == code]) / UNIT) for code in range(7)]


@fixed
@given(st.lists(anything, max_size=30))
@example([math.inf, LARGEST, LARGEST])
@example([math.inf, -math.inf])
@example([math.nan, 1.0, math.inf])
def test_what_is_not_finite_is_counted_and_the_rest_is_exact(numbers: list[float]) -> None:
    counted = total(array(numbers))
    rest = [x for x in numbers if math.isfinite(x)]
    assert counted == ExactSum(
        int(exactly(rest) / UNIT),
        numbers.count(math.inf),
        numbers.count(-math.inf),
        sum(math.isnan(x) for x in numbers),
    )
    with np.errstate(all="ignore"):
        plain = float(np.sum([x for x in numbers if not math.isfinite(x)]))
    if len(rest) < len(numbers):
        assert float(counted) == plain or math.isnan(float(counted) + plain)
    squares = square_total(array(numbers))
    assert squares.positive_infinities == numbers.count(math.inf) + numbers.count(-math.inf)
    assert squares.nans == counted.nans
    assert squares.units == square_total(array(rest)).units


def test_a_square_is_infinite_with_either_sign() -> None:
    assert float(square_total(array([-math.inf, 1.0]))) == math.inf
    assert float(square_total(array([-math.inf, math.inf]))) == math.inf


@fixed
@given(st.lists(st.tuples(anything, anything), max_size=30))
@example([(0.0, math.inf), (1.0, 2.0)])
@example([(math.inf, 0.0), (-0.0, -math.inf), (0.0, math.nan)])
@example([(LARGEST, math.inf), (TINY, -math.inf)])
def test_a_product_with_a_factor_zero_counts_nothing(pairs: list[tuple[float, float]]) -> None:
    used = [(a, b) for a, b in pairs if a != 0.0 and b != 0.0]
    finite_pairs = [(a, b) for a, b in used if math.isfinite(a) and math.isfinite(b)]
    special = [a * b for a, b in used if not (math.isfinite(a) and math.isfinite(b))]
    products = sum((Fraction(a) * Fraction(b) for a, b in finite_pairs), Fraction())
    x, y = array([a for a, _ in pairs]), array([b for _, b in pairs])
    assert product_total(x, y) == ExactSum(
        int(products / UNIT),
        special.count(math.inf),
        special.count(-math.inf),
        sum(math.isnan(x) for x in special),
    )


@pytest.mark.parametrize("size", close_to_a_slice())
@pytest.mark.parametrize(
    "span", [(-60.0, 60.0), (-1074.0, -900.0), (-1074.0, 1000.0), (880.0, 1000.0), (1023.0, 1024.0)]
)
def test_lengths_around_a_slice(size: int, span: tuple[float, float]) -> None:
    rng = np.random.default_rng([size, int(span[1] - span[0])])
    x = wide(rng, size, *span)
    assert total(x) == ExactSum(_units(x))


def _units(x: Floats) -> int:
    """Return the exact sum in units, by way of Python's integers."""
    mantissas, exponents = np.frexp(x)
    whole = (mantissas * 2.0**53).astype(np.int64).tolist()
    return sum(m << (2148 - 53 + e) for m, e in zip(whole, exponents.tolist(), strict=True))


@pytest.mark.parametrize("size", [1, 2**13 - 1, 2**13 + 1, 2**16 + 1])
@pytest.mark.parametrize(
    "span", [(-30.0, 30.0), (-1074.0, -900.0), (-600.0, 600.0), (300.0, 500.0)]
)
def test_products_at_lengths_around_a_slice(size: int, span: tuple[float, float]) -> None:
    rng = np.random.default_rng([size, int(span[1] - span[0])])
    x, y = wide(rng, size, *span), wide(rng, size, *span)
    assert product_total(x, y) == ExactSum(_product_units(x, y))
    assert square_total(x) == ExactSum(_product_units(x, x))
    assert moments(x) == (ExactSum(_units(x)), ExactSum(_product_units(x, x)))


def _product_units(x: Floats, y: Floats) -> int:
    (a, e), (b, f) = np.frexp(x), np.frexp(y)
    whole_a, whole_b = ((m * 2.0**53).astype(np.int64).tolist() for m in (a, b))
    shifts = (2148 - 106 + e + f).tolist()
    return sum(
        m * n << s if s >= 0 else m * n >> -s
        for m, n, s in zip(whole_a, whole_b, shifts, strict=True)
    )


@pytest.mark.parametrize("size", [2**16 - 1, 2**16, 2**16 + 1])
def test_equal_numbers_that_fill_every_bit(size: int) -> None:
    for x in (math.nextafter(2.0, 1.0), -LARGEST, 3 * TINY, math.nextafter(2.0**900, math.inf)):
        assert total(np.full(size, x)) == ExactSum(int(size * Fraction(x) / UNIT))
        squares = int(size * Fraction(x) ** 2 / UNIT)
        assert square_total(np.full(size, x)) == ExactSum(squares)
        assert product_total(np.full(size, x), np.full(size, x)) == ExactSum(squares)
        sums = grouped_units(np.full(size, x), np.arange(size) % 3, 3)
        assert sum(sums) == int(size * Fraction(x) / UNIT)


@pytest.mark.parametrize("size", [2**13, 2**16, 2**16 + 1])
def test_numbers_of_one_size_and_sign_use_all_the_room_there_is(size: int) -> None:
    rng = np.random.default_rng(size)
    for scale in (1.0, 2.0**-1074 * 2**53, 2.0**1000):
        x = -rng.uniform(1.9, 2.0, size) * scale
        y = rng.uniform(1.9, 2.0, size)
        assert total(x) == ExactSum(_units(x))
        assert grouped_units(x, np.zeros(size, np.intp), 1) == [_units(x)]
        assert product_total(x, y) == ExactSum(_product_units(x, y))
        assert moments(x) == (ExactSum(_units(x)), ExactSum(_product_units(x, x)))


def test_groups_over_several_slices() -> None:
    rng = np.random.default_rng(0)
    x = wide(rng, 2**16 + 1000)
    codes = rng.integers(0, 5, len(x))
    assert grouped_units(x, codes, 6) == [*(_units(x[codes == code]) for code in range(5)), 0]


def test_the_input_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    for span in ((-20.0, 20.0), (-1074.0, 1020.0)):
        x, y = wide(rng, 5000, *span), wide(rng, 5000, *span)
        before = x.copy(), y.copy()
        for array_ in (x, y):
            array_.setflags(write=False)
        total(x), moments(x), product_total(x, y), grouped_units(x, np.zeros(5000, np.intp), 1)
        assert (x == before[0]).all()
        assert (y == before[1]).all()


@fixed
@given(st.lists(anything, max_size=20), st.lists(anything, max_size=20))
def test_sums_add_and_the_empty_one_is_the_identity(a: list[float], b: list[float]) -> None:
    assert total(array(a)) + total(array(b)) == total(array(a + b)) == total(array(b + a))
    assert total(array(a)) + ExactSum() == ExactSum() + total(array(a)) == total(array(a))
    assert total(array([])) == ExactSum()


@fixed
@given(st.lists(finite, max_size=30))
@example([LARGEST, LARGEST])
@example([-LARGEST, -LARGEST])
@example([LARGEST, 2.0**969])
@example([LARGEST, math.nextafter(2.0**970, 0.0)])
@example([TINY, -TINY])
def test_a_sum_is_rounded_once(numbers: list[float]) -> None:
    assert float(total(array(numbers))) == nearest(exactly(numbers))


def nearest(x: Fraction) -> float:
    """Return the float64 nearest to a rational number, infinite beyond the range."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        ([math.inf, 1.0], math.inf),
        ([-math.inf, LARGEST], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
        ([0.0, -0.0], 0.0),
        ([], 0.0),
        ([1e16, 1.0, -1e16], 1.0),
        ([0.1] * 10, 1.0),
        ([TINY] * 3, 3 * TINY),
    ],
)
def test_the_float_of_a_sum(terms: list[float], value: float) -> None:
    assert float(total(array(terms))) == pytest.approx(value, rel=0.0, abs=0.0, nan_ok=True)


big = st.integers(1, 2**2200)


@fixed
@given(st.integers(-(2**3300), 2**3300), big)
@example(2**1024, 1)
@example(2**1024 - 2**970, 1)
@example(2**1024 - 2**970 - 1, 1)
@example(-(2**1024), 1)
@example(1, 2**1075)
@example(3, 2**1076)
@example(1, 2**1076)
@example(2**53 + 1, 1)
def test_a_ratio_is_rounded_once(numerator: int, denominator: int) -> None:
    assert ratio(numerator, denominator) == nearest(Fraction(numerator, denominator))
    assert ratio(numerator, -denominator) == -nearest(Fraction(numerator, denominator))


@fixed
@given(st.integers(0, 2**4300), big)
@example(0, 1)
@example(1, 1)
@example(2, 1)
@example(2**2048, 1)
@example((2**1024 - 2**970) ** 2 - 1, 1)
@example((2**1024 - 2**970) ** 2, 1)
@example(1, 2**2150)
@example(1, 2**2148)
@example(9, 2**2150)
@example((2**53 + 1) ** 2, 1)
@example((2**53 + 1) ** 2 + 1, 1)
@example((2**53 + 1) ** 2 - 1, 1)
@example(((2**53 + 1) ** 2 << 400) + 1, 1)
def test_a_root_is_rounded_once(numerator: int, denominator: int) -> None:
    with mpmath.workprec(9000):
        root = mpmath.sqrt(mpmath.mpf(numerator) / denominator)
        exact = Fraction(int(mpmath.floor(root * 2**1200)), 2**1200)
        if exact**2 * denominator != numerator:
            exact += Fraction(1, 2**1201)  # between two halves of any float64
    assert root_ratio(numerator, denominator) == nearest(exact)


@fixed
@given(st.floats(min_value=TINY, max_value=LARGEST))
def test_the_root_of_a_square_is_the_number(x: float) -> None:
    square = Fraction(x) ** 2
    assert root_ratio(square.numerator, square.denominator) == x


def test_a_variance_that_cancels() -> None:
    n = 1000
    losses = 1e9 + 0.001 * np.arange(n)
    squares = sum((Fraction(x) ** 2 for x in losses.tolist()), Fraction())
    mean = exactly(losses.tolist()) / n
    variance = squares / n - mean**2
    data: dict[str, Any] = {"y": np.zeros(n), "yhat": losses}
    per_sample = lossctl.evaluate(data, "mae").results[0].per_sample
    assert per_sample is not None
    assert per_sample.statistics.mean == nearest(mean)
    assert per_sample.statistics.std == root_ratio(variance.numerator, variance.denominator)
    assert per_sample.statistics.std == pytest.approx(0.001 * math.sqrt((n * n - 1) / 12), rel=1e-6)
    assert np.sum(losses**2) / n - (np.sum(losses) / n) ** 2 < 0.0  # what float64 makes of it


def test_rmse_at_the_ends_of_the_range() -> None:
    far = lossctl.evaluate({"y": [0.0, 0.0], "yhat": [1.3e154, 1.3e154]}, "rmse").value
    assert far == pytest.approx(1.3e154, rel=1e-15)
    near = lossctl.evaluate({"y": [0.0] * 4, "yhat": [1e-160] * 4}, "rmse").value
    assert near == pytest.approx(1e-160, rel=1e-3)  # its square has few bits left
    mean = lossctl.evaluate({"y": [0.0] * 3, "yhat": [LARGEST] * 3}, "mae").value
    assert mean == LARGEST
    weights = {"y": [0.0] * 3, "yhat": [LARGEST] * 3, "w": [LARGEST, 1.0, TINY]}
    assert lossctl.evaluate(weights, "mae", weight="w").value == LARGEST
    assert lossctl.evaluate(weights, "mae", weight="w").results[0].sum == math.inf
