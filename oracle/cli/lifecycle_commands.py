"""`filing-gate suspend | resume | revoke | complete`: one operator's stop, and the quorum's changes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from pydantic import ValidationError

from oracle.cli.issuer_commands import conclude, shown_time
from oracle.cli.options import (
    DEFAULT_HOURS,
    NO_PASSWORD,
    deployment_of,
    deployment_option,
    hours_option,
    key_of,
    key_options,
    node_clients,
    node_keys_option,
    node_option,
    read_dossier,
    rpc_option,
    sender_of,
    url_without_secret,
)
from oracle.cli.output import emit, json_option, progress
from oracle.domain.names import filing_id, fold_number
from oracle.domain.reason import encode_reason
from oracle.errors import InputError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from oracle.chain.registry import Registry
    from oracle.domain.approval import OperatorSignature, Suspension

__all__ = ["complete", "resume", "revoke", "suspend"]


@click.command()
@click.argument("number")
@click.option("--reason", help="Why; up to 32 bytes stand on chain in words, a longer text by its hash.")
@click.option(
    "--node",
    metavar="URL",
    help="Instead of a key and a reason: relay the suspension that this operator's node has signed.",
)
@node_keys_option
@click.option(
    "--operator-keystore",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The operator's key, which signs the suspension.",
)
@rpc_option
@key_options
@deployment_option
@json_option
def suspend(
    number: str,
    reason: str | None,
    node: str | None,
    node_keys: Path | None,
    operator_keystore: Path | None,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    deployment: Path | None,
    as_json: bool,
) -> None:
    """Stop filing NUMBER at once, as one operator.

    Without --keystore or --from the operator's key also pays the gas; with one, that account relays the operator's
    signature. With --node, anybody relays what that node has signed because of a declared event or overdue report.
    """
    if (node is None) == (operator_keystore is None):
        raise InputError(
            "who suspends?", where="command line", remedy="give either --operator-keystore and --reason, or --node"
        )
    if operator_keystore is not None and reason is None:
        raise InputError("missing", where="--reason", remedy="say why in a few words")
    from oracle.chain.registry import Registry
    from oracle.chain.rpc import connect
    from oracle.chain.sender import KeySender
    from oracle.domain.approval import OnChainStatus, OperatorSignature, Suspension
    from oracle.signing.content import sign_document
    from oracle.signing.eip712 import Domain

    w3 = connect(rpc)
    deployed = deployment_of(deployment, w3)
    registry = Registry(w3, deployed.registry)
    filing = "0x" + filing_id(number).hex()
    state = registry.filing_state(filing)
    if state.status is not OnChainStatus.APPROVED:
        raise RefusedError(
            f"the filing is {state.status.name}, not APPROVED", where=number, remedy="there is nothing to suspend"
        )
    if operator_keystore is None or reason is None:
        sender = sender_of(keystore, password_file, account)
        suspension, signature = _from_node(str(node), node_keys, number, registry, deployed.chain_id, state.sequence)
        operator = signature.operator
        receipt = registry.suspend_by_signature(sender, suspension, signature)
    elif keystore is None and account is None:
        key = key_of(operator_keystore, password_file)
        operator = key.address
        receipt = registry.suspend(KeySender(key.secret), filing, encode_reason(reason))
    else:
        key = key_of(operator_keystore, password_file)
        operator = key.address
        suspension = Suspension(filing=filing, sequence=state.sequence, reason=encode_reason(reason))
        signed = sign_document(key, Domain(deployed.chain_id, registry.address), suspension)
        signature = OperatorSignature(operator=key.address, signature="0x" + signed.hex())
        receipt = registry.suspend_by_signature(sender_of(keystore, password_file, account), suspension, signature)
    transaction = w3.to_hex(receipt["transactionHash"])
    content = {"filing": filing, "status": "SUSPENDED", "operator": operator, "transaction": transaction}
    emit(
        as_json,
        content,
        [
            f"suspended by {operator}, transaction {transaction}, gas {receipt['gasUsed']:,}",
            "a quorum lifts it: `filing-gate resume`",
        ],
    )


def _from_node(
    url: str, node_keys: Path | None, number: str, registry: Registry, chain_id: int, sequence: int
) -> tuple[Suspension, OperatorSignature]:
    """The suspension a node has signed, checked: for this filing and sequence, by an operator who counts."""
    from oracle.domain.approval import OperatorSignature, Suspension
    from oracle.signing.eip712 import Domain, suspension_digest
    from oracle.signing.recovery import InvalidSignature, recover

    client = node_clients([url_without_secret(url, "--node", NO_PASSWORD)], node_keys)[0]
    reply = client.get(f"/v1/filings/{quote(number, safe='')}/duties")
    found = reply.content.get("suspension")
    if reply.status != 200 or not isinstance(found, dict):
        why = reply.content.get("title") if reply.status != 200 else None
        raise RefusedError(
            str(why or "the node has signed no suspension that would take effect now"),
            where=client.url,
            remedy="see `filing-gate duties list`",
        )
    try:
        suspension = Suspension.model_validate_json(json.dumps(found.get("suspension")))
        signature = OperatorSignature.model_validate_json(json.dumps(found.get("signature")))
        digest = suspension_digest(Domain(chain_id, registry.address), suspension)
        signer = recover(digest, bytes.fromhex(signature.signature[2:]))
    except (ValidationError, InvalidSignature):
        raise UnreachableError(
            "answered with something that is no signed suspension", where=client.url, remedy="ask another node"
        ) from None
    wanted = ("0x" + filing_id(number).hex(), sequence, signature.operator)
    if (suspension.filing, suspension.sequence, signer) != wanted or not registry.counts(signer):
        raise RefusedError(
            "its suspension is not for this filing as it stands, or not signed by an operator who counts",
            where=client.url,
            remedy="ask another node",
        )
    return suspension, signature


def _by_quorum(name: str, status: str, text: str) -> click.Command:
    """A command that collects m of n signatures on an update to `status` and submits it."""

    @click.command(name, help=text)
    @click.argument("number")
    @click.option(
        "--dossier",
        required=True,
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The filing's dossier.",
    )
    @click.option("--reason", required=True, help="Why, as in `suspend`.")
    @node_option
    @node_keys_option
    @rpc_option
    @key_options
    @deployment_option
    @json_option
    @click.pass_context
    def command(
        ctx: click.Context,
        number: str,
        dossier: Path,
        reason: str,
        nodes: tuple[str, ...],
        node_keys: Path | None,
        rpc: str,
        keystore: Path | None,
        password_file: Path | None,
        account: str | None,
        deployment: Path | None,
        as_json: bool,
        hours: float = DEFAULT_HOURS,
    ) -> None:
        from oracle.chain.registry import Registry
        from oracle.chain.rpc import connect
        from oracle.collector.proposal import propose_update
        from oracle.domain.approval import OnChainStatus

        filed = read_dossier(dossier)
        if fold_number(filed.filing.filing_number or "") != fold_number(number):
            raise InputError(
                f"the dossier is of filing {filed.filing.filing_number}, not {number}",
                where=str(dossier),
                remedy="name the matching one",
            )
        w3 = connect(rpc)
        deployed = deployment_of(deployment, w3)
        registry = Registry(w3, deployed.registry)
        sender = sender_of(keystore, password_file, account)
        progress(f"asking {len(nodes)} nodes")
        proposed = propose_update(
            node_clients(nodes, node_keys),
            registry,
            deployed.chain_id,
            filed,
            OnChainStatus[status],
            reason,
            now=int(time.time()),
            window_seconds=int(hours * 3600),
        )
        change = proposed.proposal
        until = f" until {shown_time(change.valid_until)}" if change.valid_until else ""
        conclude(
            ctx, as_json, "update", proposed, lambda given: registry.update(sender, change, given), f"{status}{until}"
        )

    return command


resume = hours_option(
    _by_quorum("resume", "APPROVED", "Renew or resume filing NUMBER by quorum. Every node evaluates all rules anew.")
)
revoke = _by_quorum(
    "revoke",
    "REVOKED",
    "End filing NUMBER for ever, by quorum. Nodes sign only if the regulator itself withdrew or revoked it.",
)
complete = _by_quorum(
    "complete",
    "COMPLETED",
    "Close filing NUMBER for ever, by quorum. Nodes sign only if the dossier reports the completion.",
)
