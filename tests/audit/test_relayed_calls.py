"""Changes submitted through another contract: the audit finds their calls inside the transaction, by its trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from web3.contract import Contract

from oracle.audit.chain_audit import audit_chain
from oracle.audit.chain_reader import ChainReader
from oracle.chain.events import read_events
from oracle.chain.rpc import connect
from oracle.domain.approval import OnChainStatus, OperatorSignature
from tests.chain.node_double import node_double, rpc_error
from tests.chain.small_world import FILING, OPERATORS, OTHER_FILING, World


@dataclass
class Relayed:
    """A deployment, and a contract that passes calls on."""

    world: World
    relay: Contract

    def send(self, function: str, *values: Any) -> None:
        sender = self.world.w3.eth.accounts[0]
        sent = self.relay.get_function_by_name(function)(self.world.registry.address, *values).transact(
            {"from": sender, "gas": 5_000_000}
        )
        assert self.world.w3.eth.wait_for_transaction_receipt(sent)["status"] == 1

    def approval(self, index: int, filing: str = FILING) -> bytes:
        made = self.world.approval((index, 1000), filing=filing)
        return self.world.registry.approve_data(made, self.world.signed(made))

    def update(self, status: OnChainStatus, sequence: int) -> bytes:
        made = self.world.change(status, sequence=sequence)
        signed = [(one.operator, bytes.fromhex(one.signature[2:])) for one in self.world.signed(made)]
        struct = (
            bytes.fromhex(made.filing[2:]),
            made.status,
            bytes.fromhex(made.record_hash[2:]),
            made.valid_until,
            made.sequence,
            bytes.fromhex(made.reason[2:]),
        )
        return self.world.registry._data("update", struct, signed)

    def found(self) -> list[str]:
        return [finding.id for finding in audit_chain(self.world.w3, self.world.deployment).findings]


@pytest.fixture
def relayed(fresh: World, artifacts: dict[str, dict[str, Any]]) -> Relayed:
    made = artifacts["CallRelay"]
    factory = fresh.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    sent = factory.constructor().transact({"from": fresh.w3.eth.accounts[0]})
    address = fresh.w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    assert address
    return Relayed(fresh, fresh.w3.eth.contract(address, abi=made["abi"]))


def test_audit__approval_through_a_contract__signatures_are_read_from_the_trace(relayed: Relayed) -> None:
    relayed.send("relay", [relayed.approval(0)], False)
    report = audit_chain(relayed.world.w3, relayed.world.deployment)
    assert report.findings == []
    assert report.checks["SIGNATURE-INVALID"] == 2


def test_audit__approval_through_a_contract__node_without_tracing__is_named_unreadable(
    relayed: Relayed,
) -> None:
    relayed.send("relay", [relayed.approval(0)], False)

    def no_debug(method: str, params: list[Any]) -> tuple[int, bytes] | None:
        return rpc_error("the method does not exist", -32601) if method.startswith("debug_") else None

    with node_double(relayed.world.url, no_debug) as double:
        (finding,) = audit_chain(connect(double.url), relayed.world.deployment).findings
    assert (finding.id, finding.severity, finding.subject) == ("CALL-UNREADABLE", "high", FILING)


def test_audit__several_changes_in_one_transaction__each_is_held_against_its_own_call(relayed: Relayed) -> None:
    calls = [
        relayed.approval(0),
        relayed.approval(1, OTHER_FILING),
        relayed.update(OnChainStatus.APPROVED, 2),
        relayed.update(OnChainStatus.SUSPENDED, 3),
        relayed.update(OnChainStatus.APPROVED, 4),
    ]
    relayed.send("relay", calls, False)
    report = audit_chain(relayed.world.w3, relayed.world.deployment)
    assert report.findings == []
    assert report.checks["CALL-MISMATCH"] == len(calls)
    assert relayed.world.registry.filing_state(FILING).sequence == 4


def test_audit__failed_and_repeated_calls_beside_the_real_one__only_the_real_one_counts(relayed: Relayed) -> None:
    """A repeat passes without a look at its signatures, so these may be anything."""
    world = relayed.world
    made = world.approval()
    good = world.registry.approve_data(made, world.signed(made))
    forged = [OperatorSignature(operator=key.address, signature="0x" + "11" * 65) for key in OPERATORS]
    bad = world.registry.approve_data(made, forged)
    relayed.send("relay", [bad, good, bad], True)
    calls = ChainReader(world.w3, world.registry.address).calls_of(approvals(world)[0])
    assert [len(call[2][1]) for call in calls] == [2, 3], "the refused call is no call"
    assert relayed.found() == []


def approvals(world: World) -> list[Any]:
    events = read_events(world.w3, "FilingRegistry", [world.registry.address], 0, world.w3.eth.block_number)
    return [event for event in events if event.name == "FilingApproved"]


def test_audit__calls_undone_with_their_caller__are_not_taken_for_calls(relayed: Relayed) -> None:
    data = relayed.approval(0)
    relayed.send("attempt", [data])
    assert relayed.world.registry.filing_state(FILING).sequence == 0
    relayed.send("relay", [data], False)
    assert relayed.found() == []


def test_audit__suspension_through_a_contract__the_relayed_signature_counts(relayed: Relayed) -> None:
    world = relayed.world
    relayed.send("relay", [relayed.approval(0)], False)
    made = world.suspension()
    signature = world.signed(made, OPERATORS[2:])[0]
    struct = (bytes.fromhex(made.filing[2:]), made.sequence, bytes.fromhex(made.reason[2:]))
    data = world.registry._data("suspendBySig", struct, (signature.operator, bytes.fromhex(signature.signature[2:])))
    relayed.send("relay", [data], False)
    assert world.registry.filing_state(FILING).status is OnChainStatus.SUSPENDED
    assert relayed.found() == []


def test_audit__two_traced_events_of_one_transaction__the_trace_is_asked_for_once(relayed: Relayed) -> None:
    relayed.send("relay", [relayed.approval(0), relayed.approval(1, OTHER_FILING)], False)
    with node_double(relayed.world.url) as double:
        assert audit_chain(connect(double.url), relayed.world.deployment).clean
    assert double.methods().count("debug_traceTransaction") == 1
    assert double.methods().count("eth_getTransactionByHash") == 1 + 1
