"""What a decision rests on as one file, so that one time stamp covers all of it.

    {"dossierHash": "0x…", "evidence": {"<payload sha256>": ["<warc sha256>", …]}, "schema": "evidence-manifest/v1"}

Canonical JSON, a file of the store. A payload without WARC files is a file of the store itself. The manifest of a
decision is the one with its dossier and exactly its payloads; a time stamp is over the file's SHA-256, its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, ValidationError

from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.domain.fields import H256, Frozen
from oracle.domain.filing import Observation
from oracle.errors import InputError
from oracle.evidence.store import EvidenceStore

__all__ = ["MANIFEST_BEGIN", "EvidenceManifest", "manifest_of", "payloads_of", "read_manifest"]

#: How the bytes of a manifest begin: the keys of canonical JSON are sorted.
MANIFEST_BEGIN = b'{"dossierHash":"0x'


class EvidenceManifest(Frozen):
    """Payloads by their SHA-256 (64 hex digits), each with the WARC files that held it then."""

    schema_: Literal["evidence-manifest/v1"] = Field(default="evidence-manifest/v1", alias="schema")
    dossier_hash: H256
    evidence: dict[str, list[str]]

    def as_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True))


def payloads_of(observations: Iterable[Observation]) -> frozenset[str]:
    """The SHA-256 of every piece of evidence that the observations name."""
    return frozenset(
        sha256 for seen in observations for sha256 in (seen.sha256, seen.attachment_sha256) if sha256 is not None
    )


def manifest_of(dossier_hash: str, observations: Iterable[Observation], store: EvidenceStore) -> EvidenceManifest:
    """The manifest of what the observations rest on, as the store has it now."""
    payloads = sorted(payloads_of(observations))
    return EvidenceManifest(
        dossier_hash=dossier_hash, evidence={name: sorted(store.warcs_of(name)) for name in payloads}
    )


def read_manifest(data: bytes) -> EvidenceManifest | None:
    """The manifest in a file's bytes, None if it is another file."""
    try:
        found = EvidenceManifest.model_validate_json(canonical_bytes(parse_json(data, what="manifest")))
    except (InputError, ValidationError):
        return None
    return found if found.as_bytes() == data else None
