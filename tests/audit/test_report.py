"""The report: its JSON fits the schema, its page holds everything and nothing from outside, its statement is signed."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from defusedxml import ElementTree

import oracle.audit
from oracle.audit.chain_audit import audit_chain
from oracle.audit.findings import FINDINGS
from oracle.audit.report_html import report_html
from oracle.audit.statement import load_signing_key, load_verify_key, signed_statement, verified_statement
from oracle.chain.filing_picture import filing_picture
from oracle.errors import InputError
from tests.chain.small_world import World

SCHEMA = Path(oracle.audit.__file__).parent / "schemas" / "audit-report-v1.schema.json"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&{{7*7}}"


@pytest.fixture(scope="module")
def report(played: World) -> dict[str, Any]:
    """A true history's report."""
    found: dict[str, Any] = json.loads(json.dumps(audit_chain(played.w3, played.deployment).as_json()))
    return found


@pytest.fixture
def hostile(report: dict[str, Any]) -> dict[str, Any]:
    """The same, with an attack in every text that comes from a chain."""

    def poisoned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poisoned(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [poisoned(item, key) for item in value]
        kept = {"kind", "status", "schema", "cap", "issued", "minted", "burned", "filing", "mints"}
        return HOSTILE if isinstance(value, str) and key not in kept else value

    finding = dict.fromkeys(("id", "severity", "title", "subject", "expected", "found", "transaction"), HOSTILE) | {
        "block": 1
    }
    return {**poisoned(report), "clean": False, "findings": [finding]}


class Tags(HTMLParser):
    """Collects elements and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_json__true_history__fits_the_published_schema(report: dict[str, Any]) -> None:
    jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert report["clean"]
    assert len(report["committee"]["history"]) == 5


@pytest.mark.parametrize(
    ("path", "value"),
    ((("registry",), "0x12"), (("tokens", 0, "cap"), 5), (("filings", 0, "status"), "GOOD"), (("checks",), {"A": 0})),
)
def test_json__value_of_another_kind__does_not_fit(report: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    altered = json.loads(json.dumps(report))
    place = altered
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid(altered)


def test_html__true_history__says_everything_and_stands_alone(report: dict[str, Any]) -> None:
    page = report_html(report, command="filing-gate audit --rpc URL")
    assert "Clean:" in page
    for name in FINDINGS:
        assert f">{name}<" in page
    for row in (*report["filings"], *report["tokens"]):
        assert row.get("token", row["filing"]) in page
    assert page.count("<svg") == len(report["filings"])
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|<script|<link|<iframe", page)
    assert page == report_html(report, command="filing-gate audit --rpc URL"), "the same report, the same bytes"


def test_html__operators_of_an_event__stand_as_text_and_the_picture_is_not_moved_to_a_page_of_its_own(
    report: dict[str, Any],
) -> None:
    html = report_html(report, command="filing-gate audit")
    assert any("operators" in row["values"] for row in report["privileged"])
    assert "[&#39;" not in html
    assert "section.filing { break-inside" not in html


def test_html__attacks_in_every_text__become_text(hostile: dict[str, Any]) -> None:
    page = report_html(hostile, command=HOSTILE)
    tags = Tags(page).found
    assert {"script", "img"}.isdisjoint(tag for tag, _ in tags)
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert "{{7*7}}" in page, "no text is a template"


def test_html__deviation__is_shown_with_what_was_expected(report: dict[str, Any]) -> None:
    finding = {
        "id": "SUPPLY",
        "severity": "critical",
        "title": FINDINGS["SUPPLY"][1],
        "subject": report["tokens"][0]["token"],
        "expected": "10",
        "found": "11",
        "block": 5,
        "transaction": None,
    }
    page = report_html(report | {"clean": False, "findings": [finding]}, command="x")
    assert "1 deviations" in page
    assert "deviates, 1×" in page
    first = page.index('<section class="filing">')
    assert report["tokens"][0]["filing"] in page[first : first + 200], "what deviates comes first"


def test_picture__every_filing__is_well_formed_and_inside_its_frame(report: dict[str, Any]) -> None:
    for filing in report["filings"]:
        tokens = [token for token in report["tokens"] if token["filing"] == filing["filing"]]
        picture = ElementTree.fromstring(filing_picture(filing, tokens, filing["changes"][0]["time"], 1_900_000_000))
        places = [
            float(node.attrib[name]) for node in picture.iter() for name in ("x", "cx", "x1") if name in node.attrib
        ]
        assert min(places) >= 0
        assert max(places) <= 960
        marks = [node for node in picture.iter() if node.tag.endswith("circle")]
        assert len(marks) == len(filing["changes"])


def test_statement__report_and_key__is_verified_and_tells_the_result(report: dict[str, Any]) -> None:
    key = Ed25519PrivateKey.generate()
    data = json.dumps(report).encode()
    statement = verified_statement(signed_statement(data, key), data, key.public_key())
    assert statement["predicate"]["verificationResult"] == "PASSED"
    assert statement["predicate"]["lastBlock"]["hash"] == report["lastBlockHash"]
    failed = json.dumps(report | {"clean": False}).encode()
    assert (
        verified_statement(signed_statement(failed, key), failed, key.public_key())["predicate"]["verificationResult"]
        == "FAILED"
    )


@pytest.mark.parametrize("fault", ("another report", "another key", "payload altered", "no envelope"))
def test_statement__anything_altered__is_refused(report: dict[str, Any], fault: str) -> None:
    key = Ed25519PrivateKey.generate()
    data = json.dumps(report).encode()
    envelope, public = signed_statement(data, key), key.public_key()
    if fault == "another report":
        data += b" "
    elif fault == "another key":
        public = Ed25519PrivateKey.generate().public_key()
    elif fault == "payload altered":
        envelope["payload"] = ("A" if envelope["payload"][0] != "A" else "B") + envelope["payload"][1:]
    else:
        envelope = {"payload": 5}
    with pytest.raises(InputError):
        verified_statement(envelope, data, public)


def test_keys__made_by_openssl__are_read_and_others_refused(tmp_path: Path) -> None:
    private, public, other = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", other], check=True)
    assert load_signing_key(private).public_key() == load_verify_key(public)
    for path, load in ((other, load_signing_key), (public, load_signing_key), (private, load_verify_key)):
        with pytest.raises(InputError, match="not an Ed25519 key") as raised:
            load(path)
        assert raised.value.where == str(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_verify_key(tmp_path / "none.pem")
