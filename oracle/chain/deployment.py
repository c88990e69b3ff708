"""The manifest (what to deploy), the deployment file (what was deployed), and the way from one to the other."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from eth_utils.address import to_checksum_address
from pydantic import Field, ValidationError, model_validator
from web3 import Web3
from web3.types import TxReceipt

from oracle.chain.artifacts import abi, artifact
from oracle.chain.registry import Factory
from oracle.chain.rpc import chain_faults
from oracle.chain.sender import Sender
from oracle.domain.canonical import keccak256, parse_json
from oracle.domain.dossier import problems_of
from oracle.domain.fields import H256, Address, Frozen, Text
from oracle.errors import FilingGateError, InputError

__all__ = ["DeployedToken", "Deployment", "Manifest", "deploy", "load_deployment", "load_manifest", "save_deployment"]


#: Tokens created in one transaction: with more it would pass the gas that EIP-7825 allows one.
TOKENS_AT_ONCE = 6


class CommitteeManifest(Frozen):
    operators: list[Address] = Field(min_length=1, max_length=32)
    threshold: int = Field(ge=1)
    #: Who changes the committee later: a Safe or a TimelockController. None: whoever deploys.
    owner: Address | None = None
    #: Seconds that adding or replacing an operator and lowering the threshold wait.
    rotation_delay_seconds: int = Field(default=2 * 86400, ge=0, le=365 * 86400)
    #: Seconds for which signatures of a replaced operator still count.
    retention_seconds: int = Field(default=0, ge=0, le=90 * 86400)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.threshold > len(self.operators):
            raise ValueError(f"threshold {self.threshold} can't be reached by {len(self.operators)} operators")
        for number, operator in enumerate(self.operators):
            if operator in self.operators[:number]:
                raise ValueError(f"operators[{number}]: {operator} stands twice")
        return self


class RegistryManifest(Frozen):
    #: Longest window of an approval, in seconds.
    max_validity_seconds: int = Field(default=72 * 3600, gt=0, le=366 * 86400)


class TokenManifest(Frozen):
    id: Text
    name: Text
    symbol: Text
    decimals: int = Field(ge=0, le=18)
    admin: Address
    issuer: Address
    #: True: only accounts on the token's allow-list may hold it.
    permissioned: bool = False


class Manifest(Frozen):
    """What to deploy: a committee with its registry, and one token a tranche by a factory."""

    committee: CommitteeManifest
    registry: RegistryManifest = RegistryManifest()
    tokens: list[TokenManifest] = Field(min_length=1, max_length=32)
    #: Goes into the tokens' addresses: two issuances of like tokens on one registry need different ones.
    salt: str = Field(default="", max_length=100)

    @model_validator(mode="after")
    def _ids(self) -> Self:
        if len({token.id for token in self.tokens}) != len(self.tokens):
            raise ValueError("two tokens share one id")
        return self


class DeployedToken(Frozen):
    id: Text
    address: Address
    symbol: Text
    decimals: int


class Deployment(Frozen):
    """`deployments/<chain id>.json`."""

    schema_: Literal["deployment/v1"] = Field(default="deployment/v1", alias="schema")
    chain_id: int = Field(gt=0)
    registry: Address
    factory: Address
    block: int = Field(ge=0)
    transaction: H256
    operators: list[Address]
    threshold: int
    #: Operators, threshold and owner as the registry was made with; it says who they are now.
    owner: Address
    rotation_delay_seconds: int
    retention_seconds: int
    max_validity_seconds: int
    tokens: list[DeployedToken]

    def token(self, name: str) -> DeployedToken:
        """A token by id, symbol or address. InputError if there is none."""
        for token in self.tokens:
            if name in (token.id, token.symbol) or name.lower() == token.address.lower():
                return token
        known = ", ".join(f"{token.id} ({token.symbol})" for token in self.tokens)
        raise InputError(f"no token {name!r} in the deployment", where="TOKEN", remedy=f"name one of: {known}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check the path") from None


def _invalid(path: Path, error: ValidationError) -> InputError:
    rows = [row | {"field": row["field"].replace("(dossier)", "(file)")} for row in problems_of(error)]
    return InputError(
        f"{rows[0]['field']}: {rows[0]['problem']}", where=str(path), remedy="correct the file", details=rows
    )


def load_manifest(path: Path) -> Manifest:
    """Read a TOML manifest. InputError names the key that is wrong."""
    try:
        return Manifest.model_validate_json(json.dumps(tomllib.loads(_read(path).decode("utf-8")), default=str))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not TOML: {error}", where=str(path), remedy="correct that line") from None
    except ValidationError as error:
        raise _invalid(path, error) from None


def load_deployment(path: Path) -> Deployment:
    """Read a deployment file. InputError names what is wrong."""
    try:
        return Deployment.model_validate(parse_json(_read(path), what=str(path)))
    except ValidationError as error:
        raise _invalid(path, error) from None


def save_deployment(deployment: Deployment, path: Path) -> None:
    """Write the deployment file, creating its folder. InputError, with what it would have said, if that fails."""
    content = deployment.model_dump(mode="json", by_alias=True)
    temporary = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}; the contracts are on the chain, registry {deployment.registry}",
            where=str(path),
            remedy="keep the details of this error as that file",
            details=content,
        ) from None


def _create(w3: Web3, sender: Sender, name: str, *arguments: Any) -> TxReceipt:
    factory = w3.eth.contract(abi=abi(name), bytecode=artifact(name)["bytecode"])
    data = bytes.fromhex(str(factory.constructor(*arguments).data_in_transaction)[2:])
    return sender.send(w3, None, data)


def committee_struct(committee: CommitteeManifest, deployer: str) -> tuple[Any, ...]:
    """`IOracleCommittee.CommitteeConfig` as the ABI takes it; `deployer` is the owner if the manifest names none."""
    return (
        committee.owner or deployer,
        committee.operators,
        committee.threshold,
        committee.rotation_delay_seconds,
        committee.retention_seconds,
    )


def token_struct(token: TokenManifest, registry: str) -> tuple[Any, ...]:
    """`IAssetBackedToken.TokenConfig` as the ABI takes it; the tranche id on chain is the keccak256 of the id here."""
    return (
        token.name,
        token.symbol,
        token.decimals,
        keccak256(token.id.encode("utf-8")),
        registry,
        token.admin,
        token.issuer,
        token.permissioned,
    )


def deploy(manifest: Manifest, w3: Web3, sender: Sender) -> Deployment:
    """Deploy the registry with its committee, the factory, and by it the tokens bound to the registry.

    Returns what to keep. A fault on the way is told with the addresses that exist by then; tokens that exist are passed
    over when their creation is tried again.
    """
    committee = manifest.committee
    owner = str(to_checksum_address(committee.owner or sender.address))
    receipt = _create(
        w3, sender, "FilingRegistry", committee_struct(committee, owner), manifest.registry.max_validity_seconds
    )
    registry = str(receipt["contractAddress"])
    made = [f"registry {registry}"]
    tokens: list[DeployedToken] = []
    try:
        factory = Factory(w3, str(_create(w3, sender, "TrancheFactory")["contractAddress"]))
        made.append(f"factory {factory.address}")
        salt = keccak256(manifest.salt.encode("utf-8"))
        for start in range(0, len(manifest.tokens), TOKENS_AT_ONCE):
            some = manifest.tokens[start : start + TOKENS_AT_ONCE]
            configs = [token_struct(token, registry) for token in some]
            factory.deploy_all(sender, configs, salt)
            for token, config in zip(some, configs, strict=True):
                address = factory.predict(config, salt)
                tokens.append(DeployedToken(id=token.id, address=address, symbol=token.symbol, decimals=token.decimals))
                made.append(f"{token.id} {address}")
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            chain_id = w3.eth.chain_id
    except FilingGateError as error:
        raise type(error)(
            f"{error.what}; deployed by then: {', '.join(made)}", where=error.where, remedy=error.remedy
        ) from None
    return Deployment(
        chain_id=chain_id,
        registry=registry,
        factory=factory.address,
        block=int(receipt["blockNumber"]),
        transaction=Web3.to_hex(receipt["transactionHash"]),
        operators=committee.operators,
        threshold=committee.threshold,
        owner=owner,
        rotation_delay_seconds=committee.rotation_delay_seconds,
        retention_seconds=committee.retention_seconds,
        max_validity_seconds=manifest.registry.max_validity_seconds,
        tokens=tokens,
    )
