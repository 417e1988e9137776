"""Keys: matched as a dict of text would match them, whichever way they are kept and found."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lossctl.sources import fast, reference
from lossctl.sources.keys import codes_of, keys_of, rows_of, whole_numbers
from lossctl.sources.match import Fault, key_of, match
from lossctl.sources.table import BadCell, Want

if TYPE_CHECKING:
    from lossctl.sources.table import Keys

ODD = (
    *("7", "07", "007", "+7", "-7", "7.0", "7e0", "-0", "0", "00", "٧", "７", "1_0", "10", "NA"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "é", "e\u0301", "a,b"),
    *("nan", "null", "true", "x y", 'say "hi"', "two\nlines", "'", "…", "A", "a"),
)
cells = st.one_of(st.integers(-12, 12).map(str), st.integers().map(str), st.sampled_from(ODD))
plain_cells = st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(0, 30).map(str)
kinds = st.sampled_from(["list", "fast"])


def kept(text: Sequence[str], kind: str) -> Keys:
    """Return keys as the reference reader keeps them, or as the fast one does."""
    if kind == "list":
        return list(text)
    found = keys_of(pl.Series(list(text), dtype=pl.String))
    assert found is not None
    return found


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the keys of two tables, one to one more often than not."""
    width = draw(st.integers(1, 3))
    kind = draw(st.sampled_from([cells, plain_cells, st.integers(0, 40).map(str)]))
    here = draw(st.lists(st.tuples(*[kind] * width), min_size=1, max_size=12, unique=True))
    there = draw(st.permutations(here))
    for table in (here, there):
        if draw(st.integers(0, 3)) == 0:  # a key that is twice, or alone
            table.insert(
                draw(st.integers(0, len(table))), draw(st.sampled_from([*here, ("?",) * width]))
            )
        if len(table) > 1 and draw(st.integers(0, 3)) == 0:
            table.pop(draw(st.integers(0, len(table) - 1)))
    return here, there


def expected(here: list[tuple[str, ...]], there: list[tuple[str, ...]]) -> list[int] | Fault:
    """Return what a plain dict says of the keys."""
    for ours, keys in ((True, here), (False, there)):
        seen: set[tuple[str, ...]] = set()
        again: dict[tuple[str, ...], int] = {}
        for row, key in enumerate(keys):
            if key in seen:
                again.setdefault(key, row)
            seen.add(key)
        if again:
            return Fault("twice", ours, tuple(again.values())[:5], len(again))
    rows = {key: row for row, key in enumerate(there)}
    alone = [row for row, key in enumerate(here) if key not in rows]
    if alone:
        return Fault("alone", True, tuple(alone[:5]), len(alone))
    known = set(here)
    alone = [row for row, key in enumerate(there) if key not in known]
    if alone:
        return Fault("alone", False, tuple(alone[:5]), len(alone))
    return [rows[key] for key in here]


def pieces(
    data: st.DataObject, keys: list[tuple[str, ...]], kind: st.SearchStrategy[str]
) -> list[list[Keys]]:
    """Return the columns of some keys, cut anywhere, each piece kept in either way."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(keys)), max_size=3)))
    edges = [0, *cuts, len(keys)]
    return [
        [kept([key[k] for key in keys[a:b]], data.draw(kind)) for a, b in pairwise(edges)]
        for k in range(len(keys[0]))
    ]


@settings(max_examples=300, deadline=None)
@given(sides(), st.data())
def test_keys_match_as_in_a_dict(
    tables: tuple[list[tuple[str, ...]], list[tuple[str, ...]]], data: st.DataObject
) -> None:
    here, there = tables
    want = expected(here, there)
    for small, kind in ((True, st.just("list")), (False, kinds)):
        ours, theirs = (pieces(data, keys, kind) for keys in (here, there))
        found = match(ours, theirs, small=small)
        assert (found if isinstance(found, Fault) else found.tolist()) == want
        for row, key in enumerate(here):
            assert key_of(ours, row) == key


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=9), st.lists(st.integers(-5, 5), max_size=9))
def test_polars_finds_rows_exactly_where_keys_are_one_to_one(
    here: list[int], there: list[int]
) -> None:
    ours, theirs = pl.Series(here, dtype=pl.Int64), pl.Series(there, dtype=pl.Int64)
    rows = rows_of([ours], [theirs])
    bijective = sorted(here) == sorted(there) and len(set(here)) == len(here)
    assert (rows is not None) == bijective
    if rows is not None:
        assert [there[row] for row in rows.tolist()] == here
    first, second, count = codes_of([ours], [theirs])
    codes = [*first.tolist(), *second.tolist()]
    assert len(set(zip(codes, [*here, *there], strict=True))) == len(set(codes)) == count
    assert set(codes) == set(range(count))


@settings(max_examples=300, deadline=None)
@given(st.lists(cells, min_size=1, max_size=8))
@example(["-9223372036854775808"])
@example(["7", "+7", "1"])
def test_only_text_that_python_would_print_becomes_a_number(text: list[str]) -> None:
    found = whole_numbers(pl.Series(text))
    if found is not None:
        assert [str(number) for number in found.tolist()] == text
    elif all(cell.isascii() and cell.lstrip("-").isdigit() for cell in text):
        unusual = [cell for cell in text if str(int(cell)) != cell]
        assert unusual or any(not -(2**63) < int(cell) < 2**63 for cell in text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(cells, st.sampled_from(["{}", " {}", "{}\t "])), min_size=1, max_size=8))
def test_both_readers_keep_the_same_keys(rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for cell, dress in rows:
        writer.writerow([dress.format(cell), "1"])
    wants = (Want("id", 0, "key"), Want("y", 1), Want("id", 0, "raw"))
    block = text.getvalue().encode()
    slow = reference.parse(block, ",", 2, wants)
    assert slow.keys[wants[0]] == [cell.strip(" \t") for cell, _ in rows]
    quick = fast.parse(block, ",", 2, wants)
    assert quick is not None
    key = quick.keys[wants[0]]
    shown = list(map(str, key.tolist())) if isinstance(key, np.ndarray) else list(key)
    assert shown == slow.keys[wants[0]]


@pytest.mark.parametrize(
    ("block", "line", "rule"),
    [
        (b"1,2\n ,3\n", 1, "must not be empty"),
        (b"1,2\n,3\n", 1, "must not be empty"),
        (b'1,2\n"",3\n', 1, "must not be empty"),
        (b"1,2\n3,4\n\xff,5\n", 2, "not valid UTF-8"),
    ],
)
def test_what_is_no_key_is_left_to_the_reference(block: bytes, line: int, rule: str) -> None:
    wants = (Want("id", 0, "key"), Want("y", 1))
    assert fast.parse(block, ",", 2, wants) is None
    with pytest.raises(BadCell, match=rule) as caught:
        reference.parse(block, ",", 2, wants)
    assert (caught.value.line, caught.value.column) == (line, "id")


def test_many_keys_that_are_twice_are_counted_and_the_first_five_named() -> None:
    here: list[list[Keys]] = [[np.array([5, 1, 1, 2, 2, 1, 3, 3, 4, 4, 5, 6, 6])]]
    found = match(here, [[np.arange(13)]], small=False)
    assert found == Fault("twice", True, (2, 4, 7, 9, 10), 6)
    assert match([[["b", "a"]]], [[["a"], ["b", "c"]]], small=True) == Fault(
        "alone", False, (2,), 1
    )
