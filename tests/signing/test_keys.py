"""The keystore and the strictness of recovery."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account
from eth_keys.datatypes import Signature
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.errors import InputError
from oracle.signing.keys import KeySigner, load_keystore, new_keystore, stated_address
from oracle.signing.recovery import SECP256K1_HALF_ORDER, InvalidSignature, recover

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = bytes(range(32))
secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


@settings(max_examples=60, deadline=None)
@given(secret=secrets, digest=st.binary(min_size=32, max_size=32))
def test_sign__any_key_and_digest__recovers_here_and_in_eth_keys(secret: bytes, digest: bytes) -> None:
    signer = KeySigner(secret)
    signature = signer.sign(digest)
    compact = signature[:64] + bytes([signature[64] - 27])
    theirs = Signature(compact).recover_public_key_from_msg_hash(digest).to_checksum_address()
    assert recover(digest, signature) == signer.address == theirs == Account.from_key(secret).address
    assert int.from_bytes(signature[32:64], "big") <= SECP256K1_HALF_ORDER


def test_recover__eip_2098_form__is_the_same_signer() -> None:
    signer = KeySigner(b"\x01" * 32)
    signature = signer.sign(DIGEST)
    tail = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    assert recover(DIGEST, signature[:32] + tail.to_bytes(32, "big")) == signer.address


def _high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    ("change", "message"),
    (
        (_high_s, "upper half"),
        (lambda signature: signature[:64] + b"\x00", "v is neither"),
        (lambda signature: signature[:64] + b"\x1d", "v is neither"),
        (lambda signature: signature[:63], "63 bytes"),
        (lambda signature: signature + b"\x00", "66 bytes"),
        (lambda signature: b"", "0 bytes"),
        (lambda signature: bytes(64) + b"\x1b", "do not form"),
        (lambda signature: b"\xff" * 32 + signature[32:], "do not form"),
    ),
)
def test_recover__what_the_contract_refuses__is_refused(change: object, message: str) -> None:
    signature = KeySigner(b"\x01" * 32).sign(DIGEST)
    with pytest.raises(InvalidSignature, match=message):
        recover(DIGEST, change(signature))  # type: ignore[operator]


def test_keystore__written_and_read__same_key_private_file(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    signer = new_keystore(path, "pässwörd 密码", light=True)
    assert load_keystore(path, "pässwörd 密码").address == signer.address
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    theirs = Account.decrypt(json.loads(path.read_text()), "pässwörd 密码")
    assert Account.from_key(theirs).address == signer.address


def test_keystore__of_eth_account__opens(tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(Account.encrypt(b"\x07" * 32, "x", kdf="pbkdf2", iterations=2)))
    assert load_keystore(path, "x").address == Account.from_key(b"\x07" * 32).address


def test_stated_address__of_a_keystore__is_its_key_s_and_of_anything_else_none(tmp_path: Path) -> None:
    made = new_keystore(tmp_path / "key.json", "geheim", light=True)
    assert stated_address(tmp_path / "key.json") == made.address
    for number, content in enumerate(("", "[]", "{}", '{"address": "0x12"}', '{"address": null}', "\x80")):
        (tmp_path / str(number)).write_text(content, encoding="utf-8")
        assert stated_address(tmp_path / str(number)) is None
    assert stated_address(tmp_path / "missing") is None


def test_new_keystore__file_exists__is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    path.write_text("precious")
    with pytest.raises(InputError, match="a file of this name exists"):
        new_keystore(path, "x", light=True)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("content", ("", "[]", "{}", "not json", '{"version": 3}', '{"version": 9, "crypto": {}}'))
def test_load_keystore__no_keystore__one_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not a keystore v3 file"):
        load_keystore(path, "x")


def test_load_keystore__wrong_password_or_missing__clear_and_silent_about_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    signer = new_keystore(path, "right", light=True)
    with pytest.raises(InputError, match="the password does not open") as caught:
        load_keystore(path, "wr0ng-secret")
    assert "wr0ng-secret" not in str(caught.value)
    assert signer.secret.hex() not in str(caught.value) + repr(signer)
    with pytest.raises(InputError, match="no such keystore"):
        load_keystore(tmp_path / "absent.json", "x")
