"""What happened when, for the report's pictures: kept small, however long the history is."""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import Any

from oracle.audit.roles import role_name
from oracle.chain.events import Event
from oracle.domain.approval import OnChainStatus
from oracle.domain.reason import decode_reason

__all__ = ["MOST_POINTS", "MOST_PRIVILEGED", "Minted", "Timeline", "status_name"]

#: Mints of one token are thinned out beyond so many points; the newest always stands.
MOST_POINTS = 400

#: Privileged calls that are listed one by one, and changes of one filing.
MOST_PRIVILEGED = 10_000
MOST_CHANGES = 2_000

_FILING = {"FilingApproved", "FilingUpdated", "FilingSuspended"}

#: Events of everyday use, by anybody.
_COMMON = {*_FILING, "Issued", "Transfer", "Approval", "Redeemed", "EIP712DomainChanged"}


def status_name(status: int) -> str:
    """The status's name in the contract; the number if it has none."""
    try:
        return OnChainStatus(status).name
    except ValueError:
        return str(status)


@dataclass
class Minted:
    """Points (time, issued so far in base units) of one token, at most `MOST_POINTS` of them."""

    points: list[tuple[int, int]] = field(default_factory=list)
    every: int = 1
    seen: int = 0
    last: tuple[int, int] = (0, 0)

    def add(self, time: int, issued: int) -> None:
        self.last = time, issued
        if self.seen % self.every == 0:
            self.points.append(self.last)
            if len(self.points) > MOST_POINTS:
                self.points = self.points[::2]
                self.every *= 2
        self.seen += 1


@dataclass
class Timeline:
    """Takes every event in chain order. Times are seconds since 1970."""

    changes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    minted: dict[str, Minted] = field(default_factory=dict)
    committee: list[dict[str, Any]] = field(default_factory=list)
    privileged: list[dict[str, Any]] = field(default_factory=list)
    #: Privileged calls beyond `MOST_PRIVILEGED`, which are counted only.
    omitted: int = 0

    def add(self, event: Event, time: int) -> None:
        """Take an event of registry or token; `time` is its block's."""
        if event.name == "Issued":
            self.minted.setdefault(event.values["token"], Minted()).add(time, event.values["issued"])
        elif event.name in _FILING:
            self._change(event, time)
        elif event.name not in _COMMON:
            self._privileged(event, time)

    def _change(self, event: Event, time: int) -> None:
        values = event.values
        row: dict[str, Any] = {
            "time": time,
            "block": event.block,
            "transaction": event.transaction,
            "sequence": values["sequence"],
        }
        if event.name == "FilingApproved":
            row |= {"kind": "APPROVED", "validAfter": values["validAfter"], "validUntil": values["validUntil"]}
            row["tranches"] = [{"token": token, "cap": str(cap)} for token, cap, _ in values["tranches"]]
            row |= {name: intern("0x" + values[name].hex()) for name in ("dossierHash", "recordHash", "rulesetHash")}
        elif event.name == "FilingUpdated":
            known = status_name(values["status"])
            row |= {"kind": "RENEWED" if known == "APPROVED" else known, "validUntil": values["validUntil"]}
            row |= {"recordHash": intern("0x" + values["recordHash"].hex()), "reason": decode_reason(values["reason"])}
        else:
            row |= {"kind": "SUSPENDED", "operator": values["operator"], "reason": decode_reason(values["reason"])}
        rows = self.changes.setdefault("0x" + values["filing"].hex(), [])
        if len(rows) >= MOST_CHANGES:
            del rows[1]  # the first and the newest say most
        rows.append(row)

    def _privileged(self, event: Event, time: int) -> None:
        if event.name == "CommitteeChanged":
            self.committee.append(
                {"time": time, "block": event.block, **{key: event.values[key] for key in _COMMITTEE_KEYS}}
            )
        if len(self.privileged) >= MOST_PRIVILEGED:
            self.omitted += 1
            return
        self.privileged.append(
            {
                "time": time,
                "block": event.block,
                "transaction": event.transaction,
                "contract": event.address,
                "event": event.name,
                "values": {name: _shown(name, value) for name, value in event.values.items()},
            }
        )

    def mints(self, token: str) -> list[list[Any]]:
        """[time, issued so far as a decimal string] for a token, ascending."""
        known = self.minted.get(token)
        if known is None:
            return []
        points = known.points if known.points[-1] == known.last else [*known.points, known.last]
        return [[time, str(issued)] for time, issued in points]


_COMMITTEE_KEYS = ("epoch", "operators", "threshold")


def _shown(name: str, value: Any) -> Any:
    if name in ("role", "previousAdminRole", "newAdminRole"):
        return role_name(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value[:1000] if isinstance(value, str | list | tuple) else value
