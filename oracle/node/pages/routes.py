"""All routes of the pages."""

from __future__ import annotations

from fastapi import APIRouter

from oracle.node.pages.languages_page import language_router
from oracle.node.pages.register_page import register_router
from oracle.node.pages.static_files import static_router
from oracle.node.service import Node

__all__ = ["page_routers"]


def page_routers(node: Node) -> list[APIRouter]:
    """The routers that the node's application includes. What they answer without a key is in `access.PAGES`."""
    return [static_router(), language_router(), register_router(node)]
