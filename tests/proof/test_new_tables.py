"""The log, claims, transactions, collected signatures and keys of a node's database: what was changed is found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from oracle.chain.durable_sender import DurableSender, Finality
from oracle.chain.fees import FeeCaps
from oracle.chain.rpc import raw_call
from oracle.collector.proposal import propose_approval
from oracle.domain.approval import FilingUpdate, OnChainStatus, OperatorSignature
from oracle.evidence.store import EvidenceStore
from oracle.node.service import source_settings
from oracle.proof.database_proof import DATABASE_FINDINGS, DatabaseProof, prove_database
from oracle.signing.eip712 import Domain, update_digest
from oracle.signing.keys import KeySigner
from oracle.sources.parsed_again import read_settings
from oracle.store.api_keys import ApiKeys
from oracle.store.backup import back_up
from oracle.store.collections import Collections
from oracle.store.database import Database
from oracle.store.rows import stored_rows
from oracle.store.sessions import Sessions
from oracle.store.transactions import StoredTransactions
from tests.node.running_nodes import World, running_world
from tests.store.tampering import unprotected

pytestmark = pytest.mark.slow

RELAY = KeySigner(b"\x09" * 32)
DAY = 86_400


@dataclass
class Kept:
    """A node's database with a row in every table, its evidence, its sources' settings."""

    backup: Path
    evidence: EvidenceStore
    settings: list[Any]

    def proof(self, path: Path, *, evidence: EvidenceStore | None = None) -> DatabaseProof:
        """What is found; an empty evidence store takes a fifth of the time and adds findings of its own."""
        database = Database(f"sqlite:///{path}")
        try:
            with stored_rows(database.engine) as rows:
                return prove_database(rows, evidence or self.evidence, settings=self.settings)
        finally:
            database.close()


def approve(world: World) -> Any:
    """Approve by quorum, and ask the first node once more with an idempotency key."""
    proposed = propose_approval(
        world.clients(), world.registry, 31337, world.dossier(), now=int(time.time()), window_seconds=DAY
    )
    assert proposed.quorum.reached, proposed.quorum.answers
    body = json.dumps({"approval": proposed.proposal.model_dump(mode="json", by_alias=True)}).encode()
    headers = {**world.nodes[0].headers, "Idempotency-Key": "once", "Content-Type": "application/json"}
    answer = httpx2.post(world.urls[0] + "/v1/approvals", content=body, headers=headers, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    world.registry.approve(world.issuer, proposed.proposal, proposed.quorum.require())
    return proposed.proposal


def collect(world: World, approval: Any) -> None:
    """What a relay keeps of a renewal: its proposal, and what the second operator signed of it."""
    renewal = FilingUpdate.model_validate_json(
        json.dumps(
            {
                "filing": approval.filing,
                "status": int(OnChainStatus.APPROVED),
                "recordHash": approval.record_hash,
                "validUntil": approval.valid_until + 3600,
                "sequence": approval.sequence + 1,
                "reason": "0x" + "00" * 32,
            }
        )
    )
    digest = update_digest(Domain(31337, world.deployment.registry), renewal)
    kept = Collections(world.nodes[0].node.database.engine)
    kept.add(renewal, "0x" + digest.hex())
    second = world.signers[1]
    given = OperatorSignature(operator=second.address, signature="0x" + second.sign(digest).hex())
    kept.add_signature("0x" + digest.hex(), world.urls[1], given)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Approved by the API, a transaction sent by the relay, a renewal half collected, a checkpoint signed."""
    folder = tmp_path_factory.mktemp("tables")
    with running_world(folder) as world:
        node = world.nodes[0].node
        node.database.bind_to({"operator": node.address, "chain": "31337", "registry": world.deployment.registry})
        world.publish()
        collect(world, approve(world))
        raw_call(world.w3, "anvil_setBalance", [RELAY.address, hex(10**18)])
        book = StoredTransactions(node.database.engine)
        sender = DurableSender(RELAY, book, chain_id=31337, caps=FeeCaps(10**12, 10**11), finality=Finality(0))
        sender.send(world.w3, RELAY.address, b"")
        sender.tend(world.w3)
        assert httpx2.get(world.urls[0] + "/log/checkpoint", timeout=30, trust_env=False).status_code == 200
        key = ApiKeys(node.database.engine).find(world.nodes[0].key, int(time.time()))
        Sessions(node.database.engine).new(key, int(time.time()), 600)
        world.settle()
        back_up(f"sqlite:///{folder / 'operator-1' / 'node.db'}", folder / "kept.db")
        settings = list(read_settings(source_settings(node.config)))
        yield Kept(folder / "kept.db", EvidenceStore(folder / "operator-1" / "evidence"), settings)


def test_prove__every_new_table_has_rows__clean(kept: Kept) -> None:
    proof = kept.proof(kept.backup)
    assert proof.findings == []
    tables = {
        *("log_leaves", "log_keys", "signing_claims", "transactions", "transaction_attempts"),
        *("collections", "collected_signatures", "api_keys", "idempotency_keys", "page_sessions"),
    }
    assert {name for name in tables if proof.counts[name]} == tables


def sql(statement: str) -> Callable[[Connection], None]:
    def change(connection: Connection) -> None:
        done = connection.exec_driver_sql(statement)
        assert done.rowcount >= 1

    return change


def other(table: str, column: str) -> str:
    """SQL that gives each 0x-hex value of a column another last digit."""
    last = f"CASE substr({column}, -1) WHEN '0' THEN '1' ELSE '0' END"
    return f"UPDATE {table} SET {column} = substr({column}, 1, length({column}) - 1) || {last}"  # noqa: S608


CHANGES = {
    "leaf changed": ("log_leaves", 'UPDATE log_leaves SET leaf = x\'7b7d\' WHERE "index" = 0', "LOG"),
    "leaf removed": ("log_leaves", "DELETE FROM log_leaves WHERE kind = 'signature'", "LOG"),
    "leaf no bytes": ("log_leaves", 'UPDATE log_leaves SET leaf = \'text\' WHERE "index" = 0', "LOG"),
    "log's size": ("log_head", "UPDATE log_head SET size = size - 1", "LOG"),
    "checkpoint changed": ("log_checkpoints", "UPDATE log_checkpoints SET note = x'00'", "LOG"),
    "log key of nobody": ("log_keys", "UPDATE log_keys SET statement = statement || 'x'", "LOG"),
    "log key's signature unreadable": ("log_keys", "UPDATE log_keys SET signature = 'none'", "LOG"),
    "observation unreadable": ("observations", "UPDATE observations SET content = '{' WHERE id = 1", "LOG"),
    "signature without its leaf": ("signatures", other("signatures", "signature"), "LOG"),
    "claim's digest": ("signing_claims", other("signing_claims", "digest"), "CLAIM"),
    "claim's proposal": (
        "signing_claims",
        "UPDATE signing_claims SET proposal = json_set(proposal, '$.approval.validUntil', 7)",
        "CLAIM",
    ),
    "claim's end": ("signing_claims", "UPDATE signing_claims SET dead_after = dead_after - 1", "CLAIM"),
    "claim removed": ("signing_claims", "DELETE FROM signing_claims", "CLAIM"),
    "two claims live": (
        "signing_claims",
        "INSERT INTO signing_claims (filing, sequence, turn, digest, dead_after, proposal, claimed_at) "
        "SELECT filing, sequence, 1, digest, dead_after, proposal, claimed_at FROM signing_claims",
        "CLAIM",
    ),
    "claims out of turn": ("signing_claims", "UPDATE signing_claims SET turn = 1", "CLAIM"),
    "claim's number": ("signing_claims", "UPDATE signing_claims SET id = 2", "SEQUENCE"),
    "transaction's bytes": (
        "transaction_attempts",
        "UPDATE transaction_attempts SET raw = CAST(substr(raw, 1, length(raw) - 1) AS BLOB)",
        "TRANSACTION",
    ),
    "transaction's hash": (
        "transaction_attempts", other("transaction_attempts", "hash"), "TRANSACTION"
    ),
    "transaction's fees": ("transaction_attempts", "UPDATE transaction_attempts SET tip = tip + 1", "TRANSACTION"),
    "transaction's sender": ("transactions", other("transactions", "sender"), "TRANSACTION"),
    "transaction's nonce": ("transactions", "UPDATE transactions SET nonce = nonce + 1", "TRANSACTION"),
    "transaction's receiver": ("transactions", "UPDATE transactions SET \"to\" = NULL", "TRANSACTION"),
    "transaction's state": ("transactions", "UPDATE transactions SET state = 'gone'", "ROW"),
    "transaction mined as another": ("transactions", "UPDATE transactions SET mined_hash = '0x00'", "TRANSACTION"),
    "transaction without bytes": ("transaction_attempts", "DELETE FROM transaction_attempts", "TRANSACTION"),
    "transaction removed": ("transactions", "DELETE FROM transactions", "REFERENCE"),
    "collected proposal": (
        "collections", "UPDATE collections SET proposal = json_set(proposal, '$.validUntil', 7)", "COLLECTED"
    ),
    "collected sequence": ("collections", "UPDATE collections SET sequence = 9", "COLLECTED"),
    "collected signature": (
        "collected_signatures",
        "UPDATE collected_signatures SET signature = "
        "'0x' || CASE substr(signature, 3, 1) WHEN '1' THEN '2' ELSE '1' END || substr(signature, 4)",
        "COLLECTED",
    ),
    "collected from another": (
        "collected_signatures", other("collected_signatures", "operator"), "COLLECTED"
    ),
    "collection removed": ("collections", "DELETE FROM collections", "REFERENCE"),
    "api key's scopes": ("api_keys", "UPDATE api_keys SET scopes = 'root'", "KEY"),
    "api key's hash": ("api_keys", "UPDATE api_keys SET hash = upper(hash)", "KEY"),
    "api key revoked before it was made": ("api_keys", "UPDATE api_keys SET revoked_at = 1", "KEY"),
    "api key removed": ("api_keys", "DELETE FROM api_keys", "REFERENCE"),
    "session's hash": ("page_sessions", "UPDATE page_sessions SET hash = upper(hash)", "KEY"),
    "session without end": ("page_sessions", "UPDATE page_sessions SET expires_at = created_at", "KEY"),
    "session of no key": ("page_sessions", "UPDATE page_sessions SET api_key = 'another'", "REFERENCE"),
    "idempotency key of another request": ("idempotency_keys", "UPDATE idempotency_keys SET request_id = 1", "KEY"),
    "idempotency key of no request": (
        "idempotency_keys", "UPDATE idempotency_keys SET request_id = 99999", "REFERENCE"
    ),
    "request's origin": ("request_origins", "UPDATE request_origins SET api_key = 'another'", "REFERENCE"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_prove__a_row_changed_behind_the_triggers__found(kept: Kept, tmp_path: Path, name: str) -> None:
    table, statement, expected = CHANGES[name]
    path = tmp_path / "node.db"
    path.write_bytes(kept.backup.read_bytes())
    database = Database(f"sqlite:///{path}")
    with unprotected(database, table) as connection:
        sql(statement)(connection)
    database.close()
    found = {item.id for item in kept.proof(path, evidence=EvidenceStore(tmp_path / "none")).findings}
    assert expected in found
    assert found <= set(DATABASE_FINDINGS)
