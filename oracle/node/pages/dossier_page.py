"""The dossier's page: fill in or load, see every fault at its field, try the rules, take the file, hand it in.

Everything but handing in is computed from what the browser sends and kept nowhere.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.domain.canonical import parse_json
from oracle.domain.dossier import MAX_DOSSIER_BYTES, Dossier, parse_dossier
from oracle.domain.names import filing_id
from oracle.errors import InputError
from oracle.node.access import scopes_for
from oracle.node.pages.dossier_form import (
    MAX_ENTRIES,
    Draft,
    changed,
    document,
    draft_of,
    entries,
    first_draft,
    form,
    posted,
)
from oracle.node.pages.language import language_of
from oracle.node.pages.posted import Posted, read_form, signed_in
from oracle.node.pages.surroundings import page
from oracle.node.pages.verdict_rows import verdict_rows
from oracle.node.proposals_api import handed_in
from oracle.node.service import Node
from oracle.node.stored_calls import StoredCalls
from oracle.rules.case import Case
from oracle.rules.table import evaluate
from oracle.rules.verdict import Verdict

__all__ = ["dossier_router", "problem_in"]

#: A dossier with what a form puts around its values.
_MAX_BYTES = MAX_DOSSIER_BYTES + 1_500_000
#: Dossiers checked at the same time by one process, and how long one waits for its turn, in seconds.
_AT_ONCE = 2
_TURN_SECONDS = 3.0
_MAX_FAULTS = 300


@dataclass(frozen=True)
class Fault:
    """One thing to correct: the path as the dossier has it, the place in the form that is nearest, what is wrong."""

    path: str
    place: str | None
    problem: str


def dossier_router(node: Node, calls: StoredCalls) -> APIRouter:
    """The routes /dossier and /dossier/send."""
    router = APIRouter(include_in_schema=False)
    config = node.config.http
    turns = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def turn() -> AsyncIterator[bool]:
        """Whether it is this request's turn, which is then held."""
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await turns.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            turns.release()

    @router.get("/dossier")
    async def empty(request: Request) -> Response:
        return await run_in_threadpool(_form, request, first_draft(), [])

    @router.post("/dossier")
    async def take(request: Request) -> Response:
        sent = await read_form(request, config, _MAX_BYTES, token=False)
        act, _, path = sent.get("do").partition(" ")
        if act == "download":
            return await run_in_threadpool(_download, request, sent)
        async with turn() as ours:
            if act in ("add", "remove") or not ours:
                draft = posted(sent.fields)
                if ours:
                    draft = changed(draft, act, path)
                return await run_in_threadpool(
                    _form, request, draft, [], busy=not ours, text=sent.get("text"), at=path if ours else ""
                )
            return await run_in_threadpool(_checked, request, node, sent, act)

    @router.post("/dossier/send")
    async def send(request: Request) -> Response:
        signed_in(request, scopes_for("POST", "/v1/dossiers"))
        sent = await read_form(request, config, _MAX_BYTES)
        body = sent.get("document").encode("utf-8", "replace")

        def work() -> Response:
            dossier = parse_dossier(body, what="dossier")
            name = "0x" + dossier.dossier_hash().hex()
            if sent.get("hash") != name:
                raise InputError("the dossier is not the one that was shown", where="hash", remedy="check it again")
            result = calls.kept(request, "/v1/dossiers", body, lambda number: handed_in(node, number, body))
            return page(
                request, "dossier_sent.html", status=result.status, result=result, hash=name, operator=node.operator()
            )

        return await run_in_threadpool(work)

    return router


def _form(
    request: Request,
    draft: Draft,
    faults: list[Fault],
    *,
    status: int = 200,
    busy: bool = False,
    text: str = "",
    text_error: str | None = None,
    at: str = "",
) -> Response:
    """The form filled with a draft; `text` is what was pasted and could not be read, `at` the list that was changed."""
    words = dict(entries(draft))
    language = language_of(request)
    told = [
        (item.place, item.path, words.get(item.place or ""), problem_in(language, item.problem))
        for item in faults[:_MAX_FAULTS]
    ]
    at_place: dict[str, list[str]] = {}
    in_part = Counter(_part(item.place) for item in faults if item.place is not None)
    for place, path, _, sentence in told:
        if place is not None:
            at_place.setdefault(place, []).append(sentence if place == path else f"{path}: {sentence}")
    return page(
        request,
        "dossier.html",
        status=status,
        entries=form(),
        draft=draft,
        faults=told,
        more=max(0, len(faults) - _MAX_FAULTS),
        at_place=at_place,
        in_part=in_part,
        open_parts={*in_part, _part(at)},
        fits=len(words) <= MAX_ENTRIES,
        busy=busy,
        text=text,
        text_error=text_error,
    )


def _part(path: str) -> str:
    """The first key of a path."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _checked(request: Request, node: Node, sent: Posted, act: str) -> Response:
    """What a posted dossier comes to: the form with its faults, or the trial of the rules."""
    text, draft = "", None
    if act in ("load", "again", "edit"):
        data = sent.files.get("file") or sent.get("text" if act == "load" else "document").encode("utf-8", "replace")
        text = sent.get("text")
        if not data.strip():
            return _form(request, posted(sent.fields), [], status=422, text_error="dossier.nothing")
        toml = not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
        content = _content(data, toml)
        if act == "edit":
            return _form(request, draft_of(content), [])
    else:
        draft = posted(sent.fields)
        data, toml, content = json.dumps(document(draft), ensure_ascii=False).encode("utf-8", "replace"), False, None
    try:
        dossier = parse_dossier(data, what="dossier", toml=toml)
    except InputError as error:
        rows = error.details if isinstance(error.details, list) else None
        if rows is None:
            sentence = problem_in(language_of(request), error.what)
            return _form(request, draft or posted(sent.fields), [], status=422, text=text, text_error=sentence)
        shown = draft if draft is not None else draft_of(content)
        return _form(request, shown, _faults(rows, shown), status=422)
    return _tried(request, node, dossier)


def _content(data: bytes, toml: bool) -> Any:
    """What a file holds, for the form; None if it can't be read, which `parse_dossier` tells."""
    if len(data) > MAX_DOSSIER_BYTES:
        return None
    try:
        if not toml:
            return parse_json(data, what="dossier")
        # Its bounds are those of `parse_dossier`, which refuses first what is costly to read.
        parse_dossier(data, what="dossier", toml=True)
        return tomllib.loads(data.decode("utf-8"))
    except InputError as error:
        return tomllib.loads(data.decode("utf-8")) if toml and isinstance(error.details, list) else None


def _faults(rows: list[dict[str, str]], draft: Draft) -> list[Fault]:
    known = {path for path, _ in entries(draft)}
    found = []
    for row in rows:
        path, problem = row["field"], row["problem"]
        if not path:
            # A fault of the whole names its place itself.
            named, _, rest = problem.partition(": ")
            path, problem = (named, rest) if rest and _near(named, known) else ("", problem)
        found.append(Fault(path, _near(path, known), problem))
    return found


def _near(path: str, known: set[str]) -> str | None:
    """The path itself or the nearest one above it that the form shows."""
    while path and path not in known:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return path or None


def _tried(request: Request, node: Node, dossier: Dossier) -> Response:
    """A valid dossier: its hash, and what each rule says before anything was observed."""
    verdicts = evaluate(Case(dossier=dossier, policy=node.config.policy, now=int(time.time())))
    number = dossier.filing.filing_number
    return page(
        request,
        "dossier_checked.html",
        dossier=dossier,
        hash="0x" + dossier.dossier_hash().hex(),
        filing="0x" + filing_id(number).hex() if number else None,
        canonical=dossier.canonical().decode("utf-8"),
        findings=verdict_rows(item.as_json() for item in verdicts.findings),
        counts={verdict.value: sum(item.result is verdict for item in verdicts.findings) for verdict in Verdict},
        operator=node.operator(),
    )


def _download(request: Request, sent: Posted) -> Response:
    dossier = parse_dossier(sent.get("document").encode("utf-8", "replace"), what="dossier")
    name = dossier.dossier_hash().hex()[:16]
    headers = {"Content-Disposition": f'attachment; filename="dossier-{name}.json"'}
    return Response(dossier.canonical(), media_type="application/octet-stream", headers=headers)


@cache
def _problems(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    text = files("oracle.node.pages").joinpath("texts", "problems.toml").read_text(encoding="utf-8")
    rows: list[Mapping[str, str]] = tomllib.loads(text)["problem"]
    return tuple((re.compile(row["says"], re.DOTALL), row[language]) for row in rows)


def problem_in(language: str, problem: str) -> str:
    """A fault's sentence in the page's language and plain words; as it is where there are none."""
    for pattern, text in _problems(language):
        found = pattern.fullmatch(problem)
        if found:
            return found.expand(text)
    return problem
