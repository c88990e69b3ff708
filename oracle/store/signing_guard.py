"""The signature guard: at most one live approval a filing and sequence, whatever else goes wrong.

A registry takes one approval or update for each sequence of a filing. Two different ones signed for the same sequence
would leave it to whoever sends first which of them counts. The rules already want the chain's sequence + 1; the guard
adds that of what lets mint (an approval, or an update to APPROVED) only one is signed for it. It is claimed here
before the signer is called, and the claim is durable then. What stops minting is never guarded.

**A second one** may follow when the first is dead: the registry refuses a window that has passed, so from `dead_after`
(its validUntil) on it can't take effect. `MARGIN_SECONDS` later not even a block that takes the place of another can.
`now` must be a time that has passed on the chain as well as here: the smaller of the two clocks.

**Replicas** share the database. Claims are numbered by turns, and (filing, sequence, turn) is unique: whoever inserts
turn n + 1 has read that turn n is dead, and nobody else can have inserted it. A signature over turn n that is made
late, after turn n + 1 was claimed, is over a window that has passed.

**After a restore** the claims made since the backup are missing. Whatever they were, they were made before the restore,
with a window that ended at most `longest` later. So until `restored_at` + `longest` + margin the node signs only what
it finds claimed here and live (no lost claim can have followed a live one), and after that anything again: the lost
ones are dead. An operator who knows that nothing was signed since the backup says so and need not wait. That the
replaced database is not used any more is for the operator to see to; so is restoring by the command, which marks it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from oracle.errors import RefusedError
from oracle.store import tables

__all__ = ["MARGIN_SECONDS", "GuardRefusedError", "SigningGuard"]

#: Beyond the end of a window: two epochs of Ethereum (768 s), after which a block is final.
MARGIN_SECONDS = 900

#: Keys of `meta`: the newest restore; one before it that was not vouched for; the newest that was.
_RESTORED, _BEFORE, _CONFIRMED = "restored_at", "restored_before", "restore_confirmed"
_MARKS = select(tables.meta.c.key, tables.meta.c.value).where(tables.meta.c.key.in_((_RESTORED, _CONFIRMED)))


class GuardRefusedError(RefusedError):
    """Not signed, because something else may be signed and live. `earlier` is that, where it is known: the request
    that proposed it, with digest and validUntil."""

    def __init__(self, what: str, *, where: str, remedy: str, earlier: dict[str, Any] | None) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.earlier = earlier

    def as_failure(self) -> dict[str, Any]:
        """As the verdict of a rule: keys rule, result, basis, cite, explanation."""
        return {
            "rule": "GUARD",
            "result": "FAIL",
            "basis": "POLICY",
            "cite": "one live approval a filing and sequence",
            "explanation": f"{self.what} ({self.remedy})",
        }


@dataclass(frozen=True)
class _Claim:
    turn: int
    digest: str
    dead_after: int
    proposal: str

    def live(self, now: int) -> bool:
        return now < self.dead_after + MARGIN_SECONDS

    def as_json(self) -> dict[str, Any]:
        request: dict[str, Any] = json.loads(self.proposal)
        return {**request, "digest": self.digest, "validUntil": self.dead_after}


class SigningGuard:
    """The claims of one node's database. Safe for several threads, processes and replicas."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(
        self, filing: str, sequence: int, digest: str, dead_after: int, proposal_json: str, now: int, *, longest: int
    ) -> None:
        """Claim the right to sign `digest`; durable when it returns. Claiming the same again changes nothing.

        `filing` and `digest` are 0x-hex of 32 bytes, `dead_after` is the window's end, `proposal_json` the request that
        proposed it, `longest` how many seconds after its signing a window may end at most.
        GuardRefusedError if another one may be live.
        """
        blind = self.blind_until(longest)
        while True:
            newest = self._newest(filing, sequence)
            if newest is not None and newest.digest == digest and (newest.live(now) or now >= blind):
                return
            if newest is not None and newest.live(now):
                raise GuardRefusedError(
                    f"another approval for sequence {sequence} is signed or being signed, and is live until "
                    f"{newest.dead_after + MARGIN_SECONDS}",
                    where=filing,
                    remedy="propose the earlier one again, or wait until it has run out",
                    earlier=newest.as_json(),
                )
            if now < blind:
                raise GuardRefusedError(
                    f"the database was restored, and until {blind} something signed after the backup may be live",
                    where=filing,
                    remedy="wait, or see `filing-gate key confirm-restore`",
                    earlier=None,
                )
            turn = 0 if newest is None else newest.turn + 1
            row = {
                "filing": filing,
                "sequence": sequence,
                "turn": turn,
                "digest": digest,
                "dead_after": dead_after,
                "proposal": proposal_json,
                "claimed_at": now,
            }
            try:
                with self._engine.begin() as connection:
                    connection.execute(tables.signing_claims.insert().values(row))
            except IntegrityError:
                continue  # somebody else took this turn: look at what they claimed
            return

    def _newest(self, filing: str, sequence: int) -> _Claim | None:
        table = tables.signing_claims
        with self._engine.connect() as connection:
            row = connection.execute(
                select(table.c.turn, table.c.digest, table.c.dead_after, table.c.proposal)
                .where(table.c.filing == filing, table.c.sequence == sequence)
                .order_by(table.c.turn.desc())
                .limit(1)
            ).one_or_none()
        return None if row is None else _Claim(int(row[0]), str(row[1]), int(row[2]), str(row[3]))

    # After a restore -------------------------------------------------------------------------------------------------

    def mark_restored(self, at: int) -> None:
        """Whoever puts a backup in place says so here, before the node starts: `at` in seconds since 1970."""
        pending = self.restored_at()
        with self._engine.begin() as connection:
            # To vouch for this restore will say nothing of what an earlier one lost.
            _put(connection, _BEFORE, "" if pending is None else str(pending))
            _put(connection, _RESTORED, str(max(at, int(_get(connection, _RESTORED) or 0))))
            _put(connection, _CONFIRMED, "")

    def restored_at(self, connection: Connection | None = None) -> int | None:
        """The newest restore that the operator has not vouched for, None if there is none; asked on a connection that
        is open, or on one of its own."""
        if connection is None:
            with self._engine.connect() as own:
                return self.restored_at(own)
        rows = connection.execute(_MARKS).all()
        marks = {str(key): str(value) for key, value in rows}
        restored, confirmed = marks.get(_RESTORED), marks.get(_CONFIRMED)
        return None if restored is None or restored == confirmed else int(restored)

    def confirm_restore(self) -> int | None:
        """The operator vouches that nothing was signed between backup and restore. Returns the restore's time, None if
        there was none to confirm. One before it that was not vouched for counts again."""
        restored = self.restored_at()
        if restored is not None:
            with self._engine.begin() as connection:
                before = _get(connection, _BEFORE)
                if before:
                    _put(connection, _RESTORED, before)
                    _put(connection, _BEFORE, "")
                else:
                    _put(connection, _CONFIRMED, str(restored))
        return restored

    def blind_until(self, longest: int) -> int:
        """First second in which nothing lost by a restore can be live; 0 if nothing was lost."""
        restored = self.restored_at()
        return 0 if restored is None else restored + longest + MARGIN_SECONDS


def _get(connection: Connection, key: str) -> str | None:
    return connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == key)).scalar()


def _put(connection: Connection, key: str, value: str) -> None:
    changed = connection.execute(tables.meta.update().where(tables.meta.c.key == key).values(value=value))
    if not changed.rowcount:
        connection.execute(tables.meta.insert().values(key=key, value=value))
