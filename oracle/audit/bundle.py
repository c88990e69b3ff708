"""`filing-gate bundle`: all that shows why one change was signed, in one file that is checked without network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from oracle.audit.bundle_check import BundleLog, subject_of
from oracle.audit.bundle_file import pack
from oracle.audit.chain_statement import ChainStatement
from oracle.audit.decision_check import Change, check_decision
from oracle.audit.held_files import held_store
from oracle.audit.log_check import Fetch, LogBinding
from oracle.audit.witness import Witness, record_of
from oracle.domain.canonical import canonical_bytes, parse_json
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.evidence.log_leaf import LogProof
from oracle.evidence.log_tree import BadLogProof
from oracle.evidence.manifest import manifest_of
from oracle.evidence.store import sha256_hex

__all__ = ["make_bundle"]


def make_bundle(stated: ChainStatement, witnesses: Sequence[Witness], logs: Mapping[str, Fetch] | None = None) -> bytes:
    """The bundle of a change: what each signer's decision rests on, as far as the witnesses have it.

    `logs` gives an operator's log by the operator in lower case. The same inputs give the same bytes. What is not there
    is left out, and `verify_bundle` says so.
    """
    submitted = stated.submitted()
    files = {"chain.json": stated.as_bytes()}
    for operator, _ in submitted.signatures:
        folder = f"operators/{operator.lower()}/"
        found = record_of(witnesses, operator, submitted.change)
        record = None
        if found is not None:
            witness, record = found
            files[folder + "decision.json"] = record
            files |= {
                folder + name: data for name, data in _evidence(submitted.change, operator, witness, record).items()
            }
        fetch = (logs or {}).get(operator.lower())
        if fetch is not None:
            files[folder + "log.json"] = _log(fetch, "0x" + submitted.change.digest.hex(), record)
    return pack(subject_of(stated, submitted), files)


def _ignored(ident: str, holds: bool | None, expected: object, found: object, place: str = "") -> None:
    """A bundle is made of what is there; its reader judges."""


def _evidence(change: Change, operator: str, witness: Witness, record: bytes) -> dict[str, bytes]:
    """The files that suffice to check a decision as `check_decision` does, with their manifest and time stamps."""
    read = witness.read(record)
    read.needed.clear()
    checked = check_decision(change, operator, record, read, _ignored)
    if checked is None:
        return {}
    signed, seen = checked
    for item in seen:
        if item.place.startswith("earlier"):
            read.needed.update(read.settings_files.get(item.seen.source, ()))
    for manifest, token in read.stamped(signed, [item.seen for item in seen]):
        read.needed |= {manifest, token, *read.covered(manifest)}
    files = {}
    for sha256 in sorted(read.needed):
        try:
            files[sha256] = read.store.get(sha256)
        except FilingGateError:
            continue  # missing or damaged: whoever checks the bundle finds that it is not included
    made = {f"files/{sha256}": data for sha256, data in files.items()}
    try:
        manifest_file = manifest_of(
            str(signed.document.get("dossierHash")), [item.seen for item in seen], held_store(files)
        )
    except ValidationError:
        return made  # a decision on no dossier: whoever checks the bundle says so
    return {"evidence.json": manifest_file.as_bytes(), **made}


def _log(fetch: Fetch, digest: str, record: bytes | None) -> bytes:
    """The log's key and the proofs that it gives of the signature and of the record."""
    key = fetch("/log/key.json")
    if key is None:
        raise InputError("serves no log", where="/log/key.json", remedy="leave the log out, or ask the operator")
    paths = [f"/v1/log/proof?signature={digest}"]
    if record is not None:
        paths.append(f"/v1/log/proof?sha256={sha256_hex(record)}")
    proofs = []
    try:
        binding = LogBinding.model_validate_json(key)
        for path in paths:
            data = fetch(path)
            if data is not None:
                document = parse_json(data, what=path)
                proofs.append(LogProof.read(document if isinstance(document, dict) else {}))
    except (ValidationError, BadLogProof):
        raise UnreachableError("not a log's key or proof", where="/log", remedy="ask the operator") from None
    return canonical_bytes(BundleLog(key=binding, proofs=proofs).model_dump(mode="json", by_alias=True))
