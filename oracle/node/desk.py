"""The short way of an approval: everything that is needed is at hand, and one commit keeps everything that comes of it.

Requests that come while others are in work are taken together: what the database has is read in one question, each is
decided and signed by itself, and requests, decisions, records, claims, signatures, log leaves and answers of all are
kept in one durable transaction, before any of them is answered. Nothing is read from a source or a chain on the way.

Only what is decided with yes goes this way. Whatever else a request may need (a sighting, a reading of the chain, a
refusal, another error, a filing that is on chain already) takes the long way (`Node.approve`), which decides anew: so
here `None` means "not here", never "no". A signature is made before its claim is durable, but in this process alone:
it leaves with the answer, after the commit, and with a commit that fails it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from oracle.domain.approval import FilingApproval, OperatorSignature
from oracle.domain.dossier import Dossier
from oracle.errors import FilingGateError
from oracle.node.chain_view import Known
from oracle.node.clerk import Clerk
from oracle.node.kept_rows import KeptRows
from oracle.node.preparing import Preparing
from oracle.node.service import Answer, Node
from oracle.rules.case import Case, names_of, query_for
from oracle.rules.decision import Decision, decide_approval
from oracle.store.approvals import Asked, Concluded, Newest, add_concluded, newest
from oracle.store.database import format_time
from oracle.store.signing_guard import MARGIN_SECONDS
from oracle.store.unfiled import filed_below, mark_filed

__all__ = ["Desk", "Given"]

LOG = logging.getLogger("filing_gate.node")

#: Requests taken together at most: the first of them waits for all.
_MOST_TOGETHER = 64
#: So long after the last request, records are filed in the evidence store.
_QUIET_SECONDS = 0.5
#: Seconds in which another request comes, if callers send theirs at once.
_MOMENT = 0.001


@dataclass(frozen=True)
class Given:
    """A request: its path and body, X-Request-Id and the id of its API key; `proposed` is what the body proposes."""

    path: str
    body: bytes
    name: str
    api_key: str | None
    proposed: FilingApproval
    received_at: str


@dataclass(frozen=True)
class _Waiting:
    given: Given
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[bytes | None]


@dataclass(frozen=True)
class _Item:
    """A request with everything that needs no question about what is newest."""

    waiting: _Waiting
    dossier: Dossier
    known: Known
    digest: bytes
    asked: Asked


@dataclass(frozen=True)
class _Decided:
    """A request that is approved. `clock` is the smaller of this machine's and the chain's, in seconds since 1970."""

    item: _Item
    rows: Newest
    case: Case
    decision: Decision
    clock: int

    @property
    def proposed(self) -> FilingApproval:
        return self.item.waiting.given.proposed


@dataclass(frozen=True)
class _Done:
    waiting: _Waiting
    row: Concluded
    tell: Callable[[int], None]


class Desk:
    """The short way of one node. `answered` words an answer: its bytes, by the decision and the request's name."""

    def __init__(self, node: Node, answered: Callable[[Answer, str], bytes]) -> None:
        self._node = node
        self._answered = answered
        self._queue: deque[_Waiting] = deque()
        self._awake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._rows = KeptRows(node.database)
        self._preparing = Preparing(node, self._rows)
        self._last = 0.0
        self._marked = False
        self._clerk = Clerk(node.database, node.evidence, lambda: time.monotonic() - self._last < _QUIET_SECONDS)

    @property
    def open(self) -> bool:
        """Whether this node takes the short way at all: its key is in this process, and no time stamp is asked for."""
        return self._node.signs_here and not self._node.stamps and self._node.config.http.cache_seconds > 0

    def begin(self) -> None:
        """When the node starts: file the records that were not filed when it ended."""
        self._clerk.begin()

    def end(self) -> None:
        """When the node stops: file the records that are not filed yet."""
        self._clerk.finish(self._node.config.http.shutdown_seconds)

    def prepare(self, dossier_hash: str) -> None:
        """Have one dossier (0x-hex) made ready for when it is asked for, and those that came to other replicas."""
        if self.open:
            self._preparing.add(dossier_hash)

    async def answer(self, given: Given) -> bytes | None:
        """The answer, stored; None if the request is to take the long way, and then nothing of it is stored."""
        self._start()
        self._preparing.follow()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(given, loop, loop.create_future())
        self._queue.append(waiting)
        self._awake.set()
        # A caller who hangs up changes nothing: what he sent is stored and answered all the same.
        return await waiting.answer

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._serve, name="desk", daemon=True)
                    self._thread.start()

    def _serve(self) -> None:
        before, last = 0, 0
        while True:
            self._awake.wait()
            self._awake.clear()
            while self._queue:
                self._gather(max(before, last))
                taken = [self._queue.popleft() for _ in range(min(len(self._queue), _MOST_TOGETHER))]
                answers: dict[int, bytes] = {}
                try:
                    answers = self._together(taken)
                except (FilingGateError, SQLAlchemyError) as error:
                    LOG.debug("the short way is closed", extra={"why": type(error).__name__})
                except Exception:
                    LOG.exception("the short way failed")
                self._tell(taken, answers)
                before, last = last, len(taken)

    def _gather(self, most: int) -> None:
        """Wait while more come, up to as many as were lately taken together: a commit costs the same for few."""
        waiting = 0
        while waiting < len(self._queue) < most:
            waiting = len(self._queue)
            time.sleep(_MOMENT)

    def _tell(self, taken: Sequence[_Waiting], answers: dict[int, bytes]) -> None:
        again = [item for item in taken if answers.get(id(item)) == b""]
        self._queue.extend(again)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, bytes | None]]] = {}
        for item in taken:
            answer = answers.get(id(item))
            if answer != b"":
                by_loop.setdefault(item.loop, []).append((item, answer))
        for loop, pairs in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, pairs)

    # Together --------------------------------------------------------------------------------------------------------

    def _together(self, taken: Sequence[_Waiting]) -> dict[int, bytes]:
        """The answers by the identity of the request; empty bytes: take it again; none: the long way."""
        node = self._node
        node.view.refresh()
        items = [item for item in map(self._item, taken) if item is not None]
        decided: list[_Decided] = []
        again: list[_Waiting] = []
        with node.database.engine.connect() as connection:
            if node.guard.restored_at(connection) is not None:
                return {}
            found = newest(connection, [item.asked for item in items])
            now = time.time()
            claimed: set[tuple[str, int]] = set()
            for item, rows in zip(items, found, strict=True):
                adds = rows.claim is None or rows.signature is None
                if adds and (item.asked.filing, item.asked.sequence) in claimed:
                    again.append(item.waiting)
                    continue
                approved = self._decided(connection, item, rows, now)
                if approved is not None:
                    decided.append(approved)
                    if adds:
                        claimed.add((item.asked.filing, item.asked.sequence))
        done = self._signed(decided, int(now))
        answers = {id(item): b"" for item in again}
        self._last = time.monotonic()
        if done:
            if not self._marked:
                self._mark()
            rows_of = [item.row for item in done]
            moment = format_time(datetime.now(UTC))
            kept = node.database.write(lambda connection: add_concluded(connection, rows_of, moment))
            for ended, (decision, answer) in zip(done, kept, strict=True):
                answers[id(ended.waiting)] = answer
                ended.tell(decision)
            self._clerk.called()
        return answers

    def _mark(self) -> None:
        """Before the first record that is filed later, the database says up to which all are filed."""
        with self._node.database.engine.connect() as connection:
            known = filed_below(connection)
        if known is None:
            mark_filed(self._node.database, 0)
        self._marked = True

    def _item(self, waiting: _Waiting) -> _Item | None:
        node, proposed = self._node, waiting.given.proposed
        dossier = node.database.kept_dossier(proposed.dossier_hash)
        if dossier is None and node.view.has(proposed.filing):
            # It was made ready once and has left the memory since: to read it again is all that is missing.
            dossier = node.database.dossier(proposed.dossier_hash)
        if dossier is None:
            return None
        names, known = names_of(dossier), node.view.known(dossier, proposed.filing)
        if names.number is None or names.filing != proposed.filing or known is None or known.state.sequence:
            return None
        if node.asks_parties(query_for(dossier)):
            return None
        digest = node.digest_of(proposed)
        asked = Asked(names.number, names.entity_name, proposed.filing, proposed.sequence, "0x" + digest.hex())
        return _Item(waiting, dossier, known, digest, asked)

    def _decided(self, connection: Connection, item: _Item, rows: Newest, now: float) -> _Decided | None:
        """The decision, if it is yes and the chain's clock and the guard allow a signature."""
        node, proposed, state, moment = self._node, item.waiting.given.proposed, item.known.state, int(now)
        facts = self._rows.facts(connection, item.asked.number, rows)
        if not node.is_fresh(facts.seen, now):
            return None
        case = node.case_of(
            item.dossier, moment, facts.seen, facts.earlier, item.known.tranches, facts.approved, facts.recorded
        )
        decision = decide_approval(case, node.config.chain.id, state, proposed)
        if not decision.approved:
            return None
        node.check_clock(item.known.head.time, state, proposed.valid_until)
        clock = min(moment, item.known.head.time)
        if rows.claim is not None:
            live = rows.claim == item.asked.digest and clock < int(rows.dead_after or 0) + MARGIN_SECONDS
            if not live:
                return None
        return _Decided(item, rows, case, decision, clock)

    def _signed(self, approved: Sequence[_Decided], moment: int) -> list[_Done]:
        """Records and signatures. Each step is done for all before the next: a processor likes the same work again."""
        node = self._node
        documents = [
            node.document("approval", each.case, each.item.known.state, each.proposed, each.decision, each.item.digest)
            for each in approved
        ]
        records = [node.signed(document) for document in documents]
        signatures = [each.rows.signature or node.made_over(each.proposed) for each in approved]
        return [
            self._done(each, moment, record, signature)
            for each, record, signature in zip(approved, records, signatures, strict=True)
        ]

    def _done(self, approved: _Decided, moment: int, record: bytes, signature: str) -> _Done:
        node, item, rows, case, decision = self._node, approved.item, approved.rows, approved.case, approved.decision
        given, proposed = item.waiting.given, approved.proposed
        signed = OperatorSignature(operator=node.address, signature=signature)

        def answer(decision_id: int) -> bytes:
            return self._answered(Answer(decision, item.asked.digest, signed, decision_id), given.name)

        def tell(decision_id: int) -> None:
            node.tell_decided("approval", case, proposed, decision, decision_id, request_id=given.name)
            node.metrics.signed("approval")

        row = Concluded(
            received_at=given.received_at,
            path=given.path,
            body=given.body,
            name=given.name,
            api_key=given.api_key,
            dossier_hash=proposed.dossier_hash,
            decided_at=moment,
            record=record,
            filing=proposed.filing,
            sequence=proposed.sequence,
            digest=item.asked.digest,
            dead_after=proposed.valid_until,
            claim=node.claimed_request(proposed.dossier_hash, proposed) if rows.claim is None else None,
            claimed_at=approved.clock,
            signature=signature,
            signed=rows.signature is None,
            answer=answer,
        )
        return _Done(item.waiting, row, tell)


def _deliver(pairs: list[tuple[_Waiting, bytes | None]]) -> None:
    for item, answer in pairs:
        if not item.answer.done():
            item.answer.set_result(answer)
