"""`filing-gate audit`."""

from __future__ import annotations

from pathlib import Path

import click

from oracle.cli.options import deployment_of, deployment_option, rpc_option
from oracle.cli.output import emit, json_option, progress, table

__all__ = ["audit"]


@click.command()
@rpc_option
@deployment_option
@json_option
@click.pass_context
def audit(ctx: click.Context, rpc: str, deployment: Path | None, as_json: bool) -> None:
    """Replay registry and tokens from the chain, recover every signature, recompute totals, compare with the state.

    Trusts no operator: needs only a node of the chain and the deployment file. Exits 1 on any deviation.
    """
    from oracle.audit.chain_audit import audit_chain
    from oracle.chain.rpc import connect

    w3 = connect(rpc)
    report = audit_chain(w3, deployment_of(deployment, w3), progress)
    lines = [
        f"registry {report.registry} on chain {report.chain_id}, blocks {report.first_block} to {report.last_block}"
    ]
    lines += table(
        [["check", "times made"], *([name, str(count)] for name, count in sorted(report.checks.items()))], indent="  "
    )
    for finding in report.findings:
        lines.append(f"{finding.severity.upper()} {finding.id}: {finding.as_json()['title']}")
        lines.append(
            f"  subject {finding.subject}"
            + (f", block {finding.block}" if finding.block is not None else "")
            + (f", transaction {finding.transaction}" if finding.transaction else "")
        )
        lines.append(f"  expected {finding.expected}; found {finding.found}")
    lines.append("clean: no deviation" if report.clean else f"{len(report.findings)} deviations")
    emit(as_json, report.as_json(), lines)
    if not report.clean:
        ctx.exit(1)
