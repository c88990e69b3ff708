"""An auditor's signed word on a report: an in-toto verification summary in a DSSE envelope, signed with Ed25519.

in-toto Statement v1 with the predicate https://slsa.dev/verification_summary/v1; DSSE v1 (PAE over type and payload).
The subject is the report's JSON by its SHA-256, so that nobody can put another report under the signature.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from oracle.domain.canonical import parse_json
from oracle.errors import InputError

__all__ = ["PAYLOAD_TYPE", "load_signing_key", "load_verify_key", "signed_statement", "verified_statement"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://filing-gate.example/audit"


def signed_statement(report: bytes, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The envelope over a report's JSON bytes, exactly as they are given to others."""
    content = parse_json(report, what="report")
    resource = f"eip155:{content['chainId']}:{content['registry'].lower()}"
    payload = json.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": resource, "digest": {"sha256": hashlib.sha256(report).hexdigest()}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "verifier": {"id": VERIFIER, "version": {"filing-gate": content["software"]}},
                "timeVerified": datetime.fromtimestamp(content["lastBlockTime"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "resourceUri": resource,
                "policy": {"uri": content["schema"]},
                "verificationResult": "PASSED" if content["clean"] else "FAILED",
                "verifiedLevels": ["FILING_GATE_AUDIT_V1"] if content["clean"] else ["FAILED"],
                "lastBlock": {"number": content["lastBlock"], "hash": content["lastBlockHash"]},
            },
        },
        sort_keys=True,
        separators=(",", ":"),
    ).encode()
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": _keyid(key.public_key()), "sig": base64.b64encode(key.sign(_pae(payload))).decode()}],
    }


def verified_statement(envelope: Mapping[str, Any], report: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The statement of an envelope that is signed by `key` and names this report. InputError says what is wrong."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in envelope["signatures"]]
        kind = envelope["payloadType"]
    except (KeyError, TypeError, ValueError):
        raise InputError("not a DSSE envelope", where="statement", remedy="give the file as it was made") from None
    if kind != PAYLOAD_TYPE or not any(_signed(key, signature, payload) for signature in signatures):
        raise InputError("no signature of this key", where="statement", remedy="check whose key it is") from None
    statement = parse_json(payload, what="statement")
    subject = statement.get("subject") if isinstance(statement, dict) else None
    digest = hashlib.sha256(report).hexdigest()
    named = [one["digest"]["sha256"] for one in subject if isinstance(one, dict)] if isinstance(subject, list) else []
    if digest not in named:
        raise InputError("the statement is about another report", where="statement", remedy="give the report it names")
    return dict(statement)


def _signed(key: Ed25519PublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        key.verify(signature, _pae(payload))
    except InvalidSignature:
        return False
    return True


def _pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _keyid(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 key in PKCS #8 PEM without password, as `openssl genpkey -algorithm ed25519` writes it."""
    key = _loaded(path, lambda data: load_pem_private_key(data, None))
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path)
    return key


def load_verify_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 public key in PEM, as `openssl pkey -pubout` writes it."""
    key = _loaded(path, load_pem_public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path)
    return key


def _loaded(path: Path, load: Any) -> Any:
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check the path") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_key(path) from None


def _no_key(path: Path) -> InputError:
    return InputError(
        "not an Ed25519 key in PEM", where=str(path), remedy="make one with `openssl genpkey -algorithm ed25519`"
    )
