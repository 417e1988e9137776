"""Who runs the blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol

    from lossctl.batch import Batch

    class Blocks(Protocol):
        """What an engine runs: raw pieces, parsed by any thread, numbered in order by one."""

        def blocks(self) -> Iterator[Any]:
            """Yield the raw pieces in order."""
            ...

        def parse(self, block: Any, /) -> Any:
            """Parse one piece."""
            ...

        def place(self, parsed: Any, /) -> Iterable[Batch]:
            """Number the rows of a parsed piece; return the batches that are ready by it."""
            ...
