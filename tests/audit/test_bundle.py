"""A bundle that is as it was made; what it does not hold; and files that are no bundles."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle.audit.bundle_check as bundle_check
from oracle.audit.bundle_check import verify_bundle
from oracle.audit.bundle_file import MAX_BUNDLE_BYTES, unpack
from oracle.domain.canonical import canonical_bytes
from oracle.errors import InputError
from oracle.signing.keys import KeySigner
from tests.audit.forged_bundle import FIXTURES, KEPT, KEYS, TERMS, Forged
from tests.audit.test_bundle_tampered import failing, lacking
from tests.cli.command_line import gate

FILE = FIXTURES / "bundle-v1.zip"
ROOTS = FIXTURES / "bundle-v1-roots.pem"
KEPT_MANIFEST = unpack(KEPT)["bundle.json"]


def test_verify__kept_bundle_of_version_1__everything_in_it_holds() -> None:
    report = verify_bundle(KEPT, operators=[key.address for key in KEYS.values()], terms=TERMS)
    assert report.failed == []
    assert lacking(report) == {"CHAIN-CONFIRMED"}
    (where,) = report.absent
    assert f"block {report.subject.block} " in where.reason
    assert "epoch 1" in where.reason
    assert len([item for item in report.checks if item.result == "holds"]) > 80


def test_packed__again_from_its_files__same_bytes() -> None:
    assert Forged().packed() == KEPT
    with zipfile.ZipFile(io.BytesIO(KEPT)) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == unpack(KEPT)


def test_verify__command__exit_codes_and_reasons() -> None:
    answer = gate("verify", FILE, "--json", "--timestamp-roots", ROOTS)
    assert (answer.code, answer.json["holds"], answer.json["complete"]) == (0, True, False)
    assert answer.json["schema"] == "bundle-verification/v1"
    assert gate("verify", FILE, "--complete").code == 1
    shown = gate("verify", FILE)
    assert shown.out.endswith("no check fails; 3 have nothing to go by\n")
    known = [part for key in KEYS.values() for part in ("--operator", key.address)]
    assert gate("verify", FILE, *known).code == 0
    assert gate("verify", FILE, "--operator", "0x12").code == 2
    assert gate("verify", FILE.with_name("none")).code == 2


def test_verify__signer_nobody_named__fails() -> None:
    stranger = KeySigner(b"\x09" * 32).address
    assert failing(verify_bundle(KEPT, operators=[stranger])) == {"COMMITTEE-OPERATOR"}
    answer = gate("verify", FILE, "--operator", stranger)
    assert answer.code == 1
    assert "FAILS COMMITTEE-OPERATOR" in answer.out


def test_verify__other_code_finds_another_signer__fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_check, "second_signer", lambda *_: "0x" + "11" * 20)
    assert failing(verify_bundle(KEPT)) == {"SIGNATURE-SECOND"}


def older_rules(b: Forged) -> None:
    b.decided(lambda d: d["ruleset"].update(version="csrc-2020-1/1"))


ABSENT: dict[str, tuple[set[str], Callable[[Forged], object]]] = {
    "decision": ({"DECISION-MISSING"}, lambda b: b.files.pop(b.name("decision.json"))),
    "log": ({"LOG-MISSING"}, lambda b: b.files.pop(b.name("log.json"))),
    "proofs": ({"LOG-MISSING"}, lambda b: b.edit(b.name("log.json"), lambda log: log.update(proofs=[]))),
    "manifest": ({"EVIDENCE-MANIFEST"}, lambda b: b.files.pop(b.name("evidence.json"))),
    "dossier": ({"DECISION-DOSSIER"}, lambda b: b.files.pop(b.of_kind(b'{"assets":')[0])),
    "stamp": ({"STAMP"}, lambda b: b.files.pop(b.of_kind(b"0\x82")[0])),
    "rules": (
        {"DECISION-RULES", "LOG-MISSING"},
        lambda b: b.decided(lambda d: d["ruleset"].update(version="csrc-2020-1/1")),
    ),
}


@pytest.mark.parametrize("case", ABSENT)
def test_verify__something_left_out__not_included_and_nothing_fails(case: str) -> None:
    expected, leave_out = ABSENT[case]
    forged = Forged()
    leave_out(forged)
    report = verify_bundle(forged.packed(), terms=TERMS)
    assert failing(report) == set()
    assert lacking(report) == {"CHAIN-CONFIRMED"} | expected
    for name in expected:
        assert any(item.id == name and forged.signer in item.subject.lower() for item in report.absent)


def test_verify__captures_left_out__bytes_are_not_included_and_nothing_holds() -> None:
    forged = Forged()
    forged.files = {name: data for name, data in forged.files.items() if "/files/" not in name}
    forged.files = {name: data for name, data in forged.files.items() if not name.endswith("evidence.json")}
    report = verify_bundle(forged.packed(), terms=TERMS)
    assert failing(report) == set()
    assert {"EVIDENCE-MISSING", "DECISION-DOSSIER", "EVIDENCE-MANIFEST", "STAMP"} <= lacking(report)
    assert not {item.id for item in report.checks if item.result == "holds"} & {"EVIDENCE-PARSE", "EVIDENCE-ORIGIN"}


def test_verify__call_through_another_contract__only_a_trace_can_tell() -> None:
    forged = Forged()
    forged.on_chain(lambda c: c["transaction"].update(to="0x" + "5a" * 20))
    report = verify_bundle(forged.packed(), terms=TERMS)
    assert (failing(report), lacking(report)) == (set(), {"CHAIN-CONFIRMED", "CHAIN-CALL"})


# Files that are no bundles


def zipped(*entries: tuple[str, bytes], compressed: bool = False, mode: int = 0o100644) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as made:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = made.compression
            made.writestr(info, data)
    return out.getvalue()


def twice() -> bytes:
    """Two entries of one name, which zipfile itself would warn of."""
    at = KEPT.index(b"PK\x03\x04", 4)
    return KEPT[:at] + KEPT


def with_document(name: str, data: bytes) -> bytes:
    forged = Forged()
    forged.files[name] = data
    return forged.packed()


def with_manifest(data: bytes) -> bytes:
    from oracle.audit.bundle_file import _zip

    return _zip({**Forged().files, "bundle.json": data})


def chain_with(change: Callable[[dict], object]) -> bytes:
    forged = Forged()
    forged.on_chain(change)
    return forged.packed()


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "does not begin as a ZIP"),
    "no ZIP": (lambda: b"%PDF", "does not begin as a ZIP"),
    "a bomb": (lambda: zipped(("bundle.json", b"0" * 10_000_000), compressed=True), "is compressed"),
    "a path that leads out": (lambda: zipped(("../chain.json", b"{}")), "as no file of a bundle is"),
    "an absolute path": (lambda: zipped(("/etc/passwd", b"{}")), "as no file of a bundle is"),
    "a Windows path": (lambda: zipped(("operators\\x", b"{}")), "as no file of a bundle is"),
    "a link": (lambda: zipped(("bundle.json", b"/etc/passwd"), ("chain.json", b""), mode=0o120777), "may hide"),
    "names twice": (twice, "two entries are named"),
    "files in another order": (lambda: zipped(("chain.json", b"{}"), ("bundle.json", b"{}")), "may hide"),
    "bytes before": (lambda: b"#!/bin/sh\n" + KEPT, "does not begin as a ZIP"),
    "bytes after": (lambda: KEPT + b"more", "may hide"),
    "a comment": (lambda: KEPT[:-2] + struct.pack("<H", 4) + b"more", "may hide"),
    "cut short": (lambda: KEPT[:5000], "cut short"),
    "cut in the directory": (lambda: KEPT[:-100], "may hide"),
    "no chain.json": (lambda: zipped(("bundle.json", b"{}")), "has no chain.json"),
    "too large": (lambda: b"PK\x03\x04" + bytes(MAX_BUNDLE_BYTES), "larger than"),
    "manifest no JSON": (lambda: with_manifest(b"<xml>"), "not JSON"),
    "manifest no object": (lambda: with_manifest(b"[1]"), "be an object"),
    "manifest of a later version": (
        lambda: with_manifest(KEPT_MANIFEST.replace(b"bundle/v1", b"bundle/v2")),
        "bundle/v1",
    ),
    "manifest with a key twice": (lambda: with_manifest(b'{"schema":"bundle/v1","schema":"bundle/v1"}'), "twice"),
    "manifest too deep": (lambda: with_manifest(DEEP), "nested too deeply"),
    "chain.json too deep": (lambda: with_document("chain.json", DEEP), "nested too deeply"),
    "chain.json with a float": (lambda: with_document("chain.json", b'{"chainId":1.5}'), "float"),
    "chain.json without a block": (lambda: chain_with(lambda c: c.pop("block")), "Field required"),
    "block of another type": (lambda: chain_with(lambda c: c["block"].update(number="4")), "valid integer"),
    "block true": (lambda: chain_with(lambda c: c["block"].update(number=True)), "valid integer"),
    "block beyond all": (lambda: chain_with(lambda c: c["block"].update(number=2**60)), "valid integer"),
    "operators no list": (lambda: chain_with(lambda c: c["committee"].update(operators="all")), "valid array"),
    "log no log": (lambda: with_document(Forged().name("log.json"), b"{}"), "Field required"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_verify__hostile_file__one_clear_error(case: str) -> None:
    make, problem = HOSTILE[case]
    with pytest.raises(InputError, match=problem) as raised:
        verify_bundle(make())
    assert raised.value.remedy


def test_verify__any_byte_changed__an_error_or_a_failing_check() -> None:
    """What a reader could overlook: every header, and some bytes of every file."""
    for at in {*range(0, 90), *range(0, len(KEPT), 9001), *range(len(KEPT) - 90, len(KEPT))}:
        changed = KEPT[:at] + bytes([KEPT[at] ^ 1]) + KEPT[at + 1 :]
        with pytest.raises(InputError):
            unpack(changed)  # each entry's checksum is part of the one way to write it


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8) | st.just("0x" + "ff" * 32),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_verify__any_value_anywhere_in_its_documents__an_error_or_a_report(data: st.DataObject) -> None:
    forged = Forged()
    name = data.draw(st.sampled_from(("chain.json", forged.name("decision.json"), forged.name("log.json"))))
    content = json.loads(forged.files[name])
    path = data.draw(st.sampled_from(places(content)[1:]))
    place = content
    for key in path[:-1]:
        place = place[key]
    before, place[path[-1]] = place[path[-1]], data.draw(VALUES)
    forged.files[name] = canonical_bytes(content)
    try:
        report = verify_bundle(forged.packed())
    except InputError:
        return
    same = type(before) is type(place[path[-1]]) and before == place[path[-1]]
    harmless = path[0] in ("firstBlock", "committee", "block", "transaction", "event")
    assert report.failed or same or harmless or lacking(report) > {"CHAIN-CONFIRMED", "STAMP"}


def test_verify__decision_on_no_dossier__fails_without_a_traceback() -> None:
    forged = Forged()
    forged.decided(lambda d: d.update(dossierHash=None))
    assert {"DECISION-HASH", "EVIDENCE-MANIFEST"} <= failing(verify_bundle(forged.packed()))


@pytest.mark.parametrize("number", range(0, 40, 3))
def test_verify__call_data_with_hostile_offsets__refused_and_no_traceback(number: int) -> None:
    """A length or an offset beyond all, at any word of the event and of the call."""

    def change(c: dict[str, Any]) -> None:
        for part, name, begin in ((c["event"], "data", 2), (c["transaction"], "input", 10)):
            text = part[name]
            at = min(begin + 64 * number, len(text) - 64)
            part[name] = text[:at] + "f" * 64 + text[at + 64 :]

    forged = Forged()
    forged.on_chain(change)
    assert failing(verify_bundle(forged.packed())) & {"CHAIN-EVENT", "CHAIN-CALL"}
