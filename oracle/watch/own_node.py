"""The relay's own node among those that are asked: it answers in this process, and keeps what it was asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from oracle.collector.node_client import NodeReply
from oracle.domain.approval import FilingUpdate
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.node.service import Node
from oracle.store.database import format_time

__all__ = ["OwnNode"]


class OwnNode:
    """Answers a proposed update as the HTTP API would, without HTTP. It has the dossier already."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.url = f"this node, {node.address}"

    def get(self, path: str) -> NodeReply:
        """Not needed: a renewal asks no node what it sees."""
        return NodeReply(404, {"title": path})

    def filing(self, number: str) -> NodeReply:
        """As `get`."""
        return self.get(number)

    def post(self, path: str, body: bytes) -> NodeReply:
        """`/v1/dossiers` and `/v1/updates`."""
        if path == "/v1/dossiers":
            return NodeReply(200, {"new": False})
        if path != "/v1/updates":
            return NodeReply(404, {"title": path})
        node, database = self._node, self._node.database
        request = database.add_request(format_time(datetime.now(UTC)), "POST", path, body)
        reply = _answer(node, request, body)
        sent = json.dumps(reply.content, ensure_ascii=False).encode()
        database.add_answer(request, format_time(datetime.now(UTC)), reply.status, sent)
        return reply


def _answer(node: Node, request: int, body: bytes) -> NodeReply:
    asked = json.loads(body)
    try:
        change = FilingUpdate.model_validate_json(json.dumps(asked["update"]))
        answer = node.update(request, asked["dossierHash"], change)
    except UnreachableError as error:
        return NodeReply(503, {"title": str(error)})
    except InputError as error:
        return NodeReply(422, {"title": str(error)})
    except FilingGateError as error:
        return NodeReply(409, {"title": str(error), "operator": node.address, **(error.details or {})})
    if answer.signature is None:
        decision = answer.decision.as_json()
        named = [row["rule"] for row in decision["failed"]] + [row["field"] for row in decision["differences"]]
        return NodeReply(
            409,
            {
                "title": f"{node.config.name} refuses: {', '.join(named)}",
                "operator": node.address,
                "failed": decision["failed"],
                "differences": decision["differences"],
            },
        )
    return NodeReply(200, {**answer.signature.model_dump(mode="json", by_alias=True), "digest": answer.digest})
