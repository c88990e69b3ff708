"""`filing-gate manual enter | confirm | sign`: one person enters what the regulator published, another confirms it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from oracle.errors import InputError, RefusedError

if TYPE_CHECKING:
    from oracle.node.config import ManualSourceConfig, NodeConfig
    from oracle.signing.keys import KeySigner
    from oracle.sources.manual_statement import ManualFile, ManualStatement, SignedAct

__all__ = ["manual"]

_PASSWORD_ENV = "FILING_GATE_PASSWORD"  # noqa: S105
_FILE = click.Path(path_type=Path, dir_okay=False)

_config = click.option("--config", required=True, type=_FILE, metavar="FILE", help="The node's configuration.")
_source = click.option("--source", "source_name", metavar="NAME", help="The manual source, if there are several.")
_keystore = click.option("--keystore", required=True, type=_FILE, metavar="FILE", help="Your own keystore v3 file.")
_password = click.option(
    "--password-file", type=_FILE, metavar="FILE", help=f"Its password; else ${_PASSWORD_ENV}, else asked."
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of text.")


@click.group()
def manual() -> None:
    """Enter and confirm by hand what the regulator published. It counts only when two persons have signed it."""


@manual.command()
@_config
@_source
@_keystore
@_password
@click.option("--number", required=True, help="The filing number as published, e.g. 国合函〔2026〕886号.")
@click.option("--entity", required=True, help="The filing entity's Chinese name as published.")
@click.option("--status", required=True, help="FILED, RECEIVED, SUPPLEMENT, CONSULTING, REFUSED, WITHDRAWN, REVOKED, …")
@click.option("--uscc", help="The entity's unified social credit code.")
@click.option("--decided", metavar="DAY", help="Day of the decision, e.g. 2026-11-20; needed for FILED.")
@click.option("--units", help="Units published, a whole number.")
@click.option("--amount", help="Amount published, a decimal number; with --ccy.")
@click.option("--ccy", help="Its currency, e.g. CNY.")
@click.option("--valid-until", metavar="DAY", help="End of validity, if published.")
@click.option("--url", help="Where it was seen.")
@click.option("--evidence", type=_FILE, metavar="FILE", help="A copy of what was seen; goes to the evidence store.")
@_json
def enter(
    config: Path,
    source_name: str | None,
    keystore: Path,
    password_file: Path | None,
    number: str,
    entity: str,
    status: str,
    uscc: str | None,
    decided: str | None,
    units: str | None,
    amount: str | None,
    ccy: str | None,
    valid_until: str | None,
    url: str | None,
    evidence: Path | None,
    as_json: bool,
) -> None:
    """Write a statement of what you saw just now, signed by you."""
    from oracle.sources.manual import write_statement
    from oracle.sources.manual_statement import ManualFile, stated_by
    from oracle.store.evidence_place import open_evidence

    settings, source = _manual_source(config, source_name)
    signer = _signer(keystore, password_file, source)
    now = _now()
    copy = None
    if evidence is not None:
        store = open_evidence(settings.store.evidence, base=settings.base)
        copy = store.put(_read(evidence))
    given: dict[str, object] = {
        "source": source.name,
        "seenAt": now,
        "number": number,
        "entityName": entity,
        "status": status.upper(),
        "uscc": uscc,
        "decisionDate": decided,
        "units": units,
        "amount": {"amount": amount, "ccy": ccy} if amount is not None or ccy is not None else None,
        "validUntil": valid_until,
        "url": url,
        "evidence": copy,
    }
    statement = _statement({key: value for key, value in given.items() if value is not None})
    stated_by(statement, name="command line")
    file = ManualFile(statement=statement, entered=_signed(statement, "enter", now, signer))
    path = write_statement(settings.path(source.folder), file)
    _say(as_json, path, file, "it waits for another person: `filing-gate manual confirm`")


@manual.command()
@_config
@_source
@_keystore
@_password
@click.argument("file", type=_FILE)
@_json
def confirm(
    config: Path,
    source_name: str | None,
    keystore: Path,
    password_file: Path | None,
    file: Path,
    as_json: bool,
) -> None:
    """Sign FILE as the second person, after you have seen the same yourself."""
    from oracle.signing.recovery import recover
    from oracle.sources.manual import confirm_statement
    from oracle.sources.manual_statement import parse_statement

    settings, source = _manual_source(config, source_name)
    signer = _signer(keystore, password_file, source)
    entered = parse_statement(_read(file), name=file.name)
    act = _signed(entered.statement, "confirm", _now(), signer)
    folder = settings.path(source.folder)
    path = confirm_statement(file, act, source, recover, datetime.now(UTC), folder=folder)
    _say(as_json, path, entered.model_copy(update={"confirmed": act}), "the node counts it from now on")


@manual.command()
@_keystore
@_password
@click.option("--json", "as_json", is_flag=True, help="Errors as JSON too; the signature is one document in any case.")
@click.argument("file", type=_FILE)
def sign(keystore: Path, password_file: Path | None, as_json: bool, file: Path) -> None:
    """Print your signature as the second person over FILE, to be handed in at the node's page for observations.

    Needs no configuration: FILE is the statement as the page gives it. Look at what was published yourself first.
    """
    del as_json  # read where errors are printed
    from oracle.sources.manual_statement import parse_statement
    from oracle.sources.parse_error import ParseError

    try:
        entered = parse_statement(_read(file), name=file.name)
    except ParseError as error:
        raise InputError(
            str(error.what), where=str(file), remedy="download the statement from the node's page again"
        ) from None
    signer = _key(keystore, password_file)
    click.echo(_signed(entered.statement, "confirm", _now(), signer).model_dump_json(by_alias=True))


def _manual_source(config: Path, name: str | None) -> tuple[NodeConfig, ManualSourceConfig]:
    from oracle.node.config import ManualSourceConfig, load_config

    settings = load_config(config)
    found = [item for item in settings.sources if isinstance(item, ManualSourceConfig) and name in (None, item.name)]
    if len(found) != 1:
        raise InputError(
            f"the configuration has {len(found)} manual sources" + (f" named {name}" if name else ""),
            where=str(config),
            remedy='give --source, or add [[sources]] with type = "manual"',
        )
    return settings, found[0]


def _key(keystore: Path, password_file: Path | None) -> KeySigner:
    from oracle.node.config import read_secret
    from oracle.signing.keys import load_keystore

    if password_file is not None:
        password = read_secret("--password-file", file=password_file)
    elif _PASSWORD_ENV in os.environ:
        password = os.environ[_PASSWORD_ENV]
    else:
        password = click.prompt("Keystore password", hide_input=True, err=True)
    return load_keystore(keystore, password)


def _signer(keystore: Path, password_file: Path | None, source: ManualSourceConfig) -> KeySigner:
    from oracle.sources.manual_statement import person_of

    signer = _key(keystore, password_file)
    if person_of(signer.address, source.persons) is None:
        raise RefusedError(
            f"{signer.address} is not listed among the source's persons",
            where=f"sources.{source.name}.persons",
            remedy="use your own keystore, or have the address listed",
        )
    return signer


def _read(path: Path) -> bytes:
    from oracle.sources.document import read_file

    return read_file(path, 50_000_000, name=path.name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _statement(given: dict[str, object]) -> ManualStatement:
    from pydantic import ValidationError

    from oracle.domain.dossier import problems_of
    from oracle.sources.manual_statement import ManualStatement

    try:
        return ManualStatement.model_validate_json(json.dumps(given, ensure_ascii=False))
    except ValidationError as error:
        rows = problems_of(error)
        shown = "; ".join(f"{row['field']}: {row['problem']}" for row in rows[:5])
        raise InputError(shown, where="command line", remedy="correct the option", details=rows) from None


def _signed(statement: ManualStatement, act: Literal["enter", "confirm"], at: str, signer: KeySigner) -> SignedAct:
    from oracle.signing.content import sign_text
    from oracle.sources.manual_statement import SignedAct, act_text

    signature = "0x" + sign_text(signer, act_text(statement, act, at)).hex()
    return SignedAct(by=signer.address, at=at, signature=signature)


def _say(as_json: bool, path: Path, file: ManualFile, next_step: str) -> None:
    statement = file.statement
    if as_json:
        content = file.model_dump(mode="json", by_alias=True, exclude_none=True)
        click.echo(json.dumps({"file": str(path), **content}, ensure_ascii=False, indent=2))
        return
    shown = f"{statement.number} {statement.entity_name} {statement.status.value}"
    for line in (f"statement  {shown}", f"file       {path}", f"next       {next_step}"):
        click.echo("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line))
