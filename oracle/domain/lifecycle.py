"""The states of a filing (regulation 7c) and what they mean for minting."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ENDED", "MINTABLE", "LifeCycle"]


class LifeCycle(StrEnum):
    """Where a filing stands, as the regulator publishes it or as the issuer declares it."""

    UNKNOWN = "UNKNOWN"
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    RECEIVED = "RECEIVED"
    SUPPLEMENT = "SUPPLEMENT"
    CONSULTING = "CONSULTING"
    FILED = "FILED"
    ISSUING = "ISSUING"
    COMPLETED = "COMPLETED"
    SUSPENDED = "SUSPENDED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


#: Only these ever allow a mint.
MINTABLE = frozenset({LifeCycle.FILED, LifeCycle.ISSUING})

#: No path leads out of these.
ENDED = frozenset({LifeCycle.REFUSED, LifeCycle.WITHDRAWN, LifeCycle.REVOKED})
