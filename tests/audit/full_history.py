"""Everything that may happen to two filings, played on a chain; and the same as the audit's replay takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oracle.audit.chain_reader import ChainReader
from oracle.audit.committee_history import CommitteeHistory
from oracle.audit.findings import AuditReport
from oracle.audit.history import Call, History
from oracle.audit.transfers import TransferHistory
from oracle.chain.events import Event, read_events
from oracle.domain.approval import FilingApproval, FilingUpdate, OnChainStatus, Tranche
from oracle.signing.keys import KeySigner
from tests.chain.small_world import (
    CAP,
    FILING,
    HOUR,
    MAX_VALIDITY,
    NEWCOMER,
    OTHER_FILING,
    QUORUM,
    RETENTION,
    ROTATION_DELAY,
    STRANGER,
    World,
)

RAISED = 2 * CAP
ZERO = "0x" + "0" * 40
#: After the history, which replaces and removes one of the quorum before.
LAST_QUORUM = sorted([QUORUM[0], NEWCOMER], key=lambda key: int(key.address, 16))


def play(world: World) -> None:
    """Approve, mint, raise a cap, renew, suspend both ways, resume, burn, transfer, revoke, complete."""
    world.approve((0, CAP), (1, CAP // 2))
    world.approve((2, 300_000), filing=OTHER_FILING)
    world.mint(0, 100_000)
    world.tokens[1].mint_batch(world.issuer, world.holders[:2], [1_000, 2_000])
    world.mint(2, 7_000)
    world.approve((0, RAISED))
    world.update(OnChainStatus.APPROVED)
    world.travel(HOUR)
    world.suspend_as_sender()
    world.update(OnChainStatus.APPROVED)
    world.suspend_by_signature()
    world.update(OnChainStatus.APPROVED)
    world.mint(0, 50_000)
    world.token_call(0, world.holders[0], "burn", 10_000)
    world.token_call(1, world.holders[0], "transfer", world.holders[1], 500)
    world.suspend_by_signature(OTHER_FILING)
    world.update(OnChainStatus.REVOKED, OTHER_FILING)
    world.mint(1, 300)
    rotate(world)
    # By a current operator and a retained one.
    world.update(OnChainStatus.COMPLETED)
    world.registry_call("removeOperator", QUORUM[1].address)


def rotate(world: World) -> None:
    """Replace an operator, and announce and call off, or do, every other change of the committee."""
    own, new, leaving = world.registry_call, NEWCOMER.address, QUORUM[1].address
    own("announceOperator", new, leaving)
    own("announceOperator", STRANGER.address, ZERO)
    own("announceThreshold", 1)
    own("cancelOperator", STRANGER.address, ZERO)
    world.travel(ROTATION_DELAY)
    own("applyOperator", new, leaving)
    own("raiseThreshold", 3)
    own("announceThreshold", 2)
    world.travel(ROTATION_DELAY)
    own("applyThreshold")
    own("announceSuccessor", "0x" + "55" * 20)
    own("transferOwnership", world.relay.address)
    world.relay.send(world.w3, world.registry.address, world.registry._data("acceptOwnership"))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


@dataclass
class Recording:
    """The history as plain values, for a test to falsify. Events are named by kind and number: ("Issued", 0)."""

    world: World
    events: list[Event]
    calls: dict[str, list[Call]]
    times: dict[int, int]
    transfers: list[Event]

    @classmethod
    def of(cls, world: World) -> Recording:
        """Read from the chain."""
        reader = ChainReader(world.w3, world.registry.address)
        events = read_events(world.w3, "FilingRegistry", [world.registry.address], 0, reader.last)
        changes = [event for event in events if event.name.startswith("Filing")]
        transfers = [
            event
            for event in read_events(world.w3, "AssetBackedToken", [world.tokens[0].address], 0, reader.last)
            if event.name == "Transfer"
        ]
        return cls(
            world,
            events,
            {event.transaction: reader.calls_of(event) for event in changes},
            {event.block: reader.time_of(event.block) for event in events},
            transfers,
        )

    def copy(self) -> Recording:
        """One to falsify."""
        return Recording(self.world, list(self.events), dict(self.calls), dict(self.times), list(self.transfers))

    def replayed(self, second: Any = None) -> tuple[AuditReport, History]:
        """What the audit makes of it; `second` gives the second opinion on signatures."""
        deployment = self.world.deployment
        report = AuditReport(deployment.chain_id, deployment.registry, 0, 0)
        history = History(
            report,
            self.world.domain,
            MAX_VALIDITY,
            lambda event: self.calls[event.transaction],
            lambda block: self.times[block],
            lambda operator, digest, signature, block: False,
            CommitteeHistory(ROTATION_DELAY, RETENTION),
            second,
        )
        history.replay(self.events)
        consumed: dict[str, int] = {}
        for event in self.events:
            if event.name == "Issued" and event.values["token"] == self.world.tokens[0].address:
                consumed[event.transaction] = consumed.get(event.transaction, 0) + event.values["amount"]
        moved = TransferHistory(report, self.world.tokens[0].address)
        moved.replay(self.transfers)
        moved.against(consumed)
        return report, history

    def index(self, name: str, number: int = 0) -> int:
        """Where an event stands."""
        return [place for place, event in enumerate(self.events) if event.name == name][number]

    def event(self, name: str, number: int = 0) -> Event:
        """An event."""
        return self.events[self.index(name, number)]

    def time_at(self, name: str, number: int = 0) -> int:
        """Time of the event's block."""
        return self.times[self.event(name, number).block]

    def drop(self, name: str, number: int = 0) -> None:
        """As if the event never was."""
        del self.events[self.index(name, number)]

    def drop_all(self, name: str) -> None:
        """As if none of these events ever was."""
        self.events = [event for event in self.events if event.name != name]

    def move(self, name: str, number: int, before: tuple[str, int]) -> None:
        """As if the event came earlier."""
        event = self.events.pop(self.index(name, number))
        self.events.insert(self.index(*before), event)

    def alter(self, name: str, number: int = 0, **values: Any) -> None:
        """As if the event said something else; the call stays."""
        place = self.index(name, number)
        event = self.events[place]
        self.events[place] = replace(event, values=event.values | values)

    def alter_call(self, name: str, number: int, change: Callable[[Call], Call]) -> None:
        """As if the transaction had submitted something else; the event stays."""
        transaction = self.event(name, number).transaction
        self.calls[transaction] = [change(call) for call in self.calls[transaction]]

    def alter_signatures(
        self, name: str, number: int, change: Callable[[list[tuple[str, bytes]]], Sequence[tuple[str, bytes]]]
    ) -> None:
        """As if other signatures had been submitted."""

        def changed(call: Call) -> Call:
            sender, function, (struct, signatures) = call
            return sender, function, (struct, tuple(change(list(signatures))))

        self.alter_call(name, number, changed)

    def restate(self, name: str, number: int = 0, signers: Sequence[KeySigner] = QUORUM, **values: Any) -> None:
        """As if the operators had signed, and the registry taken, something else: event and call agree."""
        self.alter(name, number, **values)
        event = self.event(name, number)
        given = event.values
        if name == "FilingApproved":
            struct: tuple[Any, ...] = (
                given["filing"],
                given["tranches"],
                given["dossierHash"],
                given["recordHash"],
                given["rulesetHash"],
                given["validAfter"],
                given["validUntil"],
                given["sequence"],
            )
            message: FilingApproval | FilingUpdate = FilingApproval(
                filing=_hex(struct[0]),
                tranches=tuple(Tranche(token=row[0], cap=row[1], decimals=row[2]) for row in struct[1]),
                dossier_hash=_hex(struct[2]),
                record_hash=_hex(struct[3]),
                ruleset_hash=_hex(struct[4]),
                valid_after=struct[5],
                valid_until=struct[6],
                sequence=struct[7],
            )
        else:
            keys = ("filing", "status", "recordHash", "validUntil", "sequence", "reason")
            struct = tuple(given[key] for key in keys)
            message = FilingUpdate(
                filing=_hex(struct[0]),
                status=struct[1],
                record_hash=_hex(struct[2]),
                valid_until=struct[3],
                sequence=struct[4],
                reason=_hex(struct[5]),
            )
        signed = [
            (made.operator, bytes.fromhex(made.signature[2:])) for made in self.world.signed(message, list(signers))
        ]
        self.alter_call(name, number, lambda call: (call[0], call[1], (struct, tuple(signed))))

    def again_at_the_end(self, name: str, number: int = 0) -> None:
        """As if the same kind of event had come once more, in a transaction of its own at the end."""
        event = self.event(name, number)
        block = max(self.times) + 1
        self.times[block] = self.times[block - 1] if block - 1 in self.times else max(self.times.values())
        copied = replace(event, block=block, transaction=f"{event.transaction}-again")
        self.calls[copied.transaction] = list(self.calls[event.transaction])
        self.events.append(copied)


FILING_BYTES = bytes.fromhex(FILING[2:])
OTHER_BYTES = bytes.fromhex(OTHER_FILING[2:])
