"""What persons saw: two signatures, two persons, and a file nobody can bend."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oracle.cli.manual_commands import manual
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.personal_message import message_digest
from oracle.errors import FilingGateError, RefusedError
from oracle.evidence.store import EvidenceStore
from oracle.signing.keys import KeySigner, new_keystore
from oracle.signing.recovery import recover
from oracle.sources.manual import (
    ManualConfig,
    ManualSource,
    confirm_statement,
    kept_statements,
    write_statement,
)
from oracle.sources.manual_statement import ManualFile, ManualStatement, SignedAct, act_text, parse_statement
from oracle.sources.parse_error import ParseError

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NUMBER, COMPANY = "国合函〔2026〕886号", "示例（上海）充电科技有限公司"
BOTH = FilingQuery(number=NUMBER, entity_name=COMPANY)
ANNA, ANNA_TOO, BO, EVE = (KeySigner(bytes([n]) * 32) for n in (11, 12, 13, 14))
PERSONS = [{"name": "Anna", "addresses": [ANNA.address, ANNA_TOO.address]}, {"name": "Bo", "addresses": [BO.address]}]


def statement(**changes: Any) -> ManualStatement:
    facts = {
        "source": "manual",
        "seenAt": NOW.isoformat(),
        "number": NUMBER,
        "entityName": COMPANY,
        "status": "FILED",
        "decisionDate": "2026-11-20",
        "units": 1_000_000,
        "amount": {"amount": "100000000", "ccy": "CNY"},
    }
    return ManualStatement.model_validate_json(json.dumps({**facts, **changes}))


def act(what: ManualStatement, kind: Literal["enter", "confirm"], signer: KeySigner, at: datetime = NOW) -> SignedAct:
    signature = signer.sign(message_digest(act_text(what, kind, at.isoformat())))
    return SignedAct(by=signer.address, at=at.isoformat(), signature="0x" + signature.hex())


def signed(what: ManualStatement, first: KeySigner = ANNA, second: KeySigner | None = BO) -> ManualFile:
    return ManualFile(
        statement=what, entered=act(what, "enter", first), confirmed=act(what, "confirm", second) if second else None
    )


Asker = Callable[..., list[Observation]]


@pytest.fixture
def ask(tmp_path: Path) -> Asker:
    def observe(*files: ManualFile, raw: bytes | None = None, query: FilingQuery = BOTH) -> list[Observation]:
        for file in files:
            write_statement(tmp_path / "manual", file)
        if raw is not None:
            (tmp_path / "manual").mkdir(exist_ok=True)
            (tmp_path / "manual" / "x.json").write_bytes(raw)
        config = ManualConfig.model_validate({"persons": PERSONS})
        store = EvidenceStore(tmp_path / "evidence")
        return ManualSource(config, store, lambda: NOW, recover=recover, base=tmp_path).observe(query)

    return observe


def only(found: list[Observation]) -> Observation:
    assert len(found) == 1
    return found[0]


def test_observe__entered_and_confirmed__the_filing(ask: Asker) -> None:
    seen = only(ask(signed(statement())))
    assert (seen.kind, seen.status, seen.level) == (ObservationKind.NOTICE, LifeCycle.FILED, 2), seen.detail
    assert (seen.title, seen.fetched_at) == ("entered by Anna, confirmed by Bo", NOW.isoformat())
    assert seen.record is not None
    assert seen.record.units == 1_000_000


def test_observe__no_folder_or_another_filing__absence(ask: Asker) -> None:
    assert only(ask()).kind is ObservationKind.ABSENCE
    other = signed(statement(number="国合函〔2026〕1号", entityName="另一家有限公司"))
    assert only(ask(other)).kind is ObservationKind.ABSENCE


def test_observe__not_confirmed__counts_for_nothing(ask: Asker) -> None:
    seen = only(ask(signed(statement(), second=None)))
    assert (seen.kind, seen.status) == (ObservationKind.ABSENCE, None)
    assert "1 wait(s)" in (seen.detail or "")


def swapped() -> ManualFile:
    what = statement()
    return ManualFile(statement=what, entered=act(what, "enter", ANNA), confirmed=act(what, "enter", BO))


def early() -> ManualFile:
    what = statement()
    late = act(what, "confirm", BO, NOW - timedelta(hours=1))
    return ManualFile(statement=what, entered=act(what, "enter", ANNA), confirmed=late)


@pytest.mark.parametrize(
    ("file", "problem"),
    (
        pytest.param(signed(statement(), ANNA, ANNA), "both entered and confirmed", id="one key twice"),
        pytest.param(signed(statement(), ANNA, ANNA_TOO), "both entered and confirmed", id="one person, two keys"),
        pytest.param(signed(statement(), ANNA, EVE), "is not listed", id="stranger confirms"),
        pytest.param(signed(statement(), EVE, BO), "is not listed", id="stranger enters"),
        pytest.param(swapped(), "to confirm is not by", id="signature of the other act"),
        pytest.param(early(), "confirmed before", id="confirmed first"),
        pytest.param(
            signed(statement()).model_copy(update={"statement": statement(units=2_000_000)}), "is not by", id="changed"
        ),
        pytest.param(signed(statement(source="another")), "made for source another", id="another source"),
        pytest.param(signed(statement(seenAt="2026-11-23T10:00:00+00:00")), "in the future", id="future"),
        pytest.param(signed(statement(decisionDate=None)), "needs number", id="too little said"),
        pytest.param(signed(statement(evidence="ab" * 32)), "no evidence with this hash", id="evidence missing"),
        pytest.param(signed(statement(entityName=COMPANY + "二厂")), "not of", id="another entity"),
    ),
)
def test_observe__file_that_does_not_hold__failure(ask: Asker, file: ManualFile, problem: str) -> None:
    seen = only(ask(file))
    assert (seen.kind, seen.status, seen.record) == (ObservationKind.FAILURE, None, None)
    assert problem in (seen.detail or "")


@pytest.mark.parametrize("raw", (b"", b"{}", b"[]", b"{", b" " * 60_000, b'{"statement": 1, "statement": 2}', b"\xff"))
def test_observe__file_of_another_shape__failure_names_it(ask: Asker, raw: bytes) -> None:
    seen = only(ask(signed(statement()), raw=raw))
    assert seen.kind is ObservationKind.FAILURE
    assert "x.json" in (seen.detail or "")


def test_observe__newer_statement_and_a_withdrawal__newest_and_every_end(ask: Asker) -> None:
    old = signed(statement(seenAt="2026-11-20T10:00:00+00:00", units=5))
    ended = signed(statement(seenAt="2026-11-19T10:00:00+00:00", status="REVOKED"))
    found = ask(old, ended, signed(statement()))
    assert sorted(seen.kind.value for seen in found) == ["NOTICE", "WITHDRAWAL"]
    assert next(seen.record.units for seen in found if seen.kind is ObservationKind.NOTICE and seen.record) == 1_000_000


def test_config__name_or_address_twice__refused() -> None:
    for persons in ([PERSONS[0], PERSONS[0]], [PERSONS[0], {"name": "C", "addresses": [ANNA.address]}], PERSONS[:1]):
        with pytest.raises(ValidationError):
            ManualConfig.model_validate({"persons": persons})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 20), st.binary(max_size=8)), min_size=1, max_size=4))
def test_parse_statement__mutated_bytes__signatures_still_cover_what_it_says(
    changes: list[tuple[int, int, bytes]],
) -> None:
    raw = bytearray(signed(statement()).as_bytes())
    for place, length, put in changes:
        raw[place : place + length] = put
    try:
        assert parse_statement(bytes(raw), name="x").statement is not None
    except ParseError:
        return


CONFIG = """
name = "operator"
[chain]
id = 31337
registry = "0x1111111111111111111111111111111111111111"
rpc_url = "http://127.0.0.1:8545"
[key]
keystore = "keystore.json"
password_env = "X"
[[sources]]
type = "manual"
persons = [{persons}]
"""


def test_manual_commands__enter_then_confirm__counts(tmp_path: Path, ask: Asker, monkeypatch: Any) -> None:
    monkeypatch.setenv("FILING_GATE_PASSWORD", "pass")
    listed = ", ".join(f'{{name = "{p["name"]}", addresses = {json.dumps(p["addresses"])}}}' for p in PERSONS)
    (tmp_path / "node.toml").write_text(CONFIG.replace("{persons}", listed), "utf-8")
    (tmp_path / "copy.pdf").write_bytes(b"%PDF")
    for name, signer in (("anna", ANNA), ("anna2", ANNA_TOO), ("bo", BO), ("eve", EVE)):
        new_keystore(tmp_path / f"{name}.json", "pass", secret=signer.secret, light=True)

    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(manual, arguments)
        if result.exception is not None:
            raise result.exception
        return json.loads(result.stdout)

    common = ("--config", str(tmp_path / "node.toml"), "--json", "--keystore")
    facts = ("--number", NUMBER, "--entity", COMPANY, "--status", "FILED", "--decided", "2026-11-20", "--evidence")
    with pytest.raises(FilingGateError, match="is not listed"):
        run("enter", *common, str(tmp_path / "eve.json"), *facts, str(tmp_path / "copy.pdf"))
    entered = run("enter", *common, str(tmp_path / "anna.json"), *facts, str(tmp_path / "copy.pdf"))
    for other in ("anna.json", "anna2.json"):
        with pytest.raises(RefusedError, match="both entered and confirmed"):
            run("confirm", *common, str(tmp_path / other), entered["file"])
    # What a person signs elsewhere, without the node's configuration, is good for the same file.
    apart = SignedAct.model_validate(run("sign", "--keystore", str(tmp_path / "bo.json"), entered["file"]))
    unconfirmed = parse_statement(Path(entered["file"]).read_bytes(), name="x")
    elsewhere = write_statement(tmp_path / "elsewhere", unconfirmed)
    config = ManualConfig.model_validate({"persons": PERSONS})
    late = apart.model_copy(update={"at": "2999-01-01T00:00:00+00:00"})
    with pytest.raises(RefusedError, match="a time to come"):
        confirm_statement(elsewhere, late, config, recover, datetime.now(UTC), folder=elsewhere.parent)
    confirm_statement(elsewhere, apart, config, recover, datetime.now(UTC), folder=elsewhere.parent)
    [kept] = kept_statements(elsewhere.parent, config, recover)
    assert (kept.entered, kept.confirmed) == ("Anna", "Bo")
    confirmed = run("confirm", *common, str(tmp_path / "bo.json"), entered["file"])
    assert confirmed["confirmed"]["by"] == BO.address
    with pytest.raises(FilingGateError, match="confirmed it already"):
        run("confirm", *common, str(tmp_path / "bo.json"), entered["file"])
    file = parse_statement(Path(entered["file"]).read_bytes(), name="x")
    assert EvidenceStore(tmp_path / "evidence").get(file.statement.evidence or "") == b"%PDF"
    clock = datetime.now(UTC)
    config = ManualConfig.model_validate({"persons": PERSONS})
    store = EvidenceStore(tmp_path / "evidence")
    seen = only(ManualSource(config, store, lambda: clock, recover=recover, base=tmp_path).observe(BOTH))
    assert (seen.kind, seen.title) == (ObservationKind.NOTICE, "entered by Anna, confirmed by Bo")
