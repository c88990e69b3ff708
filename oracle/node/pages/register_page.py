"""The register: which filings there are, how each stands on chain, how much of it is issued."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from oracle.node.pages.surroundings import page
from oracle.node.service import Node

__all__ = ["register_router"]


def register_router(node: Node) -> APIRouter:
    """The routes / and /filings.csv."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def register(request: Request) -> Response:
        return page(request, "register.html")

    return router
