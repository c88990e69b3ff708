"""The relay's own node among those that are asked: it answers in this process, and keeps what it was asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from oracle.collector.node_client import NodeReply
from oracle.domain.approval import FilingUpdate
from oracle.errors import FilingGateError
from oracle.node.problems import of_error
from oracle.node.proposals_api import answered
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
        asked = json.loads(body)
        try:
            change = FilingUpdate.model_validate_json(json.dumps(asked["update"]))
            result = answered(node, node.update(request, asked["dossierHash"], change))
        except FilingGateError as error:
            result = of_error(error)
        database.add_answer(request, format_time(datetime.now(UTC)), result.status, result.data(f"watch-{request}"))
        return NodeReply(result.status, result.content)
