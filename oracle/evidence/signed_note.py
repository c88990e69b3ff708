"""Signed notes with Ed25519 (C2SP signed-note): a text, an empty line, lines `— <key name> base64(id ‖ signature)`.

The key id is the first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). A verifier key is written
`<name>+<key id in hex>+base64(0x01 ‖ public key)`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from oracle.evidence.log_tree import BadLogProof

__all__ = ["MAX_NOTE_BYTES", "NoteVerifier", "open_note", "parse_verifier_key", "sign_note", "verifier_of"]

#: Room for the sixteen signatures that a reader must accept, and more; a checkpoint has about 300 bytes.
MAX_NOTE_BYTES = 100_000
_MAX_SIGNATURES = 100
_ED25519 = b"\x01"
_SIGNATURE = re.compile("— ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")


def strict_base64(text: str) -> bytes | None:
    """The bytes of base64 (RFC 4648, 4) written in the one right way; None otherwise."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return None
    return data if base64.b64encode(data).decode("ascii") == text else None


@dataclass(frozen=True)
class NoteVerifier:
    """A key that signs notes: its name and 32 public bytes."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys apart; no proof of anything."""
        return hashlib.sha256(self.name.encode("utf-8") + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode('ascii')}"

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


def _check_name(name: str) -> None:
    if not name or "+" in name or any(char.isspace() or not char.isprintable() for char in name):
        raise BadLogProof("a key's name is empty, or holds a blank or a plus sign")


def parse_verifier_key(text: str) -> NoteVerifier:
    """The verifier of a verifier key. BadLogProof if it is none, or not one of Ed25519."""
    parts = text.split("+", 2)
    data = strict_base64(parts[2]) if len(parts) == 3 and len(text) < 2_000 else None
    if data is None or len(data) != 33 or data[:1] != _ED25519:
        raise BadLogProof("not a verifier key of Ed25519: name+hash+base64")
    _check_name(parts[0])
    found = NoteVerifier(parts[0], data[1:])
    if str(found) != text:
        raise BadLogProof("the verifier key's hash does not fit its name and key")
    return found


def verifier_of(name: str, key: Ed25519PrivateKey) -> NoteVerifier:
    """The verifier of a private key under a name. BadLogProof for a name that no key may have."""
    _check_name(name)
    return NoteVerifier(name, key.public_key().public_bytes_raw())


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    """The note of a text that ends in a newline. The same text and key give the same bytes (RFC 8032)."""
    if not text.endswith("\n"):
        raise ValueError("a note's text ends in a newline")
    data = text.encode("utf-8")
    signed = verifier_of(name, key).key_id + key.sign(data)
    return data + f"\n— {name} {base64.b64encode(signed).decode('ascii')}\n".encode()


def open_note(note: bytes, verifier: NoteVerifier) -> str:
    """The text of a note that the key signed; signatures of other keys are passed over. BadLogProof otherwise."""
    if len(note) > MAX_NOTE_BYTES:
        raise BadLogProof(f"the note has more than {MAX_NOTE_BYTES} bytes")
    try:
        content = note.decode("utf-8")
    except UnicodeDecodeError:
        raise BadLogProof("the note is not UTF-8") from None
    if any(char < " " and char != "\n" for char in content):
        raise BadLogProof("the note holds a control character")
    text, gap, signatures = content.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise BadLogProof("the note has no signature")
    text += "\n"
    lines = signatures[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise BadLogProof(f"the note has more than {_MAX_SIGNATURES} signatures")
    found = False
    for line in lines:
        parts = _SIGNATURE.fullmatch(line)
        data = strict_base64(parts[2]) if parts else None
        if parts is None or data is None or len(data) < 5:
            raise BadLogProof("the note has a signature line that is none")
        if (parts[1], data[:4]) == (verifier.name, verifier.key_id):
            if not verifier.holds(text.encode("utf-8"), data[4:]):
                raise BadLogProof(f"the note's signature is not that of the key {verifier.name[:200]}")
            found = True
    if not found:
        raise BadLogProof("the note is not signed by the key it should be signed by")
    return text
