"""What a successor's database takes over: all of it once, nothing that the old key signed, and from no stranger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oracle.domain.approval import FilingUpdate
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import parse_dossier
from oracle.domain.filing_statement import FilingStatement, SignedStatement, statement_message
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import InputError
from oracle.evidence.store import EvidenceStore
from oracle.proof.database_proof import prove_database
from oracle.signing.eip712 import Domain, update_digest
from oracle.signing.keys import KeySigner
from oracle.signing.personal_message import message_digest
from oracle.store.database import Database
from oracle.store.rows import stored_rows
from oracle.store.signing_guard import MARGIN_SECONDS, GuardRefusedError, SigningGuard
from oracle.store.succession import take_over
from tests.samples.dossier import NUMBER, REGISTRY, sample_parsed

NOW = 1_800_000_000
WHEN = "2027-01-15T08:00:00.000+00:00"
FILING, FIRST, OTHER = "0x" + "0f" * 32, "0x" + "aa" * 32, "0x" + "bb" * 32
ISSUER = KeySigner(b"\x07" * 32)


@dataclass(frozen=True)
class Pair:
    """The old key's database and the new one's."""

    old: Database
    new: Database
    folder: Path

    def take(self, now: int = NOW) -> dict[str, int]:
        """Take over, and prove the new database."""
        taken = take_over(self.old.engine, self.new, now).as_json()
        with stored_rows(self.new.engine) as rows:
            assert prove_database(rows, EvidenceStore(self.folder)).findings == []
        return taken


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    old, new = (Database(f"sqlite:///{tmp_path / name}.db") for name in ("old", "new"))
    for database, byte in ((old, b"\x01"), (new, b"\x02")):
        operator = KeySigner(byte * 32).address
        database.bind_to({"operator": operator, "chain": "31337", "registry": REGISTRY})
    yield Pair(old, new, tmp_path / "evidence")
    old.close()
    new.close()


def declare(database: Database, what: str) -> None:
    """As `POST /v1/filings/{number}/events` stores it."""
    fields = {"act": "DECLARE", "kind": "CHANGE", "number": NUMBER, "chainId": 31337, "registry": REGISTRY}
    said = {**fields, "eventOn": "2027-01-14", "what": what, "at": "2027-01-15T08:00:00+00:00"}
    statement = FilingStatement.model_validate_json(json.dumps(said))
    signature = "0x" + ISSUER.sign(message_digest(statement_message(statement))).hex()
    signed = SignedStatement(statement=statement, by=ISSUER.address, signature=signature)
    body = json.dumps(signed.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()
    database.add_request(WHEN, "POST", f"/v1/filings/{NUMBER}/events", body)
    name = hashlib.sha256(canonical_bytes(statement.model_dump(mode="json", by_alias=True))).hexdigest()
    content = {
        "kind": "CHANGE",
        "eventOn": "2027-01-14",
        "what": what,
        "statement": name,
        "signature": signature,
        "at": statement.at,
        "block": 7,
    }
    item = RecordedEvent(RecordKind.DECLARED, NOW, ISSUER.address, content)
    assert database.add_filing_event(NUMBER, f"statement:{name}", item)


def approve(database: Database, dossier_hash: str) -> None:
    content = {"sequence": 1, "dossierHash": dossier_hash, "block": 5, "transaction": FIRST, "term": NOW, "revision": 1}
    item = RecordedEvent(RecordKind.APPROVED, NOW, f"registry {REGISTRY}", content)
    assert database.add_filing_event(NUMBER, f"chain:5:{FIRST}:0", item)


def claim(database: Database, reason: str, sequence: int = 2, dead_after: int = NOW + 100) -> str:
    """Claim a renewal, and return its digest; another reason makes another one."""
    change = FilingUpdate(
        filing=FILING, status=1, record_hash=FIRST, valid_until=dead_after, sequence=sequence, reason=reason
    )
    digest = "0x" + update_digest(Domain(31337, REGISTRY), change).hex()
    proposal = json.dumps({"dossierHash": FIRST, "update": change.model_dump(mode="json", by_alias=True)})
    SigningGuard(database.engine).claim(FILING, sequence, digest, dead_after, proposal, NOW, longest=1000)
    return digest


def kinds(database: Database) -> list[str]:
    return [item.kind.value for item in database.filing_events(NUMBER)]


def filled(database: Database) -> None:
    dossier = sample_parsed()
    request = database.add_request(WHEN, "POST", "/v1/dossiers", dossier.canonical())
    database.add_dossier(request, dossier)
    approve(database, "0x" + dossier.dossier_hash().hex())
    declare(database, "a new charging operator")
    sent = RecordedEvent(RecordKind.SENT, NOW, "0x", {"sequence": 1, "transaction": OTHER})
    database.add_filing_event(NUMBER, f"sent:{OTHER}", sent)


def test_take_over__dossiers_record_and_statements__once_in_order_and_without_what_the_key_did(pair: Pair) -> None:
    filled(pair.old)
    assert pair.take() == {"dossiers": 1, "statements": 1, "events": 2, "claims": 0}
    assert kinds(pair.new) == ["APPROVED", "DECLARED"]
    name = "0x" + sample_parsed().dossier_hash().hex()
    found = pair.new.dossier(name)
    assert found is not None
    assert parse_dossier(found.canonical(), what="copy") == sample_parsed()
    assert pair.take() == {"dossiers": 0, "statements": 0, "events": 0, "claims": 0}


def test_take_over__record_begun_already__only_later_statements_are_added(pair: Pair) -> None:
    filled(pair.old)
    approve(pair.new, "0x" + sample_parsed().dossier_hash().hex())
    assert pair.take()["statements"] == 1
    declare(pair.old, "a second change")
    assert pair.take() == {"dossiers": 0, "statements": 1, "events": 1, "claims": 0}
    assert kinds(pair.new) == ["APPROVED", "DECLARED", "DECLARED"]


def test_take_over__live_claims__bind_the_new_node_and_dead_ones_do_not(pair: Pair) -> None:
    first = claim(pair.old, FIRST)
    claim(pair.old, FIRST, sequence=3, dead_after=NOW - MARGIN_SECONDS)
    assert pair.take()["claims"] == 1
    claim(pair.new, FIRST)  # the very same may be signed
    with pytest.raises(GuardRefusedError) as refused:
        claim(pair.new, OTHER)
    assert refused.value.earlier is not None
    assert refused.value.earlier["digest"] == first
    claim(pair.new, OTHER, sequence=3)


def test_take_over__claim_of_its_own__stays(pair: Pair) -> None:
    claim(pair.old, FIRST)
    claim(pair.new, OTHER)
    assert pair.take()["claims"] == 0
    claim(pair.new, OTHER)
    with pytest.raises(GuardRefusedError):
        claim(pair.new, FIRST)


@pytest.mark.parametrize(
    ("identity", "named"),
    (
        ({"operator": KeySigner(b"\x02" * 32).address, "chain": "31337", "registry": REGISTRY}, "same key"),
        ({"operator": "0x1", "chain": "1", "registry": REGISTRY}, "chain 1"),
        ({"operator": "0x1", "chain": "31337", "registry": "0x2"}, "registry 0x2"),
    ),
)
def test_take_over__from_itself_or_from_elsewhere__refused(pair: Pair, identity: dict[str, str], named: str) -> None:
    other = Database(f"sqlite:///{pair.folder.parent / 'other.db'}")
    other.bind_to(identity)
    try:
        with pytest.raises(InputError, match=named):
            take_over(other.engine, pair.new, NOW)
    finally:
        other.close()
    assert pair.new.dossier_numbers(10) == []
