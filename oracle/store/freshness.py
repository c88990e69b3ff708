"""When each source was last read, and last failed, by what all replicas of a node have stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from oracle.domain.filing import Observation, ObservationKind
from oracle.store import tables

__all__ = ["SourceTimes", "source_times"]

#: The newest rows that are looked at. A source that is not among them was not asked for long.
_NEWEST = 2_000

_UNREAD = frozenset({ObservationKind.FAILURE, ObservationKind.UNSCREENED})


@dataclass(frozen=True)
class SourceTimes:
    """Newest success and newest failure, RFC 3339; None where none is among the newest sightings."""

    success: str | None
    failure: str | None


def source_times(engine: Engine, sources: Sequence[str]) -> dict[str, SourceTimes]:
    """The times of each source by the newest sightings stored. A list that leaves a party unread counts as unread."""
    table = tables.observations
    with engine.connect() as connection:
        rows = connection.execute(
            select(table.c.kind, table.c.fetched_at, table.c.content).order_by(table.c.id.desc()).limit(_NEWEST)
        ).all()
    success: dict[str, str] = {}
    failure: dict[str, str] = {}
    wanted = set(sources)
    for kind, at, content in rows:
        found = failure if ObservationKind(kind) in _UNREAD else success
        if len(found) == len(wanted):
            continue
        name = Observation.model_validate_json(content).source
        if name in wanted:
            found[name] = max(found.get(name, at), at)
    return {name: SourceTimes(success.get(name), failure.get(name)) for name in sources}
