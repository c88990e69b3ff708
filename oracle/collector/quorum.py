"""Asking all nodes at once for a signature over one digest, and telling what came of each."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from oracle.collector.node_client import NodeReply
from oracle.domain.approval import OperatorSignature
from oracle.errors import RefusedError, UnreachableError
from oracle.signing.recovery import InvalidSignature, recover

__all__ = ["Asked", "Kept", "NodeAnswer", "Quorum", "ask_all", "collect"]

#: One node's answer may take this long in all, in seconds.
DEADLINE_SECONDS = 60.0

#: An earlier proposal that a node shows is not looked at if it is longer than this, in characters of JSON.
MAX_EARLIER = 20_000


class Asked(Protocol):
    """A node that can be asked: over HTTP (`NodeClient`), or in this process."""

    url: str

    def get(self, path: str) -> NodeReply:
        """GET a path."""
        ...

    def post(self, path: str, body: bytes) -> NodeReply:
        """POST JSON bytes to a path."""
        ...

    def filing(self, number: str) -> NodeReply:
        """`GET /v1/filings/{number}`."""
        ...


Node = TypeVar("Node", bound=Asked)

#: A signature kept from an earlier run, and the URL of the node that gave it.
Kept = tuple[str, OperatorSignature]


@dataclass(frozen=True)
class NodeAnswer:
    """What one node answered. `outcome`: signed, refused, invalid (does not count), unreachable, skipped.

    `earlier` is the request whose proposal it has signed instead, where that is why it refuses (rule GUARD).
    """

    node: str
    outcome: str
    operator: str | None = None
    reason: str | None = None
    failed: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    earlier: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys that are set."""
        return {key: value for key, value in vars(self).items() if value not in (None, [])}


@dataclass(frozen=True)
class Quorum:
    """What was collected: signatures ascending by operator, and every node's answer in the order of asking.

    `given` are all that verified, with the node of each: what a later run need not ask for again.
    """

    threshold: int
    signatures: tuple[OperatorSignature, ...]
    answers: tuple[NodeAnswer, ...]
    given: tuple[Kept, ...] = ()

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
    nodes: Sequence[Node],
    ask: Callable[[Node], NodeReply],
    enough: Callable[[list[tuple[Node, NodeReply | UnreachableError]]], bool],
) -> list[tuple[Node, NodeReply | UnreachableError]]:
    """Ask every node at the same time; return the answers so far as soon as `enough` says so, or when all are in.

    A node silent beyond the deadline counts as unreachable. Answers come in the order of arrival.
    """
    arrived: queue.SimpleQueue[tuple[Node, NodeReply | UnreachableError]] = queue.SimpleQueue()

    def work(node: Node) -> None:
        try:
            arrived.put((node, ask(node)))
        except UnreachableError as error:
            arrived.put((node, error))

    for node in nodes:
        # Daemon threads: a node that drips its answer must not keep the program from ending.
        threading.Thread(target=work, args=(node,), daemon=True).start()
    answers: list[tuple[Node, NodeReply | UnreachableError]] = []
    end = time.monotonic() + DEADLINE_SECONDS
    while len(answers) < len(nodes) and not enough(answers):
        try:
            answers.append(arrived.get(timeout=max(0.0, end - time.monotonic())))
        except queue.Empty:
            break
    return answers


class _Counted:
    """Signatures over one digest that verified, at most one a seat; a current operator's is preferred."""

    def __init__(self, digest: bytes, operators: Sequence[str], seat: Callable[[str], str | None] | None) -> None:
        self._digest = digest
        self._members = set(operators)
        self._seat = seat
        self.given: dict[str, Kept] = {}
        self._of_seat: dict[str, OperatorSignature] = {}

    def add(self, node: str, signature: OperatorSignature) -> str | None:
        """Count a signature that recovers to its operator; otherwise, why it does not count."""
        operator = signature.operator
        seat = operator if operator in self._members else self._seat(operator) if self._seat is not None else None
        if seat is None:
            return "the signer is not in the registry's committee"
        self.given.setdefault(operator, (node, signature))
        if seat not in self._of_seat or operator == seat:
            self._of_seat[seat] = signature
        return None

    def kept(self, node: str, signature: OperatorSignature) -> bool:
        """Count a kept signature if it still verifies and counts."""
        try:
            good = recover(self._digest, bytes.fromhex(signature.signature[2:])) == signature.operator
        except InvalidSignature:
            good = False
        return good and self.add(node, signature) is None

    @property
    def signatures(self) -> tuple[OperatorSignature, ...]:
        """One a seat, ascending by operator."""
        return tuple(sorted(self._of_seat.values(), key=lambda item: int(item.operator, 16)))


def collect(
    nodes: Sequence[Node],
    ask: Callable[[Node], NodeReply],
    digest: bytes,
    operators: Sequence[str],
    threshold: int,
    *,
    kept: Sequence[Kept] = (),
    seat: Callable[[str], str | None] | None = None,
) -> Quorum:
    """Ask all nodes and count the signatures over `digest` by distinct operators, until there are enough.

    `kept` signatures are verified like fresh ones, and their nodes are not asked again. `seat` names the current
    operator in whose place a former one still counts, None if its signatures don't count any more.
    """
    counted = _Counted(digest, operators, seat)
    had = {node: signature.operator for node, signature in kept if counted.kept(node, signature)}
    judged = {node: NodeAnswer(node, "signed", who, "kept from an earlier run") for node, who in had.items()}
    looked = 0

    def enough(answers: list[tuple[Node, NodeReply | UnreachableError]]) -> bool:
        nonlocal looked
        for node, reply in answers[looked:]:
            judged[node.url] = _judge(node.url, reply, digest, counted)
        looked = len(answers)
        return len(counted.signatures) >= threshold

    if not enough([]):
        enough(ask_all([node for node in nodes if node.url not in had], ask, enough))
    if len(counted.signatures) >= threshold:
        outcome, reason = "skipped", "not waited for: the threshold was reached"
    else:
        outcome, reason = "unreachable", f"no answer within {DEADLINE_SECONDS:g} s"
    rows = tuple(judged.get(node.url) or NodeAnswer(node.url, outcome, reason=reason) for node in nodes)
    return Quorum(threshold, counted.signatures, rows, tuple(counted.given.values()))


def _judge(url: str, reply: NodeReply | UnreachableError, digest: bytes, counted: _Counted) -> NodeAnswer:
    if isinstance(reply, UnreachableError):
        return NodeAnswer(url, "unreachable", reason=reply.what)
    content = reply.content
    if reply.status != 200:
        operator, failed = content.get("operator"), _rows(content.get("failed"))
        guarded = reply.status == 409 and any(row.get("rule") == "GUARD" for row in failed)
        return NodeAnswer(
            url,
            "refused" if reply.status in (409, 422) else "unreachable",
            operator if isinstance(operator, str) else None,
            str(content.get("title", f"HTTP {reply.status}"))[:2000],
            failed,
            _rows(content.get("differences")),
            _earlier(content.get("earlier")) if guarded else None,
        )
    try:
        signature = OperatorSignature.model_validate({key: content.get(key) for key in ("operator", "signature")})
        signer = recover(digest, bytes.fromhex(signature.signature[2:]))
    except (ValidationError, InvalidSignature):
        return NodeAnswer(url, "invalid", reason="the answer holds no valid signature")
    if signer != signature.operator:
        return NodeAnswer(
            url,
            "invalid",
            signature.operator,
            "the signature is not over what was proposed, or not by the operator named",
        )
    fault = counted.add(url, signature)
    return NodeAnswer(url, "invalid", signer, fault) if fault else NodeAnswer(url, "signed", signer)


def _earlier(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and len(json.dumps(value)) <= MAX_EARLIER else None


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value[:100] if isinstance(row, dict)] if isinstance(value, list) else []
