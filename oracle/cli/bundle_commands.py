"""`filing-gate bundle` and `filing-gate verify`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from oracle.cli.options import address, deployment_of, deployment_option, rpc_callback, rpc_option
from oracle.cli.output import emit, json_option, printable, table
from oracle.cli.witness_options import evidence_options, logs_of, roots_option, terms_of, witnesses_of
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.audit.bundle_check import BundleReport

__all__ = ["bundle", "verify"]


def _filing(text: str) -> str:
    from oracle.domain.names import filing_id

    if re.fullmatch("0x[0-9a-fA-F]{64}", text):
        return text.lower()
    if text.startswith("0x"):
        raise InputError("neither a filing's number nor 0x and 64 hex digits", where="FILING", remedy="copy it again")
    return "0x" + filing_id(text).hex()


@click.command()
@click.argument("filing")
@click.option("--sequence", type=click.IntRange(1), metavar="N", help="Which change; default: the newest.")
@rpc_option
@deployment_option
@evidence_options
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the bundle (a ZIP file).",
)
@json_option
@click.pass_context
def bundle(
    ctx: click.Context,
    filing: str,
    sequence: int | None,
    rpc: str,
    deployment: Path | None,
    places: tuple[str, ...],
    logs: tuple[str, ...],
    node_keys: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Pack all that shows why an approval or update of FILING (its number or id) was signed into one file.

    Anybody checks it with `filing-gate verify`, without network. Give --evidence once for each operator. Exits 1 if a
    check of what was packed fails.
    """
    from oracle.audit.bundle import make_bundle
    from oracle.audit.bundle_check import verify_bundle
    from oracle.audit.chain_reader import ChainReader
    from oracle.audit.chain_statement import read_statement
    from oracle.chain.rpc import connect

    wanted = _filing(filing)
    if not out.parent.is_dir():
        raise InputError("no such folder", where=f"--out {out}", remedy="make it first")
    witnesses = witnesses_of(places, node_keys)
    w3 = connect(rpc)
    known = deployment_of(deployment, w3)
    reader = ChainReader(w3, known.registry)
    stated = read_statement(reader, known.registry, known.block, wanted, sequence)
    made = make_bundle(stated, witnesses, logs_of(logs, places))
    reader.require_unmoved()
    try:
        out.write_bytes(made)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(out), remedy="choose another file") from None
    report = verify_bundle(made)
    content = {
        "bundle": str(out),
        "bytes": len(made),
        "subject": report.as_json()["subject"],
        "holds": report.holds,
        "failed": [item.as_json() for item in report.failed],
        "notIncluded": [item.as_json() for item in report.absent],
    }
    emit(as_json, content, [f"written {out}, {len(made)} bytes", *_lines(report)])
    if not report.holds:
        ctx.exit(1)


@click.command()
@click.argument("file", metavar="BUNDLE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="ADDRESS",
    help="An operator that you know of; once for each. Every signer must be one of them.",
)
@roots_option
@click.option(
    "--rpc",
    callback=rpc_callback,
    metavar="URL",
    help="Ask this Ethereum node whether the chain has what the bundle states. Without it nothing is asked.",
)
@click.option("--complete", is_flag=True, help="Exit 1 also where something is not included.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    file: Path,
    operators: tuple[str, ...],
    roots: Path | None,
    rpc: str | None,
    complete: bool,
    as_json: bool,
) -> None:
    """Check BUNDLE by itself. Exits 0 if no check fails, 1 if one does, 2 if it is no bundle."""
    from oracle.audit.bundle_check import verify_bundle
    from oracle.audit.bundle_file import MAX_BUNDLE_BYTES, BundleManifest, read_document, unpack
    from oracle.audit.chain_reader import ChainReader
    from oracle.chain.rpc import connect

    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file), remedy="check the path") from None
    known = [address(item, "--operator") for item in operators]
    terms, chain = terms_of(roots), None
    try:
        if rpc is not None:
            manifest: BundleManifest = read_document(unpack(data)["bundle.json"], BundleManifest, "bundle.json")
            chain = ChainReader(connect(rpc), manifest.subject.registry)
        report = verify_bundle(data, operators=known, terms=terms, chain=chain)
    except InputError as error:
        # What is wrong within the bundle is told with the name of the file that was given.
        within = f"{file}: {error.where}".removesuffix(": bundle")
        raise InputError(error.what, where=within, remedy=error.remedy, details=error.details) from None
    emit(as_json, report.as_json(), _lines(report))
    if not report.holds or (complete and report.absent):
        ctx.exit(1)


def _lines(report: BundleReport) -> list[str]:
    subject = report.subject
    lines = [
        f"{subject.kind} {subject.sequence} of filing {subject.filing}",
        f"registry {subject.registry} on chain {subject.chain_id}, block {subject.block}, transaction "
        f"{subject.transaction}",
    ]
    counts = Counter((item.id, item.result) for item in report.checks)
    results: tuple[Literal["holds", "fails", "not included"], ...] = ("holds", "fails", "not included")
    names = list(dict.fromkeys(item.id for item in report.checks))
    rows = [[name, *(str(counts[name, result] or "") for result in results)] for name in names]
    lines += table([["check", *results], *rows], indent="  ")
    lines += [f"FAILS {item.id} {printable(item.subject)}: {printable(item.reason)}" for item in report.failed]
    lines += [f"not included {item.id} {printable(item.subject)}: {printable(item.reason)}" for item in report.absent]
    verdict = f"{len(report.failed)} checks fail" if report.failed else "no check fails"
    return [*lines, verdict + (f"; {len(report.absent)} have nothing to go by" if report.absent else "")]
