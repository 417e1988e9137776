"""What is refused is refused in one line that names the file, the line and the column."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import zstandard

from lossctl.api import evaluate
from lossctl.errors import ExitCode, InputError, LossctlError
from lossctl.sources import streams
from lossctl.sources.csv_file import SMALL, CsvTable, Dialect
from lossctl.sources.table import Want

HEADER = b"id,note,y,yhat\n"
ROW = b"7,plain,0.25,-1.5\n"
FILLER = 70_000  # rows that make a file large

BAD_QUOTE = "a quote inside a field; quote the whole field and double the quotes in it"
SKIP = "Leave such rows out? Use --missing skip."


@pytest.fixture(params=[0, FILLER], ids=["small", "large"])
def filler(request: pytest.FixtureRequest) -> int:
    """How many good rows precede the bad one: with many, the file is read in blocks."""
    count: int = request.param
    assert count == 0 or count * len(ROW) > SMALL
    return count


def refusal(data: object, **options: Any) -> str:
    """Return the message of the one error that there must be."""
    options = {"y": "y", "pred": "yhat", **options}
    with pytest.raises(LossctlError) as refused:
        evaluate(data, "mse", **options)
    assert refused.value.exit_code is ExitCode.INVALID
    message = str(refused.value)
    assert "\n" not in message
    return message


def written(tmp_path: Path, data: bytes, name: str = "preds.csv") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


BODIES: dict[str, tuple[bytes, int, str]] = {  # the rows, the line of the fault in them, its text
    "a field too few": (b"1,a,2\n", 1, "too few fields: 3 where the header has 4"),
    "a lone word": (b"\nword\n", 2, "too few fields: 1 where the header has 4"),
    "a field too many": (b"1,a,2,3\n1,a,2,3,\n", 2, "too many fields: 5 where the header has 4"),
    "two lines in one": (b"1,a,2,31,a,2,3\n", 1, "too many fields: 7 where the header has 4"),
    "a word": (b"1,a,two,3\n", 1, "y: must be a number, got 'two'"),
    "a word in yhat": (b"1,a,2,3 x\n", 1, "yhat: must be a number, got '3 x'"),
    "an underscore": (b"1,a,2,1_000\n", 1, "yhat: must be a number, got '1_000'"),
    "a wide digit": ("1,a,１,3\n".encode(), 1, "y: must be a number, got '１'"),
    "hexadecimal": (b"1,a,0x1,3\n", 1, "y: must be a number, got '0x1'"),
    "a decimal comma": (b'1,a,"1,5",3\n', 1, "y: must be a number, got '1,5'"),
    "bytes that are no text": (b"1,a,2\xff,3\n", 1, "y: must be a number, got '2?'"),
    "a line end": (b'1,a,"2\n",3\n', 1, "y: must be a number, got '2�'"),
    "an escape": (b"1,a,\x1b[31m,3\n", 1, "y: must be a number, got '�[31m'"),
    "a long cell": (b"1,a," + b"x" * 99 + b",3\n", 1, f"y: must be a number, got '{'x' * 40}…'"),
    "a missing cell": (b"1,a,,3\n", 1, f"y: a missing value. {SKIP}"),
    "the last cell": (b"1,a,2,\n", 1, f"yhat: a missing value. {SKIP}"),
    "no last cell": (b'"1",a,2,NA', 1, f"yhat: a missing value. {SKIP}"),
    "missing cells": (
        b'1,"two\nlines",2,3\n1,a,2,N/A\n1,a,nan,null\n1,a, ,3\n',
        3,
        f"yhat: a missing value, and 3 rows in all. {SKIP}",
    ),
    "an infinite cell": (b"1,a,2,inf\n", 1, f"yhat: an infinite value. {SKIP}"),
    "numbers too large": (
        b"1,a,1e400,3\n1,a,2,-1e999\n",
        1,
        f"y: an infinite value, and 2 rows in all. {SKIP}",
    ),
    "a NUL byte": (b"1,a,2,3\n1,\0,2,3\n", 2, "a NUL byte: not a text file, or UTF-16"),
    "a quote in a field": (b'1,5" disk,2,3\n', 1, BAD_QUOTE),
    "a quote after a space": (b'1, "a",2,3\n', 1, BAD_QUOTE),
    "text after a quote": (b'1,"a"b,2,3\n', 1, BAD_QUOTE),
    "a quote never closed": (b'1,a,2,3\n1,"a,2,3\n1,a,2,3\n', 2, "a quote that is never closed"),
    "the same, with quotes in it": (
        b'1,"a\n ""b"" c,2,3\n',
        1,
        "a quote that is never closed",
    ),
    "a fault before a stray quote": (
        b'1,a,2\n1,a"b,2,3\n',
        1,
        "too few fields: 3 where the header has 4",
    ),
    "after blank lines": (b"\n\r\n\n1,a,x,3\n", 4, "y: must be a number, got 'x'"),
    "after quoted lines": (
        b'1,"\n\r\n\n",2,3\n"\n",a,2,x\n',
        5,
        "yhat: must be a number, got 'x'",
    ),
}


@pytest.mark.parametrize("case", BODIES)
def test_the_line_and_column_of_a_fault_are_named(case: str, filler: int, tmp_path: Path) -> None:
    body, line, message = BODIES[case]
    path = written(tmp_path, HEADER + filler * ROW + body)
    assert refusal(path) == f"{path}:{1 + filler + line}: {message}"


@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CR LF", "CR"])
def test_lines_are_counted_whatever_ends_them(end: bytes, filler: int, tmp_path: Path) -> None:
    body = b'\n1,"two\nlines",2,3\n\n1,a,2,x\n'
    path = written(tmp_path, (b"\n" + HEADER + filler * ROW + body).replace(b"\n", end))
    assert refusal(path) == f"{path}:{7 + filler}: yhat: must be a number, got 'x'"


def test_mixed_line_ends_are_counted_as_they_come(filler: int, tmp_path: Path) -> None:
    body = b"1,a,2,3\r1,a,2,3\r\n1,a,2,3\n\r1,a,2,x\n"
    path = written(tmp_path, HEADER.replace(b"\n", b"\r") + filler * ROW + body)
    assert refusal(path) == f"{path}:{6 + filler}: yhat: must be a number, got 'x'"


def test_a_byte_order_mark_is_no_part_of_the_first_name(filler: int, tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + b"y,yhat\n" + filler * b"0.25,0.75000000\n" + b"1,2\n1,x\n"
    path = written(tmp_path, data)
    assert refusal(path) == f"{path}:{3 + filler}: yhat: must be a number, got 'x'"


def test_rows_with_missing_or_infinite_cells_are_dropped_and_counted_where_asked(
    filler: int, tmp_path: Path
) -> None:
    body = b"1,a,,3\n1,a,5,3\n1,NA,NA,inf\n1,a,2,-inf\n"
    path = written(tmp_path, HEADER + filler * b"7,plain,3,1\n" + body)
    report = evaluate(path, "mse", missing="skip")
    assert (report.rows, report.skipped, report.nonfinite) == (filler + 4, 3, 1)
    assert report.value == 4.0
    assert report.results[0].n == filler + 1


def test_text_that_is_not_utf_8_matters_only_where_it_is_used(filler: int, tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + filler * ROW + b"1,caf\xe9,2,3\n")
    assert refusal(path, by="note") == f"{path}:{2 + filler}: note: is not valid UTF-8"
    assert evaluate(path, "mse").rows == filler + 1


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n\n"])
def test_an_empty_input_is_refused(data: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    assert refusal(path) == f"{path}: is empty"
    path = written(tmp_path, gzip.compress(data))
    assert refusal(path) == f"{path}: is empty"


@pytest.mark.parametrize("data", [b"y,yhat", b"y,yhat\n", b"y,yhat\r", b"\ny,yhat\r\n\n\n"])
def test_a_header_without_rows_is_refused(data: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    assert refusal(path) == f"{path}: has a header and no rows"
    assert refusal([path, path]) == f"{path}: has a header and no rows"


def test_a_header_that_is_not_csv_is_refused_on_its_line(filler: int, tmp_path: Path) -> None:
    path = written(tmp_path, b'\n\ny,"y"hat\n1,2\n' + filler * b"1,2,3,4,5,6,7,8\n")
    assert refusal(path) == f"{path}:3: {BAD_QUOTE}"
    path = written(tmp_path, b'y,"yhat\n1,2\n' + filler * b"1,2,3,4,5,6,7,8\n")
    assert refusal(path) == f"{path}:1: a quote that is never closed"
    path = written(tmp_path, b"y,\0yhat\n1,2\n" + filler * b"1,2,3,4,5,6,7,8\n")
    assert refusal(path) == f"{path}:1: a NUL byte: not a text file, or UTF-16"


def test_columns_that_are_not_there_are_refused_with_those_that_are(
    filler: int, tmp_path: Path
) -> None:
    path = written(tmp_path, b"id, note,z\xff,yhat\n" + filler * ROW + ROW)
    there = "the columns are id, note, z�, yhat"
    assert refusal(path) == f"{path}: there is no column 'y'; {there}"
    found = refusal(path, y="id", pred="yhatt")
    assert found == f"{path}: there is no column 'yhatt' (did you mean 'yhat'?); {there}"
    found = refusal(path, y=None)
    assert found.startswith(f"{path}: which column is the truth y?")
    assert found.endswith(there)


def test_one_name_of_two_columns_is_refused_where_it_is_used(filler: int, tmp_path: Path) -> None:
    path = written(tmp_path, b"id,y,y,yhat\n" + filler * b"7,0.25,0.75,-1.5\n" + b"1,2,3,4\n")
    assert refusal(path).startswith(
        f"{path}: 2 columns are called 'y'; name one by its position (2, 3)"
    )
    path = written(tmp_path, b"id,id,y,yhat\n" + filler * b"7,7,1,1\n" + b"1,2,3,3\n")
    assert evaluate(path, "mse").value == 0.0


def test_a_file_without_header_is_refused_unless_it_is_said_to_have_none(
    filler: int, tmp_path: Path
) -> None:
    path = written(tmp_path, b"0.5,0.25\n" + filler * b"0.75000000,0.50000000\n" + b"1.0,0.75\n")
    assert refusal(path, y=None, pred=None) == (
        f"{path}:1: '0.5' is a number where a column name is due: no header? Use --no-header."
    )
    report = evaluate(path, "mse", header=False)
    assert (report.rows, report.value) == (filler + 2, 0.0625)
    path = written(tmp_path, b"\n0.5,0.25\n" + filler * b"0.75000000,0.50000000\n" + b"x,0.75\n")
    found = refusal(path, y="1", pred="2", header=False)
    assert found == f"{path}:{3 + filler}: 1: must be a number, got 'x'"


def test_several_files_are_counted_each_on_its_own(filler: int, tmp_path: Path) -> None:
    good = written(tmp_path, HEADER + filler * ROW + ROW, "good.csv")
    bad = written(tmp_path, b"\n" + HEADER + filler * ROW + b"1,a,x,3\n", "bad.csv")
    found = refusal([good, bad, good])
    assert found == f"{bad}:{3 + filler}: y: must be a number, got 'x'"
    other = written(tmp_path, b"id,y,yhat,extra\n1,2,3,4\n", "other.csv")
    assert refusal([good, other]) == f"{other}: does not have the columns of {good}: it lacks note"
    order = written(tmp_path, b"note,id,y,yhat\n1,2,3,4\n", "order.csv")
    found = refusal([good, order])
    assert found == f"{order}: does not have the columns of {good}: it has them in another order"


# What cannot be read at all.

Compress = Callable[[bytes], bytes]


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESSORS: dict[str, Compress] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": _zstd,
}
TRUNCATED = "the compressed data end early: truncated?"
CORRUPT = "the compressed data are corrupt"


@pytest.fixture(params=[100, 60_000], ids=["small", "large"])
def table(request: pytest.FixtureRequest) -> bytes:
    """A table that stays large when it is compressed."""
    chance = random.Random(5)
    count: int = request.param
    rows = [f"{chance.random():.9f},{chance.random():.9f}\n" for _ in range(count)]
    return ("y,yhat\n" + "".join(rows)).encode()


@pytest.mark.parametrize("how", COMPRESSORS)
def test_a_compressed_file_that_is_truncated_is_refused(
    how: str, table: bytes, tmp_path: Path
) -> None:
    packed = COMPRESSORS[how](table)
    for data in (packed, packed + packed) if len(table) < SMALL else (packed,):
        for stop in (len(data) * 2 // 3, len(data) - 1):
            path = written(tmp_path, data[:stop])
            assert refusal(path) == f"{path}: {TRUNCATED}"


@pytest.mark.parametrize("how", COMPRESSORS)
def test_a_compressed_file_that_is_damaged_is_refused(
    how: str, table: bytes, tmp_path: Path
) -> None:
    packed = COMPRESSORS[how](table)
    chance = random.Random(6)
    for at in chance.sample(range(10, len(packed)), 2 if len(table) > SMALL else 60):
        damaged = bytearray(packed)
        damaged[at] ^= 1 << chance.randrange(8)
        path = written(tmp_path, bytes(damaged))
        assert refusal(path) in {f"{path}: {CORRUPT}", f"{path}: {TRUNCATED}"}


@pytest.mark.parametrize("how", COMPRESSORS)
def test_bytes_after_a_compressed_stream_that_are_no_stream_are_refused(
    how: str, table: bytes, tmp_path: Path
) -> None:
    """A second stream whose beginning is damaged must not be taken for the end."""
    half = table.index(b"\n", len(table) // 2) + 1
    first, second = COMPRESSORS[how](table[:half]), COMPRESSORS[how](table[half:])
    path = written(tmp_path, first + second)
    assert evaluate(path, "mse").rows == table.count(b"\n") - 1
    for tail in (b"?" + second[1:], bytes(64), b"\xff" * 64, table[half : half + 400]):
        path = written(tmp_path, first + tail)
        assert refusal(path) in {f"{path}: {CORRUPT}", f"{path}: {TRUNCATED}"}


@pytest.mark.parametrize("how", COMPRESSORS)
def test_lines_are_counted_in_the_text_and_not_in_its_compressed_form(
    how: str, filler: int, tmp_path: Path
) -> None:
    path = written(tmp_path, COMPRESSORS[how](HEADER + filler * ROW + b"1,a,x,3\n"))
    assert refusal(path) == f"{path}:{2 + filler}: y: must be a number, got 'x'"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"PK\x03\x04\x14\x00", "a zip archive or a spreadsheet"),
        (b"\x93NUMPY\x01\x00", "a NumPy file"),
        ("y,yhat\n1,2\n".encode("utf-16"), "UTF-16 text"),
    ],
)
def test_another_format_is_named(data: bytes, what: str, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    assert refusal(path) == f"{path}: is {what}; lossctl reads CSV and TSV in UTF-8"


def test_what_cannot_be_opened_or_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = str(tmp_path / "gone.csv")
    assert refusal(gone) == f"{gone}: cannot be opened: No such file or directory"
    assert refusal(str(tmp_path)) == f"{tmp_path}: cannot be opened: Is a directory"
    good = written(tmp_path, HEADER + ROW)
    assert refusal([good, gone]) == f"{gone}: cannot be opened: No such file or directory"

    def closed(path: str, *_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(streams, "open", closed, raising=False)
    assert refusal(good) == f"{good}: cannot be opened: Permission denied"


def test_a_disk_that_fails_is_refused(
    filler: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, HEADER + filler * ROW + ROW)
    reads = 0

    def fails(self: object, size: int = -1, /) -> bytes:
        nonlocal reads
        reads += 1
        if reads == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, size)

    read: Callable[[object, int], bytes] = streams._Rejoined.read  # type: ignore[assignment]  # any self
    monkeypatch.setattr(streams._Rejoined, "read", fails)
    assert refusal(path) == f"{path}: cannot be read: Input/output error"


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + FILLER * ROW)
    size = os.path.getsize(path)
    for left in (size - len(ROW), SMALL + 100, SMALL, 0):
        written(tmp_path, HEADER + FILLER * ROW)
        with CsvTable([path], Dialect()) as opened:
            opened.want([Want("y", 2)], skip=False)
            os.truncate(path, left)
            with pytest.raises(InputError) as refused:
                list(opened.blocks())
        at = max(left, SMALL + 1)
        message = f"{path}: shrank while it was read: {at} of {size} bytes"
        assert str(refused.value) == message


def test_a_record_that_does_not_end_is_refused_where_it_begins(tmp_path: Path) -> None:
    """A quote that is never closed must not take the whole of a large file into memory."""
    path = written(tmp_path, HEADER + ROW + b'1,"' + 3_900_000 * ROW)
    found = refusal(path)
    assert found == f"{path}:3: a record of more than 64 MiB: is a quote never closed?"
