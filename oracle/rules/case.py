"""What the rules look at: one dossier, what was observed, what the chain says, and the moment. All of it arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cached_property

from oracle.domain.dossier import Dossier
from oracle.domain.filing import FilingQuery, FilingRecord, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import fold_name, fold_number
from oracle.rules.policy import Policy

__all__ = ["SHANGHAI", "Case", "Standing", "TrancheFacts", "query_for", "standing_from"]

#: The regulator's time. China has had one zone without summer time since 1991.
SHANGHAI = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class TrancheFacts:
    """One tranche as the chain has it, in base units: `cap` is asked for, cumulative; `issued` has been minted.

    `registry` is what the token names, `own_registry` the node's own on that chain; `build` names the contract of this
    project whose code the token has; `transfer_restriction` is as in the plan. None is what could not be read or is
    not known.
    """

    chain: str
    contract: str
    cap: int
    issued: int
    decimals: int
    registry: str | None = None
    own_registry: str | None = None
    build: str | None = None
    transfer_restriction: str | None = None


@dataclass(frozen=True)
class Standing:
    """What all observations say together. `status` is None where they say nothing certain; `reason` tells why."""

    status: LifeCycle | None
    reason: str
    record: FilingRecord | None = None
    observation: Observation | None = None


def query_for(dossier: Dossier) -> FilingQuery:
    """What to ask the sources for this dossier."""
    return FilingQuery(number=dossier.filing.filing_number, entity_name=dossier.filing_entity.name_zh)


@dataclass(frozen=True)
class Case:
    """One question to the rules.

    `now` is seconds since 1970; `observations` are the newest sightings, `earlier` those of before;
    `tranches` is None where the chain was not read. `revisions` are the dossier's predecessors, newest first, as far as
    they are known; `signers` are the names and addresses of whoever would sign the approval.
    """

    dossier: Dossier
    policy: Policy
    now: int
    observations: tuple[Observation, ...] = ()
    earlier: tuple[Observation, ...] = ()
    tranches: tuple[TrancheFacts, ...] | None = None
    revisions: tuple[Dossier, ...] = ()
    signers: tuple[str, ...] = ()

    @cached_property
    def today(self) -> date:
        """The date of `now` in Shanghai."""
        return datetime.fromtimestamp(self.now, UTC).astimezone(SHANGHAI).date()

    @cached_property
    def number(self) -> str | None:
        """The dossier's filing number, folded."""
        raw = self.dossier.filing.filing_number
        return fold_number(raw) if raw else None

    @cached_property
    def entity_name(self) -> str:
        """The filing entity's Chinese name, folded."""
        return fold_name(self.dossier.filing_entity.name_zh)

    def age(self, observation: Observation) -> int:
        """Seconds from the sighting to `now`; negative if it lies in the future."""
        return self.now - int(datetime.fromisoformat(observation.fetched_at).timestamp())

    def notices(self, observations: tuple[Observation, ...]) -> list[Observation]:
        """The notices of this filing's number among `observations`."""
        return _notices(observations, self.number)

    def withdrawals(self, observations: tuple[Observation, ...]) -> list[Observation]:
        """The notices among `observations` that end this filing; one that names no number counts as well."""
        return _withdrawals(observations, self.number)

    @cached_property
    def standing(self) -> Standing:
        """What the observations say together of this dossier's filing."""
        return standing_from(self.observations, self.number, self.policy)


def _notices(observations: tuple[Observation, ...], number: str | None) -> list[Observation]:
    return [
        seen
        for seen in observations
        if seen.kind is ObservationKind.NOTICE and seen.record is not None and seen.record.number == number
    ]


def _withdrawals(observations: tuple[Observation, ...], number: str | None) -> list[Observation]:
    return [
        seen
        for seen in observations
        if seen.kind is ObservationKind.WITHDRAWAL and (seen.record is None or seen.record.number == number)
    ]


def standing_from(observations: tuple[Observation, ...], number: str | None, policy: Policy) -> Standing:
    """The one status that the observations support for a filing number, or none.

    A withdrawal outweighs a notice, a notice outweighs a status table (completed cases leave it, regulation 2.2),
    two differing records of one number cancel each other. A source that could not be read leaves the rest in doubt.
    """
    seen = tuple(item for item in observations if item.level >= policy.min_level)
    ended = [item for item in _withdrawals(seen, number) if item.status is not None]
    if ended:
        last = max(ended, key=lambda item: item.as_of or date.min)
        return Standing(last.status, f"{last.title or 'a notice'} ends the filing", last.record, last)
    failed = [item for item in observations if item.kind is ObservationKind.FAILURE]
    if failed:
        return Standing(None, f"source {failed[0].source} could not be read: {failed[0].detail or 'no reason given'}")
    notices = _notices(seen, number)
    if len({item.record for item in notices}) > 1:
        return Standing(None, "two publications of this number differ")
    if notices:
        newest = max(notices, key=lambda item: datetime.fromisoformat(item.fetched_at))
        return Standing(newest.status, f"published: {newest.title or number}", newest.record, newest)
    rows = [item for item in seen if item.kind is ObservationKind.STATUS_TABLE]
    unmapped = [item for item in rows if item.status is None]
    if unmapped:
        return Standing(None, f"the status table says {unmapped[0].raw_status!r}, which the vocabulary does not know")
    statuses = {item.status for item in rows}
    if len(statuses) > 1:
        shown = ", ".join(sorted(status.value for status in statuses if status))
        return Standing(None, f"the status table has several rows of this entity: {shown}")
    if rows:
        return Standing(rows[0].status, f"the status table says {rows[0].raw_status}", None, rows[0])
    if not observations:
        return Standing(None, "nothing has been observed")
    return Standing(None, "no publication of this filing was found; absence is neither filed nor refused")
