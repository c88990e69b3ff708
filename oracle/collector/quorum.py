"""Asking all nodes at once for a signature over one digest, and telling what came of each."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from oracle.collector.node_client import NodeClient, NodeReply
from oracle.domain.approval import OperatorSignature
from oracle.errors import RefusedError, UnreachableError
from oracle.signing.recovery import InvalidSignature, recover

__all__ = ["NodeAnswer", "Quorum", "ask_all", "collect"]

#: One node's answer may take this long in all, in seconds.
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class NodeAnswer:
    """What one node answered. `outcome`: signed, refused, invalid (does not count), unreachable, skipped."""

    node: str
    outcome: str
    operator: str | None = None
    reason: str | None = None
    failed: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The keys that are set."""
        return {key: value for key, value in vars(self).items() if value not in (None, [])}


@dataclass(frozen=True)
class Quorum:
    """What was collected: signatures ascending by operator, and every node's answer in the order of asking."""

    threshold: int
    signatures: tuple[OperatorSignature, ...]
    answers: tuple[NodeAnswer, ...]

    @property
    def reached(self) -> bool:
        """Whether the threshold is met."""
        return len(self.signatures) >= self.threshold

    def as_json(self) -> dict[str, Any]:
        """Keys threshold, signed, reached, answers."""
        return {
            "threshold": self.threshold,
            "signed": len(self.signatures),
            "reached": self.reached,
            "answers": [answer.as_json() for answer in self.answers],
        }

    def require(self) -> tuple[OperatorSignature, ...]:
        """Exactly `threshold` signatures, or RefusedError that says how many of how many, who is missing and why."""
        if self.reached:
            return self.signatures[: self.threshold]
        lines = [
            f"{answer.node}: {answer.outcome}" + (f": {answer.reason}" if answer.reason else "")
            for answer in self.answers
            if answer.outcome != "signed"
        ]
        raise RefusedError(
            f"{len(self.signatures)} of {self.threshold} needed signatures\n  " + "\n  ".join(lines),
            details=self.as_json(),
        )


def ask_all(
    nodes: Sequence[NodeClient],
    ask: Callable[[NodeClient], NodeReply],
    enough: Callable[[list[tuple[NodeClient, NodeReply | UnreachableError]]], bool],
) -> list[tuple[NodeClient, NodeReply | UnreachableError]]:
    """Ask every node at the same time; return the answers so far as soon as `enough` says so, or when all are in.

    A node silent beyond the deadline counts as unreachable. Answers come in the order of arrival.
    """
    arrived: queue.SimpleQueue[tuple[NodeClient, NodeReply | UnreachableError]] = queue.SimpleQueue()

    def work(node: NodeClient) -> None:
        try:
            arrived.put((node, ask(node)))
        except UnreachableError as error:
            arrived.put((node, error))

    for node in nodes:
        # Daemon threads: a node that drips its answer must not keep the program from ending.
        threading.Thread(target=work, args=(node,), daemon=True).start()
    answers: list[tuple[NodeClient, NodeReply | UnreachableError]] = []
    end = time.monotonic() + DEADLINE_SECONDS
    while len(answers) < len(nodes) and not enough(answers):
        try:
            answers.append(arrived.get(timeout=max(0.0, end - time.monotonic())))
        except queue.Empty:
            break
    return answers


def collect(
    nodes: Sequence[NodeClient],
    ask: Callable[[NodeClient], NodeReply],
    digest: bytes,
    operators: Sequence[str],
    threshold: int,
) -> Quorum:
    """Ask all nodes and count the signatures over `digest` by distinct current operators, until there are enough."""
    members = set(operators)

    def judge(node: NodeClient, reply: NodeReply | UnreachableError) -> tuple[NodeAnswer, OperatorSignature | None]:
        return _judge(node.url, reply, digest, members)

    def signed(answers: list[tuple[NodeClient, NodeReply | UnreachableError]]) -> dict[str, OperatorSignature]:
        good = (judge(node, reply)[1] for node, reply in answers)
        return {signature.operator: signature for signature in good if signature is not None}

    answers = ask_all(nodes, ask, lambda so_far: len(signed(so_far)) >= threshold)
    enough = signed(answers)
    judged = {node.url: judge(node, reply)[0] for node, reply in answers}
    if len(enough) >= threshold:
        outcome, reason = "skipped", "not waited for: the threshold was reached"
    else:
        outcome, reason = "unreachable", f"no answer within {DEADLINE_SECONDS:g} s"
    rows = tuple(judged.get(node.url) or NodeAnswer(node.url, outcome, reason=reason) for node in nodes)
    ordered = tuple(sorted(enough.values(), key=lambda item: int(item.operator, 16)))
    return Quorum(threshold, ordered, rows)


def _judge(
    url: str, reply: NodeReply | UnreachableError, digest: bytes, members: set[str]
) -> tuple[NodeAnswer, OperatorSignature | None]:
    if isinstance(reply, UnreachableError):
        return NodeAnswer(url, "unreachable", reason=reply.what), None
    content = reply.content
    if reply.status != 200:
        operator = content.get("operator")
        return (
            NodeAnswer(
                url,
                "refused" if reply.status in (409, 422) else "unreachable",
                operator if isinstance(operator, str) else None,
                str(content.get("title", f"HTTP {reply.status}"))[:2000],
                _rows(content.get("failed")),
                _rows(content.get("differences")),
            ),
            None,
        )
    try:
        signature = OperatorSignature.model_validate({key: content.get(key) for key in ("operator", "signature")})
        signer = recover(digest, bytes.fromhex(signature.signature[2:]))
    except (ValidationError, InvalidSignature):
        return NodeAnswer(url, "invalid", reason="the answer holds no valid signature"), None
    if signer != signature.operator:
        return NodeAnswer(
            url,
            "invalid",
            signature.operator,
            "the signature is not over what was proposed, or not by the operator named",
        ), None
    if signer not in members:
        return NodeAnswer(url, "invalid", signer, "the signer is not in the registry's committee"), None
    return NodeAnswer(url, "signed", signer), signature


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value[:100] if isinstance(row, dict)] if isinstance(value, list) else []
