"""Blocks through a few threads of this process, results in the order of the input."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

    from lossctl.batch import Batch
    from lossctl.engines import Blocks

Result = TypeVar("Result")


def default_threads() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def run(
    table: Blocks,
    work: Callable[[Batch], Result],
    threads: int,
    placed: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yield ``work(batch)`` for every batch of the table, in order.

    Blocks are parsed and worked on by ``threads`` threads, a few in flight, so that memory does
    not grow with the input; rows are numbered in between, in order. ``placed`` is called after
    each piece that was.
    """
    if threads == 1:
        for block in table.blocks():
            yield from map(work, table.place(table.parse(block)))
            if placed is not None:
                placed()
        return
    from concurrent.futures import ThreadPoolExecutor  # a small input does without

    # Twice as many parse as there are processors: one hands over to polars while another waits for
    # the interpreter. What was parsed is worked on by no more than there are, since numpy's steps
    # are short, and handing over the interpreter at each costs more than it gains. The digits
    # depend on neither.
    workers = 2 * threads
    pool = ThreadPoolExecutor(workers)
    numeric = ThreadPoolExecutor(threads)
    working: deque[Future[Result]] = deque()
    try:
        for batch in _batches(table, pool, workers, placed):
            working.append(numeric.submit(work, batch))
            del batch
            while len(working) > workers:
                yield working.popleft().result()
        while working:
            yield working.popleft().result()
    finally:
        numeric.shutdown(wait=True, cancel_futures=True)
        pool.shutdown(wait=True, cancel_futures=True)


def _batches(
    table: Blocks, pool: ThreadPoolExecutor, workers: int, placed: Callable[[], None] | None
) -> Iterator[Batch]:
    """Yield the batches of pieces that the pool parses ahead of them."""
    parsing: deque[Future[Any]] = deque()
    blocks = table.blocks()
    more = True
    while more or parsing:
        block = next(blocks, None)
        more = block is not None
        if more:
            parsing.append(pool.submit(table.parse, block))
        del block
        if parsing and (len(parsing) > workers or not more):
            yield from table.place(parsing.popleft().result())
            if placed is not None:
                placed()
