"""A node's configuration: one TOML file. Paths in it are relative to the file; secrets are only named, never held."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from oracle.domain.dossier import problems_of
from oracle.domain.fields import Address, Frozen, Text
from oracle.errors import InputError
from oracle.node.template import NO_REGISTRY
from oracle.rules.policy import Policy
from oracle.rules.table import switch_faults
from oracle.sources.csrc import CsrcConfig
from oracle.sources.http_json import HttpJsonConfig
from oracle.sources.manual import ManualConfig
from oracle.sources.registry_file import RegistryFileConfig
from oracle.sources.screening import ScreeningConfig
from oracle.sources.timestamp_authority import TimestampConfig
from oracle.store.evidence_place import check_place

__all__ = [
    "ChainConfig",
    "DeclarantConfig",
    "DutiesConfig",
    "HttpConfig",
    "KeyConfig",
    "KeystoreConfig",
    "KeystoreKeyConfig",
    "KmsKeyConfig",
    "NodeConfig",
    "Pkcs11KeyConfig",
    "RelayConfig",
    "SourceConfig",
    "StoreConfig",
    "Web3SignerKeyConfig",
    "load_config",
    "parse_config",
    "read_secret",
]


_CAMEL = re.compile(r"(?<=[a-z])[A-Z](?=[a-z])")


class HttpConfig(Frozen):
    """Where the API listens. The API has no authentication yet: keep it on the loopback or behind a proxy that has."""

    host: Text = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    #: How long a sighting may be answered from the store, in seconds; 0 asks the sources each time.
    cache_seconds: int = Field(default=30, ge=0, le=3600)


class ChainConfig(Frozen):
    """The chain and registry this node signs for. Give `rpc_url_env` instead of `rpc_url` if the URL holds a key."""

    id: int = Field(gt=0)
    registry: Address
    rpc_url: Text | None = None
    rpc_url_env: Text | None = None

    @field_validator("registry", mode="before")
    @classmethod
    def _entered(cls, value: object) -> object:
        if value == NO_REGISTRY:
            raise ValueError("still to be entered: the address that `filing-gate deploy` prints")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.rpc_url is None) == (self.rpc_url_env is None):
            raise ValueError("give exactly one of rpc_url and rpc_url_env")
        return self

    def url(self) -> str:
        """The RPC URL."""
        return self.rpc_url if self.rpc_url is not None else read_secret("chain.rpc_url_env", env=self.rpc_url_env)


class KeystoreConfig(Frozen):
    """A keystore v3 file, and where its password is: an environment variable, a file, or a person at a terminal."""

    keystore: Text
    password_env: Text | None = None
    password_file: Text | None = None
    password_prompt: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.password_env is not None, self.password_file is not None, self.password_prompt].count(True) != 1:
            raise ValueError("give exactly one of password_env and password_file, or password_prompt = true")
        return self


class KeystoreKeyConfig(KeystoreConfig):
    """The operator's key in a keystore file; in the process's memory while the node runs."""

    type: Literal["keystore"] = "keystore"
    #: The address that the key must have, if given.
    address: Address | None = None


class Pkcs11KeyConfig(Frozen):
    """The operator's key in a hardware module: its library, the token's label, the key's label, id (hex) or both."""

    type: Literal["pkcs11"]
    module: Text
    token: Text
    key_label: Text | None = None
    key_id: str | None = Field(default=None, pattern=r"^([0-9a-fA-F]{2}){1,64}$")
    pin_env: Text | None = None
    pin_file: Text | None = None
    address: Address | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.pin_env is None) == (self.pin_file is None):
            raise ValueError("give exactly one of pin_env and pin_file")
        if self.key_label is None and self.key_id is None:
            raise ValueError("give key_label, key_id or both")
        return self


class KmsKeyConfig(Frozen):
    """The operator's key in AWS KMS, by its id, ARN or alias. Credentials are found as the AWS tools find them."""

    type: Literal["aws-kms"]
    region: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    key_id: str = Field(pattern=r"^[A-Za-z0-9:/_-]{1,256}$")
    #: A server of one's own instead of AWS's: a VPC endpoint, say.
    endpoint: Text | None = None
    address: Address | None = None

    @field_validator("endpoint")
    @classmethod
    def _server(cls, value: str | None) -> str | None:
        return None if value is None else _signing_server(value)


class Web3SignerKeyConfig(Frozen):
    """The operator's key behind Web3Signer (25.9 or newer); `address` says which of its keys."""

    type: Literal["web3signer"]
    url: Text
    address: Address

    @field_validator("url")
    @classmethod
    def _server(cls, value: str) -> str:
        return _signing_server(value)


def _signing_server(text: str) -> str:
    """An https URL, or http to this machine, without credentials: none of it may be read or changed on the way."""
    try:
        parts = urlsplit(text)
        sound = bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc or not text.isprintable():
        raise ValueError("not a server's address without user and password, e.g. http://127.0.0.1:9000")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("must be https; http only to this machine")
    return text


def _key_type(value: Any) -> Any:
    """A [key] without a type is a keystore."""
    return value.get("type", "keystore") if isinstance(value, dict) else getattr(value, "type", None)


KeyConfig = Annotated[
    Annotated[KeystoreKeyConfig, Tag("keystore")]
    | Annotated[Pkcs11KeyConfig, Tag("pkcs11")]
    | Annotated[KmsKeyConfig, Tag("aws-kms")]
    | Annotated[Web3SignerKeyConfig, Tag("web3signer")],
    Discriminator(_key_type),
]


class RelayConfig(KeystoreConfig):
    """An account that brings this node's suspensions on chain. It needs gas and no other right: never the [key]."""


class DeclarantConfig(Frozen):
    """Who may declare events and record reports: an address, for the filings named (none named: for every filing)."""

    address: Address
    filings: list[Text] = Field(default=[], max_length=1000)


class DutiesConfig(Frozen):
    """Duties after the filing (P8). The operator's own key may always declare."""

    declarants: list[DeclarantConfig] = Field(default=[], max_length=1000)
    #: How often `serve` looks for overdue reports and unsent suspensions.
    sweep_seconds: int = Field(default=60, ge=1, le=3600)


class StoreConfig(Frozen):
    """Database URL (SQLAlchemy), and the place of the evidence: a folder, or `s3://bucket/prefix?endpoint=…`."""

    url: Text = "sqlite:///node.db"
    evidence: Text = "evidence"
    #: What sources remember: the newest signed file seen of each, and the validators of answers.
    state: Text = "state"

    @field_validator("evidence")
    @classmethod
    def _place(cls, value: str) -> str:
        check_place(value)
        return value


class CsrcSourceConfig(CsrcConfig):
    """A source of type "csrc"."""

    type: Literal["csrc"]


class RegistryFileSourceConfig(RegistryFileConfig):
    """A source of type "registry-file"."""

    type: Literal["registry-file"]


class HttpJsonSourceConfig(HttpJsonConfig):
    """A source of type "http-json"."""

    type: Literal["http-json"]


class ManualSourceConfig(ManualConfig):
    """A source of type "manual"."""

    type: Literal["manual"]


class ScreeningSourceConfig(ScreeningConfig):
    """A source of type "screening"."""

    type: Literal["screening"]


SourceConfig = Annotated[
    CsrcSourceConfig | RegistryFileSourceConfig | HttpJsonSourceConfig | ManualSourceConfig | ScreeningSourceConfig,
    Field(discriminator="type"),
]


class NodeConfig(Frozen):
    """The whole file."""

    name: Text
    http: HttpConfig = HttpConfig()
    chain: ChainConfig
    #: Further chains that a filing's tranches may be on. They are read, and nothing is signed for them.
    chains: list[ChainConfig] = Field(default=[], max_length=32)
    key: KeyConfig
    relay: RelayConfig | None = None
    duties: DutiesConfig = DutiesConfig()
    store: StoreConfig = StoreConfig()
    policy: Policy = Policy()
    #: A time stamp authority (RFC 3161) for what decisions rest on.
    timestamp: TimestampConfig | None = None
    sources: list[SourceConfig] = Field(min_length=1, max_length=20)
    #: The folder of the file, for relative paths; not a key of the file.
    base: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _chains(self) -> Self:
        ids = [self.chain.id, *(item.id for item in self.chains)]
        for index, item in enumerate(self.chains, start=1):
            if item.id in ids[:index]:
                raise ValueError(f"chains[{index - 1}].id: chain {item.id} stands twice")
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [source.name for source in self.sources]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"sources[{index}].name: {name!r} stands twice; each source needs a name of its own")
        return self

    @model_validator(mode="after")
    def _switches(self) -> Self:
        faults = switch_faults(self.policy)
        if faults:
            raise ValueError("\n".join(f"policy.switched_off: {fault}" for fault in faults))
        return self

    def path(self, text: str) -> Path:
        """A path of the file, relative to it."""
        return self.base / text

    def database_url(self) -> str:
        """The store's URL with a relative SQLite path made relative to the file."""
        prefix = "sqlite:///"
        url = self.store.url
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return prefix + str((self.base / url[len(prefix) :]).resolve())
        return url


def read_secret(key: str, *, env: str | None = None, file: Path | None = None) -> str:
    """A secret from an environment variable or file, without its line end. Errors name the key, never the secret."""
    if env is not None:
        value = os.environ.get(env)
        if not value:
            raise InputError(f"the environment variable {env} is not set", where=key, remedy=f"export {env}")
        return value
    if file is None:
        raise InputError("no secret is named", where=key, remedy="name an environment variable or a file")
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            "the file can't be read", where=f"{key} = {file}", remedy="check path and permissions"
        ) from None


def load_config(path: Path) -> NodeConfig:
    """Read and check a configuration. InputError names the file and the path of each wrong key."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="make one with `filing-gate operator init DIR`"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 at byte {error.start}", where=str(path), remedy="save it as UTF-8") from None
    return parse_config(text, where=str(path)).model_copy(update={"base": path.parent})


def parse_config(text: str, *, where: str, remedy: str = "correct the file") -> NodeConfig:
    """Check a configuration's text. InputError names `where` and the path of each wrong key."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not TOML: {error}", where=where, remedy="correct that line") from None
    if "base" in content:
        raise InputError("base: unknown key: remove it or correct its spelling", where=where, remedy=remedy)
    try:
        return NodeConfig.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        rows = [_as_written(row) for row in problems_of(error)]
        shown = "; ".join(f"{row['field']}: {row['problem']}" for row in rows[:5])
        more = f"; and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise InputError(shown + more, where=where, remedy=remedy, details=rows) from None


#: pydantic names the chosen type of a source or key in the path: sources[0].csrc.name, key.pkcs11.module.
_CHOSEN_TYPE = re.compile(
    r"^(?:(sources\[\d+\])\.(?:csrc|registry-file|http-json|manual|screening)"
    r"|(key)\.(?:keystore|pkcs11|aws-kms|web3signer))(?=\.|$)"
)


def _as_written(row: dict[str, str]) -> dict[str, str]:
    """A problem with keys as this file writes them: rpc_url and not rpcUrl, without the chosen type."""
    row = {**row, "field": _CHOSEN_TYPE.sub(r"\1\2", row["field"])}
    if row["problem"].startswith("unknown key"):
        return row
    return {name: _CAMEL.sub(lambda found: "_" + found[0].lower(), text) for name, text in row.items()}
