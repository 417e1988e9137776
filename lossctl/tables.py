"""What the caller hands over, as a table that is read in blocks: files, frames, mappings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from lossctl.engines.local import default_threads
from lossctl.errors import InputError
from lossctl.sources.columns import Header
from lossctl.sources.csv_file import CsvTable
from lossctl.sources.streams import Source, Spool, display_name, spooled

if TYPE_CHECKING:
    from lossctl.options import Options
    from lossctl.sources.arrays import ArrayTable
    from lossctl.sources.table import Want


def open_table(data: Any, options: Options) -> AbstractContextManager[Any]:
    """Return the data as a table: files by their paths, everything else as arrays."""
    paths = paths_of(data)
    if paths is not None:
        return CsvTable(paths, options.dialect)
    from contextlib import nullcontext

    from lossctl.sources.arrays import ArrayTable

    return nullcontext(ArrayTable(data))


def prepare(table: CsvTable | ArrayTable, wants: tuple[Want, ...], options: Options) -> int:
    """Tell the table what is read; return how many threads are to read it."""
    threads = options.threads or default_threads()
    table.want(wants, skip=options.missing == "skip")
    if table.small:
        return 1
    # polars makes its thread pool when it is loaded, which is when the first block is parsed.
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    return threads


def header_of(table: CsvTable | ArrayTable, options: Options) -> Header:
    """Return the columns of a table, and what to call it in messages."""
    if not isinstance(table, CsvTable):
        return Header(table.names, table.names, headed=False)
    return Header(table.names, table.written, table.first_file, options.header, table.header_line)


@contextmanager
def rereadable(data: Any) -> Iterator[Any]:
    """Give the data such that they can be read twice."""
    paths = paths_of(data)
    if paths is None:
        yield data
        return
    with spooled(paths) as sources:
        yield sources


def paths_of(data: Any) -> list[Source] | None:
    """Return the files that the data are, None where they are a table in memory."""
    items = list(data) if isinstance(data, (list, tuple)) else [data]
    if not items or not all(isinstance(item, (str, os.PathLike, Spool)) for item in items):
        return None
    return [item if isinstance(item, Spool) else os.fspath(item) for item in items]


@contextmanager
def in_files(data: Any) -> Iterator[None]:
    """Say in which files a rule was broken that only the whole input can break."""
    try:
        yield
    except InputError as error:
        error.file = error.file or ", ".join(files_of(data)) or None
        raise


def files_of(data: Any) -> tuple[str, ...]:
    """Return the names of the files that the data are, as messages have them."""
    return tuple(display_name(path) for path in paths_of(data) or ())
