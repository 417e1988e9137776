"""The summary of a step on GitHub: Markdown that is added to the file which the runner names."""

from __future__ import annotations

import os

from lossctl.errors import OutputError

VARIABLE = "GITHUB_STEP_SUMMARY"
LIMIT = 1 << 20  # bytes; a longer summary is not shown at all
CUT = b"\n(cut: the summary of a step holds 1 MiB)\n"


def append_summary(page: str) -> None:
    """Add a page to the summary of the step; do nothing where no runner asks for one.

    What the step would not show is cut at the end of a line. Raises OutputError where the file
    cannot be written.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        with open(path, "ab") as file:
            file.write(_fitting(page.encode(errors="backslashreplace"), file.tell()))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None


def _fitting(page: bytes, used: int) -> bytes:
    """Return as much of a page as finds room, parted from what is there by an empty line."""
    page = b"\n" * bool(used) + page
    if used + len(page) <= LIMIT:
        return page
    room = LIMIT - used - len(CUT)
    return page[: page.rfind(b"\n", 0, room) + 1] + CUT if room > 0 else b""
