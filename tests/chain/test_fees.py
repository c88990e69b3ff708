"""What a transaction offers for gas, and its bytes, beside another implementation."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.dynamic_fee import sign_transaction
from oracle.chain.fees import FeeCapError, FeeCaps, Fees, first_fees, raised_fees
from oracle.domain.canonical import keccak256
from oracle.signing.keys import KeySigner

SIGNER = KeySigner(keccak256(b"pays the fees"))
WEI = st.integers(0, 10**15)


@pytest.mark.parametrize(
    ("base", "tip", "caps", "expected"),
    (
        (10, 2, FeeCaps(100, 5), Fees(22, 2)),
        (10, 9, FeeCaps(100, 5), Fees(29, 5)),
        (60, 2, FeeCaps(100, 5), Fees(100, 2)),
        (0, 9, FeeCaps(3, 5), Fees(3, 3)),
        (100, 2, FeeCaps(100, 5), Fees(100, 2)),
    ),
)
def test_first_fees__any__twice_the_base_fee_and_the_tip_up_to_the_caps(
    base: int, tip: int, caps: FeeCaps, expected: Fees
) -> None:
    assert first_fees(base, tip, caps) == expected


def test_first_fees__base_fee_above_the_cap__refused() -> None:
    with pytest.raises(FeeCapError, match="fee cap reached: the base fee is 101 wei, the cap 100 wei"):
        first_fees(101, 1, FeeCaps(100, 1))


@given(WEI, WEI, WEI, WEI, WEI, WEI)
def test_raised_fees__any__an_eighth_higher_and_never_above_a_cap(
    old_fee: int, old_tip: int, base: int, tip: int, cap_fee: int, cap_tip: int
) -> None:
    old, caps = Fees(max(old_fee, old_tip), old_tip), FeeCaps(max(cap_fee, cap_tip), cap_tip)
    new = raised_fees(old, base, tip, caps)
    if new is None:
        assert old.max_fee * 9 > caps.max_fee * 8 - 8 or old.tip * 9 > caps.tip * 8 - 8
        return
    assert 8 * new.max_fee >= 9 * old.max_fee
    assert 8 * new.tip >= 9 * old.tip
    assert new.max_fee > old.max_fee
    assert new.max_fee <= caps.max_fee
    assert new.tip <= min(caps.tip, new.max_fee)


@given(st.integers(1, 2**40), st.integers(0, 2**32), WEI, WEI, st.integers(21_000, 2**24), st.binary(max_size=300))
def test_sign_transaction__any__another_library_reads_the_same(
    chain_id: int, nonce: int, fee: int, tip: int, gas: int, data: bytes
) -> None:
    to = SIGNER.address if nonce % 2 else None
    name, raw = sign_transaction(SIGNER, chain_id=chain_id, nonce=nonce, fees=Fees(fee, tip), gas=gas, to=to, data=data)
    assert Account.recover_transaction(raw) == SIGNER.address
    read = TypedTransaction.from_bytes(HexBytes(raw))
    assert "0x" + keccak256(raw).hex() == name
    found = read.as_dict()
    assert (found["chainId"], found["nonce"], found["gas"], found["value"]) == (chain_id, nonce, gas, 0)
    assert (found["maxFeePerGas"], found["maxPriorityFeePerGas"]) == (fee, tip)
    assert bytes(found["data"]) == data
    assert bytes(found["to"]) == (bytes.fromhex(to[2:]) if to else b"")
