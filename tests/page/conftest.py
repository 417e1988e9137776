"""Fixtures: a browser, where one is installed, and pages that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import run, write  # fixtures

__all__ = ["run", "write"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield started
        started.close()


class Opened:
    """A page in the browser, and all that it asked for or complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def column(self, table: str, at: int) -> list[str]:
        """Return the texts of a column of the rows that are shown, from the top."""
        rows = self.page.locator(f"#{table}-t tbody tr:visible td:nth-child({at})")
        return [str(text) for text in rows.all_text_contents()]


@pytest.fixture
def opened(browser: Any) -> Callable[..., Any]:
    """Give what opens a file in a window so wide; all has to go well in it."""

    @contextmanager
    def opening(path: Path, width: int = 1440, **context: Any) -> Iterator[Opened]:
        made = browser.new_context(viewport={"width": width, "height": 900}, **context)
        made.set_default_timeout(10_000)
        shown = Opened(made.new_page())
        shown.page.goto(path.as_uri())
        yield shown
        assert shown.requests == [path.as_uri()]
        assert shown.complaints == []
        made.close()

    return opening
