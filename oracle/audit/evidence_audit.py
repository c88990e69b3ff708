"""`filing-gate audit --evidence`: each approval and update on chain held against its signers' decisions and evidence.

Takes the changes as the replay of the chain comes by them, and keeps nothing of them but what a log is to be asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from oracle.audit.decision_check import Change, check_decision
from oracle.audit.findings import AuditFinding, AuditReport
from oracle.audit.history import Signatures
from oracle.audit.log_check import Asked, Fetch, check_log
from oracle.audit.witness import Witness, record_of
from oracle.chain.events import Event
from oracle.domain.approval import FilingApproval, FilingUpdate
from oracle.evidence.checkpoint import log_origin
from oracle.evidence.store import sha256_hex

__all__ = ["EvidenceAudit"]

#: Leaves that a log is asked for at once.
ASKED_AT_ONCE = 500


class EvidenceAudit:
    """Checks every change it is told of, and notes in `report`.

    `logs` gives what an operator's log serves, by the operator in lower case; `checkpoints` are notes that somebody saw
    of it earlier.
    """

    def __init__(
        self,
        report: AuditReport,
        witnesses: Sequence[Witness],
        logs: Mapping[str, Fetch] | None = None,
        checkpoints: Mapping[str, Sequence[bytes]] | None = None,
    ) -> None:
        self.report = report
        self._witnesses = witnesses
        self._logs = dict(logs or {})
        self._checkpoints = checkpoints or {}
        self._asked: dict[str, list[Asked]] = {operator: [] for operator in self._logs}

    def changed(
        self, event: Event, message: FilingApproval | FilingUpdate, digest: bytes, signatures: Signatures
    ) -> None:
        """Check one approval or update: what each of its signers decided, and on what."""
        change = Change(message, digest)
        for operator, _ in signatures:
            tell = partial(self._tell, event, operator)
            found = record_of(self._witnesses, operator, change)
            if found is None:
                tell("DECISION-MISSING", None, f"a decision record of {operator} on this change", "none")
            else:
                witness, record = found
                tell("DECISION-MISSING", True, "", "")
                check_decision(change, operator, record, witness.read(record), tell)
            if operator.lower() in self._asked:
                asked = self._asked[operator.lower()]
                asked.append(Asked("signature", "0x" + digest.hex()))
                if found is not None:
                    asked.append(Asked("record", sha256_hex(found[1])))
                if len(asked) >= ASKED_AT_ONCE:
                    self._ask(operator.lower())

    def flush(self) -> None:
        """Ask the logs for what they are still to be asked."""
        for operator, asked in self._asked.items():
            if asked:
                self._ask(operator)

    def ended(self) -> None:
        """What is left, and each log once at least."""
        for operator in self._asked:
            self._ask(operator)

    def _tell(
        self,
        event: Event,
        operator: str,
        ident: str,
        holds: bool | None,
        expected: object,
        found: object,
        place: str = "",
    ) -> None:
        self.report.counted(ident)
        if holds is not True:
            subject = f"0x{event.values['filing'].hex()} {operator} {place}".strip()
            self._add(ident, str(expected), str(found)[:1000], subject, event)

    def _add(self, ident: str, expected: str, found: str, subject: str, event: Event | None = None) -> None:
        finding = AuditFinding(
            ident,
            expected,
            found,
            subject,
            event.block if event is not None else None,
            event.transaction if event is not None else None,
        )
        if event is not None or finding not in self.report.findings:
            self.report.findings.append(finding)

    def _ask(self, operator: str) -> None:
        asked, self._asked[operator] = self._asked[operator], []
        others = self._checkpoints.get(operator, ())
        check = check_log(self._logs[operator], operator=operator, others=others, asked=asked)
        for ident in ("LOG-KEY", "LOG-CHECKPOINT", "LOG-TILES", *(["LOG-FORK"] * len(others))):
            self.report.counted(ident)
        for _ in asked:
            self.report.counted("LOG-MISSING")
            self.report.counted("LOG-PROOF")
        origin = log_origin(self.report.chain_id, self.report.registry, operator)
        if check.checkpoint is not None and check.checkpoint.origin != origin:
            self._add("LOG-KEY", origin, check.checkpoint.origin[:300], operator)
        for item in check.findings:
            self._add(item.id, "a log that holds what its operator signed", item.problem[:1000], operator)
