"""The register of filings that the pages show: what this node was given about each, beside how the chain has it.

Nothing here asks the chain once for each row. What dossiers say is kept in memory and grows with the table; the chain
is read in batches in the background and kept with its block. A reading that failed is never passed off as new.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson
from sqlalchemy import Engine, func, select

from oracle.chain.registry import FilingState, TrancheState
from oracle.chain.standings import Standings, read_standings
from oracle.domain.address import eip55
from oracle.domain.approval import OnChainStatus
from oracle.domain.names import filing_id, fold_name, fold_number
from oracle.node.config import NodeConfig
from oracle.node.refreshed import Refreshed, Seen
from oracle.store import tables

__all__ = ["KnownFiling", "KnownTranche", "Register", "Row", "RowStatus", "Shown", "selected", "status_of"]

#: A reading of the chain that is younger is shown without another one, in seconds.
MAX_AGE = 10
#: So long a page waits for the chain; then it says what it has, and of when.
WAIT = 2.5

#: Signatures and decisions that commit late may have a smaller number than others seen before: so many are read again.
_OVERLAP = 1_000
_AT_ONCE = 500


class RowStatus(StrEnum):
    """How a filing stands, in the order of a life. UNREAD: the chain could not be read, so nothing is said."""

    UNREAD = "unread"
    PENDING = "pending"
    """Handed in here, never approved on chain."""
    EARLY = "early"
    """Approved; the window begins later."""
    OPEN = "open"
    """Approved, and inside the window: minting is allowed up to the cap."""
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class KnownTranche:
    """A tranche as the dossier plans it: token in EIP-55 form, cap in base units; `here` if on this node's chain."""

    id: str
    token: str
    chain: str
    decimals: int
    cap: int
    symbol: str
    here: bool


@dataclass(frozen=True, slots=True)
class KnownFiling:
    """What dossiers say of a filing: those this node signed for before others, then the newest."""

    number: str
    filing: str
    dossier_hash: str
    entity_name: str
    uscc: str
    tranches: tuple[KnownTranche, ...]

    def matches(self, words: str) -> bool:
        """Whether number, name, credit code, filing id or a token address holds what was searched for."""
        number, name, plain = fold_number(words), fold_name(words), words.strip().lower()
        return (
            number in self.number
            or name.lower() in fold_name(self.entity_name).lower()
            or plain in self.uscc.lower()
            or self.same_id(words)
        )

    def same_id(self, words: str) -> bool:
        """Whether the words name the filing or a token of it exactly: what who does not see names may search by."""
        plain = words.strip().lower()
        return (
            fold_number(words) == self.number
            or plain == self.filing
            or any(plain == tranche.token.lower() for tranche in self.tranches)
        )


@dataclass(frozen=True)
class Row:
    """A filing and how the chain has it; `state` None if the chain was not read."""

    known: KnownFiling
    status: RowStatus
    state: FilingState | None
    tranches: Mapping[str, TrancheState]

    @property
    def approved(self) -> bool:
        """Whether the chain has ever had an approval of it."""
        return self.state is not None and self.state.sequence > 0


@dataclass(frozen=True)
class Shown:
    """The rows and the reading they rest on. `seen.error` or `seen.late`: the chain did not answer just now."""

    rows: Sequence[Row]
    seen: Seen[Standings]

    @property
    def fresh(self) -> bool:
        """Whether the chain answered for these rows just now."""
        return self.seen.value is not None and self.seen.error is None and not self.seen.late


def status_of(state: FilingState | None, now: int) -> RowStatus:
    """The status at a moment (seconds since 1970)."""
    if state is None:
        return RowStatus.UNREAD
    if state.sequence == 0 or state.status is OnChainStatus.NONE:
        return RowStatus.PENDING
    if state.status is OnChainStatus.APPROVED:
        if now < state.valid_after:
            return RowStatus.EARLY
        return RowStatus.OPEN if now < state.valid_until else RowStatus.EXPIRED
    return {
        OnChainStatus.SUSPENDED: RowStatus.SUSPENDED,
        OnChainStatus.REVOKED: RowStatus.REVOKED,
        OnChainStatus.COMPLETED: RowStatus.COMPLETED,
    }[state.status]


class Register:
    """All filings that were handed in to a node. Thread-safe."""

    def __init__(self, config: NodeConfig, engine: Engine) -> None:
        self._config = config
        self._engine = engine
        self._lock = threading.Lock()
        self._dossiers: dict[str, tuple[int, KnownFiling]] = {}
        self._signed: dict[str, tuple[int, int, str]] = {}
        self._last_signature = 0
        self._known: dict[str, KnownFiling] = {}
        self._decided: dict[str, int] = {}
        self._last_decision = 0
        self._counted: tuple[int, int, int] = (-1, -1, -1)
        self._standings: Standings | None = None
        self._chain: Refreshed[Standings] = Refreshed("register", self._read_chain)

    def known(self) -> Mapping[str, KnownFiling]:
        """The filings by folded number, ascending, as the database has them now."""
        with self._lock, self._engine.connect() as connection:
            counted = (
                int(connection.execute(select(func.count()).select_from(tables.dossiers)).scalar() or 0),
                int(connection.execute(select(func.max(tables.decisions.c.id))).scalar() or 0),
                int(connection.execute(select(func.max(tables.signatures.c.id))).scalar() or 0),
            )
            if counted == self._counted:
                return self._known
            names = connection.execute(
                select(tables.dossiers.c.hash).where(tables.dossiers.c.number.is_not(None))
            ).scalars()
            missing = [name for name in names if name not in self._dossiers]
            for start in range(0, len(missing), _AT_ONCE):
                rows = connection.execute(
                    select(tables.dossiers).where(tables.dossiers.c.hash.in_(missing[start : start + _AT_ONCE]))
                )
                for row in rows:
                    self._dossiers[row.hash] = (row.request_id, self._of_dossier(row.hash, row.number, row.canonical))
            signed = connection.execute(
                select(
                    tables.signatures.c.id,
                    tables.signatures.c.filing,
                    tables.signatures.c.sequence,
                    tables.decisions.c.dossier_hash,
                )
                .join(tables.decisions, tables.decisions.c.id == tables.signatures.c.decision_id)
                .where(tables.signatures.c.id > self._last_signature - _OVERLAP)
            )
            for ident, filing, sequence, dossier in signed:
                self._last_signature = max(self._last_signature, ident)
                if (sequence, ident) >= self._signed.get(filing, (0, 0, ""))[:2]:
                    self._signed[filing] = (sequence, ident, dossier)
            decided = connection.execute(
                select(tables.decisions.c.id, tables.decisions.c.dossier_hash).where(
                    tables.decisions.c.id > self._last_decision - _OVERLAP
                )
            )
            for ident, dossier in decided:
                self._last_decision = max(self._last_decision, ident)
                self._decided[dossier] = max(ident, self._decided.get(dossier, 0))
            self._known, self._counted = self._best(), counted
            return self._known

    def newest_decision(self, dossier_hash: str) -> int | None:
        """The number of the newest decision on a dossier."""
        self.known()
        with self._lock:
            return self._decided.get(dossier_hash)

    def _best(self) -> dict[str, KnownFiling]:
        """Of each filing the dossier last signed for, else the one last handed in."""
        found: dict[str, tuple[tuple[bool, int], KnownFiling]] = {}
        for name, (request, known) in self._dossiers.items():
            signed = self._signed.get(known.filing, (0, 0, ""))[2] == name
            rank = (signed, request)
            if known.number not in found or rank > found[known.number][0]:
                found[known.number] = (rank, known)
        return {number: found[number][1] for number in sorted(found, key=_natural)}

    def _of_dossier(self, name: str, number: str, canonical: bytes) -> KnownFiling:
        content = orjson.loads(canonical)
        plan = content["issuePlan"]
        decimals = int(plan["decimals"])
        own = f"eip155:{self._config.chain.id}"
        tranches = tuple(
            KnownTranche(
                id=item["id"],
                token=eip55(bytes.fromhex(item["contract"][2:])),
                chain=item["chain"],
                decimals=decimals,
                cap=int(item["maxUnits"]) * 10**decimals,
                symbol=plan["symbol"],
                here=item["chain"] == own,
            )
            for item in plan["tranches"]
        )
        entity = content["filingEntity"]
        filing = "0x" + filing_id(number).hex()
        return KnownFiling(number, filing, name, entity["nameZh"], entity["uscc"], tranches)

    def _read_chain(self) -> Standings:
        known = self.known().values()
        tokens = [tranche.token for item in known for tranche in item.tranches if tranche.here]
        chain = self._config.chain
        self._standings = read_standings(
            chain.urls(), chain.id, chain.registry, [item.filing for item in known], tokens, self._standings
        )
        return self._standings

    def read_ahead(self) -> None:
        """Begin to read dossiers and chain, as a node does when it starts; nobody waits, and a fault is not told here.

        The first visitor's own reading then asks only for what is new.
        """
        self._chain.read_ahead()

    def settle(self, wait: float) -> None:
        """Wait at most `wait` seconds for a reading that runs, before the database is closed."""
        self._chain.settle(wait)

    def shown(self, now: int, *, max_age: float = MAX_AGE, wait: float = WAIT) -> Shown:
        """All rows, by number; `now` in seconds since 1970."""
        known = self.known()
        seen = self._chain.newest(max_age=max_age, wait=wait)
        return Shown([_row(item, seen.value, now) for item in known.values()], seen)

    def row(self, filing: str, now: int) -> tuple[Row | None, Seen[Standings]]:
        """The row of a filing by its 0x-hex id; None if it is not known here."""
        seen = self._chain.newest(max_age=MAX_AGE, wait=WAIT)
        known = next((item for item in self.known().values() if item.filing == filing), None)
        return (None if known is None else _row(known, seen.value, now)), seen


def _natural(number: str) -> tuple[tuple[int, str], ...]:
    """So that 〔2026〕886号 comes before 〔2026〕1024号."""
    parts = re.split("([0-9]{1,18})", number)
    return tuple((int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts)


def _row(known: KnownFiling, standings: Standings | None, now: int) -> Row:
    state = standings.filings.get(known.filing) if standings else None
    tranches: dict[str, TrancheState] = {}
    if standings is not None:
        for item in known.tranches:
            found = standings.tranches.get(item.token.lower()) if item.here else None
            # A dossier may name a token that belongs to another filing.
            if found is not None and found.filing == known.filing:
                tranches[item.token] = found
    return Row(known, status_of(state, now), state, tranches)


def selected(rows: Iterable[Row], *, words: str, status: str | None, names: bool) -> list[Row]:
    """The rows that were searched for. Who does not see names sees approved filings only, and finds them by id."""
    found = []
    for row in rows:
        if not names and not row.approved:
            continue
        if status is not None and row.status.value != status:
            continue
        if words and not (row.known.matches(words) if names else row.known.same_id(words)):
            continue
        found.append(row)
    return found
