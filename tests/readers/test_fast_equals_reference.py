"""The fast reader returns what the reference returns or declines; the reference is the oracle."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lossctl.batch import Text
from lossctl.sources import fast, reference
from lossctl.sources.numbers import is_missing, is_number, to_numbers
from lossctl.sources.table import BadCell, Parsed, Want

from . import oracle
from .tables import (
    MISSING,
    ODD,
    SPELLED,
    Table,
    bits,
    columns_of,
    damaged,
    examples,
    lines_of,
    tables,
)

thorough = examples(300)


def by_reference(table: Table) -> Parsed | BadCell:
    try:
        return reference.parse(table.block, table.delimiter, table.width, table.wants)
    except BadCell as bad:
        return bad


def by_oracle(table: Table) -> oracle.Reading | oracle.Refused:
    wants = [(want.position, want.kind) for want in table.wants]
    try:
        return oracle.read(table.block, table.delimiter, table.width, wants)
    except oracle.Refused as refused:
        return refused


def check_fast(table: Table) -> bool:
    """Hold the fast reader against the reference; return whether it did not decline."""
    parsed = fast.parse(table.block, table.delimiter, table.width, table.wants)
    if parsed is None:
        return False
    expected = by_reference(table)
    assert isinstance(expected, Parsed), f"accepted, though {expected}"
    assert parsed.size == expected.size
    assert parsed.newlines == expected.newlines
    assert lines_of(parsed) == lines_of(expected)
    assert columns_of(parsed, table.wants) == columns_of(expected, table.wants)
    return True


def check_reference(table: Table) -> None:
    """Hold the reference against the oracle."""
    found, expected = by_reference(table), by_oracle(table)
    if isinstance(expected, oracle.Refused):
        assert isinstance(found, BadCell), f"accepted, though {expected}"
        assert found.line + 1 == expected.line, f"{found}; {expected}"
        return
    assert isinstance(found, Parsed), f"refused: {found}"
    assert [line + 1 for line in lines_of(found)] == expected.lines
    assert columns_of(found, table.wants) == [bits(column) for column in expected.columns]


def one_row(cell: str, kind: str = "number", quoted: bool = False) -> Table:
    """Return a table of two rows with the cell in the middle of the first."""
    field = f'"{cell}"' if quoted else cell
    want = Want("c1", 1, kind)  # type: ignore[arg-type]  # a literal, from a parameter
    return Table(f"7,{field},z\n8,9,z\n".encode(), ",", 3, (want,))


A, B = Want("a", 0), Want("b", 1)
WORD = Want("a", 0, "text")


@thorough
@given(tables())
@example(Table(b"\xef\xbb\xbf1,2\n3,4\n", ",", 2, (A, B)))
@example(Table(b"\xef\xbb\xbfx,2\ny,4\n", ",", 2, (WORD, B)))
@example(Table(b"x^2,2\ny,4\n", ",", 2, (WORD, B)))
@example(Table(b"x\x01,2\ny,4\n", ",", 2, (WORD, B)))
@example(Table(b"x\xda,2\ny,4\n", ",", 2, (B,)))
@example(Table(b"\x1f\x8b,2\ny,4\n", ",", 2, (B,)))
@example(Table(b"\x28\xb5\x2f\xfd,2\ny,4\n", ",", 2, (B,)))
def test_a_table_is_read_as_the_oracle_does_and_fast_as_by_the_reference(table: Table) -> None:
    check_reference(table)
    check_fast(table)


@thorough
@given(damaged())
@example(Table(b"1,2\n3\n4,5,6\n", ",", 2, (A, B)))
@example(Table(b"1,2\n3,4,5\n6\n", ",", 2, (A, B)))
@example(Table(b'1,"2"\n3\n4,5,6\n', ",", 2, (A, B)))
@example(Table(b'"1",2,3\n', ",", 2, (A, B)))
@example(Table(b"1\n\n2\n", ",", 1, (A,)))
@example(Table(b"1\n,\n2\n", ",", 1, (A,)))
@example(Table(b"1,2\n,\n3,4", ",", 2, (A, B)))
@example(Table(b"1,2\r3,4\n5,6\n", ",", 2, (A, B)))
@example(Table(b'"a\n""\n', ",", 1, (WORD,)))
@example(Table(b'"a\n\0",1,2\n', ",", 2, (WORD,)))
@example(Table(b'"a\n""b""\nc', ",", 1, (WORD,)))
@example(Table(b'1\n"a\n"""b"', ",", 1, (WORD,)))
def test_damage_is_refused_on_the_line_that_the_oracle_names_and_never_read_by_fast(
    table: Table,
) -> None:
    check_reference(table)
    check_fast(table)


def test_fast_reads_most_clean_tables() -> None:
    """Without this, a reader that always declined would pass."""
    chance = random.Random(1)
    taken = 0
    for _ in range(100):
        rows = [f'{i},"n, {i}",{chance.gauss(0, 1):.6f},{chance.random()!r}\n' for i in range(9)]
        wants = (Want("n", 1, "text"), Want("y", 2), Want("p", 3))
        taken += check_fast(Table("".join(rows).encode(), ",", 4, wants))
    assert taken == 100


adversarial = st.one_of(
    st.sampled_from((*SPELLED, *MISSING, *ODD)),
    st.text("0123456789+-.eEinfatyINFTANul_/ \tdxX()１²٣\u00a0\x0b\x0c\x1f", max_size=10),
    st.lists(
        st.sampled_from([" ", "\t", "+", "-", "7", "00", ".", "e", "E", "inf", "nan"]), max_size=7
    ).map("".join),
)


@thorough
@given(adversarial, st.sampled_from(["number", "binary"]), st.booleans())
def test_fast_takes_for_a_number_only_what_the_grammar_does(
    cell: str, kind: str, quoted: bool
) -> None:
    check_fast(one_row(cell, kind, quoted))


@thorough
@given(adversarial)
def test_the_grammar_of_numbers_is_the_oracles(cell: str) -> None:
    value = oracle.number(cell.encode())
    assert (is_number(cell) or is_missing(cell)) == (value is not None)
    values, bad = to_numbers([cell])
    assert (bad is None) == (value is not None)
    if value is not None:
        assert bits(values) == bits([value])


def spellings(count: int) -> list[str]:
    """Return many numbers, near-numbers and others, without what would end a field."""
    chance = random.Random(7)
    alphabet = "0123456789" * 3 + "....eeEE++--__  \tinfatyINFTAxd()１٣\u00a0\x0b\x0c"
    found = [cell for cell in (*SPELLED, *ODD) if "," not in cell]
    while len(found) < count:
        form = chance.randrange(3)
        if form == 0:
            found.append("".join(chance.choices(alphabet, k=chance.randint(1, 9))))
        elif form == 1:
            digits = "".join(chance.choices("0123456789", k=chance.randint(1, 40)))
            point = chance.randint(0, len(digits))
            power = f"e{chance.randint(-340, 320)}" if chance.random() < 0.5 else ""
            found.append(f"{digits[:point]}.{digits[point:]}{power}")
        else:
            whole = list(repr(chance.lognormvariate(0, 50)))
            whole[chance.randrange(len(whole))] = chance.choice(alphabet)
            found.append("".join(whole))
    return found


@pytest.mark.parametrize("way", ["while it parses", "from text"])
def test_polars_reads_as_a_number_only_what_the_grammar_does_and_as_the_same(way: str) -> None:
    found = spellings(40_000)
    if way == "from text":
        bare = pl.Series(found).str.strip_chars(" \t")
        values = bare.cast(pl.Float64, strict=False)
    else:
        block = "".join(f"{cell},1\n" for cell in found).encode()
        schema = {"a": pl.Float64, "b": pl.Float64}
        frame = pl.scan_csv(
            block, has_header=False, schema=schema, quote_char=None, ignore_errors=True
        ).collect()
        values = frame["a"]
    assert len(values) == len(found)
    wrong = []
    taken: Counter[bool] = Counter()
    for cell, value in zip(found, values.to_list(), strict=True):
        taken[value is not None] += 1
        expected = oracle.number(cell.encode())
        if value is not None and (expected is None or bits([value]) != bits([expected])):
            wrong.append((cell, value, expected))
    assert not wrong, f"{len(wrong)} are read wrongly: {wrong[:10]}"
    assert min(taken.values()) > 5_000, taken


NOTES = (
    *("plain", "", '"a,b"', '"x\ny"', '"say ""hi"""', '"\n\n,,\n"', '"1,2,3,4\n5,6,7,8\n"'),
    *('",\n,"', '"""\n"""', '""', '"' + "long\n" * 300 + '"', '"' + "k," * 3000 + '"'),
    '"' + '1,"",0.5,0.6\n' * 2000 + '"',
)


@pytest.mark.parametrize("rate", [0.0003, 0.01, 0.2, 0.9])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fast_reads_large_blocks_with_line_ends_in_quotes(rate: float, end: str) -> None:
    """Polars cuts a block of several MiB into pieces for its threads; quotes may span the cuts."""
    chance = random.Random(rate)
    lines: list[str] = []
    y, yhat, notes = [], [], []
    size = 0
    while size < 4_000_000:
        note = chance.choice(NOTES) if chance.random() < rate else "plain"
        y.append(chance.random())
        yhat.append(chance.gauss(0, 1))
        notes.append(note)
        lines.append(f"{len(lines)},{note},{y[-1]!r},{yhat[-1]!r}\n")
        size += len(lines[-1])
    block = "".join(lines).replace("\n", end).encode()
    parsed = fast.parse(block, ",", 4, (Want("y", 2), Want("p", 3), Want("note", 1, "text")))
    assert parsed is not None
    assert parsed.size == len(lines)
    numbers = [parsed.columns[want] for want in parsed.columns if want.numeric]
    assert np.array_equal(np.array(numbers), np.array([y, yhat]))
    texts = parsed.columns[Want("note", 1, "text")]
    assert isinstance(texts, Text)
    assert [texts.names[code] for code in texts.codes] == [
        note[1:-1].replace('""', '"').replace("\n", end) if note[:1] == '"' else note
        for note in notes
    ]
    heights = [line.count("\n") for line in lines]
    assert lines_of(parsed) == [0, *np.cumsum(heights)[:-1].tolist()]
    assert parsed.newlines == sum(heights)


@pytest.mark.parametrize("seed", range(6))
def test_fast_declines_a_large_block_with_one_misplaced_field(seed: int) -> None:
    """A field moved from one row to another leaves the number of fields as it was."""
    chance = random.Random(seed)
    quoted = seed % 2 == 0
    lines = [f"{i},{'' if i % 997 or not quoted else QUOTED},0.25,-1.5" for i in range(150_000)]
    short, long = chance.sample(range(len(lines)), 2)
    lines[short] = lines[short].rpartition(",")[0]
    lines[long] += ",0.5"
    block = "\n".join(lines).encode()
    wants = (Want("y", 2), Want("p", 3))
    assert fast.parse(block, ",", 4, wants) is None
    with pytest.raises(BadCell) as bad:
        reference.parse(block, ",", 4, wants)
    found = bad.value.line - sum(line.count("\n") for line in lines[: min(short, long)])
    assert found == min(short, long)


QUOTED = '"two\nlines, and a comma"'
