"""Options that name where operators' decisions and evidence are: stores, nodes, logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from oracle.cli.options import NO_PASSWORD, node_keys_of, node_keys_option, url_without_secret
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.evidence_check import StampTerms
    from oracle.audit.log_check import Fetch
    from oracle.audit.witness import Witness

__all__ = ["checkpoints_of", "evidence_options", "logs_of", "roots_option", "terms_of", "witnesses_of"]

Command = TypeVar("Command", bound=Callable[..., Any])

_MAX_NOTE = 100_000
#: Stored bytes are bounded where they are collected, far below this.
_MAX_EVIDENCE = 64_000_000


def evidence_options(command: Command) -> Command:
    """Adds --evidence, --log and --node-keys."""
    for option in (
        node_keys_option,
        click.option(
            "--log",
            "logs",
            multiple=True,
            metavar="URL",
            help="A node whose append-only log is public, where --evidence names a store; once for each.",
        ),
        click.option(
            "--evidence",
            "places",
            multiple=True,
            metavar="DIR|URL",
            help="An operator's evidence: a folder, s3://…, or its node's address (auditor's key); once for each.",
        ),
    ):
        command = option(command)
    return command


roots_option = click.option(
    "--timestamp-roots",
    "roots",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Root certificates (PEM) that time stamps are checked against.",
)


def _is_node(place: str) -> bool:
    return urlsplit(place).scheme in ("http", "https")


def witnesses_of(places: Sequence[str], keys_file: Path | None) -> list[Witness]:
    """What --evidence names. InputError for a folder that is not there, or a node's address with a password."""
    from oracle.audit.witness import NodeWitness, StoreWitness
    from oracle.collector.record_client import RecordClient
    from oracle.store.evidence_place import is_address, open_evidence

    nodes = [url_without_secret(place, "--evidence", NO_PASSWORD) for place in places if _is_node(place)]
    keys = node_keys_of(nodes, keys_file)
    found: list[Witness] = []
    for place in places:
        if _is_node(place):
            key = keys.get(place.rstrip("/"))
            found.append(NodeWitness(RecordClient(place, key=key, most=_MAX_EVIDENCE).get))
            continue
        if not is_address(place) and not Path(place).is_dir():
            raise InputError("no such folder", where=f"--evidence {place}", remedy="name a store of evidence")
        found.append(StoreWitness(open_evidence(place)))
    return found


def logs_of(logs: Sequence[str], places: Sequence[str]) -> dict[str, Fetch]:
    """The log of each operator, by the operator in lower case: of --log, and of the nodes among --evidence.

    InputError for a node of --log that has none; a node of --evidence may have none.
    """
    from oracle.audit.log_check import LogBinding, verify_binding
    from oracle.collector.record_client import RecordClient
    from oracle.evidence.log_tree import BadLogProof

    found: dict[str, Fetch] = {}
    for place in dict.fromkeys([*logs, *(place for place in places if _is_node(place))]):
        fetch = RecordClient(url_without_secret(place, "--log", "leave it out: a log is public")).get
        data = fetch("/log/key.json")
        if data is None:
            if place in logs:
                raise InputError("serves no log", where=f"--log {place}", remedy="ask the operator")
            continue
        try:
            operator, _ = verify_binding(LogBinding.model_validate_json(data))
        except (ValueError, BadLogProof):
            raise InputError(
                "its log's key is bound to no operator", where=f"--log {place}", remedy="ask the operator"
            ) from None
        found[operator.lower()] = fetch
    return found


def checkpoints_of(files: Sequence[Path], logs: dict[str, Fetch]) -> dict[str, list[bytes]]:
    """The notes of --checkpoint by the operator that their first line names."""
    found: dict[str, list[bytes]] = {}
    for file in files:
        try:
            with file.open("rb") as opened:
                data = opened.read(_MAX_NOTE + 1)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=str(file), remedy="check the path") from None
        named = re.match(rb"filing-gate/[0-9]+/0x[0-9a-f]{40}/(0x[0-9a-f]{40})\n", data)
        operator = named[1].decode("ascii") if named and len(data) <= _MAX_NOTE else ""
        if operator not in logs:
            raise InputError(
                "no checkpoint of a log that is given", where=str(file), remedy="name that operator's node with --log"
            )
        found.setdefault(operator, []).append(data)
    return found


def terms_of(roots: Path | None) -> StampTerms | None:
    """What time stamps are held to, None if nobody says."""
    from oracle.audit.evidence_check import StampTerms
    from oracle.cli.options import read_bytes
    from oracle.evidence.timestamp import root_certificates

    return StampTerms(root_certificates(read_bytes(roots), where=str(roots))) if roots is not None else None
