"""Who may sign: what a committee can be, and how it changes. Every order of changes that could widen trust is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tests.contracts.chain_fixture import (
    DAY,
    MAX_VALIDITY,
    RETENTION,
    ROTATION_DELAY,
    ZERO_ADDRESS,
    Gate,
    Reverted,
    Status,
    Suspension,
    assert_refused,
    committee,
    operator_accounts,
)

A, B, C = (account.address for account in operator_accounts(3))
CURRENT = 2**64 - 1
APPLY_WINDOW = 30 * DAY
YEAR = 365 * DAY
NEW, NEWER = (Account.from_key(bytes([number]) * 32) for number in (0x41, 0x42))


@dataclass
class Council:
    """The committee with its owner at hand."""

    gate: Gate

    @property
    def functions(self) -> Any:
        return self.gate.registry.functions

    @property
    def now(self) -> int:
        return self.gate.chain.now

    def do(self, name: str, *values: Any, at: int | None = None) -> Any:
        """Sends as the owner."""
        return self.gate.send(self.functions[name](*values), self.gate.owner, at)

    def refusal(self, name: str, *values: Any) -> Reverted | None:
        return self.gate.refusal(self.functions[name](*values), self.gate.owner)

    def wait(self, seconds: int = ROTATION_DELAY) -> None:
        self.gate.chain.travel(self.now + seconds)

    def announce(self, operator: str, replaced: str = ZERO_ADDRESS) -> None:
        self.do("announceOperator", operator, replaced)

    def seat(self, operator: str, replaced: str = ZERO_ADDRESS) -> None:
        """Announces, waits, applies."""
        self.announce(operator, replaced)
        self.wait()
        self.do("applyOperator", operator, replaced)

    def ready_at(self, operator: str, replaced: str = ZERO_ADDRESS) -> int:
        return int(self.functions.operatorReadyAt(operator, replaced).call())

    def counts(self, operator: str) -> int:
        return int(self.functions.countsUntil(operator).call())

    def operators(self) -> list[str]:
        return list(self.functions.operators().call())

    def approve_by(self, *signers: LocalAccount) -> ContractFunction:
        """An approval signed by these, in the right order."""
        approval = self.gate.approval(validUntil=self.now + 30 * DAY)
        ordered = sorted(signers, key=lambda account: int(account.address, 16))
        return self.gate.approve(approval, self.gate.signed(approval, ordered))


@pytest.fixture
def council(gate: Gate) -> Council:
    return Council(gate)


@pytest.fixture
def five(gate: Gate) -> list[LocalAccount]:
    return gate.chain.operators


def deploy(gate: Gate, *values: Any, max_validity: int = MAX_VALIDITY) -> Contract:
    return gate.chain.deploy("FilingRegistry", committee(*values), max_validity)


# -- at deployment --


def test_deploy__committee__is_what_was_given_and_stands_in_the_event(gate: Gate) -> None:
    functions = gate.registry.functions
    operators = [account.address for account in gate.chain.operators]
    assert functions.operators().call() == operators
    assert functions.threshold().call() == 3
    assert functions.epoch().call() == 1
    assert functions.maxValidity().call() == MAX_VALIDITY
    assert functions.rotationDelay().call() == ROTATION_DELAY
    assert functions.retention().call() == RETENTION
    assert functions.owner().call() == gate.owner
    assert all(functions.isOperator(operator).call() for operator in operators)
    assert all(functions.countsUntil(operator).call() == CURRENT for operator in operators)
    for other in (gate.relay, gate.owner, ZERO_ADDRESS):
        assert not functions.isOperator(other).call()
        assert functions.countsUntil(other).call() == 0
    (event,) = gate.registry.events.CommitteeChanged().get_logs(from_block=0)
    assert dict(event["args"]) == {"operators": operators, "threshold": 3, "epoch": 1}


@pytest.mark.parametrize(
    ("operators", "threshold", "delay", "retention", "max_validity", "error", "values"),
    (
        ([], 0, 0, 0, 1, "InvalidThreshold", (0, 0)),
        ([], 1, 0, 0, 1, "InvalidThreshold", (1, 0)),
        ([A, B, C], 0, 0, 0, 1, "InvalidThreshold", (0, 3)),
        ([A, B, C], 4, 0, 0, 1, "InvalidThreshold", (4, 3)),
        ([A, B, C], 258, 0, 0, 1, "InvalidThreshold", (258, 3)),
        ([A, ZERO_ADDRESS, C], 1, 0, 0, 1, "ZeroOperator", ()),
        ([A, B, A], 1, 0, 0, 1, "DuplicateOperator", (A,)),
        ([account.address for account in operator_accounts(33)], 3, 0, 0, 1, "TooManyOperators", (33, 32)),
        ([A], 1, YEAR + 1, 0, 1, "DelayTooLong", (YEAR + 1, YEAR)),
        ([A], 1, 0, 90 * DAY + 1, 1, "DelayTooLong", (90 * DAY + 1, 90 * DAY)),
        ([A], 1, 0, 0, 0, "InvalidMaxValidity", (0, 3650 * DAY)),
        ([A], 1, 0, 0, 3650 * DAY + 1, "InvalidMaxValidity", (3650 * DAY + 1, 3650 * DAY)),
    ),
)
def test_deploy__impossible_committee_or_times__refused(
    gate: Gate,
    operators: list[str],
    threshold: int,
    delay: int,
    retention: int,
    max_validity: int,
    error: str,
    values: tuple[Any, ...],
) -> None:
    with pytest.raises(Reverted) as found:
        deploy(gate, operators, threshold, gate.owner, delay, retention, max_validity=max_validity)
    assert_refused(found.value, error, *values)


def test_deploy__no_owner__refused(gate: Gate) -> None:
    with pytest.raises(Reverted) as found:
        deploy(gate, [A], 1, ZERO_ADDRESS)
    assert_refused(found.value, "OwnableInvalidOwner", ZERO_ADDRESS)


def test_deploy__largest_committee_and_unsorted_operators__accepted(gate: Gate) -> None:
    many = [account.address for account in reversed(operator_accounts(32))]
    registry = deploy(gate, many, 32, gate.owner, YEAR, 90 * DAY, max_validity=3650 * DAY)
    assert registry.functions.operators().call() == many
    assert registry.functions.threshold().call() == 32


def test_supports_interface__registry__names_what_it_implements(gate: Gate) -> None:
    supports = gate.registry.functions.supportsInterface
    assert supports(bytes.fromhex("01ffc9a7")).call()  # ERC-165
    assert supports(bytes.fromhex("84b0196e")).call()  # ERC-5267
    assert not supports(b"\xff" * 4).call()


# -- the owner --


OWNERS_CALLS = (
    ("announceOperator", (A, ZERO_ADDRESS)),
    ("applyOperator", (A, ZERO_ADDRESS)),
    ("cancelOperator", (A, ZERO_ADDRESS)),
    ("removeOperator", (A,)),
    ("raiseThreshold", (4,)),
    ("announceThreshold", (1,)),
    ("applyThreshold", ()),
    ("cancelThreshold", ()),
    ("announceSuccessor", (A,)),
    ("transferOwnership", (A,)),
)


@pytest.mark.parametrize("call", OWNERS_CALLS, ids=[name for name, _ in OWNERS_CALLS])
def test_owners_call__anybody_else__refused(gate: Gate, call: tuple[str, tuple[Any, ...]]) -> None:
    name, values = call
    for sender in (gate.relay, gate.admin, gate.chain.operators[0].address):
        found = gate.refusal(gate.registry.functions[name](*values), sender)
        assert_refused(found, "OwnableUnauthorizedAccount", sender)


def test_ownership__handed_over__takes_two_steps_and_is_never_renounced(council: Council) -> None:
    gate, functions = council.gate, council.functions
    for sender in (gate.owner, gate.relay):
        assert_refused(gate.refusal(functions.renounceOwnership(), sender), "OwnershipNotRenounceable")
    council.do("transferOwnership", gate.relay)
    assert functions.owner().call() == gate.owner
    assert_refused(gate.refusal(functions.acceptOwnership(), gate.holder), "OwnableUnauthorizedAccount", gate.holder)
    gate.send(functions.acceptOwnership(), gate.relay)
    assert functions.owner().call() == gate.relay
    assert_refused(council.refusal("removeOperator", A), "OwnableUnauthorizedAccount", gate.owner)


def test_announce_successor__has_no_effect_but_the_view(council: Council) -> None:
    gate, functions = council.gate, council.functions
    assert functions.successor().call() == ZERO_ADDRESS
    for successor in (gate.holder, ZERO_ADDRESS):
        (event,) = gate.events(council.do("announceSuccessor", successor), "SuccessorAnnounced")
        assert event["successor"] == functions.successor().call() == successor

        assert gate.refusal(gate.approve(gate.approval())) is None


# -- adding --


def test_add__announced_and_waited__joins_at_the_second(council: Council, five: list[LocalAccount]) -> None:
    receipt = council.do("announceOperator", NEW.address, ZERO_ADDRESS)
    ready = council.now + ROTATION_DELAY
    (event,) = council.gate.events(receipt, "OperatorAnnounced")
    assert dict(event) == {"operator": NEW.address, "replaced": ZERO_ADDRESS, "epoch": 1, "readyAt": ready}
    assert council.ready_at(NEW.address) == ready
    assert_refused(council.refusal("applyOperator", NEW.address, ZERO_ADDRESS), "NotReady", ready, council.now)
    council.gate.chain.travel(ready - 1)
    assert_refused(council.refusal("applyOperator", NEW.address, ZERO_ADDRESS), "NotReady", ready, ready - 1)
    assert_refused(council.gate.refusal(council.approve_by(*five[:2], NEW)), "NotAnOperator", NEW.address)
    receipt = council.do("applyOperator", NEW.address, ZERO_ADDRESS, at=ready)
    members = [*(account.address for account in five), NEW.address]
    (event,) = council.gate.events(receipt, "CommitteeChanged")
    assert dict(event) == {"operators": members, "threshold": 3, "epoch": 2}
    assert council.operators() == members
    assert council.counts(NEW.address) == CURRENT
    assert council.ready_at(NEW.address) == 0
    council.gate.send(council.approve_by(*five[:2], NEW))


def test_announce__impossible__refused(council: Council, five: list[LocalAccount]) -> None:
    member = five[0].address
    for operator, replaced, error, values in (
        (ZERO_ADDRESS, ZERO_ADDRESS, "ZeroOperator", ()),
        (member, ZERO_ADDRESS, "DuplicateOperator", (member,)),
        (member, five[1].address, "DuplicateOperator", (member,)),
        (member, member, "DuplicateOperator", (member,)),
        (NEW.address, NEWER.address, "NotAnOperator", (NEWER.address,)),
        (NEW.address, NEW.address, "NotAnOperator", (NEW.address,)),
    ):
        assert_refused(council.refusal("announceOperator", operator, replaced), error, *values)


def test_announce__twice__refused_until_cancelled(council: Council) -> None:
    council.announce(NEW.address)
    ready = council.ready_at(NEW.address)
    assert_refused(council.refusal("announceOperator", NEW.address, ZERO_ADDRESS), "AlreadyAnnounced", ready)
    (event,) = council.gate.events(council.do("cancelOperator", NEW.address, ZERO_ADDRESS), "OperatorCancelled")
    assert dict(event) == {"operator": NEW.address, "replaced": ZERO_ADDRESS}
    council.wait()
    for name in ("applyOperator", "cancelOperator"):
        assert_refused(council.refusal(name, NEW.address, ZERO_ADDRESS), "NotAnnounced")
    council.seat(NEW.address)
    assert council.counts(NEW.address) == CURRENT


def test_apply__never_announced_or_of_another_kind__refused(council: Council, five: list[LocalAccount]) -> None:
    council.announce(NEW.address)
    council.wait()
    for operator, replaced in (
        (NEWER.address, ZERO_ADDRESS),
        (NEW.address, five[0].address),
        (ZERO_ADDRESS, NEW.address),
        (ZERO_ADDRESS, ZERO_ADDRESS),
    ):
        assert_refused(council.refusal("applyOperator", operator, replaced), "NotAnnounced")


def test_apply__later_than_the_window__refused(council: Council) -> None:
    council.announce(NEW.address)
    council.do("announceThreshold", 1)
    end = council.ready_at(NEW.address) + APPLY_WINDOW
    council.gate.chain.travel(end - 1)
    assert council.refusal("applyOperator", NEW.address, ZERO_ADDRESS) is None
    council.gate.chain.travel(end + 1)
    assert council.ready_at(NEW.address) == 0
    assert council.functions.announcedThreshold().call() == [0, 0]
    for name, values in (
        ("applyOperator", (NEW.address, ZERO_ADDRESS)),
        ("cancelOperator", (NEW.address, ZERO_ADDRESS)),
        ("applyThreshold", ()),
        ("cancelThreshold", ()),
    ):
        assert_refused(council.refusal(name, *values), "NotAnnounced")
    council.seat(NEW.address)


def test_add__full_committee__refused_until_a_seat_is_free(gate: Gate) -> None:
    many = [account.address for account in operator_accounts(32)]
    council = Council(Gate(**{**vars(gate), "registry": deploy(gate, many, 3, gate.owner)}))
    council.announce(NEW.address)
    council.announce(NEWER.address, many[0])
    council.wait()
    assert_refused(council.refusal("applyOperator", NEW.address, ZERO_ADDRESS), "TooManyOperators", 33, 32)
    council.do("applyOperator", NEWER.address, many[0])
    council.do("removeOperator", many[7])
    council.do("applyOperator", NEW.address, ZERO_ADDRESS)
    assert council.operators() == [NEWER.address, *many[1:7], NEW.address, *many[8:]]


# -- removing --


def test_remove__current_operator__counts_no_longer_from_that_block(council: Council, five: list[LocalAccount]) -> None:
    gone = five[1]
    receipt = council.do("removeOperator", gone.address)
    assert [event["operator"] for event in council.gate.events(receipt, "OperatorRemoved")] == [gone.address]
    rest = [account.address for account in five if account != gone]
    (event,) = council.gate.events(receipt, "CommitteeChanged")
    assert dict(event) == {"operators": rest, "threshold": 3, "epoch": 2}
    assert council.operators() == rest
    assert council.counts(gone.address) == 0
    assert_refused(council.gate.refusal(council.approve_by(*five[:3])), "NotAnOperator", gone.address)
    council.gate.send(council.approve_by(five[0], *five[2:4]))
    suspension = Suspension(council.gate.filing)
    found = council.gate.refusal(council.gate.suspend_by_sig(suspension, council.gate.domain.sign(suspension, gone)))
    assert_refused(found, "NotAnOperator", gone.address)
    assert_refused(council.gate.refusal(council.gate.suspend(), gone.address), "NotAnOperator", gone.address)
    assert_refused(council.refusal("removeOperator", gone.address), "NotAnOperator", gone.address)


def test_remove__below_the_threshold__fails_closed_until_an_addition_lands(
    council: Council, five: list[LocalAccount]
) -> None:
    for account in five:
        council.do("removeOperator", account.address)
    assert council.operators() == []
    assert council.functions.threshold().call() == 3
    assert_refused(council.gate.refusal(council.approve_by()), "WrongSignatureCount", 0, 3)
    assert_refused(council.gate.refusal(council.approve_by(*five[:3])), "NotAnOperator", five[0].address)
    council.seat(NEW.address)
    council.seat(NEWER.address)
    found = council.gate.refusal(council.approve_by(NEW, NEWER))
    assert_refused(found, "WrongSignatureCount", 2, 3)
    council.seat(five[0].address)
    council.gate.send(council.approve_by(NEW, NEWER, five[0]))


def test_remove__announced_addition_of_another__still_lands(council: Council, five: list[LocalAccount]) -> None:
    council.announce(NEW.address)
    council.do("removeOperator", five[0].address)
    council.wait()
    council.do("applyOperator", NEW.address, ZERO_ADDRESS)
    assert council.operators() == [NEW.address, *(account.address for account in five[1:])]


# -- a removal is not undone by what was announced before it --


def test_removed__then_earlier_replacement_of_it__void(council: Council, five: list[LocalAccount]) -> None:
    gone = five[0].address
    council.announce(NEW.address, gone)
    council.do("removeOperator", gone)
    council.wait()
    assert council.ready_at(NEW.address, gone) == 0
    for name in ("applyOperator", "cancelOperator"):
        assert_refused(council.refusal(name, NEW.address, gone), "NotAnnounced")


def test_removed_and_seated_again__then_earlier_replacement_of_it__void(
    council: Council, five: list[LocalAccount]
) -> None:
    gone = five[0].address
    council.announce(NEW.address, gone)
    council.do("removeOperator", gone)
    council.seat(gone)
    assert_refused(council.refusal("applyOperator", NEW.address, gone), "NotAnnounced")
    council.seat(NEW.address, gone)


def test_removed__then_earlier_replacement_by_it__void(council: Council, five: list[LocalAccount]) -> None:
    # Two ways in for one newcomer: it takes the first, is removed, and the second must not let it back in.
    council.announce(NEW.address)
    council.announce(NEW.address, five[0].address)
    council.announce(NEW.address, five[1].address)
    council.wait()
    council.do("applyOperator", NEW.address, ZERO_ADDRESS)
    assert_refused(council.refusal("applyOperator", NEW.address, five[0].address), "NotAnnounced")
    council.do("removeOperator", NEW.address)
    for replaced in (ZERO_ADDRESS, five[0].address, five[1].address):
        assert_refused(council.refusal("applyOperator", NEW.address, replaced), "NotAnnounced")


def test_removed__added_again_at_once__waits_the_whole_delay(council: Council, five: list[LocalAccount]) -> None:
    gone = five[0].address
    council.do("removeOperator", gone)
    council.announce(gone)
    assert_refused(
        council.refusal("applyOperator", gone, ZERO_ADDRESS), "NotReady", council.now + ROTATION_DELAY, council.now
    )


def test_two_replacements_of_one__second__void(council: Council, five: list[LocalAccount]) -> None:
    council.announce(NEW.address, five[0].address)
    council.announce(NEWER.address, five[0].address)
    council.wait()
    council.do("applyOperator", NEW.address, five[0].address)
    assert_refused(council.refusal("applyOperator", NEWER.address, five[0].address), "NotAnnounced")


def test_announcements_of_one_for_two_places__second__void(council: Council, five: list[LocalAccount]) -> None:
    council.announce(NEW.address, five[0].address)
    council.announce(NEW.address)
    council.announce(NEW.address, five[1].address)
    council.wait()
    council.do("applyOperator", NEW.address, five[0].address)
    assert [council.ready_at(NEW.address), council.ready_at(NEW.address, five[1].address)] == [0, 0]
    assert_refused(council.refusal("applyOperator", NEW.address, ZERO_ADDRESS), "NotAnnounced")
    assert_refused(council.refusal("applyOperator", NEW.address, five[1].address), "NotAnnounced")
    assert council.operators().count(NEW.address) == 1


def test_announcements_for_different_seats__each_lands(council: Council, five: list[LocalAccount]) -> None:
    council.announce(NEW.address, five[0].address)
    council.announce(NEWER.address, five[1].address)
    council.wait()
    council.do("applyOperator", NEWER.address, five[1].address)
    council.do("applyOperator", NEW.address, five[0].address)
    assert council.operators() == [NEW.address, NEWER.address, *(account.address for account in five[2:])]


# -- replacing and retention --


def test_replace__while_retained__old_signatures_count_to_the_second(
    council: Council, five: list[LocalAccount]
) -> None:
    old = five[0]
    council.announce(NEW.address, old.address)
    council.wait()
    receipt = council.do("applyOperator", NEW.address, old.address)
    until = council.now + RETENTION
    (event,) = council.gate.events(receipt, "OperatorRetained")
    assert dict(event) == {"operator": old.address, "successor": NEW.address, "until": until}
    (event,) = council.gate.events(receipt, "CommitteeChanged")
    assert event["operators"] == [NEW.address, *(account.address for account in five[1:])]
    assert council.counts(old.address) == until
    assert not council.functions.isOperator(old.address).call()
    council.gate.chain.travel(until - 1)
    assert council.gate.refusal(council.approve_by(old, *five[1:3])) is None
    assert council.gate.refusal(council.approve_by(NEW, *five[1:3])) is None
    # As sender only a current one suspends.
    assert_refused(council.gate.refusal(council.gate.suspend(), old.address), "NotAnOperator", old.address)
    council.gate.chain.travel(until)
    assert council.counts(old.address) == 0
    assert_refused(council.gate.refusal(council.approve_by(old, *five[1:3])), "NotAnOperator", old.address)
    assert council.gate.refusal(council.approve_by(NEW, *five[1:3])) is None


def test_replace__old_and_new_both_sign__count_once(council: Council, five: list[LocalAccount]) -> None:
    council.seat(NEW.address, five[0].address)
    found = council.gate.refusal(council.approve_by(five[0], NEW, five[1]))
    second = max((five[0].address, NEW.address), key=lambda address: int(address, 16))
    signers = sorted((five[0].address, NEW.address, five[1].address), key=lambda address: int(address, 16))
    assert_refused(found, "SeatCountedTwice", signers.index(second), second)


def test_replace__without_retention__old_counts_no_longer_from_that_block(gate: Gate) -> None:
    five = gate.chain.operators
    registry = deploy(gate, [account.address for account in five], 3, gate.owner, ROTATION_DELAY, 0)
    council = Council(Gate(**{**vars(gate), "registry": registry}))
    council.announce(NEW.address, five[0].address)
    council.wait()
    receipt = council.do("applyOperator", NEW.address, five[0].address)
    assert council.gate.events(receipt, "OperatorRetained") == []
    assert council.counts(five[0].address) == 0
    assert_refused(council.refusal("removeOperator", five[0].address), "NotAnOperator", five[0].address)


def test_removed_while_retained__counts_no_longer(council: Council, five: list[LocalAccount]) -> None:
    old = five[0].address
    council.seat(NEW.address, old)
    receipt = council.do("removeOperator", old)
    (event,) = council.gate.events(receipt, "CommitteeChanged")
    assert event["operators"] == council.operators() == [NEW.address, *(account.address for account in five[1:])]
    assert event["epoch"] == 3
    assert council.counts(old) == 0
    assert council.counts(NEW.address) == CURRENT
    assert_refused(council.gate.refusal(council.approve_by(*five[:3])), "NotAnOperator", old)


@pytest.mark.parametrize("seat", [0, 2])
def test_successor_removed__ends_the_retention_of_all_before_it(
    council: Council, five: list[LocalAccount], seat: int
) -> None:
    council.seat(NEW.address, five[seat].address)
    council.announce(NEWER.address, NEW.address)
    council.wait()
    council.do("applyOperator", NEWER.address, NEW.address)
    assert council.counts(five[seat].address) > council.now
    assert council.counts(NEW.address) > council.now
    assert council.gate.refusal(council.approve_by(five[1], five[seat], five[3])) is None
    council.do("removeOperator", NEWER.address)
    for operator in (five[seat], NEW, NEWER):
        assert council.counts(operator.address) == 0
        assert_refused(council.refusal("removeOperator", operator.address), "NotAnOperator", operator.address)
        signed = council.approve_by(five[1], operator, five[3])
        assert_refused(council.gate.refusal(signed), "NotAnOperator", operator.address)


def test_seat_closed_and_opened_again__old_holder_stays_out(gate: Gate) -> None:
    five = gate.chain.operators
    # A short delay, so that the seat is taken again while the retention would still run.
    registry = deploy(gate, [account.address for account in five], 3, gate.owner, 10, RETENTION)
    council = Council(Gate(**{**vars(gate), "registry": registry}))
    council.announce(NEW.address, five[0].address)
    council.wait(10)
    council.do("applyOperator", NEW.address, five[0].address)
    until = council.now + RETENTION
    council.do("removeOperator", NEW.address)
    council.announce(NEWER.address)
    council.wait(10)
    council.do("applyOperator", NEWER.address, ZERO_ADDRESS)
    assert council.operators()[0] == NEWER.address, "the same seat"
    assert council.now < until
    assert council.counts(five[0].address) == 0
    assert council.counts(NEW.address) == 0


def test_replaced_back__is_current_again_and_the_other_retained(council: Council, five: list[LocalAccount]) -> None:
    old = five[0].address
    council.seat(NEW.address, old)
    council.seat(old, NEW.address)
    assert council.counts(old) == CURRENT
    assert council.counts(NEW.address) == council.now + RETENTION
    assert council.operators() == [account.address for account in five]


def test_retained__seated_anew__has_a_seat_of_its_own(council: Council, five: list[LocalAccount]) -> None:
    old = five[0]
    council.announce(NEW.address, old.address)
    council.wait()
    council.do("applyOperator", NEW.address, old.address)
    council.seat(old.address)
    assert council.operators()[-1] == old.address
    council.gate.send(council.approve_by(old, NEW, five[1]))
    council.do("removeOperator", NEW.address)
    assert council.counts(old.address) == CURRENT


# -- the threshold --


def test_threshold__raised__at_once_and_only_as_far_as_operators_go(council: Council, five: list[LocalAccount]) -> None:
    assert_refused(council.refusal("raiseThreshold", 6), "InvalidThreshold", 6, 5)
    assert_refused(council.refusal("raiseThreshold", 3 + 256), "InvalidThreshold", 259, 5)
    for same_or_less in (3, 2, 0):
        assert_refused(council.refusal("raiseThreshold", same_or_less), "WrongDirection", same_or_less, 3)
    (event,) = council.gate.events(council.do("raiseThreshold", 5), "CommitteeChanged")
    assert (event["threshold"], event["epoch"]) == (5, 2)
    assert_refused(council.gate.refusal(council.approve_by(*five[:3])), "WrongSignatureCount", 3, 5)
    council.gate.send(council.approve_by(*five))


def test_threshold__lowered__announced_and_waited(council: Council, five: list[LocalAccount]) -> None:
    for same_or_more in (3, 4, 258):
        assert_refused(council.refusal("announceThreshold", same_or_more), "WrongDirection", same_or_more, 3)
    assert_refused(council.refusal("announceThreshold", 0), "InvalidThreshold", 0, 5)
    for name in ("applyThreshold", "cancelThreshold"):
        assert_refused(council.refusal(name), "NotAnnounced")
    receipt = council.do("announceThreshold", 2)
    ready = council.now + ROTATION_DELAY
    (event,) = council.gate.events(receipt, "ThresholdAnnounced")
    assert dict(event) == {"threshold": 2, "readyAt": ready}
    assert council.functions.announcedThreshold().call() == [2, ready]
    assert_refused(council.refusal("announceThreshold", 1), "AlreadyAnnounced", ready)
    council.gate.chain.travel(ready - 1)
    assert_refused(council.refusal("applyThreshold"), "NotReady", ready, ready - 1)
    assert_refused(council.gate.refusal(council.approve_by(*five[:2])), "WrongSignatureCount", 2, 3)
    (event,) = council.gate.events(council.do("applyThreshold", at=ready), "CommitteeChanged")
    assert (event["threshold"], event["epoch"]) == (2, 2)
    assert council.functions.announcedThreshold().call() == [0, 0]
    assert_refused(council.refusal("applyThreshold"), "NotAnnounced")
    council.gate.send(council.approve_by(*five[:2]))


def test_threshold__lowering_cancelled__does_not_land(council: Council) -> None:
    council.do("announceThreshold", 2)
    (event,) = council.gate.events(council.do("cancelThreshold"), "ThresholdCancelled")
    assert event["threshold"] == 2
    council.wait()
    assert_refused(council.refusal("applyThreshold"), "NotAnnounced")


def test_threshold__raised_after_a_lowering_was_announced__calls_it_off(council: Council) -> None:
    council.do("announceThreshold", 2)
    receipt = council.do("raiseThreshold", 4)
    assert [event["threshold"] for event in council.gate.events(receipt, "ThresholdCancelled")] == [2]
    council.wait()
    assert_refused(council.refusal("applyThreshold"), "NotAnnounced")
    receipt = council.do("raiseThreshold", 5)
    assert council.gate.events(receipt, "ThresholdCancelled") == []


def test_threshold__lowering_beyond_the_operators_left__refused(council: Council, five: list[LocalAccount]) -> None:
    council.do("announceThreshold", 2)
    for account in five[:4]:
        council.do("removeOperator", account.address)
    council.wait()
    assert_refused(council.refusal("applyThreshold"), "InvalidThreshold", 2, 1)
    council.seat(NEW.address)
    council.do("applyThreshold")
    council.gate.send(council.approve_by(NEW, five[4]))


def test_threshold__lowered_while_an_addition_waits__both_land(council: Council) -> None:
    council.announce(NEW.address)
    council.do("announceThreshold", 1)
    council.wait()
    council.do("applyThreshold")
    council.do("applyOperator", NEW.address, ZERO_ADDRESS)
    assert council.functions.threshold().call() == 1
    assert council.functions.epoch().call() == 3


def test_rotation__filing_in_between__stays_as_it_was(approved: Gate) -> None:
    council = Council(approved)
    before = approved.state()
    council.seat(NEW.address, approved.chain.operators[0].address)
    council.do("removeOperator", approved.chain.operators[1].address)
    council.do("raiseThreshold", 4)
    assert approved.state() == before
    assert before[0] == Status.APPROVED
    approved.send(approved.mint(1), approved.issuer)
