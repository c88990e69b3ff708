"""Web addresses taken apart once: one visit looks at the same address a dozen times."""

from __future__ import annotations

from functools import lru_cache

import httpx2

__all__ = ["parsed_address"]


@lru_cache(maxsize=256)
def parsed_address(url: str) -> httpx2.URL:
    """The parts of an address, which never change. httpx2.InvalidURL if it is none."""
    return httpx2.URL(url)
