"""What the watch knows between two looks at a filing: when to look next, which action runs, what a person should see.

Working state: losing it loses nothing but time, as every action is found again from the record and the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, case, or_, select
from sqlalchemy.exc import IntegrityError

from oracle.store import tables

__all__ = ["ALERT_KINDS", "NODE", "Action", "WatchState", "Watched"]

_FILINGS, _ACTIONS, _REPLICAS = tables.watched_filings, tables.watch_actions, tables.watch_replicas

#: The row of what concerns the node and no filing. Every tick writes it.
NODE = ""

#: What an alert may be about (docs/watch.md).
ALERT_KINDS = (
    *("suspension", "expiry", "indeterminate", "lapsing", "report", "dossier", "status", "unread"),
    *("peers", "quorum", "send", "relay-gas", "relay-transaction", "chain"),
)


@dataclass(frozen=True)
class Watched:
    """One filing by its folded number; times are seconds since 1970. `unclear_*` count looks that said nothing certain.

    `alerts` are JSON objects with kind, severity, text, since. `claimed_by` took the filing last.
    """

    number: str
    next_at: int = 0
    looked_at: int = 0
    outcome: str = ""
    unclear_since: int | None = None
    unclear_looks: int = 0
    alerts: tuple[dict[str, Any], ...] = ()
    claimed_by: str | None = None


@dataclass(frozen=True)
class Action:
    """A renewal or suspension by its key, e.g. `renew:<filing>:<sequence>`.

    `attempt` numbers the tries, `begun_by` names who began the newest one, `acting_since` is None when it has ended.
    `failures` counts those that failed in a row, the newest for `failure`, of kind `failure_kind`.
    """

    key: str
    attempt: int = 0
    begun_by: str = ""
    acting_since: int | None = None
    failures: int = 0
    failure_kind: str | None = None
    failure: str | None = None


class WatchState:
    """The tables of the watch. Every method may be repeated, and called by several processes at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # Filings ---------------------------------------------------------------------------------------------------------

    def get(self, number: str) -> Watched:
        """What is known of a filing; the defaults if nothing is."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_FILINGS).where(_FILINGS.c.number == number)).mappings().one_or_none()
        return Watched(number) if row is None else _watched(row)

    def due(self, numbers: Iterable[str], now: int) -> list[str]:
        """Those of `numbers` that are to be looked at by `now`, the longest overdue first; never seen ones too."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_FILINGS.c.number, _FILINGS.c.next_at)).all()
        times = {number: int(next_at) for number, next_at in rows}
        chosen = [(times.get(number, 0), number) for number in numbers if times.get(number, 0) <= now]
        return [number for _, number in sorted(chosen)]

    def claim(self, number: str, by: str, now: int, until: int) -> bool:
        """Take a due filing for `by` until `until`; False if another has taken it.

        The same `by` gets it again until another takes it, so that a caller that was killed goes on where it was.
        """
        free = or_(_FILINGS.c.next_at <= now, _FILINGS.c.claimed_by == by)
        values = {"next_at": until, "claimed_by": by}
        if self._execute(_FILINGS.update().where(_FILINGS.c.number == number, free).values(values)):
            return True
        return self._insert(_FILINGS, {**vars(Watched(number)), **values, "alerts": "[]"})

    def claim_all(self, numbers: Sequence[str], by: str, now: int, until: int) -> list[str]:
        """Those of `numbers` that `claim` gives to `by`, in their order."""
        free = or_(_FILINGS.c.next_at <= now, _FILINGS.c.claimed_by == by)
        values = {"next_at": until, "claimed_by": by}
        taken = set()
        with self._engine.connect() as connection:
            known = set(connection.execute(select(_FILINGS.c.number).where(_FILINGS.c.number.in_(numbers))).scalars())
        with self._engine.begin() as connection:
            for number in sorted(known):  # in one order, or two that claim at once could wait for each other
                change = _FILINGS.update().where(_FILINGS.c.number == number, free).values(values)
                if connection.execute(change).rowcount:
                    taken.add(number)
        taken |= {number for number in numbers if number not in known and self.claim(number, by, now, until)}
        return [number for number in numbers if number in taken]

    def looked(self, row: Watched) -> None:
        """Keep what a look found."""
        values = {**vars(row), "alerts": json.dumps(list(row.alerts), ensure_ascii=False)}
        change = _FILINGS.update().where(_FILINGS.c.number == row.number).values(values)
        if not self._execute(change) and not self._insert(_FILINGS, values):
            self._execute(change)  # another process was quicker

    def hasten(self, number: str, at: int) -> None:
        """Look at a filing at `at`, if not sooner."""
        sooner = case((_FILINGS.c.next_at < at, _FILINGS.c.next_at), else_=at)
        self._execute(_FILINGS.update().where(_FILINGS.c.number == number).values(next_at=sooner))

    def settle(self, number: str, kinds: Iterable[str], instead: dict[str, Any] | None = None) -> None:
        """Take alerts of these kinds off a filing, and put one there instead."""
        row, gone = self.get(number), set(kinds)
        left = [alert for alert in row.alerts if alert["kind"] not in gone]
        if instead is not None:
            same = (alert["since"] for alert in row.alerts if alert["kind"] == instead["kind"])
            left.append({**instead, "since": next(same, instead["since"])})
        change = _FILINGS.update().where(_FILINGS.c.number == number, _FILINGS.c.looked_at == row.looked_at)
        self._execute(change.values(alerts=json.dumps(left, ensure_ascii=False)))

    def with_alerts(self) -> list[Watched]:
        """The filings that a person should look at, and the node itself (number "")."""
        with self._engine.connect() as connection:
            query = select(_FILINGS).where(_FILINGS.c.alerts != "[]").order_by(_FILINGS.c.number)
            return [_watched(row) for row in connection.execute(query).mappings()]

    # Actions ---------------------------------------------------------------------------------------------------------

    def action(self, key: str) -> Action:
        """What is known of an action; the defaults if nothing is."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_ACTIONS).where(_ACTIONS.c.key == key)).mappings().one_or_none()
        return Action(key) if row is None else Action(**row)

    def failed_actions(self, keys: Sequence[str]) -> list[Action]:
        """Those of these actions whose newest try failed, in the order of `keys`."""
        with self._engine.connect() as connection:
            query = select(_ACTIONS).where(_ACTIONS.c.key.in_(keys), _ACTIONS.c.failure.is_not(None))
            found = [Action(**row) for row in connection.execute(query).mappings()]
        return sorted(found, key=lambda item: keys.index(item.key))

    def begin(self, key: str, by: str, now: int, lost_after: int) -> int | None:
        """The number of the try that `by` begins; None while another runs, begun less than `lost_after` seconds ago.

        The same `by` gets the same number again, so that a caller that was killed goes on where it was.
        """
        known = self.action(key)
        if known.attempt and known.begun_by == by:
            return known.attempt if known.acting_since is not None else None
        if known.acting_since is not None and now - known.acting_since < lost_after:
            return None
        values = {"attempt": known.attempt + 1, "begun_by": by, "acting_since": now}
        if known.attempt == 0:
            begun = self._insert(_ACTIONS, {**vars(known), **values})
        else:
            same = (_ACTIONS.c.key == key, _ACTIONS.c.attempt == known.attempt)
            begun = self._execute(_ACTIONS.update().where(*same).values(values))
        return known.attempt + 1 if begun else None

    def end(self, key: str, attempt: int, failure: tuple[str, str] | None) -> bool:
        """A try has ended: well, or with a failure (kind, sentence). A repeat changes nothing."""
        running = (_ACTIONS.c.key == key, _ACTIONS.c.attempt == attempt, _ACTIONS.c.acting_since.is_not(None))
        values: dict[str, Any] = {"acting_since": None, "failures": 0, "failure_kind": None, "failure": None}
        if failure is not None:
            values |= {"failures": _ACTIONS.c.failures + 1, "failure_kind": failure[0], "failure": failure[1]}
        return self._execute(_ACTIONS.update().where(*running).values(values))

    # Replicas --------------------------------------------------------------------------------------------------------

    def beat(self, name: str, now: int) -> None:
        """Replica `name` lives."""
        change = _REPLICAS.update().where(_REPLICAS.c.name == name).values(beat_at=now)
        if not self._execute(change):
            self._insert(_REPLICAS, {"name": name, "beat_at": now})

    def gone(self, name: str) -> None:
        """Replica `name` has ended in good order."""
        self._execute(_REPLICAS.delete().where(_REPLICAS.c.name == name))

    def take_over(self, own: str, silent_since: int) -> list[str]:
        """The replicas that have not been heard of since then; each is given to one caller only."""
        silent = (_REPLICAS.c.beat_at < silent_since, _REPLICAS.c.name != own)
        with self._engine.connect() as connection:
            names = list(connection.execute(select(_REPLICAS.c.name).where(*silent)).scalars())
        return [name for name in names if self._execute(_REPLICAS.delete().where(_REPLICAS.c.name == name, *silent))]

    def replicas(self) -> list[tuple[str, int]]:
        """Every replica that has not ended in good order, and when it was last heard of."""
        with self._engine.connect() as connection:
            query = select(_REPLICAS.c.name, _REPLICAS.c.beat_at).order_by(_REPLICAS.c.name)
            return [(str(name), int(beat_at)) for name, beat_at in connection.execute(query).all()]

    def failing(self) -> list[Action]:
        """The actions whose newest try failed, by key."""
        with self._engine.connect() as connection:
            query = select(_ACTIONS).where(_ACTIONS.c.failures > 0).order_by(_ACTIONS.c.key)
            return [Action(**row) for row in connection.execute(query).mappings()]

    def _execute(self, statement: Any) -> bool:
        with self._engine.begin() as connection:
            return bool(connection.execute(statement).rowcount)

    def _insert(self, table: Any, values: dict[str, Any]) -> bool:
        try:
            return self._execute(table.insert().values(values))
        except IntegrityError:
            return False


def _watched(row: Any) -> Watched:
    return Watched(**{**row, "alerts": tuple(json.loads(row["alerts"]))})
