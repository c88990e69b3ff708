"""`filing-gate key new | show | confirm-restore`: a keystore, a trial signature, what a restored node may sign."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from oracle.cli.options import PASSWORD_ENV, asked_password, config_option
from oracle.cli.output import emit, json_option
from oracle.errors import InputError

__all__ = ["key"]


@click.group()
def key() -> None:
    """Keys: make one, try the operator's, sign again after a restore."""


@key.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--light-kdf", is_flag=True, help="Cheap key derivation, for tests only.")
@json_option
def new(file: Path, light_kdf: bool, as_json: bool) -> None:
    """Make a key in the new keystore FILE, e.g. for a relay or a declarant; `operator init` makes an operator's.

    Its password is read from $FILING_GATE_PASSWORD or asked for; it is never written down.
    """
    from oracle.signing.keys import new_keystore

    if file.exists():
        raise InputError("the file is there already", where=str(file), remedy="choose another name")
    password = os.environ.get(PASSWORD_ENV) or asked_password("New keystore password", twice=True)
    made = new_keystore(file, password, light=light_kdf)
    emit(as_json, {"address": made.address, "keystore": str(file)}, [f"address   {made.address}", f"keystore  {file}"])


@key.command()
@config_option
@json_option
def show(config: Path, as_json: bool) -> None:
    """Open the configured key, sign a text that approves nothing, and recover. Exits 3 if its place does not answer."""
    from oracle.node.config import load_config
    from oracle.node.key import open_signer
    from oracle.signing.content import TRIAL_TEXT, try_signer

    settings = load_config(config)
    signer = open_signer(settings)
    trial = try_signer(signer)
    milliseconds = round(trial.seconds * 1000, 1)
    content = {
        "address": signer.address,
        "type": settings.key.type,
        "text": TRIAL_TEXT,
        "signature": "0x" + trial.signature.hex(),
        "milliseconds": milliseconds,
    }
    emit(
        as_json,
        content,
        [
            f"address    {signer.address}",
            f"type       {settings.key.type}",
            f"signature  0x{trial.signature.hex()}",
            f"           over {TRIAL_TEXT!r}, recovered to the address, in {milliseconds} ms",
        ],
    )


@key.command("confirm-restore")
@config_option
@click.option(
    "--nothing-signed-since-the-backup",
    "vouched",
    is_flag=True,
    help="What you vouch for: between backup and restore this operator signed nothing.",
)
@json_option
def confirm_restore(config: Path, vouched: bool, as_json: bool) -> None:
    """Let a restored node sign again before one window has passed."""
    from oracle.node.config import load_config
    from oracle.store.database import Database
    from oracle.store.signing_guard import SigningGuard

    settings = load_config(config)
    if not vouched:
        raise InputError(
            "a restored node may have signed what its backup does not know",
            where="--nothing-signed-since-the-backup",
            remedy="give it if you know that nothing was signed, else wait until one window has passed",
        )
    database = Database(settings.database_url())
    try:
        guard = SigningGuard(database.engine)
        restored, left = guard.confirm_restore(), guard.restored_at()
    finally:
        database.close()
    if restored is None:
        emit(as_json, {"confirmed": None}, ["the database was not restored, or that is confirmed already"])
        return
    shown = datetime.fromtimestamp(restored, UTC).isoformat()
    then = "the node signs again" if left is None else "an earlier restore is not: confirm that too, or wait"
    emit(as_json, {"confirmed": restored, "left": left}, [f"the restore of {shown} is confirmed; {then}"])
