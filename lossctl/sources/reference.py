"""The reference reader of CSV: the standard library's parser, and the last word on a block.

It accepts a block or says which rule was broken on which line. It reads small inputs, and every
block that the fast reader declines.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.batch import Text
from lossctl.sources.cut import RECORD_LIMIT, misplaced_quote
from lossctl.sources.numbers import bare_keys, to_labels, to_numbers
from lossctl.sources.table import EMPTY_KEY, BadCell, Parsed, Want, not_a_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lossctl.sources.table import Keys

csv.field_size_limit(2 * RECORD_LIMIT)  # the cutter already holds records to the limit


class Rows(NamedTuple):
    """Records, the line each begins on (0-based), and how many lines there are.

    ``fault`` is the first NUL byte or misplaced quote, the records those before it.
    """

    rows: list[list[str]]
    offsets: list[int]
    lines: int
    fault: BadCell | None


def parse(block: bytes, delimiter: str, width: int, wants: Sequence[Want]) -> Parsed:
    """Return the wanted columns of a block of ``width`` fields a record, or raise BadCell.

    The fault that is raised is on the first line that has one, whatever the size of the block.
    """
    rows, offsets, lines, fault = read_rows(block, delimiter)
    faults = [] if fault is None else [fault]
    for index, row in enumerate(rows):
        if len(row) != width:
            few = "too few" if len(row) < width else "too many"
            message = f"{few} fields: {len(row)} where the header has {width}"
            faults.append(BadCell(offsets[index], None, message))
            rows = rows[:index]
            break
    columns: dict[Want, NDArray[np.float64] | Text] = {}
    keys: dict[Want, Keys] = {}
    for want in wants:
        cells = [row[want.position] for row in rows]
        try:
            if want.kind == "key":
                keys[want] = _keys(cells, offsets, want)
            else:
                columns[want] = _column(cells, offsets, want)
        except BadCell as bad:
            faults.append(bad)
    if faults:
        raise min(faults, key=lambda bad: bad.line)
    plain = lines == len(rows)
    kept = None if plain else np.array(offsets, dtype=np.intp)
    return Parsed(len(rows), columns, lines, kept, keys=keys)


def read_rows(block: bytes, delimiter: str) -> Rows:
    """Return the records of a block up to the first that is not CSV.

    Blank lines are no records. Bytes that are not UTF-8 become lone surrogates.
    """
    fault = _fault(block, delimiter)
    rows: list[list[str]] = []
    offsets: list[int] = []
    text = io.StringIO(block.decode("utf-8", "surrogateescape"), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 0
    try:
        for row in reader:
            if fault is not None and reader.line_num > fault.line:
                break
            if row:
                rows.append(row)
                offsets.append(line)
            line = reader.line_num
    except csv.Error as error:
        fault = fault or BadCell(line, None, f"is not CSV: {error}")
    return Rows(rows, offsets, line, fault)


def _fault(block: bytes, delimiter: str) -> BadCell | None:
    """Return the first NUL byte or misplaced quote."""
    quote = misplaced_quote(block, delimiter)
    nul = block.find(b"\0", 0, quote)
    if nul >= 0:
        return BadCell(_lines_before(block, nul), None, "a NUL byte: not a text file, or UTF-16")
    if quote is None:
        return None
    return BadCell(_lines_before(block, quote), None, _quote_message(block, quote, delimiter))


def _quote_message(block: bytes, at: int, delimiter: str) -> str:
    opens = block.count(b'"', 0, at) % 2 == 0
    if opens and block[at - 1 : at] in (b"", b"\n", b"\r", delimiter.encode()):
        return "a quote that is never closed"
    return "a quote inside a field; quote the whole field and double the quotes in it"


def _lines_before(block: bytes, at: int) -> int:
    """Count the line ends before an index: CR LF, LF or CR."""
    head = block[:at]
    return head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n")


def _column(cells: list[str], offsets: list[int], want: Want) -> NDArray[np.float64] | Text:
    if want.numeric:
        values, bad = (to_labels if want.kind == "binary" else to_numbers)(cells)
        if bad is None:
            return values
        shown = quote(cells[bad].encode("utf-8", "replace").decode())
        raise BadCell(offsets[bad], want.name, not_a_number(want, shown))
    names: dict[str, int] = {}
    codes = np.fromiter(
        (names.setdefault(cell, len(names)) for cell in cells), dtype=np.intp, count=len(cells)
    )
    for name, code in names.items():
        if not name.isascii() and any("\udc80" <= char <= "\udcff" for char in name):
            bad = int(np.argmax(codes == code))
            raise BadCell(offsets[bad], want.name, "is not valid UTF-8")
    return Text(codes, tuple(names))


def _keys(cells: list[str], offsets: list[int], want: Want) -> list[str]:
    keys = bare_keys(cells)
    for offset, key in zip(offsets, keys, strict=False):
        if not key:
            raise BadCell(offset, want.name, EMPTY_KEY)
        if not key.isascii() and any("\udc80" <= char <= "\udcff" for char in key):
            raise BadCell(offset, want.name, "is not valid UTF-8")
    return keys


def quote(cell: str, limit: int = 40) -> str:
    """Return a cell as a message shows it: in quotes, printable, and short."""
    shown = "".join(char if char.isprintable() else "�" for char in cell)
    return f"'{shown[:limit]}…'" if len(shown) > limit else f"'{shown}'"
