"""The way before the framework: what it takes, and that everything else comes to the framework whole."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oracle.domain.approval import FilingApproval, Tranche
from oracle.node.desk import Desk, Given
from oracle.node.express import Express

APPROVAL = FilingApproval(
    filing="0x" + "11" * 32,
    tranches=(Tranche(token="0x" + "22" * 20, cap=5, decimals=6),),
    dossier_hash="0x" + "33" * 32,
    record_hash="0x" + "44" * 32,
    ruleset_hash="0x" + "55" * 32,
    valid_after=1,
    valid_until=2,
    sequence=1,
)
BODY = json.dumps({"approval": APPROVAL.model_dump(mode="json", by_alias=True)}).encode()
JSON = (b"content-type", b"application/json")


class Called:
    """An application, and a desk that answers so; what came to either."""

    def __init__(self, answer: bytes | None, *, is_open: bool = True) -> None:
        self.given: list[Given] = []
        self.bodies: list[bytes | str] = []
        self.sent: list[Any] = []
        self._answer = answer
        self.express = Express(self._app, cast(Desk, SimpleNamespace(open=is_open, answer=self._desk)), 0.2)

    async def _desk(self, given: Given) -> bytes | None:
        self.given.append(given)
        return self._answer

    async def _app(self, _scope: Any, receive: Any, _send: Any) -> None:
        body, more = b"", True
        try:
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
        except TimeoutError:
            self.bodies.append("late")
            return
        self.bodies.append(body)

    def call(self, *pieces: bytes, path: str = "/v1/approvals", query: bytes = b"", more: Any = (JSON,)) -> Any:
        """One POST whose body comes in these pieces; without any it never comes. The scope afterwards."""
        messages = [
            {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1}
            for place, piece in enumerate(pieces)
        ]

        async def receive() -> Any:
            if not messages:
                await asyncio.sleep(30)
            return messages.pop(0)

        async def send(message: Any) -> None:
            self.sent.append(message)

        state = {"request_id": "r-1", "caller": SimpleNamespace(key_id="k-1")}
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "query_string": query}
        scope |= {"headers": list(more), "state": state}
        asyncio.run(self.express(scope, receive, send))
        return scope


def test_express__plain_approval__answered_by_the_desk_and_named_by_its_route() -> None:
    called = Called(b"{}")
    scope = called.call(BODY)
    assert called.bodies == []
    [given] = called.given
    assert (given.body, given.proposed, given.name, given.api_key) == (BODY, APPROVAL, "r-1", "k-1")
    assert scope["route"].path == "/v1/approvals"
    start, body = called.sent
    assert (start["status"], dict(start["headers"])[b"content-length"], body["body"]) == (200, b"2", b"{}")


def test_express__desk_does_not_take_it__the_framework_gets_the_whole_body() -> None:
    called = Called(None)
    called.call(BODY)
    assert (len(called.given), called.bodies, called.sent) == (1, [BODY], [])


@pytest.mark.parametrize(
    ("pieces", "named"),
    (
        ((BODY[:20], BODY[20:]), {}),
        ((b"{",), {}),
        ((BODY.replace(b'"sequence": 1', b'"sequence": "x"'),), {}),
        ((BODY,), {"query": b"a=1"}),
        ((BODY,), {"path": "/v1/updates"}),
        ((BODY,), {"more": (JSON, (b"idempotency-key", b"x"))}),
        ((BODY,), {"more": (JSON, (b"content-length", b"70000"))}),
        ((BODY,), {"more": (JSON, (b"content-length", b"-1"))}),
        ((BODY,), {"more": ((b"content-type", b"text/plain"),)}),
        ((BODY,), {"more": ()}),
    ),
)
def test_express__anything_else__not_for_the_desk_and_whole(pieces: tuple[bytes, ...], named: dict[str, Any]) -> None:
    called = Called(b"{}")
    called.call(*pieces, **named)
    assert (called.given, called.bodies, called.sent) == ([], [b"".join(pieces)], [])


def test_express__closed_desk_or_body_that_does_not_come__the_framework_answers() -> None:
    closed = Called(b"{}", is_open=False)
    closed.call(BODY)
    assert (closed.given, closed.bodies) == ([], [BODY])
    late = Called(b"{}")
    late.call()
    assert (late.given, late.bodies, late.sent) == ([], ["late"], [])
