"""Brownie's accounts as senders for the library's calls, and where the Brownie scripts find their files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from brownie import accounts, web3
from web3 import Web3
from web3.types import TxReceipt

from oracle.chain.sender import refuse_early
from oracle.cli.output import printable
from oracle.errors import FilingGateError
from oracle.signing.keys import load_keystore

ROOT = Path(__file__).resolve().parent.parent


class BrownieSender:
    """Implements `oracle.chain.sender.Sender` with a Brownie account, so Brownie's settings and history hold."""

    def __init__(self, account: Any) -> None:
        self._account = account

    @property
    def address(self) -> str:
        """The sending account."""
        return str(self._account.address)

    def send(self, w3: Any, to: str | None, data: bytes, *, purpose: str | None = None) -> TxReceipt:
        """See `Sender.send`. It keeps no book, so `purpose` says nothing to it."""
        # Without Brownie's middleware, which hands a revert on as the node's raw answer.
        gas = refuse_early(Web3(w3.provider), self.address, to, data)
        sent = self._account.transfer(to, 0, data="0x" + data.hex(), gas_limit=gas, silent=True)
        receipt: TxReceipt = w3.eth.get_transaction_receipt(sent.txid)
        return receipt


def sender() -> BrownieSender:
    """The account of $KEYSTORE (password in $FILING_GATE_PASSWORD, else asked), else the network's first account."""
    keystore = os.environ.get("KEYSTORE")
    if not keystore:
        return BrownieSender(accounts[0])
    password = os.environ.get("FILING_GATE_PASSWORD")
    if password is None:
        return BrownieSender(accounts.load(str(ROOT / keystore)))
    return BrownieSender(accounts.add(load_keystore(ROOT / keystore, password).secret))


def told(main: Callable[[], None]) -> Callable[[], None]:
    """A script's main whose errors are one line and an exit code, as the command line's are."""

    @wraps(main)
    def run() -> None:
        try:
            main()
        except FilingGateError as error:
            lines = [printable(line) for line in f"{Path(main.__code__.co_filename).stem}: {error}".split("\n")]
            print("\n".join(lines), file=sys.stderr)
            sys.exit(error.exit_code)

    return run


def connected() -> Any:
    """Brownie's connection, for the library."""
    return web3


def file(variable: str, default: str) -> Path:
    """A path from the environment, else the demo's; relative paths count from the project's root."""
    return ROOT / os.environ.get(variable, default)
