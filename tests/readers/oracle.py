"""A CSV reader to test against: RFC 4180 one byte at a time, and its own grammar of numbers.

It is written to be read and checked by eye. It shares nothing with lossctl and uses neither
``csv``, nor regular expressions, nor ``float(text)``: a number is a quotient of integers.

A record ends at LF, CR LF or CR outside quotes. A field is quoted if its first byte is a quote;
inside, a quote is written twice, and after the closing quote the field ends. A blank line is no
record. Bytes that break these rules are refused, with the line (1-based) of the byte that did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

NUL, TAB, LF, CR, SPACE, QUOTE = 0, 9, 10, 13, 32, 34
MISSING = ("", "na", "n/a", "null", "none", "nan")

Cells = list[float] | list[str]


class Refused(Exception):
    """The bytes are no table; ``line`` is where (1-based)."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(frozen=True)
class Record:
    """The fields of one record, and the line that it begins on (1-based)."""

    line: int
    fields: tuple[bytes, ...]


@dataclass(frozen=True)
class Reading:
    """What some columns of a table hold; ``lines`` has the line of every record."""

    lines: list[int]
    columns: list[Cells]


class State(Enum):
    """Where the machine stands."""

    FIELD_START = auto()
    PLAIN = auto()
    QUOTED = auto()
    AFTER_QUOTE = auto()


def records(data: bytes, delimiter: str) -> Iterator[Record]:
    """Yield the records of some bytes, or raise Refused where they end to be CSV."""
    fields: list[bytes] = []
    field = bytearray()
    state = State.FIELD_START
    line = started = opened = 1
    ends_field = (ord(delimiter), LF, CR)
    for index, byte in enumerate(data):
        if byte == NUL:
            raise Refused(line, "NUL")
        if state is State.QUOTED:
            if byte == QUOTE:
                state = State.AFTER_QUOTE
            else:
                field.append(byte)
        elif byte in ends_field:
            blank = state is State.FIELD_START and not fields and byte in (LF, CR)
            if not blank:
                fields.append(bytes(field))
            field.clear()
            state = State.FIELD_START
            if fields and byte in (LF, CR):
                yield Record(started, tuple(fields))
                fields.clear()
        elif byte == QUOTE:
            if state is State.PLAIN:
                raise Refused(line, "a quote inside a field")
            if state is State.AFTER_QUOTE:
                field.append(QUOTE)
            else:
                opened = line
            state = State.QUOTED
        else:
            if state is State.AFTER_QUOTE:
                raise Refused(line, "text after a closing quote")
            field.append(byte)
            state = State.PLAIN
        if byte in (LF, CR):
            line += ends_line(data, index)
            if state is State.FIELD_START:
                started = line
    if state is State.QUOTED:
        raise Refused(opened, "a quote that is never closed")
    if fields or state is not State.FIELD_START:
        yield Record(started, (*fields, bytes(field)))


def ends_line(data: bytes, index: int) -> bool:
    """Whether a byte is the last one of LF, CR LF or CR."""
    if data[index] == CR:
        return data[index + 1 : index + 2] != b"\n"
    return data[index] == LF


def read(data: bytes, delimiter: str, width: int, wants: Sequence[tuple[int, str]]) -> Reading:
    """Return the wanted columns, each a position and a kind, or raise Refused at the first fault.

    A *number* column refuses other cells; a *binary* one also takes true and false; *text* and
    *raw* take any UTF-8.
    """
    lines: list[int] = []
    columns: list[list[bytes]] = [[] for _ in wants]
    for row in records(data, delimiter):
        if len(row.fields) != width:
            raise Refused(row.line, "field count")
        lines.append(row.line)
        for (position, kind), cells in zip(wants, columns, strict=True):
            cell = row.fields[position]
            cells.append(cell)
            spells = number(cell) is not None or (kind == "binary" and truth(cell) is not None)
            if (kind in ("number", "binary") and not spells) or not (spells or is_utf8(cell)):
                raise Refused(row.line, f"not {kind}")
    kinds = [kind for _, kind in wants]
    return Reading(lines, [column(*pair) for pair in zip(columns, kinds, strict=True)])


def column(cells: Sequence[bytes], kind: str) -> Cells:
    """Return the cells of one column as its kind says."""
    if kind == "binary":
        labels = [truth(cell) if number(cell) is None else number(cell) for cell in cells]
        return [label for label in labels if label is not None]
    if kind == "number":
        return [value for value in map(number, cells) if value is not None]
    return [cell.decode("utf-8") for cell in cells]


def truth(cell: bytes) -> float | None:
    """Return 1 for true and 0 for false in any case with blanks around, None for other cells."""
    text = cell.strip(b" \t").lower()
    return {b"true": 1.0, b"false": 0.0}.get(text)


def is_utf8(cell: bytes) -> bool:
    """Whether a cell is text."""
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def number(cell: bytes) -> float | None:
    """Return the number that a cell spells, NaN where it is missing, None where it is neither."""
    start, stop = 0, len(cell)
    while start < stop and cell[start] in (SPACE, TAB):
        start += 1
    while start < stop and cell[stop - 1] in (SPACE, TAB):
        stop -= 1
    text = "".join(chr(byte) for byte in cell[start:stop]).lower()
    if not text.isascii():
        return None
    if text in MISSING:
        return math.nan
    negative = text.startswith("-")
    if negative or text.startswith("+"):
        text = text[1:]
    if text in ("inf", "infinity"):
        size: float | None = math.inf
    elif text == "nan":
        size = math.nan
    else:
        size = decimal(text)
    return -size if negative and size is not None else size


def decimal(text: str) -> float | None:
    """Return what ``digits[.digits][e[sign]digits]`` spells, correctly rounded."""
    mantissa, scientific, power = text.partition("e")
    whole, _, part = mantissa.partition(".")
    power_digits = power[1:] if power[:1] in ("+", "-") else power
    if not only_digits(whole) or not only_digits(part) or not whole + part:
        return None
    if scientific and not (power_digits and only_digits(power_digits)):
        return None
    units = 0
    for char in whole + part:
        units = 10 * units + (ord(char) - ord("0"))
    exponent = 0
    for char in power_digits:
        exponent = min(10 * exponent + (ord(char) - ord("0")), 10**9)
    if power.startswith("-"):
        exponent = -exponent
    exponent -= len(part)
    digits = len(whole) + len(part)
    if units == 0 or exponent + digits < -400:
        return 0.0
    if exponent > 400:
        return math.inf
    numerator: int = units * 10 ** max(exponent, 0)
    denominator: int = 10 ** max(-exponent, 0)
    try:
        return numerator / denominator  # correctly rounded
    except OverflowError:
        return math.inf


def only_digits(text: str) -> bool:
    """Whether all characters, if any, are ASCII digits."""
    return all("0" <= char <= "9" for char in text)
