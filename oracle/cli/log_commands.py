"""`filing-gate log check | export`: the append-only log of a node, watched from outside and written out as files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.cli.options import config_option, node_clients, node_keys_option, url_without_secret
from oracle.cli.output import emit, json_option, printable
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.log_check import Asked, LogCheck, RememberedLog

__all__ = ["log"]

_MAX_FILE = 200_000


@click.group()
def log() -> None:
    """A node's append-only log of what it observed, decided and signed."""


def _url(_: click.Context, __: click.Parameter, value: str) -> str:
    return url_without_secret(value, "--node", "leave it out: a log is public")


def _matching(shape: str, example: str, name: str) -> object:
    def check(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not re.fullmatch(shape, value, re.ASCII):
                raise InputError("not of the known form", where=name, remedy=f"write {example}")
        return values

    return check


@log.command("check")
@click.option("--node", "url", required=True, callback=_url, metavar="URL", help="The operator's node.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What the last check remembered; written if everything holds.",
)
@click.option("--operator", metavar="ADDRESS", help="Whose log it must be.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A checkpoint of this log that somebody else saw; once for each.",
)
@click.option("--entries", is_flag=True, help="Read and hash every leaf that is new since --state (all without it).")
@click.option(
    "--decision",
    "decisions",
    multiple=True,
    callback=_matching(r"[1-9]\d{0,17}", "a decision's number", "--decision"),
    metavar="N",
    help="The record of this decision, as the node serves it, must be in the log.",
)
@click.option(
    "--record",
    "records",
    multiple=True,
    callback=_matching("[0-9a-f]{64}", "64 lower-case hexadecimal digits", "--record"),
    metavar="SHA256",
    help="A content with this hash must be in the log.",
)
@click.option(
    "--signature",
    "digests",
    multiple=True,
    callback=_matching("0x[0-9a-f]{64}", "0x and 64 lower-case hexadecimal digits", "--signature"),
    metavar="DIGEST",
    help="A signature over this EIP-712 digest must be in the log.",
)
@node_keys_option
@json_option
@click.pass_context
def check_command(
    ctx: click.Context,
    url: str,
    node_keys: Path | None,
    state: Path | None,
    operator: str | None,
    checkpoints: tuple[Path, ...],
    entries: bool,
    decisions: tuple[str, ...],
    records: tuple[str, ...],
    digests: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check that a node's log is signed, is the operator's, and continues what it was before. Exits 1 on a finding.

    With --state, a fork or a shrunken log leaves both signed checkpoints in a file beside FILE.
    """
    from oracle.audit.log_check import Asked, check_log
    from oracle.collector.log_client import LogClient

    asked: list[Asked] = [
        *(Asked("decision", value) for value in decisions),
        *(Asked("record", value) for value in records),
        *(Asked("signature", value) for value in digests),
    ]
    found = check_log(
        LogClient(node_clients([url], node_keys)[0]).get,
        operator=operator,
        remembered=_remembered(state),
        others=[_read(file) for file in checkpoints],
        asked=asked,
        entries=entries,
    )
    kept = None
    if state is not None:
        remember = found.state()
        if remember is not None:
            _write(state, remember.as_bytes())
        elif found.evidence:
            kept = _keep_evidence(state, found)
    content = {**found.as_json(), "evidenceFile": str(kept) if kept else None}
    emit(as_json, content, _lines(found, kept))
    if not found.clean:
        ctx.exit(1)


def _lines(found: LogCheck, kept: Path | None) -> list[str]:
    lines = []
    if found.operator is not None:
        lines.append(f"log of     {found.operator}")
    if found.checkpoint is not None:
        lines.append(f"size       {found.checkpoint.size}")
        lines.append(f"root       {found.checkpoint.root.hex()}")
    if found.entries:
        lines.append(f"entries    {found.entries} read and hashed")
    lines += [f"included   {item['asked']}: leaf {item['index']}, sha256 {item['sha256']}" for item in found.included]
    lines += [f"{item.id} {printable(item.problem)}" for item in found.findings]
    if kept is not None:
        lines.append(f"evidence   {kept}: keep it, it proves the finding to others")
    lines.append("clean: the log holds" if found.clean else f"{len(found.findings)} findings")
    return lines


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file), remedy="check the path") from None
    if len(data) > _MAX_FILE:
        raise InputError(f"larger than {_MAX_FILE} bytes", where=str(file), remedy="name the right file")
    return data


def _remembered(state: Path | None) -> RememberedLog | None:
    from oracle.audit.log_check import RememberedLog

    if state is None or not state.exists():
        return None
    return RememberedLog.read(_read(state), where=str(state))


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, and durable."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _keep_evidence(state: Path, found: LogCheck) -> Path:
    binding = found.binding.model_dump(mode="json", by_alias=True) if found.binding is not None else None
    document = {
        "schema": "log-evidence/v1",
        "operator": found.operator,
        "key": binding,
        "findings": [item.as_json() for item in found.findings],
        "checkpoints": found.evidence,
    }
    data = json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8") + b"\n"
    # Named by its content: a later finding never replaces an earlier one.
    file = state.with_name(f"{state.name}.evidence-{hashlib.sha256(data).hexdigest()[:16]}.json")
    _write(file, data)
    return file


@log.command()
@config_option
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@json_option
def export(config: Path, directory: Path, as_json: bool) -> None:
    """Write the log as files below DIRECTORY/log, at the paths and with the bytes that the node serves.

    Any web server can serve them. Running it again adds what is new; the checkpoint is written last.
    """
    from oracle.node.config import load_config
    from oracle.node.published_log import log_of
    from oracle.store.database import Database
    from oracle.store.log import LogStore

    settings = load_config(config)
    database = Database(settings.database_url())
    try:
        operator = LogStore(database.engine).operator()
        if operator is None:
            raise InputError("the database is of no operator yet", where="[store] url", remedy="start the node once")
        published = log_of(settings, database.engine, operator)
        if published is None:
            raise InputError("no log key is configured", where="[transparency]", remedy='write key = "log-key.pem"')
        count, size = published.write_to(directory / "log")
    finally:
        database.close()
    emit(
        as_json,
        {"directory": str(directory / "log"), "size": size, "written": count},
        [f"{size} leaves, {count} files written below {directory / 'log'}"],
    )
