"""One world for all tests of the pages, and a browser for each file of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.pages.browser import launched
from tests.pages.shown_world import ShownWorld, shown_world


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownWorld]:
    with shown_world(tmp_path_factory.mktemp("pages"), hostile=True) as world:
        yield world


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed at the file's end: as long as it is open, the main thread can run no other event loop."""
    with sync_playwright() as playwright, launched(playwright) as found:
        yield found
