"""The operator's key as the configuration names it, opened; and the relay's."""

from __future__ import annotations

import getpass
import sys

from oracle.errors import InputError
from oracle.node.config import (
    KeystoreConfig,
    KeystoreKeyConfig,
    KmsKeyConfig,
    NodeConfig,
    Pkcs11KeyConfig,
    read_secret,
)
from oracle.signing.aws_kms import KmsSigner
from oracle.signing.keys import KeySigner, Signer, load_keystore, stated_address
from oracle.signing.pkcs11_key import Pkcs11Signer
from oracle.signing.web3signer import Web3SignerSigner

__all__ = ["expected_address", "open_keystore", "open_signer"]


def open_signer(config: NodeConfig) -> Signer:
    """The operator's signer. InputError for what the file or the key's place must mend; UnreachableError if the device
    or service that holds the key does not answer."""
    signer = _opened(config)
    expected = config.key.address
    if expected is not None and signer.address != expected:
        raise InputError(
            f"the key is {signer.address}, not {expected}", where="key.address", remedy="correct the address or the key"
        )
    return signer


def _opened(config: NodeConfig) -> Signer:
    key = config.key
    if isinstance(key, KeystoreKeyConfig):
        return open_keystore(config, "key", key)
    if isinstance(key, Pkcs11KeyConfig):
        pin_file = config.path(key.pin_file) if key.pin_file else None
        name = "key.pin_env" if key.pin_env else "key.pin_file"
        return Pkcs11Signer(
            config.path(key.module),
            key.token,
            label=key.key_label,
            key_id=bytes.fromhex(key.key_id) if key.key_id else None,
            pin=lambda: read_secret(name, env=key.pin_env, file=pin_file),
        )
    if isinstance(key, KmsKeyConfig):
        return KmsSigner(key.key_id, region=key.region, endpoint=key.endpoint)
    return Web3SignerSigner(key.url, key.address)


def open_keystore(config: NodeConfig, section: str, key: KeystoreConfig) -> KeySigner:
    """The key of a keystore that the file names under `section`, with the password from where it says."""
    path = config.path(key.keystore)
    if key.password_prompt:
        if not sys.stdin.isatty():
            raise InputError(
                "no terminal to ask for the password at",
                where=f"{section}.password_prompt",
                remedy="start it at a terminal, or name password_env or password_file",
            )
        return load_keystore(path, getpass.getpass(f"Password of {path}: "))
    password = read_secret(
        f"{section}.password_env" if key.password_env else f"{section}.password_file",
        env=key.password_env,
        file=config.path(key.password_file) if key.password_file else None,
    )
    return load_keystore(path, password)


def expected_address(config: NodeConfig) -> str | None:
    """Who would sign, as far as the files say without opening the key."""
    key = config.key
    if key.address is None and isinstance(key, KeystoreKeyConfig):
        return stated_address(config.path(key.keystore))
    return key.address
