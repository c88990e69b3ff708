"""`filing-gate duties list | declare | report | sweep`: what a filing owes after its approval (P8)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from oracle.cli.options import (
    NO_PASSWORD,
    config_option,
    key_of,
    node_clients,
    node_keys_option,
    node_option,
    url_without_secret,
)
from oracle.cli.output import emit, json_option, table
from oracle.errors import InputError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from oracle.domain.filing_statement import SignedStatement

__all__ = ["duties"]

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)
_KINDS = click.Choice(["COMPLETION", "MAJOR_RISK", "CHANGE", "OTHER"])
#: A document whose hash is taken is read whole.
_MAX_EVIDENCE = 50_000_000


def _day(_: click.Context, parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day, e.g. 2026-11-20", param=parameter) from None


def _stated(command: Command) -> Command:
    """The options of declare and report."""
    for option in (
        json_option,
        click.option("--password-file", type=_FILE, metavar="FILE", help="Its password; else $FILING_GATE_PASSWORD."),
        click.option("--keystore", required=True, type=_FILE, metavar="FILE", help="The declarant's keystore v3 file."),
        click.option("--deployment", required=True, type=_FILE, metavar="FILE", help="Names chain and registry."),
        node_keys_option,
        node_option,
        click.option("--what", required=True, metavar="TEXT", help="What it is, in one line of up to 500 characters."),
        click.option("--event-on", required=True, callback=_day, metavar="DAY", help="The day it happened (Shanghai)."),
        click.option("--kind", required=True, type=_KINDS, help="What P8 wants reported."),
        click.argument("number"),
    ):
        command = option(command)
    return command


@click.group()
def duties() -> None:
    """Reports that a filing owes after its approval: deadlines, declarations, and the suspension that follows."""


@duties.command("list")
@click.argument("number")
@click.option("--node", metavar="URL", help="An operator's node to ask.")
@node_keys_option
@click.option("--config", type=_FILE, metavar="FILE", help="Or the configuration of your own node.")
@json_option
@click.pass_context
def list_(
    ctx: click.Context, number: str, node: str | None, node_keys: Path | None, config: Path | None, as_json: bool
) -> None:
    """The record of filing NUMBER, its reports with deadlines, and alerts. Exits 1 if there are alerts."""
    if (node is None) == (config is None):
        raise InputError("whom to ask?", where="command line", remedy="give either --node or --config")
    if config is not None:
        from oracle.node.config import load_config
        from oracle.node.service import open_node

        view = open_node(load_config(config)).duties.view(number, int(time.time()))
    else:
        client = node_clients([url_without_secret(str(node), "--node", NO_PASSWORD)], node_keys)[0]
        reply = client.get(f"/v1/filings/{quote(number, safe='')}/duties")
        _check(client.url, reply.status, reply.content)
        view = reply.content
    emit(as_json, view, _view_lines(view))
    if view.get("alerts"):
        ctx.exit(1)


def _check(url: str, status: int, content: dict[str, Any]) -> None:
    if status >= 500:
        raise UnreachableError(str(content.get("title", f"HTTP {status}")), where=url, remedy="try again")
    if status >= 400:
        raise RefusedError(str(content.get("title", f"HTTP {status}")), where=url, details=content)


def _view_lines(view: dict[str, Any]) -> list[str]:
    chain = view.get("onChain") or {"status": "not read", "sequence": "-"}
    lines = [f"filing {view['number']}: {view['state']}; on chain {chain['status']}, sequence {chain['sequence']}"]
    rows = [
        [row["kind"], row["state"], f"event {row['eventOn']}", f"due {row['due'] or 'not known'}", row["where"]]
        for row in view["duties"]
    ]
    lines += table(rows, indent="  ") or ["  no report is owed"]
    lines += [f"  alert: {text}" for text in view["alerts"]]
    return lines


@duties.command()
@_stated
@click.option("--evidence", type=_FILE, metavar="FILE", help="A document that shows it; only its SHA-256 is sent.")
@click.pass_context
def declare(ctx: click.Context, /, evidence: Path | None, **given: Any) -> None:
    """Declare an event under filing NUMBER to every node. A MAJOR_RISK stops the filing at once.

    Exits 0 only if every node took it and, for a MAJOR_RISK, the chain shows the suspension; 3 if a node is silent.
    """
    _state(ctx, "DECLARE", evidence=evidence, reported_on=None, **given)


@duties.command()
@_stated
@click.option("--reported-on", required=True, callback=_day, metavar="DAY", help="The day the regulator was told.")
@click.option("--evidence", required=True, type=_FILE, metavar="FILE", help="What was sent; only its SHA-256 leaves.")
@click.pass_context
def report(ctx: click.Context, /, evidence: Path, reported_on: date, **given: Any) -> None:
    """Record at every node that the regulator was told of an event. Exit codes as `declare`."""
    _state(ctx, "REPORT", evidence=evidence, reported_on=reported_on, **given)


def _state(
    ctx: click.Context,
    act: str,
    *,
    number: str,
    kind: str,
    event_on: date,
    what: str,
    nodes: tuple[str, ...],
    node_keys: Path | None,
    deployment: Path,
    keystore: Path,
    password_file: Path | None,
    as_json: bool,
    reported_on: date | None,
    evidence: Path | None,
) -> None:
    from oracle.chain.deployment import load_deployment
    from oracle.collector.node_client import NodeReply
    from oracle.collector.quorum import ask_all

    deployed = load_deployment(deployment)
    fields = {
        "act": act,
        "kind": kind,
        "number": number,
        "chainId": deployed.chain_id,
        "registry": deployed.registry,
        "eventOn": event_on.isoformat(),
        "reportedOn": reported_on.isoformat() if reported_on else None,
        "what": what,
        "evidence": _sha256(evidence) if evidence else None,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    signed = _signed({key: value for key, value in fields.items() if value is not None}, keystore, password_file)
    body = json.dumps(signed.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()
    path = f"/v1/filings/{quote(number, safe='')}/events"
    clients = node_clients(nodes, node_keys)
    replies = dict(ask_all(clients, lambda node: node.post(path, body), lambda _: False))
    rows: list[dict[str, Any]] = []
    for client in clients:
        reply = replies.get(client)
        if isinstance(reply, NodeReply):
            taken = reply.status in (200, 201, 202)
            outcome = ("taken" if reply.status != 202 else "taken, not on chain") if taken else "refused"
            outcome = "unreachable" if reply.status >= 500 else outcome
            why = reply.content.get("problem" if taken else "title")
            rows.append({"node": client.url, "outcome": outcome, "state": reply.content.get("state"), "reason": why})
        else:
            why = reply.what if reply is not None else "no answer in time"
            rows.append({"node": client.url, "outcome": "unreachable", "state": None, "reason": why})
    outcomes = {row["outcome"] for row in rows}
    # One operator's suspension on chain stops the filing for all; a node that could not send it has recorded it.
    on_chain = "taken" in outcomes or kind != "MAJOR_RISK" or act != "DECLARE"
    done = on_chain and not outcomes & {"refused", "unreachable"}
    content = {"act": act, "kind": kind, "number": number, "done": done, "onChain": on_chain, "answers": rows}
    lines = [f"{row['node']}  {row['outcome']}" + (f": {row['reason']}" if row["reason"] else "") for row in rows]
    lines.append("done" if done else "NOT done: see above, and repeat the command")
    emit(as_json, content, lines)
    if not done:
        ctx.exit(3 if "unreachable" in outcomes and "refused" not in outcomes else 1)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_EVIDENCE + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check the path") from None
    if len(data) > _MAX_EVIDENCE:
        raise InputError(f"larger than {_MAX_EVIDENCE} bytes", where=str(path), remedy="name the document itself")
    return hashlib.sha256(data).hexdigest()


def _signed(fields: dict[str, Any], keystore: Path, password_file: Path | None) -> SignedStatement:
    from pydantic import ValidationError

    from oracle.domain.dossier import problems_of
    from oracle.domain.filing_statement import FilingStatement, SignedStatement, statement_message
    from oracle.signing.content import sign_text

    try:
        statement = FilingStatement.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        found = problems_of(error)
        shown = "; ".join(f"{row['field']}: {row['problem']}" for row in found)
        raise InputError(shown, where="command line", remedy="correct the option", details=found) from None
    signer = key_of(keystore, password_file)
    signature = "0x" + sign_text(signer, statement_message(statement)).hex()
    return SignedStatement(statement=statement, by=signer.address, signature=signature)


@duties.command()
@config_option
@json_option
@click.pass_context
def sweep(ctx: click.Context, config: Path, as_json: bool) -> None:
    """Look once at every filing, and renew and suspend what needs it, as `serve` does. Repeats do no harm.

    Exits 1 if something needs a person, 3 if the chain can't be read.
    """
    from oracle.node.config import load_config
    from oracle.node.service import open_node
    from oracle.watch.cycle import Watcher

    node = open_node(load_config(config))
    reports = Watcher(node).cycle(int(time.time()), node.duties.filings())
    rows = [item.as_json() for item in reports]
    lines = []
    for item in reports:
        lines.append(f"{item.number}: {item.state}")
        lines += [f"  done: {text}" for text in item.done]
        lines += [f"  alert: {text}" for text in item.alerts]
        lines += [f"  problem: {text}" for text in item.problems]
    emit(as_json, {"filings": rows}, lines or ["no filing has a record yet"])
    if any(item.unreachable for item in reports):
        ctx.exit(3)
    if any(item.alerts or item.problems for item in reports):
        ctx.exit(1)
