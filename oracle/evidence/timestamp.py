"""RFC 3161 time stamps over files of the store: a token's bytes to who stamped what and when. Pure.

A token is kept as the authority sent it (TimeStampResp, DER), so that `openssl ts -verify` reads it too. It is checked
against root certificates that the reader trusts, as of the time it states: a stamp outlives its certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

from oracle.errors import InputError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

__all__ = ["MAX_TOKEN_BYTES", "BadStamp", "TimeStamp", "checked_stamp", "imprint_of", "policy_id", "root_certificates"]

#: A token holds a signature and a few certificates.
MAX_TOKEN_BYTES = 100_000

_SHA256_OID = "2.16.840.1.101.3.4.2.1"


class BadStamp(ValueError):
    """Bytes that are no time stamp over the file, or none that the given roots vouch for."""


@dataclass(frozen=True)
class TimeStamp:
    """A stamp that held: `time` as the authority states it (UTC), its certificate's subject, its policy's OID."""

    time: datetime
    authority: str
    policy: str
    serial: int

    def as_json(self) -> dict[str, str]:
        """Keys time, authority, policy, serial."""
        return {
            "time": self.time.isoformat(),
            "authority": self.authority,
            "policy": self.policy,
            "serial": str(self.serial),
        }


def root_certificates(pem: bytes, *, where: str) -> list[x509.Certificate]:
    """The certificates of a PEM file. InputError if there is none, or one that cannot be read."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        found = []
    if not found:
        raise InputError("holds no PEM certificate", where=where, remedy="give the authority's root certificate as PEM")
    return found


def policy_id(text: str) -> x509.ObjectIdentifier:
    """A policy's object identifier. ValueError if the text is none, e.g. 1.3.6.1.4.1.4146.2.3."""
    return x509.ObjectIdentifier(text)


def imprint_of(token: bytes) -> str | None:
    """The SHA-256 (64 hex digits) that a token's bytes say they stamp, nothing verified; None if they are no token."""
    if len(token) > MAX_TOKEN_BYTES:
        return None
    try:
        imprint = _decoded(token).tst_info.message_imprint
        return imprint.message.hex() if imprint.hash_algorithm.dotted_string == _SHA256_OID else None
    except ValueError:
        return None


def checked_stamp(
    token: bytes, sha256: str, roots: Sequence[x509.Certificate], *, policy: str | None = None, nonce: int | None = None
) -> TimeStamp:
    """The stamp that a token is over that SHA-256. BadStamp says what does not hold.

    Checked are the signature, the chain to one of `roots` at the stated time, the extended key usage (critical, time
    stamping), the imprint, and policy and nonce where they are given.
    """
    from rfc3161_client import VerificationError, VerifierBuilder

    if len(token) > MAX_TOKEN_BYTES:
        raise BadStamp(f"the token has more than {MAX_TOKEN_BYTES} bytes")
    try:
        response = _decoded(token)
        if response.status != 0:
            reasons = "; ".join(response.status_string)[:200]
            raise BadStamp(f"the authority refused: status {response.status} {reasons}".rstrip())
        verifier = VerifierBuilder(policy_id=policy_id(policy) if policy else None, roots=list(roots), nonce=nonce)
        if response.tst_info.message_imprint.hash_algorithm.dotted_string != _SHA256_OID:
            raise BadStamp("the token is over another hash than SHA-256")
        verifier.build().verify(response, bytes.fromhex(sha256))
        info = response.tst_info
        return TimeStamp(info.gen_time, _signer(response), info.policy.dotted_string, info.serial_number)
    except BadStamp:
        raise
    except (VerificationError, ValueError) as error:
        raise BadStamp(f"the token does not hold: {str(error)[:300]}") from None


def _decoded(token: bytes) -> TimeStampResponse:
    try:
        from rfc3161_client import decode_timestamp_response
    except ModuleNotFoundError:
        raise InputError(
            "time stamps need the package rfc3161-client",
            where="installation",
            remedy="install filing-gate with its extra: filing-gate[timestamp]",
        ) from None
    try:
        return decode_timestamp_response(token)
    except ValueError as error:
        raise BadStamp(f"not a time stamp in DER (TimeStampResp, RFC 3161 2.4.2): {str(error)[:200]}") from None


def _signer(response: TimeStampResponse) -> str:
    signer = next(iter(response.signed_data.signer_infos))
    for der in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if certificate.serial_number == signer.serial_number and certificate.issuer == signer.issuer:
            return certificate.subject.rfc4514_string()
    raise BadStamp("the token does not hold its signer's certificate")
