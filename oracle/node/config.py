"""A node's configuration: one TOML file. Paths in it are relative to the file; secrets are only named, never held."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

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
    "LimitsConfig",
    "NodeConfig",
    "RelayConfig",
    "SourceConfig",
    "StoreConfig",
    "load_config",
    "parse_config",
    "read_secret",
]


_CAMEL = re.compile(r"(?<=[a-z])[A-Z](?=[a-z])")


_PerMinute = Annotated[int, Field(ge=0, le=1_000_000)]


class LimitsConfig(Frozen):
    """How many calls a minute one key may make, by its scope (a key of several has the highest); 0 is no limit.

    So many at once are good too. Calls without a good key count by the caller's address. Each replica counts its own.
    """

    issuer: _PerMinute = 600
    auditor: _PerMinute = 600
    operator: _PerMinute = 3000
    anonymous: _PerMinute = 300


class HttpConfig(Frozen):
    """Where the API listens, who may call it, and within which bounds."""

    host: Text = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    #: How long a sighting may be answered from the store, in seconds; 0 asks the sources each time.
    cache_seconds: int = Field(default=30, ge=0, le=3600)
    #: "keys": an API key is needed (`filing-gate api-key new`). "none": everybody who reaches it is the operator.
    auth: Literal["keys", "none"] = "keys"
    #: Whether /metrics is answered without a key.
    public_metrics: bool = False
    #: How long a request may take to arrive, in seconds.
    body_seconds: float = Field(default=20, gt=0, le=600)
    #: How long the answer to a POST with an Idempotency-Key is repeated.
    idempotency_hours: int = Field(default=48, ge=1, le=8784)
    #: Addresses or networks of proxies whose X-Forwarded-For is believed.
    trusted_proxies: list[Text] = Field(default=[], max_length=100)
    #: Whether callers come by TLS only, through a proxy that ends it: sends Strict-Transport-Security.
    behind_tls: bool = False
    #: Origins of pages whose scripts may call the API, e.g. "https://issuer.example"; none: no page may.
    cors_origins: list[Text] = Field(default=[], max_length=100)
    limits: LimitsConfig = LimitsConfig()

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for item in value:
            try:
                ipaddress.ip_network(item)
            except ValueError:
                raise ValueError(f"{item[:80]!r} is not an address or network, e.g. 10.0.0.0/8") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for item in value:
            if not re.fullmatch(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?", item):
                raise ValueError(f"{item[:80]!r} is not an origin, e.g. https://issuer.example")
        return value

    @model_validator(mode="after")
    def _nobody_else(self) -> Self:
        if self.auth == "none" and not _is_loopback(self.host):
            raise ValueError(f'auth: "none" is for a loopback address only, and host is {self.host}: use "keys"')
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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


class KeyConfig(Frozen):
    """The keystore v3 file and the environment variable or file that holds its password."""

    keystore: Text
    password_env: Text | None = None
    password_file: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.password_env is None) == (self.password_file is None):
            raise ValueError("give exactly one of password_env and password_file")
        return self


class RelayConfig(KeyConfig):
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


#: pydantic names the chosen type of a source in the path: sources[0].csrc.name.
_SOURCE_TYPE = re.compile(r"(sources\[\d+\])\.(?:csrc|registry-file|http-json|manual|screening)(?=\.|$)")


def _as_written(row: dict[str, str]) -> dict[str, str]:
    """A problem with keys as this file writes them: rpc_url and not rpcUrl, without the source's type."""
    row = {**row, "field": _SOURCE_TYPE.sub(r"\1", row["field"])}
    if row["problem"].startswith("unknown key"):
        return row
    return {name: _CAMEL.sub(lambda found: "_" + found[0].lower(), text) for name, text in row.items()}
