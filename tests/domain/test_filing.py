"""Filing records and approvals: what is hashed and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from oracle.domain.approval import FilingApproval, FilingUpdate, OperatorSignature, Tranche
from oracle.domain.canonical import canonical_hash
from oracle.domain.filing import FilingRecord, Observation
from oracle.domain.lifecycle import ENDED, MINTABLE, LifeCycle
from tests.samples.dossier import JUNIOR, SENIOR, sample_observation, sample_record

HASH = "0x" + "ab" * 32


def test_record_hash__sample__is_pinned() -> None:
    assert sample_record().record_hash().hex() == "4aa7551fd8767e10cefa4730d87b68ee415da146a801b426763ed9940bb84072"


def test_record_hash__silent_fields__do_not_enter() -> None:
    record = sample_record(units=None, amount=None)
    assert record.record_hash() == canonical_hash(
        {
            "schema": "filing-record/v1",
            "number": "国合函〔2026〕1024号",
            "entityName": "示例(上海)充电科技有限公司",
            "status": "FILED",
            "decisionDate": "2026-09-15",
        }
    )


def test_record_hash__every_field_changed__differs() -> None:
    others: list[dict[str, Any]] = [
        {},
        {"number": "国合函〔2026〕1号"},
        {"name": "另一公司"},
        {"status": LifeCycle.COMPLETED},
        {"decision_date": date(2026, 9, 16)},
        {"units": 1},
        {"amount": {"amount": "1", "ccy": "CNY"}},
        {"valid_until": date(2027, 9, 15)},
    ]
    assert len({sample_record(**changes).record_hash() for changes in others}) == len(others)


def test_record__schema_written_or_left_out__same_hash() -> None:
    stored = sample_record().model_dump_json(by_alias=True)
    assert FilingRecord.model_validate_json(stored).record_hash() == sample_record().record_hash()


def test_observation__stored_and_read__is_equal() -> None:
    seen = sample_observation()
    assert Observation.model_validate_json(seen.model_dump_json(by_alias=True)) == seen


@pytest.mark.parametrize(
    "changes", ({"level": 5}, {"level": -1}, {"fetched_at": "2026-10-12T10:00:00"}, {"sha256": "ab"}, {"colour": "red"})
)
def test_observation__wrong_field__refused(changes: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        sample_observation(**changes)


def test_life_cycle__only_two_states_mint_and_three_end() -> None:
    assert {"FILED", "ISSUING"} == MINTABLE
    assert {"REFUSED", "WITHDRAWN", "REVOKED"} == ENDED


def approval(**changes: Any) -> FilingApproval:
    fields: dict[str, Any] = {
        "filing": HASH,
        "tranches": [Tranche(token=SENIOR, cap=1, decimals=6), Tranche(token=JUNIOR, cap=2**96 - 1, decimals=6)],
        "dossier_hash": HASH,
        "record_hash": HASH,
        "ruleset_hash": HASH,
        "valid_after": 1,
        "valid_until": 2,
        "sequence": 1,
    }
    return FilingApproval.model_validate({**fields, **changes})


def test_approval__ascending_tranches__accepted() -> None:
    assert [tranche.token for tranche in approval().tranches] == [SENIOR, JUNIOR]


@pytest.mark.parametrize(
    "tranches",
    (
        [Tranche(token=JUNIOR, cap=1, decimals=6), Tranche(token=SENIOR, cap=1, decimals=6)],
        [Tranche(token=SENIOR, cap=1, decimals=6), Tranche(token=SENIOR, cap=1, decimals=6)],
    ),
)
def test_approval__tranches_not_ascending__refused(tranches: list[Tranche]) -> None:
    with pytest.raises(ValidationError, match="ascending order"):
        approval(tranches=tranches)


@pytest.mark.parametrize("cap", (0, -1, 2**96, 1.0))
def test_tranche__cap_outside_96_bits__refused(cap: Any) -> None:
    with pytest.raises(ValidationError):
        Tranche(token=SENIOR, cap=cap, decimals=6)


@pytest.mark.parametrize("sequence", (0, 2**53))
def test_approval__sequence_outside_its_range__refused(sequence: int) -> None:
    with pytest.raises(ValidationError):
        approval(sequence=sequence)


@pytest.mark.parametrize("status", (0, 5))
def test_update__status_that_is_none_of_the_registry__refused(status: int) -> None:
    with pytest.raises(ValidationError):
        FilingUpdate(filing=HASH, status=status, record_hash=HASH, valid_until=0, sequence=1, reason=HASH)


@pytest.mark.parametrize(("digits", "good"), ((130, True), (128, True), (129, False), (0, False)))
def test_signature__64_or_65_bytes(digits: int, good: bool) -> None:
    signature = "0x" + "1" * digits
    if good:
        assert OperatorSignature(operator=SENIOR, signature=signature).signature == signature
    else:
        with pytest.raises(ValidationError):
            OperatorSignature(operator=SENIOR, signature=signature)
