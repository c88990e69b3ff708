"""The operator's pages: what needs a person, observations to confirm, suspensions, and how the node is.

Nothing here decides by itself: each page shows what a service knows, and each form does what an API call or a command
does, by the same function.
"""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from oracle.chain.failover import EndpointHealth
from oracle.domain.approval import OnChainStatus
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.domain.names import parse_number
from oracle.domain.personal_message import message_digest
from oracle.errors import FilingGateError, InputError, RefusedError, UnreachableError
from oracle.node.access import scopes_for
from oracle.node.config import ManualSourceConfig
from oracle.node.filings_api import stated
from oracle.node.pages.posted import Posted, read_form, signed_in
from oracle.node.pages.surroundings import page
from oracle.node.readiness import readiness
from oracle.node.register import Register
from oracle.node.service import Node
from oracle.node.stored_calls import StoredCalls
from oracle.rules.case import SHANGHAI
from oracle.signing.recovery import recover
from oracle.sources.manual import Kept, confirm_statement, kept_statements
from oracle.sources.manual_statement import SignedAct, act_text
from oracle.store.api_keys import Scope
from oracle.store.watch_state import WatchState

__all__ = ["operator_router"]

LOG = logging.getLogger("filing_gate.pages")

_OPERATES = frozenset({Scope.OPERATOR})
_MAX_BYTES = 60_000
#: What the pages take as fresh enough, and how long they wait for what is older, in seconds.
_AGE = 5.0
_WAIT = 5.0
#: Filings listed on the page of suspensions.
_MOST = 200
#: Ethereum and its test networks: elsewhere the native coin may have another name.
_ETHER = frozenset({1, 17_000, 560_048, 11_155_111})
_STATEMENT = re.compile(r"[0-9a-f]{64}")
_STOPS = frozenset({RecordKind.SUSPENDED, RecordKind.DECLARED, RecordKind.OVERDUE, RecordKind.ADVERSE})


@dataclass(frozen=True)
class Stopped:
    """A filing that may not mint by the record or on chain, and the newest reasons for it."""

    number: str
    state: str
    on_chain: str | None
    sequence: int | None
    reasons: tuple[RecordedEvent, ...]


@dataclass(frozen=True)
class Planned:
    """A suspension that somebody asks for, and what it will do."""

    number: str
    reason: str
    event_on: date
    at: int
    on_chain: str | None
    sequence: int | None
    relay: bool
    stopped: bool
    report_days: int


def operator_router(node: Node, calls: StoredCalls, register: Register) -> APIRouter:
    """The routes below /operator but signing in and out."""
    router = APIRouter(include_in_schema=False)
    config = node.config.http
    watch = WatchState(node.database.engine)

    @router.get("/operator")
    async def overview(request: Request) -> Response:
        caller = signed_in(request, None)
        if not caller.scopes & _OPERATES:
            return page(request, "account.html", reads=_reads(caller.scopes))

        def work() -> dict[str, Any]:
            # One that does not hold waits for a person too: it stops its source.
            waiting = sum(item.confirmed is None for _, item in _statements(node))
            return {
                "alerts": node.alerts(),
                "swept": node.duties.swept,
                "waiting": waiting,
                "stopped": len(_stopped(node, register)),
                "ready": readiness(node, max_age=_AGE, wait=_WAIT),
            }

        return page(request, "operator.html", **await run_in_threadpool(work))

    @router.get("/operator/health")
    async def health(request: Request) -> Response:
        signed_in(request, scopes_for("GET", "/metrics"))

        def work() -> dict[str, Any]:
            condition = node.condition
            stored = condition.stored.newest(max_age=_AGE, wait=_WAIT).value
            head = condition.head.newest(max_age=_AGE, wait=_WAIT).value
            endpoints: list[tuple[int, EndpointHealth | str]] = []
            for chain in (node.config.chain, *node.config.chains):
                try:
                    endpoints += [(chain.id, item) for item in node.connections.health(chain, ask=True)]
                except FilingGateError as error:
                    endpoints.append((chain.id, str(error)))
            return {
                "ready": readiness(node, max_age=_AGE, wait=_WAIT),
                "stored": stored,
                "head": head,
                "endpoints": endpoints,
                "coin": "ETH" if node.config.chain.id in _ETHER else None,
                "disks": condition.disks(),
                "facts": node.operator(),
                "relay": node.relay.address if node.relay is not None else None,
                "replicas": watch.replicas() if stored is not None else [],
                "failing": watch.failing() if stored is not None else [],
                "watched": node.config.watch.enabled,
                "now": int(time.time()),
                "began": int(condition.began),
            }

        return page(request, "health.html", **await run_in_threadpool(work))

    @router.get("/operator/observations")
    async def observations(request: Request) -> Response:
        signed_in(request, _OPERATES)
        sources = [item.name for item in node.config.sources if isinstance(item, ManualSourceConfig)]
        found = await run_in_threadpool(_statements, node)
        return page(request, "observations.html", sources=sources, statements=[item for _, item in found])

    @router.get("/operator/observations/{name}")
    async def observation(request: Request, name: str) -> Response:
        signed_in(request, _OPERATES)
        source, kept = await run_in_threadpool(_statement, node, name)
        return _observation(request, source, kept, _now())

    @router.get("/operator/observations/{name}/statement")
    async def statement(request: Request, name: str) -> Response:
        signed_in(request, _OPERATES)
        _, kept = await run_in_threadpool(_statement, node, name)
        headers = {"Content-Disposition": f'attachment; filename="{kept.path.name}"'}
        return Response(kept.data, media_type="application/octet-stream", headers=headers)

    @router.post("/operator/observations/{name}")
    async def confirm(request: Request, name: str) -> Response:
        caller = signed_in(request, _OPERATES)
        posted = await read_form(request, config, _MAX_BYTES)
        source, kept = await run_in_threadpool(_statement, node, name)
        at = posted.get("at")
        try:
            act = _act(posted, kept, at)
            folder = node.config.path(source.folder)
            await run_in_threadpool(
                confirm_statement, kept.path, act, source, recover, datetime.now(UTC), folder=folder
            )
        except (InputError, RefusedError, UnreachableError) as error:
            given = posted.get("signature")
            return _observation(request, source, kept, at, status=422, error=error, given=given)
        LOG.warning("observation confirmed", extra={"statement": name, "by": act.by, "key": caller.key_id})
        return RedirectResponse(f"/operator/observations/{name}", 303)

    @router.get("/operator/suspensions")
    async def suspensions(request: Request) -> Response:
        signed_in(request, _OPERATES)
        given = {"number": request.query_params.get("number", "")[:200], "reason": "", "event_on": ""}
        return await _suspensions(request, given, {})

    @router.post("/operator/suspensions/review")
    async def review(request: Request) -> Response:
        signed_in(request, _OPERATES)
        posted = await read_form(request, config, _MAX_BYTES)
        given = {name: posted.get(name).strip() for name in ("number", "reason", "event_on")}
        found = await run_in_threadpool(_planned, node, given, int(time.time()))
        if isinstance(found, dict):
            return await _suspensions(request, given, found, status=422)
        return page(request, "suspend.html", plan=found)

    @router.post("/operator/suspensions")
    async def suspend(request: Request) -> Response:
        signed_in(request, _OPERATES)
        posted = await read_form(request, config, _MAX_BYTES)
        given = {name: posted.get(name).strip() for name in ("number", "reason", "event_on")}
        at = posted.get("at")
        found = await run_in_threadpool(_planned, node, given, int(at) if re.fullmatch("[0-9]{1,12}", at) else 0)
        if isinstance(found, dict):
            return await _suspensions(request, given, found, status=422)
        plan = found

        def work() -> Any:
            # Stored as the call that it is in place of: the record names the statement, and the request holds it.
            signed = node.duties.own_statement(plan.number, plan.reason, plan.event_on, plan.at)
            body = json.dumps(signed.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()
            path = f"/v1/filings/{plan.number}/events"
            return calls.kept(request, path, body, lambda _: stated(node, plan.number, body))

        result = await run_in_threadpool(work)
        return page(request, "suspended.html", status=result.status, plan=plan, result=result)

    async def _suspensions(
        request: Request, given: dict[str, str], errors: dict[str, str], status: int = 200
    ) -> Response:
        def work() -> tuple[list[Stopped], list[str]]:
            return _stopped(node, register), node.database.recorded_filings()[:_MOST]

        stopped, known = await run_in_threadpool(work)
        today = datetime.now(UTC).astimezone(SHANGHAI).date().isoformat()
        return page(
            request,
            "suspensions.html",
            status=status,
            stopped=stopped,
            known=known,
            given={**given, "event_on": given["event_on"] or today},
            errors=errors,
        )

    return router


def _reads(scopes: frozenset[Scope]) -> bool:
    needed = scopes_for("GET", "/metrics")
    return needed is None or bool(scopes & needed)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# Observations --------------------------------------------------------------------------------------------------------


def _statements(node: Node) -> list[tuple[ManualSourceConfig, Kept]]:
    """Every statement of every manual source, those to be confirmed first; a folder that can't be read is a fault."""
    found: list[tuple[ManualSourceConfig, Kept]] = []
    for source in node.config.sources:
        if not isinstance(source, ManualSourceConfig):
            continue
        folder = node.config.path(source.folder)
        try:
            found += [(source, item) for item in kept_statements(folder, source, recover)]
        except UnreachableError as error:
            found.append((source, Kept(Path(source.name), fault=str(error))))
    return sorted(found, key=lambda pair: (pair[1].confirmed is not None, pair[1].fault is not None, pair[1].path.name))


def _statement(node: Node, name: str) -> tuple[ManualSourceConfig, Kept]:
    """The statement whose hash is `name`. HTTPException 404 if no manual source has it."""
    if _STATEMENT.fullmatch(name):
        for source, kept in _statements(node):
            if kept.file is not None and kept.file.statement.statement_hash() == "0x" + name:
                return source, kept
    raise HTTPException(404)


def _observation(
    request: Request,
    source: ManualSourceConfig,
    kept: Kept,
    at: str,
    *,
    status: int = 200,
    error: FilingGateError | None = None,
    given: str = "",
) -> Response:
    file = kept.file
    if file is None:
        raise HTTPException(404)
    content = file.statement.model_dump(mode="json", by_alias=True, exclude_none=True)
    return page(
        request,
        "observation.html",
        status=status,
        kept=kept,
        file=file,
        hash=file.statement.statement_hash(),
        content=json.dumps(content, ensure_ascii=False, indent=2),
        text=act_text(file.statement, "confirm", at),
        at=at,
        persons=[person.name for person in source.persons if person.name != kept.entered],
        error=error,
        given=given[:2_000],
    )


def _act(posted: Posted, kept: Kept, at: str) -> SignedAct:
    """The signature that was uploaded or entered: as `manual sign` prints it, or a wallet's over the text shown."""
    file = kept.file
    if file is None:
        raise HTTPException(404)
    try:
        text = posted.files["file"].decode("utf-8") if "file" in posted.files else posted.get("signature")
    except UnicodeDecodeError:
        raise InputError("the file is no text", where="signature", remedy="upload what `manual sign` printed") from None
    text = text.strip()
    if not text:
        raise InputError("missing", where="signature", remedy="upload or enter the signature")
    try:
        if text.startswith("{"):
            return SignedAct.model_validate_json(text)
        signer = recover(message_digest(act_text(file.statement, "confirm", at)), bytes.fromhex(text[2:]))
        return SignedAct(by=signer, at=at, signature=text.lower())
    except (ValidationError, ValueError):
        raise InputError(
            "not a signature: 0x and 130 hexadecimal digits, or what `manual sign` prints, are expected",
            where="signature",
            remedy="sign it again",
        ) from None


# Suspensions ---------------------------------------------------------------------------------------------------------


def _stopped(node: Node, register: Register) -> list[Stopped]:
    """The filings that may not mint: suspended on chain, or to be suspended by the record."""
    now, found = int(time.time()), []
    chain = {row.known.number: row.state for row in register.shown(now).rows}
    recorded = set(node.database.recorded_filings()[:_MOST])
    for number in sorted({*chain, *recorded}):
        state = chain.get(number)
        suspended = state is not None and state.status is OnChainStatus.SUSPENDED
        if not suspended and number not in recorded:
            continue
        folded = node.duties.folded(number, now)
        if not suspended and not folded.stopped:
            continue
        reasons = [item for item in node.database.filing_events(number) if item.kind in _STOPS]
        found.append(
            Stopped(
                number,
                folded.life.state.value,
                state.status.name if state is not None else None,
                state.sequence if state is not None else None,
                tuple(reversed(reasons[-5:])),
            )
        )
    return found


def _planned(node: Node, given: dict[str, str], at: int) -> Planned | dict[str, str]:
    """The suspension asked for; or what is wrong, by field: a key of the catalogue, or a sentence."""
    errors: dict[str, str] = {}
    now, number, event_on = int(time.time()), "", date.min
    try:
        number = parse_number(given["number"], node.config.policy.number_pattern)
    except InputError:
        errors["number"] = "suspend.error_number"
    reason = given["reason"]
    if not reason or len(reason) > 500 or not reason.isprintable():
        errors["reason"] = "suspend.error_reason"
    try:
        event_on = date.fromisoformat(given["event_on"])
        if event_on > datetime.fromtimestamp(now, UTC).astimezone(SHANGHAI).date():
            errors["event_on"] = "suspend.error_future"
    except ValueError:
        errors["event_on"] = "suspend.error_day"
    if "number" not in errors and number not in set(node.duties.filings()):
        errors["number"] = "suspend.error_unknown"
    if errors:
        return errors
    on_chain, stopped = None, False
    try:
        view = node.duties.view(number, now, events=1)
        on_chain, stopped = view["onChain"], view["stopped"]
        if on_chain is not None and on_chain["status"] == "NONE":
            return {"number": "suspend.error_never"}
    except InputError:
        # Handed in and without a record: nothing was approved on chain as far as this node has seen.
        return {"number": "suspend.error_never"}
    return Planned(
        number,
        reason,
        event_on,
        at,
        on_chain["status"] if on_chain is not None else None,
        on_chain["sequence"] if on_chain is not None else None,
        node.relay is not None,
        stopped,
        node.config.policy.report_working_days,
    )
