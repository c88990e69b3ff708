"""A key in AWS KMS (key spec ECC_SECG_P256K1): it signs there and never leaves.

MessageType is DIGEST: with RAW, KMS would hash the digest once more and sign for nobody. Credentials are found by
boto3's own chain (environment, profile, web identity, the machine's role). The transport is ours, for its bounds.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.signing.bounded_post import NoAnswer, bounded_post
from oracle.signing.foreign_signature import address_of_point, from_der, registry_form

__all__ = ["KmsSigner"]

#: Of one request, in seconds, and how many are made at most.
_SECONDS = 6.0
_ATTEMPTS = 3

#: Answers that a person mends in the configuration or in KMS, and what to do.
_MENDED = {
    "NotFoundException": "check key_id and region",
    "DisabledException": "enable the key",
    "KMSInvalidStateException": "the key is being deleted or imported: cancel that, or use another",
    "InvalidKeyUsageException": "use a key with usage SIGN_VERIFY and spec ECC_SECG_P256K1",
    "AccessDeniedException": "allow kms:GetPublicKey and kms:Sign on this key",
    "UnrecognizedClientException": "check the credentials",
    "IncompleteSignature": "check the credentials",
    "InvalidSignatureException": "check the credentials and the machine's clock",
    "ExpiredTokenException": "renew the credentials",
}


@cache
def _descriptions() -> Any:
    """The library's description of services, read once a process: that takes longer than a request."""
    from botocore.loaders import create_loader

    return create_loader()


class KmsSigner:
    """Implements `Signer`. Thread-safe: boto3's clients are."""

    def __init__(
        self, key_id: str, *, region: str, endpoint: str | None = None, where: str = "[key]", seconds: float = _SECONDS
    ) -> None:
        """Ask KMS for the public key. InputError for what configuration or KMS must mend, else UnreachableError."""
        self._key_id, self._where, self._seconds = key_id, f"{where} {key_id} in {region}", seconds
        try:
            import boto3
            import botocore.session
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
        except ModuleNotFoundError:
            raise InputError(
                "a key in AWS KMS needs the package boto3", where=where, remedy="install filing-gate[s3]"
            ) from None
        self._client_error, self._other_error = ClientError, BotoCoreError
        try:
            session = botocore.session.Session()
            session.register_component("data_loader", _descriptions())
            if session.get_credentials() is None:
                raise InputError(
                    "no credentials are found", where=self._where, remedy="set AWS_PROFILE, or give the machine a role"
                )
            self._client: Any = boto3.Session(botocore_session=session).client(
                "kms",
                region_name=region,
                endpoint_url=endpoint,
                config=Config(retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"}),
            )
        except ProfileNotFound:
            raise InputError(
                "the profile of AWS_PROFILE is not in the credentials file", where=self._where, remedy="check its name"
            ) from None
        except (BotoCoreError, ValueError) as error:
            raise InputError(
                f"the client of KMS can't be made ({type(error).__name__})",
                where=self._where,
                remedy="check region, endpoint and credentials",
            ) from None
        self._client.meta.events.register("before-send.kms", self._sent)
        self._address = self._asked_address()

    def __repr__(self) -> str:
        return f"KmsSigner({self._address})"

    @property
    def address(self) -> str:
        """The EIP-55 address of the key."""
        return self._address

    def sign(self, digest: bytes) -> bytes:
        """See `Signer.sign`."""
        if len(digest) != 32:
            raise FilingGateError(f"{len(digest)} bytes are no digest", where=self._where, remedy="sign 32 bytes")
        answer = self._ask(
            "sign", KeyId=self._key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
        )
        try:
            r, s = from_der(answer["Signature"])
        except (KeyError, TypeError, ValueError):
            raise UnreachableError(
                "its answer holds no signature", where=self._where, remedy="check the endpoint"
            ) from None
        return registry_form(digest, r, s, self._address, where=self._where)

    def _asked_address(self) -> str:
        answer = self._ask("get_public_key", KeyId=self._key_id)
        try:
            key = load_der_public_key(answer["PublicKey"])
        except (KeyError, TypeError, ValueError, UnsupportedAlgorithm):
            raise UnreachableError(
                "its answer holds no public key", where=self._where, remedy="check the endpoint"
            ) from None
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256K1):
            raise InputError(
                f"the key is of spec {str(answer.get('KeySpec'))[:40]}, not ECC_SECG_P256K1",
                where=self._where,
                remedy="make one with `aws kms create-key --key-spec ECC_SECG_P256K1 --key-usage SIGN_VERIFY`",
            )
        return address_of_point(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def _sent(self, request: Any, **_: Any) -> Any:
        """Sends what boto3 prepared and signed; its answer is what boto3 reads on."""
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import HTTPClientError

        headers = {
            name: value.decode("ascii") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
            if name.lower() != "content-length"
        }
        body = request.body or b""
        data = body.encode("utf-8") if isinstance(body, str) else bytes(body)
        try:
            answer = bounded_post(request.url, headers, data, seconds=self._seconds)
        except NoAnswer as error:
            raise HTTPClientError(error=error) from None
        return AWSResponse(request.url, answer.status, dict(answer.headers), _Body(answer.body))

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One operation, with boto3's own retries; what it raises as one error of ours, without request or secret."""
        try:
            answer = getattr(self._client, method)(**arguments)
        except self._client_error as error:
            code = str(error.response.get("Error", {}).get("Code", "nothing"))[:80]
            if code in _MENDED:
                raise InputError(f"KMS answered {code}", where=self._where, remedy=_MENDED[code]) from None
            raise UnreachableError(f"KMS answered {code}", where=self._where, remedy="try again") from None
        except self._other_error as error:
            raise UnreachableError(
                f"KMS gave no usable answer ({type(error).__name__})",
                where=self._where,
                remedy="check network, endpoint and credentials",
            ) from None
        # What the service's parser makes of JSON that is not the service's.
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise UnreachableError(
                f"KMS answered with something unusable ({type(error).__name__})",
                where=self._where,
                remedy="check the endpoint",
            ) from None
        if not isinstance(answer, dict):
            raise UnreachableError("KMS answered with no object", where=self._where, remedy="check the endpoint")
        return answer


class _Body:
    """The body as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, *_: object, **__: object) -> list[bytes]:
        """All of it at once."""
        return [self._data]
