"""All routes of the pages."""

from __future__ import annotations

from fastapi import APIRouter

from oracle.node.pages.check_page import check_router
from oracle.node.pages.dossier_page import dossier_router
from oracle.node.pages.evidence_page import evidence_router
from oracle.node.pages.filing_page import filing_router
from oracle.node.pages.languages_page import language_router
from oracle.node.pages.operator_page import operator_router
from oracle.node.pages.register_page import register_router
from oracle.node.pages.sign_in_page import sign_in_router
from oracle.node.pages.static_files import static_router
from oracle.node.pages.verify_page import Verify, verify_router
from oracle.node.register import Register
from oracle.node.service import Node
from oracle.node.stored_calls import StoredCalls

__all__ = ["page_routers"]


def page_routers(node: Node, calls: StoredCalls, verify: Verify | None) -> list[APIRouter]:
    """The routers that the node's application includes. What they answer without a key is in `access.PAGES`."""
    register = Register(node.config, node.database.engine)
    return [
        static_router(),
        language_router(),
        register_router(register),
        filing_router(node, register),
        evidence_router(node),
        check_router(node, register),
        verify_router(verify, node.config.http.body_seconds),
        dossier_router(node, calls),
        sign_in_router(node),
        operator_router(node, calls, register),
    ]
