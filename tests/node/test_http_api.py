"""The API over real HTTP: what is stored, what is answered, what is never signed."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime
from typing import Any

import httpx2
import pytest

from oracle.audit.log_check import Asked, check_log
from oracle.collector.node_client import NodeClient
from oracle.collector.proposal import propose_approval, propose_update
from oracle.collector.record_client import RecordClient
from oracle.domain.approval import FilingApproval, OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.evidence.log_leaf import signature_leaf
from oracle.evidence.store import address_of, sha256_hex, stamp_of
from oracle.evidence.warc import read_warc
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.recovery import recover
from tests.collector.lying_nodes import LyingNode
from tests.node.running_nodes import World, rows
from tests.samples.dossier import ENTITY_NAME, NUMBER, REMOVED, USCC


def signatures(world: World) -> int:
    """How many signatures all nodes have given."""
    return sum(rows(node, "select count(*) from signatures")[0][0] for node in world.nodes)


def propose(world: World, changes: dict[str, Any] | None = None, **options: Any) -> Any:
    clients = world.clients(timeout=20)
    arguments = {"now": int(time.time()), "window_seconds": 86400, **options}
    return propose_approval(clients, world.registry, 31337, world.dossier(changes), **arguments)


def failed_rules(quorum: Any) -> list[set[str]]:
    return [{row["rule"] for row in answer.failed} for answer in quorum.answers]


def test_approval__published_filing__two_sign_and_mint_is_possible(world: World) -> None:
    world.publish()
    proposed = propose(world)
    signatures_given = proposed.quorum.require()
    assert len(signatures_given) == 2
    world.registry.approve(world.issuer, proposed.proposal, signatures_given)
    token = world.deployment.token("senior").address
    assert world.registry.can_issue(token, 800_000 * 10**6) == (True, None)
    assert world.registry.can_issue(token, 800_000 * 10**6 + 1) == (False, "CapExceeded")


def test_approval__answer__was_stored_with_all_it_rests_on(world: World) -> None:
    world.publish()
    proposed = propose(world)
    signed = {item.operator: item.signature for item in proposed.quorum.signatures}
    node = next(node for node in world.nodes if node.node.address in signed)
    stored = rows(node, "select signature, decision_id from signatures where digest = ?", "0x" + proposed.digest.hex())
    assert stored[0][0] == signed[node.node.address]
    query = "select record, approved, request_id from decisions join decision_records on decision_id = id where id = ?"
    record, approved, request = rows(node, query, stored[0][1])[0]
    decision = json.loads(record)["decision"]
    assert (approved, decision["outcome"]["approved"]) == (True, True)
    for observation in decision["case"]["observations"]:
        assert node.node.evidence.get(observation["sha256"])
    query = "select received_at, answered_at from requests join answers on request_id = id where id = ?"
    received, answered = rows(node, query, request)[0]
    assert received <= answered


def test_approval__signed__record_observations_and_signature_are_in_the_log_before_it_left(world: World) -> None:
    world.publish()
    proposed = propose(world)
    signed = {item.operator: item.signature for item in proposed.quorum.signatures}
    node = next(node for node in world.nodes if node.node.address in signed)
    digest = "0x" + proposed.digest.hex()
    decision = rows(node, "select decision_id from signatures where digest = ?", digest)[0][0]
    content = rows(node, "select content from observations order by id desc limit 1")[0][0]
    sha256 = hashlib.sha256(canonical_bytes(json.loads(content))).hexdigest()
    asked = [Asked("decision", str(decision)), Asked("signature", digest), Asked("record", sha256)]
    found = check_log(RecordClient(node.url, key=node.key).get, operator=node.node.address, asked=asked, entries=True)
    assert found.findings == []
    assert [item["kind"] for item in found.included] == ["decision", "signature", "observation"]
    # Whoever has the signature, from the chain for one, knows its whole leaf.
    assert found.proofs[1].leaf.encode() == signature_leaf(digest, signed[node.node.address]).as_bytes()
    assert found.entries == rows(node, "select count(*) from log_leaves")[0][0]


def test_approval__twice_the_same__same_signature(world: World) -> None:
    world.publish()
    proposed = propose(world)
    body = json.dumps({"approval": proposed.proposal.model_dump(mode="json", by_alias=True)}).encode()
    first, second = (world.client().post("/v1/approvals", body) for _ in range(2))
    assert first.status == second.status == 200
    assert first.content["signature"] == second.content["signature"]
    digest = approval_digest(Domain(31337, world.deployment.registry), proposed.proposal)
    assert recover(digest, bytes.fromhex(first.content["signature"][2:])) == world.signers[0].address


@pytest.mark.parametrize("status", ("已接收", "补充材料", "征求意见", "无人见过"))
def test_approval__not_yet_filed__all_refuse_by_file_1_and_nothing_is_signed(world: World, status: str) -> None:
    before = signatures(world)
    world.site.set_row_status(ENTITY_NAME, status)
    proposed = propose(world)
    assert [answer.outcome for answer in proposed.quorum.answers] == ["refused"] * 3
    assert all("FILE-1" in failed for failed in failed_rules(proposed.quorum))
    assert signatures(world) == before


@pytest.mark.parametrize(
    "fault", ("500", "html-for-xlsx", "html-for-json", "bad-json", "redirect", "huge", "slow", "short-body", "drip")
)
def test_approval__site_in_trouble__indeterminate_and_nothing_is_signed(world: World, fault: str) -> None:
    before = signatures(world)
    world.publish()
    world.site.set_row_status("别家公司", "补充材料")
    world.site.set_state(fault=fault)
    proposed = propose(world)
    for answer in proposed.quorum.answers:
        assert answer.outcome == "refused"
        verdicts = {row["rule"]: row for row in answer.failed}
        assert verdicts["FILE-1"]["result"] == "INDETERMINATE"
        assert "could not be read" in verdicts["FILE-1"]["explanation"]
    assert signatures(world) == before


@pytest.mark.parametrize(
    ("notice", "rules"),
    (
        ({"units": 999_999}, {"FILE-3", "PLAN-1"}),
        ({"amount": "99999999"}, {"FILE-3", "PLAN-1"}),
        ({"issued_on": "2024-01-15"}, {"FILE-3", "FILE-4"}),
    ),
)
def test_approval__publication_says_otherwise__refused_by_the_rule(
    world: World, notice: dict[str, Any], rules: set[str]
) -> None:
    before = signatures(world)
    world.publish(**notice)
    proposed = propose(world)
    assert all(failed and failed <= rules for failed in failed_rules(proposed.quorum))
    assert signatures(world) == before


def test_approval__withdrawal_published__refused_by_file_5(world: World) -> None:
    number = "国合函〔2026〕1025号"
    world.publish(number=number)
    world.site.withdraw_notice(number)
    proposed = propose(world, {"filing.filingNumber": number})
    assert all({"FILE-1", "FILE-5"} <= failed for failed in failed_rules(proposed.quorum))


def other(value: str) -> str:
    return value[:-1] + ("0" if value[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("field", "change"),
    (
        ("dossierHash", None),
        ("filing", lambda a: {**a, "filing": other(a["filing"])}),
        ("recordHash", lambda a: {**a, "recordHash": other(a["recordHash"])}),
        ("rulesetHash", lambda a: {**a, "rulesetHash": other(a["rulesetHash"])}),
        ("sequence", lambda a: {**a, "sequence": a["sequence"] + 1}),
        ("validUntil", lambda a: {**a, "validUntil": a["validUntil"] + 10 * 86400}),
        ("validUntil", lambda a: {**a, "validUntil": a["validAfter"] - 10}),
        ("validAfter", lambda a: {**a, "validAfter": a["validAfter"] - 4 * 86_400}),
        ("tranches", lambda a: {**a, "tranches": a["tranches"][:1]}),
        ("tranches", lambda a: {**a, "tranches": [{**a["tranches"][0], "cap": 1}, *a["tranches"][1:]]}),
        ("tranches", lambda a: {**a, "tranches": [{**a["tranches"][0], "decimals": 7}, *a["tranches"][1:]]}),
    ),
)
def test_approval__one_field_changed__refused_by_that_field(world: World, field: str, change: Any) -> None:
    world.publish()
    approval = propose(world).proposal.model_dump(mode="json", by_alias=True)
    if change is None:
        body = {"approval": {**approval, "dossierHash": other(approval["dossierHash"])}}
        reply = world.client().post("/v1/approvals", json.dumps(body).encode())
        assert reply.status == 422
        assert "no dossier with this hash" in reply.content["title"]
    else:
        reply = world.client().post("/v1/approvals", json.dumps({"approval": change(approval)}).encode())
        assert reply.status == 409
        assert [row["field"] for row in reply.content["differences"]] == [field]
        assert reply.content["failed"] == []
        assert world.nodes[0].node.database.signature(reply.content["digest"]) is None


def test_approval__chain_is_down__unreachable_and_nothing_is_signed(world: World) -> None:
    world.publish()
    approval = propose(world).proposal
    world.settle()
    before = signatures(world)
    node = world.nodes[0].node
    chain = node.config.chain
    node.config = node.config.model_copy(update={"chain": chain.model_copy(update={"rpc_url": "http://127.0.0.1:1"})})
    try:
        body = json.dumps({"approval": approval.model_dump(mode="json", by_alias=True)}).encode()
        reply = world.client().post("/v1/approvals", body)
        assert reply.status == 503
        assert world.client().get("/readyz").status == 503
    finally:
        node.config = node.config.model_copy(update={"chain": chain})
    assert signatures(world) == before
    ready = world.client().get("/readyz").content
    assert (ready["status"], ready["problems"], ready["duties"], ready["alerts"]) == ("ready", {}, None, [])


BAD_DOSSIERS: tuple[tuple[Any, str, str], ...] = (
    ({"filingEntity.uscc": USCC[:-1] + ("0" if USCC[-1] != "0" else "1")}, "filingEntity.uscc", "check character"),
    ({"issuePlan.colour": "red"}, "issuePlan.colour", "unknown key"),
    ({"issuePlan.unitFace.amount": 100.5}, "issuePlan.unitFace.amount", "decimal string"),
    ({"issuePlan.maxUnits": 1000000.0}, "issuePlan.maxUnits", "float"),
    ({"controlChain": []}, "controlChain", "at least 1 item"),
    ({"evidence": REMOVED}, "evidence", "missing"),
)


@pytest.mark.parametrize(("changes", "field", "problem"), BAD_DOSSIERS)
def test_dossier__bad_input__422_names_field_and_problem(
    world: World, changes: dict[str, Any], field: str, problem: str
) -> None:
    node = world.nodes[0]
    dossiers = rows(node, "select count(*) from dossiers")
    requests = rows(node, "select count(*) from requests")[0][0]
    body = json.dumps(world.dossier_json(changes), ensure_ascii=False).encode()
    reply = node.client().post("/v1/dossiers", body)
    assert reply.status == 422
    assert any(row["field"] == field and problem in row["problem"] for row in reply.content["errors"])
    assert rows(node, "select count(*) from dossiers") == dossiers
    assert rows(node, "select count(*) from requests")[0][0] == requests + 1
    assert rows(node, "select body from requests order by id desc limit 1")[0][0] == body


@pytest.mark.parametrize(
    "body", (b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"a":1,"a":2}', b"[" * 100_000, b'{"x": NaN}', b"1" * 10_000)
)
@pytest.mark.parametrize("path", ("/v1/dossiers", "/v1/approvals", "/v1/updates"))
def test_post__not_what_is_expected__422_problem_document(world: World, path: str, body: bytes) -> None:
    reply = world.client().post(path, body)
    assert reply.status == 422
    assert reply.content["type"] == "urn:filing-gate:problem:invalid"
    assert "Traceback" not in json.dumps(reply.content)


def test_post__body_over_the_limit__refused_while_streaming(world: World) -> None:
    reply = world.client().post("/v1/dossiers", b" " * 2_000_001)
    assert reply.status == 413
    assert "larger than" in reply.content["title"]


def test_dossier__handed_in__readable_by_its_hash(world: World) -> None:
    dossier = world.dossier()
    client = world.client()
    first = client.post("/v1/dossiers", dossier.canonical())
    again = client.post("/v1/dossiers", dossier.canonical())
    name = "0x" + dossier.dossier_hash().hex()
    assert (first.status, again.status) in ((201, 200), (200, 200))
    assert first.content["dossierHash"] == name
    assert canonical_bytes(client.get(f"/v1/dossiers/{name}").content) == dossier.canonical()
    assert client.get("/v1/dossiers/0x" + "00" * 32).status == 404


def test_filing__published__says_what_it_saw_and_where_the_original_is(world: World) -> None:
    world.publish()
    reply = world.client().filing("国合函 [2026] 1024 号")
    assert reply.status == 200
    assert (reply.content["number"], reply.content["status"]) == (NUMBER, "FILED")
    assert reply.content["onChain"] == {"status": "NONE", "validAfter": 0, "validUntil": 0, "sequence": 0}
    sha256 = next(item["sha256"] for item in reply.content["sources"] if item["kind"] == "NOTICE")
    original = httpx2.get(f"{world.urls[0]}/v1/evidence/{sha256}", headers=world.nodes[0].headers, trust_env=False)
    assert NUMBER in original.text
    assert original.headers["content-disposition"] == "attachment"
    assert original.headers["x-content-type-options"] == "nosniff"
    source = next(item for item in reply.content["sources"] if item["kind"] == "NOTICE")
    at = stamp_of(datetime.fromisoformat(source["fetchedAt"]))
    captures = f"{world.urls[0]}/v1/captures?address={address_of(source['url'])}&at={at}"
    named = httpx2.get(captures, headers=world.nodes[0].headers, trust_env=False).json()["captures"]
    assert named
    capture = httpx2.get(f"{world.urls[0]}/v1/evidence/{named[0]}", headers=world.nodes[0].headers, trust_env=False)
    assert sha256_hex(read_warc(capture.content, where="test").body) == sha256
    for query in (
        "",
        "?address=0&at=1",
        f"?address={'0' * 64}&at=20261332T000000Z",
        f"?address={'0' * 64}&at={at}&at={at}",
    ):
        assert world.client().get("/v1/captures" + query).status == 422
    assert httpx2.get(captures, trust_env=False).status_code == 401
    assert world.client().get("/v1/evidence/" + "0" * 64).status == 422
    assert world.client().get("/v1/evidence/..%2Fnode.db").status in (404, 422)
    assert world.client().filing("nonsense").status == 422


def test_operator__health__says_who_it_is(world: World) -> None:
    client = world.client(1)
    operator = client.get("/v1/operator").content
    assert operator["operator"] == world.signers[1].address
    assert operator["registry"] == world.deployment.registry
    assert client.get("/healthz").content == {"status": "ok"}


def approved(world: World, number: str = NUMBER) -> FilingApproval:
    world.publish(number=number)
    proposed = propose(world, {"filing.filingNumber": number})
    world.registry.approve(world.issuer, proposed.proposal, proposed.quorum.require())
    approval: FilingApproval = proposed.proposal
    return approval


def change(world: World, status: OnChainStatus, changes: dict[str, Any] | None = None) -> Any:
    clients = world.clients()
    now = int(time.time())
    return propose_update(
        clients, world.registry, 31337, world.dossier(changes), status, "why", now=now, window_seconds=86400
    )


def test_update__renewal_of_a_good_filing__signed_and_applied(world: World) -> None:
    approval = approved(world)
    renewed = change(world, OnChainStatus.APPROVED)
    world.registry.update(world.issuer, renewed.proposal, renewed.quorum.require())
    state = world.registry.filing_state(approval.filing)
    assert (state.status, state.sequence) == (OnChainStatus.APPROVED, 2)
    assert state.valid_until >= approval.valid_until


def test_update__publication_gone__no_renewal(world: World) -> None:
    approved(world)
    world.site.remove_notice(NUMBER)
    refused = change(world, OnChainStatus.APPROVED)
    assert not refused.quorum.signatures
    assert all("FILE-5" in failed for failed in failed_rules(refused.quorum))


def test_update__revocation__only_with_the_regulators_own_word(world: World) -> None:
    number = "国合函〔2026〕1026号"
    approval = approved(world, number)
    same = {"filing.filingNumber": number}
    assert not change(world, OnChainStatus.REVOKED, same).quorum.signatures
    world.site.withdraw_notice(number)
    revoked = change(world, OnChainStatus.REVOKED, same)
    world.registry.update(world.issuer, revoked.proposal, revoked.quorum.require())
    assert world.registry.filing_state(approval.filing).status is OnChainStatus.REVOKED


def test_update__completion__only_with_the_report(world: World) -> None:
    approved(world)
    assert not change(world, OnChainStatus.COMPLETED).quorum.signatures
    day = world.dossier().filing.status_as_of.isoformat()
    report = {"kind": "COMPLETION", "eventOn": day, "reportedOn": day}
    done = change(world, OnChainStatus.COMPLETED, {"postFiling": {"reports": [report]}})
    assert len(done.quorum.signatures) == 2


def test_update__quorum_suspension__refused_as_one_operators_act(world: World) -> None:
    approved(world)
    refused = change(world, OnChainStatus.SUSPENDED)
    assert not refused.quorum.signatures
    assert "filing-gate suspend" in refused.quorum.answers[0].differences[0]["expected"]


def test_approval__third_node_hangs_or_lies__the_honest_two_suffice_at_once(world: World) -> None:
    world.publish()
    lies = {"recordHash": "0x" + "66" * 32, "rulesetHash": "0x" + "77" * 32, "dossierHash": "0x" + "00" * 32}
    dossier = world.dossier()
    with LyingNode(lambda path, body: (200, lies), delay=40) as slow, LyingNode(lambda path, body: (200, lies)) as liar:
        for bad in (slow, liar):
            began = time.monotonic()
            clients = [NodeClient(bad.url, timeout=60), *world.clients(timeout=60)[:2]]
            now = int(time.time())
            proposed = propose_approval(clients, world.registry, 31337, dossier, now=now, window_seconds=86400)
            assert proposed.quorum.reached
            assert time.monotonic() - began < 35
            outcome = proposed.quorum.answers[0].outcome
            assert outcome == ("skipped" if bad is slow else "invalid")
            world.registry.approve(world.issuer, proposed.proposal, proposed.quorum.require())
