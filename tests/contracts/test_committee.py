"""Who may sign: what a committee can be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.chain_fixture import (
    MAX_VALIDITY,
    ZERO_ADDRESS,
    Gate,
    Reverted,
    assert_refused,
    operator_accounts,
)

A, B, C = (account.address for account in operator_accounts(3))


def test_deploy__committee__is_what_was_given_and_stands_in_the_event(gate: Gate) -> None:
    functions = gate.registry.functions
    operators = [account.address for account in gate.chain.operators]
    assert functions.operators().call() == operators
    assert functions.threshold().call() == 3
    assert functions.epoch().call() == 1
    assert functions.maxValidity().call() == MAX_VALIDITY
    assert all(functions.isOperator(operator).call() for operator in operators)
    assert not functions.isOperator(gate.relay).call()
    assert not functions.isOperator(ZERO_ADDRESS).call()
    (event,) = gate.registry.events.CommitteeChanged().get_logs(from_block=0)
    assert dict(event["args"]) == {"operators": operators, "threshold": 3, "epoch": 1}


@pytest.mark.parametrize(
    ("operators", "threshold", "max_validity", "error", "values"),
    (
        ([], 0, 1, "InvalidThreshold", (0, 0)),
        ([], 1, 1, "InvalidThreshold", (1, 0)),
        ([A, B, C], 0, 1, "InvalidThreshold", (0, 3)),
        ([A, B, C], 4, 1, "InvalidThreshold", (4, 3)),
        ([A, B, C], 258, 1, "InvalidThreshold", (258, 3)),
        ([A, ZERO_ADDRESS, C], 1, 1, "ZeroOperator", (1,)),
        ([A, B, A], 1, 1, "DuplicateOperator", (A,)),
        ([account.address for account in operator_accounts(33)], 3, 1, "TooManyOperators", (33, 32)),
        ([A], 1, 0, "InvalidMaxValidity", (0, 3650 * 86_400)),
        ([A], 1, 3650 * 86_400 + 1, "InvalidMaxValidity", (3650 * 86_400 + 1, 3650 * 86_400)),
    ),
)
def test_deploy__impossible_committee_or_validity__refused(
    gate: Gate, operators: list[str], threshold: int, max_validity: int, error: str, values: tuple[Any, ...]
) -> None:
    with pytest.raises(Reverted) as found:
        gate.chain.deploy("FilingRegistry", operators, threshold, max_validity)
    assert_refused(found.value, error, *values)


def test_deploy__largest_committee_and_unsorted_operators__accepted(gate: Gate) -> None:
    many = [account.address for account in reversed(operator_accounts(32))]
    registry = gate.chain.deploy("FilingRegistry", many, 32, 3650 * 86_400)
    assert registry.functions.operators().call() == many
    assert registry.functions.threshold().call() == 32


def test_supports_interface__registry__names_what_it_implements(gate: Gate) -> None:
    supports = gate.registry.functions.supportsInterface
    assert supports(bytes.fromhex("01ffc9a7")).call()  # ERC-165
    assert supports(bytes.fromhex("84b0196e")).call()  # ERC-5267
    assert not supports(b"\xff" * 4).call()
