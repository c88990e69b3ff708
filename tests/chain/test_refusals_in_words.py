"""What the contracts refuse comes out as the name of their error, its values, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.artifacts import abi
from oracle.chain.revert import explain_revert, explain_selector
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import OnChainStatus, OperatorSignature
from oracle.domain.canonical import keccak256
from oracle.errors import RefusedError
from tests.chain.small_world import CAP, FILING, HOUR, OPERATORS, OTHER_FILING, STRANGER, World

ERRORS = {
    f"{entry['name']}({','.join(collapse_if_tuple(item) for item in entry['inputs'])})": entry
    for contract in ("FilingRegistry", "AssetBackedToken")
    for entry in abi(contract)
    if entry["type"] == "error"
}
ISSUER_ROLE = "0x" + keccak256(b"ISSUER_ROLE").hex()


def refusal(act: Callable[[], object]) -> str:
    """What the act is refused with; it must leave the chain alone."""
    with pytest.raises(RefusedError) as raised:
        act()
    assert raised.value.where == "contract"
    assert raised.value.details is not None
    assert raised.value.details["revertData"].startswith("0x")
    return raised.value.what


def test_mint__before_approval__token_not_approved(world: World) -> None:
    before = world.w3.eth.block_number
    said = refusal(lambda: world.mint(0, 1))
    assert said.startswith(f"TokenNotApproved(token={world.tokens[0].address}): ")
    assert "filing-gate approve" in said
    assert world.w3.eth.block_number == before, "nothing was sent"


def test_mint__over_the_cap__says_how_much_is_left(world: World) -> None:
    world.approve((0, CAP))
    world.mint(0, CAP - 5)
    said = refusal(lambda: world.mint(0, 6))
    assert said.startswith(f"CapExceeded(token={world.tokens[0].address}, requested=6, remaining=5): mint less")
    world.mint(0, 5)


def test_mint__after_the_window__says_when_it_ended(world: World) -> None:
    world.approve((0, CAP), valid_until=world.now + HOUR)
    until = world.registry.filing_state(FILING).valid_until
    world.travel(HOUR)
    said = refusal(lambda: world.mint(0, 1))
    assert said.startswith(f"FilingExpired(filing={FILING}, validUntil={until} = 2027-01-15 ")
    assert "renew it" in said


def test_mint__before_the_window__says_when_it_begins(world: World) -> None:
    after = world.now + HOUR
    world.approve((0, CAP), valid_after=after)
    assert refusal(lambda: world.mint(0, 1)).startswith(f"FilingNotStarted(filing={FILING}, validAfter={after} = ")


def test_mint__while_suspended__says_so_and_a_quorum_resumes(world: World) -> None:
    world.approve((0, CAP))
    world.suspend_as_sender()
    assert refusal(lambda: world.mint(0, 1)).startswith(f"FilingIsSuspended(filing={FILING}): ")
    world.update(OnChainStatus.APPROVED)
    world.mint(0, 1)


def test_mint__after_revocation__is_final(world: World) -> None:
    world.approve((0, CAP))
    world.update(OnChainStatus.REVOKED)
    assert refusal(lambda: world.mint(0, 1)).startswith(f"FilingIsFinal(filing={FILING}, status=3): ")


def test_mint__without_the_role__names_account_and_role(world: World) -> None:
    world.approve((0, CAP))
    said = refusal(lambda: world.tokens[0].mint(world.relay, world.holders[0], 1))
    expected = f"AccessControlUnauthorizedAccount(account={world.relay.address}, neededRole={ISSUER_ROLE})"
    assert said.startswith(expected)


def test_mint_batch__lengths_differ__says_both(world: World) -> None:
    world.approve((0, CAP))
    said = refusal(lambda: world.tokens[0].mint_batch(world.issuer, world.holders[:2], [1]))
    assert said == "BatchLengthMismatch(holders=2, amounts=1)"


def test_approve__too_few_signatures_and_others__each_is_refused_by_name(world: World) -> None:
    made = world.approval()
    one = world.signed(made, OPERATORS[:1])
    submit = world.registry.approve
    assert refusal(lambda: submit(world.relay, made, one)) == "WrongSignatureCount(given=1, required=2)"
    assert refusal(lambda: submit(world.relay, made, one * 2)).startswith("SignaturesNotAscending(index=1, ")
    stranger = world.signed(made, [STRANGER])
    said = refusal(lambda: submit(world.relay, made, [*one, *stranger]))
    assert said == f"NotAnOperator(account={STRANGER.address})"
    forged = OperatorSignature(operator=OPERATORS[1].address, signature=one[0].signature)
    said = refusal(lambda: submit(world.relay, made, [*one, forged]))
    assert said == f"InvalidOperatorSignature(index=1, operator={OPERATORS[1].address})"
    submit(world.relay, made, world.signed(made)[::-1])
    assert world.registry.filing_state(FILING).sequence == 1, "the client puts signatures in order"


def test_approve__wrong_sequence_or_bound_token__is_refused_by_name(world: World) -> None:
    world.approve((0, CAP))
    assert refusal(lambda: world.approve((0, CAP), sequence=5)).startswith(
        f"WrongSequence(filing={FILING}, given=5, expected=2): the filing changed"
    )
    said = refusal(lambda: world.approve((0, CAP), filing=OTHER_FILING))
    assert said == f"TokenBoundToAnotherFiling(token={world.tokens[0].address}, filing={FILING})"


def test_suspend__by_a_stranger__is_refused_by_name(world: World) -> None:
    world.approve((0, CAP))
    said = refusal(lambda: world.registry.suspend(NodeAccountSender(world.holders[0]), FILING, "0x" + "00" * 32))
    assert said == f"NotAnOperator(account={world.holders[0]})"


# Words for revert data


def sample(kind: str, number: int) -> Any:
    if kind == "address":
        return "0x" + f"{0xABCDEF + number:040x}"
    if kind == "string":
        return f"text {number}"
    return bytes([number + 1]) * 32 if kind == "bytes32" else number + 1


def shown(kind: str, value: Any) -> str:
    if kind == "address":
        return str(to_checksum_address(value))
    return "0x" + value.hex() if kind == "bytes32" else str(value)


@pytest.mark.parametrize("signature", ERRORS)
def test_explain_revert__every_error_of_the_contracts__shows_name_and_each_value(signature: str) -> None:
    entry = ERRORS[signature]
    kinds = [item["type"] for item in entry["inputs"]]
    values = [sample(kind, number) for number, kind in enumerate(kinds)]
    selector = keccak256(signature.encode())[:4]
    data = selector + encode(kinds, values)
    said = explain_revert("0x" + data.hex())
    assert said == explain_revert(data)
    assert said.startswith(f"{entry['name']}(")
    for item, kind, value in zip(entry["inputs"], kinds, values, strict=True):
        assert f"{item['name']}={shown(kind, value)}" in said
    assert explain_selector(selector) == entry["name"]
    if kinds:
        assert explain_revert(data[:-1]) == f"reverted with {entry['name']} and undecodable values"


@pytest.mark.parametrize(
    ("data", "said"),
    (
        (None, "reverted without a reason"),
        (b"", "reverted without a reason"),
        ("0x", "reverted without a reason"),
        (b"\x01", "reverted with unknown data 0x01"),
        ("0xzz", "reverted with unknown data 0xzz"),
        ("Reverted\x1b[31m", "reverted with unknown data Reverted\\x1b[31m"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["too bad"]), "Error(message=too bad)"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["\x1b[2J"]), "Error(message='\\x1b[2J')"),
        (bytes.fromhex("08c379a0") + encode(["bytes"], [b"\xff"]), "reverted with Error and undecodable values"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "Panic(code=17)"),
    ),
)
def test_explain_revert__other_data__is_put_in_words(data: bytes | str | None, said: str) -> None:
    assert explain_revert(data) == said


def test_explain_revert__times_beyond_the_calendar__are_shown_as_numbers() -> None:
    selector = keccak256(b"WindowTooLong(uint64,uint256)")[:4]
    data = selector + encode(["uint64", "uint256"], [2**64 - 1, 253_402_300_799])
    assert explain_revert(data) == f"WindowTooLong(validUntil={2**64 - 1}, latest=253402300799 = 9999-12-31 23:59:59Z)"
    data = selector + encode(["uint64", "uint256"], [253_402_300_800, 0])
    assert "validUntil=253402300800, " in explain_revert(data)


SELECTORS = [keccak256(signature.encode())[:4] for signature in (*ERRORS, "Error(string)", "Panic(uint256)")]


@given(selector=st.sampled_from(SELECTORS), rest=st.binary())
def test_explain_revert__garbage_behind_a_known_selector__is_one_printable_line(selector: bytes, rest: bytes) -> None:
    said = explain_revert(selector + rest)
    assert said.isprintable()
    assert said


@given(st.one_of(st.binary(), st.text()))
def test_explain_revert__any_garbage__is_one_printable_line(data: bytes | str) -> None:
    said = explain_revert(data)
    assert said.isprintable()
    assert said.startswith("reverted ")


def test_explain_selector__unknown__is_its_hex() -> None:
    assert explain_selector(b"\1\2\3\4") == "0x01020304"
