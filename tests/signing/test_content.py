"""What a node hands out recovers to its own address, whatever signed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oracle.domain.approval import Suspension
from oracle.errors import FilingGateError
from oracle.signing.content import sign_document, sign_text, try_signer
from oracle.signing.eip712 import Domain
from oracle.signing.keys import KeySigner, Signer

DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
SUSPENSION = Suspension(filing="0x" + "11" * 32, sequence=1, reason="0x" + "22" * 32)


class Faulty(KeySigner):
    """A key in memory whose signatures are changed before they are given."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        super().__init__(b"\x01" * 32)
        self.change = change

    def sign(self, digest: bytes) -> bytes:
        return self.change(super().sign(digest))


class FaultyByContent(Faulty):
    """The same behind a service that hashes by itself."""

    def sign_content(self, digest: bytes, content: dict[str, Any] | str) -> bytes:
        return self.sign(digest)


def flipped(at: int) -> Callable[[bytes], bytes]:
    """One bit of one byte is another."""
    return lambda signature: signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]


@pytest.mark.parametrize("kind", (Faulty, FaultyByContent))
@pytest.mark.parametrize(
    "change",
    (
        flipped(0),
        flipped(31),
        flipped(40),
        flipped(64),
        lambda signature: signature[:64] + bytes([signature[64] ^ 7]),
        lambda signature: signature[:63],
        lambda signature: bytes(65),
        lambda _: KeySigner(b"\x02" * 32).sign(bytes(32)),
    ),
)
def test_sign__a_signature_that_is_not_the_keys__is_never_handed_out(
    kind: type[Faulty], change: Callable[[bytes], bytes]
) -> None:
    signer: Signer = kind(change)
    for sign in (
        lambda: sign_document(signer, DOMAIN, SUSPENSION),
        lambda: sign_text(signer, "a text"),
        lambda: try_signer(signer),
    ):
        with pytest.raises(FilingGateError, match=f"and says it is {signer.address}"):
            sign()
