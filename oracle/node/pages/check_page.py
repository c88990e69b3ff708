"""Check a token: may it mint now, how much, until when, and if not why; asked of the chain at that moment."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from eth_utils.address import is_checksum_address, to_checksum_address
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from oracle.chain.filing_history import block_time, latest_block
from oracle.chain.registry import FilingState, Token, TrancheState
from oracle.domain.approval import ZERO_HASH
from oracle.errors import FilingGateError
from oracle.node.pages.language import catalogue
from oracle.node.pages.sight import sight_of
from oracle.node.pages.surroundings import is_fragment, page
from oracle.node.register import Register
from oracle.node.service import Node

__all__ = ["check_router"]

_ADDRESS = re.compile("0[xX][0-9a-fA-F]{40}")
_MAX_SYMBOL = 20


@dataclass(frozen=True)
class Answer:
    """What the chain says of a token at one block. `refusal`: the error that minting one base unit gives, if any."""

    token: str
    symbol: str
    decimals: int | None
    tranche: TrancheState
    state: FilingState | None
    refusal: str | None
    block: int
    time: int


def check_router(node: Node, register: Register) -> APIRouter:
    """The route /check."""
    router = APIRouter(include_in_schema=False)

    @router.get("/check")
    async def check(request: Request) -> Response:
        given = request.query_params.get("token")
        found: dict[str, Any] = {"answer": None, "problem": None, "error": None, "given": (given or "")[:200]}
        if given is not None:
            token = given.strip()
            if not token:
                found["error"] = "check.error_empty"
            elif not _ADDRESS.fullmatch(token):
                found["error"] = "check.error_shape"
            elif _mixed(token) and not is_checksum_address(token):
                found["error"] = "check.error_checksum"
            else:
                found |= await run_in_threadpool(_asked, node, to_checksum_address(token.lower()))
        answer = found["answer"]
        number = None
        if answer is not None and sight_of(request).filings:
            known = next((item for item in register.known().values() if item.filing == answer.tranche.filing), None)
            number = known.number if known else None
        fragment = is_fragment(request)
        refusal = answer.refusal if answer is not None else None
        return page(
            request,
            "check.html",
            # htmx shows a part only if it comes with 200, and an old answer must not outlive a chain that is away.
            status=200 if fragment else 422 if found["error"] else 503 if found["problem"] else 200,
            block="answer" if fragment else None,
            now=int(time.time()),
            number=number,
            reason_key=f"refusal.{refusal}" if f"refusal.{refusal}" in catalogue("en") else "refusal.other",
            **found,
        )

    return router


def _mixed(token: str) -> bool:
    digits = token[2:]
    return digits != digits.lower() and digits != digits.upper()


def _asked(node: Node, token: str) -> dict[str, Any]:
    try:
        registry = node.registry()
        block = latest_block(registry)
        tranche = registry.tranche_state(token, block)
        bound = tranche.filing != ZERO_HASH
        _, refusal = registry.can_issue(token, 1, block)
        answer = Answer(
            token,
            *_token(registry.w3, token, block),
            tranche,
            registry.filing_state(tranche.filing, block) if bound else None,
            refusal,
            block,
            block_time(registry, block),
        )
    except FilingGateError as error:
        return {"problem": str(error)}
    return {"answer": answer}


def _token(w3: Any, address: str, block: int) -> tuple[str, int | None]:
    """Symbol and decimals; a foreign contract need not have them, and may say anything."""
    token = Token(w3, address)
    try:
        decimals: int | None = token.decimals(block)
        symbol = token.symbol()
    except FilingGateError:
        return "", None
    text = "".join(char for char in symbol if char.isprintable())[:_MAX_SYMBOL]
    return text, decimals if decimals is not None and 0 <= decimals <= 36 else None
