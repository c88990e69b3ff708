"""Every deviation the audit can name, made on purpose: each case must give exactly the ids that stand beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from oracle.audit.chain_audit import audit_chain
from oracle.audit.decision_check import DECISION_CHECKS
from oracle.audit.findings import FINDINGS, AuditReport
from oracle.audit.log_check import LOG_FINDINGS
from oracle.chain.artifacts import artifact
from oracle.chain.deployment import Deployment
from oracle.domain.approval import OnChainStatus
from tests.audit import storage
from tests.audit.full_history import FILING_BYTES, LAST_QUORUM, OTHER_BYTES, Recording
from tests.chain.small_world import FILING, HOUR, MAX_VALIDITY, NEWCOMER, OPERATORS, QUORUM, STRANGER, World, some_hash
from tests.contracts.chain_fixture import compact, with_high_s

Falsify = Callable[[Recording], object]
REPLAYED: dict[str, tuple[set[str], Falsify]] = {}
ON_CHAIN: dict[str, tuple[set[str], Callable[[World], Deployment | None]]] = {}


def ids(report: AuditReport) -> set[str]:
    return {finding.id for finding in report.findings}


def token_of(r: Recording, index: int) -> str:
    return r.world.tokens[index].address


# Cases that need no chain: events, calls and times as they might have been.


def replayed(case: str, *expected: str) -> Callable[[Falsify], Falsify]:
    def add(falsify: Falsify) -> Falsify:
        assert case not in REPLAYED
        REPLAYED[case] = set(expected), falsify
        return falsify

    return add


replayed("nothing altered")(lambda r: None)

# The committee
replayed(
    "no committee announced",
    "COMMITTEE-MISSING",
    "COMMITTEE-EPOCH",
    "COMMITTEE-CHANGE",
    "SIGNATURE-COUNT",
    "SIGNATURE-STRANGER",
)(lambda r: r.drop_all("CommitteeChanged"))
replayed("committee begins with number 2", "COMMITTEE-EPOCH", "COMMITTEE-UNANNOUNCED")(
    lambda r: r.alter("CommitteeChanged", epoch=2)
)
replayed("another committee", "SIGNATURE-STRANGER", "COMMITTEE-CHANGE")(
    lambda r: r.alter("CommitteeChanged", operators=[STRANGER.address, some_hash("x")[:42]])
)
replayed("a higher threshold", "SIGNATURE-COUNT", "COMMITTEE-CHANGE")(
    lambda r: r.alter("CommitteeChanged", threshold=3)
)

replayed("replacement never announced", "COMMITTEE-UNANNOUNCED")(lambda r: r.drop("OperatorAnnounced", 0))
replayed("replacement called off before", "COMMITTEE-UNANNOUNCED")(
    lambda r: r.alter("OperatorCancelled", operator=NEWCOMER.address, replaced=QUORUM[1].address)
)
replayed("replacement announced for an earlier committee", "COMMITTEE-EPOCH", "COMMITTEE-UNANNOUNCED")(
    lambda r: r.alter("OperatorAnnounced", 0, epoch=0)
)
replayed("announcement a second too short", "COMMITTEE-DELAY")(
    lambda r: r.alter("OperatorAnnounced", 0, readyAt=r.event("OperatorAnnounced", 0).values["readyAt"] - 1)
)
replayed("replacement a second too early", "COMMITTEE-UNANNOUNCED", "COMMITTEE-DELAY")(
    lambda r: r.times.update(
        {r.event("CommitteeChanged", 1).block: r.event("OperatorAnnounced", 0).values["readyAt"] - 1}
    )
)
replayed("replacement after 30 days", "COMMITTEE-UNANNOUNCED", "COMMITTEE-DELAY")(
    lambda r: r.times.update(
        {r.event("CommitteeChanged", 1).block: r.event("OperatorAnnounced", 0).values["readyAt"] + 30 * 24 * HOUR}
    )
)
replayed("threshold lowered without a word", "COMMITTEE-UNANNOUNCED")(lambda r: r.drop("ThresholdAnnounced", 1))


@replayed("threshold lowered to another one", "COMMITTEE-UNANNOUNCED", "SIGNATURE-COUNT")
def _(r: Recording) -> None:
    for number in (3, 4):
        r.alter("CommitteeChanged", number, threshold=1)


replayed("threshold announced that is none", "COMMITTEE-CHANGE", "COMMITTEE-UNANNOUNCED")(
    lambda r: r.alter("ThresholdAnnounced", 1, threshold=0)
)
replayed("threshold called off that was not announced", "COMMITTEE-CHANGE")(
    lambda r: r.alter("ThresholdCancelled", threshold=2)
)
replayed("retention a second too long", "COMMITTEE-DELAY")(
    lambda r: r.alter("OperatorRetained", until=r.event("OperatorRetained").values["until"] + 1)
)
replayed("operator retained who was none", "COMMITTEE-CHANGE", "SIGNATURE-STRANGER")(
    lambda r: r.alter("OperatorRetained", operator=STRANGER.address)
)
replayed("operator not retained", "SIGNATURE-STRANGER", "COMMITTEE-CHANGE")(lambda r: r.drop("OperatorRetained"))
replayed("operator's retention over", "SIGNATURE-STRANGER")(
    lambda r: r.times.update({r.event("FilingUpdated", 4).block: r.event("OperatorRetained").values["until"]})
)
replayed("retained operator's removal before its signature", "SIGNATURE-STRANGER")(
    lambda r: r.move("OperatorRemoved", 0, ("FilingUpdated", 4))
)
replayed("operator and whom it replaced, both", "SIGNATURE-SEAT")(
    lambda r: r.restate("FilingUpdated", 4, sorted([NEWCOMER, QUORUM[1]], key=lambda key: int(key.address, 16)))
)
replayed("operator leaves without a word", "COMMITTEE-CHANGE")(
    lambda r: r.alter("CommitteeChanged", 4, operators=r.event("CommitteeChanged", 4).values["operators"][1:])
)
replayed("two operators at once", "COMMITTEE-CHANGE")(
    lambda r: r.alter("CommitteeChanged", 4, operators=[STRANGER.address, some_hash("x")[:42]])
)
replayed("one operator on two seats", "COMMITTEE-CHANGE")(
    lambda r: r.alter("CommitteeChanged", 4, operators=[QUORUM[0].address] * 3)
)
replayed("owner from nowhere", "COMMITTEE-OWNER")(
    lambda r: r.alter("OwnershipTransferred", 1, previousOwner=STRANGER.address)
)
replayed("owner gone", "COMMITTEE-OWNER")(lambda r: r.alter("OwnershipTransferred", 1, newOwner="0x" + "0" * 40))

# Events
replayed("renewal dropped", "SEQUENCE")(lambda r: r.drop("FilingUpdated", 0))
replayed("raise reported twice", "SEQUENCE")(
    lambda r: r.events.insert(r.index("FilingApproved", 2), r.event("FilingApproved", 2))
)
replayed("suspension before the renewal it followed", "SEQUENCE")(
    lambda r: r.move("FilingSuspended", 0, ("FilingUpdated", 0))
)
replayed("completion's sequence jumps", "SEQUENCE")(lambda r: r.restate("FilingUpdated", 4, sequence=10))
replayed("completion's sequence stays", "SEQUENCE")(lambda r: r.restate("FilingUpdated", 4, sequence=7))
replayed("resume dropped", "SEQUENCE", "TRANSITION")(lambda r: r.drop("FilingUpdated", 1))


# Signatures
def signatures(case: str, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]], *expected: str) -> None:
    for name, number, what in (("FilingApproved", 0, "approval"), ("FilingUpdated", 1, "resume")):
        replayed(f"{what}: {case}", *expected)(
            partial(Recording.alter_signatures, name=name, number=number, change=change)
        )


signatures("signature of another operator", lambda s: [(s[0][0], s[1][1]), s[1]], "SIGNATURE-INVALID")
signatures("signature of 63 bytes", lambda s: [(s[0][0], s[0][1][:63]), s[1]], "SIGNATURE-INVALID")
signatures("signature empty", lambda s: [(s[0][0], b""), s[1]], "SIGNATURE-INVALID")
signatures("signature of zeros", lambda s: [(s[0][0], bytes(65)), s[1]], "SIGNATURE-INVALID")
signatures("signature with high s", lambda s: [(s[0][0], with_high_s(s[0][1])), s[1]], "SIGNATURE-INVALID")
signatures("signature in compact form", lambda s: [(s[0][0], compact(s[0][1])), s[1]])
signatures("one operator twice", lambda s: [s[0], s[0]], "SIGNATURE-ORDER")
signatures("one operator twice, in both forms", lambda s: [s[0], (s[0][0], compact(s[0][1]))], "SIGNATURE-ORDER")
signatures("descending", lambda s: s[::-1], "SIGNATURE-ORDER")
signatures("one missing", lambda s: s[:1], "SIGNATURE-COUNT")
signatures("none", lambda s: [], "SIGNATURE-COUNT")
WITH_STRANGER = sorted([QUORUM[0], STRANGER], key=lambda key: int(key.address, 16))
replayed("approval by all three", "SIGNATURE-COUNT")(lambda r: r.restate("FilingApproved", 0, OPERATORS))
replayed("approval with a stranger", "SIGNATURE-STRANGER")(lambda r: r.restate("FilingApproved", 0, WITH_STRANGER))
replayed("update with a stranger", "SIGNATURE-STRANGER")(lambda r: r.restate("FilingUpdated", 0, WITH_STRANGER))
replayed("suspension by a stranger", "SIGNATURE-STRANGER", "CALL-MISMATCH")(
    lambda r: r.alter("FilingSuspended", 0, operator=STRANGER.address)
)


@replayed("relayed suspension signed by another operator", "SIGNATURE-INVALID")
def _(r: Recording) -> None:
    def swapped(call: Any) -> Any:
        sender, name, (struct, (operator, _)) = call
        forged = r.world.signed(r.world.suspension(), [OPERATORS[1]])[0].signature
        return sender, name, (struct, (operator, bytes.fromhex(forged[2:])))

    r.alter_call("FilingSuspended", 1, swapped)


# Calls
replayed("call not to be read", "CALL-UNREADABLE")(
    lambda r: r.calls.update({r.event("FilingApproved", 0).transaction: []})
)
replayed("call of another function", "CALL-UNREADABLE")(
    lambda r: r.alter_call("FilingApproved", 0, lambda call: (call[0], "consume", (1,)))
)
replayed("event tells another dossier", "CALL-MISMATCH", "SIGNATURE-INVALID")(
    lambda r: r.alter("FilingApproved", 0, dossierHash=bytes(32))
)
replayed("event tells another record", "CALL-MISMATCH", "SIGNATURE-INVALID")(
    lambda r: r.alter("FilingUpdated", 0, recordHash=bytes(32))
)
replayed("approval submitted for another filing", "CALL-MISMATCH")(
    lambda r: r.alter_call("FilingApproved", 0, lambda c: (c[0], c[1], ((OTHER_BYTES, *c[2][0][1:]), c[2][1])))
)
replayed("event of an approval without tranches", "CALL-MISMATCH", "ISSUE-UNAPPROVED")(
    lambda r: r.alter("FilingApproved", 1, tranches=())
)
replayed("event of an update to no status", "CALL-MISMATCH", "TRANSITION")(
    lambda r: r.alter("FilingUpdated", 4, status=0)
)
replayed("event of an update to a status there is not", "CALL-MISMATCH", "TRANSITION")(
    lambda r: r.alter("FilingUpdated", 4, status=9)
)
replayed("suspension sent by another account", "CALL-MISMATCH")(
    lambda r: r.alter_call("FilingSuspended", 0, lambda call: (STRANGER.address, *call[1:]))
)
replayed("suspension for another reason", "CALL-MISMATCH")(lambda r: r.alter("FilingSuspended", 0, reason=bytes(32)))
replayed("relayed suspension for another reason than signed", "CALL-MISMATCH")(
    lambda r: r.alter("FilingSuspended", 1, reason=bytes(32))
)
replayed("relayed suspension in another operator's name", "CALL-MISMATCH")(
    lambda r: r.alter("FilingSuspended", 1, operator=OPERATORS[0].address)
)
replayed("relayed suspension of sequence 0", "CALL-MISMATCH")(
    lambda r: r.alter_call("FilingSuspended", 1, lambda c: (c[0], c[1], ((c[2][0][0], 0, c[2][0][2]), c[2][1])))
)


# Windows, with the operators' signatures
def window(case: str, change: Callable[[int], dict[str, int]], *expected: str) -> None:
    replayed(case, *expected)(
        lambda r: r.restate("FilingApproved", 2, QUORUM, **change(r.time_at("FilingApproved", 2)))
    )


window("longest window", lambda now: {"validUntil": now + MAX_VALIDITY})
window("window a second too long", lambda now: {"validUntil": now + MAX_VALIDITY + 1}, "WINDOW")
window("window that ends now", lambda now: {"validUntil": now}, "WINDOW")
window("window that ends a second from now", lambda now: {"validUntil": now + 1})
window("empty window", lambda now: {"validAfter": now + 9, "validUntil": now + 9}, "WINDOW")
replayed("renewal a second too long", "WINDOW")(
    lambda r: r.restate("FilingUpdated", 0, validUntil=r.time_at("FilingUpdated", 0) + MAX_VALIDITY + 1)
)
replayed("completion with an end of its own", "WINDOW")(lambda r: r.restate("FilingUpdated", 4, validUntil=1))


# Life cycle
def later_update(r: Recording, **values: Any) -> None:
    """The last resume once more, at the end, with these values, signed."""
    r.again_at_the_end("FilingUpdated", 2)
    r.restate("FilingUpdated", -1, LAST_QUORUM, **values)


replayed("resumed after revocation", "TRANSITION")(lambda r: later_update(r, filing=OTHER_BYTES, sequence=4))
replayed("resumed after completion", "TRANSITION")(lambda r: later_update(r, sequence=9))
replayed("update of a filing never approved", "TRANSITION")(lambda r: later_update(r, filing=b"\1" * 32, sequence=1))
replayed("suspended by quorum while suspended", "TRANSITION", "ISSUE-STATUS")(
    lambda r: r.restate("FilingUpdated", 2, status=int(OnChainStatus.SUSPENDED), validUntil=0)
)
replayed("suspended by quorum while approved", "TRANSITION")(
    lambda r: r.restate("FilingUpdated", 0, status=int(OnChainStatus.SUSPENDED), validUntil=0)
)


@replayed("approved while suspended", "TRANSITION")
def _(r: Recording) -> None:
    r.drop("FilingUpdated", 3)  # the other filing stays suspended
    r.again_at_the_end("FilingApproved", 1)
    r.restate("FilingApproved", -1, LAST_QUORUM, sequence=3)


# Issuing
def at_time(case: str, when: Callable[[Any], int], *expected: str) -> None:
    def falsify(r: Recording) -> None:
        r.times[r.event("Issued", 0).block] = when(r.event("FilingApproved", 0).values)

    replayed(case, *expected)(falsify)


at_time("minted at the first second", lambda values: values["validAfter"])
at_time("minted before the first second", lambda values: values["validAfter"] - 1, "ISSUE-OUTSIDE-WINDOW")
at_time("minted at the last second", lambda values: values["validUntil"] - 1)
at_time("minted after the last second", lambda values: values["validUntil"], "ISSUE-OUTSIDE-WINDOW")
replayed("minted while suspended", "ISSUE-STATUS")(lambda r: r.move("Issued", 3, ("FilingUpdated", 2)))
replayed("minted after completion", "ISSUE-STATUS")(lambda r: r.events.append(r.events.pop(r.index("Issued", 4))))
replayed("minted over the cap", "ISSUE-OVER-CAP")(
    lambda r: r.restate("FilingApproved", 0, tranches=((token_of(r, 0), 99_999, 6), (token_of(r, 1), 10**6, 6)))
)
replayed("minted up to the cap")(
    lambda r: r.restate("FilingApproved", 0, tranches=((token_of(r, 0), 100_000, 6), (token_of(r, 1), 10**6, 6)))
)
replayed("cap set below what was issued", "CAP-BELOW-ISSUED", "ISSUE-OVER-CAP")(
    lambda r: r.restate("FilingApproved", 2, tranches=((token_of(r, 0), 99_999, 6),))
)
replayed("token approved under another filing too", "TRANCHE-REBOUND")(
    lambda r: r.restate("FilingApproved", 1, tranches=((token_of(r, 0), 10**6, 6), (token_of(r, 2), 10**6, 6)))
)
replayed("issued under another filing", "ISSUE-UNAPPROVED")(
    lambda r: r.alter("Issued", 0, filingKey=int.from_bytes(OTHER_BYTES[:8], "big"))
)
replayed("issued by a token never approved", "ISSUE-UNAPPROVED")(
    lambda r: r.alter("Issued", 2, token=r.world.registry.address)
)
replayed("issued more than counted", "ISSUE-COUNT", "MINT-UNCOVERED")(lambda r: r.alter("Issued", 0, amount=100_001))
replayed("counted more than issued", "ISSUE-COUNT")(lambda r: r.alter("Issued", 0, issued=100_001))
replayed("issue not reported", "ISSUE-COUNT", "MINT-UNCOVERED")(lambda r: r.drop("Issued", 0))


# Transfers: of the first token a mint, a mint and a burn
replayed("mint not reported", "MINT-UNCOVERED")(lambda r: r.transfers.pop(1))
replayed("first mint not reported, what it gave burned", "MINT-UNCOVERED")(lambda r: r.transfers.pop(0))
replayed("mints not reported, burn is", "MINT-UNCOVERED", "BALANCE")(lambda r: r.transfers.__delitem__(slice(0, 2)))
replayed("burn before the mints", "BALANCE")(lambda r: r.transfers.insert(0, r.transfers.pop()))


@pytest.mark.parametrize("case", REPLAYED)
def test_replay__falsified_history__exactly_these_findings(case: str, recording: Recording) -> None:
    expected, falsify = REPLAYED[case]
    falsify(recording)
    assert ids(recording.replayed()[0]) == expected


# Cases on a copy of the chain: storage or code that no transaction made, or another deployment file.


def on_chain(case: str, *expected: str) -> Callable[[Callable[[World], Any]], Callable[[World], Any]]:
    def add(falsify: Callable[[World], Any]) -> Callable[[World], Any]:
        assert case not in ON_CHAIN
        ON_CHAIN[case] = set(expected), falsify
        return falsify

    return add


on_chain("nothing altered")(lambda w: None)


@on_chain("supply raised", "SUPPLY")
def _(w: World) -> None:
    supply, token = w.tokens[0].total_supply(), w.tokens[0].address
    storage.write(w, token, storage.plain_slot(w, token, supply), supply + 1)


@on_chain("balance given to a stranger: unseen until it moves")
def _(w: World) -> None:
    storage.write(w, w.tokens[0].address, storage.balance_slot(w.holders[3]), 10**9)
    assert w.tokens[0].balance_of(w.holders[3]) == 10**9


@on_chain("balance given to a stranger, who passes it on", "BALANCE")
def _(w: World) -> None:
    storage.write(w, w.tokens[0].address, storage.balance_slot(w.holders[3]), 10**9)
    w.token_call(0, w.holders[3], "transfer", w.holders[2], 10**6)


def tranche_bits(case: str, offset: int, value: int) -> None:
    on_chain(case, "STATE-TRANCHE")(
        lambda w: storage.write_bits(w, w.registry.address, storage.tranche_slot(w, 0), value, offset, 96)
    )


tranche_bits("cap raised in storage", 0, 10**15)
tranche_bits("issued lowered in storage", 96, 1)


def filing_bits(case: str, value: int, offset: int, width: int) -> None:
    on_chain(case, "STATE-FILING")(
        lambda w: storage.write_bits(w, w.registry.address, storage.filing_slot(w, FILING), value, offset, width)
    )


filing_bits("completed filing approved again in storage", int(OnChainStatus.APPROVED), 0, 8)
filing_bits("status that there is not", 9, 0, 8)
filing_bits("window begins earlier in storage", 1, 8, 48)
filing_bits("window ends later in storage", 2**47, 56, 48)
filing_bits("sequence altered in storage", 3, 104, 64)


@on_chain("threshold lowered in storage", "COMMITTEE-STATE")
def _(w: World) -> None:
    # Beside the pending owner in the second slot.
    storage.write_bits(w, w.registry.address, 1, 1, 160, 8)
    assert w.registry.threshold() == 1


def set_code(w: World, address: str, code: bytes) -> None:
    w.rpc("anvil_setCode", address, "0x" + code.hex())


def code(w: World, address: str) -> bytes:
    return bytes(w.w3.eth.get_code(w.w3.to_checksum_address(address)))


def put_immutable(w: World, name: str, address: str, old: int, new: int, first_only: bool = False) -> None:
    """Replace an immutable's value where the code holds it; anywhere else the word may not be touched."""
    text, count = code(w, address), 0
    for place in (place for of_one in artifact(name)["immutableReferences"].values() for place in of_one):
        start, end = place["start"], place["start"] + place["length"]
        if text[start:end] == old.to_bytes(32, "big") and not (first_only and count):
            text, count = text[:start] + new.to_bytes(32, "big") + text[end:], count + 1
    assert count
    set_code(w, address, text)


@on_chain("registry's code altered by a byte", "CODE-REGISTRY")
def _(w: World) -> None:
    text = code(w, w.registry.address)
    set_code(w, w.registry.address, text[:-1] + bytes([text[-1] ^ 1]))


@on_chain(
    "registry replaced by code that answers nothing",
    "CODE-REGISTRY",
    "COMMITTEE-STATE",
    "STATE-FILING",
    "STATE-TRANCHE",
)
def _(w: World) -> None:
    set_code(w, w.registry.address, b"\x00")


on_chain("registry with a longer window in its code", "REGISTRY-IMMUTABLES")(
    lambda w: put_immutable(w, "FilingRegistry", w.registry.address, MAX_VALIDITY, 10 * MAX_VALIDITY)
)
on_chain("token's code altered by a byte", "CODE-TOKEN")(
    lambda w: set_code(w, w.tokens[1].address, code(w, w.tokens[1].address)[:-1] + b"\xff")
)
on_chain(
    "token replaced by code that answers nothing",
    "CODE-TOKEN",
    "SUPPLY",
    "TOKEN-REGISTRY",
    "TOKEN-DECIMALS",
    "ROLE-STATE",
)(lambda w: set_code(w, w.tokens[1].address, b"\x00"))


def elsewhere(w: World, first_only: bool) -> None:
    put_immutable(
        w, "AssetBackedToken", w.tokens[0].address, int(w.registry.address, 16), int(w.holders[0], 16), first_only
    )


on_chain("token gated by another registry", "TOKEN-REGISTRY")(lambda w: elsewhere(w, False))
on_chain("token gated by another registry in one place of its code", "TOKEN-IMMUTABLES")(lambda w: elsewhere(w, True))
on_chain("token with other decimals in its code", "TOKEN-DECIMALS")(
    lambda w: put_immutable(w, "AssetBackedToken", w.tokens[0].address, 6, 18)
)


def with_file(case: str, change: Callable[[World], dict[str, Any]], *expected: str) -> None:
    on_chain(case, *expected)(lambda w: w.deployment.model_copy(update=change(w)))


with_file(
    "file names another committee",
    lambda w: {"operators": [STRANGER.address, *w.deployment.operators[1:]]},
    "COMMITTEE-DEPLOYMENT",
)
with_file("file names another threshold", lambda w: {"threshold": 1}, "COMMITTEE-DEPLOYMENT")
with_file("file names a longer window", lambda w: {"max_validity_seconds": 10**7}, "REGISTRY-IMMUTABLES")
with_file("file names another owner", lambda w: {"owner": STRANGER.address}, "COMMITTEE-DEPLOYMENT")
with_file("file names a longer delay", lambda w: {"rotation_delay_seconds": 10**6}, "REGISTRY-IMMUTABLES")
with_file("file names a longer retention", lambda w: {"retention_seconds": 10**6}, "REGISTRY-IMMUTABLES")
with_file("file names an earlier block", lambda w: {"block": 0})
with_file(
    "file names a later block",
    lambda w: {"block": w.deployment.block + 1},
    "CREATION",
    "COMMITTEE-EPOCH",
    "COMMITTEE-CHANGE",
    "COMMITTEE-OWNER",
    "COMMITTEE-DEPLOYMENT",
    "SIGNATURE-COUNT",
    "SIGNATURE-STRANGER",
)
with_file("file names an unknown transaction", lambda w: {"transaction": some_hash("x")}, "CREATION")
with_file(
    "file names a transaction that made a token",
    lambda w: {"transaction": created_in_block(w, w.deployment.block + 1)},
    "CREATION",
)
with_file("file leaves a token out", lambda w: {"tokens": w.deployment.tokens[1:]}, "TOKEN-UNLISTED")
with_file(
    "file names other decimals",
    lambda w: {"tokens": [token.model_copy(update={"decimals": 18}) for token in w.deployment.tokens]},
    "TOKEN-DECIMALS",
)


def created_in_block(w: World, block: int) -> str:
    (made,) = w.rpc("eth_getBlockByNumber", hex(block), False)["transactions"]
    return str(made)


@pytest.mark.parametrize("case", ON_CHAIN)
def test_audit__falsified_chain_or_file__exactly_these_findings(case: str, copy: World) -> None:
    expected, falsify = ON_CHAIN[case]
    deployment = falsify(copy)
    assert ids(audit_chain(copy.w3, deployment or copy.deployment)) == expected


def test_audit__approved_token_without_gate__its_code_and_its_odd_logs_are_named(
    fresh: World, artifacts: dict[str, dict[str, Any]]
) -> None:
    made = fresh.w3.eth.contract(abi=artifacts["LooseToken"]["abi"], bytecode=artifacts["LooseToken"]["bytecode"])
    sent = made.constructor().transact({"from": fresh.w3.eth.accounts[0]})
    address = fresh.w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    approval = fresh.approval()
    approval = approval.model_copy(
        update={"tranches": (approval.tranches[0].model_copy(update={"token": str(address)}),)}
    )
    fresh.registry.approve(fresh.relay, approval, fresh.signed(approval))
    assert address
    loose = fresh.w3.eth.contract(address, abi=artifacts["LooseToken"]["abi"])
    fresh.w3.eth.wait_for_transaction_receipt(
        loose.functions.emitOdd(fresh.holders[0], 5).transact({"from": fresh.w3.eth.accounts[0]})
    )
    report = audit_chain(fresh.w3, fresh.deployment)
    assert ids(report) == LOOSE
    assert {finding.subject for finding in report.findings} == {address}


LOOSE = {"CODE-TOKEN", "LOG-UNREADABLE", "SUPPLY", "TOKEN-REGISTRY", "TOKEN-UNLISTED"}


def test_findings__all_cases_together__every_id_is_made() -> None:
    made = LOOSE.union(*(expected for expected, _ in [*REPLAYED.values(), *ON_CHAIN.values()]))
    elsewhere = {"SIGNATURE-SECOND", "NODES-DIFFER"}  # test_several_nodes.py, test_second_opinion.py
    # test_evidence_audit.py, tests/cli/test_bundle_commands.py
    elsewhere |= {*DECISION_CHECKS, *LOG_FINDINGS} - {"LOG-ENTRIES"}
    assert made | elsewhere == set(FINDINGS)
    assert not made & elsewhere


def test_findings__as_json__severity_and_title_are_the_table_s(recording: Recording) -> None:
    recording.drop("Issued", 0)
    report, _ = recording.replayed()
    first = report.as_json()["findings"][0]
    assert (first["severity"], first["title"]) == FINDINGS[first["id"]]
    assert (first["id"], first["expected"], first["found"]) == ("ISSUE-COUNT", "50000", "150000")
    assert first["transaction"] == recording.event("Issued", 2).transaction
    assert not report.clean


def test_replay__true_history__state_is_the_contract_s(recorded: Recording) -> None:
    _, history = recorded.replayed()
    registry = recorded.world.registry
    for filing, known in history.filings.items():
        state = registry.filing_state("0x" + filing.hex())
        assert (known.status, known.valid_after, known.valid_until, known.sequence) == (
            state.status,
            state.valid_after,
            state.valid_until,
            state.sequence,
        )
    for token in recorded.world.tokens:
        tranche, state_of = history.tranches[token.address.lower()], registry.tranche_state(token.address)
        assert ("0x" + tranche.filing.hex(), tranche.cap, tranche.issued) == (
            state_of.filing,
            state_of.cap,
            state_of.issued,
        )
    assert set(history.filings) == {FILING_BYTES, OTHER_BYTES}
