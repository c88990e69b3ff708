"""`filing-gate operator init | take-over | serve | observe | evaluate`: one operator's own commands."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.cli.dossier_commands import verdict_lines
from oracle.cli.options import PASSWORD_ENV, asked_password, config_option, read_dossier, url_without_secret
from oracle.cli.output import emit, json_option, printable, progress, table
from oracle.errors import FilingGateError, InputError
from oracle.node.template import KEY_TYPES

if TYPE_CHECKING:
    from oracle.domain.filing import Observation

__all__ = ["evaluate", "observe", "operator", "serve"]


@click.group()
def operator() -> None:
    """Set up an operator."""


@operator.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="operator", show_default=True, help="Shown in answers and logs.")
@click.option("--chain-id", type=click.IntRange(min=1), required=True, help="The chain of the registry.")
@click.option("--rpc", "rpc_url", required=True, metavar="URL", help="HTTP address of an Ethereum node.")
@click.option(
    "--registry", metavar="ADDRESS", help="The registry; enter it in the file later if it isn't deployed yet."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8700,
    show_default=True,
    help="Where the node will listen, on 127.0.0.1.",
)
@click.option(
    "--site", default="https://www.csrc.gov.cn", show_default=True, metavar="URL", help="The regulator's site."
)
@click.option(
    "--table-channel", "table_channels", multiple=True, metavar="CODE", help="Channel of status tables, e.g. c101935."
)
@click.option("--notice-channel", "notice_channels", multiple=True, metavar="CODE", help="Channel of filing notices.")
@click.option(
    "--signer",
    type=click.Choice(KEY_TYPES),
    default="keystore",
    show_default=True,
    help="Where the operator's key is. A keystore is made here; any other key is made in its own place.",
)
@click.option("--light-kdf", is_flag=True, help="Cheap key derivation, for tests only.")
@json_option
def init(
    directory: Path,
    name: str,
    chain_id: int,
    rpc_url: str,
    registry: str | None,
    port: int,
    site: str,
    table_channels: tuple[str, ...],
    notice_channels: tuple[str, ...],
    signer: str,
    light_kdf: bool,
    as_json: bool,
) -> None:
    """Make DIRECTORY with a new key, a configuration and room for the database.

    The key's password is read from $FILING_GATE_PASSWORD or asked for; it is never written down. With --signer other
    than keystore no key is made: enter in the file where it is (docs/keys.md).
    """
    from oracle.node.config import parse_config
    from oracle.node.published_log import new_log_key
    from oracle.node.template import KEY_BLANKS, NO_CHANNEL, NO_REGISTRY, config_text
    from oracle.signing.keys import new_keystore

    file = directory / "node.toml"
    log_key = directory / "log-key.pem"
    for name_taken in (file, directory / "keystore.json", log_key):
        if name_taken.exists():
            raise InputError(
                "the directory holds a node already", where=str(name_taken), remedy="choose another directory"
            )
    url_without_secret(rpc_url, "--rpc", "leave it out here, and name a variable with rpc_url_env in the file")
    text = config_text(
        name=name,
        chain_id=chain_id,
        rpc_url=rpc_url,
        registry=registry,
        port=port,
        site=site,
        table_channels=table_channels,
        notice_channels=notice_channels,
        password_env=PASSWORD_ENV,
        key_type=signer,
    )
    # What is still to be entered stands for itself; everything else must hold now.
    whole = text.replace(NO_REGISTRY, "0x" + "00" * 20).replace(NO_CHANNEL, "c0")
    for blank, value in KEY_BLANKS.items():
        whole = whole.replace(blank, value)
    parse_config(whole, where="command line", remedy="correct the option that gives it")
    left = [
        *([] if registry else ["the registry"]),
        *([] if table_channels and notice_channels else ["the channel codes (delete a list you don't need)"]),
    ]
    if signer != "keystore":
        directory.mkdir(parents=True, exist_ok=True)
        new_log_key(log_key)
        file.write_text(text, encoding="utf-8")
        entered = " and ".join(["where the key is, under [key]", *left])
        lines = [
            f"config     {file}",
            f"next       enter {entered}, then `filing-gate key show --config {file}`",
        ]
        emit(as_json, {"operator": None, "config": str(file), "keystore": None, "logKey": str(log_key)}, lines)
        return
    password = os.environ.get(PASSWORD_ENV) or asked_password("New keystore password", twice=True)
    directory.mkdir(parents=True, exist_ok=True)
    made = new_keystore(directory / "keystore.json", password, light=light_kdf)
    new_log_key(log_key)
    file.write_text(text, encoding="utf-8")
    first = f"enter {' and '.join(left)} in the config, then " if left else ""
    lines = [
        f"operator   {made.address}   give this address to whoever writes the committee's manifest",
        f"keystore   {directory / 'keystore.json'}   back it up; without it the operator is lost",
        f"log key    {log_key}   signs this node's append-only log; never use it for another",
        f"config     {file}",
        f"next       {first}`{PASSWORD_ENV}=… filing-gate serve --config {file}`",
    ]
    content = {
        "operator": made.address,
        "config": str(file),
        "keystore": str(directory / "keystore.json"),
        "logKey": str(log_key),
    }
    emit(as_json, content, lines)


@operator.command("take-over")
@click.argument("old", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@json_option
def take_over(old: Path, config: Path, as_json: bool) -> None:
    """Give the node of a new key what it needs of that of the key before, whose configuration is OLD.

    Dossiers, the filings' records with the statements they rest on, and live claims of the signature guard; nothing
    that the old key signed. OLD is only read. Run it before the new node starts, and again when the old has stopped.
    """
    from oracle.node.config import load_config
    from oracle.node.key import open_signer
    from oracle.store.database import Database
    from oracle.store.engine import make_engine, parse_url, shown
    from oracle.store.schema import check_version
    from oracle.store.succession import take_over as taken_over

    before, settings = load_config(old), load_config(config)
    url = parse_url(before.database_url())
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise InputError("there is no such database", where=str(url.database), remedy=f"check [store] url in {old}")
    signer = open_signer(settings)
    source = make_engine(url)
    try:
        check_version(source, shown(url))
        database = Database(settings.database_url())
        try:
            identity = {"chain": str(settings.chain.id), "registry": settings.chain.registry}
            database.bind_to({"operator": signer.address, **identity})
            taken = taken_over(source, database, int(time.time()))
        finally:
            database.close()
    finally:
        source.dispose()
    lines = [
        f"operator   {signer.address}",
        f"taken      {taken.dossiers} dossiers, {taken.events} events with {taken.statements} statements, "
        f"{taken.claims} live claims of the guard",
    ]
    emit(as_json, {"operator": signer.address, **taken.as_json()}, lines)


@click.command()
@config_option
@click.option(
    "--workers",
    type=click.IntRange(1, 32),
    default=1,
    show_default=True,
    help="Processes that answer requests; they share the address, the database and the key. One of them watches.",
)
@click.option("--inherited", type=int, hidden=True, help="A listening socket, from the process that started this one.")
def serve(config: Path, workers: int, inherited: int | None) -> None:
    """Run the node: HTTP API on the configured address, until it is stopped.

    SIGTERM and SIGINT let requests in flight finish (`[http] shutdown_seconds`), stop the jobs and exit 0.
    """
    from oracle.audit.bundle_check import verify_bundle
    from oracle.node.config import load_config
    from oracle.node.http_api import create_app
    from oracle.node.logs import configure_logs
    from oracle.node.service import open_node
    from oracle.node.serving import (
        calm_collector,
        further_workers,
        inherited_socket,
        listening,
        one_heap,
        serve_until_stopped,
    )
    from oracle.node.startup import check_start
    from oracle.watch.durable import watching

    one_heap()
    settings = load_config(config)
    configure_logs(settings)
    node = open_node(settings)
    calm_collector()
    if inherited is not None:
        with inherited_socket(inherited) as bound:
            serve_until_stopped(create_app(node), bound, settings.http.shutdown_seconds)
        node.database.close()
        return
    warnings = check_start(node)
    with listening(settings.http.host, settings.http.port, where=str(config)) as bound:
        port = bound.getsockname()[1]
        for line in warnings:
            progress(line)
        progress(f"{settings.name} {node.address} serves http://{settings.http.host}:{port}")
        progress(f"for registry {settings.chain.registry} on chain {settings.chain.id}")
        with further_workers(config, bound, workers - 1), watching(node):
            app = create_app(node, lambda data: verify_bundle(data).as_json())
            serve_until_stopped(app, bound, settings.http.shutdown_seconds)
    node.database.close()


def _source_rows(observations: list[Observation]) -> list[list[str]]:
    return [
        [
            item.source,
            item.kind.value,
            item.status.value if item.status else "-",
            f"level {item.level}",
            printable(item.title or item.raw_status or item.detail or ""),
        ]
        for item in observations
    ]


@click.command()
@config_option
@click.option("--number", required=True, help="The filing number, e.g. 国合函〔2026〕886号.")
@click.option("--entity", help="The filing entity's Chinese name, to read status tables as well.")
@json_option
@click.pass_context
def observe(ctx: click.Context, config: Path, number: str, entity: str | None, as_json: bool) -> None:
    """What each configured source says of filing NUMBER now. Exits 0 if FILED, 3 if a source can't be read, else 1."""
    from oracle.domain.filing import FilingQuery, ObservationKind
    from oracle.domain.names import parse_number
    from oracle.node.config import load_config
    from oracle.node.service import make_sources
    from oracle.rules.case import standing_from
    from oracle.store.evidence_place import open_evidence

    settings = load_config(config)
    folded = parse_number(number, settings.policy.number_pattern)
    evidence = open_evidence(settings.store.evidence, base=settings.base)
    query = FilingQuery(number=folded, entity_name=entity)
    seen = [item for source in make_sources(settings, evidence) for item in source.observe(query)]
    standing = standing_from(tuple(seen), folded, settings.policy)
    status = standing.status.value if standing.status else None
    content = {
        "number": folded,
        "status": status,
        "reason": standing.reason,
        "recordHash": "0x" + standing.record.record_hash().hex() if standing.record else None,
        "sources": [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in seen],
    }
    emit(
        as_json,
        content,
        [
            f"{folded}: {status or 'INDETERMINATE'}: {printable(standing.reason)}",
            *table(_source_rows(seen), indent="  "),
        ],
    )
    if status != "FILED":
        ctx.exit(3 if any(item.kind is ObservationKind.FAILURE for item in seen) else 1)


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_context
def evaluate(ctx: click.Context, config: Path, file: Path, as_json: bool) -> None:
    """The verdict of every rule on dossier FILE, observed now. Exits 1 unless all pass."""
    from oracle.node.config import load_config
    from oracle.node.connections import Connections
    from oracle.node.facts import planned_facts
    from oracle.node.key import expected_address
    from oracle.node.service import make_sources
    from oracle.rules.case import Case, query_for
    from oracle.rules.table import evaluate as evaluate_rules
    from oracle.rules.table import ruleset_hash
    from oracle.store.evidence_place import open_evidence

    settings = load_config(config)
    dossier = read_dossier(file)
    try:
        connections = Connections()
        tranches = planned_facts(dossier, settings, connections.registry(settings.chain), connections.registry)
    except FilingGateError as error:
        progress(f"the chain was not read: {error}")
        tranches = None
    evidence = open_evidence(settings.store.evidence, base=settings.base)
    query = query_for(dossier)
    seen = [item for source in make_sources(settings, evidence) for item in source.observe(query)]
    address = expected_address(settings)
    case = Case(
        dossier=dossier,
        policy=settings.policy,
        now=int(datetime.now(UTC).timestamp()),
        observations=tuple(seen),
        tranches=tranches,
        # Who would sign, as far as it can be told without the password; only GOV-1 asks.
        signers=() if address is None else (settings.name, address),
    )
    verdicts = evaluate_rules(case)
    content = {
        "dossierHash": "0x" + dossier.dossier_hash().hex(),
        "rulesetHash": "0x" + ruleset_hash(settings.policy).hex(),
        "approvable": verdicts.all_pass,
        "verdicts": verdicts.as_json(),
    }
    rows = [{key: printable(value) for key, value in row.items()} for row in verdicts.as_json()]
    emit(
        as_json,
        content,
        [
            *verdict_lines(rows),
            "every rule passes" if verdicts.all_pass else f"rules that do not pass: {len(verdicts.not_passed)}",
        ],
    )
    if not verdicts.all_pass:
        ctx.exit(1)
