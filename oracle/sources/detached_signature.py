"""Detached signatures over a file: minisign (Ed25519) and EIP-191. Pure: bytes in, who signed and when out.

minisign's format: two comments, and two base64 lines. The first signature is over the file (algorithm `Ed`) or its
BLAKE2b-512 (`ED`), the second over the first signature and the trusted comment, so that neither can be exchanged.
The trusted comment must say when the file was signed, as minisign writes by itself: `timestamp:1764230400`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from oracle.domain.canonical import parse_json
from oracle.domain.personal_message import message_digest
from oracle.errors import InputError
from oracle.sources.parse_error import ParseError

__all__ = ["MAX_SIGNATURE_BYTES", "Recover", "Signed", "minisign_key", "register_text", "verify"]

MAX_SIGNATURE_BYTES = 10_000
#: From a 32-byte digest and a signature to the EIP-55 address; ValueError if they don't fit. Given by the caller:
#: the package that holds keys stands above the sources.
Recover = Callable[[bytes, bytes], str]

_FORGED = "do not use the file; ask its issuer for a new one over another channel"
_TRUSTED = "trusted comment: "


@dataclass(frozen=True)
class Signed:
    """A signature that held: the key as configured, and the moment the signer states."""

    key: str
    issued_at: datetime


def minisign_key(text: str) -> tuple[bytes, bytes]:
    """Key id (8 bytes) and Ed25519 key (32 bytes) of a minisign public key line. ValueError if it is none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 42 or raw[:2] != b"Ed":
        raise ValueError("not a minisign public key: give the second line of the .pub file, it begins with RW")
    return raw[2:10], raw[10:]


def register_text(sha256: str, issued_at: str) -> str:
    """The text an EIP-191 signer signs for a register: what the file is, and when it was issued (RFC 3339)."""
    return f"filing-gate register\nsha256: {sha256}\nissued: {issued_at}"


def verify(data: bytes, signature: bytes, keys: Sequence[str], signers: Sequence[str], recover: Recover) -> Signed:
    """Check a detached signature against the listed minisign keys and EIP-191 addresses. ParseError if none holds."""
    if not signature.strip():
        raise ParseError("the register has no signature", remedy=_FORGED)
    if len(signature) > MAX_SIGNATURE_BYTES:
        raise ParseError(f"the signature has more than {MAX_SIGNATURE_BYTES} bytes", remedy=_FORGED)
    if signature.lstrip().startswith(b"{"):
        return _eip_191(data, signature, signers, recover)
    return _minisign(data, signature, keys)


def _minisign(data: bytes, signature: bytes, keys: Sequence[str]) -> Signed:
    try:
        lines = signature.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise ParseError("the signature is neither minisign's nor JSON", remedy=_FORGED) from None
    if len(lines) != 4 or not lines[0].startswith("untrusted comment:") or not lines[2].startswith(_TRUSTED):
        raise ParseError("the signature has not minisign's four lines", remedy=_FORGED)
    packed, whole = _base64(lines[1], 74), _base64(lines[3], 64)
    algorithm, key_id, own = packed[:2], packed[2:10], packed[10:]
    if algorithm not in (b"Ed", b"ED"):
        raise ParseError(f"minisign algorithm {algorithm!r} is not known", remedy=_FORGED)
    listed = {minisign_key(key)[0]: key for key in keys}
    if key_id not in listed:
        raise ParseError(
            f"the signature is by key {key_id[::-1].hex().upper()}, which is not listed",
            remedy="add the key to minisignKeys only if its owner confirms it",
        )
    trusted = lines[2].removeprefix(_TRUSTED)
    public = Ed25519PublicKey.from_public_bytes(minisign_key(listed[key_id])[1])
    message = data if algorithm == b"Ed" else hashlib.blake2b(data, digest_size=64).digest()
    try:
        public.verify(own, message)
        public.verify(whole, own + trusted.encode("utf-8"))
    except InvalidSignature:
        raise ParseError("the signature does not fit the file or its trusted comment", remedy=_FORGED) from None
    stated = re.findall(r"(?:^|\s)timestamp:([0-9]{1,12})(?=\s|$)", trusted)
    if len(stated) != 1:
        raise ParseError(
            "the trusted comment does not say when the file was signed",
            remedy="sign it with timestamp:<seconds since 1970> in the trusted comment, minisign's default",
        )
    return Signed(listed[key_id], _moment(int(stated[0])))


def _base64(line: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != length:
        raise ParseError("a line of the signature is not the base64 that minisign writes", remedy=_FORGED)
    return raw


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise ParseError("the signature states an impossible time", remedy=_FORGED) from None


def _eip_191(data: bytes, signature: bytes, signers: Sequence[str], recover: Recover) -> Signed:
    try:
        content = parse_json(signature, what="signature")
    except InputError as error:
        raise ParseError(str(error.what), remedy=_FORGED) from None
    wanted = {"schema", "sha256", "issuedAt", "signature"}
    if not isinstance(content, dict) or set(content) != wanted or not all(isinstance(v, str) for v in content.values()):
        raise ParseError(f"the signature has not the keys {', '.join(sorted(wanted))}, all texts", remedy=_FORGED)
    if content["schema"] != "register-signature/v1" or content["sha256"] != hashlib.sha256(data).hexdigest():
        raise ParseError("the signature is of another file", remedy=_FORGED)
    try:
        issued = datetime.fromisoformat(content["issuedAt"])
        raw = bytes.fromhex(content["signature"].removeprefix("0x"))
        signer = recover(message_digest(register_text(content["sha256"], content["issuedAt"])), raw)
    except (ValueError, UnicodeEncodeError):
        raise ParseError("the signature or its time cannot be read", remedy=_FORGED) from None
    if issued.tzinfo is None:
        raise ParseError("issuedAt of the signature has no offset", remedy=_FORGED)
    if signer not in signers:
        raise ParseError(
            f"the signature is by {signer}, which is not listed",
            remedy="add the address to signers only if its owner confirms it",
        )
    return Signed(signer, issued)
