"""Debian's Chromium under Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

__all__ = ["launched"]

#: Chromium asks for nothing that a test did not: on a machine without a way out that would only cost time.
_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """A headless browser."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("there is no chromium: run scripts/bootstrap.sh browser")
    # Chromium's own sandbox does not start for root.
    flags = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    browser = playwright.chromium.launch(executable_path=program, args=flags, headless=True)
    try:
        yield browser
    finally:
        browser.close()
