"""`filing-gate api-key new | list | revoke`: who may call a node."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.cli.options import config_option
from oracle.cli.output import emit, json_option, printable, table
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.store.api_keys import ApiKey, ApiKeys

__all__ = ["api_key"]

_DAY = 86_400


@click.group("api-key")
def api_key() -> None:
    """Keys for those who call a node: one for each, with the scope it needs."""


def _keys(config: Path) -> ApiKeys:
    from oracle.node.config import load_config
    from oracle.store.api_keys import ApiKeys
    from oracle.store.database import Database

    return ApiKeys(Database(load_config(config).database_url()).engine)


def _day(seconds: int | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


@api_key.command()
@config_option
@click.option("--name", required=True, metavar="TEXT", help="Who gets it; shown in the list.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["issuer", "auditor", "operator"]),
    help="issuer: dossiers, proposals, statements, own reads; auditor: every read; operator: everything. Repeatable.",
)
@click.option(
    "--expires", type=click.IntRange(1, 3660), metavar="DAYS", help="Until when it is good; default: revoked."
)
@json_option
def new(config: Path, name: str, scopes: tuple[str, ...], expires: int | None, as_json: bool) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from oracle.store.api_keys import Scope

    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise InputError("not a name", where="--name", remedy="one line of up to 100 characters")
    now = int(time.time())
    end = now + expires * _DAY if expires else None
    kept, key = _keys(config).new(name, [Scope(item) for item in scopes], now, end)
    lines = [
        key,
        f"id {kept.id}, for {name}: {', '.join(sorted(kept.scopes))}; expires {_day(end)}",
        "Hand it over by a safe way; it is not shown again.",
    ]
    emit(as_json, {**kept.as_json(), "key": key}, lines)


@api_key.command("list")
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """Every key ever made for the node, without its secret."""
    now = int(time.time())
    found = _keys(config).all()
    rows = [
        [key.id, _state(key, now), " ".join(sorted(key.scopes)), f"expires {_day(key.expires_at)}", printable(key.name)]
        for key in found
    ]
    emit(as_json, {"keys": [{**key.as_json(), "good": key.good(now)} for key in found]}, table(rows) or ["no keys"])


def _state(key: ApiKey, now: int) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "good" if key.good(now) else "expired"


@api_key.command()
@click.argument("number", metavar="ID")
@config_option
@json_option
def revoke(number: str, config: Path, as_json: bool) -> None:
    """End the key with this ID at once, at every replica. It can't be undone."""
    done = _keys(config).revoke(number, int(time.time()))
    emit(as_json, {"id": number, "revoked": True, "new": done}, [f"{number} is revoked" + ("" if done else " already")])
