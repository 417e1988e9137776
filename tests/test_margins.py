"""Margins are read exactly, and written so that they can be read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossctl.errors import UsageError
from lossctl.margins import Margin, margin_of, parse_margin


@pytest.mark.parametrize(
    ("text", "margin", "back"),
    [
        ("1%", Margin(0.01, relative=True), "1%"),
        ("7%", Margin(0.07, relative=True), "7%"),
        (" 12.5 % ", Margin(0.125, relative=True), "12.5%"),
        ("150%", Margin(1.5, relative=True), "150%"),
        ("0%", Margin(0.0, relative=True), "0%"),
        ("-0", Margin(0.0), "0"),
        ("0.5", Margin(0.5), "0.5"),
        (0.5, Margin(0.5), "0.5"),
        (2, Margin(2.0), "2"),
        ("1e-300%", Margin(1e-302, relative=True), "1e-300%"),
    ],
)
def test_what_a_margin_may_be(text: str | float, margin: Margin, back: str) -> None:
    found = parse_margin(text, "--no-worse-than")
    assert found == margin
    assert str(found) == back


@given(st.floats(0.0, 1e300), st.booleans())
def test_a_margin_is_written_so_that_it_reads_back(amount: float, relative: bool) -> None:
    margin = Margin(amount, relative)
    assert margin_of(str(margin)) == margin


@pytest.mark.parametrize(
    "text", ["", "%", "-1", "-1%", "x", "nan", "inf", "inf%", "1%%", "１", "1_0"]
)
def test_what_is_no_margin_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--better-by must be a number of at least 0, or"):
        parse_margin(text, "--better-by")


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
def test_what_is_neither_text_nor_number_is_no_margin(value: object) -> None:
    assert margin_of(value) is None
