"""How the tests take pictures: of a mapping of columns, cut into blocks as they like."""

from __future__ import annotations

from typing import Any

from lossctl.options import make_options
from lossctl.pictures.gather import Kind, take
from lossctl.pictures.records import Picture


def picture(data: Any, loss: str | None, kind: Kind, bins: int = 10, **options: Any) -> Picture:
    """Return the picture of one loss over the data."""
    return take(data, loss, kind, make_options(**options), bins=bins).picture
