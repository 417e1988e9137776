"""Blocks through a few threads of this process, results in the order of the input."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from lossctl.batch import Batch
    from lossctl.engines import Blocks

Result = TypeVar("Result")


def default_threads() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def run(table: Blocks, work: Callable[[Batch], Result], threads: int) -> Iterator[Result]:
    """Yield ``work(batch)`` for every batch of the table, in order.

    Blocks are parsed and worked on by ``threads`` threads, a few in flight, so that memory does
    not grow with the input; rows are numbered in between, in order.
    """
    if threads == 1:
        for block in table.blocks():
            yield work(table.place(table.parse(block)))
        return
    from concurrent.futures import ThreadPoolExecutor  # a small input does without

    # Twice as many as processors: one hands over to numpy or polars while another waits for the
    # interpreter. The digits do not depend on it.
    workers = 2 * threads
    pool = ThreadPoolExecutor(workers)
    parsing: deque[Future[Any]] = deque()
    working: deque[Future[Result]] = deque()

    def place_one() -> None:
        working.append(pool.submit(work, table.place(parsing.popleft().result())))

    try:
        for block in table.blocks():
            parsing.append(pool.submit(table.parse, block))
            del block
            if len(parsing) > workers:
                place_one()
            while len(working) > workers:
                yield working.popleft().result()
        while parsing:
            place_one()
        while working:
            yield working.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
