"""`audit --evidence` over one approval's material: each single tampering gives exactly the ids beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oracle.audit.bundle_file import unpack
from oracle.audit.chain_statement import ChainStatement
from oracle.audit.decision_check import DECISION_CHECKS
from oracle.audit.evidence_audit import EvidenceAudit
from oracle.audit.findings import FINDINGS, AuditReport
from oracle.audit.held_files import held_store
from oracle.audit.witness import StoreWitness
from oracle.evidence.store import sha256_hex
from tests.audit.forged_bundle import KEPT, Forged
from tests.audit.test_bundle_tampered import CASES

#: Ids that a bundle's checks give and an audit over evidence does not.
NOT_HERE = {"EVIDENCE-MANIFEST", "STAMP", "BUNDLE-OPERATOR", "CHAIN-CALL", "CHAIN-DIGEST", "BUNDLE-SUBJECT"}


def audited(forged: Forged) -> AuditReport:
    """What the audit says of the chain as it is, with each signer's files as they are now."""
    stated = ChainStatement.model_validate_json(unpack(KEPT)["chain.json"])
    submitted = stated.submitted()
    report = AuditReport(stated.chain_id, stated.registry, 0, 0)
    witnesses = []
    for signer in forged.signers:
        folder = f"operators/{signer}/"
        files = {
            name.rpartition("/")[2]: data for name, data in forged.files.items() if name.startswith(folder + "files/")
        }
        record = forged.files.get(folder + "decision.json")
        if record is not None:
            files[sha256_hex(record)] = record
        witnesses.append(StoreWitness(held_store(files)))
    audit = EvidenceAudit(report, witnesses)
    audit.changed(submitted.event, submitted.change.message, submitted.change.digest, submitted.signatures)
    audit.ended()
    return report


def ids(report: AuditReport) -> set[str]:
    return {finding.id for finding in report.findings}


def test_audit__untouched__no_finding_and_everything_counted() -> None:
    report = audited(Forged())
    assert report.findings == []
    assert set(report.checks) == set(DECISION_CHECKS)
    assert report.checks["DECISION-REPLAY"] == 2
    assert report.checks["EVIDENCE-PARSE"] == 4


#: The bundle's own cases of decisions and evidence: an audit finds the same.
SHARED = [
    case
    for case, (expected, _) in CASES.items()
    if any(name.startswith(("DECISION-", "EVIDENCE-")) for name in expected) and not expected & NOT_HERE
]


def test_shared_cases__are_many() -> None:
    assert len(SHARED) >= 20


#: Found otherwise: a record that is not about the change, or another's, is no record of the signer on it.
OTHERWISE = {
    "decision of another operator": {"DECISION-MISSING"},
    "decision unreadable": {"DECISION-MISSING"},
    # A file that no decision rests on is not this audit's matter: `evidence verify` finds it.
    "a configuration's byte changed": set(),
    "a stamped manifest's byte changed": set(),
    "a time stamp's byte changed": set(),
    "a dossier's byte changed": {"DECISION-DOSSIER"},
}


@pytest.mark.parametrize("case", SHARED)
def test_audit__one_thing_falsified__exactly_these_findings(case: str) -> None:
    expected, falsify = CASES[case]
    forged = Forged()
    falsify(forged)
    report = audited(forged)
    assert ids(report) == OTHERWISE.get(case, expected)
    for finding in report.findings:
        assert finding.block == 4
        assert finding.transaction
        assert finding.as_json()["title"] == FINDINGS[finding.id][1]


GONE: dict[str, tuple[set[str], Callable[[Forged], object]]] = {
    "decision": ({"DECISION-MISSING"}, lambda b: b.files.pop(b.name("decision.json"))),
    "dossier": ({"DECISION-DOSSIER"}, lambda b: b.files.pop(b.of_kind(b'{"assets":')[0])),
    "captures": ({"EVIDENCE-MISSING"}, lambda b: [b.files.pop(name) for name in b.of_kind(b"WARC/1.1")]),
    "rules": ({"DECISION-RULES"}, lambda b: b.decided(lambda d: d["ruleset"].update(version="csrc-2020-1/1"))),
    "sequence": ({"DECISION-MISSING"}, lambda b: b.decided(lambda d: d["proposed"].update(sequence=2))),
}


@pytest.mark.parametrize("case", GONE)
def test_audit__something_gone__found(case: str) -> None:
    expected, leave_out = GONE[case]
    forged = Forged()
    leave_out(forged)
    assert ids(audited(forged)) == expected


def test_audit__every_id__is_found_by_a_case() -> None:
    found = [OTHERWISE.get(case, CASES[case][0]) for case in SHARED]
    made = set().union(*found, *(expected for expected, _ in GONE.values()))
    unreadable = {"DECISION-UNREADABLE", "DECISION-SIGNATURE"}  # of a record that is named for the change
    assert made | unreadable == set(DECISION_CHECKS)
