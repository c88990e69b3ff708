"""What must hold before a node serves. Each fault is one clear line."""

from __future__ import annotations

from eth_keys.backends import get_backend

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.node.service import Node

__all__ = ["check_start"]


def check_start(node: Node) -> list[str]:
    """Warnings to print; InputError for what makes serving pointless (wrong chain, key not in the committee).

    A chain that can't be reached is a warning: the node answers 503 until it can.
    """
    if "coincurve" not in type(get_backend()).__name__.lower():
        raise FilingGateError(
            "the fast secp256k1 library is missing",
            where="coincurve",
            remedy="install the package with its dependencies",
        )
    try:
        wrong = node.check_committee()
    except UnreachableError as error:
        return [f"warning: {error}"]
    if wrong:
        raise InputError(wrong, where="[key]", remedy="use the operator's own key, or have it added to the committee")
    return [f"warning: {fault}" for fault in node.unread_chains()]
