"""What the shell is offered: names of losses, and columns of the file that is already named."""

from __future__ import annotations

import os

from typer import Context


def complete_losses(incomplete: str) -> list[str]:
    """Return the losses that the last of the comma-separated specs may become."""
    from lossctl.api import list_losses

    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in list_losses() if name.startswith(last.lower())]


def complete_column(ctx: Context, incomplete: str) -> list[str]:
    """Return the columns of the first file on the line; none where there is no file yet."""
    # What stands before an option that still lacks its value is left unparsed: LOSSES FILE...
    files = [*(ctx.params.get("files") or ctx.args[1:])][:1]
    if not files or not os.path.isfile(files[0]):  # to read from a terminal would hang
        return []
    from lossctl.errors import LossctlError
    from lossctl.sources.csv_file import CsvTable, Dialect

    try:
        with CsvTable(files, Dialect()) as table:
            return [name for name in table.names if name.startswith(incomplete)]
    except LossctlError:
        return []
