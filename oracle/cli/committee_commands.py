"""`filing-gate committee …`: who may sign, and the changes that the registry's owner makes to that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oracle.cli.issuer_commands import shown_span, shown_time
from oracle.cli.options import (
    address,
    deployment_of,
    deployment_option,
    key_options,
    rpc_option,
    sender_of,
)
from oracle.cli.output import emit, json_option, progress, table
from oracle.errors import InputError, RefusedError

if TYPE_CHECKING:
    from oracle.chain.committee import AnnouncedChange, Committee
    from oracle.chain.registry import Registry

__all__ = ["committee"]

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def committee() -> None:
    """Who may sign, and the changes that the registry's owner makes to that (docs/rotation.md).

    What narrows trust takes effect at once, what widens it is announced and applied after the registry's delay. If the
    owner is a contract, a command prints the call to propose there and sends nothing.
    """


def _owner_options(command: Command) -> Command:
    for option in (
        json_option,
        click.option("--calldata", is_flag=True, help="Print the call for the owner to send, and send nothing."),
        deployment_option,
        key_options,
        rpc_option,
    ):
        command = option(command)
    return command


_replace_option = click.option(
    "--replace", "replaced", metavar="OLD", help="The operator whose seat it takes; without, a seat of its own."
)


def _opened(rpc: str, deployment: Path | None) -> tuple[Registry, int]:
    """The registry and its first block."""
    from oracle.chain.registry import Registry
    from oracle.chain.rpc import connect

    w3 = connect(rpc)
    deployed = deployment_of(deployment, w3)
    return Registry(w3, deployed.registry), deployed.block


@committee.command()
@rpc_option
@deployment_option
@json_option
def show(rpc: str, deployment: Path | None, as_json: bool) -> None:
    """Operators with their seats, threshold, owner, what is announced and from when, and who is retained until when."""
    from oracle.chain.committee import read_committee

    found = read_committee(*_opened(rpc, deployment))
    emit(as_json, found.as_json(), _lines(found))


def _lines(found: Committee) -> list[str]:
    kind = "a contract" if found.owner_is_contract else "an account"
    lines = [
        f"registry   {found.registry}, block {found.block} of {shown_time(found.time)}",
        f"committee  number {found.epoch}: {found.threshold} of {len(found.seats)} operators must sign",
        f"owner      {found.owner}, {kind}",
        f"delay      {shown_span(found.rotation_delay)} from announcing to applying; "
        f"a replaced operator counts for {shown_span(found.retention)} more",
        "operators",
        *table([[f"seat {item.number}", item.operator] for item in found.seats], indent="  "),
    ]
    if len(found.seats) < found.threshold:
        lines.append("  too few for the threshold: nothing can be approved or renewed")
    if found.retained:
        lines.append("retained")
        rows = []
        for item in found.retained:
            seat = "seat ?" if item.seat is None else f"seat {item.seat}"
            rows.append([seat, item.operator, f"counts until {shown_time(item.until)}; replaced by {item.successor}"])
        lines += table(rows, indent="  ")
    if found.announced:
        lines.append("announced")
        lines += [f"  {_announcement(item, found.time)}" for item in found.announced]
    return lines


def _announcement(item: AnnouncedChange, now: int) -> str:
    place = f"in place of {item.replaced}" if item.replaced else "on a seat of its own"
    what = f"a threshold of {item.threshold}" if item.operator is None else f"{item.operator} {place}"
    ready = "can be applied now" if now >= item.ready_at else f"can be applied from {shown_time(item.ready_at)}"
    return f"{what}: {ready} until {shown_time(item.until)}"


def _conclude(
    registry: Registry,
    first: int,
    change: str,
    arguments: tuple[str | int, ...],
    sending: tuple[Path | None, Path | None, str | None],
    *,
    calldata: bool,
    as_json: bool,
) -> None:
    """Send the change as the owner, or print the call for an owner that is a contract."""
    from oracle.chain.committee import has_code, read_committee

    owner = registry.owner()
    # A node's own account may be the contract: a local chain that lets everybody be sent from.
    sends = not calldata and ((sending[2] or "").lower() == owner.lower() or not has_code(registry, owner))
    if not sends:
        _print_call(registry, change, owner, registry.committee_data(change, *arguments), as_json=as_json)
        return
    sender = sender_of(*sending)
    receipt = registry.change_committee(sender, change, *arguments)
    transaction = "0x" + bytes(receipt["transactionHash"]).hex()
    found = read_committee(registry, first)
    content = {"change": change, "transaction": transaction, "call": None, "committee": found.as_json()}
    emit(as_json, content, [f"{change}: transaction {transaction}, gas {receipt['gasUsed']:,}", *_lines(found)])


def _print_call(registry: Registry, change: str, owner: str, data: bytes, *, as_json: bool) -> None:
    from oracle.chain.sender import refuse_early

    try:
        refuse_early(registry.w3, owner, registry.address, data)
        refusal = None
    except RefusedError as error:
        refusal = error.what
    call = {"from": owner, "to": registry.address, "value": "0", "data": "0x" + data.hex()}
    content = {"change": change, "transaction": None, "call": call, "refusedNow": refusal, "committee": None}
    if not as_json:
        progress("nothing was sent: propose this call to the owner")
    lines = [f"from   {owner}", f"to     {registry.address}", "value  0", f"data   {call['data']}"]
    if refusal is not None:
        lines.append(f"sent now it would be refused: {refusal}")
    emit(as_json, content, lines)


def _pair_command(name: str, change: str, text: str) -> click.Command:
    """A command on NEW and, with --replace, OLD."""

    @committee.command(name, help=text)
    @click.argument("new")
    @_replace_option
    @_owner_options
    def command(
        new: str,
        replaced: str | None,
        rpc: str,
        keystore: Path | None,
        password_file: Path | None,
        account: str | None,
        deployment: Path | None,
        calldata: bool,
        as_json: bool,
    ) -> None:
        from oracle.chain.key_standing import ZERO_ADDRESS

        old = ZERO_ADDRESS if replaced is None else address(replaced, "--replace")
        pair = (address(new, "NEW"), old)
        registry, first = _opened(rpc, deployment)
        sending = (keystore, password_file, account)
        _conclude(registry, first, change, pair, sending, calldata=calldata, as_json=as_json)

    return command


_pair_command(
    "announce",
    "announceOperator",
    "Announce that NEW is to join. It can be applied after the registry's delay, for 30 days.",
)
_pair_command("apply", "applyOperator", "Seat NEW as it was announced, with the same --replace.")
_pair_command("cancel", "cancelOperator", "Call an announcement off, with the same --replace.")


@committee.command()
@click.argument("operator")
@_owner_options
def remove(
    operator: str,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    deployment: Path | None,
    calldata: bool,
    as_json: bool,
) -> None:
    """Remove OPERATOR, a current or a retained one, at once; also below the threshold. This can't be called off."""
    leaving = address(operator, "OPERATOR")
    registry, first = _opened(rpc, deployment)
    sending = (keystore, password_file, account)
    _conclude(registry, first, "removeOperator", (leaving,), sending, calldata=calldata, as_json=as_json)


@committee.command()
@click.argument("number", type=click.IntRange(min=1, max=32), metavar="N")
@_owner_options
def threshold(
    number: int,
    rpc: str,
    keystore: Path | None,
    password_file: Path | None,
    account: str | None,
    deployment: Path | None,
    calldata: bool,
    as_json: bool,
) -> None:
    """Let N operators have to sign: a higher number at once, a lower one is announced (`apply-threshold`)."""
    registry, first = _opened(rpc, deployment)
    now = registry.threshold()
    if number == now:
        raise InputError(f"{now} must sign already", where="N", remedy="see `filing-gate committee show`")
    change = "raiseThreshold" if number > now else "announceThreshold"
    sending = (keystore, password_file, account)
    _conclude(registry, first, change, (number,), sending, calldata=calldata, as_json=as_json)


def _plain_command(name: str, change: str, text: str) -> click.Command:
    """A command without arguments."""

    @committee.command(name, help=text)
    @_owner_options
    def command(
        rpc: str,
        keystore: Path | None,
        password_file: Path | None,
        account: str | None,
        deployment: Path | None,
        calldata: bool,
        as_json: bool,
    ) -> None:
        registry, first = _opened(rpc, deployment)
        sending = (keystore, password_file, account)
        _conclude(registry, first, change, (), sending, calldata=calldata, as_json=as_json)

    return command


_plain_command("apply-threshold", "applyThreshold", "Put the lower threshold into effect that was announced.")
_plain_command("cancel-threshold", "cancelThreshold", "Call the announced lower threshold off.")
