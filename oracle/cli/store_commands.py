"""`filing-gate store upgrade | backup | restore | fsck`: a node's database, looked after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.options import config_option, read_bytes
from oracle.cli.output import emit, json_option, printable, progress, table
from oracle.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from oracle.node.config import NodeConfig
    from oracle.proof.database_proof import DatabaseProof

__all__ = ["store"]


@click.group()
def store() -> None:
    """A node's database: bring it up to date, back it up, put it back, prove it."""


@contextmanager
def _engine(settings: NodeConfig) -> Iterator[Engine]:
    from oracle.store.engine import make_engine, parse_url

    url = parse_url(settings.database_url())
    file = Path(str(url.database))
    if url.get_backend_name() == "sqlite" and not file.is_file():
        # Opening would make it.
        raise InputError("there is no such database", where=str(file), remedy="check [store] url")
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@store.command()
@config_option
@json_option
def upgrade(config: Path, as_json: bool) -> None:
    """Bring the tables to this version. SQLite is backed up beside itself first; twice, or by two at once, is safe."""
    from oracle.node.config import load_config
    from oracle.store.backup import back_up
    from oracle.store.engine import parse_url, shown
    from oracle.store.schema import HEAD, database_version
    from oracle.store.schema import upgrade as upgrade_tables

    settings = load_config(config)
    url = settings.database_url()
    parsed = parse_url(url)
    copy: Path | None = None
    with _engine(settings) as engine:
        before = database_version(engine, shown(parsed))
        if before not in (None, HEAD) and parsed.get_backend_name() == "sqlite":
            file = Path(str(parsed.database))
            moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            copy = file.with_name(f"{file.name}.{before}-{moment}.backup")
            back_up(url, copy)
        steps = upgrade_tables(engine, shown(parsed))
    lines = [f"database   {shown(parsed)}", f"was        {before or 'empty'}"]
    if copy is not None:
        lines.append(f"backup     {copy}")
    lines += [f"{item.version}       {item.what}" for item in steps]
    lines.append(f"now        {HEAD}" if steps else f"now        {HEAD}: nothing was to do")
    content = {
        "database": shown(parsed),
        "before": before,
        "now": HEAD,
        "steps": [vars(item) for item in steps],
        "backup": str(copy) if copy is not None else None,
    }
    emit(as_json, content, lines)


@store.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@json_option
def backup(file: Path, config: Path, as_json: bool) -> None:
    """Copy the database to the new FILE, also while nodes run. Back up the evidence after it."""
    from oracle.node.config import load_config
    from oracle.store.backup import back_up
    from oracle.store.evidence_place import is_address

    settings = load_config(config)
    size = back_up(settings.database_url(), file)
    place = settings.store.evidence
    evidence = place if is_address(place) else str(settings.path(place))
    emit(
        as_json,
        {"file": str(file), "bytes": size, "evidence": evidence},
        [f"{file}: {size} bytes, checked", f"now back up the evidence as well: {evidence}"],
    )


@store.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@json_option
@click.pass_context
def restore(ctx: click.Context, file: Path, config: Path, as_json: bool) -> None:
    """Put FILE into the configured database, which must be empty, and prove it. Exits 1 on any finding."""
    from oracle.node.config import load_config
    from oracle.store.backup import restore as put_back

    settings = load_config(config)
    put_back(settings.database_url(), file, int(time.time()))
    progress(f"restored from {file}; now it is proven")
    progress(
        "for one window from now on the node signs no new approval or renewal, as it can't know what it signed after "
        "the backup; see `filing-gate key confirm-restore`"
    )
    proof = _proof(settings)
    emit(as_json, {"restored": str(file), **proof.as_json()}, _lines(proof))
    if not proof.clean:
        ctx.exit(1)


@store.command()
@config_option
@json_option
@click.pass_context
def fsck(ctx: click.Context, config: Path, as_json: bool) -> None:
    """Derive every hash, digest and signature of database and evidence again. Exits 1 on any finding."""
    from oracle.node.config import load_config

    proof = _proof(load_config(config))
    emit(as_json, proof.as_json(), _lines(proof))
    if not proof.clean:
        ctx.exit(1)


def _proof(settings: NodeConfig) -> DatabaseProof:
    from oracle.audit.evidence_check import StampTerms
    from oracle.evidence.timestamp import root_certificates
    from oracle.node.service import source_settings
    from oracle.proof.database_proof import prove_database
    from oracle.sources.parsed_again import read_settings
    from oracle.store.engine import parse_url, shown
    from oracle.store.evidence_place import open_evidence
    from oracle.store.rows import stored_rows
    from oracle.store.schema import check_version

    terms: StampTerms | None = None
    if settings.timestamp is not None:
        roots = settings.path(settings.timestamp.roots)
        found = root_certificates(read_bytes(roots), where=str(roots))
        terms = StampTerms(found, settings.timestamp.policy, settings.timestamp.required)
    evidence = open_evidence(settings.store.evidence, base=settings.base)
    with _engine(settings) as engine:
        check_version(engine, shown(parse_url(settings.database_url())))
        with stored_rows(engine) as rows:
            return prove_database(rows, evidence, settings=read_settings(source_settings(settings)), terms=terms)


def _lines(proof: DatabaseProof) -> list[str]:
    counts: list[list[Any]] = [[name, str(count)] for name, count in sorted(proof.counts.items())]
    lines = table([["checked", "count"], *counts], indent="  ")
    lines += [f"{item.id} {printable(item.subject)}: {printable(item.problem)}" for item in proof.findings]
    lines.append("clean: everything fits" if proof.clean else f"{len(proof.findings)} findings")
    return lines
