"""A node whose key is in a hardware module, what its signature guard answers, and where its key stands at the start."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from oracle.collector.node_client import NodeReply
from oracle.collector.proposal import propose_approval
from oracle.domain.approval import FilingApproval
from oracle.errors import InputError
from oracle.node.membership import membership_of
from oracle.node.startup import check_start
from oracle.signing.keys import KeySigner
from oracle.signing.pkcs11_key import Pkcs11Signer
from tests.node.running_nodes import World, running_world
from tests.signing.softhsm import PIN, module, new_key, new_token

NEWCOMER = KeySigner(b"\x0c" * 32).address


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The first node signs with a key in SoftHSM 2."""
    new_token("node")
    new_key("node", "operator", b"\x01")
    signer = Pkcs11Signer(module(), "node", label="operator", pin=lambda: PIN)
    with running_world(tmp_path_factory.mktemp("world"), first=signer) as made:
        yield made


def proposed(world: World) -> Any:
    # The first two only: both have to sign, and so the hardware module has.
    nodes = world.clients(timeout=40)[:2]
    return propose_approval(nodes, world.registry, 31337, world.dossier(), now=int(time.time()), window_seconds=86_400)


def ask(world: World, approval: FilingApproval) -> NodeReply:
    body = json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()
    return world.clients(timeout=40)[0].post("/v1/approvals", body)


def send(world: World, function: str, *arguments: Any) -> None:
    registry = world.registry
    world.issuer.send(world.w3, registry.address, registry._data(function, *arguments))


def test_node__key_in_a_module__the_registry_takes_what_it_signs_and_another_is_refused(world: World) -> None:
    world.publish()
    collected = proposed(world)
    given = collected.quorum.require()
    assert world.signers[0].address in {item.operator for item in given}
    again = ask(world, collected.proposal)
    # A module signs the same digest differently each time: what was given is given again.
    assert again.status == 200
    assert again.content["signature"] in {item.signature for item in given}
    other = collected.proposal.model_copy(update={"valid_until": collected.proposal.valid_until + 1})
    refused = ask(world, other)
    assert refused.status == 409
    assert [row["rule"] for row in refused.content["failed"]] == ["GUARD"]
    earlier = refused.content["earlier"]
    assert FilingApproval.model_validate_json(json.dumps(earlier["approval"])) == collected.proposal
    assert earlier["digest"] == "0x" + collected.digest.hex()
    assert earlier["validUntil"] == collected.proposal.valid_until
    world.registry.approve(world.issuer, collected.proposal, given)
    assert world.registry.can_issue(world.deployment.token("senior").address, 1) == (True, None)


def test_node__restored__refuses_by_the_guard_until_vouched_for(world: World) -> None:
    world.publish()
    guard = world.nodes[0].node.guard
    guard.mark_restored(int(time.time()))
    collected = proposed(world)
    rows = [row for answer in collected.quorum.answers for row in answer.failed]
    assert [row["rule"] for row in rows] == ["GUARD"]
    assert any("was restored" in line for line in check_start(world.nodes[0].node))
    assert guard.confirm_restore() is not None
    # The same bytes: the second node has signed them, and would sign no others.
    assert ask(world, collected.proposal).status == 200


def test_check_start__key_stands_elsewhere__refused_or_said(world: World) -> None:
    registry, old = world.registry, world.signers[0].address
    node = world.nodes[0].node
    assert check_start(node) == []
    assert "not among the registry's operators" in (membership_of(NEWCOMER, registry).wrong or "")
    send(world, "announceOperator", NEWCOMER, old)
    coming = membership_of(NEWCOMER, registry)
    assert coming.wrong is None
    assert f"announced in place of {old}" in coming.warnings[0]
    assert any(f"to be replaced by {NEWCOMER}" in line for line in check_start(node))
    world.w3.provider.make_request("evm_increaseTime", [registry.rotation_delay() + 1])  # type: ignore[arg-type]
    world.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    send(world, "applyOperator", NEWCOMER, old)
    assert membership_of(NEWCOMER, registry) == membership_of(world.signers[1].address, registry)
    if registry.retention():
        assert "was replaced" in check_start(node)[0]
    else:
        with pytest.raises(InputError, match="not among"):
            check_start(node)
