"""Whether the code of a deployment is a build's, and whether the values built into it are the deployment's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import Web3

from oracle.audit.source_build import ADAPTERS, BuiltContract
from oracle.chain.deployment import Deployment
from oracle.chain.rpc import chain_faults, raw_call
from oracle.domain.canonical import keccak256
from oracle.errors import InputError

__all__ = ["CodeReport", "check_code"]

#: The trailer that the compiler appends (and a factory carries for what it creates): CBOR of the IPFS hash of the
#: metadata and the compiler's version, with its length. (Solidity documentation, Contract Metadata.)
_METADATA = re.compile(rb"\xa2\x64ipfs\x58\x22\x12\x20.{32}\x64solc\x43.{3}\x00\x33", re.DOTALL)
_MINIMAL_PROXY = re.compile(
    rb"\x36\x3d\x3d\x37\x3d\x3d\x3d\x36\x3d\x73(.{20})\x5a\xf4\x3d\x82\x80\x3e\x90\x3d\x91\x60\x2b", re.DOTALL
)
#: EIP-7702: an account that runs another one's code.
_DELEGATION = b"\xef\x01\x00"
#: EIP-1967: keccak256("eip1967.proxy.implementation") - 1, and of the beacon.
_PROXY_SLOTS = tuple(
    "0x" + (int.from_bytes(keccak256(f"eip1967.proxy.{kind}".encode()), "big") - 1).to_bytes(32, "big").hex()
    for kind in ("implementation", "beacon")
)


@dataclass(frozen=True)
class CodeReport:
    """One contract. `result`: match, metadata-only, mismatch, immutables, no-code or proxy; `detail` says more."""

    name: str
    contract: str
    address: str
    result: str
    detail: str = ""
    #: Of the first byte that differs, for a mismatch.
    offset: int | None = None

    @property
    def good(self) -> bool:
        """Whether the code does what the source says: only names in comments and the like may differ."""
        return self.result in ("match", "metadata-only")

    def as_json(self) -> dict[str, Any]:
        """Keys name, contract, address, result, ok, detail, offset."""
        return {
            "name": self.name,
            "contract": self.contract,
            "address": self.address,
            "result": self.result,
            "ok": self.good,
            "detail": self.detail,
            "offset": self.offset,
        }


def _masked(code: bytes, places: Mapping[str, tuple[tuple[int, int], ...]]) -> bytes:
    made = bytearray(code)
    for of_one in places.values():
        for start, length in of_one:
            made[start : start + length] = bytes(length)
    return bytes(made)


def _without_metadata(code: bytes) -> bytes:
    return _METADATA.sub(lambda found: bytes(len(found.group())), code)


class _Chain:
    """Reads one block of a chain."""

    def __init__(self, w3: Web3) -> None:
        self._w3 = w3
        self._url = str(getattr(w3.provider, "endpoint_uri", ""))
        with chain_faults(self._url):
            self.block = str(raw_call(w3, "eth_blockNumber", []))
            self.number = int(self.block, 16)

    def code(self, address: str) -> bytes:
        with chain_faults(self._url):
            return bytes.fromhex(raw_call(self._w3, "eth_getCode", [address, self.block])[2:])

    def proxied(self, address: str, code: bytes) -> str | None:
        """What an address hands its calls on to, None if it is no proxy of a known kind."""
        if code.startswith(_DELEGATION):
            return "0x" + code[3:23].hex()
        found = _MINIMAL_PROXY.search(code)
        if found:
            return "0x" + found.group(1).hex()
        for slot in _PROXY_SLOTS:
            with chain_faults(self._url):
                word = int(raw_call(self._w3, "eth_getStorageAt", [address, slot, self.block]), 16)
            if word:
                return f"0x{word:040x}"
        return None

    def text(self, address: str, function: str) -> bytes:
        """What a function without arguments that returns a string gives; nothing if it gives something else."""
        data = "0x" + keccak256(f"{function}()".encode())[:4].hex()
        with chain_faults(self._url):
            answer = bytes.fromhex(raw_call(self._w3, "eth_call", [{"to": address, "data": data}, self.block])[2:])
        length = int.from_bytes(answer[32:64], "big")
        return answer[64 : 64 + length] if length <= len(answer) else b""


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _short(text: bytes) -> bytes:
    """OpenZeppelin's ShortString: up to 31 bytes with their number last, or the mark of a longer one."""
    return text.ljust(31, b"\0") + bytes([len(text)]) if len(text) < 32 else _word(0xFF)


def _expected(chain: _Chain, deployment: Deployment, contract: str, address: str) -> dict[str, set[bytes]]:
    """The words that may stand in the places of each immutable, by its name; of those that the deployment tells."""
    if contract == "FilingRegistry":
        return {
            "FilingRegistry._maxValidity": {_word(deployment.max_validity_seconds)},
            "OracleCommittee._rotationDelay": {_word(deployment.rotation_delay_seconds)},
            "OracleCommittee._retention": {_word(deployment.retention_seconds)},
        }
    if contract in ADAPTERS:
        # The other values of an adapter are for its reader: no deployment file tells them.
        return {"FilingAdapter._registry": {_word(int(deployment.registry, 16))}}
    if contract != "AssetBackedToken":
        return {}
    token = deployment.token(address)
    # The token's own name is not in the deployment: what its code is bound to must be what it shows.
    called, version = chain.text(address, "name"), b"1"
    kind = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    bound = [keccak256(called), keccak256(version), _word(deployment.chain_id), _word(int(address, 16))]
    return {
        "FilingGated._registry": {_word(int(deployment.registry, 16))},
        # Both are good, and the deployment file does not say.
        "TransferControl._permissioned": {_word(0), _word(1)},
        "AssetBackedToken._decimals": {_word(token.decimals)},
        "AssetBackedToken._trancheId": {keccak256(token.id.encode("utf-8"))},
        "EIP712._hashedName": {bound[0]},
        "EIP712._hashedVersion": {bound[1]},
        "EIP712._cachedChainId": {bound[2]},
        "EIP712._cachedThis": {bound[3]},
        "EIP712._cachedDomainSeparator": {keccak256(kind + b"".join(bound))},
        "EIP712._name": {_short(called)},
        "EIP712._version": {_short(version)},
    }


def _immutables(built: BuiltContract, code: bytes, expected: Mapping[str, set[bytes]]) -> str:
    """What is wrong with the values built in, place by place; nothing if all is right."""
    for name, of_one in built.immutables.items():
        at, size = of_one[0]
        first, good = code[at : at + size], expected.get(name)
        for start, length in of_one:
            word = code[start : start + length]
            wanted = good if good is not None else {first}
            if word not in wanted:
                words = " or ".join(sorted("0x" + item.hex() for item in wanted))
                return f"{name} at byte {start}: expected {words}; found 0x{word.hex()}"
            if word != first:
                return f"{name} at byte {start}: differs from byte {at}; found 0x{word.hex()} and 0x{first.hex()}"
    return ""


def _compare(chain: _Chain, deployment: Deployment, built: BuiltContract, name: str, address: str) -> CodeReport:
    code = chain.code(address)
    if not code:
        return CodeReport(name, built.name, address, "no-code", "no contract at this address")
    expected, found = _masked(built.code, built.immutables), _masked(code, built.immutables)
    same = len(code) == len(built.code) and expected == found
    alike = len(code) == len(built.code) and _without_metadata(expected) == _without_metadata(found)
    if not alike:
        target = chain.proxied(address, code)
        if target is not None:
            return CodeReport(name, built.name, address, "proxy", f"hands its calls on to {target}")
        offset = next((at for at, (one, two) in enumerate(zip(expected, found, strict=False)) if one != two), None)
        first = min(len(code), len(built.code)) if offset is None else offset
        sizes = f"{len(code)} bytes of code, the build's has {len(built.code)}"
        return CodeReport(name, built.name, address, "mismatch", f"differs from byte {first} on; {sizes}", first)
    wrong = _immutables(built, code, _expected(chain, deployment, built.name, address))
    if wrong:
        return CodeReport(name, built.name, address, "immutables", wrong)
    if same:
        return CodeReport(name, built.name, address, "match")
    return CodeReport(name, built.name, address, "metadata-only", "only the hash of the metadata differs")


def check_code(
    w3: Web3, deployment: Deployment, built: Mapping[str, BuiltContract], adapters: Mapping[str, str] | None = None
) -> list[CodeReport]:
    """Compare registry, factory, every token and the adapters (address to contract name) with a build, at one block.

    InputError for an adapter that the build does not have, UnreachableError if the chain can't be read.
    """
    chain = _Chain(w3)
    places = [("registry", "FilingRegistry", deployment.registry), ("factory", "TrancheFactory", deployment.factory)]
    places += [(token.symbol, "AssetBackedToken", token.address) for token in deployment.tokens]
    places += [(contract, contract, address) for address, contract in (adapters or {}).items()]
    for _, contract, _ in places:
        if contract not in built:
            raise InputError(
                f"the build has no {contract}", where="--adapter", remedy=f"name one of: {', '.join(sorted(built))}"
            )
    return [
        _compare(chain, deployment, built[contract], name, str(to_checksum_address(address)))
        for name, contract, address in places
    ]
