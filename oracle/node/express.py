"""`POST /v1/approvals` before the framework looks at it: what the short way takes is answered from here.

Only a plain call is looked at: JSON of some kilobytes that came in one piece, no query, no Idempotency-Key. Everything
else, and everything that the desk does not take, goes on to the framework's route as if nothing had been
here: the body is handed on with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oracle.errors import InputError
from oracle.node.api_models import ApprovalRequest
from oracle.node.desk import Desk, Given
from oracle.node.proposals_api import APPROVALS, parsed
from oracle.store.database import format_time

__all__ = ["Express"]

#: An approval of 64 tranches has some 10 kB.
_MOST_BYTES = 65_536


@dataclass(frozen=True)
class _Route:
    """What the log and the metrics name the call by."""

    path: str


class Express:
    """Stands behind the gate: who calls is known, and the call counted."""

    def __init__(self, app: ASGIApp, desk: Desk, body_seconds: float) -> None:
        self._app = app
        self._desk = desk
        self._seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] != APPROVALS or not self._desk.open or not _plain(scope):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                first = await receive()
        except TimeoutError:
            await self._app(scope, _late, send)
            return
        given = _given(scope, first)
        data = await self._desk.answer(given) if given is not None else None
        if data is None:
            await self._app(scope, _again(first, receive), send)
            return
        scope["route"] = _Route(APPROVALS)
        headers = [(b"content-length", str(len(data)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})


def _plain(scope: Scope) -> bool:
    if scope["method"] != "POST" or scope["query_string"]:
        return False
    json = False
    for name, value in scope["headers"]:
        if name == b"content-type":
            json = value == b"application/json"
        elif name == b"idempotency-key" or (name == b"content-length" and not _short(value)):
            return False
    return json


def _short(length: bytes) -> bool:
    return len(length) <= 5 and length.isdigit() and int(length) <= _MOST_BYTES


def _given(scope: Scope, first: Message) -> Given | None:
    if first["type"] != "http.request" or first.get("more_body", False):
        return None
    body: bytes = first.get("body", b"")
    try:
        proposed = parsed(ApprovalRequest, body).approval
    except InputError:
        return None
    state = scope["state"]
    name, caller = state["request_id"], state["caller"]
    return Given(APPROVALS, body, name, caller.key_id, proposed, format_time(datetime.now(UTC)))


def _again(first: Message, receive: Receive) -> Receive:
    """`receive` that begins with the message that was read already."""
    waiting = [first]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


async def _late() -> Message:
    raise TimeoutError
