"""A cloud of points does not depend on the order in which they came, or on how they were split."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lossctl.pictures import grid
from lossctl.pictures.grid import Axis, Cloud

FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 5e-324, 1.0, 1.7e308, -1.7e308, 1e9, 1e9 + 1e-6]
)
POINTS = st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=24)


def cloud(points: list[tuple[float, float]]) -> Cloud:
    x, y = (np.array(column) for column in zip(*points, strict=True))
    return Cloud.of(x, y)


def same(a: Cloud, b: Cloud) -> bool:
    return (a.count, a.x, a.y) == (b.count, b.x, b.y) and all(
        np.array_equal(one, other) for one, other in zip(a.table(), b.table(), strict=True)
    )


@given(POINTS, st.data())
@settings(max_examples=150, deadline=None)
@example([(0.0, 0.0), (1e-300, 5.0), (1e300, -5.0)], None)
def test_any_order_and_split_gives_the_same_cells(
    points: list[tuple[float, float]], data: st.DataObject | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "KEPT", 3)
        whole = cloud(points)
        if data is None:
            orders = [list(reversed(points))]
            cut = 1
        else:
            orders = [data.draw(st.permutations(points))]
            cut = data.draw(st.integers(0, len(points)))
        for order in orders:
            parts = [cloud(part) for part in (order[:cut], order[cut:]) if part]
            assert same(reduce(add, parts), whole)
            one_by_one = reduce(add, (cloud([point]) for point in order), Cloud())
            assert same(one_by_one, whole)
            assert same(one_by_one + Cloud(), whole)


@given(POINTS)
@settings(max_examples=100, deadline=None)
def test_a_cell_holds_its_points_and_an_axis_no_more_than_it_may(
    points: list[tuple[float, float]],
) -> None:
    made = cloud(points)
    x, y, counts = made.table()
    assert int(counts.sum()) == len(points)
    assert 0 <= int(x.min()) <= int(x.max()) < grid.CELLS
    assert 0 <= int(y.min()) <= int(y.max()) < grid.CELLS
    for axis, numbers, column in ((made.x, x, 0), (made.y, y, 1)):
        ends = axis.ends(numbers)
        for point in points:
            below = ends <= point[column]
            assert below.any()
            end = float(ends[below].max())
            assert point[column] <= end + axis.length


def test_the_exponent_is_the_smallest_that_takes_few_enough_cells() -> None:
    for low, high in ((0.0, 1.0), (-3.0, 7.0), (1e9, 1e9 + 1.0), (-1e-310, 1e-310)):
        axis = Axis(low, high)
        cells = int(axis.numbers(np.array([high]))[0]) + 1
        assert cells <= grid.CELLS
        assert 2 * cells >= grid.CELLS or axis.exponent <= math.frexp(max(-low, high))[1] - 53


def test_points_are_kept_while_they_are_few() -> None:
    draw = np.random.default_rng(3)
    x, y = draw.normal(size=(2, grid.KEPT))
    parts = Cloud.of(x[:1000], y[:1000]) + Cloud.of(x[1000:], y[1000:])
    assert [column.tolist() for column in parts.points()] == [
        column.tolist() for column in Cloud.of(x, y).points()
    ]
    more = parts + Cloud.of(np.zeros(1), np.zeros(1))
    assert not more.kept
    assert more.count == grid.KEPT + 1
