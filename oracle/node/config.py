"""A node's configuration: one TOML file. Paths in it are relative to the file; secrets are only named, never held."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

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
    "NodeConfig",
    "RelayConfig",
    "SourceConfig",
    "StoreConfig",
    "WatchConfig",
    "WatchNodeConfig",
    "load_config",
    "parse_config",
    "read_secret",
]


_SQLITE = "sqlite:///"
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
    """An account that brings suspensions and renewals on chain. It needs gas and no other right: never the [key]."""


class DeclarantConfig(Frozen):
    """Who may declare events and record reports: an address, for the filings named (none named: for every filing)."""

    address: Address
    filings: list[Text] = Field(default=[], max_length=1000)


class DutiesConfig(Frozen):
    """Duties after the filing (P8). The operator's own key may always declare."""

    declarants: list[DeclarantConfig] = Field(default=[], max_length=1000)
    #: How often `serve` looks which filings are due to be looked at, and sends what is not on chain yet.
    sweep_seconds: int = Field(default=60, ge=1, le=3600)


class WatchNodeConfig(Frozen):
    """Another operator's node that a relay asks for signatures. An API key is only named: `key_env` or `key_file`."""

    url: Text
    key_env: Text | None = None
    key_file: Text | None = None

    @field_validator("url")
    @classmethod
    def _plain(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            # Not repeated: it may hold a password.
            raise ValueError("not a node's http(s) address without user name")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.key_env is not None and self.key_file is not None:
            raise ValueError("give at most one of key_env and key_file")
        return self


class WatchConfig(Frozen):
    """What `serve` does by itself for filings approved on chain: look again, renew, suspend (docs/watch.md)."""

    enabled: bool = True
    #: How often the sources of one filing are asked anew.
    interval_seconds: int = Field(default=600, ge=1, le=86_400)
    #: Over which part of the interval the filings are spread.
    jitter: float = Field(default=1.0, ge=0, le=1)
    #: First pause after a look that said nothing certain; each further one doubles it, up to the interval.
    retry_seconds: int = Field(default=30, ge=1, le=3600)
    #: A window that ends sooner than this is renewed.
    renew_before_seconds: int = Field(default=6 * 3600, ge=1, le=30 * 86_400)
    #: Length of a renewed window; policy and registry bind as well.
    validity_seconds: int = Field(default=24 * 3600, ge=2, le=366 * 86_400)
    #: Renewed windows end on multiples of this, so that several relays propose the same bytes.
    grid_seconds: int = Field(default=3600, ge=1, le=86_400)
    #: Filings looked at, and actions run, at the same time by one process.
    concurrency: int = Field(default=4, ge=1, le=64)
    #: Where the durable jobs are kept (a URL). Default: `watch.db` beside a SQLite store, else the store's own.
    database_url: Text | None = None
    database_url_env: Text | None = None
    #: The other operators' nodes; a relay collects renewals from them.
    nodes: list[WatchNodeConfig] = Field(default=[], max_length=64)

    @model_validator(mode="after")
    def _spans(self) -> Self:
        if self.renew_before_seconds + self.grid_seconds > self.validity_seconds:
            raise ValueError("validity_seconds must be at least renew_before_seconds and grid_seconds together")
        if self.interval_seconds > self.renew_before_seconds:
            raise ValueError("interval_seconds must not exceed renew_before_seconds, or a window could end unseen")
        if self.database_url is not None and self.database_url_env is not None:
            raise ValueError("give at most one of database_url and database_url_env")
        return self


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
    watch: WatchConfig = WatchConfig()
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
    def _collects(self) -> Self:
        if self.watch.nodes and self.relay is None:
            raise ValueError(
                "watch.nodes: only a node with [relay] collects and pays: add [relay], or remove the nodes"
            )
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
        return self._placed(self.store.url)

    def watch_database_url(self) -> str:
        """Where the durable jobs are kept. SQLite: a file of their own, so that they never wait for the store."""
        own = self.watch.database_url
        if self.watch.database_url_env is not None:
            own = read_secret("watch.database_url_env", env=self.watch.database_url_env)
        if own is not None:
            return self._placed(own)
        url = self.database_url()
        if not url.startswith(_SQLITE):
            return url
        return _SQLITE + str(Path(url[len(_SQLITE) :]).with_name("watch.db"))

    def _placed(self, url: str) -> str:
        if url.startswith(_SQLITE) and not url.startswith(_SQLITE + "/"):
            return _SQLITE + str((self.base / url[len(_SQLITE) :]).resolve())
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
