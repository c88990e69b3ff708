"""The auditor's half: everything recomputed from the chain, nothing taken from an operator.

`audit_chain` replays a chain and holds it against its state, and against operators' evidence and logs if they are
given; `verify_bundle` checks one change's bundle from its bytes alone. docs/audit.md has examples that run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.audit.bundle_check import verify_bundle
    from oracle.audit.chain_audit import audit_chain

__all__ = ["audit_chain", "verify_bundle"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: most of this package's modules need neither, and a command should start at once.
    if name == "audit_chain":
        from oracle.audit.chain_audit import audit_chain

        return audit_chain
    if name == "verify_bundle":
        from oracle.audit.bundle_check import verify_bundle

        return verify_bundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
