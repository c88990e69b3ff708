"""Signatures are kept and not asked for twice; one counts a seat; what nodes have signed already is proposed again."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.registry import FilingState
from oracle.collector.collection import Collection, load_collection, save_collection, why_not
from oracle.collector.node_client import NodeClient, NodeReply
from oracle.collector.proposal import Proposed, collect_update, still_possible
from oracle.collector.quorum import Quorum, collect
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, OperatorSignature, Tranche
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.errors import InputError
from oracle.signing.eip712 import Domain, update_digest
from oracle.signing.keys import KeySigner
from tests.collector.lying_nodes import LyingNode
from tests.samples.dossier import sample_dossier

SIGNERS = [KeySigner(bytes([index]) * 32) for index in (1, 2, 3)]
FORMER = KeySigner(b"\x07" * 32)
OPERATORS = [signer.address for signer in SIGNERS]
DIGEST = bytes(range(32))
REGISTRY, NOW = "0x5FbDB2315678afecb367f032d93F642f64180aa3", 1_800_000_000
DOSSIER: Dossier = parse_dossier(canonical_bytes(sample_dossier()), what="sample")


def ask(node: NodeClient) -> NodeReply:
    return node.post("/v1/updates", b"{}")


def given(signer: KeySigner, digest: bytes = DIGEST) -> OperatorSignature:
    return OperatorSignature(operator=signer.address, signature="0x" + signer.sign(digest).hex())


def answers(signer: KeySigner, asked: list[str]) -> Any:
    def answer(path: str, body: bytes) -> tuple[int, Any]:
        asked.append(signer.address)
        return 200, given(signer).model_dump(mode="json", by_alias=True)

    return answer


def test_collect__kept_signature__its_node_is_not_asked_again() -> None:
    asked: list[str] = []
    with LyingNode(answers(SIGNERS[0], asked)) as one, LyingNode(answers(SIGNERS[1], asked)) as two:
        clients = [NodeClient(one.url), NodeClient(two.url)]
        quorum = collect(clients, ask, DIGEST, OPERATORS, 2, kept=[(one.url, given(SIGNERS[0]))])
    assert asked == [SIGNERS[1].address]
    assert quorum.reached
    assert {node for node, _ in quorum.given} == {one.url, two.url}
    assert [answer.reason for answer in quorum.answers] == ["kept from an earlier run", None]


def test_collect__enough_kept__nobody_is_asked() -> None:
    asked: list[str] = []
    with LyingNode(answers(SIGNERS[2], asked)) as node:
        kept = [("http://a", given(SIGNERS[0])), ("http://b", given(SIGNERS[1]))]
        assert collect([NodeClient(node.url)], ask, DIGEST, OPERATORS, 2, kept=kept).reached
    assert asked == []


@pytest.mark.parametrize(
    "kept",
    (
        given(SIGNERS[0], bytes(32)),
        given(FORMER),
        OperatorSignature(operator=SIGNERS[0].address, signature="0x" + "00" * 65),
        OperatorSignature(operator=SIGNERS[0].address, signature=given(SIGNERS[1]).signature),
    ),
    ids=("of other bytes", "of a stranger", "no signature", "of another"),
)
def test_collect__kept_signature_that_does_not_verify__its_node_is_asked(kept: OperatorSignature) -> None:
    asked: list[str] = []
    with LyingNode(answers(SIGNERS[0], asked)) as node:
        quorum = collect([NodeClient(node.url)], ask, DIGEST, OPERATORS, 1, kept=[(node.url, kept)])
    assert asked == [SIGNERS[0].address]
    assert [item.operator for item in quorum.signatures] == [SIGNERS[0].address]


def test_collect__former_operator_that_is_retained__counts__but_not_beside_its_successor() -> None:
    def seat(account: str) -> str | None:
        return SIGNERS[0].address if account == FORMER.address else None

    with ExitStack() as stack:
        nodes = [stack.enter_context(LyingNode(answers(signer, []))) for signer in (FORMER, SIGNERS[0], SIGNERS[1])]
        clients = [NodeClient(node.url) for node in nodes]
        both = collect(clients[:2], ask, DIGEST, OPERATORS, 2, seat=seat)
        assert [item.operator for item in both.signatures] == [SIGNERS[0].address]
        assert {answer.outcome for answer in both.answers} == {"signed"}
        enough = collect([clients[0], clients[2]], ask, DIGEST, OPERATORS, 2, seat=seat)
        assert {item.operator for item in enough.signatures} == {FORMER.address, SIGNERS[1].address}
        unknown = collect(clients[:1], ask, DIGEST, OPERATORS, 1, seat=lambda account: None)
        assert unknown.answers[0].outcome == "invalid"


class Chain:
    """A registry as far as the collector asks it."""

    address = REGISTRY

    def __init__(self, sequence: int = 3) -> None:
        self.sequence = sequence

    def filing_state(self, filing: str) -> FilingState:
        return FilingState(OnChainStatus.APPROVED, 0, NOW + 10, self.sequence)

    def operators(self) -> list[str]:
        return OPERATORS

    def threshold(self) -> int:
        return 2

    def epoch(self) -> int:
        return 1

    def max_validity(self) -> int:
        return 86_400


def update(valid_until: int, **changes: Any) -> FilingUpdate:
    fields: dict[str, Any] = {
        "filing": "0x" + "11" * 32,
        "status": 1,
        "record_hash": "0x" + "22" * 32,
        "valid_until": valid_until,
        "sequence": 4,
        "reason": "0x" + "00" * 32,
    }
    return FilingUpdate(**{**fields, **changes})


class Guarded:
    """A node that has signed `held`, and refuses everything else of that sequence while it shows it."""

    def __init__(self, signer: KeySigner, held: Any, dossier: str = "0x" + DOSSIER.dossier_hash().hex()) -> None:
        self.signer, self.held, self.dossier = signer, held, dossier

    def __call__(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/v1/dossiers":
            return 200, {"new": False}
        asked = json.loads(body)["update"]
        if self.held is not None and asked != self.held:
            failed = [{"rule": "GUARD", "result": "FAIL", "explanation": "signed another"}]
            request = {"dossierHash": self.dossier, "update": self.held, "digest": "0x", "validUntil": 1}
            return 409, {"title": "no", "failed": failed, "earlier": request}
        digest = update_digest(Domain(31337, REGISTRY), FilingUpdate.model_validate(asked))
        return 200, given(self.signer, digest).model_dump(mode="json", by_alias=True)


def as_json(item: FilingUpdate) -> Any:
    return item.model_dump(mode="json", by_alias=True)


def collected(own: FilingUpdate, *held: Any, sequence: int = 3, **shown: str) -> Proposed[FilingUpdate]:
    with ExitStack() as stack:
        doubles = [Guarded(signer, item, **shown) for signer, item in zip(SIGNERS, held, strict=True)]
        nodes = [stack.enter_context(LyingNode(double)) for double in doubles]
        clients = [NodeClient(node.url) for node in nodes]
        return collect_update(clients, Chain(sequence), 31337, DOSSIER, own, now=NOW)  # type: ignore[arg-type]


def test_collect_update__nodes_hold_an_earlier_one__that_is_proposed_again() -> None:
    earlier = update(NOW + 5000)
    found = collected(update(NOW + 8000), as_json(earlier), as_json(earlier), None)
    assert found.proposal == earlier
    assert found.quorum.reached


def test_collect_update__two_earlier_ones__the_one_most_hold() -> None:
    many, few = update(NOW + 5000), update(NOW + 6000)
    found = collected(update(NOW + 8000), as_json(few), as_json(many), as_json(many))
    assert found.proposal == many
    assert found.quorum.reached


@pytest.mark.parametrize(
    "held",
    (
        as_json(update(NOW + 5000, filing="0x" + "99" * 32)),
        as_json(update(NOW + 5000, record_hash="0x" + "99" * 32)),
        as_json(update(NOW + 5000, sequence=5)),
        as_json(update(NOW - 1)),
        as_json(update(NOW + 90_000)),
        as_json(update(0, status=3)),
        {"no": "proposal"},
        [1, 2],
        "x" * 30_000,
    ),
    ids=("filing", "record", "sequence", "ended", "too long", "status", "no proposal", "a list", "too large"),
)
def test_collect_update__a_node_shows_something_else_as_earlier__never_proposed(held: Any) -> None:
    own = update(NOW + 8000)
    found = collected(own, held, held, None)
    assert found.proposal == own
    assert not found.quorum.reached
    assert [answer.outcome for answer in found.quorum.answers] == ["refused", "refused", "signed"]


def test_collect_update__an_earlier_one_of_another_dossier__never_proposed() -> None:
    own, held = update(NOW + 8000), as_json(update(NOW + 5000))
    assert collected(own, held, held, None, dossier="0x" + "77" * 32).proposal == own


def approval(valid_until: int = NOW + 5000, sequence: int = 4) -> FilingApproval:
    return FilingApproval(
        filing="0x" + "11" * 32,
        tranches=(Tranche(token=OPERATORS[0], cap=1, decimals=0),),
        dossier_hash="0x" + DOSSIER.dossier_hash().hex(),
        record_hash="0x" + "22" * 32,
        ruleset_hash="0x" + "33" * 32,
        valid_after=NOW - 60,
        valid_until=valid_until,
        sequence=sequence,
    )


def kept_file(path: Path, item: FilingApproval) -> Collection:
    quorum = Quorum(2, (given(SIGNERS[0]),), (), (("http://a", given(SIGNERS[0])),))
    save_collection(path, Chain(), 31337, Proposed(item, DIGEST, quorum))  # type: ignore[arg-type]
    found = load_collection(path)
    assert found is not None
    return found


def test_collection_file__comes_back_as_it_was__and_is_used_only_while_it_can_take_effect(tmp_path: Path) -> None:
    path, chain = tmp_path / "kept.json", Chain()
    assert load_collection(path) is None
    found = kept_file(path, approval())
    assert (found.approval, found.kept) == (approval(), (("http://a", given(SIGNERS[0])),))
    registry: Any = chain
    assert why_not(found, registry, 31337, DOSSIER, NOW) is None
    other = parse_dossier(canonical_bytes(sample_dossier({"issuePlan.useOfProceeds": "else"})), what="other")
    assert "dossier" in str(why_not(found, registry, 31337, other, NOW))
    assert "chain" in str(why_not(found, registry, 1, DOSSIER, NOW))
    assert "too soon" in str(why_not(found, registry, 31337, DOSSIER, NOW + 4999))
    assert "sequence 4" in str(still_possible(approval(), Chain(4), NOW))  # type: ignore[arg-type]
    assert "longer" in str(still_possible(approval(NOW + 90_000), registry, NOW))


@pytest.mark.parametrize("content", (b"", b"{}", b"\xff", b"[" * 10_000, b" " * 200_001))
def test_collection_file__holds_something_else__one_clear_error_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no collection of signatures"):
        load_collection(path)
    assert path.read_bytes() == content
