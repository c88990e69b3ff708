"""`filing-gate verify-code`."""

from __future__ import annotations

from pathlib import Path

import click

from oracle.cli.options import address, deployment_of, deployment_option, rpc_option
from oracle.cli.output import emit, json_option, progress, table
from oracle.errors import InputError

__all__ = ["verify_code"]


@click.command()
@rpc_option
@deployment_option
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME=ADDRESS",
    help="An adapter to check too, such as GatedMinter=0x…; give it once for each.",
)
@click.option("--artifacts", is_flag=True, help="Compare with the artifacts that ship with the package; build nothing.")
@click.option("--fresh", is_flag=True, help="Compile even what build/solc-cache has (a minute or so).")
@click.option(
    "--standard-json",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the compiler input that block explorers and Sourcify take, one file a contract.",
)
@json_option
@click.pass_context
def verify_code(
    ctx: click.Context,
    rpc: str,
    deployment: Path | None,
    adapters: tuple[str, ...],
    artifacts: bool,
    fresh: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Build the contracts from this checkout's sources and compare them with the code on the chain.

    The places of immutables are compared with the deployment's values. Exits 1 unless every contract matches; a
    difference in the metadata's hash alone (comments, names of files) is told and passes.
    """
    from oracle.audit.code_check import check_code
    from oracle.audit.source_build import build_from_source, built_from_artifacts, standard_json
    from oracle.chain.rpc import connect

    if artifacts and (fresh or folder is not None):
        raise InputError(
            "--artifacts builds nothing", where="command line", remedy="leave out --fresh and --standard-json"
        )
    named = dict(_adapter(text) for text in adapters)
    w3 = connect(rpc)
    deployed = deployment_of(deployment, w3)
    if not artifacts:
        progress("building the contracts from source")
    built = built_from_artifacts() if artifacts else build_from_source(fresh=fresh)
    reports = check_code(w3, deployed, built, named)
    written = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for contract in sorted({report.contract for report in reports}):
            path = folder / f"{contract}.json"
            path.write_text(standard_json(contract), encoding="utf-8")
            written.append(str(path))
    rows = [[report.result, report.name, report.contract, report.address, report.detail] for report in reports]
    lines = table([["result", "name", "contract", "address", ""], *rows])
    lines += [f"written: {path}" for path in written]
    bad = [report for report in reports if not report.good]
    lines.append(f"{len(bad)} of {len(reports)} contracts differ" if bad else f"all {len(reports)} contracts match")
    content = {
        "schema": "code-report/v1",
        "chainId": deployed.chain_id,
        "comparedWith": "artifacts" if artifacts else "source",
        "ok": not bad,
        "contracts": [report.as_json() for report in reports],
        "written": written,
    }
    emit(as_json, content, lines)
    if bad:
        ctx.exit(1)


def _adapter(text: str) -> tuple[str, str]:
    name, _, at = text.partition("=")
    if not name or not at:
        raise InputError(f"{text[:80]!r} is no adapter", where="--adapter", remedy="write NAME=ADDRESS")
    return address(at, "--adapter"), name
