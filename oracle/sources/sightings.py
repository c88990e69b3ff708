"""The observation of a source that could not be read."""

from __future__ import annotations

from datetime import datetime, timedelta

from oracle.domain.filing import Observation, ObservationKind
from oracle.errors import UnreachableError
from oracle.sources.document import Document
from oracle.sources.http_capture import FetchError

__all__ = ["CLOCK_SKEW", "LONGEST", "failure"]

#: A statement may lie this far in the future before it is doubted.
CLOCK_SKEW = timedelta(seconds=300)
#: Characters of the longest detail.
LONGEST = 1000


def failure(
    source: str, parser_version: str, began: datetime, error: UnreachableError, document: Document | None = None
) -> Observation:
    """A FAILURE that keeps what came, if anything did."""
    exchange = error.exchange if isinstance(error, FetchError) else None
    return Observation(
        source=source,
        kind=ObservationKind.FAILURE,
        level=0,
        fetched_at=document.fetched_at if document else began.isoformat(timespec="seconds"),
        url=error.url[:LONGEST] if isinstance(error, FetchError) else (document.url if document else None),
        http_status=(exchange.status or None) if exchange else (document.http_status if document else None),
        sha256=exchange.sha256 if exchange else (document.sha256 if document else None),
        parser_version=parser_version,
        detail=str(error)[:LONGEST],
    )
