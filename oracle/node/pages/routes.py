"""All routes of the pages."""

from __future__ import annotations

from fastapi import APIRouter

from oracle.node.pages.dossier_page import dossier_router
from oracle.node.pages.languages_page import language_router
from oracle.node.pages.operator_page import operator_router
from oracle.node.pages.register_page import register_router
from oracle.node.pages.sign_in_page import sign_in_router
from oracle.node.pages.static_files import static_router
from oracle.node.service import Node
from oracle.node.stored_calls import StoredCalls

__all__ = ["page_routers"]


def page_routers(node: Node, calls: StoredCalls) -> list[APIRouter]:
    """The routers that the node's application includes. What they answer without a key is in `access.PAGES`."""
    return [
        static_router(),
        language_router(),
        register_router(node),
        dossier_router(node, calls),
        sign_in_router(node),
        operator_router(node, calls),
    ]
