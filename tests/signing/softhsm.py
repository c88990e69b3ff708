"""SoftHSM 2 with tokens in a folder of the test's. It is a package of the system: `make test` installs it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pkcs11
from pkcs11 import Attribute, KeyType

__all__ = ["PIN", "away", "module", "new_key", "new_token"]

PIN = "654321"
SECP256K1 = bytes.fromhex("06052b8104000a")
P256 = bytes.fromhex("06082a8648ce3d030107")


@functools.cache
def _folder() -> Path:
    """One folder a process: the module reads its configuration once."""
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    settings = f"directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n"
    (folder / "softhsm2.conf").write_text(settings, encoding="utf-8")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    return folder


def module() -> Path:
    """The library. Fails where SoftHSM is not installed."""
    if shutil.which("softhsm2-util") is None:
        raise RuntimeError("SoftHSM 2 is not installed: run `scripts/bootstrap.sh hsm`")
    _folder()
    for place in ("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib64/softhsm", "/usr/local/lib"):
        found = Path(place) / "libsofthsm2.so"
        if found.exists():
            return found
    raise RuntimeError("libsofthsm2.so is not where it usually is")


def new_token(label: str) -> Path:
    """A token with the PIN above; returns its folder, which is the token."""
    library, before = module(), set(_folder().iterdir())
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    pkcs11.lib(str(library)).reinitialize()
    (made,) = (path for path in set(_folder().iterdir()) - before if path.is_dir())
    return made


def new_key(token: str, label: str, key_id: bytes, curve: bytes = SECP256K1) -> None:
    """A key pair on a token."""
    with pkcs11.lib(str(module())).get_token(token_label=token).open(user_pin=PIN, rw=True) as session:
        parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
        parameters.generate_keypair(store=True, label=label, id=key_id)


def away(token: Path) -> Path:
    """Pull a token out; returns where it is now, to be renamed back."""
    return token.rename(Path(tempfile.mkdtemp(prefix="softhsm-away-")) / token.name)
