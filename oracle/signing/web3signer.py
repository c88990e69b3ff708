"""A key behind Web3Signer 25.9 or newer, over its JSON-RPC (`web3signer eth1`).

`eth_signTypedData` for what the registry checks: it hashes typed data by EIP-712 (older versions put the prefix of a
personal message before it, and what they sign is refused here). `eth_sign` for texts (EIP-191, version 0x45). It
offers nothing for a bare digest over JSON-RPC, so content is what it is given.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import Any
from urllib.parse import urlsplit

from oracle.domain.canonical import parse_json
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.signing.bounded_post import NoAnswer, bounded_post
from oracle.signing.foreign_signature import registry_form

__all__ = ["Web3SignerSigner"]

_SECONDS = 6.0
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")


class Web3SignerSigner:
    """Implements `ContentSigner`. Thread-safe: each call is a connection of its own."""

    def __init__(self, url: str, address: str, *, where: str = "[key]", seconds: float = _SECONDS) -> None:
        """Ask whether it holds the key of `address` (EIP-55). InputError if not, UnreachableError without an answer."""
        self._url, self._address, self._seconds = url, address, seconds
        parts = urlsplit(url)
        self._where = f"{where} {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._numbers = itertools.count(1)
        accounts = self._call("eth_accounts", [])
        held = [item.lower() for item in accounts if isinstance(item, str)] if isinstance(accounts, list) else None
        if held is None:
            raise UnreachableError("its list of accounts is none", where=self._where, remedy="is this Web3Signer?")
        if address.lower() not in held:
            raise InputError(
                f"it holds {len(held)} keys, and not that of {address}",
                where=self._where,
                remedy="load the key there, or correct `address`",
            )

    def __repr__(self) -> str:
        return f"Web3SignerSigner({self._address})"

    @property
    def address(self) -> str:
        """The EIP-55 address of the key."""
        return self._address

    def sign(self, digest: bytes) -> bytes:
        """Always FilingGateError: its JSON-RPC signs no bare digest. Use `oracle.signing.content`."""
        raise FilingGateError(
            "Web3Signer signs documents and texts, not bare digests", where=self._where, remedy="sign by content"
        )

    def sign_content(self, digest: bytes, content: dict[str, Any] | str) -> bytes:
        """See `ContentSigner.sign_content`."""
        account = self._address.lower()
        if isinstance(content, str):
            answer = self._call("eth_sign", [account, "0x" + content.encode("utf-8").hex()])
        else:
            answer = self._call("eth_signTypedData", [account, json.dumps(content, ensure_ascii=False)])
        if not isinstance(answer, str) or not _SIGNATURE.fullmatch(answer):
            raise UnreachableError("its answer holds no signature", where=self._where, remedy="is this Web3Signer?")
        raw = bytes.fromhex(answer[2:])
        # Its v is found anew by recovery: services disagree on 0 and 1 against 27 and 28.
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
        return registry_form(digest, r, s, self._address, where=self._where)

    def _call(self, method: str, params: list[Any]) -> Any:
        number = next(self._numbers)
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
        try:
            answer = bounded_post(self._url, {"Content-Type": "application/json"}, body, seconds=self._seconds)
            content = parse_json(answer.body, what=self._where)
        except NoAnswer as error:
            raise UnreachableError(
                f"Web3Signer: {error}", where=self._where, remedy="check that it runs and that the address is right"
            ) from None
        except InputError:
            raise UnreachableError(
                f"answered HTTP {answer.status} without JSON", where=self._where, remedy="is this Web3Signer?"
            ) from None
        fault = content.get("error") if isinstance(content, dict) else None
        if isinstance(fault, dict):
            said = "".join(char for char in str(fault.get("message", "")) if char.isprintable())[:200]
            raise UnreachableError(
                f"{method} failed: {said}", where=self._where, remedy="see Web3Signer's log; 25.9 or newer is needed"
            )
        if answer.status != 200 or not isinstance(content, dict) or content.get("id") != number:
            raise UnreachableError(
                f"answered HTTP {answer.status} with something else than JSON-RPC",
                where=self._where,
                remedy="is this Web3Signer?",
            )
        return content.get("result")
