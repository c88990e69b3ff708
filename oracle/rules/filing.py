"""Is the filing (备案) there, fresh, the same as the dossier's, in force, and uncontradicted? (P4 to P7)

These rules believe only what was observed; the dossier's own filing block is compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from oracle.domain.fields import Money, exact
from oracle.domain.filing import Observation, ObservationKind
from oracle.domain.lifecycle import ENDED, MINTABLE
from oracle.domain.names import fold_name, parse_number
from oracle.errors import InputError
from oracle.rules.calendar_months import months_after
from oracle.rules.case import Case, OfDay
from oracle.rules.verdict import Basis, DayRule, Outcome, Rule, failed, passed, unclear

__all__ = ["CLOCK_SKEW_SECONDS", "RULES", "Validity", "last_day", "validity"]

#: A sighting may lie this far in the future before it is doubted: two well-kept clocks differ by less.
CLOCK_SKEW_SECONDS = 300


def file_1(case: OfDay) -> Outcome:
    """P4, P6: the filing is complete, in the dossier and as published. Received or 补充材料 is not filed."""
    own, standing = case.dossier.filing.status, case.standing
    if own not in MINTABLE:
        return failed(f"filing.status of the dossier is {own.value}; only FILED or ISSUING may issue")
    if standing.status is None:
        return unclear(f"how filing.filingNumber {case.number} stands is not known: {standing.reason}")
    if standing.status not in MINTABLE:
        seen = standing.observation
        raw = f" ({seen.raw_status or seen.title or 'no wording kept'}, source {seen.source})" if seen else ""
        return failed(f"the filing stands at {standing.status.value}{raw}, though filing.status says {own.value}")
    return passed(f"{case.number} stands at {standing.status.value}: {standing.reason}")


def file_2(case: Case) -> Outcome:
    """P7: an official publication was seen (level as the policy asks), and recently (freshness is policy)."""
    seen, policy = case.standing.observation, case.policy
    if seen is None:
        best = max((item.level for item in case.observations), default=None)
        found = "nothing was observed" if best is None else f"the best evidence level seen is {best}"
        return unclear(f"no observation of level {policy.min_level} supports a status of this filing; {found}")
    age = case.age(seen)
    level = seen.level if case.standing.level is None else case.standing.level
    if level < policy.min_level:
        return unclear(
            f"the observation of source {seen.source} has level {level}, the policy asks for {policy.min_level}"
        )
    if age < -CLOCK_SKEW_SECONDS:
        return unclear(
            f"fetchedAt of source {seen.source} is {seen.fetched_at}, {-age} s in the future: check the clocks"
        )
    if age > policy.freshness_seconds:
        return unclear(f"fetchedAt of source {seen.source} is {age} s ago, stale after {policy.freshness_seconds} s")
    return passed(f"seen at level {level} by source {seen.source}, {max(age, 0)} s ago")


def file_3(case: OfDay) -> Outcome:
    """P4, P5: number, name, units and amount as published are those of the dossier."""
    record, own = case.standing.record, case.dossier.filing
    if record is None:
        return unclear(f"no publication to compare the filing block with: {case.standing.reason}")
    if record.number != case.number:
        return failed(f"the publication has number {record.number}, filing.filingNumber is {case.number}")
    try:
        parse_number(record.number, case.policy.number_pattern)
    except InputError:
        return unclear(
            f"filing.filingNumber {record.number} does not have the form the policy expects of a filing number"
        )
    if fold_name(record.entity_name) != case.entity_name:
        return failed(
            f"the publication names {record.entity_name}, filingEntity.nameZh is {case.dossier.filing_entity.name_zh}"
        )
    if record.units is not None and record.units != own.filed_units:
        return failed(f"the publication states {record.units} units, filing.filedUnits is {own.filed_units}")
    if record.amount is not None and not _same_money(record.amount, own.filed_amount):
        return failed(
            f"the publication states {_shown(record.amount)}, filing.filedAmount is {_shown(own.filed_amount)}"
        )
    silent = [name for name, value in (("units", record.units), ("amount", record.amount)) if value is None]
    if silent and case.policy.require_published_amount:
        return unclear(
            f"the publication states no {' and no '.join(silent)} to compare filing.filedUnits and filedAmount with"
        )
    return passed(
        f"{record.number} of {record.entity_name}" + (f", {' and '.join(silent)} not published" if silent else "")
    )


@dataclass(frozen=True)
class Validity:
    """The days [start, end) on which a filing may be used, in Shanghai.

    `by_analogy`: the end is the policy's default and not stated in the publication. `claimed` is the later end that
    only the dossier states, if any.
    """

    start: date
    end: date
    by_analogy: bool
    claimed: date | None = None


def validity(case: OfDay) -> Validity | None:
    """When this filing may be used; None where no publication was seen.

    A filing starts on its decision date, or later if the dossier says so. It ends on the earlier of what publication
    and dossier state. Where the publication states no end, the default counts from the decision date, and an end that
    only the dossier states can shorten it, never lengthen it: the issuer does not set its own limit.
    """
    record, own = case.standing.record, case.dossier.filing
    if record is None:
        return None
    start = max(record.decision_date, own.valid_from or record.decision_date)
    if record.valid_until is not None:
        return Validity(start, min(record.valid_until, own.valid_until or record.valid_until), by_analogy=False)
    default = months_after(record.decision_date, case.policy.default_validity_months)
    if own.valid_until is not None and own.valid_until <= default:
        return Validity(start, own.valid_until, by_analogy=False)
    return Validity(start, default, by_analogy=True, claimed=own.valid_until)


def last_day(case: OfDay) -> date | None:
    """The day whose first moment in Shanghai ends the filing (exclusive); None where no publication was seen."""
    span = validity(case)
    return span.end if span else None


def file_4(case: OfDay) -> Outcome:
    """2023 Trial Measures by analogy: the filing is in force today. The Guidelines themselves name no term."""
    span = validity(case)
    if span is None:
        return unclear(f"no publication gives filing.decisionDate: {case.standing.reason}")
    source = "by ANALOGY to the 2023 notices, the publication names no end" if span.by_analogy else "as stated"
    if case.today < span.start:
        return failed(
            f"today is {case.today}, the filing begins on {span.start}; see filing.validFrom and decisionDate"
        )
    if case.today < span.end:
        return passed(f"in force from {span.start} until before {span.end}, {source}")
    if span.claimed is not None and case.today < span.claimed:
        return unclear(
            f"only the dossier's filing.validUntil reaches to {span.claimed}; the filing ended on {span.end} {source}"
        )
    return failed(f"today is {case.today}, the filing ended on {span.end}, {source}; see filing.validUntil")


def file_5(case: OfDay) -> Outcome:
    """P7: nothing seen speaks against the filing: no withdrawal, no vanished publication, no later other status."""
    ended = case.withdrawals(case.observations) + [
        seen for seen in case.withdrawals(case.earlier) if seen.status in ENDED
    ]
    if ended:
        return failed(f"source {ended[0].source} shows that the filing ended: {_wording(ended[0])}")
    if not case.observations:
        return unclear(f"nothing has been observed of filing.filingNumber {case.number}")
    unread = case.unread
    if unread:
        return unclear(
            f"source {unread[0].source} could not be read ({unread[0].detail or 'no reason given'}): it may contradict"
        )
    notices = case.notices(case.observations)
    gone = _vanished_from(case, notices)
    if gone and not notices:
        return failed(
            f"the publication is gone: source {gone[0]} showed {case.number} before and no source shows it now"
        )
    if gone:
        return unclear(
            f"source {gone[0]} showed {case.number} before and no longer does, though {notices[0].source} still does"
        )
    if any(seen.record != notices[0].record for seen in notices[1:]):
        return unclear(
            f"publications of {case.number} differ between {', '.join(sorted({seen.source for seen in notices}))}"
        )
    return _later_status(case, notices) or passed(f"{len(case.observations)} observation(s), none against the filing")


def _vanished_from(case: OfDay, notices: list[Observation]) -> list[str]:
    """Sources that showed the notice before and do not now; one no longer asked counts only if none shows it."""
    before = [seen.source for seen in case.notices(case.earlier) if seen.level >= case.policy.min_level]
    asked = {seen.source for seen in case.observations}
    showing = {seen.source for seen in notices}
    return [source for source in before if source not in showing and (source in asked or not notices)]


def _later_status(case: OfDay, notices: list[Observation]) -> Outcome | None:
    """A status-table row that is later than the decision and not a filed one."""
    rows = [
        seen
        for seen in case.observations
        if seen.kind in (ObservationKind.STATUS_TABLE, ObservationKind.SUPPLEMENT) and seen.status not in MINTABLE
    ]
    for notice in notices:
        for row in rows:
            if notice.record is not None and row.as_of is not None and row.as_of > notice.record.decision_date:
                return unclear(
                    f"the status table of {row.as_of} (source {row.source}) says {_wording(row)}, "
                    f"later than the decision of {notice.record.decision_date}"
                )
    return None


def _wording(seen: Observation) -> str:
    return seen.raw_status or seen.title or (seen.status.value if seen.status else "no wording kept")


def _same_money(left: Money, right: Money | None) -> bool:
    return right is not None and left.ccy.upper() == right.ccy.upper() and exact(left.amount) == exact(right.amount)


def _shown(money: Money | None) -> str:
    return f"{money.amount} {money.ccy}" if money else "not given"


RULES: tuple[Rule, ...] = (
    DayRule("FILE-1", "P4, P6", Basis.GUIDELINES, file_1),
    Rule("FILE-2", "P7", Basis.GUIDELINES, file_2),
    DayRule("FILE-3", "P4, P5", Basis.GUIDELINES, file_3),
    DayRule("FILE-4", "Trial Measures 2023", Basis.ANALOGY, file_4),
    DayRule("FILE-5", "P7", Basis.GUIDELINES, file_5),
)
