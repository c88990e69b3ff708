"""Single tamperings of a bundle: each gives exactly the ids beside it, and the bundle as it was made gives none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oracle.audit.bundle_check import BUNDLE_CHECKS, BundleReport, verify_bundle
from oracle.evidence.warc import read_warc, warc_bytes
from oracle.signing.keys import KeySigner
from tests.audit.forged_bundle import KEPT, TERMS, Forged

Falsify = Callable[[Forged], object]
CASES: dict[str, tuple[set[str], Falsify]] = {}
STRANGER = KeySigner(b"\x09" * 32)
ELSEWHERE = "0x" + "5a" * 20
OTHER = "0x" + "77" * 32


def failing(report: BundleReport) -> set[str]:
    return {item.id for item in report.failed}


def lacking(report: BundleReport) -> set[str]:
    return {item.id for item in report.absent}


def tampered(case: str, *expected: str) -> Callable[[Falsify], Falsify]:
    def add(falsify: Falsify) -> Falsify:
        assert case not in CASES
        CASES[case] = set(expected), falsify
        return falsify

    return add


def chain(case: str, *expected: str) -> Callable[[Callable[[dict[str, Any]], object]], None]:
    """A case that changes chain.json."""

    def add(change: Callable[[dict[str, Any]], object]) -> None:
        tampered(case, *expected)(lambda b: b.on_chain(change))

    return add


def unlisted(case: str, change: Falsify) -> None:
    """A case that leaves the list of files as it was."""

    def falsify(b: Forged) -> None:
        b.relist = False
        change(b)

    tampered(case, "BUNDLE-FILE")(falsify)


# The files, and what the bundle says it is about

unlisted("a file that is not listed", lambda b: b.put(b"more"))
unlisted("a listed file gone", lambda b: b.files.pop(b.of_kind(b'{"schema":"source-settings/v1"')[0]))
unlisted("a listed size changed", lambda b: b.manifest["files"]["chain.json"].update(size=1))
unlisted("a listed hash changed", lambda b: b.manifest["files"]["chain.json"].update(sha256="00" * 32))


def about(key: str, value: object) -> Falsify:
    return lambda b: b.manifest["subject"].update({key: value})


for key, value in (
    ("chainId", 1),
    ("registry", ELSEWHERE),
    ("filing", OTHER),
    ("kind", "update"),
    ("sequence", 2),
    ("block", 5),
    ("transaction", OTHER),
):
    tampered(f"about another {key}", "BUNDLE-SUBJECT")(about(key, value))
tampered("material of somebody who did not sign", "BUNDLE-OPERATOR")(
    lambda b: b.files.update({f"operators/{ELSEWHERE}/decision.json": b.files[b.name("decision.json")]})
)

# What the chain has

OF_ANOTHER_DOMAIN = ("BUNDLE-SUBJECT", "CHAIN-DIGEST", "SIGNATURE-INVALID", "DECISION-DIGEST", "LOG-KEY")
chain("another chain", *OF_ANOTHER_DOMAIN)(lambda c: c.update(chainId=1))
chain("another registry", *OF_ANOTHER_DOMAIN)(lambda c: c.update(registry=ELSEWHERE))
chain("another block", "BUNDLE-SUBJECT")(lambda c: c["block"].update(number=5))
chain("another transaction", "BUNDLE-SUBJECT")(lambda c: c["transaction"].update(hash=OTHER))
chain("another digest", "CHAIN-DIGEST")(lambda c: c.update(digest=OTHER))
chain("an event of another name", "CHAIN-EVENT")(lambda c: c["event"]["topics"].__setitem__(0, OTHER))
chain("an event without its data", "CHAIN-EVENT")(lambda c: c["event"].update(data="0x"))
chain("an event with a topic too few", "CHAIN-EVENT")(lambda c: c["event"]["topics"].pop())


def word(number: int) -> Callable[[dict[str, Any]], None]:
    """Changes the last byte of a word of the event's data."""

    def change(c: dict[str, Any]) -> None:
        at = 2 + 64 * number + 62
        data = c["event"]["data"]
        c["event"]["data"] = data[:at] + f"{int(data[at : at + 2], 16) ^ 1:02x}" + data[at + 2 :]

    return change


OF_ANOTHER_MESSAGE = ("CHAIN-CALL", "CHAIN-DIGEST", "SIGNATURE-INVALID", "DECISION-DIGEST")
chain("another dossierHash", *OF_ANOTHER_MESSAGE, "DECISION-HASH")(word(0))
chain("another recordHash", *OF_ANOTHER_MESSAGE, "EVIDENCE-RECORD")(word(1))
chain("another rulesetHash", *OF_ANOTHER_MESSAGE, "DECISION-HASH")(word(2))
chain("another validAfter", *OF_ANOTHER_MESSAGE)(word(3))
chain("another validUntil", *OF_ANOTHER_MESSAGE)(word(4))
chain("another token", *OF_ANOTHER_MESSAGE)(word(7))
chain("another cap", *OF_ANOTHER_MESSAGE)(word(8))
chain("other decimals", *OF_ANOTHER_MESSAGE)(word(9))
chain("another filing", "BUNDLE-SUBJECT", *OF_ANOTHER_MESSAGE)(lambda c: c["event"]["topics"].__setitem__(1, OTHER))
chain("another sequence", "BUNDLE-SUBJECT", *OF_ANOTHER_MESSAGE)(
    lambda c: c["event"]["topics"].__setitem__(2, "0x" + f"{2:064x}")
)
chain("a transaction that called nothing", "CHAIN-CALL")(lambda c: c["transaction"].update(input="0x"))
chain("a transaction that submitted other values", "CHAIN-CALL")(
    lambda c: c["transaction"].update(input=c["transaction"]["input"].replace("6b038090", "6b038091"))
)


# Signatures and committee


def signature(c: dict[str, Any], operator: str, made: bytes) -> None:
    c["signatures"][0] = {"operator": operator, "signature": "0x" + made.hex()}


def digest_of(c: dict[str, Any]) -> bytes:
    return bytes.fromhex(c["digest"][2:])


chain("a signature's byte changed", "CHAIN-CALL", "SIGNATURE-INVALID")(
    lambda c: c["signatures"][0].update(signature=c["signatures"][0]["signature"][:10] + "00" * 60 + "1b")
)
chain("no signature's length", "CHAIN-CALL", "SIGNATURE-INVALID")(lambda c: c["signatures"][0].update(signature="0x12"))
chain("somebody else's signature in an operator's name", "CHAIN-CALL", "SIGNATURE-INVALID")(
    lambda c: signature(c, c["signatures"][0]["operator"], STRANGER.sign(digest_of(c)))
)
chain("a stranger's own signature", "CHAIN-CALL", "SIGNATURE-STRANGER", "SIGNATURE-ORDER", "BUNDLE-OPERATOR")(
    lambda c: signature(c, STRANGER.address, STRANGER.sign(digest_of(c)))
)
chain("one signature less", "CHAIN-CALL", "SIGNATURE-COUNT", "BUNDLE-OPERATOR")(lambda c: c["signatures"].pop())
chain("a signature twice", "CHAIN-CALL", "SIGNATURE-ORDER", "BUNDLE-OPERATOR")(
    lambda c: c["signatures"].__setitem__(1, c["signatures"][0])
)
chain("signatures in another order", "CHAIN-CALL", "SIGNATURE-ORDER")(lambda c: c["signatures"].reverse())
chain("a higher threshold", "SIGNATURE-COUNT")(lambda c: c["committee"].update(threshold=3))
chain("a threshold that nobody reaches", "SIGNATURE-COUNT", "COMMITTEE-THRESHOLD")(
    lambda c: c["committee"].update(threshold=4)
)
chain("a signer who is no operator", "SIGNATURE-STRANGER")(lambda c: c["committee"]["operators"].pop(0))
chain("an operator twice", "COMMITTEE-THRESHOLD")(
    lambda c: c["committee"]["operators"].append(c["committee"]["operators"][0])
)


def retained(c: dict[str, Any], until: int, seat: int = 1) -> None:
    """As if the first signer had been replaced and signed as one who is retained."""
    first = c["committee"]["operators"].pop(0)
    seated = c["committee"]["operators"][seat]
    c["committee"]["retained"] = [{"operator": first, "seat": seated, "until": until}]


chain("a retained signer whose time is over", "SIGNATURE-STRANGER")(lambda c: retained(c, c["block"]["time"], 0))
chain("a signer and one whom it replaced", "SIGNATURE-SEAT")(lambda c: retained(c, 2**40))
chain("nothing but a retained signer")(lambda c: retained(c, 2**40, 0))

# Decisions

tampered("decision of another operator", "DECISION-SIGNATURE")(
    lambda b: b.files.update({b.name("decision.json"): b.files[b.name("decision.json", 1)]})
)
tampered("decision not signed anew", "DECISION-SIGNATURE", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d.update(decidedAt=d["decidedAt"] + 1), signed=False)
)
tampered("decision unreadable", "DECISION-UNREADABLE")(lambda b: b.files.update({b.name("decision.json"): b"{}"}))
tampered("decision of another time", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d.update(decidedAt=d["decidedAt"] + 10**6))
)
tampered("decision of an impossible time", "DECISION-REPLAY")(lambda b: b.decided(lambda d: d.update(decidedAt=2**52)))
tampered("decision with another digest", "DECISION-DIGEST", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d.update(digest=OTHER))
)
tampered("decision of another kind", "DECISION-DIGEST", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d.update(kind="update"))
)
tampered("decision on another window", "DECISION-DIGEST", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["proposed"].update(validUntil=d["proposed"]["validUntil"] + 1))
)
tampered("decision that refused", "DECISION-REFUSED", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["outcome"].update(approved=False))
)
tampered("decision with a verdict changed", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["outcome"]["verdicts"][0].update(result="NOT_APPLICABLE"))
)
tampered("decision on another dossier", "DECISION-HASH", "EVIDENCE-MANIFEST")(
    lambda b: b.decided(lambda d: d.update(dossierHash=OTHER))
)
tampered("decision by other rules' hash", "DECISION-HASH", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["ruleset"].update(hash=OTHER))
)
tampered("decision by another state on chain", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["chain"]["filing"].update(sequence=7))
)
tampered("decision by another policy", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["case"]["policy"].update(minLevel=1))
)
tampered("decision with an input's hash changed", "DECISION-REPLAY")(
    lambda b: b.decided(lambda d: d["inputs"].update(case="00" * 32))
)


def observed(**changes: Any) -> Falsify:
    """As if the operator had signed a decision on something else that it saw."""
    return lambda b: b.decided(lambda d: d["case"]["observations"][0].update(changes))


def recorded(**changes: Any) -> Falsify:
    def change(d: dict[str, Any]) -> None:
        for part in ("observations", "earlier"):
            for item in d["case"][part]:
                item["record"].update(changes)

    return lambda b: b.decided(change)


tampered("another record than the bytes give", "DECISION-REPLAY", "EVIDENCE-PARSE", "EVIDENCE-RECORD")(
    recorded(units=9_000_000)
)
tampered("another day than the bytes give", "DECISION-REPLAY", "EVIDENCE-PARSE")(observed(asOf="2026-10-28"))
tampered("another title than the bytes give", "DECISION-REPLAY", "EVIDENCE-PARSE")(observed(title="另一个"))
tampered("another level than configured", "DECISION-REPLAY", "EVIDENCE-PARSE")(observed(level=4))
tampered("another address than captured", "DECISION-REPLAY", "EVIDENCE-ORIGIN")(observed(url="http://127.0.0.1/x"))
tampered("another time than captured", "DECISION-REPLAY", "EVIDENCE-ORIGIN")(
    observed(fetchedAt="2026-11-22T23:50:00+00:00")
)
tampered("a parser that nobody knows", "DECISION-REPLAY", "EVIDENCE-PARSE")(observed(parserVersion="csrc/9"))
tampered("sources read otherwise", "DECISION-REPLAY", "EVIDENCE-PARSE")(
    lambda b: b.decided(lambda d: d["sources"][0].update(level=1))
)

# Evidence


def flipped(begins: bytes) -> Falsify:
    def change(b: Forged) -> None:
        for name in b.of_kind(begins):
            b.files[name] = b.files[name][:-1] + bytes([b.files[name][-1] ^ 1])

    return change


def captured(**changes: Any) -> Falsify:
    """Forge every capture and store it under its own hash; the manifest is made to fit."""

    def change(b: Forged) -> None:
        for name in b.of_kind(b"WARC/1.1"):
            exchange = read_warc(b.files.pop(name), where=name)
            given = {key: value(getattr(exchange, key)) for key, value in changes.items()}
            b.put(warc_bytes(type(exchange)(**{**exchange.__dict__, **given})))

    return change


tampered("a capture's byte changed", "EVIDENCE-HASH")(flipped(b"WARC/1.1"))
tampered("a dossier's byte changed", "EVIDENCE-HASH")(flipped(b'{"assets":'))
tampered("a configuration's byte changed", "EVIDENCE-HASH")(flipped(b'{"schema":"source-settings'))
tampered("a stamped manifest's byte changed", "EVIDENCE-HASH")(flipped(b'{"dossierHash"'))
tampered("a time stamp's byte changed", "EVIDENCE-HASH")(flipped(b"0\x82"))
tampered("captures of another address", "EVIDENCE-ORIGIN", "EVIDENCE-MANIFEST", "STAMP")(
    captured(url=lambda url: url + "x")
)
tampered("captures of another time", "EVIDENCE-ORIGIN", "EVIDENCE-MANIFEST", "STAMP")(
    captured(captured_at=lambda _: "2026-11-22T20:00:00+00:00")
)
tampered("captures with another page", "EVIDENCE-MANIFEST", "STAMP")(
    captured(body=lambda body: body.replace("1,000,000份".encode(), "9,000,000份".encode()))
)
tampered("a capture's digest that does not fit", "EVIDENCE-HASH", "EVIDENCE-MANIFEST", "STAMP")(
    lambda b: [b.put(b.files.pop(name).replace(b"sha256:", b"sha256:A", 1)) for name in b.of_kind(b"WARC/1.1")]
)
tampered("another manifest", "EVIDENCE-MANIFEST")(lambda b: b.files.update({b.name("evidence.json"): b"{}"}))


@tampered("a time stamp that nobody signed", "STAMP")
def _(b: Forged) -> None:
    token = b.files.pop(b.of_kind(b"0\x82")[0])
    b.put(token[:-1] + bytes([token[-1] ^ 1]))


# The log

tampered("another operator's log", "LOG-KEY")(
    lambda b: b.files.update({b.name("log.json"): b.files[b.name("log.json", 1)]})
)
tampered("a log's key bound by a changed signature", "LOG-KEY")(
    lambda b: b.edit(b.name("log.json"), lambda log: log["key"].update(signature="0x" + "11" * 64 + "1b"))
)
tampered("a log's statement changed", "LOG-KEY")(
    lambda b: b.edit(b.name("log.json"), lambda log: log["key"].update(statement="filing-gate log/v1 other"))
)
tampered("a proof's hash changed", "LOG-PROOF")(
    lambda b: b.edit(b.name("log.json"), lambda log: log["proofs"][0]["proof"].__setitem__(0, "00" * 32))
)
tampered("a proof's place changed", "LOG-PROOF")(
    lambda b: b.edit(b.name("log.json"), lambda log: log["proofs"][0].update(index=0))
)
tampered("a proof's leaf changed", "LOG-PROOF")(
    lambda b: b.edit(
        b.name("log.json"), lambda log: log["proofs"][0].update(leaf=log["proofs"][0]["leaf"].replace("a", "b"))
    )
)
tampered("a proof's checkpoint changed", "LOG-PROOF")(
    lambda b: b.edit(
        b.name("log.json"),
        lambda log: log["proofs"][0].update(checkpoint=log["proofs"][0]["checkpoint"].replace("\n", "\n1", 1)),
    )
)


@pytest.mark.parametrize("case", CASES)
def test_verify__one_thing_falsified__exactly_these_checks_fail(case: str) -> None:
    expected, falsify = CASES[case]
    forged = Forged()
    falsify(forged)
    made = forged.packed()
    assert made != KEPT
    assert failing(verify_bundle(made, terms=TERMS)) == expected


def test_checks__all_cases_together__every_id_fails_somewhere() -> None:
    made = set().union(*(expected for expected, _ in CASES.values()))
    # Told by test_bundle.py: what asks for options, and what is only ever not included.
    elsewhere = {"CHAIN-CONFIRMED", "COMMITTEE-OPERATOR", "SIGNATURE-SECOND"}
    never = {"DECISION-MISSING", "DECISION-DOSSIER", "DECISION-RULES", "EVIDENCE-MISSING", "LOG-MISSING"}
    assert made | elsewhere | never == set(BUNDLE_CHECKS)
    assert not made & (elsewhere | never)
