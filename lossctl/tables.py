"""What the caller hands over, as a table that is read in blocks: files, frames, mappings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lossctl.engines.local import default_threads
from lossctl.errors import InputError, UsageError
from lossctl.options import Options, check_truth
from lossctl.report import Elsewhere
from lossctl.sources.columns import Header, Side, check_keys
from lossctl.sources.csv_file import CsvTable
from lossctl.sources.streams import STDIN, Source, Spool, display_name, spooled

if TYPE_CHECKING:
    from lossctl.sources.joined import JoinedTable
    from lossctl.sources.table import Want
    from lossctl.sources.zipped import ZippedTable


@dataclass(frozen=True, slots=True)
class Sources:
    """A main table and the tables whose columns join its rows, by their roles."""

    main: Any
    others: Mapping[str, Any]
    role: str = "predictions"

    @property
    def all(self) -> dict[str, Any]:
        """All tables, the main one first."""
        return {self.role: self.main, **self.others}


def sources_of(data: Any, options: Options) -> Any:
    """Return the data, together with the truth where it stands elsewhere."""
    if isinstance(data, Sources):
        return data
    check_truth(options)
    if options.truth is None:
        return data
    return _once(Sources(data, {"truth": options.truth}))


def _once(sources: Sources) -> Sources:
    """Refuse standard input that is named twice."""
    named = [path for part in sources.all.values() for path in paths_of(part) or ()]
    if named.count(STDIN) > 1:
        raise UsageError("standard input can be named once")
    return sources


def side_by_side(baseline: Any, candidate: Any, options: Options) -> Any:
    """Return the tables of a comparison, and of the truth where it stands elsewhere, as one.

    ``baseline`` is None where its predictions stand beside the candidate's. Raises UsageError where
    nothing says how rows are matched.
    """
    if baseline is None:
        return sources_of(candidate, options)
    if not options.keys and not options.by_position:
        raise UsageError("say how the rows of two files are matched: by --key COL or --by-position")
    if options.keys and options.by_position:
        raise UsageError("--key and --by-position exclude one another")
    others = {"baseline": baseline}
    if options.truth is not None:
        others["truth"] = options.truth
    return _once(Sources(candidate, others, "candidate"))


def open_table(data: Any, options: Options) -> AbstractContextManager[Any]:
    """Return the data as a table: files by their paths, everything else as arrays."""
    source = sources_of(data, options)
    if isinstance(source, Sources):
        return _open_side_by_side(source, options)
    paths = paths_of(source)
    if paths is not None:
        return CsvTable(paths, options.dialect)
    from contextlib import nullcontext

    from lossctl.sources.arrays import ArrayTable

    return nullcontext(ArrayTable(source))


@contextmanager
def _open_side_by_side(sources: Sources, options: Options) -> Iterator[Any]:
    alone = options._replace(truth=None, by_position=False)
    with ExitStack() as stack:
        tables = {
            role: stack.enter_context(open_table(part, alone)) for role, part in sources.all.items()
        }
        from lossctl.sources.sides import sides_of

        if options.by_position:
            from lossctl.sources.zipped import ZippedTable

            yield ZippedTable(sides_of(tables))
            return
        from lossctl.sources.joined import JoinedTable

        keys = options.keys
        if not keys:
            raise UsageError("say how rows are matched: by --key COL or --by-position")
        for table in tables.values():
            check_keys(header_of(table, options), keys)
        yield JoinedTable(sides_of(tables, keys), keys, inner=options.inner)


def prepare(table: Any, wants: tuple[Want, ...], options: Options) -> int:
    """Tell the table what is read; return how many threads are to read it."""
    threads = options.threads or default_threads()
    table.want(wants, skip=options.missing == "skip")
    if table.small:
        return 1
    # polars makes its thread pool when it is loaded, which is when the first block is parsed.
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    return threads


def header_of(table: Any, options: Options) -> Header:
    """Return the columns of a table, and what to call it in messages."""
    sides = getattr(table, "sides", None)
    if sides is not None:
        return _header_of_all(table, options)
    if not isinstance(table, CsvTable):
        return Header(table.names, table.names, headed=False)
    return Header(table.names, table.written, table.first_file, options.header, table.header_line)


def _header_of_all(table: JoinedTable | ZippedTable, options: Options) -> Header:
    headers = {side.role: header_of(side.table, options) for side in table.sides}
    sides = {
        side.role: Side(headers[side.role]._replace(part=True, keys=table.keys), side.inner)
        for side in table.sides
    }
    main = table.sides[0].role
    whole = headers[main]._replace(names=table.names, written=table.written)
    return whole._replace(sides=sides, predictions=main)


@contextmanager
def rereadable(data: Any, options: Options) -> Iterator[Any]:
    """Give the data, and the truth where it stands elsewhere, such that they can be read twice."""
    source = sources_of(data, options)
    if isinstance(source, Sources):
        with ExitStack() as stack:
            alone = options._replace(truth=None, by_position=False)
            kept = {
                role: stack.enter_context(rereadable(part, alone))
                for role, part in source.all.items()
            }
            yield replace(source, main=kept.pop(source.role), others=kept)
        return
    paths = paths_of(source)
    if paths is None:
        yield source
        return
    with spooled(paths) as sources:
        yield sources


def paths_of(data: Any) -> list[Source] | None:
    """Return the files that the data are, None where they are a table in memory.

    Of tables side by side, they are the files of all.
    """
    if isinstance(data, Sources):
        parts = [paths_of(part) for part in data.all.values()]
        found = [path for paths in parts if paths is not None for path in paths]
        return found or None
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
        named = map(display_name, paths_of(data) or ())
        error.file = error.file or ", ".join(named) or None
        raise


def files_of(data: Any) -> tuple[str, ...]:
    """Return the names of the files of the main table, as messages have them."""
    if isinstance(data, Sources):
        return files_of(data.main)
    return tuple(display_name(path) for path in paths_of(data) or ())


def truth_of(data: Any, options: Options) -> Elsewhere | None:
    """Return where the truth stands, None where it stands beside the predictions."""
    if not isinstance(data, Sources) or "truth" not in data.others:
        return None
    keys = None if options.by_position else options.keys
    return Elsewhere(files_of(data.others["truth"]), keys)
