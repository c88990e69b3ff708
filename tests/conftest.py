"""Fixtures that tests of several packages use."""

from __future__ import annotations

from tests.store.postgres import (
    database_url,
    empty_url,
    migrated_template,
    postgres_programs,
    postgres_server,
    postgres_url,
)

__all__ = [
    "database_url",
    "empty_url",
    "migrated_template",
    "postgres_programs",
    "postgres_server",
    "postgres_url",
]
