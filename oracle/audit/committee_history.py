"""The committee replayed from its events: whose signature counted when, what was announced, who owned it.

Pure: an event's name, values and block time come in; what the contract would never have done comes out as deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CHECKS", "CURRENT", "CommitteeHistory", "Deviation"]

#: `countsUntil` of a current operator.
CURRENT = 2**64 - 1

#: Seconds for which a change that is ready may be applied.
APPLY_WINDOW = 30 * 86_400

#: What is checked at each event, by the ids of the findings.
CHECKS = {
    "CommitteeChanged": ("COMMITTEE-EPOCH", "COMMITTEE-CHANGE", "COMMITTEE-UNANNOUNCED"),
    "OperatorAnnounced": ("COMMITTEE-EPOCH", "COMMITTEE-DELAY"),
    "OperatorCancelled": ("COMMITTEE-CHANGE",),
    "OperatorRetained": ("COMMITTEE-CHANGE", "COMMITTEE-DELAY"),
    "OperatorRemoved": ("COMMITTEE-CHANGE",),
    "ThresholdAnnounced": ("COMMITTEE-CHANGE", "COMMITTEE-DELAY"),
    "ThresholdCancelled": ("COMMITTEE-CHANGE",),
    "OwnershipTransferred": ("COMMITTEE-OWNER",),
}

_ZERO = "0x" + "0" * 40

#: (id of the finding, what was expected, what was found)
Deviation = tuple[str, object, object]


@dataclass
class CommitteeHistory:
    """The committee as its events tell it. Addresses are lower case; times are seconds since 1970.

    `rotation_delay` and `retention` are what the registry says of itself, in seconds; None where it does not.
    """

    rotation_delay: int | None = None
    retention: int | None = None
    operators: list[str] = field(default_factory=list)
    threshold: int = 0
    epoch: int = 0
    owner: str = _ZERO
    #: The set, threshold and owner that the registry was made with.
    first: tuple[list[str], int, str] = ([], 0, _ZERO)
    #: End of the retention of who was replaced.
    _until: dict[str, int] = field(default_factory=dict)
    #: Current operator -> those retained on its seat.
    _before: dict[str, list[str]] = field(default_factory=dict)
    #: Account -> epoch with which it joined or left last.
    _since: dict[str, int] = field(default_factory=dict)
    #: (operator, replaced or zero) -> (epoch it was announced for, first second in which it can be applied).
    _announced: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _lowering: tuple[int, int] = (0, 0)
    #: What OperatorRemoved said since the set was announced last.
    _removed: set[str] = field(default_factory=set)

    def apply(self, name: str, values: dict[str, Any], now: int) -> list[Deviation]:
        """Apply one event of a block at `now`; its name is one of `CHECKS`."""
        steps: dict[str, Callable[[dict[str, Any], int], Iterator[Deviation]]] = {
            "CommitteeChanged": self._changed,
            "OperatorAnnounced": self._operator_announced,
            "OperatorCancelled": self._operator_cancelled,
            "OperatorRetained": self._operator_retained,
            "OperatorRemoved": self._operator_removed,
            "ThresholdAnnounced": self._threshold_announced,
            "ThresholdCancelled": self._threshold_cancelled,
            "OwnershipTransferred": self._owned,
        }
        return list(steps[name](values, now))

    def counts_until(self, account: str, now: int) -> int:
        """First second in which the account's signatures no longer count; `CURRENT` for an operator, 0 if they don't
        count at `now`."""
        if account.lower() in self.operators:
            return CURRENT
        end = self._until.get(account.lower(), 0)
        return end if now < end else 0

    def seat_of(self, account: str) -> str:
        """The seat that an account signs for, named by its present holder."""
        account = account.lower()
        return next((holder for holder, kept in self._before.items() if account in kept), account)

    def ready_at(self, operator: str, replaced: str, now: int) -> int:
        """First second in which an announced change can be applied; 0 if none is announced or it is void."""
        pair = (operator.lower(), replaced.lower())
        epoch, ready = self._announced.get(pair, (0, 0))
        stands = all(epoch >= self._since.get(account, 0) for account in pair)
        return ready if stands and now < ready + APPLY_WINDOW else 0

    def announced_threshold(self, now: int) -> tuple[int, int]:
        """The announced lower threshold and the first second in which it can be applied; zeros if there is none."""
        return self._lowering if now < self._lowering[1] + APPLY_WINDOW else (0, 0)

    def retained(self, now: int) -> list[tuple[str, str, int]]:
        """(account, seat by its present holder, first second in which it no longer counts) of who still counts."""
        return sorted((one, self.seat_of(one), end) for one, end in self._until.items() if now < end)

    def pending(self, now: int) -> list[dict[str, Any]]:
        """Announced changes that stand: keys kind, operator, replaced, threshold, readyAt as far as they apply."""
        found: list[dict[str, Any]] = [
            {
                "kind": "operator",
                "operator": operator,
                "replaced": None if replaced == _ZERO else replaced,
                "readyAt": at,
            }
            for operator, replaced in self._announced
            if (at := self.ready_at(operator, replaced, now))
        ]
        lower, at = self.announced_threshold(now)
        return found + ([{"kind": "threshold", "threshold": lower, "readyAt": at}] if at else [])

    # Events

    def _changed(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        operators = [item.lower() for item in values["operators"]]
        threshold, epoch = values["threshold"], values["epoch"]
        if epoch != self.epoch + 1:
            yield "COMMITTEE-EPOCH", self.epoch + 1, epoch
        if len(set(operators)) != len(operators) or _ZERO in operators:
            yield "COMMITTEE-CHANGE", "each operator once, none of them zero", operators
        if self.epoch:
            yield from self._change(operators, threshold, now)
        else:
            self.first = (sorted(operators), threshold, self.owner)
            if not 1 <= threshold <= len(operators):
                yield "COMMITTEE-CHANGE", f"a threshold of 1 to {len(operators)}", threshold
        for account in set(self.operators) ^ set(operators):
            self._since[account] = epoch
        for account in set(operators) - set(self.operators):
            self._until.pop(account, None)
            self._leave_seat(account)
        if threshold < self.threshold:
            self._lowering = (0, 0)
        self.operators, self.threshold, self.epoch = operators, threshold, epoch
        self._removed.clear()

    def _change(self, operators: list[str], threshold: int, now: int) -> Iterator[Deviation]:
        """What a change of a standing committee must have had before it."""
        joined, left = set(operators) - set(self.operators), set(self.operators) - set(operators)
        if len(joined) > 1 or len(left) > 1 or (threshold != self.threshold and (joined or left)):
            yield (
                "COMMITTEE-CHANGE",
                "one operator or the threshold at a time",
                (sorted(joined), sorted(left), threshold),
            )
            return
        if joined:
            operator, replaced = next(iter(joined)), next(iter(left), _ZERO)
            ready = self.ready_at(operator, replaced, now)
            if not 0 < ready <= now:
                subject = operator if replaced == _ZERO else f"{operator} in place of {replaced}"
                yield "COMMITTEE-UNANNOUNCED", f"{subject} announced, and its delay over at {now}", _at(ready)
            self._announced.pop((operator, replaced), None)
        elif left and not left <= self._removed:
            yield "COMMITTEE-CHANGE", "an event OperatorRemoved before it", f"{next(iter(left))} left without one"
        if threshold > self.threshold and threshold > len(operators):
            yield "COMMITTEE-CHANGE", f"a threshold of at most {len(operators)}", threshold
        if threshold < self.threshold:
            announced, ready = self.announced_threshold(now)
            if announced != threshold or not 0 < ready <= now:
                yield (
                    "COMMITTEE-UNANNOUNCED",
                    f"a threshold of {threshold} announced, its delay over at {now}",
                    _at(ready),
                )

    def _operator_announced(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        if values["epoch"] != self.epoch:
            yield "COMMITTEE-EPOCH", self.epoch, values["epoch"]
        yield from self._delayed(values["readyAt"], now)
        pair = (values["operator"].lower(), values["replaced"].lower())
        self._announced[pair] = (values["epoch"], values["readyAt"])

    def _operator_cancelled(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        if self._announced.pop((values["operator"].lower(), values["replaced"].lower()), None) is None:
            yield "COMMITTEE-CHANGE", "an announcement to call off", "none"

    def _operator_retained(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        old, new = values["operator"].lower(), values["successor"].lower()
        if self.retention is not None and values["until"] != now + self.retention:
            yield "COMMITTEE-DELAY", now + self.retention, values["until"]
        if old not in self.operators:
            yield "COMMITTEE-CHANGE", "a current operator who is retained", old
        self._until[old] = values["until"]
        self._before[new] = [*self._before.pop(old, []), old]

    def _operator_removed(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        account = values["operator"].lower()
        if not self.counts_until(account, now):
            yield "COMMITTEE-CHANGE", "an operator whose signatures count", account
        self._since[account] = self.epoch + 1
        self._until.pop(account, None)
        self._removed.add(account)
        if account in self.operators:
            # The seat is closed, and with it goes who was retained on it.
            for earlier in self._before.pop(account, []):
                self._until.pop(earlier, None)
        else:
            self._leave_seat(account)

    def _threshold_announced(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        if not 0 < values["threshold"] < self.threshold:
            yield "COMMITTEE-CHANGE", f"a threshold below {self.threshold}", values["threshold"]
        yield from self._delayed(values["readyAt"], now)
        self._lowering = (values["threshold"], values["readyAt"])

    def _threshold_cancelled(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        if self.announced_threshold(now)[0] != values["threshold"]:
            yield "COMMITTEE-CHANGE", self.announced_threshold(now)[0], values["threshold"]
        self._lowering = (0, 0)

    def _owned(self, values: dict[str, Any], now: int) -> Iterator[Deviation]:
        if values["previousOwner"].lower() != self.owner:
            yield "COMMITTEE-OWNER", self.owner, values["previousOwner"]
        self.owner = values["newOwner"].lower()
        if self.owner == _ZERO:
            yield "COMMITTEE-OWNER", "an owner", "none"

    def _delayed(self, ready: int, now: int) -> Iterator[Deviation]:
        if self.rotation_delay is not None and ready != now + self.rotation_delay:
            yield "COMMITTEE-DELAY", now + self.rotation_delay, ready

    def _leave_seat(self, account: str) -> None:
        self._before = {holder: [one for one in kept if one != account] for holder, kept in self._before.items()}


def _at(ready: int) -> str:
    return f"ready at {ready}" if ready else "not announced"
