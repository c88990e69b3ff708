"""`filing-gate dossier new | check`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from oracle.cli.disclosure_commands import check_part, person_hash, seal, show_part
from oracle.cli.options import read_bytes, read_dossier
from oracle.cli.output import emit, json_option, table
from oracle.errors import InputError

__all__ = ["dossier", "verdict_lines"]


@click.group()
def dossier() -> None:
    """Write and check a dossier: what the issuer states about one issuance."""


@dossier.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def new(file: Path, as_json: bool) -> None:
    """Write a commented template to FILE (.toml). It never overwrites a file."""
    from oracle.domain.template import template_text, unfilled

    if file.suffix != ".toml":
        raise InputError(
            "the template is TOML, which has comments", where=str(file), remedy="choose a name that ends in .toml"
        )
    text = template_text()
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise InputError("the file exists", where=str(file), remedy="choose another name") from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(file), remedy="check the folder") from None
    count = len(unfilled(text))
    emit(
        as_json,
        {"file": str(file), "toFill": count},
        [f"wrote {file}: fill its {count} marked fields, then run `filing-gate dossier check {file}`"],
    )


@dossier.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the canonical JSON, which nodes take.",
)
@json_option
@click.pass_context
def check(ctx: click.Context, file: Path, out: Path | None, as_json: bool) -> None:
    """Validate FILE, show its hashes, and dry-run every rule without observing anything.

    Exits 1 if a rule fails; rules that need an observation or the chain are INDETERMINATE here and don't count.
    """
    from oracle.domain.names import filing_id
    from oracle.domain.template import unfilled
    from oracle.rules.case import Case
    from oracle.rules.policy import Policy
    from oracle.rules.table import evaluate
    from oracle.rules.verdict import Verdict

    if file.suffix == ".toml":
        marked = unfilled(read_bytes(file).decode("utf-8", errors="replace"))
        if marked:
            rows = [{"line": line, "key": key} for line, key in marked]
            first = ", ".join(f"line {line} {key}" for line, key in marked[:5])
            raise InputError(
                f"{len(marked)} marked fields are not filled: {first}{' …' if len(marked) > 5 else ''}",
                where=str(file),
                remedy="fill them; --json lists all",
                details=rows,
            )
    checked = read_dossier(file)
    verdicts = evaluate(Case(dossier=checked, policy=Policy(), now=int(time.time())))
    hashes = {"dossierHash": "0x" + checked.dossier_hash().hex()}
    if checked.filing.filing_number:
        hashes["filing"] = "0x" + filing_id(checked.filing.filing_number).hex()
    if out is not None:
        out.write_bytes(checked.canonical())
    failed = [finding for finding in verdicts.findings if finding.result is Verdict.FAIL]
    content = {"file": str(file), "valid": True, **hashes, "verdicts": verdicts.as_json()}
    lines = [
        f"{file}: valid",
        *table([[key, value] for key, value in hashes.items()], indent="  "),
        *verdict_lines(verdicts.as_json()),
    ]
    lines.append(
        f"{len(failed)} rules fail" if failed else "no rule fails; INDETERMINATE ones need an observation or the chain"
    )
    emit(as_json, content, lines)
    if failed:
        ctx.exit(1)


def verdict_lines(verdicts: list[dict[str, str]]) -> list[str]:
    """A verdict table as text: rule, result, basis, explanation."""
    return table(
        [
            ["rule", "result", "basis", "explanation"],
            *([row["rule"], row["result"], row["basis"], row["explanation"]] for row in verdicts),
        ],
        indent="  ",
    )


for _command in (seal, show_part, check_part, person_hash):
    dossier.add_command(_command)
