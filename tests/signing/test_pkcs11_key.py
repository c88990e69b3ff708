"""A key in SoftHSM 2: real PKCS #11, every signature recovered here and by eth-account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from oracle.domain.canonical import keccak256
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.signing.content import TRIAL_TEXT, try_signer
from oracle.signing.pkcs11_key import Pkcs11Signer
from oracle.signing.recovery import SECP256K1_HALF_ORDER, recover
from tests.signing.softhsm import P256, PIN, away, module, new_key, new_token

TOKEN = "operators"


@pytest.fixture(scope="module")
def token() -> Path:
    made = new_token(TOKEN)
    new_key(TOKEN, "operator", b"\x01")
    new_key(TOKEN, "twice", b"\x02")
    new_key(TOKEN, "twice", b"\x03")
    new_key(TOKEN, "other curve", b"\x04", P256)
    return made


def signer(
    label: str | None = "operator", key_id: bytes | None = None, name: str = TOKEN, pin: str = PIN
) -> Pkcs11Signer:
    return Pkcs11Signer(module(), name, label=label, key_id=key_id, pin=lambda: pin)


def test_sign__many_digests_in_threads__each_recovers_with_low_s(token: Path) -> None:
    key = signer()
    digests = [keccak256(bytes([number])) for number in range(60)]
    with ThreadPoolExecutor(4) as threads:
        signatures = list(threads.map(key.sign, digests))
    for digest, signature in zip(digests, signatures, strict=True):
        assert recover(digest, signature) == key.address
        assert Account._recover_hash(digest, signature=signature) == key.address
        assert int.from_bytes(signature[32:64], "big") <= SECP256K1_HALF_ORDER
    # The module itself gives s in the upper half about every second time: 60 low ones were made so.
    assert len(set(signatures)) == 60


def test_try_signer__signs_a_text_of_eip_191(token: Path) -> None:
    key = signer(label=None, key_id=b"\x03")
    trial = try_signer(key)
    assert Account.recover_message(encode_defunct(text=TRIAL_TEXT), signature=trial.signature) == key.address
    assert 0 < trial.seconds < 10


def test_sign__module_started_anew__goes_on(token: Path) -> None:
    first, second = signer(), signer(label=None, key_id=b"\x02")
    pkcs11.lib(str(module())).reinitialize()
    for key in (first, second, first):
        assert recover(b"\x07" * 32, key.sign(b"\x07" * 32)) == key.address


def test_sign__token_pulled_and_back__unreachable_then_goes_on(token: Path) -> None:
    key = signer()
    elsewhere = away(token)
    pkcs11.lib(str(module())).reinitialize()
    for _ in range(2):
        with pytest.raises(UnreachableError, match="no such token") as caught:
            key.sign(b"\x07" * 32)
    assert TOKEN in str(caught.value)
    elsewhere.rename(token)
    assert recover(b"\x07" * 32, key.sign(b"\x07" * 32)) == key.address


def test_sign__another_token_under_the_same_label__refused(token: Path) -> None:
    key = signer()
    elsewhere = away(token)
    impostor = new_token(TOKEN)
    new_key(TOKEN, "operator", b"\x01")
    pkcs11.lib(str(module())).reinitialize()
    with pytest.raises(FilingGateError, match="holds another key"):
        key.sign(b"\x07" * 32)
    away(impostor)
    elsewhere.rename(token)
    pkcs11.lib(str(module())).reinitialize()
    assert recover(b"\x07" * 32, key.sign(b"\x07" * 32)) == key.address


@pytest.mark.parametrize(
    ("options", "error", "message"),
    (
        ({"name": "nowhere"}, UnreachableError, "no such token"),
        ({"label": "nobody"}, InputError, "no EC key pair"),
        ({"label": "twice"}, InputError, "several keys fit"),
        ({"label": "other curve"}, InputError, "another curve"),
    ),
)
def test_open__wrong_token_or_key__named(
    token: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        signer(**options)
    assert "[key] token" in str(caught.value)


def test_open__wrong_pin__named_without_it_and_never_tried_again(token: Path) -> None:
    pkcs11.lib(str(module())).reinitialize()  # nobody is logged in any more
    asked = []

    def pin() -> str:
        asked.append(1)
        return PIN if len(asked) == 1 else "geheim99"

    key = Pkcs11Signer(module(), TOKEN, label="operator", pin=pin)
    pkcs11.lib(str(module())).reinitialize()
    for _ in range(3):
        with pytest.raises(InputError, match="refused the PIN") as caught:
            key.sign(b"\x07" * 32)
        assert "geheim99" not in str(caught.value)
    assert len(asked) == 2


@pytest.mark.parametrize("path", ("/nowhere/module.so", "/etc/passwd"))
def test_open__no_module__named(path: str) -> None:
    with pytest.raises(InputError, match="module can't be loaded") as caught:
        Pkcs11Signer(Path(path), TOKEN, label="operator", pin=lambda: PIN)
    assert path in str(caught.value)


def test_sign__no_digest__refused(token: Path) -> None:
    with pytest.raises(FilingGateError, match="3 bytes are no digest"):
        signer().sign(b"abc")
