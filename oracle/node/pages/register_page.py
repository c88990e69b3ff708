"""The register: which filings there are, how each stands on chain, how much of it is issued."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.node.pages.sight import sight_of
from oracle.node.pages.surroundings import is_fragment, page
from oracle.node.register import Register, Row, RowStatus, Shown, selected

__all__ = ["PER_PAGE", "csv_of", "register_router"]

PER_PAGE = 25
_MAX_WORDS = 200
#: So long an ending node waits for a reading of the chain, in seconds.
_SETTLE = 1.0

_COLUMNS = (
    *("number", "entity", "uscc", "filing", "status", "validAfter", "validUntil", "sequence"),
    *("tranche", "token", "chain", "decimals", "cap", "issued", "block"),
)


def register_router(register: Register) -> APIRouter:
    """The routes / and /filings.csv; the register is read once when the application starts."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        register.read_ahead()
        yield
        await run_in_threadpool(register.settle, _SETTLE)

    router = APIRouter(include_in_schema=False, lifespan=life)

    def found(request: Request) -> tuple[Shown, list[Row], str, str]:
        words = request.query_params.get("q", "").strip()[:_MAX_WORDS]
        status = request.query_params.get("status", "")
        status = status if status in set(RowStatus) else ""
        shown = register.shown(int(time.time()))
        rows = selected(shown.rows, words=words, status=status or None, names=sight_of(request).filings)
        return shown, rows, words, status

    @router.get("/")
    async def register_page(request: Request) -> Response:
        shown, rows, words, status = await run_in_threadpool(found, request)
        names = sight_of(request).filings
        if not names:
            # In the order of their ids: that of their numbers would tell something of them.
            rows = sorted(rows, key=lambda row: row.known.filing)
        pages = max(1, -(-len(rows) // PER_PAGE))
        number = min(_number(request.query_params.get("page", "")), pages)
        query = {key: value for key, value in (("q", words), ("status", status)) if value}
        return page(
            request,
            "register.html",
            block="results" if is_fragment(request) else None,
            fragment=is_fragment(request),
            rows=rows[(number - 1) * PER_PAGE : number * PER_PAGE],
            total=len(rows),
            words=words,
            chosen=status,
            statuses=[item for item in RowStatus if names or item is not RowStatus.PENDING],
            shown=shown,
            now=int(time.time()),
            number=number,
            pages=pages,
            query=urlencode(query),
            address=lambda at: "/?" + urlencode({**query, "page": at}),
        )

    @router.get("/filings.csv")
    async def download(request: Request) -> Response:
        shown, rows, _, _ = await run_in_threadpool(found, request)
        headers = {"Content-Disposition": 'attachment; filename="filings.csv"'}
        data = csv_of(rows, shown, names=sight_of(request).filings)
        return Response(data, headers=headers, media_type="text/csv; charset=utf-8")

    return router


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1


def csv_of(rows: Sequence[Row], shown: Shown, *, names: bool) -> bytes:
    """The rows as CSV, one line a tranche, in UTF-8 with a mark that spreadsheets read. Amounts are base units.

    A column of who does not see names is empty. `block` is empty if the chain could not be read.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    block = shown.seen.value.block if shown.fresh and shown.seen.value else ""
    for row in rows:
        known, state = row.known, row.state
        head: list[Any] = [known.number, known.entity_name, known.uscc] if names else ["", "", ""]
        head += [known.filing, row.status.value if shown.fresh else RowStatus.UNREAD.value]
        head += [state.valid_after, state.valid_until, state.sequence] if state is not None else ["", "", ""]
        for tranche in known.tranches:
            there = row.tranches.get(tranche.token)
            if there is None and not names:
                continue
            cap: Any = there.cap if there else ""
            writer.writerow(
                [
                    *(_inert(value) for value in head),
                    *(_inert(value) for value in (tranche.id if names else "", tranche.token, tranche.chain)),
                    *(tranche.decimals, cap, there.issued if there else "", block),
                ]
            )
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def _inert(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"):
        return "'" + value
    return value
