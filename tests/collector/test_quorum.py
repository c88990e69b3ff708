"""Only what verifies counts; every node that does not help is named with its reason; nothing hangs."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import pytest

from oracle.collector.node_client import MAX_ANSWER, NodeClient, NodeReply
from oracle.collector.quorum import Quorum, collect
from oracle.errors import InputError, RefusedError
from oracle.signing.keys import KeySigner
from tests.collector.lying_nodes import LyingNode

SIGNERS = [KeySigner(bytes([index]) * 32) for index in (1, 2, 3)]
STRANGER = KeySigner(b"\x09" * 32)
OPERATORS = [signer.address for signer in SIGNERS]
DIGEST = bytes(range(32))
OTHER_DIGEST = bytes(range(1, 33))


def ask(node: NodeClient) -> NodeReply:
    return node.post("/v1/approvals", b"{}")


def signed(signer: KeySigner, digest: bytes = DIGEST, **changes: Any) -> Any:
    content = {"operator": signer.address, "signature": "0x" + signer.sign(digest).hex(), **changes}
    return lambda path, body: (200, content)


def gather(*answers: Any, threshold: int = 2, timeout: float = 3, delays: tuple[float, ...] = ()) -> Quorum:
    """Collect from servers that answer so."""
    with ExitStack() as stack:
        waits = [*delays, *[0.0] * (len(answers) - len(delays))]
        nodes = [
            stack.enter_context(LyingNode(answer, delay=delay)) for answer, delay in zip(answers, waits, strict=True)
        ]
        clients = [NodeClient(node.url, timeout=timeout) for node in nodes]
        return collect(clients, ask, DIGEST, OPERATORS, threshold)


def high_s(signer: KeySigner) -> str:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    raw = signer.sign(DIGEST)
    s = order - int.from_bytes(raw[32:64], "big")
    return "0x" + (raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])).hex()


def test_collect__all_good__exactly_the_threshold_ascending() -> None:
    quorum = gather(*(signed(signer) for signer in SIGNERS))
    given = quorum.require()
    assert len(given) == 2
    assert int(given[0].operator, 16) < int(given[1].operator, 16)


LIES: tuple[tuple[str, Any, str, str], ...] = (
    ("signs something else", signed(SIGNERS[1], OTHER_DIGEST), "invalid", "not over what was proposed"),
    ("names another operator", signed(SIGNERS[1], operator=OPERATORS[2]), "invalid", "not over what was proposed"),
    ("is a stranger", signed(STRANGER), "invalid", "not in the registry's committee"),
    ("high s", signed(SIGNERS[1], signature=high_s(SIGNERS[1])), "invalid", "no valid signature"),
    ("short signature", signed(SIGNERS[1], signature="0x1234"), "invalid", "no valid signature"),
    ("no signature", lambda path, body: (200, {"operator": OPERATORS[1]}), "invalid", "no valid signature"),
    ("a list", lambda path, body: (200, []), "unreachable", "no object"),
    ("HTML", lambda path, body: (200, b"<html>"), "unreachable", "without JSON"),
    ("empty", lambda path, body: (200, b""), "unreachable", "without JSON"),
    ("hangs up", lambda path, body: None, "unreachable", "not reachable"),
    ("too much", lambda path, body: (200, b" " * (MAX_ANSWER + 1)), "unreachable", "larger than"),
    ("redirects", lambda path, body: (302, {}), "unreachable", "HTTP 302"),
    ("fails", lambda path, body: (500, {"title": "broken"}), "unreachable", "broken"),
    ("deep", lambda path, body: (200, b"[" * 100_000), "unreachable", "without JSON"),
)


@pytest.mark.parametrize(("name", "lie", "outcome", "reason"), LIES, ids=[lie[0] for lie in LIES])
def test_collect__one_node_lies__does_not_count_and_is_named(name: str, lie: Any, outcome: str, reason: str) -> None:
    quorum = gather(signed(SIGNERS[0]), lie)
    assert [item.operator for item in quorum.signatures] == [OPERATORS[0]]
    assert quorum.answers[1].outcome == outcome
    assert reason in (quorum.answers[1].reason or "")
    with pytest.raises(RefusedError, match="1 of 2 needed signatures") as caught:
        quorum.require()
    assert quorum.answers[1].node in str(caught.value)


def test_collect__same_operator_twice__counts_once() -> None:
    quorum = gather(signed(SIGNERS[0]), signed(SIGNERS[0]))
    assert len(quorum.signatures) == 1
    assert not quorum.reached


def test_collect__refusal__keeps_rules_and_differences_bounded() -> None:
    row = {"rule": "FILE-1", "result": "FAIL", "explanation": "x"}
    refusal = {"title": "no", "operator": OPERATORS[1], "failed": [row, "noise", *[row] * 500], "differences": "noise"}
    quorum = gather(signed(SIGNERS[0]), lambda path, body: (409, refusal))
    answer = quorum.answers[1]
    assert (answer.outcome, answer.reason, answer.failed[0]) == ("refused", "no", row)
    assert len(answer.failed) < 101
    assert answer.differences == []


def test_collect__threshold_reached__does_not_wait_for_the_slow_one() -> None:
    began = time.monotonic()
    quorum = gather(signed(SIGNERS[0]), signed(SIGNERS[1]), signed(SIGNERS[2]), delays=(0, 0, 25), timeout=30)
    assert quorum.reached
    assert time.monotonic() - began < 20
    assert "not waited for" in (quorum.answers[2].reason or "")


def test_collect__node_too_slow__unreachable_after_its_timeout() -> None:
    quorum = gather(signed(SIGNERS[0]), signed(SIGNERS[1]), delays=(0, 2.0), timeout=0.3)
    assert quorum.answers[1].outcome == "unreachable"
    assert "no answer within 0.3 s" in (quorum.answers[1].reason or "")


def test_collect__node_drips_its_answer__the_deadline_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.collector.quorum.DEADLINE_SECONDS", 0.5)
    began = time.monotonic()
    quorum = gather(signed(SIGNERS[0]), signed(SIGNERS[1]), delays=(0, 25), timeout=30)
    assert time.monotonic() - began < 20
    assert quorum.answers[1].reason == "no answer within 0.5 s"


def test_collect__node_is_down__named() -> None:
    client = NodeClient("http://127.0.0.1:1", timeout=1)
    quorum = collect([client], ask, DIGEST, OPERATORS, 1)
    assert quorum.answers[0].outcome == "unreachable"
    assert "not reachable" in (quorum.answers[0].reason or "")


@pytest.mark.parametrize("url", ("", "ftp://x", "127.0.0.1:8700", "http://", "http://user:secret@host/"))
def test_node_client__no_http_address__clear_error_without_the_secret(url: str) -> None:
    with pytest.raises(InputError, match="node's http") as caught:
        NodeClient(url)
    assert "secret" not in str(caught.value)
