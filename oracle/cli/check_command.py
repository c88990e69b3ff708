"""`filing-gate check`: looks at everything a node needs, before and after any change, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.cli.options import config_option, url_without_secret
from oracle.cli.output import emit, json_option, printable, table
from oracle.errors import UnreachableError

if TYPE_CHECKING:
    from oracle.node.config import NodeConfig
    from oracle.node.preflight import Checked

__all__ = ["check"]


def _peers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(url_without_secret(value, "--peer", "leave it out") for value in values)


@click.command()
@config_option
@click.option("--peer", "peers", multiple=True, callback=_peers, metavar="URL", help="Another operator's node to ask.")
@click.option(
    "--suspensions",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="How many suspensions the relay's account must be able to pay for.",
)
@json_option
@click.pass_context
def check(ctx: click.Context, config: Path, peers: tuple[str, ...], suspensions: int, as_json: bool) -> None:
    """Look at everything the node of FILE needs; nothing is changed.

    Exits 0 if nothing failed (warnings are allowed), 1 if something did, 2 if the configuration can't be used, 3 if all
    that failed is that somebody did not answer.
    """
    from oracle.node.config import load_config
    from oracle.node.preflight import Result, preflight

    settings = load_config(config)
    rows = [*preflight(settings, config, suspensions=suspensions), *(_peer(url, settings) for url in peers)]
    failed = [row for row in rows if row.result is Result.FAIL]
    warned = [row for row in rows if row.result is Result.WARN]
    lines = []
    heads = table([[row.check, row.result.value, printable(row.found)] for row in rows])
    for row, line in zip(rows, heads, strict=True):
        lines += [line, *([f"    remedy: {row.remedy}"] if row.remedy else [])]
    content = {
        "ok": not failed,
        "failed": len(failed),
        "warnings": len(warned),
        "checks": [row.as_json() for row in rows],
    }
    emit(as_json, content, [*lines, f"{len(rows)} checks: {len(failed)} failed, {len(warned)} warnings"])
    if failed:
        ctx.exit(3 if all(row.unreachable for row in failed) else 1)


def _peer(url: str, settings: NodeConfig) -> Checked:
    """Whether another operator's node is there, for the same registry, deciding by the same rules."""
    from oracle.collector.node_client import NodeClient
    from oracle.node.preflight import Checked, Result
    from oracle.rules.table import ruleset_hash

    name = f"peer {url}"
    try:
        reply = NodeClient(url, timeout=10).get("/v1/operator")
    except UnreachableError as error:
        return Checked(name, Result.FAIL, error.what, error.remedy or "ask its operator", unreachable=True)
    own = {
        "chainId": settings.chain.id,
        "registry": settings.chain.registry,
        "rulesetHash": "0x" + ruleset_hash(settings.policy).hex(),
    }
    if reply.status != 200:
        return Checked(name, Result.FAIL, f"answers HTTP {reply.status}", "check the address")
    for key, value in own.items():
        if reply.content.get(key) != value:
            found = f"its {key} is {str(reply.content.get(key))[:100]}, this node's is {value}"
            return Checked(name, Result.FAIL, found, "all operators of a committee share registry and policy")
    return Checked(name, Result.OK, f"{str(reply.content.get('operator'))[:60]}, same registry, same rules")
