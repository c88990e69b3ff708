"""Where a filing's status is read. A source fetches (I/O, everything stored first) and parses (pure, bytes in)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from oracle.domain.filing import FilingQuery, Observation

__all__ = ["SharingSource", "Source"]


class Source(Protocol):
    """One place that says how a filing stands."""

    @property
    def name(self) -> str:
        """The source's name in observations and logs."""
        ...

    def observe(self, query: FilingQuery) -> list[Observation]:
        """What the source says now: at least one observation; a FAILURE, not an exception, where it can't be read."""
        ...


@runtime_checkable
class SharingSource(Source, Protocol):
    """A source with parts that are the same for all filings, e.g. lists."""

    def glance(self, query: FilingQuery) -> list[Observation]:
        """As `observe`, with those parts read once for all glances of a moment; each says when it was read."""
        ...
