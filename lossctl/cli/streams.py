"""The terminal and the standard streams, as facts that commands are given."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lossctl.cli.output import STDOUT
from lossctl.errors import InputError, UsageError

if TYPE_CHECKING:
    from lossctl.renderers.look import Look

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as <malloc.h> has them
PATIENCE = 1.0  # seconds of work before a progress bar appears


def loaded() -> None:
    """Say that the program is loaded: from here on there may be garbage, though little."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
    _keep_memory()


def _keep_memory() -> None:
    """Let the C library keep what is freed for the next slice of rows.

    glibc hands arrays of this size back at once, and the kernel has to clear their pages anew: a
    fifth of the time of a run with twenty losses. Only the program does so; the library leaves
    the memory of its caller alone.
    """
    import ctypes

    with suppress(AttributeError, OSError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 256 << 20)


def inputs(files: list[str] | None) -> list[str]:
    """Return the files to read; standard input where none is named."""
    named = files or ["-"]
    if named.count("-") > 1:
        raise UsageError("standard input can be named once")
    if "-" in named and sys.stdin is None:
        raise InputError("standard input is closed")
    if not files and sys.stdin.isatty():
        raise UsageError("name a FILE, or pipe one in; standard input is a terminal")
    return named


def say(message: str) -> None:
    """Print one line on standard error, in which nothing from the input acts on the terminal."""
    from lossctl.renderers.look import printable_line

    if sys.stderr is None:
        return
    # Unbuffered: what cannot be written must not come up again when the interpreter ends.
    with suppress(OSError), open(sys.stderr.fileno(), "wb", 0, closefd=False) as file:
        file.write(f"{printable_line(message)}\n".encode())


def on_terminal(output: str | None) -> bool:
    """Whether the results go to a terminal."""
    return output in STDOUT and sys.stdout is not None and sys.stdout.isatty()


def look(output: str | None, precision: int | None) -> Look:
    """Return how tables should look where they go."""
    from shutil import get_terminal_size

    from lossctl.renderers.look import Look

    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    colour = on_terminal(output) and not plain
    return Look(get_terminal_size((80, 24)).columns, colour, precision or 6)


@contextmanager
def watched() -> Iterator[Callable[[float | None, int], None] | None]:
    """Give a function that shows progress on standard error; None where nobody would see it."""
    with followed() as show:
        yield None if show is None else lambda share, rows: show(share, f"{rows / 1e6:.1f} M rows")


@contextmanager
def followed() -> Iterator[Callable[[float | None, str], None] | None]:
    """Give a function that shows progress in words; None where nobody would see it."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar()
    try:
        yield bar.show
    finally:
        bar.close()


class _Bar:
    """A bar that appears after a second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._progress: Any = None
        self._task: Any = None

    def show(self, share: float | None, text: str) -> None:
        if self._progress is None:
            if time.monotonic() - self._start < PATIENCE:
                return
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._progress.add_task("", total=None if share is None else 1.0)
            self._progress.start()
        total = None if share is None else 1.0
        self._progress.update(self._task, total=total, completed=share or 0.0, description=text)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
