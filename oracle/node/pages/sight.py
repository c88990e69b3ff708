"""Who may see what on a page: never more than the API gives to the same caller.

What a page shows beyond the chain is bound to the API call that gives the same; the table of `oracle.node.access`
alone says who may make that call.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from oracle.node.access import Caller, scopes_for
from oracle.store.api_keys import Scope

__all__ = ["Sight", "caller_of", "sight_of"]


@dataclass(frozen=True)
class Sight:
    """What a visitor may see besides the chain, which is everybody's."""

    #: Numbers and names of the filings this node knows, what its sources say, reports due: GET /v1/filings/{number}
    filings: bool
    #: Decisions with their verdict tables, and stored originals: GET /v1/decisions/{number}, GET /v1/evidence/{sha256}
    records: bool
    #: The operator's own page.
    operates: bool
    #: Whether a dossier may be handed in: POST /v1/dossiers
    submits: bool


def caller_of(request: Request) -> Caller:
    """Who looks: left by the entrance; a stranger has no scope."""
    found: Caller = getattr(request.state, "caller", None) or Caller(None, frozenset())
    return found


def sight_of(request: Request) -> Sight:
    """What the visitor who sends this request may see."""
    scopes = caller_of(request).scopes

    def may(method: str, path: str) -> bool:
        needed = scopes_for(method, path)
        return needed is None or bool(scopes & needed)

    return Sight(
        filings=may("GET", "/v1/filings") and may("GET", "/v1/filings/1") and may("GET", "/v1/filings/1/duties"),
        records=may("GET", "/v1/decisions/1") and may("GET", "/v1/evidence/1"),
        operates=Scope.OPERATOR in scopes,
        submits=may("POST", "/v1/dossiers"),
    )
