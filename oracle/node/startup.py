"""What must hold before a node serves. Each fault is one clear line."""

from __future__ import annotations

from eth_keys.backends import get_backend

from oracle.errors import FilingGateError, UnreachableError
from oracle.node.service import Node

__all__ = ["check_start"]


def check_start(node: Node) -> list[str]:
    """Warnings to print; InputError for what makes serving pointless: wrong chain, key neither in the committee nor
    announced for it nor retained, a key that does not sign. UnreachableError if its device or service does not answer.

    A chain that can't be reached is a warning: the node answers 503 until it can.
    """
    if "coincurve" not in type(get_backend()).__name__.lower():
        raise FilingGateError(
            "the fast secp256k1 library is missing",
            where="coincurve",
            remedy="install the package with its dependencies",
        )
    node.try_key()
    restored = [_restored(node)] if node.guard.restored_at() is not None else []
    try:
        standing = node.membership()
    except UnreachableError as error:
        return [*restored, f"warning: {error}"]
    standing.require()
    return [*restored, *(f"warning: {fault}" for fault in (*standing.warnings, *node.unread_chains()))]


def _restored(node: Node) -> str:
    return (
        f"warning: the database was restored at {node.guard.restored_at()}: for one window from then on this node "
        "signs no new approval or renewal, as it can't know what it signed after the backup; see `filing-gate key "
        "confirm-restore`"
    )
