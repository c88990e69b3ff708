"""What is signed: the contract's digests are those of another implementation of EIP-712."""

from __future__ import annotations

from typing import Any

from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3

from tests.contracts.chain_fixture import (
    Approval,
    Domain,
    Gate,
    Message,
    Suspension,
    Tranche,
    Update,
    as_struct,
)

HASHES = st.binary(min_size=32, max_size=32)
TIMES = st.integers(0, 2**64 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Web3.to_checksum_address)
TRANCHES = st.builds(Tranche, ADDRESSES, st.integers(0, 2**256 - 1), st.integers(0, 255))
APPROVALS = st.builds(
    Approval, HASHES, st.lists(TRANCHES, max_size=5).map(tuple), HASHES, HASHES, HASHES, TIMES, TIMES, TIMES
)
UPDATES = st.builds(Update, HASHES, st.integers(0, 4), HASHES, TIMES, TIMES, HASHES)
SUSPENSIONS = st.builds(Suspension, HASHES, TIMES, HASHES)

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def digest(gate: Gate, message: Message) -> bytes:
    functions = gate.registry.functions
    view: Any = {
        Approval: functions.approvalDigest,
        Update: functions.updateDigest,
        Suspension: functions.suspensionDigest,
    }[type(message)]
    return bytes(view(as_struct(message)).call())


@QUICK
@given(message=APPROVALS)
def test_approval_digest__any_approval__equals_eth_account(deployed: Gate, message: Approval) -> None:
    assert digest(deployed, message) == deployed.domain.digest(message)


@QUICK
@given(message=UPDATES)
def test_update_digest__any_update__equals_eth_account(deployed: Gate, message: Update) -> None:
    assert digest(deployed, message) == deployed.domain.digest(message)


@QUICK
@given(message=SUSPENSIONS)
def test_suspension_digest__any_suspension__equals_eth_account(deployed: Gate, message: Suspension) -> None:
    assert digest(deployed, message) == deployed.domain.digest(message)


def test_digest__type_strings__are_pinned(gate: Gate) -> None:
    # Composed by hand from the specification, without any encoder.
    suspension = Suspension(b"\x01" * 32, 7, b"\x02" * 32)
    kind = keccak(text="Suspension(bytes32 filing,uint64 sequence,bytes32 reason)")
    struct = keccak(kind + suspension.filing + suspension.sequence.to_bytes(32, "big") + suspension.reason)
    domain = keccak(
        keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(text="FilingRegistry")
        + keccak(text="1")
        + (31337).to_bytes(32, "big")
        + bytes.fromhex(gate.registry.address[2:]).rjust(32, b"\0")
    )
    assert digest(gate, suspension) == keccak(b"\x19\x01" + domain + struct)


def test_eip712_domain__says_what_signers_use(gate: Gate) -> None:
    fields, name, version, chain_id, contract, salt, extensions = gate.registry.functions.eip712Domain().call()
    assert (fields, name, version, chain_id) == (b"\x0f", "FilingRegistry", "1", 31337)
    assert (contract, salt, extensions) == (gate.registry.address, b"\0" * 32, [])


def test_digest__chain_id_changes_in_a_fork__follows(gate: Gate) -> None:
    approval = gate.approval()
    gate.chain.rpc("anvil_setChainId", 4242)
    try:
        assert digest(gate, approval) == Domain(gate.registry.address, chain_id=4242).digest(approval)
    finally:
        gate.chain.rpc("anvil_setChainId", 31337)
    assert digest(gate, approval) == gate.domain.digest(approval)
