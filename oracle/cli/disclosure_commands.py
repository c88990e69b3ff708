"""`filing-gate dossier seal | show-part | check-part | person-hash`: one part of a dossier shown, the rest kept."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from pathlib import Path

import click

from oracle.cli.options import read_bytes, read_dossier
from oracle.cli.output import emit, json_option
from oracle.errors import InputError

__all__ = ["check_part", "person_hash", "seal", "show_part"]

_seed_option = click.option(
    "--seed",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The secret from which all salts come; keep it as long as the dossier.",
)


def _hex32(text: str, where: str) -> bytes:
    digits = text.strip().removeprefix("0x")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        data = b""
    if len(data) != 32:
        raise InputError("not 32 bytes", where=where, remedy="give 0x and 64 hexadecimal digits")
    return data


def _seed(path: Path) -> bytes:
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise InputError("no such seed", where=str(path), remedy="make one with `filing-gate dossier seal`") from None
    except (OSError, UnicodeDecodeError):
        raise InputError("the seed can't be read", where=str(path), remedy="check path and permissions") from None
    return _hex32(text, str(path))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _asked(prompt: str, *, hidden: bool) -> str:
    """A line typed at the terminal, or the next of a pipe."""
    if sys.stdin.isatty():
        answer: str = click.prompt(prompt, hide_input=hidden, err=True)
        return answer
    return sys.stdin.readline().rstrip("\r\n")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_seed_option
@json_option
@click.pass_context
def seal(ctx: click.Context, file: Path, seed: Path, as_json: bool) -> None:
    """Print the evidenceRoot of FILE, or check the one it states. Makes the seed if there is none.

    Exits 1 if FILE states no root or another one.
    """
    from oracle.evidence.dossier_tree import dossier_tree

    dossier = read_dossier(file)
    if not seed.exists():
        with open(seed, "x", encoding="ascii", opener=_private) as out:
            out.write("0x" + secrets.token_hex(32) + "\n")
    tree = dossier_tree(dossier, _seed(seed))
    fault = tree.fault(dossier)
    content = {
        "file": str(file),
        "evidenceRoot": tree.root(),
        "stated": dossier.evidence_root,
        "parts": len(tree.parts),
    }
    lines = [f'evidenceRoot = "{tree.root()}"', f"over {len(tree.parts)} parts; {fault or 'the dossier states it'}"]
    emit(as_json, content, lines)
    if fault:
        ctx.exit(1)


@click.command("show-part")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("name")
@_seed_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write it to a file.")
@json_option
def show_part(file: Path, name: str, seed: Path, out: Path | None, as_json: bool) -> None:
    """Print the proof of one part, e.g. evidence:report-1 or block:issuePlan, to give away with its document."""
    from oracle.evidence.dossier_tree import dossier_tree

    dossier = read_dossier(file)
    tree = dossier_tree(dossier, _seed(seed))
    fault = tree.fault(dossier)
    if fault:
        raise InputError(fault, where=str(file), remedy="run `filing-gate dossier seal` and enter the root")
    part = tree.show(name)
    content = part.model_dump(mode="json", by_alias=True)
    if out is not None:
        out.write_text(part.model_dump_json(by_alias=True), encoding="utf-8")
    lines = [f"{key:7} {value}" for key, value in content.items() if key != "proof"]
    emit(as_json, content, [*lines, *(f"proof   {item}" for item in part.proof)])


@click.command("check-part")
@click.argument("part", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--root", required=True, metavar="HASH", help="The evidenceRoot of the dossier.")
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The document that was shown."
)
@json_option
@click.pass_context
def check_part(ctx: click.Context, part: Path, root: str, file: Path | None, as_json: bool) -> None:
    """Whether PART (from show-part --out) is under the root, and FILE is its document. Exits 1 if not."""
    from pydantic import ValidationError

    from oracle.evidence.dossier_tree import ShownPart

    try:
        shown = ShownPart.model_validate_json(read_bytes(part))
    except ValidationError:
        raise InputError("not a shown part", where=str(part), remedy="use what `show-part --out` wrote") from None
    faults = []
    if not shown.holds() or _hex32(shown.root, str(part)) != _hex32(root, "--root"):
        faults.append("the proof does not lead to this root")
    if file is not None:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest != shown.sha256:
            faults.append(f"{file} has SHA-256 {digest}, the part {shown.sha256}")
    emit(as_json, {"name": shown.name, "good": not faults, "faults": faults}, faults or [f"{shown.name}: good"])
    if faults:
        ctx.exit(1)


@click.command("person-hash")
@click.option("--salt", metavar="HEX", help="The salt of an earlier hash, to compute it again; else a new one.")
@json_option
def person_hash(salt: str | None, as_json: bool) -> None:
    """Ask for a person's name and identity number, and print personHash and its salt. Neither is stored or echoed."""
    from oracle.domain.person import SALT_BYTES
    from oracle.domain.person import person_hash as hashed

    name = _asked("Name", hidden=False)
    number = _asked("Number of the identity document", hidden=True)
    own = _hex32(salt, "--salt") if salt is not None else secrets.token_bytes(SALT_BYTES)
    value = "0x" + hashed(name, number, own).hex()
    content = {"personHash": value, "salt": "0x" + own.hex()}
    emit(as_json, content, [f"personHash  {value}", f"salt        {content['salt']}   keep it off the dossier"])
