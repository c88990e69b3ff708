"""A real node's database proven, and every kind of row changed behind its back: each change is found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Connection

from oracle.collector.proposal import propose_approval
from oracle.domain.canonical import keccak256
from oracle.domain.filing_statement import FilingStatement, SignedStatement, statement_message
from oracle.evidence.store import EvidenceStore
from oracle.node.service import source_settings
from oracle.proof.database_proof import DATABASE_FINDINGS, DatabaseProof, prove_database
from oracle.rules.case import SHANGHAI
from oracle.signing.keys import KeySigner
from oracle.signing.personal_message import message_digest
from oracle.sources.parsed_again import read_settings
from oracle.store.backup import back_up
from oracle.store.database import Database
from oracle.store.rows import stored_rows
from tests.node.running_nodes import World, running_world
from tests.samples.dossier import NUMBER
from tests.store.tampering import unprotected

pytestmark = pytest.mark.slow

ISSUER = KeySigner(keccak256(b"the issuer's declarant"))


@dataclass
class Kept:
    """A node's database, as it was after a filing's whole life; and what its evidence and sources are."""

    backup: Path
    evidence: EvidenceStore
    settings: list[Any]

    def proof(self, url: str) -> DatabaseProof:
        database = Database(url)
        try:
            with stored_rows(database.engine) as rows:
                return prove_database(rows, self.evidence, settings=self.settings)
        finally:
            database.close()


def declare(world: World) -> None:
    said = FilingStatement.model_validate_json(
        json.dumps(
            {
                "act": "DECLARE",
                "kind": "MAJOR_RISK",
                "number": NUMBER,
                "chainId": 31337,
                "registry": world.deployment.registry,
                "eventOn": datetime.now(UTC).astimezone(SHANGHAI).date().isoformat(),
                "what": "the chargers burnt down",
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
    )
    signature = "0x" + ISSUER.sign(message_digest(statement_message(said))).hex()
    signed = SignedStatement(statement=said, by=ISSUER.address, signature=signature)
    body = json.dumps(signed.model_dump(mode="json", by_alias=True)).encode()
    reply = world.client().post(f"/v1/filings/{quote(NUMBER)}/events", body)
    assert reply.status == 201, reply.content


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Refused before the notice, approved after it, on chain, a risk declared, suspended by the node's relay."""
    folder = tmp_path_factory.mktemp("database")
    with running_world(folder, declarants=[{"address": ISSUER.address}]) as world:
        node = world.nodes[0].node
        node.database.bind_to({"operator": node.address, "chain": "31337", "registry": world.deployment.registry})
        clients = world.clients(timeout=20)

        def propose() -> Any:
            return propose_approval(
                clients, world.registry, 31337, world.dossier(), now=int(time.time()), window_seconds=86400
            )

        propose()
        world.publish()
        proposed = propose()
        body = json.dumps({"approval": proposed.proposal.model_dump(mode="json", by_alias=True)}).encode()
        assert clients[0].post("/v1/approvals", body).status == 200
        world.registry.approve(world.issuer, proposed.proposal, proposed.quorum.require())
        declare(world)
        world.settle()
        back_up(f"sqlite:///{folder / 'operator-1' / 'node.db'}", folder / "kept.db")
        settings = list(read_settings(source_settings(node.config)))
        yield Kept(folder / "kept.db", EvidenceStore(folder / "operator-1" / "evidence"), settings)


def test_prove__a_node_s_own_database__clean_and_everything_looked_at(kept: Kept) -> None:
    proof = kept.proof(f"sqlite:///{kept.backup}")
    assert proof.findings == []
    assert {"requests", "answers", "dossiers", "observations", "decisions", "decision_records", "signatures"} <= {
        name for name, count in proof.counts.items() if count
    }
    assert proof.counts["filing_events"] >= 4  # approved, declared, signed, sent, suspended
    assert proof.counts["evidence.parsedAgain"] >= 1


def sql(statement: str) -> Callable[[Connection], None]:
    def change(connection: Connection) -> None:
        done = connection.exec_driver_sql(statement)
        assert done.rowcount >= 1

    return change


CHANGES = {
    "meta of another operator": ("meta", sql("UPDATE meta SET value = '0xabab' WHERE key = 'operator'"), "IDENTITY"),
    "meta without a chain": ("meta", sql("DELETE FROM meta WHERE key = 'chain'"), "IDENTITY"),
    "request removed": ("requests", sql("DELETE FROM requests WHERE id = 2"), "SEQUENCE"),
    "request removed, its answer left": ("requests", sql("DELETE FROM requests WHERE id = 2"), "REFERENCE"),
    "proposal changed": (
        "requests",
        sql("UPDATE requests SET body = replace(CAST(body AS TEXT), '\"sequence\": 1', '\"sequence\": 2') "
            "WHERE path = '/v1/approvals'"),
        "REQUEST",
    ),
    "dossier handed in changed": (
        "requests", sql("UPDATE requests SET body = CAST('{}' AS BLOB) WHERE path = '/v1/dossiers'"), "REQUEST"
    ),
    "statement changed": (
        "requests",
        sql("UPDATE requests SET body = CAST(replace(CAST(body AS TEXT), 'burnt down', 'burnt dawn') AS BLOB) "
            "WHERE path LIKE '%/events'"),
        "EVENT",
    ),
    "answer's signature": (
        "answers",
        sql("UPDATE answers SET body = CAST(replace(CAST(body AS TEXT), '\"signature\":\"0x', "
            "'\"signature\":\"0y') AS BLOB) WHERE status = 200"),
        "ANSWER",
    ),
    "answer turned into yes": ("answers", sql("UPDATE answers SET status = 200 WHERE status = 409"), "ANSWER"),
    "answer's decision": (
        "answers",
        sql("UPDATE answers SET body = CAST(replace(CAST(body AS TEXT), '\"decision\":', '\"decision\":9') AS BLOB)"),
        "ANSWER",
    ),
    "answer's decision no number": (
        "answers",
        sql("UPDATE answers SET body = CAST(json_set(CAST(body AS TEXT), '$.decision', json('[1]')) AS BLOB) "
            "WHERE CAST(body AS TEXT) LIKE '%\"decision\":%'"),
        "ANSWER",
    ),
    "dossier's bytes": (
        "dossiers",
        sql("UPDATE dossiers SET canonical = CAST(replace(CAST(canonical AS TEXT), 'OWNERSHIP', 'CONTRACT') AS BLOB)"),
        "DOSSIER",
    ),
    "dossier's number": ("dossiers", sql("UPDATE dossiers SET number = 'another'"), "DOSSIER"),
    "observation's kind": (
        "observations", sql("UPDATE observations SET kind = 'NOTICE' WHERE kind != 'NOTICE'"), "OBSERVATION"
    ),
    "observation's content": (
        "observations",
        sql("UPDATE observations SET content = replace(content, '100000000', '900000000') WHERE kind = 'NOTICE'"),
        "EVIDENCE",
    ),
    "observation unreadable": ("observations", sql("UPDATE observations SET content = '{'"), "OBSERVATION"),
    "observation no text": ("observations", sql("UPDATE observations SET content = x'ff00'"), "ROW"),
    "observation removed": ("observations", sql("DELETE FROM observations WHERE id = 1"), "SEQUENCE"),
    "evidence's hash": (
        "observations",
        sql("UPDATE observations SET content = replace(content, '\"sha256\": \"', '\"sha256\": \"" + "0" * 4 + "') "
            "WHERE content LIKE '%sha256%'"),
        "OBSERVATION",
    ),
    "evidence not there": (
        "observations",
        sql("UPDATE observations SET content = json_set(content, '$.sha256', printf('%064d', 0)) "
            "WHERE kind = 'NOTICE'"),
        "EVIDENCE",
    ),
    "decision's outcome": ("decisions", sql("UPDATE decisions SET approved = NOT approved"), "DECISION"),
    "decision's outcome of another type": ("decisions", sql("UPDATE decisions SET approved = 'yes'"), "DECISION"),
    "decision's outcome told twice": (
        "decisions", sql("UPDATE decisions SET old_inputs = '{}', old_outcome = '{}'"), "DECISION"
    ),
    "decision's moment": ("decisions", sql("UPDATE decisions SET decided_at = decided_at + 1"), "DECISION"),
    "decision's kind": ("decisions", sql("UPDATE decisions SET kind = 'update'"), "DECISION"),
    "decision's dossier": ("decisions", sql("UPDATE decisions SET dossier_hash = '0x00'"), "DECISION"),
    "decision of another request": ("decisions", sql("UPDATE decisions SET request_id = 9999"), "REFERENCE"),
    "record changed": (
        "decision_records",
        sql("UPDATE decision_records SET record = CAST(replace(CAST(record AS TEXT), '\"approved\":false', "
            "'\"approved\":true') AS BLOB)"),
        "RECORD",
    ),
    "all records removed": ("decision_records", sql("DELETE FROM decision_records"), "SIGNATURE"),
    "record removed": (
        "decision_records",
        sql("DELETE FROM decision_records WHERE decision_id = (SELECT max(decision_id) FROM decision_records)"),
        "RECORD",
    ),
    "signature changed": (
        "signatures",
        sql("UPDATE signatures SET signature = '0x' || replace(substr(signature, 3), 'a', 'b')"),
        "SIGNATURE",
    ),
    "signature of another digest": (
        "signatures", sql("UPDATE signatures SET digest = printf('0x%064d', 1)"), "SIGNATURE"
    ),
    "signature's sequence": ("signatures", sql("UPDATE signatures SET sequence = 2"), "SIGNATURE"),
    "signature put under a refusal": ("signatures", sql("UPDATE signatures SET decision_id = 1"), "SIGNATURE"),
    "signature removed": ("signatures", sql("DELETE FROM signatures"), "ANSWER"),
    "event's time": ("filing_events", sql("UPDATE filing_events SET at = at - 500 WHERE id = 3"), "LIFE"),
    "event's kind": ("filing_events", sql("UPDATE filing_events SET kind = 'MINTED' WHERE kind = 'SIGNED'"), "EVENT"),
    "event's content": (
        "filing_events", sql("UPDATE filing_events SET content = '{}' WHERE kind = 'APPROVED'"), "LIFE"
    ),
    "declared words": (
        "filing_events",
        sql("UPDATE filing_events SET content = replace(content, 'burnt', 'cooled') WHERE kind = 'DECLARED'"),
        "EVENT",
    ),
    "suspension's signature": (
        "filing_events",
        sql("UPDATE filing_events SET content = json_set(content, '$.suspension.sequence', 5) WHERE kind = 'SIGNED'"),
        "EVENT",
    ),
    "event removed": ("filing_events", sql("DELETE FROM filing_events WHERE kind = 'DECLARED'"), "SEQUENCE"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_prove__a_row_changed_behind_the_triggers__found(kept: Kept, tmp_path: Path, name: str) -> None:
    table, change, expected = CHANGES[name]
    path = tmp_path / "node.db"
    path.write_bytes(kept.backup.read_bytes())
    url = f"sqlite:///{path}"
    database = Database(url)
    with unprotected(database, table) as connection:
        change(connection)
    database.close()
    found = {item.id for item in kept.proof(url).findings}
    assert expected in found
    assert found <= set(DATABASE_FINDINGS)


def test_prove__decisions_from_before_there_were_records__held_to_what_they_say_themselves(
    kept: Kept, tmp_path: Path
) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(kept.backup.read_bytes())
    url = f"sqlite:///{path}"
    database = Database(url)
    said = "(SELECT json_extract(record, '$.decision{}') FROM decision_records WHERE decision_id = decisions.id)"
    copied = (
        f"UPDATE decisions SET old_outcome = {said.format('.outcome')}, "  # noqa: S608 - of the line above
        f"old_inputs = json_object('proposed', json({said.format('.proposed')}), 'digest', {said.format('.digest')})"
    )
    with unprotected(database, "decisions", "decision_records") as connection:
        connection.exec_driver_sql(copied)
        connection.exec_driver_sql("DELETE FROM decision_records")
    about = {"DECISION", "RECORD", "SIGNATURE"}
    assert not {item.id for item in kept.proof(url).findings} & about
    with unprotected(database, "decisions") as connection:
        connection.exec_driver_sql("UPDATE decisions SET old_outcome = replace(old_outcome, 'true', 'false')")
    assert {item.id for item in kept.proof(url).findings} & about == {"DECISION", "SIGNATURE"}
    database.close()


def test_prove__pages_overwritten__one_kind_of_finding_or_refused(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    data = bytearray(kept.backup.read_bytes())
    # The last page: a leaf of some table or index.
    data[-4096:-2048] = bytes(2048)
    path.write_bytes(bytes(data))
    assert {item.id for item in kept.proof(f"sqlite:///{path}").findings} == {"DATABASE"}
