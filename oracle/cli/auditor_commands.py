"""`filing-gate audit`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.options import deployment_of, deployment_option, rpcs_option
from oracle.cli.output import emit, json_option, json_text, progress, table
from oracle.cli.witness_options import checkpoints_of, evidence_options, logs_of, witnesses_of
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.chain_audit import Progress

__all__ = ["audit"]


@contextmanager
def replaying() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on stderr while blocks are replayed, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=1, label="blocks", file=sys.stderr, show_pos=False) as bar:

        def advance(far: Progress) -> None:
            bar.length = max(1, far.last - far.first + 1)
            bar.label = f"block {far.block - 1}, {far.events} events"
            bar.update(far.block - far.first - bar.pos)

        yield advance


def _writer(
    reports: Sequence[Path], sign_key: Path | None, deployment: Path | None
) -> Callable[[dict[str, Any]], list[Path]]:
    """Writes the reports that are asked for. What can't be written is said before the audit begins."""
    from oracle.audit.statement import load_signing_key

    for path in reports:
        if path.suffix not in (".html", ".json"):
            raise InputError("neither .html nor .json", where=f"--report {path}", remedy="name the file so")
        if not path.parent.is_dir():
            raise InputError("no such folder", where=f"--report {path}", remedy="make it first")
    if sign_key is not None and not any(path.suffix == ".json" for path in reports):
        raise InputError("nothing to sign", where="--sign-key", remedy="add --report FILE.json")
    key = load_signing_key(sign_key) if sign_key is not None else None

    def write(content: dict[str, Any]) -> list[Path]:
        from oracle.audit.report_html import report_html
        from oracle.audit.statement import signed_statement

        file = deployment or Path("deployments") / f"{content['chainId']}.json"
        command = f"filing-gate audit --rpc URL --deployment {file}"
        made: list[tuple[Path, bytes]] = []
        for path in reports:
            if path.suffix == ".html":
                made.append((path, report_html(content, command=command).encode()))
            else:
                data = json_text(content).encode()
                made.append((path, data))
                if key is not None:
                    envelope = json.dumps(signed_statement(data, key), indent=1).encode()
                    made.append((path.with_name(path.name + ".dsse"), envelope))
        for path, data in made:
            try:
                path.write_bytes(data)
            except OSError as error:
                raise InputError(
                    f"cannot be written: {error.strerror}", where=str(path), remedy="choose another file"
                ) from None
        return [path for path, _ in made]

    return write


def _rights(report: dict[str, Any]) -> list[str]:
    """Who owns the registry and who may do what with a token, as the events give it."""
    pending = report["committee"].get("pending", [])
    lines = [f"owner of the registry {report['committee'].get('owner')}; announced changes {len(pending)}"]
    for row in pending:
        lines.append("  " + ", ".join(f"{key} {value}" for key, value in row.items() if value is not None))
    for token in report["tokens"]:
        lines.append(f"roles of {token['token']}")
        lines += table([[role, ", ".join(who)] for role, who in token["roles"].items()], indent="  ")
    calls = len(report["privileged"]) + report["privilegedOmitted"]
    return [*lines, f"privileged calls {calls}: see `privileged` in --json"]


@click.command()
@rpcs_option
@deployment_option
@click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what was replayed in FILE, and go on from there if it exists.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report to FILE: a page (.html) or JSON (.json). Give it once for each.",
)
@click.option(
    "--sign-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Sign the JSON report with this Ed25519 key (PEM): writes FILE.json.dsse beside it.",
)
@evidence_options
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A checkpoint of one of the logs that was seen before: the log must continue it. Once for each.",
)
@json_option
@click.pass_context
def audit(
    ctx: click.Context,
    rpcs: tuple[str, ...],
    deployment: Path | None,
    resume: Path | None,
    reports: tuple[Path, ...],
    sign_key: Path | None,
    places: tuple[str, ...],
    logs: tuple[str, ...],
    node_keys: Path | None,
    checkpoints: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Replay registry and tokens from the chain, recover every signature, recompute totals, compare with the state.

    Trusts no operator: needs only a node of the chain and the deployment file. Give --rpc once for each of several
    nodes, and what they tell is compared. With --evidence, each approval and update is held against the decisions of
    its signers, and those against stored bytes and logs. Exits 1 on any deviation.
    """
    from oracle.audit.chain_audit import audit_chain
    from oracle.chain.rpc import connect

    if (logs or checkpoints) and not places:
        raise InputError("nothing to hold the logs against", where="--log", remedy="give --evidence too")
    write = _writer(reports, sign_key, deployment)
    nodes = [connect(rpc) for rpc in rpcs]
    witnesses, served = witnesses_of(places, node_keys), logs_of(logs, places)
    with replaying() as advanced:
        report = audit_chain(
            nodes,
            deployment_of(deployment, nodes[0]),
            progress,
            resume=resume,
            advanced=advanced,
            witnesses=witnesses,
            logs=served,
            checkpoints=checkpoints_of(checkpoints, served),
        )
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
    lines += _rights(report.as_json())
    lines += [f"written {path}" for path in write(report.as_json())]
    lines.append("clean: no deviation" if report.clean else f"{len(report.findings)} deviations")
    emit(as_json, report.as_json(), lines)
    if not report.clean:
        ctx.exit(1)
