"""The registry's history replayed from its events: who sat in the committee, how each filing and tranche stood when.

Pure: events, calls and block times come in, findings go out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from oracle.audit.committee_history import CHECKS, CURRENT, CommitteeHistory
from oracle.audit.findings import AuditFinding, AuditReport
from oracle.chain.events import Event
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, Suspension, Tranche
from oracle.signing.eip712 import Domain, approval_digest, suspension_digest, update_digest
from oracle.signing.recovery import InvalidSignature, recover

__all__ = [
    "Call",
    "FilingHistory",
    "History",
    "Message",
    "SAMPLE",
    "Signatures",
    "TrancheHistory",
    "approval_of",
    "concerns",
    "update_of",
]

#: A call of the registry: (its sender, function name, arguments).
Call = tuple[str, str, tuple[Any, ...]]

#: (operator, signature) each.
Signatures = tuple[tuple[str, bytes], ...]

#: What operators sign.
Message = FilingApproval | FilingUpdate | Suspension

#: One signature in so many is recovered once more by other code: those whose digest ends with a multiple of it.
SAMPLE = 64


#: Where a call's struct holds the sequence.
_SEQUENCE = {"approve": 7, "update": 4}

#: Statuses that an update may set, by whether the filing is approved before.
_TARGETS = {
    True: (OnChainStatus.APPROVED, OnChainStatus.SUSPENDED, OnChainStatus.REVOKED, OnChainStatus.COMPLETED),
    False: (OnChainStatus.APPROVED, OnChainStatus.REVOKED, OnChainStatus.COMPLETED),
}


@dataclass
class FilingHistory:
    """A filing as its events give it."""

    status: OnChainStatus = OnChainStatus.NONE
    valid_after: int = 0
    valid_until: int = 0
    sequence: int = 0


@dataclass
class TrancheHistory:
    """A tranche as its events give it."""

    filing: bytes
    cap: int
    issued: int = 0
    decimals: int = 0


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()


def approval_of(values: dict[str, Any]) -> FilingApproval:
    """The approval that an event FilingApproved tells. ValidationError if it is no well-formed one."""
    return FilingApproval(
        filing=_hex(values["filing"]),
        tranches=tuple(Tranche(token=token, cap=cap, decimals=decimals) for token, cap, decimals in values["tranches"]),
        dossier_hash=_hex(values["dossierHash"]),
        record_hash=_hex(values["recordHash"]),
        ruleset_hash=_hex(values["rulesetHash"]),
        valid_after=values["validAfter"],
        valid_until=values["validUntil"],
        sequence=values["sequence"],
    )


def update_of(values: dict[str, Any]) -> FilingUpdate:
    """The update that an event FilingUpdated tells. ValidationError if it is no well-formed one."""
    return FilingUpdate(
        filing=_hex(values["filing"]),
        status=values["status"],
        record_hash=_hex(values["recordHash"]),
        valid_until=values["validUntil"],
        sequence=values["sequence"],
        reason=_hex(values["reason"]),
    )


def concerns(call: Call, event: Event) -> bool:
    """Whether a call can have made this event, by what names the event: the filing and its new sequence.

    The first such call made it: a repeat of it afterwards passes without effect, whatever signatures it bears.
    """
    sender, name, arguments = call
    values = event.values
    if name == "suspend":
        return (sender.lower(), *arguments) == (values["operator"].lower(), values["filing"], values["reason"])
    struct = arguments[0]
    sequence = struct[1] + 1 if name == "suspendBySig" else struct[_SEQUENCE[name]]
    return bool(struct[0] == values["filing"] and sequence == values["sequence"])


@dataclass
class History:
    """Replays events in chain order and notes every deviation in `report`."""

    report: AuditReport
    domain: Domain
    max_validity: int
    #: All calls of the registry in the event's transaction, in their order.
    calls_of: Callable[[Event], list[Call]]
    time_of: Callable[[int], int]
    #: Whether a contract accepts a signature by ERC-1271: (operator, digest, signature, block). A string says why it
    #: can't be asked.
    accepts: Callable[[str, bytes, bytes, int], bool | str]
    committee: CommitteeHistory = field(default_factory=CommitteeHistory)
    #: Asked about one signature in `SAMPLE`: who signed a proposal, by code that is not ours.
    second: Callable[[Domain, Message, bytes], str] | None = None
    #: Told of each approval and update whose signatures were read: (event, what was signed, digest, signatures).
    changed: Callable[[Event, FilingApproval | FilingUpdate, bytes, Signatures], None] | None = None
    filings: dict[bytes, FilingHistory] = field(default_factory=dict)
    tranches: dict[str, TrancheHistory] = field(default_factory=dict)

    def replay(self, events: list[Event]) -> None:
        """Apply all events of the registry, from first to last."""
        for event in events:
            self.apply(event)
        self.ended()

    def apply(self, event: Event) -> None:
        """Apply the next event of the registry."""
        step = _STEPS.get(event.name)
        if step is not None:
            step(self, event)

    def ended(self) -> None:
        """Note what never happened."""
        if not self.committee.epoch:
            self._deviation("COMMITTEE-MISSING", None, "an event CommitteeChanged", "none", self.report.registry)

    def _deviation(self, name: str, event: Event | None, expected: object, found: object, subject: str) -> None:
        self.report.findings.append(
            AuditFinding(
                name,
                str(expected),
                str(found),
                subject,
                event.block if event else None,
                event.transaction if event else None,
            )
        )

    def _check(self, name: str, holds: bool, event: Event, expected: object, found: object, subject: str) -> None:
        self.report.counted(name)
        if not holds:
            self._deviation(name, event, expected, found, subject)

    def _committee(self, event: Event) -> None:
        for name in CHECKS[event.name]:
            self.report.counted(name)
        deviations = self.committee.apply(event.name, event.values, self.time_of(event.block))
        for name, expected, found in deviations:
            self._deviation(name, event, expected, found, self.report.registry)

    # Signatures

    def _quorum(
        self, event: Event, message: FilingApproval | FilingUpdate, digest: bytes, signatures: Signatures
    ) -> None:
        subject, threshold = _hex(event.values["filing"]), self.committee.threshold
        self._check("SIGNATURE-COUNT", len(signatures) == threshold, event, threshold, len(signatures), subject)
        operators = [operator for operator, _ in signatures]
        ascending = all(left < right for left, right in pairwise(int(operator, 16) for operator in operators))
        self._check("SIGNATURE-ORDER", ascending, event, "strictly ascending", operators, subject)
        seats = {self.committee.seat_of(operator) for operator in operators}
        self._check("SIGNATURE-SEAT", len(seats) == len(set(operators)), event, "a seat each", operators, subject)
        for operator, signature in signatures:
            self._counts(event, operator, subject)
            self._signature(event, message, digest, operator, signature, subject)
        if self.changed is not None:
            self.changed(event, message, digest, signatures)

    def _counts(self, event: Event, operator: str, subject: str, *, current: bool = False) -> None:
        """The signature of a current operator counts, and of a retained one unless `current` is asked for."""
        until = self.committee.counts_until(operator, self.time_of(event.block))
        holds = until == CURRENT if current else until != 0
        self._check("SIGNATURE-STRANGER", holds, event, "a member of the committee", operator, subject)

    def _signature(
        self, event: Event, message: Message, digest: bytes, operator: str, signature: bytes, subject: str
    ) -> None:
        try:
            signer = recover(digest, signature)
        except InvalidSignature as error:
            signer = f"no signature: {error}"
        holds = signer.lower() == operator.lower()
        if not holds:
            accepted = self.accepts(operator, digest, signature, event.block)
            if isinstance(accepted, str):
                signer = f"{signer}; as a contract: {accepted}"
            else:
                holds = accepted
        self._check("SIGNATURE-INVALID", holds, event, operator, signer, subject)
        if self.second is not None and digest[-1] % SAMPLE == 0 and signer.lower() == operator.lower():
            other = self.second(self.domain, message, signature)
            self._check("SIGNATURE-SECOND", other == signer, event, signer, other, subject)

    def _call(self, event: Event, *names: str) -> Call | None:
        """The call that made the event: one of its filing and sequence; if there is none, the first of that name."""
        made = self.calls_of(event)
        calls = [call for call in made if call[1] in names]
        self._check(
            "CALL-UNREADABLE",
            bool(calls),
            event,
            f"a call of {' or '.join(names)}",
            " and ".join(call[1] for call in made) or "no call of the registry that can be read",
            _hex(event.values["filing"]),
        )
        return next((call for call in calls if concerns(call, event)), calls[0] if calls else None)

    # Filings

    def _approved(self, event: Event) -> None:
        values, subject = event.values, _hex(event.values["filing"])
        filing = self.filings.setdefault(values["filing"], FilingHistory())
        call = self._call(event, "approve")
        if call is not None:
            self._approval_call(event, call)
        allowed = filing.status in (OnChainStatus.NONE, OnChainStatus.APPROVED)
        self._check("TRANSITION", allowed, event, "NONE or APPROVED before an approval", filing.status.name, subject)
        self._advance(event, filing)
        self._window(event, values["validAfter"], values["validUntil"], subject)
        filing.status = OnChainStatus.APPROVED
        filing.valid_after, filing.valid_until = values["validAfter"], values["validUntil"]
        for token, cap, decimals in values["tranches"]:
            self._tranche(event, token, cap, decimals)

    def _approval_call(self, event: Event, call: Call) -> None:
        values, subject = event.values, _hex(event.values["filing"])
        (filing, tranches, dossier, record, ruleset, after, until, sequence), signatures = call[2]
        submitted = (filing, tuple(tranches), dossier, record, ruleset, after, until, sequence)
        published = (
            values["filing"],
            tuple(values["tranches"]),
            values["dossierHash"],
            values["recordHash"],
            values["rulesetHash"],
            values["validAfter"],
            values["validUntil"],
            values["sequence"],
        )
        self._check("CALL-MISMATCH", submitted == published, event, submitted, published, subject)
        try:
            approval = approval_of(values)
        except ValidationError as error:
            self._deviation("CALL-MISMATCH", event, "a well-formed approval", error.errors()[0]["msg"], subject)
            return
        self._quorum(event, approval, approval_digest(self.domain, approval), signatures)

    def _tranche(self, event: Event, token: str, cap: int, decimals: int) -> None:
        token = token.lower()
        known = self.tranches.setdefault(token, TrancheHistory(event.values["filing"], cap))
        self._check(
            "TRANCHE-REBOUND",
            known.filing == event.values["filing"],
            event,
            _hex(known.filing),
            _hex(event.values["filing"]),
            token,
        )
        self._check("CAP-BELOW-ISSUED", cap >= known.issued, event, f"at least {known.issued}", cap, token)
        known.cap, known.decimals = cap, decimals

    def _updated(self, event: Event) -> None:
        values, subject = event.values, _hex(event.values["filing"])
        filing = self.filings.setdefault(values["filing"], FilingHistory())
        call = self._call(event, "update")
        if call is not None:
            submitted, signatures = call[2]
            published = tuple(
                values[key] for key in ("filing", "status", "recordHash", "validUntil", "sequence", "reason")
            )
            self._check("CALL-MISMATCH", tuple(submitted) == published, event, submitted, published, subject)
            self._update_call(event, signatures)
        allowed = filing.status in (OnChainStatus.APPROVED, OnChainStatus.SUSPENDED)
        self._check("TRANSITION", allowed, event, "APPROVED or SUSPENDED before an update", filing.status.name, subject)
        self._advance(event, filing)
        if values["status"] in _TARGETS[filing.status is OnChainStatus.APPROVED]:
            filing.status = OnChainStatus(values["status"])
        else:
            self._deviation("TRANSITION", event, "a status that an update may set", values["status"], subject)
        if values["status"] == OnChainStatus.APPROVED:
            self._window(event, filing.valid_after, values["validUntil"], subject)
            filing.valid_until = values["validUntil"]
        else:
            self._check("WINDOW", values["validUntil"] == 0, event, 0, values["validUntil"], subject)

    def _update_call(self, event: Event, signatures: Signatures) -> None:
        values, subject = event.values, _hex(event.values["filing"])
        try:
            change = update_of(values)
        except ValidationError as error:
            self._deviation("CALL-MISMATCH", event, "a well-formed update", error.errors()[0]["msg"], subject)
            return
        self._quorum(event, change, update_digest(self.domain, change), signatures)

    def _suspended(self, event: Event) -> None:
        values, subject = event.values, _hex(event.values["filing"])
        filing = self.filings.setdefault(values["filing"], FilingHistory())
        call = self._call(event, "suspend", "suspendBySig")
        self._counts(event, values["operator"], subject, current=call is not None and call[1] == "suspend")
        if call is not None:
            self._suspension_call(event, call)
        self._check(
            "TRANSITION",
            filing.status is OnChainStatus.APPROVED,
            event,
            "APPROVED before a suspension",
            filing.status.name,
            subject,
        )
        self._advance(event, filing)
        filing.status = OnChainStatus.SUSPENDED

    def _suspension_call(self, event: Event, call: Call) -> None:
        values, subject = event.values, _hex(event.values["filing"])
        published = (values["operator"].lower(), values["filing"], values["sequence"], values["reason"])
        if call[1] == "suspend":
            # As sender an operator gives no sequence: it stops the filing as it stands.
            submitted = (call[0].lower(), call[2][0], values["sequence"], call[2][1])
        else:
            (filing, sequence, reason), (operator, signature) = call[2]
            submitted = (operator.lower(), filing, sequence + 1, reason)
            try:
                suspension = Suspension(filing=_hex(filing), sequence=sequence, reason=_hex(reason))
            except ValidationError as error:
                self._deviation("CALL-MISMATCH", event, "a well-formed suspension", error.errors()[0]["msg"], subject)
                return
            digest = suspension_digest(self.domain, suspension)
            self._signature(event, suspension, digest, operator, signature, subject)
        self._check("CALL-MISMATCH", submitted == published, event, submitted, published, subject)

    def _advance(self, event: Event, filing: FilingHistory) -> None:
        given, subject = event.values["sequence"], _hex(event.values["filing"])
        self._check("SEQUENCE", given == filing.sequence + 1, event, filing.sequence + 1, given, subject)
        filing.sequence = given

    def _window(self, event: Event, after: int, until: int, subject: str) -> None:
        now = self.time_of(event.block)
        holds = after < until and now < until <= now + self.max_validity
        self._check(
            "WINDOW",
            holds,
            event,
            f"validAfter < validUntil, {now} < validUntil <= {now + self.max_validity}",
            (after, until),
            subject,
        )

    # Issuing

    def _issued(self, event: Event) -> None:
        token, amount = event.values["token"].lower(), event.values["amount"]
        tranche = self.tranches.get(token)
        key = event.values["filingKey"].to_bytes(8, "big")
        bound = tranche is not None and tranche.filing[:8] == key
        self._check("ISSUE-UNAPPROVED", bound, event, "a tranche of this filing", _hex(key), token)
        if tranche is None:
            return
        filing = self.filings[tranche.filing]
        now = self.time_of(event.block)
        inside = filing.valid_after <= now < filing.valid_until
        self._check("ISSUE-OUTSIDE-WINDOW", inside, event, f"[{filing.valid_after}, {filing.valid_until})", now, token)
        self._check(
            "ISSUE-STATUS", filing.status is OnChainStatus.APPROVED, event, "APPROVED", filing.status.name, token
        )
        tranche.issued += amount
        self._check(
            "ISSUE-OVER-CAP", tranche.issued <= tranche.cap, event, f"at most {tranche.cap}", tranche.issued, token
        )
        self._check(
            "ISSUE-COUNT",
            event.values["issued"] == tranche.issued,
            event,
            tranche.issued,
            event.values["issued"],
            token,
        )


_STEPS: dict[str, Callable[[History, Event], None]] = {
    **dict.fromkeys(CHECKS, History._committee),
    "FilingApproved": History._approved,
    "FilingUpdated": History._updated,
    "FilingSuspended": History._suspended,
    "Issued": History._issued,
}
