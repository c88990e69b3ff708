"""`filing-gate evidence verify | add | reindex` and `filing-gate replay`."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.options import read_dossier
from oracle.cli.output import emit, json_option, json_text, printable, table
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.replay import SignedDecision
    from oracle.domain.dossier import Dossier
    from oracle.evidence.store import EvidenceStore
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
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="An evidence folder by itself.",
        ),
    ):
        command = option(command)
    return command


def _store(directory: Path | None, config: Path | None) -> tuple[EvidenceStore, NodeConfig | None]:
    from oracle.evidence.store import EvidenceStore

    if (directory is None) == (config is None):
        raise InputError("which store?", where="command line", remedy="give either --dir or --config")
    settings: NodeConfig | None = None
    if config is not None:
        from oracle.node.config import load_config

        settings = load_config(config)
        directory = settings.path(settings.store.evidence)
    if directory is None or not directory.is_dir():
        raise InputError("no such folder", where=str(directory), remedy="check the path of the evidence store")
    return EvidenceStore(directory), settings


@evidence.command()
@_place
@click.option("--decision", metavar="N", help="Only this one: its number (--config), or its SHA-256 (--dir).")
@json_option
@click.pass_context
def verify(
    ctx: click.Context, directory: Path | None, config: Path | None, decision: str | None, as_json: bool
) -> None:
    """Hash every file again, parse every capture again, replay every decision. Exits 1 on any difference."""
    from oracle.audit.evidence_check import check_evidence, find_decision
    from oracle.sources.csrc_wording import Wording

    store, settings = _store(directory, config)
    if settings is not None:
        from oracle.store.database import Database

        database = Database(settings.database_url())
        given = {str(number): database.decision_record(number) or b"" for number in database.decision_ids()}
        if decision is not None and decision not in given:
            raise InputError("no decision record with this number", where="--decision", remedy="check the number")
        report = check_evidence(
            store,
            decisions=given,
            observations=[(f"observation {number}", seen) for number, seen in database.observations()],
            wordings={source.name: source for source in settings.sources if isinstance(source, Wording)},
            only=decision,
        )
        database.close()
    elif decision is not None:
        report = check_evidence(store, decisions={decision: find_decision(store, decision)}, only=decision)
    else:
        report = check_evidence(store)
    rows = [[name, str(count)] for name, count in sorted(report.counts.items())]
    lines = table([["checked", "count"], *rows], indent="  ")
    lines += [f"{item.kind.upper()} {printable(item.subject)}: {printable(item.problem)}" for item in report.findings]
    lines.append("clean: everything fits" if report.clean else f"{len(report.findings)} findings")
    emit(as_json, report.as_json(), lines)
    if not report.clean:
        ctx.exit(1)


@evidence.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@_place
@json_option
def add(files: tuple[Path, ...], directory: Path | None, config: Path | None, as_json: bool) -> None:
    """Put documents into the store; prints id, sha256, mime and size of each, ready for the dossier."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    store, _ = _store(directory, config)
    rows = []
    for file in files:
        try:
            with file.open("rb") as opened:
                data = opened.read(_MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=str(file), remedy="check the path") from None
        if len(data) > _MAX_DOCUMENT_BYTES:
            raise InputError(f"larger than {_MAX_DOCUMENT_BYTES} bytes", where=str(file), remedy="split the document")
        mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        rows.append({"id": file.stem, "sha256": store.put(data), "mime": mime, "size": len(data)})
    lines = []
    for row in rows:
        lines += ["[[evidence]]", *(f"{key} = {json_text(value)}" for key, value in row.items()), ""]
    emit(as_json, {"evidence": rows}, lines)


@evidence.command()
@_place
@json_option
def reindex(directory: Path | None, config: Path | None, as_json: bool) -> None:
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
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="An evidence folder: the dossiers it holds are used, and what the decision rests on is parsed again.",
)
@json_option
@click.pass_context
def replay(
    ctx: click.Context, decision: Path, dossiers: tuple[Path, ...], directory: Path | None, as_json: bool
) -> None:
    """Make DECISION (from GET /v1/decisions/{id}) again, offline. Exits 1 and names the field if the bytes differ."""
    from oracle.audit.evidence_check import check_evidence
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
    findings = []
    if store is not None and not again.differences:
        findings = check_evidence(store, decisions={str(decision): data}, only=str(decision)).findings
        # The signature is judged above, where a bare document may have none.
        findings = [item for item in findings if item.kind != "signature"]
    content = {
        "decision": str(decision),
        "sha256": signed.sha256,
        "identical": again.identical,
        "differences": [item.as_json() for item in again.differences],
        "signature": "good" if fault is None else fault,
        "softwareNote": again.software_note,
        "evidence": [item.as_json() for item in findings],
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
