"""Who holds which role of a token, replayed from its events (OpenZeppelin AccessControl)."""

from __future__ import annotations

from oracle.chain.events import Event
from oracle.domain.canonical import keccak256

__all__ = ["RoleHistory", "role_name"]

_NAMES = {
    bytes(32): "DEFAULT_ADMIN_ROLE",
    **{
        keccak256(name.encode("ascii")): name
        for name in (
            "ISSUER_ROLE",
            "PAUSER_ROLE",
            "ALLOWLIST_ROLE",
            "FREEZER_ROLE",
            "ENFORCER_ROLE",
            "DOCUMENTS_ROLE",
        )
    },
}


def role_name(role: bytes) -> str:
    """The constant's name, else 0x-hex."""
    return _NAMES.get(role) or "0x" + role.hex()


class RoleHistory:
    """Applies RoleGranted and RoleRevoked in chain order. Pure."""

    def __init__(self) -> None:
        self.holders: dict[bytes, set[str]] = {}
        #: Everyone who ever held a role: asked of the contract at the end.
        self.ever: set[tuple[bytes, str]] = set()

    def apply(self, event: Event) -> None:
        """Apply an event; others than the two change nothing."""
        if event.name == "RoleGranted":
            self.holders.setdefault(event.values["role"], set()).add(event.values["account"])
            self.ever.add((event.values["role"], event.values["account"]))
        elif event.name == "RoleRevoked":
            self.holders.get(event.values["role"], set()).discard(event.values["account"])
            self.ever.add((event.values["role"], event.values["account"]))

    def holds(self, role: bytes, account: str) -> bool:
        """Whether the events say that the account holds the role."""
        return account in self.holders.get(role, set())

    def as_json(self) -> dict[str, list[str]]:
        """Role name -> accounts, each ascending."""
        return {role_name(role): sorted(accounts) for role, accounts in sorted(self.holders.items()) if accounts}
