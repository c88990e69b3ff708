"""eth-account's opinion of a signature: the same signer as ours for all that operators sign, and a finding if not."""

from __future__ import annotations

import pytest

from oracle.audit.second_opinion import second_signer
from oracle.domain.approval import FilingApproval, FilingUpdate, Suspension, Tranche
from oracle.signing.eip712 import Domain, approval_digest, suspension_digest, update_digest
from oracle.signing.keys import KeySigner
from tests.audit.full_history import Recording
from tests.chain.small_world import some_hash
from tests.contracts.chain_fixture import compact

DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
KEY = KeySigner(b"\x07" * 32)
TRANCHES = tuple(Tranche(token="0x" + digit * 40, cap=10**27, decimals=18) for digit in ("3", "4"))
APPROVAL = FilingApproval(
    filing=some_hash("f"),
    tranches=TRANCHES,
    dossier_hash=some_hash("d"),
    record_hash=some_hash("r"),
    ruleset_hash=some_hash("s"),
    valid_after=1,
    valid_until=2**40,
    sequence=3,
)
UPDATE = FilingUpdate(
    filing=some_hash("f"), status=1, record_hash=some_hash("r"), valid_until=9, sequence=4, reason=some_hash("w")
)
SUSPENSION = Suspension(filing=some_hash("f"), sequence=4, reason=some_hash("w"))


@pytest.mark.parametrize("form", (bytes, compact))
@pytest.mark.parametrize(
    ("message", "digest"),
    (
        (APPROVAL, approval_digest(DOMAIN, APPROVAL)),
        (UPDATE, update_digest(DOMAIN, UPDATE)),
        (SUSPENSION, suspension_digest(DOMAIN, SUSPENSION)),
    ),
)
def test_second_signer__own_signature__is_the_signer(message, digest, form) -> None:
    assert second_signer(DOMAIN, message, form(KEY.sign(digest))) == KEY.address


def test_second_signer__another_chain__is_another_signer() -> None:
    signature = KEY.sign(approval_digest(DOMAIN, APPROVAL))
    assert second_signer(Domain(1, DOMAIN.registry), APPROVAL, signature) != KEY.address


def test_second_signer__no_signature__says_why() -> None:
    assert second_signer(DOMAIN, APPROVAL, b"\0" * 65).startswith("no signature: ")


def test_history__second_opinion_differs__is_a_finding(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.audit.history.SAMPLE", 1)
    report, _ = recording.replayed(second=lambda domain, message, signature: "0x" + "99" * 20)
    assert {finding.id for finding in report.findings} == {"SIGNATURE-SECOND"}
    assert len(report.findings) == report.checks["SIGNATURE-INVALID"]
