"""The oracle reads what RFC 4180 and the grammar of numbers say, by examples."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .oracle import Refused, number, records


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\r\n\r", []),
        (b"a,b", [(1, (b"a", b"b"))]),
        (b"a,b\n", [(1, (b"a", b"b"))]),
        (b"a\rb\r\nc\nd", [(1, (b"a",)), (2, (b"b",)), (3, (b"c",)), (4, (b"d",))]),
        (b"\r\n\na\n\nb", [(3, (b"a",)), (5, (b"b",))]),
        (b",\n", [(1, (b"", b""))]),
        (b'""', [(1, (b"",))]),
        (b'"a,\n""b""",c\nd', [(1, (b'a,\n"b"', b"c")), (3, (b"d",))]),
        (b'"\r\n\r"\r\nd', [(1, (b"\r\n\r",)), (4, (b"d",))]),
    ],
)
def test_records_end_at_line_ends_outside_quotes(
    data: bytes, expected: list[tuple[int, tuple[bytes, ...]]]
) -> None:
    assert [(row.line, row.fields) for row in records(data, ",")] == expected


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'a\nb"c', 2),
        (b'a\n"b"c', 2),
        (b'"a" ,b', 1),
        (b'a\n"b\n\nc', 2),
        (b'"a\n""', 1),
        (b'a\n\n"\x00"', 3),
    ],
)
def test_what_is_not_csv_is_refused_with_its_line(data: bytes, line: int) -> None:
    with pytest.raises(Refused) as refused:
        list(records(data, ","))
    assert refused.value.line == line


@given(st.floats(allow_nan=False))
def test_the_shortest_spelling_of_a_float_is_read_back(value: float) -> None:
    read = number(repr(value).encode())
    assert read == value
    assert math.copysign(1.0, read) == math.copysign(1.0, value)


@given(
    st.from_regex(
        r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(e[+-]?[0-9]{1,4})?", fullmatch=True
    )
)
def test_a_decimal_of_any_length_is_rounded_correctly(text: str) -> None:
    assert number(text.encode()) == float(text)


def test_halfway_cases_are_rounded_to_even() -> None:
    for low, high in pairwise([2.0**53, 2.0**53 + 2, 2.0**53 + 4]):
        half = str(int(low) + 1)
        assert number(half.encode()) == float(half)
        assert number(f"{half}.{'0' * 30}1".encode()) == high
