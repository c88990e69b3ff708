"""What the rules look at: one dossier, what was observed, what the chain says, and the moment. All of it arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from oracle.domain.dossier import Dossier
from oracle.domain.fields import is_uscc
from oracle.domain.filing import FilingQuery, Observation, ObservationKind, Party
from oracle.domain.lifecycle import LifeCycle
from oracle.domain.names import filing_id, fold_name, fold_number
from oracle.domain.reporting import RecordedReport
from oracle.rules.agreement import Standing, standing_from
from oracle.rules.policy import Policy

__all__ = [
    "SHANGHAI",
    "Case",
    "Names",
    "OfDay",
    "OfDossier",
    "Standing",
    "TrancheFacts",
    "daily",
    "names_of",
    "provider_party",
    "query_for",
    "standing_from",
    "steady",
]

Made = TypeVar("Made")

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


@dataclass(frozen=True, slots=True)
class Names:
    """What a dossier's filing goes by: its number and the entity's name, folded, and its id on chain (0x-hex)."""

    number: str | None
    entity_name: str
    filing: str | None


def names_of(dossier: Dossier) -> Names:
    """The names of a dossier's filing; made once for each."""
    return dossier.computed(_names)


def _names(dossier: Dossier) -> Names:
    raw, name = dossier.filing.filing_number, fold_name(dossier.filing_entity.name_zh)
    return Names(fold_number(raw), name, "0x" + filing_id(raw).hex()) if raw else Names(None, name, None)


def query_for(dossier: Dossier) -> FilingQuery:
    """What to ask the sources for this dossier; made once for each."""
    return dossier.computed(_query)


def _query(dossier: Dossier) -> FilingQuery:
    entity = dossier.filing_entity
    controllers = [Party(name=item.name, uscc=item.uscc) for item in dossier.control_chain if item.name or item.uscc]
    providers = [provider_party(item.id) for asset in dossier.assets for item in asset.cashflow.important_providers]
    return FilingQuery(
        number=dossier.filing.filing_number,
        entity_name=entity.name_zh,
        uscc=entity.uscc,
        parties=tuple(dict.fromkeys([*controllers, *providers])),
    )


@lru_cache(maxsize=1_024)
def provider_party(ident: str) -> Party:
    """A cash-flow provider, whose id in the dossier is a code or a name."""
    return Party(uscc=ident) if is_uscc(ident) else Party(name=ident)


class OfDossier(Protocol):
    """The part of a case that the dossier, the policy and the day alone decide. What looks at nothing else is true of
    the dossier all day, whoever asks."""

    @property
    def dossier(self) -> Dossier: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def today(self) -> date: ...


def daily(case: OfDossier, make: Callable[[OfDossier], Made]) -> Made:
    """What `make`, a function of a module, makes of the dossier, the policy and the day; made once for the three."""
    kept = case.dossier.computed(_daily)
    key = case.policy.canonical_form, case.today
    made = kept.get(key)
    if made is None:
        kept.clear()
        made = kept[key] = {}
    if make not in made:
        made[make] = make(case)
    found: Made = made[make]
    return found


def _daily(_: Dossier) -> dict[tuple[bytes, date], dict[Callable[[OfDossier], Any], Any]]:
    return {}


class OfDay(OfDossier, Protocol):
    """A case without its moment: everything that holds from one second to the next, until midnight."""

    @property
    def observations(self) -> tuple[Observation, ...]: ...
    @property
    def earlier(self) -> tuple[Observation, ...]: ...
    @property
    def tranches(self) -> tuple[TrancheFacts, ...] | None: ...
    @property
    def revisions(self) -> tuple[Dossier, ...]: ...
    @property
    def signers(self) -> tuple[str, ...]: ...
    @property
    def approved(self) -> tuple[str, ...]: ...
    @property
    def recorded(self) -> tuple[RecordedReport, ...]: ...
    @property
    def state(self) -> LifeCycle | None: ...
    @property
    def number(self) -> str | None: ...
    @property
    def entity_name(self) -> str: ...
    @property
    def standing(self) -> Standing: ...
    @property
    def unread(self) -> list[Observation]: ...
    @property
    def made(self) -> dict[Callable[[OfDay], Any], Any]: ...
    def notices(self, observations: tuple[Observation, ...]) -> list[Observation]: ...
    def withdrawals(self, observations: tuple[Observation, ...]) -> list[Observation]: ...


def steady(case: OfDay, make: Callable[[OfDay], Made]) -> Made:
    """What `make`, a function of a module, makes of a case without its moment; made once for the same facts and day."""
    if make not in case.made:
        case.made[make] = make(case)
    found: Made = case.made[make]
    return found


def _of_same_facts(_: Dossier) -> list[tuple[Any, dict[Callable[[OfDay], Any], Any]]]:
    return []


@dataclass(frozen=True)
class Case:
    """One question to the rules.

    `now` is seconds since 1970; `observations` are the newest sightings, `earlier` those of before;
    `tranches` is None where the chain was not read. `revisions` are the dossier's predecessors, newest first, as far as
    they are known; `signers` are the names and addresses of whoever would sign the approval. `approved` are the hashes
    (0x-hex) of the dossiers with which the filing was approved last: on chain, or if never there, by this node.
    `recorded` is what was declared and reported to this node, and `state` where the filing stands by its record; None
    without one.
    """

    dossier: Dossier
    policy: Policy
    now: int
    observations: tuple[Observation, ...] = ()
    earlier: tuple[Observation, ...] = ()
    tranches: tuple[TrancheFacts, ...] | None = None
    revisions: tuple[Dossier, ...] = ()
    signers: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    recorded: tuple[RecordedReport, ...] = ()
    state: LifeCycle | None = None

    @cached_property
    def today(self) -> date:
        """The date of `now` in Shanghai."""
        return datetime.fromtimestamp(self.now, UTC).astimezone(SHANGHAI).date()

    @cached_property
    def made(self) -> dict[Callable[[OfDay], Any], Any]:
        """What `steady` made of the newest case of this dossier, if that had the same facts on the same day."""
        facts, kept = (self.today, _facts(self)), self.dossier.computed(_of_same_facts)
        if kept and kept[0][0] == facts:
            return kept[0][1]
        made: dict[Callable[[OfDay], Any], Any] = {}
        kept[:] = [(facts, made)]
        return made

    @cached_property
    def number(self) -> str | None:
        """The dossier's filing number, folded."""
        return names_of(self.dossier).number

    @property
    def entity_name(self) -> str:
        """The filing entity's Chinese name, folded."""
        return names_of(self.dossier).entity_name

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
        return steady(self, _standing)

    @cached_property
    def unread(self) -> list[Observation]:
        """The sources that could not be read, unless enough others agree and the policy says how many are enough."""
        if self.policy.agreement.levels and self.standing.status is not None:
            return []
        return [seen for seen in self.observations if seen.kind is ObservationKind.FAILURE]


#: Everything that a case is made of but the dossier and the moment.
_facts = attrgetter(*(field.name for field in fields(Case) if field.name not in ("dossier", "now")))


def _standing(case: OfDay) -> Standing:
    return standing_from(case.observations, case.number, case.policy)


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
