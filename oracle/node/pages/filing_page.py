"""One filing: the line from dossier to mint, with what was seen, what was decided, and what the chain has."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from oracle.chain.filing_life import Life, read_life
from oracle.chain.filing_picture import ENGLISH, filing_picture
from oracle.domain.filing import FilingQuery, Observation
from oracle.domain.names import filing_id
from oracle.errors import FilingGateError, InputError
from oracle.node.pages.language import catalogue, language_of, translator
from oracle.node.pages.shown import seconds_of, utc
from oracle.node.pages.sight import Sight, sight_of
from oracle.node.pages.surroundings import page
from oracle.node.pages.verdict_rows import verdict_rows
from oracle.node.refreshed import Refreshed, Seen
from oracle.node.register import Register, Row, RowStatus
from oracle.node.service import Node
from oracle.store.lists import Lists

__all__ = ["filing_router"]

_LIVES = 64
_WAIT = 4.0
_FOR_EVER = 10.0**9


class _Lives:
    """The chain's history of filings, read anew only when the chain shows that something was added."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Refreshed[Life]] = OrderedDict()

    def of(self, row: Row, block: int) -> Seen[Life]:
        chain = self._node.config.chain
        key = (row.known.filing, row.state, tuple(sorted((token, astuple(it)) for token, it in row.tranches.items())))
        tokens = list(row.tranches)

        def read() -> Life:
            return read_life(chain.urls(), chain.registry, row.known.filing, tokens, block)

        with self._lock:
            reader = self._kept.setdefault(key, Refreshed("filing-life", read))
            self._kept.move_to_end(key)
            while len(self._kept) > _LIVES:
                self._kept.popitem(last=False)
        seen = reader.newest(max_age=_FOR_EVER, wait=_WAIT)
        if seen.error is not None:
            with self._lock:
                self._kept.pop(key, None)
        return seen


def filing_router(node: Node, register: Register) -> APIRouter:
    """The route /filings/{number}; a filing is also found by its 0x-hex id."""
    router = APIRouter(include_in_schema=False)
    lists = Lists(node.database.engine)
    lives = _Lives(node)

    def gathered(request: Request, number: str) -> dict[str, Any]:
        sight, now = sight_of(request), int(time.time())
        plain = number.strip().lower()
        filing = plain if plain.startswith("0x") else "0x" + filing_id(number).hex()
        row, seen = register.row(filing, now)
        if row is None or not (sight.filings or row.approved):
            raise HTTPException(404)
        block = seen.value.block if seen.value else 0
        life = lives.of(row, block) if row.approved else Seen(None, None, late=False)
        known = _known_here(node, lists, register, row, sight, now, fresh=seen.value is not None and not seen.error)
        steps = _steps(row, known, life.value)
        return {
            "row": row,
            "seen": seen,
            "fresh": seen.value is not None and seen.error is None and not seen.late,
            "life": life,
            "now": now,
            "named": sight.filings,
            "committee": seen.value,
            "steps": steps,
            "picture": _picture(row, life.value, known, now, language_of(request)),
            # A visitor who brought the number knows it.
            "title": row.known.number if sight.filings or not plain.startswith("0x") else None,
            **known,
        }

    @router.get("/filings/{number}")
    async def filing(request: Request, number: str) -> Response:
        return page(request, "filing.html", **await run_in_threadpool(gathered, request, number))

    return router


def _known_here(
    node: Node, lists: Lists, register: Register, row: Row, sight: Sight, now: int, *, fresh: bool
) -> dict[str, Any]:
    """What this node keeps of the filing, as far as the visitor may see it."""
    found: dict[str, Any] = {
        "received": None,
        "observations": [],
        "decision": None,
        "decided": None,
        "signed": None,
        "verdicts": [],
        "duties": None,
        "duties_problem": None,
    }
    if sight.filings:
        received = lists.received_at(row.known.dossier_hash)
        found["received"] = seconds_of(received) if received else None
        query = FilingQuery(number=row.known.number, entity_name=row.known.entity_name)
        found["observations"] = [_observed(item) for item in node.database.last_sighting(query)]
        if row.approved and fresh:
            try:
                found["duties"] = node.duties.view(row.known.number, now)
            except InputError:
                found["duties"] = None
            except FilingGateError as error:
                found["duties_problem"] = str(error)
    number = register.newest_decision(row.known.dossier_hash) if sight.records else None
    decision = lists.decision(number) if number is not None else None
    if number is not None and decision is not None:
        signed = lists.signed_at(number)
        found |= {
            "decision": decision,
            "decided": decision.decided_at,
            "signed": seconds_of(signed) if signed else None,
            "verdicts": verdict_rows(decision.outcome["verdicts"]),
        }
    return found


def _observed(item: Observation) -> dict[str, Any]:
    return {
        "source": item.source,
        "kind": item.kind.value,
        "status": item.status.value if item.status else None,
        "wording": item.raw_status,
        "level": item.level,
        "title": item.title or item.detail,
        "url": item.url,
        "seen": seconds_of(item.fetched_at),
        "files": [name for name in (item.sha256, item.attachment_sha256) if name],
    }


def _steps(row: Row, known: Mapping[str, Any], life: Life | None) -> list[dict[str, Any]]:
    """The line from dossier to mint: each step with key, state (done, open, stopped, unknown) and moment."""
    first = life.changes[0] if life and life.changes else None
    minted = min((mint[0] for rows in life.mints.values() for mint in rows), default=None) if life else None
    seen = max((item["seen"] for item in known["observations"]), default=None)
    issued = any(item.issued for item in row.tranches.values())
    decision = known["decision"]
    refused = decision is not None and not decision.outcome["approved"]
    past = row.approved
    quorums = [change for change in life.changes if change["kind"] in ("APPROVED", "RENEWED")] if life else []
    signers = next((change["signers"] for change in reversed(quorums) if change["signers"]), None)

    def step(key: str, moment: int | None, *, done: bool, stopped: bool = False, **more: Any) -> dict[str, Any]:
        state = "stopped" if stopped else "done" if done else "open"
        return {"key": key, "state": state, "moment": moment, **more}

    return [
        step("received", known["received"], done=True),
        step("seen", seen, done=past or bool(known["observations"]), last=True),
        step("decided", known["decided"], done=past or decision is not None, stopped=refused and not past, last=True),
        step("signed", known["signed"], done=past, last=True, signers=len(signers) if signers else None),
        step("approved", first["time"] if first else None, done=past),
        step("minted", minted, done=issued, stopped=row.status in _STOPPED),
    ]


_STOPPED = frozenset({RowStatus.SUSPENDED, RowStatus.REVOKED, RowStatus.EXPIRED})


def _picture(row: Row, life: Life | None, known: Mapping[str, Any], now: int, language: str) -> Markup | None:
    if life is None or not life.changes:
        return None
    words = {key.removeprefix("picture."): text for key, text in catalogue(language).items() if key[:8] == "picture."}
    t = translator(language)
    before = [
        (moment, letter, f"{t('step.' + key)}: {utc(moment)}")
        for key, letter, moment in (
            ("received", "1", known["received"]),
            ("decided", "2", known["decided"]),
            ("signed", "3", known["signed"]),
        )
        if moment is not None
    ]
    names = {tranche.token: tranche.id for tranche in row.known.tranches}
    tokens = [
        {
            "token": token,
            "issued": str(state.issued),
            "cap": str(state.cap),
            "label": names.get(token, "") if known["received"] else "",
            "mints": [(moment, str(total)) for moment, _, total, _ in life.mints.get(token, [])],
        }
        for token, state in row.tranches.items()
    ]
    shown = {"filing": row.known.filing, "status": t(f"status.{row.status.value}"), "changes": list(life.changes)}
    times = [change["time"] for change in life.changes] + [item[0] for item in before]
    # Not S704: filing_picture escapes what it did not write itself.
    drawn = filing_picture(shown, tokens, min(times), max(*times, now), words={**ENGLISH, **words}, before=before)
    return Markup(drawn)  # noqa: S704
