"""From verdicts to yes or no: a node rebuilds what is proposed from its own case and compares field by field.

Pure, so that an auditor can replay a stored decision byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any

import orjson

from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, Tranche
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier
from oracle.domain.lifecycle import ENDED, LifeCycle
from oracle.rules import procedures
from oracle.rules.case import SHANGHAI, Case, OfDay, OfDossier, daily, names_of, steady
from oracle.rules.filing import validity
from oracle.rules.table import applied, evaluate, ruleset_hash
from oracle.rules.verdict import Finding, VerdictTable

__all__ = [
    "CLOCK_SKEW_SECONDS",
    "Decision",
    "Difference",
    "FilingOnChain",
    "decide_approval",
    "decide_update",
    "latest_end",
    "planned_tranches",
]

#: How far a proposer's clock may run ahead of this node's.
CLOCK_SKEW_SECONDS = 300


@dataclass(frozen=True)
class FilingOnChain:
    """`filingState` of the registry: status, window in seconds since 1970, sequence. `max_validity` in seconds."""

    status: OnChainStatus
    valid_after: int
    valid_until: int
    sequence: int
    max_validity: int


@dataclass(frozen=True)
class Difference:
    """A field of the proposal that is not what this node would sign."""

    field: str
    proposed: Any
    expected: Any

    def as_json(self) -> dict[str, Any]:
        """Keys field, proposed, expected."""
        return {"field": self.field, "proposed": self.proposed, "expected": self.expected}


@dataclass(frozen=True)
class Decision:
    """The answer to one proposal. Only `approved` may be signed."""

    verdicts: VerdictTable
    differences: tuple[Difference, ...]
    required: tuple[Finding, ...]
    """The findings that stand in the way: those of the table that did not pass, where passing is needed."""

    @property
    def approved(self) -> bool:
        """Whether every needed rule passed and every field is what this node would sign."""
        return not self.required and not self.differences

    def as_json(self) -> dict[str, Any]:
        """Keys approved, verdicts, failed, differences."""
        return {**self._head(), "verdicts": self.verdicts.as_json()}

    def _head(self) -> dict[str, Any]:
        return {
            "approved": self.approved,
            "failed": [finding.as_json() for finding in self.required],
            "differences": [difference.as_json() for difference in self.differences],
        }

    @cached_property
    def canonical(self) -> bytes:
        """RFC 8785 bytes of `as_json`, computed once."""
        return canonical_bytes({**self._head(), "verdicts": orjson.Fragment(self.verdicts.canonical)})


@lru_cache(maxsize=1_024)
def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), SHANGHAI).timestamp())


def planned_tranches(case: Case, chain_id: int) -> tuple[Tranche, ...]:
    """The dossier's tranches on one chain with their caps in base units, ascending by token address."""
    return case.dossier.computed(_by_chain).get(f"eip155:{chain_id}", ())


def _by_chain(dossier: Dossier) -> dict[str, tuple[Tranche, ...]]:
    plan, found = dossier.issue_plan, dict[str, tuple[Tranche, ...]]()
    for item in sorted(plan.tranches, key=lambda item: int(item.contract, 16)):
        tranche = Tranche(token=item.contract, cap=plan.base_units(item.max_units), decimals=plan.decimals)
        found[item.chain] = (*found.get(item.chain, ()), tranche)
    return found


def latest_end(case: Case) -> int:
    """The last second, exclusive, that an approval may reach.

    The end of the offer, of the filing, or of another regulator's document, whichever comes first: it must hold on the
    day of the mint (P2).
    """
    return steady(case, _latest_end)


def _latest_end(case: OfDay) -> int:
    ends = [daily(case, _last_of_dossier)]
    span = validity(case)
    # A term that nobody stated binds by FILE-4 alone, which a committee may switch off.
    if span is not None and not (span.by_analogy and "FILE-4" not in {rule.id for rule in applied(case.policy)}):
        ends.append(_midnight(span.end))
    return min(ends)


def _last_of_dossier(case: OfDossier) -> int:
    documents = [procedures.last_day(case, item) for item in case.dossier.other_procedures]
    offer = case.dossier.issue_plan.offer_end + timedelta(days=1)
    return min(_midnight(end) for end in (offer, *documents) if end is not None)


def _until(case: Case, chain: FilingOnChain, valid_until: int) -> list[Difference]:
    longest = case.now + CLOCK_SKEW_SECONDS + min(case.policy.max_approval_seconds, chain.max_validity)
    limit = min(latest_end(case), longest)
    if case.now < valid_until <= limit:
        return []
    return [Difference("validUntil", valid_until, f"after {case.now} and at most {limit}")]


def _compare(field: str, proposed: Any, expected: Any) -> list[Difference]:
    return [] if proposed == expected else [Difference(field, proposed, expected)]


def _tranches(proposed: tuple[Tranche, ...], expected: tuple[Tranche, ...]) -> list[Difference]:
    if proposed == expected:
        return []
    return _compare(
        "tranches",
        [tranche.model_dump(mode="json", by_alias=True) for tranche in proposed],
        [tranche.model_dump(mode="json", by_alias=True) for tranche in expected],
    )


def _record(case: Case, verdicts: VerdictTable, proposed: str) -> list[Difference]:
    record = case.standing.record
    if record is None and not verdicts.all_pass:
        return []  # the rules say already that no publication was found
    return _compare("recordHash", proposed, "0x" + record.record_hash().hex() if record else None)


#: By a node's own record nothing more is issued in these, whatever the dossier says (regulation 7c).
_CLOSED = ENDED | {LifeCycle.SUSPENDED, LifeCycle.COMPLETED}


def _by_record(case: Case) -> list[Difference]:
    if case.state not in _CLOSED:
        return []
    suspended = case.state is LifeCycle.SUSPENDED
    wanted = "a resumption by a quorum on chain" if suspended else "nothing: no more is issued in this state"
    return [Difference("state by this node's record", case.state.value, wanted)]


def decide_approval(case: Case, chain_id: int, chain: FilingOnChain, proposed: FilingApproval) -> Decision:
    """Whether this node signs the proposed approval: all rules pass and every field equals its own."""
    verdicts = evaluate(case)
    differences = [
        *_compare("filing", proposed.filing, names_of(case.dossier).filing),
        *_tranches(proposed.tranches, planned_tranches(case, chain_id)),
        *_compare("dossierHash", proposed.dossier_hash, "0x" + case.dossier.dossier_hash().hex()),
        *_record(case, verdicts, proposed.record_hash),
        *_compare("rulesetHash", proposed.ruleset_hash, "0x" + ruleset_hash(case.policy).hex()),
        *_compare("sequence", proposed.sequence, chain.sequence + 1),
        *_until(case, chain, proposed.valid_until),
    ]
    earliest = _midnight(case.dossier.issue_plan.first_issue_not_before)
    # A proposal that waited for a node that was down keeps its bytes: others have signed them and sign no other.
    oldest = case.now - CLOCK_SKEW_SECONDS - case.policy.max_approval_seconds
    if not max(earliest, oldest) <= proposed.valid_after <= max(earliest, case.now + CLOCK_SKEW_SECONDS):
        differences.append(Difference("validAfter", proposed.valid_after, f"about {max(earliest, case.now)}"))
    if chain.status not in (OnChainStatus.NONE, OnChainStatus.APPROVED):
        differences.append(
            Difference("status on chain", chain.status.name, "NONE or APPROVED; a suspension is lifted by an update")
        )
    differences += _by_record(case)
    return Decision(verdicts, tuple(differences), verdicts.not_passed)


def decide_update(case: Case, chain: FilingOnChain, proposed: FilingUpdate) -> Decision:
    """Whether this node signs the proposed update.

    Renew and resume need all rules; revoke needs the regulator's own withdrawal or revocation; complete needs a
    completion report in the dossier. A quorum does not suspend: any one operator may, at once.
    """
    verdicts = evaluate(case)
    differences = [
        *_compare("filing", proposed.filing, names_of(case.dossier).filing),
        *_compare("sequence", proposed.sequence, chain.sequence + 1),
    ]
    if chain.status not in (OnChainStatus.APPROVED, OnChainStatus.SUSPENDED):
        differences.append(Difference("status on chain", chain.status.name, "APPROVED or SUSPENDED"))
    required: tuple[Finding, ...] = ()
    if proposed.status == OnChainStatus.APPROVED:
        required = verdicts.not_passed
        differences += _record(case, verdicts, proposed.record_hash)
        differences += _until(case, chain, proposed.valid_until)
        # What is suspended on chain is what this would resume: the rules alone decide.
        if not (chain.status is OnChainStatus.SUSPENDED and case.state is LifeCycle.SUSPENDED):
            differences += _by_record(case)
    else:
        differences += _compare("validUntil", proposed.valid_until, 0)
        differences += _ending(case, proposed)
    return Decision(verdicts, tuple(differences), required)


def _ending(case: Case, proposed: FilingUpdate) -> list[Difference]:
    if proposed.status == OnChainStatus.REVOKED:
        if case.standing.status in ENDED:
            return []
        seen = case.standing.status.value if case.standing.status else "nothing certain"
        return [Difference("status", "REVOKED", f"the regulator's own withdrawal or revocation; observed: {seen}")]
    if proposed.status == OnChainStatus.COMPLETED:
        reports = case.dossier.post_filing.reports
        if any(report.kind == "COMPLETION" and report.reported_on for report in reports):
            return []
        return [Difference("status", "COMPLETED", "a COMPLETION report with reportedOn in postFiling.reports")]
    return [
        Difference(
            "status",
            OnChainStatus(proposed.status).name,
            "a suspension is one operator's own act: `filing-gate suspend`",
        )
    ]
