"""Several sources to one status: what each says alone, whether they contradict, and whether enough of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from oracle.domain.filing import FilingRecord, Observation, ObservationKind
from oracle.domain.lifecycle import LifeCycle
from oracle.rules.policy import Agreement, LevelAgreement, Policy

__all__ = ["Standing", "standing_from"]

#: Observations that speak of how a filing stands; lists of offenders and near names do not.
_SPEAKING = frozenset(
    (
        ObservationKind.STATUS_TABLE,
        ObservationKind.NOTICE,
        ObservationKind.WITHDRAWAL,
        ObservationKind.ABSENCE,
        ObservationKind.FAILURE,
    )
)
#: Level 4 is level 3 seen twice (regulation 7a).
_SEEN_BY_ONE = 3
_INDEPENDENT = 2
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Standing:
    """What all observations say together. `status` is None where they say nothing certain; `reason` tells why.

    `level` is the evidence level that the agreeing sources reach together; `observation` is the oldest of those needed.
    """

    status: LifeCycle | None
    reason: str
    record: FilingRecord | None = None
    observation: Observation | None = None
    level: int | None = None


@dataclass(frozen=True)
class _Voice:
    """What one source says: certain with `said`, or not, for `reason`."""

    source: str
    reason: str
    said: Observation | None = None
    rows: tuple[Observation, ...] = ()

    @property
    def claim(self) -> tuple[LifeCycle | None, FilingRecord | None]:
        return (self.said.status, self.said.record) if self.said else (None, None)


def standing_from(observations: tuple[Observation, ...], number: str | None, policy: Policy) -> Standing:
    """The one status that the observations support for a filing number, or none.

    A withdrawal outweighs everything, and a notice outweighs a dated status table (completed cases leave it, regulation
    2.2). Sources that say different things cancel each other, and both are shown. Then as many must agree as the policy
    asks for.
    """
    rules = policy.agreement.levels
    floor = min([policy.min_level, _SEEN_BY_ONE, *(rule.level for rule in rules)])
    speaking = tuple(item for item in observations if item.kind in _SPEAKING)
    seen = tuple(item for item in speaking if item.level >= floor or item.kind is ObservationKind.FAILURE)
    ended = [item for item in seen if _ends(item, number)]
    if ended:
        last = max(ended, key=lambda item: item.as_of or date.min)
        return Standing(last.status, f"{last.title or 'a notice'} ends the filing", last.record, last, last.level)
    if not speaking:
        return Standing(None, "nothing has been observed")
    names = list(dict.fromkeys(item.source for item in speaking))
    voices = [_voice(name, tuple(item for item in seen if item.source == name), number) for name in names]
    unread = [item for item in seen if item.kind is ObservationKind.FAILURE]
    if unread and not rules:
        return Standing(None, _unread(unread[0]))
    voices = _without_history(voices)
    doubtful = [voice for voice in voices if voice.said is None and voice.reason and voice.source not in _of(unread)]
    certain = [voice for voice in voices if voice.said is not None]
    contradicted = any(voice.claim != certain[0].claim for voice in certain[1:])
    if contradicted or (doubtful and (certain or len(doubtful) > 1)):
        sides = "; ".join(f"{voice.source}: {_side(voice)}" for voice in (*certain, *doubtful))
        return Standing(None, f"the sources disagree: {sides}")
    if doubtful:
        return Standing(None, doubtful[0].reason)
    if not certain:
        if unread:
            return Standing(None, _unread(unread[0]))
        return Standing(None, "no publication of this filing was found; absence is neither filed nor refused")
    return _agreed(certain, voices, policy)


def _ends(item: Observation, number: str | None) -> bool:
    mine = item.record is None or item.record.number == number
    return item.kind is ObservationKind.WITHDRAWAL and mine and item.status is not None


def _of(observations: Sequence[Observation]) -> set[str]:
    return {item.source for item in observations}


def _unread(item: Observation) -> str:
    return f"source {item.source} could not be read: {item.detail or 'no reason given'}"


def _voice(source: str, seen: tuple[Observation, ...], number: str | None) -> _Voice:
    """What one source says by itself; an empty reason where it says nothing."""
    failed = [item for item in seen if item.kind is ObservationKind.FAILURE]
    if failed:
        return _Voice(source, f"could not be read: {failed[0].detail or 'no reason given'}")
    notices = [
        item
        for item in seen
        if item.kind is ObservationKind.NOTICE and item.record is not None and item.record.number == number
    ]
    if any(item.record != notices[0].record for item in notices[1:]):
        return _Voice(source, "two publications of this number differ")
    if notices:
        newest = max(notices, key=_when)
        return _Voice(source, f"published: {newest.title or number}", newest)
    rows = tuple(item for item in seen if item.kind is ObservationKind.STATUS_TABLE)
    unmapped = [item for item in rows if item.status is None]
    statuses = {item.status for item in rows}
    if unmapped:
        raw = f"the status table says {unmapped[0].raw_status!r}, which the vocabulary does not know"
        return _Voice(source, raw, rows=rows)
    if len(statuses) > 1:
        shown = ", ".join(sorted(status.value for status in statuses if status))
        return _Voice(source, f"the status table has several rows of this entity: {shown}", rows=rows)
    if rows:
        return _Voice(source, f"the status table says {rows[0].raw_status}", max(rows, key=_when), rows)
    return _Voice(source, "")


def _when(item: Observation) -> datetime:
    return datetime.fromisoformat(item.fetched_at)


def _without_history(voices: list[_Voice]) -> list[_Voice]:
    """Beside a notice, dated rows of a status table are left silent, and so are rows that say the same.

    Older ones are history, the case has moved on since; a later one is FILE-5's to object to, by its day.
    """
    decided = {voice.said.status for voice in voices if voice.said is not None and voice.said.record is not None}
    if not decided:
        return voices
    return [
        _Voice(voice.source, "")
        if voice.rows and all(row.as_of is not None or {row.status} == decided for row in voice.rows)
        else voice
        for voice in voices
    ]


def _side(voice: _Voice) -> str:
    if voice.said is None:
        return voice.reason or "says nothing of it"
    status, record = voice.claim
    facts = record.model_dump(mode="json", by_alias=True, exclude_none=True) if record else {}
    shown = ", ".join(f"{key} {value}" for key, value in sorted(facts.items()) if key not in ("schema", "status"))
    return f"{status.value if status else 'nothing certain'}" + (f" ({shown})" if shown else f" ({voice.reason})")


def _agreed(certain: list[_Voice], voices: list[_Voice], policy: Policy) -> Standing:
    agreement = policy.agreement
    usable = [rule for rule in agreement.levels if rule.level >= policy.min_level]
    rules = sorted(usable, key=lambda rule: -rule.level) or _by_default(certain, policy)
    for rule in rules:
        needed = _needed(rule, certain, voices, agreement)
        if needed is not None:
            weakest = needed[-1]
            status, record = weakest.claim
            return Standing(status, weakest.reason, record, weakest.said, rule.level)
    sides = "; ".join(f"{voice.source}: {_side(voice)}" for voice in voices)
    return Standing(None, f"not enough sources agree ({' or '.join(map(_shown, rules))}): {sides}")


def _by_default(certain: list[_Voice], policy: Policy) -> list[LevelAgreement]:
    """One source is enough for its own level; two independent ones of level 3 make level 4, if it is asked for."""
    best = max(voice.said.level for voice in certain if voice.said is not None)
    if policy.min_level > best:
        return [_rule(policy.min_level, _INDEPENDENT)]
    return [_rule(best, 1)]


@lru_cache(maxsize=16)
def _rule(level: int, need: int) -> LevelAgreement:
    return LevelAgreement(level=level, need=need)


def _needed(
    rule: LevelAgreement, certain: list[_Voice], voices: list[_Voice], agreement: Agreement
) -> list[_Voice] | None:
    """The newest agreeing sources that meet the rule, one an origin; None if too few do."""
    level = min(rule.level, _SEEN_BY_ONE)
    asked = rule.of or [voice.source for voice in voices]
    best: dict[str, _Voice] = {}
    for voice in sorted(certain, key=lambda v: _when(v.said) if v.said else _LONG_AGO, reverse=True):
        if voice.said is not None and voice.said.level >= level and voice.source in asked:
            best.setdefault(agreement.origin(voice.source), voice)
    if rule.need == "all":
        if not all(any(v.source == name and v.said and v.said.level >= level for v in certain) for name in asked):
            return None
        count = len(best)
    else:
        count = rule.need
    # A single source may itself be two vantage points: then its own observations already carry level 4.
    alone = rule.level == 4 and bool(best) and all(v.said is not None and v.said.level == 4 for v in best.values())
    count = count if rule.level < 4 or alone else max(count, _INDEPENDENT)
    chosen = list(best.values())
    return chosen[:count] if count and len(chosen) >= count else None


def _shown(rule: LevelAgreement) -> str:
    of = f" of {', '.join(rule.of)}" if rule.of else ""
    need = max(rule.need, _INDEPENDENT) if rule.level == 4 and rule.need != "all" else rule.need
    return f"level {rule.level} needs {need}{of}"
