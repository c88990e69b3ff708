"""The log over HTTP: checkpoint, tiles and entries at fixed addresses (C2SP tlog-tiles), and two proofs ready made.

Answers hold nothing secret and are not kept: a leaf names what was kept by its hash. Tiles never change; the checkpoint
does with each thing that the node keeps.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from oracle.domain.canonical import canonical_bytes
from oracle.evidence.log_tiles import parse_tile_path
from oracle.node.openapi import answers
from oracle.node.problems import problem, respond
from oracle.node.published_log import PublishedLog

__all__ = ["FOREVER", "log_router"]

#: Tiles are immutable (C2SP tlog-tiles); so are the leaves in them.
FOREVER = "public, max-age=31536000, immutable"
_FRESH = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
_HASH = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile("[1-9][0-9]{0,17}")
_DIGEST = re.compile("0x[0-9a-f]{64}")
_SIZE = re.compile("0|[1-9][0-9]{0,15}")


def _problem(request: Request, status: int, kind: str, title: str) -> Response:
    return respond(problem(status, kind, title), request.state.request_id)


def _json(content: Any) -> Response:
    return Response(canonical_bytes(content), headers=_FRESH, media_type="application/json")


def log_router(log: PublishedLog | None) -> APIRouter:
    """The routes of a node's log; all of them answer 404 if the node has no log key."""
    router = APIRouter(tags=["log"])
    none = "this node signs no log"

    @router.get(
        "/log/checkpoint",
        operation_id="getCheckpoint",
        summary="The log's signed tree head (C2SP tlog-checkpoint)",
        response_class=Response,
        responses={**answers({}, 404), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def checkpoint(request: Request) -> Response:
        if log is None:
            return _problem(request, 404, "unknown", none)
        note = await run_in_threadpool(log.checkpoint)
        return Response(note, headers=_FRESH, media_type="text/plain; charset=utf-8")

    @router.get(
        "/log/key.json",
        operation_id="getLogKey",
        summary="The log's key, and the operator's signature over it",
        response_class=Response,
        responses={**answers({}, 404), 200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def key(request: Request) -> Response:
        if log is None:
            return _problem(request, 404, "unknown", none)
        return _json(await run_in_threadpool(log.binding))

    @router.get(
        "/log/tile/{rest:path}",
        operation_id="getTile",
        summary="A tile or an entry bundle (C2SP tlog-tiles)",
        response_class=Response,
        responses={**answers({}, 404), 200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
    )
    async def tile(request: Request, rest: str) -> Response:
        found = parse_tile_path(f"tile/{rest}")
        data = await run_in_threadpool(log.tile, found) if log is not None and found is not None else None
        if data is None:
            return _problem(request, 404, "unknown", "no checkpoint of this log covers such a tile")
        headers = {"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"}
        return Response(data, headers=headers, media_type="application/octet-stream")

    @router.get(
        "/v1/log/proof",
        operation_id="getLogProof",
        summary="That a leaf is in the log: by leaf hash, content hash, decision or digest",
        response_class=Response,
        responses={**answers({}, 404), 200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def proof(
        request: Request,
        leaf: str | None = Query(None, max_length=64),
        sha256: str | None = Query(None, max_length=64),
        decision: str | None = Query(None, max_length=20),
        signature: str | None = Query(None, max_length=66),
    ) -> Response:
        if log is None:
            return _problem(request, 404, "unknown", none)
        shapes = ((leaf, _HASH), (sha256, _HASH), (decision, _NUMBER), (signature, _DIGEST))
        given = [shape.fullmatch(text) is not None for text, shape in shapes if text is not None]
        if given != [True]:
            title = "give one of leaf, sha256 (64 hex digits), decision (a number), signature (0x and 64 hex digits)"
            return _problem(request, 422, "invalid", title)
        subject = ("decision", decision) if decision is not None else ("signature", signature or "")
        found = await run_in_threadpool(
            log.find,
            leaf_hash=bytes.fromhex(leaf) if leaf is not None else None,
            sha256=sha256,
            subject=subject if leaf is None and sha256 is None else None,
        )
        return (
            _problem(request, 404, "unknown", "no such leaf in the log") if found is None else _json(found[0].as_json())
        )

    @router.get(
        "/v1/log/consistency",
        operation_id="getLogConsistency",
        summary="That the log of an earlier size is the beginning of the log of now",
        response_class=Response,
        responses={**answers({}, 404), 200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def consistency(request: Request, size: str = Query(alias="from", max_length=20)) -> Response:
        if log is None:
            return _problem(request, 404, "unknown", none)
        if not _SIZE.fullmatch(size):
            return _problem(request, 422, "invalid", "from is a number of leaves")
        note, hashes = await run_in_threadpool(log.consistency, int(size))
        return _json({"checkpoint": note.decode("utf-8"), "from": int(size), "proof": [item.hex() for item in hashes]})

    return router
