"""What lists of offenders say of a party: penalties, market bans, sanctions, investigations, dishonest debtors.

A hit by the social credit code is the party; a hit by the name alone may be a namesake and leaves the rule open, and so
does a list that could not be read. That no list was configured decides nothing: the declarations stand.
"""

from __future__ import annotations

from collections.abc import Collection

from oracle.domain.dossier import Dossier
from oracle.domain.filing import AdverseKind, Observation, ObservationKind, Party
from oracle.rules.case import OfDay
from oracle.rules.verdict import Outcome, failed, unclear

__all__ = ["decided", "entity_and_controllers", "entity_of", "on_a_list", "unread_list"]


def entity_of(case: OfDay) -> Party:
    """The filing entity as lists were asked for it."""
    return case.dossier.computed(_entity)


def _entity(dossier: Dossier) -> Party:
    return Party(name=dossier.filing_entity.name_zh, uscc=dossier.filing_entity.uscc)


def entity_and_controllers(case: OfDay) -> list[Party]:
    """The parties of bar 3 that are legal persons."""
    return case.dossier.computed(_entity_and_controllers)


def _entity_and_controllers(dossier: Dossier) -> list[Party]:
    links = [Party(name=item.name, uscc=item.uscc) for item in dossier.control_chain if item.name or item.uscc]
    return [dossier.computed(_entity), *links]


def _same(left: Party, right: Party) -> bool:
    return (left.uscc is not None and left.uscc == right.uscc) or (left.name is not None and left.name == right.name)


def on_a_list(case: OfDay, kinds: Collection[AdverseKind], parties: Collection[Party]) -> list[Observation]:
    """Every hit of these lists on one of the parties."""
    return [
        seen
        for seen in case.observations
        if seen.kind is ObservationKind.ADVERSE
        and seen.adverse in kinds
        and (seen.party is None or any(_same(seen.party, party) for party in parties))
    ]


def unread_list(case: OfDay, kinds: Collection[AdverseKind], parties: Collection[Party]) -> Outcome | None:
    """INDETERMINATE if a configured list could not be searched for one of the parties."""
    for seen in case.observations:
        concerns = seen.party is None or any(_same(seen.party, party) for party in parties)
        if seen.kind is ObservationKind.UNSCREENED and (seen.adverse is None or seen.adverse in kinds) and concerns:
            return unclear(
                f"the list of source {seen.source} says nothing certain of {_shown(seen)}: {seen.detail or ''}"
            )
    return None


def decided(seen: Observation, what: str) -> Outcome:
    """FAIL for a hit by the social credit code, INDETERMINATE for one by the name."""
    told = f"source {seen.source} lists {_shown(seen)}: {seen.title or what}"
    if seen.matched_by == "USCC":
        return failed(told)
    return unclear(f"{told}; matched by name only, have counsel say whether it is the same")


def _shown(seen: Observation) -> str:
    return (seen.party.name or seen.party.uscc or "a party") if seen.party else "a party"
