"""A natural person in a dossier: only ever a salted hash (`personHash`)."""

from __future__ import annotations

from oracle.domain.canonical import canonical_hash
from oracle.domain.normal_form import nfkc
from oracle.errors import InputError

__all__ = ["SALT_BYTES", "person_hash"]

SALT_BYTES = 32


def person_hash(name: str, id_number: str, salt: bytes) -> bytes:
    """keccak256 of the canonical JSON of name, number of the identity document and salt; 32 bytes.

    Blanks around and within both are dropped after NFKC and letters of the number written large, so that a copy from
    another form gives the same hash. Names and numbers can be guessed, so only the 32 random bytes of the salt protect
    them. InputError if a part is empty or the salt has another length.
    """
    parts = {"name": _plain(name), "idNumber": _plain(id_number).upper()}
    for key, value in parts.items():
        if not value:
            raise InputError("empty", where=key, remedy="enter it as the identity document has it")
    if len(salt) != SALT_BYTES:
        raise InputError("not 32 bytes", where="salt", remedy="give 0x and 64 hexadecimal digits")
    return canonical_hash({"schema": "person/v1", **parts, "salt": "0x" + salt.hex()})


def _plain(text: str) -> str:
    return "".join(nfkc(text).split())
