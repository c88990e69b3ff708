"""`bundle/v1` as bytes: a ZIP file that can be written in one way only, so that nothing can hide in it.

Entries stand in the order of their names, stored and not compressed, of 1 January 1980, regular files, without
comments, extra fields or gaps. A reader writes what it has read once more and compares: another ZIP of the same files
is refused. So there is no bomb to unpack, no second entry of a name, no link, no path that leads out.

    bundle.json                            what it is about, and SHA-256 and size of each other file
    chain.json                             the change as the chain has it
    operators/<address>/decision.json      the signed decision record of one who signed
    operators/<address>/evidence.json      what that decision rests on (evidence-manifest/v1)
    operators/<address>/log.json           the log's key and its proofs
    operators/<address>/files/<sha256>     the bytes: WARC files, documents, dossiers, manifests, time stamps
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from oracle import __version__
from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.domain.fields import H256, Address, Frozen
from oracle.errors import InputError
from oracle.evidence.store import sha256_hex

__all__ = ["MAX_BUNDLE_BYTES", "BundleManifest", "BundleSubject", "FileEntry", "pack", "read_document", "unpack"]

#: A bundle is read into memory whole.
MAX_BUNDLE_BYTES = 128_000_000
MAX_FILES = 20_000

#: A document of a bundle; a decision record has its own bound.
MAX_DOCUMENT_BYTES = 20_000_000

_NAME = re.compile(
    r"bundle\.json|chain\.json|operators/0x[0-9a-f]{40}/(?:(?:decision|evidence|log)\.json|files/[0-9a-f]{64})"
)
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_DATE = 0x21  # 1980-01-01
_ATTRIBUTES = 0o100644 << 16
_UNIX = 3 << 8


class BundleSubject(Frozen):
    """What a bundle is about."""

    chain_id: int = Field(gt=0, lt=2**53)
    registry: Address
    filing: H256
    kind: Literal["approval", "update"]
    sequence: int = Field(gt=0, lt=2**53)
    block: int = Field(ge=0, lt=2**53)
    transaction: H256


class FileEntry(Frozen):
    """A file of a bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, le=MAX_BUNDLE_BYTES)


class BundleManifest(Frozen):
    """`bundle.json`."""

    schema_: Literal["bundle/v1"] = Field(default="bundle/v1", alias="schema")
    software: str = Field(max_length=200)
    subject: BundleSubject
    files: dict[str, FileEntry]


def _bad(what: str) -> InputError:
    return InputError(
        what, where="bundle", remedy="not a bundle/v1 as `filing-gate bundle` writes it: ask for it again"
    )


def pack(subject: BundleSubject, files: Mapping[str, bytes]) -> bytes:
    """The bundle of these files by name, its manifest added. The same files give the same bytes.

    InputError if it would be larger than a reader takes.
    """
    entries = {name: FileEntry(sha256=sha256_hex(data), size=len(data)) for name, data in sorted(files.items())}
    manifest = BundleManifest(software=f"filing-gate/{__version__}", subject=subject, files=entries)
    data = canonical_bytes(manifest.model_dump(mode="json", by_alias=True))
    made = _zip({**files, "bundle.json": data}) if len(files) < MAX_FILES else b""
    if not 0 < len(made) <= MAX_BUNDLE_BYTES:
        raise InputError(
            f"a bundle holds at most {MAX_FILES} files and {MAX_BUNDLE_BYTES} bytes",
            where="bundle",
            remedy="give fewer --evidence, and make one bundle for each operator",
        )
    return made


def _zip(files: Mapping[str, bytes]) -> bytes:
    """The one way to write these files (PKWARE APPNOTE 6.3.10: 4.3.7, 4.3.12, 4.3.16)."""
    body, directory, at = bytearray(), bytearray(), 0
    for name, data in sorted(files.items()):
        raw, crc, size = name.encode("ascii"), zlib.crc32(data), len(data)
        common = (20, 0, 0, 0, _DATE, crc, size, size, len(raw), 0)
        body += _LOCAL.pack(b"PK\x03\x04", *common) + raw + data
        directory += _CENTRAL.pack(b"PK\x01\x02", _UNIX | 20, *common, 0, 0, 0, _ATTRIBUTES, at) + raw
        at = len(body)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), at, 0)
    return bytes(body + directory + end)


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a bundle by name. InputError if the bytes are not exactly what `pack` writes of some files."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise _bad(f"larger than {MAX_BUNDLE_BYTES} bytes")
    if not data.startswith(b"PK\x03\x04"):
        raise _bad("does not begin as a ZIP file")
    files: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        if len(data) < at + _LOCAL.size:
            raise _bad("is cut short")
        _, _, _, method, _, _, _, size, full, length, extra = _LOCAL.unpack_from(data, at)
        start = at + _LOCAL.size + length + extra
        name = data[at + _LOCAL.size : at + _LOCAL.size + length].decode("ascii", "replace")
        if method != 0 or size != full:
            raise _bad("an entry is compressed, and a bundle's never are")
        if not _NAME.fullmatch(name):
            raise _bad(f"an entry is named {name[:80]!r}, as no file of a bundle is")
        if name in files:
            raise _bad(f"two entries are named {name}")
        if start + size > len(data):
            raise _bad("is cut short")
        files[name] = data[start : start + size]
        at = start + size
        if len(files) > MAX_FILES:
            raise _bad(f"has more than {MAX_FILES} files")
    if _zip(files) != data:
        raise _bad("is a ZIP file, but not as a bundle is written: it is damaged, or may hide something")
    for name in ("bundle.json", "chain.json"):
        if name not in files:
            raise _bad(f"has no {name}")
    return files


def read_document(data: bytes, model: type[Frozen], name: str) -> Any:
    """A document of a bundle. InputError names the first value that does not fit `model`."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _bad(f"{name} has more than {MAX_DOCUMENT_BYTES} bytes")
    content = parse_json(data, what=name)
    try:
        return model.model_validate_json(canonical_bytes(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:80] for part in first["loc"][:6])
        raise InputError(
            first["msg"][:200],
            where=f"{name}: {place}",
            remedy="ask for the bundle again; a later format needs later software",
        ) from None
