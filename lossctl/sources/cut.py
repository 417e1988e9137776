"""Cutting a stream of bytes into blocks at record ends.

A newline ends a record when the number of quotes before it is even. That holds for well-formed
quotes; ``misplaced_quote`` finds the others, and whoever parses a block asks it first, so that a
block which a stray quote cut in the wrong place is refused and never read wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from numpy.typing import NDArray

    class Source(Protocol):
        """Anything that returns the next bytes."""

        def read(self, size: int, /) -> bytes:
            """Return up to ``size`` bytes, fewer only at the end."""
            ...


RECORD_LIMIT = 64 << 20
NEWLINE, RETURN, QUOTE = 10, 13, 34


class RecordTooLong(Exception):
    """A record exceeds the limit: most likely a quote that is never closed."""


def blocks(source: Source, size: int, pending: bytes = b"") -> Iterator[bytes]:
    """Yield blocks of whole records of about ``size`` bytes; the last one may lack its newline.

    ``pending`` are bytes that were read before. Raises RecordTooLong.
    """
    data = pending
    while more := source.read(size):
        end = _last_record_end(more) if b'"' not in data and b'"' not in more else 0
        if end:  # no quotes, a line ends in it: the bytes are copied once
            yield b"".join((data, memoryview(more)[:end]))
            data = more[end:]
            continue
        data += more
        end = _last_record_end(data)
        if end:
            yield data[:end]
            data = data[end:]
        elif len(data) > RECORD_LIMIT:
            raise RecordTooLong
    if data:
        yield data


def _last_record_end(data: bytes) -> int:
    """Return the index after the last newline outside quotes; 0 where there is none."""
    mark = b"\n" if b"\n" in data else b"\r"
    if mark == b"\n" and b'"' not in data:
        return data.rfind(mark) + 1
    end = len(data)
    if mark == b"\r" and data.endswith(b"\r"):
        end -= 1  # a \n may follow
    for quotes in range(data.count(b'"'), -1, -1):
        last = data.rfind(b'"', 0, end)
        if quotes % 2 == 0 and (at := data.rfind(mark, last + 1, end)) >= 0:
            return at + 1
        end = last
    return 0


def misplaced_quote(block: bytes, delimiter: str) -> int | None:
    """Return the index of the first quote that RFC 4180 does not allow there, None without any.

    An opening quote follows a delimiter or a record end, or the quote that closed before it (the
    second half of ``""``); a closing one stands before a delimiter, a record end or a quote.
    """
    if b'"' not in block:
        return None
    data = np.frombuffer(block, dtype=np.uint8)
    quotes = np.flatnonzero(data == QUOTE)
    openers, closers = quotes[::2], quotes[1::2]
    fence = np.zeros(256, dtype=bool)
    fence[[NEWLINE, RETURN, ord(delimiter)]] = True
    before = np.where(openers > 0, data[openers - 1], NEWLINE)
    doubled = np.zeros(len(openers), dtype=bool)
    doubled[1:] = openers[1:] == closers[: len(openers) - 1] + 1
    good_open = fence[before] | doubled
    after = np.where(closers + 1 < len(data), data[np.minimum(closers + 1, len(data) - 1)], NEWLINE)
    good_close = fence[after] | (after == QUOTE)
    bad = np.concatenate([openers[~good_open], closers[~good_close]])
    if len(openers) > len(closers):  # the field that is never closed begins before any doubled ones
        bad = np.append(bad, openers[~doubled][-1])
    return int(bad.min()) if len(bad) else None


def record_offsets(block: bytes) -> NDArray[np.intp]:
    """Return the line, 0-based in the block, on which each record begins; quotes well-formed."""
    data = np.frombuffer(block, dtype=np.uint8)
    newlines = np.flatnonzero(data == NEWLINE)
    quotes = np.flatnonzero(data == QUOTE)
    ends = np.flatnonzero(np.searchsorted(quotes, newlines) % 2 == 0)
    starts = np.concatenate([[0], ends + 1]).astype(np.intp)
    return starts[:-1] if block.endswith(b"\n") else starts
