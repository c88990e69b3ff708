"""Our digests against eth-account's for anything that can be signed, and against the contract's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3

from oracle.chain.deployment import Deployment, Manifest, deploy
from oracle.chain.registry import Registry, approval_struct, update_struct
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import FilingApproval, FilingUpdate, Suspension, Tranche
from oracle.domain.fields import Frozen
from oracle.signing.content import sign_document
from oracle.signing.eip712 import Domain, approval_digest, suspension_digest, update_digest
from oracle.signing.keys import KeySigner
from oracle.signing.typed_data import document_digest
from tests.anvil import start_anvil
from tests.signing.typed_data import digest_by_eth_account, signable

Document = TypeVar("Document", bound=Frozen)


def built(document: type[Document], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    """Documents from strategies for their fields, by the names the code uses."""
    return st.fixed_dictionaries(fields).map(lambda values: document(**values))


hashes = st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
seconds = st.integers(0, 2**48 - 1)
sequences = st.integers(1, 2**53 - 1)
tranches = st.lists(
    built(Tranche, token=addresses, cap=st.integers(1, 2**96 - 1), decimals=st.integers(0, 77)),
    min_size=1,
    max_size=5,
    unique_by=lambda tranche: tranche.token,
).map(lambda items: tuple(sorted(items, key=lambda item: int(item.token, 16))))
approvals = built(
    FilingApproval,
    filing=hashes,
    tranches=tranches,
    dossier_hash=hashes,
    record_hash=hashes,
    ruleset_hash=hashes,
    valid_after=seconds,
    valid_until=seconds,
    sequence=sequences,
)
updates = built(
    FilingUpdate,
    filing=hashes,
    status=st.integers(1, 4),
    record_hash=hashes,
    valid_until=seconds,
    sequence=sequences,
    reason=hashes,
)
suspensions = built(Suspension, filing=hashes, sequence=sequences, reason=hashes)
domains = st.builds(Domain, chain_id=st.integers(1, 2**60), registry=addresses)


@settings(max_examples=150, deadline=None)
@given(domain=domains, approval=approvals)
def test_approval_digest__any_approval__is_eth_accounts(domain: Domain, approval: FilingApproval) -> None:
    assert approval_digest(domain, approval) == digest_by_eth_account(domain, approval)


@settings(max_examples=80, deadline=None)
@given(domain=domains, change=updates)
def test_update_digest__any_update__is_eth_accounts(domain: Domain, change: FilingUpdate) -> None:
    assert update_digest(domain, change) == digest_by_eth_account(domain, change)


@settings(max_examples=80, deadline=None)
@given(domain=domains, suspension=suspensions)
def test_suspension_digest__any_suspension__is_eth_accounts(domain: Domain, suspension: Suspension) -> None:
    assert suspension_digest(domain, suspension) == digest_by_eth_account(domain, suspension)


def _random_hash(draw: random.Random) -> str:
    return "0x" + draw.randbytes(32).hex()


def random_approval(draw: random.Random) -> FilingApproval:
    """With one to five tranches; numbers of every length, so that small and large ones are as likely."""
    tokens = sorted(draw.randbytes(20) for _ in range(draw.randint(1, 5)))
    return FilingApproval(
        filing=_random_hash(draw),
        tranches=tuple(
            Tranche(
                token=to_checksum_address(token),
                cap=draw.getrandbits(draw.randint(1, 96)) or 1,
                decimals=draw.randint(0, 77),
            )
            for token in tokens
        ),
        dossier_hash=_random_hash(draw),
        record_hash=_random_hash(draw),
        ruleset_hash=_random_hash(draw),
        valid_after=draw.getrandbits(draw.randint(1, 48)),
        valid_until=draw.getrandbits(draw.randint(1, 48)),
        sequence=draw.getrandbits(draw.randint(1, 53)) or 1,
    )


def random_update(draw: random.Random) -> FilingUpdate:
    """Any update that can be signed."""
    return FilingUpdate(
        filing=_random_hash(draw),
        status=draw.randint(1, 4),
        record_hash=_random_hash(draw),
        valid_until=draw.getrandbits(draw.randint(1, 48)),
        sequence=draw.getrandbits(draw.randint(1, 53)) or 1,
        reason=_random_hash(draw),
    )


@pytest.mark.parametrize("count", (100, pytest.param(10_000, marks=(pytest.mark.soak, pytest.mark.timeout(600)))))
@pytest.mark.parametrize("made", (random_approval, random_update))
def test_digest_and_signature__so_many_messages__are_eth_accounts(
    made: Callable[[random.Random], FilingApproval | FilingUpdate], count: int
) -> None:
    draw = random.Random(8)
    for _ in range(count):
        document = made(draw)
        domain = Domain(draw.getrandbits(draw.randint(1, 60)), to_checksum_address(draw.randbytes(20)))
        signer = KeySigner(draw.randbytes(32))
        theirs = Account.sign_message(signable(domain, document), signer.secret)
        digest, signature = document_digest(domain, document), sign_document(signer, domain, document)
        assert (digest, signature) == (bytes(theirs.message_hash), bytes(theirs.signature)), (domain, document)


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Registry, Deployment]]:
    with start_anvil() as anvil:
        w3 = Web3(Web3.HTTPProvider(anvil.url))
        accounts = [str(account) for account in w3.eth.accounts]
        token = {"id": "a", "name": "A", "symbol": "A", "decimals": 0, "admin": accounts[0], "issuer": accounts[0]}
        manifest = Manifest.model_validate(
            {"committee": {"operators": accounts[1:4], "threshold": 2}, "tokens": [token]}
        )
        deployment = deploy(manifest, w3, NodeAccountSender(accounts[0]))
        yield Registry(w3, deployment.registry), deployment


contract_settings = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contract_settings
@given(approval=approvals)
def test_approval_digest__any_approval__is_the_contracts(
    deployed: tuple[Registry, Deployment], approval: FilingApproval
) -> None:
    registry, deployment = deployed
    digest = approval_digest(Domain(deployment.chain_id, deployment.registry), approval)
    assert digest == bytes(registry._call("approvalDigest", approval_struct(approval)))


@contract_settings
@given(change=updates, suspension=suspensions)
def test_update_and_suspension_digest__any__are_the_contracts(
    deployed: tuple[Registry, Deployment], change: FilingUpdate, suspension: Suspension
) -> None:
    registry, deployment = deployed
    domain = Domain(deployment.chain_id, deployment.registry)
    assert update_digest(domain, change) == bytes(registry._call("updateDigest", update_struct(change)))
    struct = (bytes.fromhex(suspension.filing[2:]), suspension.sequence, bytes.fromhex(suspension.reason[2:]))
    assert suspension_digest(domain, suspension) == bytes(registry._call("suspensionDigest", struct))
