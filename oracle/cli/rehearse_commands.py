"""`filing-gate rehearse`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.cli.options import deployment_of, deployment_option, rpc_callback
from oracle.cli.output import emit, json_option, progress, table
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.rehearsal import Rehearsal

__all__ = ["rehearse"]


@click.command()
@click.option(
    "--rpc",
    callback=rpc_callback,
    envvar="FILING_GATE_RPC",
    show_envvar=True,
    metavar="URL",
    help="HTTP address of an Ethereum node; it is only read.",
)
@deployment_option
@click.option(
    "--block", type=click.IntRange(min=0), metavar="N", help="Copy the chain as of this block; else the newest."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Load this state dump of anvil instead of asking a node.",
)
@json_option
@click.pass_context
def rehearse(
    ctx: click.Context, rpc: str | None, deployment: Path | None, block: int | None, state: Path | None, as_json: bool
) -> None:
    """Copy the chain into a local anvil and try every forbidden thing there, with real transactions.

    The given chain is only ever read. Exits 1 if anything is not refused with exactly the error it must give, or if
    something fails that must work, so that a refusal proves nothing.
    """
    from oracle.audit.rehearsal import forked, restored
    from oracle.audit.rehearsal import rehearse as play
    from oracle.chain.deployment import load_deployment
    from oracle.chain.rpc import connect

    if state is not None:
        if ctx.get_parameter_source("rpc") is click.core.ParameterSource.COMMANDLINE or block is not None:
            raise InputError("a state dump needs no node and no block", where="--state", remedy="leave the others out")
        if deployment is None:
            raise InputError("which deployment is in the dump?", where="--deployment", remedy="name its file")
        deployed = load_deployment(deployment)
        with restored(state, deployed.chain_id) as w3:
            found = play(w3, deployed, progress)
    elif rpc is not None:
        deployed = deployment_of(deployment, connect(rpc))
        with forked(rpc, block) as w3:
            found = play(w3, deployed, progress)
    else:
        raise InputError("no chain is given", where="command line", remedy="give --rpc or --state")
    emit(as_json, found.as_json(), _lines(found))
    if not found.clean:
        ctx.exit(1)


def _lines(found: Rehearsal) -> list[str]:
    lines = [f"registry {found.registry} on a copy of chain {found.chain_id}, block {found.block}"]
    lines += table(
        [
            ["", "id", "expected", "got", "attempt"],
            *(
                ["ok" if row.ok else row.verdict.upper(), row.id, row.expected, row.got, row.attempt]
                for row in found.rows
                if row.id != "CONTROL" or not row.ok
            ),
        ]
    )
    attacks = [row for row in found.rows if row.id != "CONTROL"]
    controls = [row for row in found.rows if row.id == "CONTROL"]
    lines += [f"note: {note}" for note in found.notes]
    failed = [row for row in found.rows if not row.ok]
    lines.append(
        f"{len(attacks)} attempts, {len(controls)} things that must work, {found.seconds:.1f} s: "
        + (f"{len(failed)} not as they must be" if failed else "all as they must be")
    )
    return lines
