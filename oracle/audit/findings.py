"""What an audit says: checks made and deviations found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from oracle import __version__
from oracle.audit.decision_check import DECISION_CHECKS
from oracle.audit.log_check import LOG_FINDINGS

__all__ = ["FINDINGS", "AuditFinding", "AuditReport"]

#: Every deviation that can be named: id -> (severity, what it means). Ids never change their meaning.
FINDINGS: dict[str, tuple[str, str]] = {
    "COMMITTEE-MISSING": ("critical", "the registry announced no committee"),
    "COMMITTEE-EPOCH": ("critical", "the committee's number is not 1 at first and one more at each change"),
    "COMMITTEE-CHANGE": ("critical", "the committee changed in a way that its rules don't know"),
    "COMMITTEE-UNANNOUNCED": ("critical", "a change that widens trust was not announced, or did not wait"),
    "COMMITTEE-DELAY": ("critical", "an announcement or a retention does not last as long as the registry says"),
    "COMMITTEE-OWNER": ("critical", "the ownership of the committee changed otherwise than its events tell"),
    "COMMITTEE-STATE": ("critical", "the committee read from the registry is not the one its events give"),
    "COMMITTEE-DEPLOYMENT": ("high", "the first committee is not the one of the deployment file"),
    "CALL-UNREADABLE": ("high", "the signatures behind a change can't be read from its transaction"),
    "CALL-MISMATCH": ("critical", "the event does not say what the transaction submitted"),
    "SIGNATURE-COUNT": ("critical", "a change carries fewer or more signatures than the threshold"),
    "SIGNATURE-ORDER": ("critical", "signatures are not strictly ascending by operator"),
    "SIGNATURE-SEAT": ("critical", "an operator and one whom it replaced both signed one change"),
    "SIGNATURE-INVALID": ("critical", "a signature is not the named operator's over this change"),
    "SIGNATURE-SECOND": ("critical", "eth-account recovers another signer than our own code"),
    "SIGNATURE-STRANGER": ("critical", "a signature is by nobody of the committee"),
    "SEQUENCE": ("critical", "a filing's sequence did not grow by one"),
    "WINDOW": ("critical", "an approval's window is empty, past, or longer than the registry allows"),
    "TRANSITION": ("critical", "a filing changed from a state that allows no such change"),
    "TRANCHE-REBOUND": ("critical", "a token moved from one filing to another"),
    "CAP-BELOW-ISSUED": ("critical", "a cap was set below what was issued"),
    "ISSUE-UNAPPROVED": ("critical", "a token issued without an approval"),
    "ISSUE-OUTSIDE-WINDOW": ("critical", "a token issued outside its filing's window"),
    "ISSUE-STATUS": ("critical", "a token issued while its filing was not approved"),
    "ISSUE-OVER-CAP": ("critical", "a token issued more than its cap"),
    "ISSUE-COUNT": ("critical", "the running total in an event is not the sum of what was issued"),
    "MINT-UNCOVERED": ("critical", "a token minted other than what it consumed from its filing"),
    "SUPPLY": ("critical", "total supply is not mints less burns"),
    "STATE-FILING": ("critical", "a filing's state read from the registry is not what its events give"),
    "STATE-TRANCHE": ("critical", "a tranche's state read from the registry is not what its events give"),
    "CODE-REGISTRY": ("critical", "the registry's code is not this build's"),
    "CODE-TOKEN": ("critical", "a token's code is not this build's"),
    "TOKEN-REGISTRY": ("critical", "a token is gated by another registry"),
    "TOKEN-IMMUTABLES": ("critical", "a value built into a token's code differs from place to place"),
    "TOKEN-UNLISTED": ("high", "an approval names a token that the deployment file does not"),
    "TOKEN-DECIMALS": ("high", "a token's decimals are not those of the approval or of the deployment file"),
    "BALANCE": ("critical", "an account gave more of a token than it ever received"),
    "ROLE-STATE": ("critical", "who holds a role of a token is not who its events say"),
    "NODES-DIFFER": ("critical", "two nodes tell different things of the same chain"),
    "LOG-UNREADABLE": ("critical", "a log bears an event's name with values that don't fit it"),
    "CREATION": ("high", "the registry was not created as the deployment file says, or not by this build's code"),
    "REGISTRY-IMMUTABLES": ("critical", "a value built into the registry's code is not the one of the deployment"),
    # Only with evidence: what each signer decided and on what, and whether its log has it.
    **DECISION_CHECKS,
    **{name: ("critical", meaning) for name, meaning in LOG_FINDINGS.items() if name != "LOG-ENTRIES"},
}


@dataclass(frozen=True)
class AuditFinding:
    """One deviation: a stable id, what was expected, what was found, and where."""

    id: str
    expected: str
    found: str
    subject: str
    block: int | None = None
    transaction: str | None = None

    @property
    def severity(self) -> str:
        """critical or high."""
        return FINDINGS[self.id][0]

    def as_json(self) -> dict[str, Any]:
        """Keys id, severity, title, subject, expected, found, block, transaction."""
        return {
            "id": self.id,
            "severity": self.severity,
            "title": FINDINGS[self.id][1],
            "subject": self.subject,
            "expected": self.expected,
            "found": self.found,
            "block": self.block,
            "transaction": self.transaction,
        }


@dataclass
class AuditReport:
    """The whole result. `checks` counts what was verified, by name."""

    chain_id: int
    registry: str
    first_block: int
    last_block: int
    checks: dict[str, int] = field(default_factory=dict)
    findings: list[AuditFinding] = field(default_factory=list)
    filings: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    last_block_hash: str | None = None
    #: Time of the last block, seconds since 1970: what the report calls "now".
    last_block_time: int = 0
    committee: dict[str, Any] = field(default_factory=dict)
    #: Calls that need a right, as their events tell, and how many more there were than are listed.
    privileged: list[dict[str, Any]] = field(default_factory=list)
    privileged_omitted: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing deviates."""
        return not self.findings

    def counted(self, check: str) -> None:
        """Note that a check was made once."""
        self.checks[check] = self.checks.get(check, 0) + 1

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object; amounts are decimal strings."""
        return {
            "schema": "audit-report/v1",
            "chainId": self.chain_id,
            "registry": self.registry,
            "firstBlock": self.first_block,
            "lastBlock": self.last_block,
            "lastBlockHash": self.last_block_hash,
            "lastBlockTime": self.last_block_time,
            "software": f"filing-gate/{__version__}",
            "clean": self.clean,
            "checks": self.checks,
            "committee": self.committee,
            "filings": self.filings,
            "tokens": self.tokens,
            "privileged": self.privileged,
            "privilegedOmitted": self.privileged_omitted,
            "findings": [finding.as_json() for finding in self.findings],
        }
