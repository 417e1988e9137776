"""CSV and TSV from files and standard input: the header, the blocks, and who reads them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from lossctl.batch import Batch, Lines
from lossctl.errors import InputError, NoRows, UsageError
from lossctl.sources import reference
from lossctl.sources.cut import RECORD_LIMIT, RecordTooLong, blocks
from lossctl.sources.marks import of_records
from lossctl.sources.streams import Source, Stream, display_name, open_stream
from lossctl.sources.table import BadCell, Counts, FirstGap, Parsed, Piece, Placer, Want

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALL = 1 << 20  # below it, loading a dataframe engine takes longer than reading
BLOCK = 6 << 20  # bytes that are parsed at a time
HEAD_BYTES, HEAD_ROWS = 1 << 16, 1000  # what tells what kind of column one is
DELIMITERS = ",;\t|"
BOM = b"\xef\xbb\xbf"
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
RECORD = re.compile(rb'(?:[^"\r\n]++|"[^"]*+")*+(?:\r\n?|\n)')


class Dialect(NamedTuple):
    """How the text is to be read: ``delimiter`` None means by suffix, else by the header."""

    delimiter: str | None = None
    header: bool = True
    block_size: int = BLOCK
    by_suffix: bool = True


class Block(NamedTuple):
    """A piece of one file; the header and how many lines it took come with the first."""

    data: bytes
    file: int
    head: Head | None = None
    error: InputError | None = None


class Head(NamedTuple):
    """The names of a file, the delimiter, and where its data begin."""

    names: tuple[str, ...]
    delimiter: str
    lines: int


class Placed(NamedTuple):
    """A parsed block, or the error in it, not yet numbered."""

    block: Block
    parsed: Parsed | BadCell


class CsvTable:
    """Several CSV files of the same columns as one table."""

    def __init__(self, paths: Sequence[Source], dialect: Dialect) -> None:
        """Open the first file and read its header."""
        self._paths = tuple(paths)
        self._dialect = dialect
        self._stack = ExitStack()
        self._wants: tuple[Want, ...] = ()
        self._placer = Placer(())
        self._next_line = 1
        self._fast = False
        try:
            self._open = self._start(0)
        except BaseException:
            self._stack.close()
            raise
        self._current: tuple[int, Stream] = (0, self._open.stream)
        self.written = self._open.head.names
        self.names = _told_apart(self.written)

    def __enter__(self) -> CsvTable:
        """Keep the files open."""
        return self

    def __exit__(self, *details: object) -> None:
        """Close the files."""
        self._stack.close()

    @property
    def first_file(self) -> str:
        """The name of the first file, for messages."""
        return self._open.stream.name

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files, for messages."""
        return tuple(map(display_name, self._paths))

    @property
    def delimiter(self) -> str | None:
        """The delimiter of all files."""
        return self._open.head.delimiter

    @property
    def header_line(self) -> int:
        """The last line of the header, 1-based."""
        return max(1, self._open.head.lines)

    @property
    def small(self) -> bool:
        """Whether the whole input is in hand and small."""
        return len(self._paths) == 1 and self._open.complete

    def want(self, wants: Sequence[Want], *, skip: bool, fast: bool = True) -> None:
        """Say which columns are read, and what becomes of rows that lack a value."""
        self._wants = tuple(wants)
        self._placer = Placer(self._wants, skip)
        self._fast = fast and not self.small

    @property
    def rows(self) -> int:
        """How many rows were placed so far."""
        return self._placer.rows

    @property
    def progress(self) -> float | None:
        """The share of the input that was read, None where its size is not known."""
        number, stream = self._current
        share = stream.progress
        return None if share is None else (number + share) / len(self._paths)

    @property
    def gap(self) -> FirstGap | None:
        """Where the first cell without a value stands, of those placed so far."""
        return self._placer.gap

    def head_cells(self) -> dict[str, list[str]]:
        """Return the cells of the first rows, which are in hand when the header is."""
        data = next(blocks(io.BytesIO(self._open.rest), HEAD_BYTES), b"")
        rows = reference.read_rows(data, self._open.head.delimiter).rows[:HEAD_ROWS]
        whole = [row for row in rows if len(row) == len(self.names)]
        return {name: [row[at] for row in whole] for at, name in enumerate(self.names)}

    def row_marks(self, block: Block) -> NDArray[np.int64] | None:
        """Return a number for every record of a piece, equal where records are."""
        return of_records(block.data)

    def blocks(self) -> Iterator[Block]:
        """Yield the pieces of all files in order."""
        for number in range(len(self._paths)):
            opened = self._open if number == 0 else self._start(number)
            if number:
                self._check_same(opened)
            self._current = (number, opened.stream)
            head: Head | None = opened.head
            pieces = blocks(opened.stream, self._dialect.block_size, opened.rest)
            if opened.complete:
                pieces = iter([opened.rest]) if opened.rest else iter(())
            try:
                for data in pieces:
                    yield Block(data, number, head)
                    head = None
            except RecordTooLong:
                limit = RECORD_LIMIT >> 20
                error = InputError(f"a record of more than {limit} MiB: is a quote never closed?")
                yield Block(b"", number, head, error)
                return
            if head is not None:
                yield Block(b"", number, head)
            opened.close()

    def parse(self, block: Block) -> Placed:
        """Parse a piece with the fast reader, or with the reference where it declines."""
        head = self._open.head
        if not block.data:
            empty = reference.parse(b"", head.delimiter, len(head.names), self._wants)
            return Placed(block, empty)
        arguments = (block.data, head.delimiter, len(head.names), self._wants)
        try:
            if self._fast:
                from lossctl.sources import fast

                parsed = fast.parse(*arguments)
                if parsed is not None:
                    return Placed(Block(b"", block.file, block.head, block.error), parsed.checked())
            return Placed(block, reference.parse(*arguments).checked())
        except BadCell as bad:
            return Placed(block, bad)

    def place(self, placed: Placed) -> tuple[Batch]:
        """Number the rows and lines of a parsed piece, or raise its error with the line."""
        return (self._placer.place(self.locate(placed)),)

    def locate(self, placed: Placed) -> Piece:
        """Return a parsed piece with its file and lines, or raise its error with the line."""
        block, parsed = placed.block, placed.parsed
        name = self._name(block.file)
        if block.head is not None:
            self._next_line = block.head.lines + 1
        line = self._next_line
        if block.error is not None:
            raise InputError(block.error.message, file=name, line=line)
        if isinstance(parsed, BadCell):
            raise InputError(
                parsed.message, file=name, line=line + parsed.line, column=parsed.column
            )
        self._next_line += parsed.newlines
        return Piece(parsed, name, Lines(line, parsed.offsets))

    def finish(self) -> Counts:
        """Check what only the whole input tells, and return the counts."""
        counts = self._placer.finish()
        if not counts.rows:
            raise self.empty()
        return counts

    def empty(self) -> InputError:
        """Return the error for files without rows."""
        return NoRows("has a header and no rows", file=self.first_file)

    def _name(self, file: int) -> str:
        return display_name(self._paths[file])

    def _start(self, number: int) -> _Opened:
        closer = ExitStack()
        self._stack.push(closer)
        stream = closer.enter_context(open_stream(self._paths[number]))
        data = stream.read(SMALL + 1)
        complete = len(data) <= SMALL
        data = data.removeprefix(BOM)
        if not data.strip(b"\r\n"):
            raise InputError("is empty", file=stream.name)
        delimiter = self._dialect.delimiter
        if delimiter is None and self._dialect.by_suffix:
            delimiter = self._by_suffix(stream.name)
        if number:
            delimiter = self._open.head.delimiter
        head, rest, complete = _read_head(stream, data, delimiter, self._dialect.header, complete)
        return _Opened(stream, head, rest, complete, closer)

    def _by_suffix(self, path: str) -> str | None:
        name = path.lower()
        for suffix in SUFFIXES:
            name = name.removesuffix(suffix)
        return "\t" if name.endswith((".tsv", ".tab")) else None

    def _check_same(self, opened: _Opened) -> None:
        first, other = self._open.head.names, opened.head.names
        if first == other:
            return
        gone = [name for name in first if name not in other]
        new = [name for name in other if name not in first]
        what = f"lacks {', '.join(gone)}" if gone else f"also has {', '.join(new)}"
        if not gone and not new:
            what = "has them in another order"
        raise InputError(
            f"does not have the columns of {self.first_file}: it {what}", file=opened.stream.name
        )


class _Opened(NamedTuple):
    stream: Stream
    head: Head
    rest: bytes
    complete: bool
    closer: ExitStack

    def close(self) -> None:
        self.closer.close()


def _read_head(
    stream: Stream, data: bytes, delimiter: str | None, header: bool, complete: bool
) -> tuple[Head, bytes, bool]:
    """Return the header and the bytes after it; without a header, the columns by position."""
    start = len(data) - len(data.lstrip(b"\r\n"))
    skipped = _line_count(data[:start])
    end = _first_record_end(data, start, complete)
    while end is None and not complete:
        more = stream.read(BLOCK)
        complete = not more
        data += more
        if len(data) > RECORD_LIMIT:
            raise InputError("the header is over 64 MiB long", file=stream.name, line=1)
        end = _first_record_end(data, start, complete)
    record = data[start : len(data) if end is None else end]
    if delimiter is None:
        delimiter = _sniff(record)
    rows, _, lines, fault = reference.read_rows(record, delimiter)
    if fault is not None:
        raise InputError(fault.message, file=stream.name, line=skipped + fault.line + 1)
    names = [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in rows[0]]
    if not header:
        width = len(names)
        names = [str(position) for position in range(1, width + 1)]
        return Head(tuple(names), delimiter, skipped), data[start:], complete
    rest = b"" if end is None else data[end:]
    return (
        Head(tuple(name.strip(" \t") for name in names), delimiter, skipped + lines),
        rest,
        complete,
    )


def _first_record_end(data: bytes, start: int, complete: bool) -> int | None:
    """Return the index after the first record; None where it does not end here."""
    match = RECORD.match(data, start)
    if match is None or (match.end() == len(data) and data.endswith(b"\r") and not complete):
        return None  # after a \r, a \n may follow
    return match.end()


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of which none stands twice: a later one gets its position."""
    seen: set[str] = set()
    told = []
    for position, name in enumerate(names, 1):
        fresh = name if name not in seen else f"{name} ({position})"
        seen.add(fresh)
        told.append(fresh)
    return tuple(told)


def _line_count(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _sniff(record: bytes) -> str:
    """Return the delimiter that the header has most of, outside quotes; a comma where none."""
    bare = b"".join(record.split(b'"')[::2])
    counts = {mark: bare.count(mark.encode()) for mark in DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def check_delimiter(text: str) -> str:
    r"""Return the delimiter that an option spells: one ASCII character, ``tab`` or ``\t``."""
    delimiter = {"tab": "\t", "\\t": "\t"}.get(text.lower(), text)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise UsageError(f"--delimiter must be one ASCII character or 'tab', got '{text}'")
    return delimiter
