"""`filing-gate evidence verify | add | reindex` and `filing-gate replay`."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.options import read_bytes, read_dossier
from oracle.cli.output import emit, json_option, json_text, printable, table
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.evidence_check import StampTerms
    from oracle.audit.replay import SignedDecision
    from oracle.domain.dossier import Dossier
    from oracle.evidence.store import EvidenceStore
    from oracle.evidence.timestamp import TimeStamp
    from oracle.node.config import NodeConfig

__all__ = ["evidence", "replay"]

#: A document is read into memory to be hashed and stored.
_MAX_DOCUMENT_BYTES = 500_000_000


@click.group()
def evidence() -> None:
    """What was seen, kept: check a store, add documents to it."""


def _place(command: Any) -> Any:
    for option in (
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="The node's configuration: its store, and its database.",
        ),
        click.option(
            "--dir",
            "directory",
            metavar="DIR",
            help="A store by itself: a folder, or s3://bucket/prefix?endpoint=URL.",
        ),
    ):
        command = option(command)
    return command


def _store(directory: str | None, config: Path | None) -> tuple[EvidenceStore, NodeConfig | None]:
    from oracle.store.evidence_place import is_address, open_evidence

    if (directory is None) == (config is None):
        raise InputError("which store?", where="command line", remedy="give either --dir or --config")
    settings: NodeConfig | None = None
    base = Path()
    if config is not None:
        from oracle.node.config import load_config

        settings = load_config(config)
        directory, base = settings.store.evidence, settings.base
    place = directory or ""
    if not is_address(place) and not (base / place).is_dir():
        raise InputError("no such folder", where=str(base / place), remedy="check the path of the evidence store")
    return open_evidence(place, base=base), settings


_roots = click.option(
    "--timestamp-roots",
    "roots",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Root certificates (PEM) that time stamps are checked against; default: those of --config.",
)


def _terms(roots: Path | None, settings: NodeConfig | None) -> StampTerms | None:
    """What time stamps are held to, None if nobody says."""
    from oracle.audit.evidence_check import StampTerms
    from oracle.evidence.timestamp import root_certificates

    stated = settings.timestamp if settings is not None else None
    file = roots or (settings.path(stated.roots) if settings is not None and stated is not None else None)
    if file is None:
        return None
    pem = read_bytes(file)
    return StampTerms(
        root_certificates(pem, where=str(file)),
        stated.policy if stated is not None else None,
        stated.required if stated is not None else False,
    )


@evidence.command()
@_place
@click.option("--decision", metavar="N", help="Only this one: its number (--config), or its SHA-256 (--dir).")
@_roots
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    directory: str | None,
    config: Path | None,
    decision: str | None,
    roots: Path | None,
    as_json: bool,
) -> None:
    """Hash every file again, parse every capture again, replay every decision. Exits 1 on any difference."""
    from oracle.audit.evidence_check import Sighting, find_decision, prove_store
    from oracle.sources.parsed_again import read_settings

    store, settings = _store(directory, config)
    terms = _terms(roots, settings)
    if settings is not None:
        from oracle.node.service import source_settings
        from oracle.store.database import Database

        database = Database(settings.database_url())
        given = {str(number): database.decision_record(number) or b"" for number in database.decision_ids()}
        if decision is not None and decision not in given:
            raise InputError("no decision record with this number", where="--decision", remedy="check the number")
        proof = prove_store(
            store,
            decisions=given,
            sightings=[Sighting(f"observation {number}", query, seen) for number, query, seen in database.sightings()],
            settings=read_settings(source_settings(settings)),
            terms=terms,
            only=decision,
        )
        database.close()
    elif decision is not None:
        given = {decision: find_decision(store, decision)}
        proof = prove_store(store, decisions=given, terms=terms, only=decision)
    else:
        proof = prove_store(store, terms=terms)
    report = proof.check
    rows = [[name, str(count)] for name, count in sorted(report.counts.items())]
    lines = table([["checked", "count"], *rows], indent="  ")
    lines += [_stamp_line(name, stamp) for name, stamp in proof.stamps]
    if report.counts["timestampsNotChecked"]:
        lines.append("time stamps were not checked: give --timestamp-roots")
    lines += [f"{item.kind.upper()} {printable(item.subject)}: {printable(item.problem)}" for item in report.findings]
    lines.append("clean: everything fits" if report.clean else f"{len(report.findings)} findings")
    emit(as_json, proof.as_json(), lines)
    if not report.clean:
        ctx.exit(1)


def _stamp_line(name: str, stamp: TimeStamp) -> str:
    return f"decision {printable(name)}: evidence stamped {stamp.time.isoformat()} by {printable(stamp.authority)}"


@evidence.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@_place
@json_option
def add(files: tuple[Path, ...], directory: str | None, config: Path | None, as_json: bool) -> None:
    """Put documents into the store; prints id, sha256, mime and size of each, ready for the dossier."""
    from oracle.store.evidence_place import is_address

    # All are looked at before any is stored: one that can't be read changes nothing.
    for file in files:
        _document(file, most=0)
    if directory is not None and not is_address(directory):
        Path(directory).mkdir(parents=True, exist_ok=True)
    store, _ = _store(directory, config)
    rows = []
    for file in files:
        data = _document(file, most=_MAX_DOCUMENT_BYTES)
        mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        rows.append({"id": file.stem, "sha256": store.put(data), "mime": mime, "size": len(data)})
    lines = []
    for row in rows:
        lines += ["[[evidence]]", *(f"{key} = {json_text(value)}" for key, value in row.items()), ""]
    emit(as_json, {"evidence": rows}, lines)


def _document(file: Path, *, most: int) -> bytes:
    """At most so many bytes of a file. InputError if it can't be read, or is larger than any document."""
    try:
        with file.open("rb") as opened:
            size, data = os.fstat(opened.fileno()).st_size, opened.read(most)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file), remedy="check the path") from None
    if size > _MAX_DOCUMENT_BYTES:
        raise InputError(f"larger than {_MAX_DOCUMENT_BYTES} bytes", where=str(file), remedy="split the document")
    return data


@evidence.command()
@_place
@json_option
def reindex(directory: str | None, config: Path | None, as_json: bool) -> None:
    """Write index entries that a crash has left out. It changes nothing else."""
    store, _ = _store(directory, config)
    added = store.reindex()
    emit(as_json, {"added": added}, [f"{added} index entries added"])


@click.command()
@click.argument("decision", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--dossier",
    "dossiers",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The dossier it was about, and its earlier revisions; once for each.",
)
@click.option(
    "--evidence",
    "directory",
    metavar="DIR",
    help="A store of evidence (folder or s3://…): the dossiers it holds are used, and what the decision rests on is "
    "parsed again.",
)
@_roots
@json_option
@click.pass_context
def replay(
    ctx: click.Context,
    decision: Path,
    dossiers: tuple[Path, ...],
    directory: str | None,
    roots: Path | None,
    as_json: bool,
) -> None:
    """Make DECISION (from GET /v1/decisions/{id}) again, offline. Exits 1 and names the field if the bytes differ."""
    from oracle.audit.evidence_check import StoreProof, prove_store
    from oracle.audit.replay import MAX_DECISION_BYTES, parse_decision
    from oracle.audit.replay import replay as replay_again

    try:
        with decision.open("rb") as file:
            data = file.read(MAX_DECISION_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(decision), remedy="check the path") from None
    signed = parse_decision(data, what=str(decision))
    store = _store(directory, None)[0] if directory is not None else None
    again = replay_again(signed.document, _dossiers(dossiers, signed, store))
    fault = signed.signature_fault()
    proof: StoreProof | None = None
    if store is not None and not again.differences:
        proof = prove_store(store, decisions={str(decision): data}, terms=_terms(roots, None), only=str(decision))
    # The signature is judged above, where a bare document may have none.
    findings = [item for item in proof.check.findings if item.kind != "signature"] if proof is not None else []
    content = {
        "decision": str(decision),
        "sha256": signed.sha256,
        "identical": again.identical,
        "differences": [item.as_json() for item in again.differences],
        "signature": "good" if fault is None else fault,
        "softwareNote": again.software_note,
        "evidence": [item.as_json() for item in findings],
        "timestamps": proof.as_json()["timestamps"] if proof is not None else [],
    }
    lines = [f"{decision}: sha256 {signed.sha256}"]
    if again.identical:
        lines.append("replayed offline: the same bytes")
    for item in again.differences:
        lines.append(
            f"differs in {printable(item.field)}: recorded {_short(item.recorded)}, replayed {_short(item.replayed)}"
        )
    lines.append(f"signature: {fault or 'good, of ' + str(signed.document.get('operator'))}")
    lines += [f"{item.kind.upper()} {printable(item.subject)}: {printable(item.problem)}" for item in findings]
    if proof is not None:
        lines += [_stamp_line(name, stamp) for name, stamp in proof.stamps]
    if again.software_note:
        lines.append(again.software_note)
    emit(as_json, content, lines)
    if again.differences or findings or (fault and signed.signature is not None):
        ctx.exit(1)


def _short(value: Any) -> str:
    text = json_text(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _dossiers(files: tuple[Path, ...], signed: SignedDecision, store: EvidenceStore | None) -> dict[str, Dossier]:
    from oracle.domain.dossier import parse_dossier
    from oracle.rules.decision_record import dossier_hashes

    found = {}
    for file in files:
        dossier = read_dossier(file)
        found["0x" + dossier.dossier_hash().hex()] = dossier
    if store is not None and not set(dossier_hashes(signed.document)) <= set(found):
        for sha256 in store.hashes():
            data = store.get(sha256)
            if data.startswith(b'{"assets":'):
                dossier = parse_dossier(data, what=sha256)
                found["0x" + dossier.dossier_hash().hex()] = dossier
    return found
