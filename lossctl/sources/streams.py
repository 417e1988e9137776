"""Where bytes come from: files and standard input, plain or compressed.

A compressed stream is known by its first bytes, whatever its name says.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, NamedTuple, Protocol

from lossctl.errors import InputError, UsageError

STDIN = "-"
STDIN_NAME = "<stdin>"
PEEK = 6
FOREIGN = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\x93NUMPY": "a NumPy file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


class Reader(Protocol):
    """Anything with a ``read`` that returns at most ``size`` bytes, b"" at the end."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes."""
        ...


class Stream(NamedTuple):
    """An open input: its name for messages, its decompressed bytes, and where it stands."""

    name: str
    reader: Reader
    raw: BinaryIO
    size: int | None

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end; b"" after it."""
        parts: list[bytes] = []
        wanted = size
        try:
            while wanted:
                part = self.reader.read(wanted)
                if not part:
                    self._check_end()
                    break
                parts.append(part)
                wanted -= len(part)
        except EOFError:
            raise InputError("the compressed data end early: truncated?", file=self.name) from None
        except OSError as error:
            if error.errno is None:  # gzip and bz2 raise OSError for bad data
                raise InputError("the compressed data are corrupt", file=self.name) from None
            raise InputError(f"cannot be read: {error.strerror}", file=self.name) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def progress(self) -> float | None:
        """The share of the file that was read, None for a pipe."""
        if not self.size or self.raw.closed:
            return None
        return self.raw.tell() / self.size

    def _check_end(self) -> None:
        """Refuse a regular file that ended before the size it had when it was opened."""
        if self.size is not None and (at := self.raw.tell()) < self.size:
            raise InputError(f"shrank while it was read: {at} of {self.size} bytes", file=self.name)


@contextmanager
def open_stream(source: Source) -> Iterator[Stream]:
    """Open a file, standard input for ``-``, or what was spooled."""
    name = display_name(source)
    try:
        raw = _open_raw(source)
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", file=name) from None
    with raw:
        status = os.fstat(raw.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise InputError("is a directory; name the files in it", file=name)
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        try:
            head = _fill(raw, PEEK)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=name) from None
        for magic, what in FOREIGN.items():
            if head.startswith(magic):
                raise InputError(f"is {what}; lossctl reads CSV and TSV in UTF-8", file=name)
        yield Stream(name, _decompressed(_Rejoined(head, raw), head), raw, size)


def identity(path: Source) -> tuple[int, int, int, int] | None:
    """Return what tells whether a regular file is still the same one; None for a pipe."""
    if isinstance(path, Spool) or path == STDIN:
        return None
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", file=path) from None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _fill(raw: BinaryIO, size: int) -> bytes:
    """Return the first ``size`` bytes; a pipe may hand them out one by one."""
    head = b""
    while len(head) < size:
        part = raw.read(size - len(head))
        if not part:
            break
        head += part
    return head


class _Rejoined(io.RawIOBase):
    """A raw stream with the bytes that were already read put back in front."""

    def __init__(self, head: bytes, raw: BinaryIO) -> None:
        self._head = head
        self._raw = raw

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            part = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(part) :]
            return part
        return self._raw.read(size) or b""

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _decompressed(raw: _Rejoined, head: bytes) -> Reader:
    for magic, opener in OPENERS.items():
        if head.startswith(magic):
            return opener(raw)
    return raw


def _gzip(raw: _Rejoined) -> Reader:
    import zlib

    return _Frames(raw, lambda: zlib.decompressobj(wbits=31), zlib.error)


def _bz2(raw: _Rejoined) -> Reader:
    import bz2

    return _Frames(raw, bz2.BZ2Decompressor, OSError)


def _xz(raw: _Rejoined) -> Reader:
    import lzma

    return _Frames(raw, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), lzma.LZMAError)


def _zstd(raw: _Rejoined) -> Reader:
    try:
        import zstandard
    except ImportError:
        raise UsageError("Zstandard input needs a package: pip install 'lossctl[zst]'") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    return _Frames(raw, lambda: decompressor.decompressobj(), zstandard.ZstdError)


OPENERS: dict[bytes, Callable[[_Rejoined], Reader]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bz2,
    b"\xfd7zXZ\x00": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}


class _Decompressor(Protocol):
    """What one frame is decompressed with: a gzip member, a bz2 or xz stream, a zstd frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Frames:
    """Compressed frames one after the other, to the last byte of the file.

    A frame that ends early is refused, and so are bytes that are no frame: the file objects of
    ``bz2`` and ``lzma`` pass over them, and with them over the rest of a damaged file.
    """

    def __init__(
        self, raw: _Rejoined, frame: Callable[[], _Decompressor], error: type[Exception]
    ) -> None:
        self._raw = io.BufferedReader(raw, 1 << 20)
        self._frame = frame
        self._error = error
        self._current: _Decompressor | None = None
        self._pending = b""
        self._input = b""

    def read(self, size: int, /) -> bytes:
        while not self._pending:
            # Small pieces bound the memory: text that repeats grows up to 17,000-fold.
            data = self._input or self._raw.read(1 << 12)
            self._input = b""
            if not data:
                if self._current is not None:
                    raise EOFError
                return b""
            if self._current is None:
                self._current = self._frame()
            try:
                self._pending = self._current.decompress(data)
            except self._error:
                raise OSError from None
            if self._current.eof:
                self._input = self._current.unused_data
                self._current = None
        part, self._pending = self._pending[:size], self._pending[size:]
        return part


class Spool(NamedTuple):
    """What came through a pipe, kept in a file without a name so that it can be read twice."""

    name: str
    file: BinaryIO


Source = str | Spool


@contextmanager
def spooled(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Give the sources such that each can be read twice: pipes are copied to temporary files.

    The files have no name while they are used: nothing is left behind however the run ends.
    """
    import shutil
    import tempfile

    with ExitStack() as stack:
        kept: list[Source] = []
        for source in sources:
            if isinstance(source, Spool) or identity(source) is not None:
                kept.append(source)
                continue
            name = display_name(source)
            file = stack.enter_context(tempfile.TemporaryFile())
            try:
                with _open_raw(source) as raw:
                    shutil.copyfileobj(raw, file, 1 << 20)
                file.flush()
            except OSError as error:
                raise InputError(f"cannot be kept: {error.strerror}", file=name) from None
            kept.append(Spool(name, file))
        yield kept


def display_name(source: Source) -> str:
    """Return what a source is called in reports and messages."""
    if isinstance(source, Spool):
        return source.name
    return STDIN_NAME if source == STDIN else source


def _open_raw(source: Source) -> BinaryIO:
    if isinstance(source, Spool):
        raw: BinaryIO = open(os.dup(source.file.fileno()), "rb", buffering=0)  # noqa: SIM115 - the caller closes it
        raw.seek(0)
        return raw
    if source == STDIN:
        if sys.stdin is None:
            raise InputError("is closed", file=STDIN_NAME)
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    return open(source, "rb", buffering=0)
