"""A node's configuration: one TOML file. Paths in it are relative to the file; secrets are only named, never held."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from oracle.chain.fees import FeeCaps
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
from oracle.store.evidence_place import check_place, is_address

__all__ = [
    "ChainConfig",
    "DeclarantConfig",
    "DutiesConfig",
    "HttpConfig",
    "KeyConfig",
    "KeystoreConfig",
    "KeystoreKeyConfig",
    "KmsKeyConfig",
    "LimitsConfig",
    "LoggingConfig",
    "NodeConfig",
    "Pkcs11KeyConfig",
    "ReadinessConfig",
    "RelayConfig",
    "SourceConfig",
    "StoreConfig",
    "TransparencyConfig",
    "WatchConfig",
    "WatchNodeConfig",
    "Web3SignerKeyConfig",
    "load_config",
    "named_secrets",
    "parse_config",
    "read_secret",
    "wei",
]


_SQLITE = "sqlite:///"

#: An amount of gwei: a whole number, or a decimal text with at most nine places, so that it is a whole number of wei.
Gwei = Annotated[
    Annotated[int, Field(ge=0, le=10**6)]
    | Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?$")],
    Field(union_mode="left_to_right"),
]


def wei(amount: int | str) -> int:
    """Wei of an amount of gwei."""
    whole, _, places = str(amount).partition(".")
    return int(whole) * 10**9 + int(places.ljust(9, "0"))


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
    #: Tries to sign in to the pages, one count an address.
    sign_in: _PerMinute = 10


class HttpConfig(Frozen):
    """Where the API listens, who may call it, and within which bounds."""

    host: Text = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    #: How long a sighting may be answered from the store, in seconds; 0 asks the sources each time.
    cache_seconds: int = Field(default=30, ge=0, le=3600)
    #: How long requests in flight may still take after the node was told to stop.
    shutdown_seconds: int = Field(default=20, ge=1, le=600)
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
    #: How long somebody who signed in to the pages stays so, in minutes.
    session_minutes: int = Field(default=60, ge=1, le=720)
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
    """The chain and registry this node signs for. Give the `_env` form of an address that holds a key."""

    id: int = Field(gt=0)
    registry: Address
    rpc_url: Text | None = None
    rpc_url_env: Text | None = None
    #: Several endpoints, in the order of preference: the next is asked when one does not answer.
    rpc_urls: list[Text] | None = Field(default=None, min_length=1, max_length=16)
    #: The same by the names of environment variables, one address each.
    rpc_urls_env: list[Text] | None = Field(default=None, min_length=1, max_length=16)
    #: Of several endpoints, one whose head is so many blocks behind another's is not read from.
    max_lag_blocks: int = Field(default=5, ge=0, le=1000)
    #: Blocks, with its own, after which a transaction counts as final; 0 and 1: as soon as it is mined.
    confirmations: int = Field(default=12, ge=0, le=1000)
    #: Whether it must also be in a block that the chain itself calls finalized.
    finalized: bool = False

    @field_validator("registry", mode="before")
    @classmethod
    def _entered(cls, value: object) -> object:
        if value == NO_REGISTRY:
            raise ValueError("still to be entered: the address that `filing-gate deploy` prints")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = (self.rpc_url, self.rpc_url_env, self.rpc_urls, self.rpc_urls_env)
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "give exactly one of rpc_url and rpc_url_env, or for several endpoints of rpc_urls and rpc_urls_env"
            )
        several = self.rpc_urls or self.rpc_urls_env or []
        if len(set(several)) != len(several):
            raise ValueError("an endpoint stands twice")
        return self

    def url(self) -> str:
        """The RPC URL, the first of several."""
        return self.urls()[0]

    def urls(self) -> tuple[str, ...]:
        """All RPC URLs, in the order of preference."""
        if self.rpc_urls_env is not None:
            return tuple(read_secret("chain.rpc_urls_env", env=name) for name in self.rpc_urls_env)
        if self.rpc_url_env is not None:
            return (read_secret("chain.rpc_url_env", env=self.rpc_url_env),)
        return tuple(self.rpc_urls or [str(self.rpc_url)])


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
    """An account that brings suspensions and renewals on chain. It needs gas and no other right: never the [key]."""

    #: The most it offers for one gas, and the most of that as a tip: a number, or a text such as "0.5"; never a float.
    max_fee_gwei: Gwei = 200
    max_priority_fee_gwei: Gwei = 5
    #: Seconds without inclusion after which fees are raised, and those a caller waits before it is told so.
    replace_after_seconds: int = Field(default=60, ge=5, le=3600)
    wait_seconds: int = Field(default=120, ge=5, le=3600)

    @model_validator(mode="after")
    def _fees(self) -> Self:
        if wei(self.max_priority_fee_gwei) > wei(self.max_fee_gwei):
            raise ValueError("max_priority_fee_gwei is above max_fee_gwei")
        return self

    def fee_caps(self) -> FeeCaps:
        """The caps in wei."""
        return FeeCaps(wei(self.max_fee_gwei), wei(self.max_priority_fee_gwei))


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
    """Database URL (SQLAlchemy), and the place of the evidence: a folder, or `s3://bucket/prefix?endpoint=…`.

    SQLite (`sqlite:///file`) or PostgreSQL (`postgresql://…`). Give `url_env` instead of `url` if it holds a password.
    """

    url: Text = "sqlite:///node.db"
    url_env: Text | None = None
    evidence: Text = "evidence"
    #: What sources remember: the newest signed file seen of each, and the validators of answers.
    state: Text = "state"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.url_env is not None and "url" in self.model_fields_set:
            raise ValueError("give exactly one of url and url_env")
        parts = urlsplit(self.url)
        if parts.password or "password=" in parts.query:
            raise ValueError("url holds a password: put it into an environment variable and name that with url_env")
        return self

    @field_validator("evidence")
    @classmethod
    def _place(cls, value: str) -> str:
        check_place(value)
        return value


class TransparencyConfig(Frozen):
    """The key that signs the checkpoints of this node's log: Ed25519, PKCS #8 in PEM, without a password."""

    key: Text


class LoggingConfig(Frozen):
    """What `serve` logs to stderr: one event a line, as text or as JSON."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


#: Chains of development tools make a block when they are asked to, so an old block says nothing there.
_ON_DEMAND_CHAINS = frozenset({1337, 31337})


class ReadinessConfig(Frozen):
    """What `/readyz` and `filing-gate check` hold the node to."""

    #: A source whose newest success is older than this is not fresh.
    source_seconds: int = Field(default=21_600, ge=1, le=30 * 86_400)
    #: The newest block may be this old; 0 never looks. Absent: 900, and 0 on chains 1337 and 31337.
    head_seconds: int | None = Field(default=None, ge=0, le=86_400)
    #: How far this machine's clock may lie behind the newest block's time.
    clock_seconds: int = Field(default=30, ge=1, le=3600)
    #: Free space that the disks of database, evidence and state must have, in bytes.
    min_free_bytes: int = Field(default=536_870_912, ge=0)

    def head_limit(self, chain_id: int) -> int:
        """`head_seconds`, or its default for a chain."""
        if self.head_seconds is not None:
            return self.head_seconds
        return 0 if chain_id in _ON_DEMAND_CHAINS else 900


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
    logging: LoggingConfig = LoggingConfig()
    readiness: ReadinessConfig = ReadinessConfig()
    #: A time stamp authority (RFC 3161) for what decisions rest on.
    timestamp: TimestampConfig | None = None
    #: The log is kept in any case; with a key it is also signed and served.
    transparency: TransparencyConfig | None = None
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

    def places(self) -> dict[str, Path]:
        """The folders of this machine that the node writes to: `database`, `evidence`, `state`, where it has them."""
        url = self.database_url()
        found = {"state": self.path(self.store.state)}
        if url.startswith("sqlite:///"):
            found["database"] = Path(url.removeprefix("sqlite:///")).parent
        if not is_address(self.store.evidence):
            found["evidence"] = self.path(self.store.evidence)
        return found

    def path(self, text: str) -> Path:
        """A path of the file, relative to it."""
        return self.base / text

    def database_url(self) -> str:
        """The store's URL with a relative SQLite path made relative to the file."""
        url = read_secret("store.url_env", env=self.store.url_env) if self.store.url_env else self.store.url
        return self._placed(url)

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


def named_secrets(config: NodeConfig) -> Iterator[tuple[str, str | Path]]:
    """(key, environment variable or file) of every secret that the configuration names, `*_env` and `*_file`."""
    for key, value in _leaves(config.model_dump(mode="python"), ""):
        name = re.sub(r"\[\d+\]$", "", key)
        if name.endswith("_env"):
            yield key, value
        elif name.endswith("_file"):
            yield key, config.path(value)


def _leaves(content: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(content, list | tuple):
        for index, value in enumerate(content):
            yield from _leaves(value, f"{key}[{index}]")
    elif isinstance(content, str):
        yield key, content


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
