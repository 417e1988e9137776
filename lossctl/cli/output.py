"""Where results go: standard output, a file written whole or not at all, a device, a pipe."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from lossctl.errors import OutputError

if TYPE_CHECKING:
    import typer

STDOUT = (None, "-", "/dev/stdout")  # opened by its name, a log that is appended to would be lost


def command_line(context: typer.Context) -> str:
    """Return the command as a shell takes it; its words are what the program was started with."""
    return shlex.join(["lossctl", *(context.obj or ())])


@contextmanager
def open_output(path: str | None) -> Iterator[BinaryIO]:
    """Give a binary file to write to; None, ``-`` or ``/dev/stdout`` is standard output.

    A regular file appears under its name only when the block ends without an error. What exists
    and is no regular file is written through, never replaced.
    """
    name = "standard output" if path in STDOUT else str(path)
    try:
        if path is None or path in STDOUT:
            with _standard_output() as file:
                yield file
        elif os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "wb") as file:
                yield file
        else:
            with _replacing(os.path.realpath(path)) as file:
                yield file
    except OSError as error:
        raise OutputError(f"{name}: cannot be written: {error.strerror}") from None


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    # A file of our own on the same descriptor: a full disk is noticed here, when it is closed,
    # and not in the interpreter's last breath.
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", closefd=False) as file:
        yield file


@contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
    import tempfile

    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{os.path.basename(path)}.", suffix=".part", dir=folder
    )
    try:
        with open(descriptor, "wb") as file:
            yield file
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int:
    """Return the permissions that the file has, or would have had if it were new."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
