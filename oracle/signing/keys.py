"""The operator's key. What is signed with it for others goes through `oracle.signing.content`, which checks it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol, cast

import coincurve
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json
from eth_utils.address import to_checksum_address

from oracle.errors import InputError
from oracle.signing.recovery import address_of

__all__ = ["KeySigner", "Signer", "load_keystore", "new_keystore", "stated_address"]


class Signer(Protocol):
    """Something that signs a digest with one secp256k1 key."""

    @property
    def address(self) -> str:
        """The EIP-55 address of the key."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v with low s and v 27 or 28.

        A signer that asks a device or a service has recovered it and found the key's address. A signature is handed
        out by `oracle.signing.content`, which recovers whatever signer made it.
        """
        ...


class KeySigner:
    """A private key in this process's memory."""

    def __init__(self, secret: bytes) -> None:
        self._key = coincurve.PrivateKey(secret)
        self._address = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"KeySigner({self._address})"

    @property
    def address(self) -> str:
        """The EIP-55 address of the key."""
        return self._address

    @property
    def secret(self) -> bytes:
        """The 32 secret bytes, for signing transactions."""
        return bytes(self._key.secret)

    def sign(self, digest: bytes) -> bytes:
        """See `Signer.sign`. RFC 6979: the same digest gives the same signature; libsecp256k1 makes s low."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes((raw[64] + 27,))


def new_keystore(path: Path, password: str, *, secret: bytes | None = None, light: bool = False) -> KeySigner:
    """Write a new keystore v3 file, readable by its owner only, and return its signer. Never overwrites a file.

    `light` uses a cheap scrypt cost, for tests and demos.
    """
    signer = KeySigner(secret or coincurve.PrivateKey().secret)
    content = create_keyfile_json(signer.secret, _utf8(password), kdf="scrypt", iterations=2 if light else None)
    content["address"] = signer.address[2:].lower()
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            json.dump(content, file)
    except FileExistsError:
        raise InputError(
            "a file of this name exists", where=str(path), remedy="choose another directory; a key is never overwritten"
        ) from None
    return signer


def _utf8(password: str) -> str:
    """The password's bytes; the library is annotated for text but would encode text as Latin-1."""
    return cast(str, password.encode("utf-8"))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def load_keystore(path: Path, password: str) -> KeySigner:
    """The signer of a keystore v3 file. InputError for a missing or broken file or a wrong password."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError
        return KeySigner(decode_keyfile_json(content, _utf8(password)))
    except FileNotFoundError:
        raise InputError("no such keystore", where=str(path), remedy="check the path in [key]") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check its permissions") from None
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        wrong = "MAC mismatch" in str(error)
        raise InputError(
            "the password does not open this keystore" if wrong else "not a keystore v3 file",
            where=str(path),
            remedy="check the variable or file that holds the password" if wrong else "restore the keystore",
        ) from None


def stated_address(path: Path) -> str | None:
    """The address that a keystore v3 file says it holds, in EIP-55 form, unproved. None if it says none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        address = str(content["address"]).lower().removeprefix("0x")
        return str(to_checksum_address("0x" + address))
    except (OSError, ValueError, KeyError, TypeError):
        return None
