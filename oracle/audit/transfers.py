"""A token's transfers replayed: what was minted and burned, and whether anybody gave more than it had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from oracle.audit.findings import AuditFinding, AuditReport
from oracle.chain.events import Event

__all__ = ["ZERO_ADDRESS", "TransferHistory"]

ZERO_ADDRESS = "0x" + "00" * 20


@dataclass
class TransferHistory:
    """Replays the Transfer events of one token in chain order and notes every deviation in `report`. Pure."""

    report: AuditReport
    token: str
    minted: int = 0
    burned: int = 0
    #: What each transaction that is not yet settled minted, and its block.
    minted_in: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    blocks: dict[str, int] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _overdrawn: set[str] = field(default_factory=set)

    def replay(self, transfers: Iterable[Event]) -> None:
        """Apply transfers of the token, the next ones in chain order."""
        for event in transfers:
            self.report.counted("BALANCE")
            giver, taker, value = event.values["from"], event.values["to"], event.values["value"]
            if giver == ZERO_ADDRESS:
                self.minted += value
                self.minted_in[event.transaction] += value
                self.blocks[event.transaction] = event.block
            else:
                self._take(event, giver, value)
            if taker == ZERO_ADDRESS:
                self.burned += value
            else:
                self.balances[taker] += value

    def _take(self, event: Event, giver: str, value: int) -> None:
        had = self.balances[giver]
        self.balances[giver] = had - value
        if had == value:
            del self.balances[giver]
        if value > had and giver not in self._overdrawn:
            self._overdrawn.add(giver)
            self.report.findings.append(
                AuditFinding(
                    "BALANCE",
                    f"{giver} gives at most {had}",
                    f"{value} given",
                    self.token,
                    event.block,
                    event.transaction,
                )
            )

    def against(self, consumed: Mapping[str, int]) -> None:
        """Every transaction must mint exactly what it consumed: `consumed` maps transactions to base units.

        Settles the transactions applied since this was called last: all logs of each must have been applied.
        """
        for transaction in [*self.minted_in, *(one for one in consumed if one not in self.minted_in)]:
            self.report.counted("MINT-UNCOVERED")
            expected, found = consumed.get(transaction, 0), self.minted_in.get(transaction, 0)
            if expected != found:
                self.report.findings.append(
                    AuditFinding(
                        "MINT-UNCOVERED",
                        f"{expected} consumed",
                        f"{found} minted",
                        self.token,
                        self.blocks.get(transaction),
                        transaction,
                    )
                )
        self.minted_in.clear()
        self.blocks.clear()

    def as_state(self) -> tuple[int, int, dict[str, int], set[str]]:
        """What a checkpoint keeps; every transaction must be settled."""
        return self.minted, self.burned, dict(self.balances), self._overdrawn

    def take(self, state: tuple[int, int, dict[str, int], set[str]]) -> None:
        """Go on from a checkpoint."""
        self.minted, self.burned, balances, self._overdrawn = state
        self.balances.update(balances)
