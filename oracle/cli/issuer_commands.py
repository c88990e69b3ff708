"""`filing-gate deploy | approve | mint | mint-batch | status`: the issuer's commands."""

from __future__ import annotations

import csv
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.options import (
    address,
    deployment_of,
    deployment_option,
    hours_option,
    key_options,
    node_clients,
    node_keys_option,
    node_option,
    read_dossier,
    rpc_option,
    sender_of,
)
from oracle.cli.output import emit, json_option, printable, progress, table
from oracle.domain.units import format_units, parse_units
from oracle.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3 import Web3
    from web3.types import TxReceipt

    from oracle.chain.deployment import DeployedToken, Deployment, Manifest
    from oracle.chain.overview import FilingOverview
    from oracle.chain.registry import Registry, TrancheState
    from oracle.collector.proposal import Proposal, Proposed
    from oracle.collector.quorum import Quorum
    from oracle.domain.approval import OperatorSignature

__all__ = ["approve", "conclude", "deploy", "mint", "mint_batch", "quorum_lines", "status"]


def shown_time(seconds: int) -> str:
    """Seconds since 1970 as UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z" if seconds < 2**40 else str(seconds)


def shown_span(seconds: int) -> str:
    """A time span in the largest unit that divides it."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def quorum_lines(quorum: Quorum) -> list[str]:
    """Who signed, who did not and why, as text."""
    lines = []
    for answer in quorum.answers:
        lines.append(
            f"  {answer.node}  {answer.outcome}"
            + (f"  {answer.operator}" if answer.operator else "")
            + (f"  {printable(answer.reason)}" if answer.reason else "")
        )
        lines += [
            f"    {row.get('rule')} {row.get('result')}: {printable(str(row.get('explanation')))}"
            for row in answer.failed
        ]
        lines += [
            f"    {row.get('field')}: proposed {printable(str(row.get('proposed')))},"
            f" expected {printable(str(row.get('expected')))}"
            for row in answer.differences
        ]
    lines.append(f"  {len(quorum.signatures)} of {quorum.threshold} needed signatures")
    return lines


def conclude(
    ctx: click.Context,
    as_json: bool,
    name: str,
    proposed: Proposed[Proposal],
    submit: Callable[[tuple[OperatorSignature, ...]], TxReceipt],
    told: str,
) -> None:
    """Submit what a quorum signed and print it, `proposed` under the key `name`; exit 1 where no quorum was reached."""
    change = proposed.proposal
    content: dict[str, Any] = {
        "digest": "0x" + proposed.digest.hex(),
        name: change.model_dump(mode="json", by_alias=True),
        **proposed.quorum.as_json(),
        "transaction": None,
    }
    if not proposed.quorum.reached:
        emit(as_json, content, ["refused", *quorum_lines(proposed.quorum)])
        ctx.exit(1)
    receipt = submit(proposed.quorum.require())
    content["transaction"] = "0x" + bytes(receipt["transactionHash"]).hex()
    done = f"{told}, sequence {change.sequence}, transaction {content['transaction']}, gas {receipt['gasUsed']:,}"
    emit(as_json, content, [*quorum_lines(proposed.quorum), done])


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path, dir_okay=False))
@rpc_option
@key_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Default: deployments/<chain id>.json",
)
@json_option
def deploy(
    manifest: Path,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Deploy committee, registry and tranche tokens as MANIFEST says, and write the deployment file.

    A deployment file whose registry exists on this chain is never overwritten. MANIFEST is TOML:

    \b
      [committee]
      operators = ["0x...", "0x...", "0x..."]   # each operator's, from `operator init`
      threshold = 2                             # signatures an approval needs
      owner = "0x..."                           # changes the committee: a Safe or timelock (default: the sender)
      rotation_delay_seconds = 172800           # what adding an operator waits
      retention_seconds = 0                     # how long a replaced operator's signatures still count
      [registry]
      max_validity_seconds = 259200             # longest window of an approval
      [[tokens]]                                # one block for each tranche
      id = "senior"                             # as in the dossier's issuePlan.tranches
      name = "Charging Income Senior"
      symbol = "CHGS"
      decimals = 6                              # as in the dossier's issuePlan
      admin = "0x..."                           # grants the roles
      issuer = "0x..."                          # may mint inside the filing
    """
    from oracle.chain.deployment import deploy as deploy_contracts
    from oracle.chain.deployment import load_deployment, load_manifest, save_deployment
    from oracle.chain.rpc import chain_faults, connect

    plan = load_manifest(manifest)
    w3 = connect(rpc)
    with chain_faults(rpc):
        target = out or Path("deployments") / f"{w3.eth.chain_id}.json"
        if target.exists() and w3.eth.get_code(w3.to_checksum_address(load_deployment(target).registry)):
            raise InputError(
                "a deployment stands here and lives on this chain",
                where=str(target),
                remedy="name another file with --out",
            )
    # Found out before gas is spent: an address that can't be written down is lost.
    _must_be_writable(target)
    sender = sender_of(keystore, password_file, account)
    progress(f"deploying from {sender.address}")
    deployment = deploy_contracts(plan, w3, sender)
    save_deployment(deployment, target)
    rows = [
        ["registry", deployment.registry, f"{deployment.threshold} of {len(deployment.operators)} operators"],
        ["owner", deployment.owner, f"changes of the committee wait {shown_span(deployment.rotation_delay_seconds)}"],
        ["factory", deployment.factory, ""],
    ]
    rows += [[token.id, token.address, token.symbol] for token in deployment.tokens]
    emit(
        as_json,
        {"file": str(target), **deployment.model_dump(mode="json", by_alias=True)},
        [*table(rows), f"wrote {target}"],
    )


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("dossier", type=click.Path(path_type=Path, dir_okay=False))
@node_option
@node_keys_option
@rpc_option
@key_options
@deployment_option
@hours_option
@click.option(
    "--resume",
    "resume_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the signatures in FILE, and go on with those that it holds.",
)
@json_option
@click.pass_context
def approve(
    ctx: click.Context,
    manifest: Path,
    dossier: Path,
    nodes: tuple[str, ...],
    node_keys: Path | None,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    deployment: Path | None,
    hours: float,
    resume_file: Path | None,
    as_json: bool,
) -> None:
    """Propose the approval of DOSSIER to all nodes, collect m of n signatures, and submit it.

    MANIFEST is what was deployed; its committee must be the registry's. Anyone may submit: the sender only pays gas.
    With --resume, signatures given so far are kept in that file, and a later run asks only for those that are missing.
    """
    from oracle.chain.deployment import load_manifest
    from oracle.chain.registry import Registry
    from oracle.chain.rpc import connect
    from oracle.collector.collection import load_collection, save_collection, why_not
    from oracle.collector.proposal import propose_approval

    plan = load_manifest(manifest)
    filed = read_dossier(dossier)
    w3 = connect(rpc)
    deployed = deployment_of(deployment, w3)
    registry = Registry(w3, deployed.registry)
    _same_committee(plan, deployed, registry)
    sender = sender_of(keystore, password_file, account)
    now = int(time.time())
    found = load_collection(resume_file) if resume_file is not None else None
    if found is not None:
        fault = why_not(found, registry, deployed.chain_id, filed, now)
        progress(
            f"begins anew: what {resume_file} holds can't be used, {fault}" if fault else f"goes on: {resume_file}"
        )
        found = None if fault else found
    progress(f"asking {len(nodes)} nodes")
    proposed = propose_approval(
        node_clients(nodes, node_keys),
        registry,
        deployed.chain_id,
        filed,
        now=now,
        window_seconds=int(hours * 3600),
        proposal=found.approval if found is not None else None,
        kept=found.kept if found is not None else (),
    )
    if resume_file is not None:
        save_collection(resume_file, registry, deployed.chain_id, proposed)
    conclude(
        ctx,
        as_json,
        "approval",
        proposed,
        lambda given: registry.approve(sender, proposed.proposal, given),
        f"approved until {shown_time(proposed.proposal.valid_until)}",
    )


def _must_be_writable(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(target), remedy="name another file with --out"
        ) from None


def _same_committee(plan: Manifest, deployed: Deployment, registry: Registry) -> None:
    """The manifest names the committee as it was deployed, or as it is since it changed."""
    operators, threshold = registry.operators(), registry.threshold()
    known = [(set(deployed.operators), deployed.threshold), (set(operators), threshold)]
    if (set(plan.committee.operators), plan.committee.threshold) not in known:
        raise InputError(
            f"the manifest's committee is not the registry's ({threshold} of {', '.join(operators)})",
            where="MANIFEST",
            remedy="use the manifest that was deployed",
        )


def _token(deployment: Path | None, w3: Web3, name: str) -> tuple[Deployment, DeployedToken]:
    deployed = deployment_of(deployment, w3)
    return deployed, deployed.token(name)


def _refusal(w3: Web3, deployed: Deployment, token: DeployedToken, amount: int) -> None:
    """Ask the registry before sending, so that a refusal says how much there was to mint."""
    from oracle.chain.registry import Registry

    registry = Registry(w3, deployed.registry)
    allowed, reason = registry.can_issue(token.address, amount)
    if not allowed:
        state = registry.tranche_state(token.address)
        left = format_units(max(0, state.cap - state.issued), token.decimals)
        progress(f"the registry would refuse: {reason}; {_issued_of_cap(state, token)} {token.symbol}, {left} left")


@click.command()
@click.argument("token")
@click.argument("to")
@click.argument("amount")
@rpc_option
@key_options
@deployment_option
@json_option
def mint(
    token: str,
    to: str,
    amount: str,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    deployment: Path | None,
    as_json: bool,
) -> None:
    """Mint AMOUNT (in whole tokens, e.g. 1500 or 0.25) of TOKEN (tranche id, symbol or address) to address TO."""
    from oracle.chain.registry import Token
    from oracle.chain.rpc import connect

    holder = address(to, "TO")
    w3 = connect(rpc)
    deployed, chosen = _token(deployment, w3, token)
    units = parse_units(amount, chosen.decimals)
    sender = sender_of(keystore, password_file, account)
    progress(f"minting {format_units(units, chosen.decimals)} {chosen.symbol} ({units} base units) to {holder}")
    _refusal(w3, deployed, chosen, units)
    receipt = Token(w3, chosen.address).mint(sender, holder, units)
    content = {
        "token": chosen.address,
        "to": holder,
        "baseUnits": str(units),
        "transaction": w3.to_hex(receipt["transactionHash"]),
        "gas": receipt["gasUsed"],
    }
    emit(as_json, content, [f"minted, transaction {content['transaction']}, gas {receipt['gasUsed']:,}"])


@click.command("mint-batch")
@click.argument("token")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@rpc_option
@key_options
@deployment_option
@json_option
def mint_batch(
    token: str,
    file: Path,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    deployment: Path | None,
    as_json: bool,
) -> None:
    """Mint TOKEN to all holders of CSV FILE in one transaction.

    Each line is `address,amount`, the amount in whole tokens; a heading `address,amount` may stand first.
    """
    from oracle.chain.registry import Token
    from oracle.chain.rpc import connect

    w3 = connect(rpc)
    deployed, chosen = _token(deployment, w3, token)
    rows = _read_holders(file, chosen.decimals)
    sender = sender_of(keystore, password_file, account)
    total = sum(amount for _, amount in rows)
    if total >= 2**256:
        raise InputError("the amounts add up to more than a token can count", where=str(file), remedy="check them")
    progress(
        f"minting {format_units(total, chosen.decimals)} {chosen.symbol} ({total} base units) to {len(rows)} holders"
    )
    _refusal(w3, deployed, chosen, total)
    receipt = Token(w3, chosen.address).mint_batch(
        sender, [holder for holder, _ in rows], [amount for _, amount in rows]
    )
    content = {
        "token": chosen.address,
        "holders": len(rows),
        "baseUnits": str(total),
        "transaction": w3.to_hex(receipt["transactionHash"]),
        "gas": receipt["gasUsed"],
    }
    emit(as_json, content, [f"minted, transaction {content['transaction']}, gas {receipt['gasUsed']:,}"])


def _read_holders(file: Path, decimals: int) -> list[tuple[str, int]]:
    rows = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, row in enumerate(csv.reader(lines), start=1):
                where = f"{file} line {number}"
                if not row or (number == 1 and row[0].strip().lower() in ("address", "to", "holder")):
                    continue
                if len(row) != 2:
                    raise InputError("not two columns", where=where, remedy="write address,amount")
                try:
                    rows.append((address(row[0].strip(), where), parse_units(row[1].strip(), decimals)))
                except InputError as error:
                    raise InputError(error.what, where=where, remedy=error.remedy) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read as CSV: {error}", where=str(file), remedy="save it as UTF-8 CSV") from None
    if not rows:
        raise InputError("no holder in the file", where=str(file), remedy="write one line address,amount for each")
    return rows


@click.command()
@click.argument("number", required=False)
@rpc_option
@deployment_option
@json_option
def status(number: str | None, rpc: str, deployment: Path | None, as_json: bool) -> None:
    """How filing NUMBER (default: every filing of the deployment's tokens) stands on chain."""
    from oracle.chain.overview import overview
    from oracle.chain.rpc import connect

    w3 = connect(rpc)
    seen = overview(w3, deployment_of(deployment, w3), number)
    lines = [f"registry {seen.registry} on chain {seen.chain_id}: {seen.threshold} of {len(seen.operators)} operators"]
    lines += [f"  operator {address}" for address in seen.operators]
    lines.append(f"  owner    {seen.owner}: adding an operator waits {shown_span(seen.rotation_delay)}")
    for filing in seen.filings:
        lines += _filing_lines(filing, number or filing.filing, seen.time)
    if not seen.filings:
        lines.append("no filing has been approved yet")
    emit(as_json, seen.as_json(), lines)


def _filing_lines(filing: FilingOverview, name: str, now: int) -> list[str]:
    state, left = filing.state, filing.state.valid_until - now
    until = f"until {shown_time(state.valid_until)}"
    until += f" ({left // 3600} h {left % 3600 // 60} min left)" if left > 0 else " (expired)"
    lines = [f"filing {name}: {state.status.name}, sequence {state.sequence}, {until}"]
    if filing.reason is not None and state.status.name != "APPROVED":
        lines.append(f"  reason: {filing.reason}")
    rows = [
        [
            item.token.id,
            item.token.symbol,
            _issued_of_cap(item.state, item.token),
            f"not mintable: {item.refusal}" if item.refusal else "mintable",
        ]
        for item in filing.tranches
    ]
    return lines + table(rows, indent="  ")


def _issued_of_cap(state: TrancheState, token: DeployedToken) -> str:
    return f"issued {format_units(state.issued, token.decimals)} of {format_units(state.cap, token.decimals)}"
