"""Evidence in an S3-compatible bucket: `s3://bucket/prefix?endpoint=https://host&region=name`.

Credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or the usual credential files
(AWS_PROFILE, ~/.aws), never from the address and never from a metadata service of the machine's network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.evidence.folder import MAX_FILE_BYTES

__all__ = ["S3Address", "S3Blobs"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]{0,500}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONNECT_SECONDS = 10
_READ_SECONDS = 30
_ATTEMPTS = 3
#: Providers that would ask a metadata service over the network.
_NOT_ASKED = ("iam-role", "container-role")
_CHUNK = 1_048_576


@dataclass(frozen=True)
class S3Address:
    """A bucket, the prefix of all names in it ("" or ending in "/"), and where it is served; None for AWS's own."""

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address in a URL. ValueError says what is wrong with it, and shows none of it: it may hold a secret."""
        try:
            parts = urlsplit(text)
            options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=9)
        except ValueError:
            raise ValueError("not an address: write s3://bucket/prefix?endpoint=https://…") from None
        if parts.scheme != "s3" or parts.fragment:
            raise ValueError("evidence lives in a folder or at s3://bucket/prefix?endpoint=https://…")
        if "@" in parts.netloc:
            raise ValueError("the address holds a credential: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead")
        known = dict(options)
        if len(known) != len(options) or not known.keys() <= {"endpoint", "region"}:
            raise ValueError(
                "the address takes endpoint and region, each once; credentials belong into AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a credentials file"
            )
        prefix = parts.path.strip("/")
        if not (_BUCKET.fullmatch(parts.netloc) and _PREFIX.fullmatch(prefix)) or re.search(r"//|\.\.", prefix):
            raise ValueError("bucket or prefix of the address is not one of S3")
        if not _REGION.fullmatch(known.get("region", "us-east-1")):
            raise ValueError("region of the address is not one of S3")
        return cls(
            parts.netloc,
            prefix + "/" if prefix else "",
            _endpoint(known["endpoint"]) if "endpoint" in known else None,
            known.get("region"),
        )

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def _endpoint(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc:
        raise ValueError("endpoint of the address is no URL of a server, e.g. https://s3.example.org")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("endpoint of the address must be https (http only to this machine)")
    return text


@cache
def _descriptions() -> Any:
    """The library's description of the service, read once a process: that takes longer than a request."""
    from botocore.loaders import create_loader

    return create_loader()


class S3Blobs:
    """Implements `oracle.evidence.store.Blobs` on a bucket. Safe for several threads and processes.

    Names are content hashes, so a write is made only where the name is free, and one that finds it taken has succeeded.
    UnreachableError where the server does not do what it is asked.
    """

    def __init__(self, address: S3Address) -> None:
        """InputError if the library or the credentials are missing."""
        try:
            import boto3
            import botocore.session
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
        except ModuleNotFoundError:
            raise InputError(
                "evidence in a bucket needs the package boto3", where=str(address), remedy="install filing-gate[s3]"
            ) from None
        self._address = address
        self._client_error, self._other_error = ClientError, BotoCoreError
        try:
            session = botocore.session.Session()
            session.register_component("data_loader", _descriptions())
            resolver = session.get_component("credential_provider")
            for provider in _NOT_ASKED:
                resolver.remove(provider)
            if session.get_credentials() is None:
                raise InputError(
                    "no credentials are found",
                    where=str(address),
                    remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
                )
            region = address.region or session.get_config_variable("region") or "us-east-1"
            self._client: Any = boto3.Session(botocore_session=session).client(
                "s3",
                endpoint_url=address.endpoint,
                region_name=region,
                config=Config(
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_READ_SECONDS,
                    retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                    # Servers of others know neither the newer checksums nor, often, buckets as host names.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path" if address.endpoint else "auto"},
                ),
            )
        except ProfileNotFound:
            raise InputError(
                "the profile of AWS_PROFILE is not in the credentials file", where=str(address), remedy="check its name"
            ) from None
        except (BotoCoreError, ValueError) as error:
            raise InputError(
                f"the bucket's client cannot be made: {type(error).__name__}",
                where=str(address),
                remedy="check address and credentials file",
            ) from None

    def __str__(self) -> str:
        return str(self._address)

    def _key(self, name: str) -> str:
        return self._address.prefix + name

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        with self._asking(name):
            try:
                answer = self._client.head_object(Bucket=self._address.bucket, Key=self._key(name))
            except self._client_error as error:
                # A HEAD has no body that could tell a missing object from a missing bucket.
                if _status(error) == 404:
                    return False
                raise
        self._of_s3("ETag" in answer, name)
        return True

    def read(self, name: str) -> bytes | None:
        """The object's bytes, None if there is none. FilingGateError if it is larger than MAX_FILE_BYTES."""
        with self._asking(name):
            try:
                answer = self._client.get_object(Bucket=self._address.bucket, Key=self._key(name))
            except self._client_error as error:
                if _code(error) in ("NoSuchKey", "404"):
                    return None
                raise
            data = bytearray()
            with closing(answer["Body"]) as body:
                while chunk := body.read(_CHUNK):
                    data += chunk
                    if len(data) > MAX_FILE_BYTES:
                        raise FilingGateError(
                            f"larger than {MAX_FILE_BYTES} bytes",
                            where=f"{self}{name}",
                            remedy="evidence is never so large: remove it",
                        )
        return bytes(data)

    def write(self, name: str, data: bytes) -> None:
        """Write an object whole, unless there is one of this name."""
        with self._asking(name):
            try:
                answer = self._client.put_object(
                    Bucket=self._address.bucket, Key=self._key(name), Body=data, IfNoneMatch="*"
                )
            except self._client_error as error:
                if _status(error) == 412:
                    return
                # 409: somebody else is writing the same name, which is the same bytes; it must be there in the end.
                if _status(error) == 409 and self.exists(name):
                    return
                if _status(error) != 501:
                    raise
                # The server knows no conditional write.
                if self.exists(name):
                    return
                answer = self._client.put_object(Bucket=self._address.bucket, Key=self._key(name), Body=data)
        self._of_s3("ETag" in answer, name)

    def names(self, prefix: str = "") -> Iterator[str]:
        """The names of all objects that begin so, in order, as far as they are under the address's own prefix."""
        start = self._key(prefix)
        with self._asking(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._address.bucket, Prefix=start)
            for page in pages:
                self._of_s3("IsTruncated" in page, prefix)
                for item in page.get("Contents", []):
                    key = str(item["Key"])
                    if key.startswith(start):
                        yield key.removeprefix(self._address.prefix)

    def _of_s3(self, mark: bool, name: str) -> None:
        """Refuses an answer without what every answer of S3 has: a proxy's page with status 200 is none."""
        if not mark:
            raise UnreachableError(
                "the answer is not one of S3", where=f"{self}{name}", remedy="check the endpoint, and proxies before it"
            )

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Turns what the library raises into one error of ours, without the request's signature or address."""
        try:
            yield
        except self._client_error as error:
            what, remedy = f"the bucket answered {_code(error)[:80]}", "check bucket, permissions and credentials"
        except self._other_error as error:
            what, remedy = f"the bucket gave no usable answer: {type(error).__name__}", "check the endpoint; try again"
        else:
            return
        raise UnreachableError(what, where=f"{self}{name}", remedy=remedy)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "nothing"))


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
