"""The EIP-55 form beside eth_utils, which is other code."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from oracle.domain.address import eip55


@given(st.binary(min_size=20, max_size=20))
def test_eip55__any_account__is_what_eth_utils_says(account: bytes) -> None:
    assert eip55(account) == to_checksum_address(account)


@pytest.mark.parametrize("size", (0, 19, 21, 32))
def test_eip55__not_twenty_bytes__is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        eip55(bytes(size))
