"""Fixtures that tests of several packages use."""

from __future__ import annotations

from tests.store.postgres import postgres_programs, postgres_server, postgres_url

__all__ = ["postgres_programs", "postgres_server", "postgres_url"]
