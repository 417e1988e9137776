"""The page: its templates, its looks and its behaviour, as files beside this one.

Everything that is filled in is escaped, and shown as printable text; a name that is not given is
an error. The policy of the page allows its own style and script by their hashes and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, NamedTuple

from lossctl.errors import UsageError
from lossctl.renderers.look import printable
from lossctl.renderers.plots.theme import THEMES

STYLE, SCRIPT = "page.css", "page.js"
NEEDED = ("jinja2", "matplotlib")


class Asked(NamedTuple):
    """What a page was asked for: the command, if one made it, and how many rows of a kind."""

    command: str = ""
    top: int = 100


ANYTHING = Asked()


def check_installed() -> None:
    """Raise UsageError where what makes the page is missing, before any work is done for it."""
    from importlib.util import find_spec

    if not all(find_spec(name) for name in NEEDED):
        raise UsageError("-f html needs Jinja2 and matplotlib: pip install 'lossctl[html]'")


def fill(template: str, **values: Any) -> str:
    """Return a template with its values; it is one whole page, ending in a line break."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lossctl.renderers", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values |= THEMES
    style, script = (environment.get_template(name).render(THEMES) for name in (STYLE, SCRIPT))
    return environment.get_template(template).render(policy=policy(style, script), **values) + "\n"


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page with this style and script.

    Images are pictures' own pixels; the icon is an empty one, so that no browser asks for it.
    """
    rules = (
        "default-src 'none'",
        f"style-src '{_hash(style)}'",
        f"script-src '{_hash(script)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _shown(value: Any) -> Any:
    """Return what is filled in: text without what does not print; pictures are ready already."""
    return printable(value) if type(value) is str else value
