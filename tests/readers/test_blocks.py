"""A file cut into blocks of any size, compressed, split or piped gives the same report."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from lossctl.errors import InputError
from lossctl.evaluation import evaluate_with
from lossctl.options import Options
from lossctl.sources import csv_file, cut, fast, reference
from lossctl.sources.table import BadCell, Parsed, Want

from . import oracle
from .tables import NOISE, Table, damaged, examples, lines_of, tables

Compress = Callable[[bytes], bytes]

ANYTHING = st.binary(max_size=60) | st.lists(st.sampled_from(NOISE), max_size=60).map(bytes)
SIZES = st.integers(1, 80)


class Dribble:
    """A source that hands out at most so many bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, most: int) -> None:
        self._source = io.BytesIO(data)
        self._most = most

    def read(self, size: int, /) -> bytes:
        return self._source.read(min(size, self._most))


def cut_up(data: bytes, size: int, pending: int = 0, most: int = 1 << 30) -> list[bytes]:
    return list(cut.blocks(Dribble(data[pending:], most), size, data[:pending]))


def refused_line(data: bytes) -> int | None:
    """Return the line on which the oracle refuses the quotes; NUL bytes are no matter here."""
    try:
        list(oracle.records(data.replace(b"\0", b"0"), ","))
    except oracle.Refused as refused:
        return refused.line
    return None


@examples(500)
@given(ANYTHING, SIZES, st.integers(0, 20), SIZES)
@example(b"a\r\nb\r\n", 2, 0, 80)
@example(b"a\rb\rc", 1, 0, 80)
@example(b'"a\nb\r"\r\nc', 3, 0, 80)
def test_blocks_joined_are_the_bytes(data: bytes, size: int, pending: int, most: int) -> None:
    pieces = cut_up(data, size, pending, most)
    assert b"".join(pieces) == data
    assert all(pieces)


@examples(500)
@given(ANYTHING, SIZES, st.integers(0, 20), SIZES)
def test_blocks_end_at_a_line_end_outside_quotes(
    data: bytes, size: int, pending: int, most: int
) -> None:
    before = b""
    for piece in cut_up(data, size, pending, most)[:-1]:
        before += piece
        assert piece.endswith((b"\n", b"\r"))
        assert before.count(b'"') % 2 == 0
        assert not (before.endswith(b"\r") and data[len(before) : len(before) + 1] == b"\n")


@examples(150)
@given(tables(), SIZES)
def test_blocks_hold_whole_records(table: Table, size: int) -> None:
    found = []
    lines = 0
    for piece in cut_up(table.block.replace(b"\0", b"0"), size):
        for record in oracle.records(piece, table.delimiter):
            found.append(oracle.Record(record.line + lines, record.fields))
        lines += sum(oracle.ends_line(piece, index) for index in range(len(piece)))
    assert found == list(oracle.records(table.block.replace(b"\0", b"0"), table.delimiter))


@examples(500)
@given(ANYTHING, SIZES)
def test_a_misplaced_quote_is_found_on_its_line_at_any_block_size(data: bytes, size: int) -> None:
    data = data.replace(b"\0", b"0")
    lines = 0
    found = None
    for piece in cut_up(data, size):
        rows = reference.read_rows(piece, ",")
        if rows.fault is not None:
            found = lines + rows.fault.line + 1
            break
        lines += rows.lines
    assert found == refused_line(data)


@examples(200)
@given(damaged(), SIZES)
def test_blocks_are_read_as_the_whole_is(table: Table, size: int) -> None:
    """Numbers alone, as a label column is text or numbers by what its block holds."""
    wants = tuple(Want(want.name, want.position) for want in table.wants)
    whole = parse_all([table.block], table, wants)
    assert parse_all(cut_up(table.block, size), table, wants) == whole


def parse_all(pieces: list[bytes], table: Table, wants: tuple[Want, ...]) -> object:
    """Return numbers and lines over all pieces, or the first fault and its line."""
    cells: list[list[bytes]] = [[] for _ in wants]
    where: list[int] = []
    lines = 0
    for piece in pieces:
        arguments = (piece, table.delimiter, table.width, wants)
        try:
            parsed: Parsed = fast.parse(*arguments) or reference.parse(*arguments)
        except BadCell as bad:
            return f"line {lines + bad.line}: {bad}"
        for found, want in zip(cells, wants, strict=True):
            column = parsed.columns[want]
            found += [column[row : row + 1].tobytes() for row in range(parsed.size)]  # type: ignore[union-attr]  # a number
        where += [lines + line for line in lines_of(parsed)]
        lines += parsed.newlines
    return cells, where


# Whole files from here on.

HEADER = "id,note,y,yhat\n"
FAULTLESS = (*("plain", "", '"a,b"', '"x\ny"', '"say ""hi"""'), '",\n,"', '"\n\n,,\n"', '""')


def rows(count: int, notes: tuple[str, ...] = FAULTLESS) -> list[str]:
    chance = random.Random(3)
    return [
        f"{i},{chance.choice(notes)},{chance.gauss(0, 9)!r},{chance.gauss(0, 9):.3f}\n"
        for i in range(count)
    ]


def summary(paths: list[str] | str, **options: object) -> str:
    """Return the figures of a report as text, to the last bit."""
    chosen = Options(**options)  # type: ignore[arg-type]  # by name
    (result,) = evaluate_with(paths, "mse", chosen).to_dict()["results"]
    keys = ("n", "value", "sum", "per_sample", "gradient")
    return json.dumps({key: result[key] for key in keys}, sort_keys=True)


@pytest.fixture
def fast_at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read small files as large ones are read."""
    monkeypatch.setattr(csv_file, "SMALL", 64)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("notes", [FAULTLESS, ("plain",)], ids=["quoted", "plain"])
@pytest.mark.usefixtures("fast_at_any_size")
def test_the_report_is_the_same_at_any_block_size(
    tmp_path: Path, end: str, notes: tuple[str, ...]
) -> None:
    path = tmp_path / "preds.csv"
    text = HEADER + "".join(rows(80, notes))
    path.write_bytes(text.replace("\n", end).encode())
    found = {
        summary(str(path), block_size=size, threads=threads)
        for size in (7, 64, 1000, 8 << 20)
        for threads in (1, 2)
    }
    assert len(found) == 1


def test_the_report_of_a_large_file_is_the_same_at_any_block_size_and_by_either_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "preds.csv"
    path.write_text(HEADER + "".join(rows(40_000)), newline="")
    assert path.stat().st_size > csv_file.SMALL
    found = {summary(str(path), block_size=size) for size in (40_000, 1 << 20, 8 << 20)}
    with monkeypatch.context() as patch:
        patch.setattr(csv_file, "SMALL", 1 << 30)
        found.add(summary(str(path)))
    assert len(found) == 1


def test_lines_and_rows_to_blame_are_the_same_at_any_block_size(
    tmp_path: Path, fast_at_any_size: None
) -> None:
    del fast_at_any_size
    path = tmp_path / "preds.csv"
    lines = rows(60)
    lines[41] = '41,"three\n\nlines",1e6,0\n'
    lines[17] = "17,plain,-1e7,0\n"
    path.write_text("\n" + HEADER + "".join(lines), newline="")
    first = {at: 3 + sum(line.count("\n") for line in lines[:at]) for at in (17, 41)}
    for size in (7, 64, 1000, 8 << 20):
        report = evaluate_with(str(path), "mse", Options(block_size=size, top=2))
        worst = report.results[0].worst
        assert worst is not None
        assert [(row.row, row.line) for row in worst] == [(18, first[17]), (42, first[41])]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CR LF", "CR"])
def test_the_first_read_may_end_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    path = tmp_path / "preds.csv"
    data = b'\n"the\nid",y,yhat\n7,1.5,2.5\n8,x,2\n'.replace(b"\n", end)
    path.write_bytes(data)
    for small in range(data.index(b"t"), len(data) + 1):
        monkeypatch.setattr(csv_file, "SMALL", small)
        with pytest.raises(InputError) as refused:
            evaluate_with(str(path), "mse", Options(block_size=9))
        assert str(refused.value) == f"{path}:5: y: must be a number, got 'x'"


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESSORS: dict[str, Compress] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": _zstd,
}


@pytest.mark.parametrize("how", sorted(COMPRESSORS))
@pytest.mark.usefixtures("fast_at_any_size")
def test_the_report_is_the_same_compressed_whole_or_in_parts(tmp_path: Path, how: str) -> None:
    data = (HEADER + "".join(rows(80))).encode()
    plain, whole, parts = tmp_path / "p.csv", tmp_path / "whole", tmp_path / "parts"
    plain.write_bytes(data)
    compress = COMPRESSORS[how]
    whole.write_bytes(compress(data))
    parts.write_bytes(b"".join(compress(data[i : i + 500]) for i in range(0, len(data), 500)))
    expected = summary(str(plain))
    for path in (whole, parts):
        for size in (64, 1000, 8 << 20):
            assert summary(str(path), block_size=size) == expected


@pytest.mark.usefixtures("fast_at_any_size")
def test_the_report_is_the_same_split_into_several_files(tmp_path: Path) -> None:
    lines = rows(90)
    whole = tmp_path / "whole.csv"
    whole.write_text(HEADER + "".join(lines), newline="")
    paths = []
    for number, (start, stop) in enumerate([(0, 1), (1, 40), (40, 40), (40, 90)]):
        text = HEADER + "".join(lines[start:stop])
        data = (text if number % 2 else text.removesuffix("\n")).encode()
        path = tmp_path / f"part{number}.csv"
        path.write_bytes(list(COMPRESSORS.values())[number](data))
        paths.append(str(path))
    expected = summary(str(whole))
    for size in (7, 64, 1000, 8 << 20):
        assert summary(paths, block_size=size) == expected
    assert summary(paths[::-1]) == expected


@contextmanager
def piped(path: Path, data: bytes, most: int) -> Iterator[str]:
    """Give a named pipe that some bytes come through, a few at a time."""
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for start in range(0, len(data), most):
                pipe.write(data[start : start + most])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield str(path)
    finally:
        writer.join()


@pytest.mark.parametrize("most", [1, 50, 1 << 20])
@pytest.mark.parametrize("how", ["plain", "gz"])
@pytest.mark.usefixtures("fast_at_any_size")
def test_the_report_is_the_same_through_a_pipe(tmp_path: Path, how: str, most: int) -> None:
    data = (HEADER + "".join(rows(80))).encode()
    plain = tmp_path / "p.csv"
    plain.write_bytes(data)
    for size in (64, 8 << 20):
        with piped(tmp_path / f"pipe{size}", COMPRESSORS[how](data), most) as path:
            assert summary(path, block_size=size) == summary(str(plain))
