"""What `filing-gate check` looks at before and after any change. Nothing is changed by it; no fault ends it early."""

from __future__ import annotations

import os
import platform
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import httpx2
from eth_keys.backends import get_backend
from eth_utils.address import to_checksum_address
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from oracle import __version__
from oracle.chain.code_match import same_code
from oracle.chain.key_standing import Standing, key_standing
from oracle.chain.registry import Registry
from oracle.chain.rpc import chain_faults, connect, shown_url
from oracle.errors import FilingGateError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.node.condition import free_space
from oracle.node.config import (
    ChainConfig,
    CsrcSourceConfig,
    HttpJsonSourceConfig,
    KeystoreConfig,
    ManualSourceConfig,
    NodeConfig,
    SourceConfig,
    named_secrets,
)
from oracle.node.key import open_keystore, open_signer
from oracle.node.readiness import clock_fault, disk_faults
from oracle.node.service import make_authority
from oracle.rules.table import RULESET_VERSION, ruleset_hash
from oracle.signing.content import try_signer
from oracle.signing.keys import Signer
from oracle.store import tables
from oracle.store.evidence_place import is_address, open_evidence
from oracle.store.schema import HEAD, version_of

__all__ = ["SUSPENSION_GAS", "Checked", "Result", "preflight"]

#: Gas of one relayed suspension: 42,733 in tests/contracts/gas_snapshot.json and 43,788 in docs/duties.md, rounded up.
SUSPENSION_GAS = 50_000

_SECONDS = 10.0
_WRONG = (FilingGateError, SQLAlchemyError, OSError)


class Result(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Checked:
    """One row: the check, its result, what was found and what to do; `unreachable` if somebody did not answer."""

    check: str
    result: Result
    found: str
    remedy: str = ""
    unreachable: bool = False

    def as_json(self) -> dict[str, str]:
        """Keys check, result, found, remedy."""
        return {"check": self.check, "result": self.result.value, "found": self.found, "remedy": self.remedy}


def _ok(check: str, found: str) -> Checked:
    return Checked(check, Result.OK, found)


def _warn(check: str, found: str, remedy: str) -> Checked:
    return Checked(check, Result.WARN, found, remedy)


def _fail(check: str, found: str, remedy: str) -> Checked:
    return Checked(check, Result.FAIL, found, remedy)


def _of_error(check: str, error: BaseException) -> Checked:
    """A fault as a row. What a library says of a connection is left out: it may hold the password of a URL."""
    if isinstance(error, FilingGateError):
        found = f"{error.where}: {error.what}" if error.where else error.what
        silent = isinstance(error, UnreachableError)
        return Checked(check, Result.FAIL, found, error.remedy or "see the documentation", unreachable=silent)
    if isinstance(error, OSError) and not isinstance(error, SQLAlchemyError):
        place = f"{error.filename}: " if error.filename else ""
        return _fail(check, f"{place}{error.strerror or type(error).__name__}", "check path and permissions")
    return Checked(check, Result.FAIL, type(error).__name__, "check that it runs and the address", unreachable=True)


def preflight(config: NodeConfig, file: Path, *, suspensions: int) -> Iterator[Checked]:
    """Every check of a configuration read from `file`, as it ends. `suspensions` is how many the relay must afford."""
    run = _Preflight(config, file, suspensions)
    steps: tuple[tuple[str, Callable[[], Iterator[Checked]]], ...] = (
        ("versions", run.versions),
        ("secrets", run.secrets),
        ("permissions", run.permissions),
        ("key", run.key),
        ("relay key", run.relay_key),
        ("chain", run.chain),
        ("registry", run.registry_code),
        ("committee", run.committee),
        ("clock", run.clock),
        ("further chains", run.further_chains),
        ("relay funds", run.relay_funds),
        ("database", run.database),
        ("evidence", run.evidence),
        ("disk", run.disk),
        ("sources", run.sources),
        ("time stamps", run.time_stamps),
        ("node", run.node),
    )
    for name, step in steps:
        try:
            yield from step()
        except _WRONG as error:
            yield _of_error(name, error)


class _Preflight:
    """What the checks share: each thing is opened once, and its fault told once."""

    def __init__(self, config: NodeConfig, file: Path, suspensions: int) -> None:
        self._config = config
        self._file = file
        self._suspensions = suspensions
        self._signer: Signer | None = None
        self._registry: Registry | None = None

    def versions(self) -> Iterator[Checked]:
        yield _ok("config", f"{self._file}: {self._config.name}, {len(self._config.sources)} sources")
        yield _ok(
            "versions",
            f"filing-gate {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; rules "
            f"{RULESET_VERSION}, rulesetHash 0x{ruleset_hash(self._config.policy).hex()}",
        )
        backend = type(get_backend()).__name__
        if "coincurve" not in backend.lower():
            yield _fail("versions", f"signatures are checked by {backend}", "install the package coincurve")

    def secrets(self) -> Iterator[Checked]:
        count = 0
        for key, where in named_secrets(self._config):
            count += 1
            if isinstance(where, str):
                if not os.environ.get(where):
                    yield _fail("secrets", f"{key}: the variable {where} is not set", f"export {where}")
                continue
            try:
                mode = where.stat().st_mode
                with where.open("rb") as opened:
                    empty = not opened.read(1)
            except OSError as error:
                yield _fail("secrets", f"{key} = {where}: {error.strerror}", "check path and permissions")
                continue
            if empty:
                yield _fail("secrets", f"{key} = {where} is empty", "write the secret into it")
            elif mode & 0o077:
                yield _warn(
                    "secrets", f"{where} is open to others (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {where}"
                )
        yield _ok("secrets", f"{count} named in the configuration")

    def permissions(self) -> Iterator[Checked]:
        sound = True
        keys = [
            self._config.path(item.keystore)
            for item in (self._config.key, self._config.relay)
            if isinstance(item, KeystoreConfig)
        ]
        if self._config.transparency is not None:
            keys.append(self._config.path(self._config.transparency.key))
        for path in keys:
            if path.is_file() and path.stat().st_mode & 0o077:
                sound = False
                mode = stat.S_IMODE(path.stat().st_mode)
                yield _fail("permissions", f"{path} is open to others (mode {mode:04o})", f"chmod 600 {path}")
        if self._file.stat().st_mode & 0o022:
            sound = False
            yield _fail("permissions", f"others may change {self._file}", f"chmod go-w {self._file}")
        for name, place in self._config.places().items():
            there = next(item for item in (place, *place.absolute().parents) if item.exists())
            if not os.access(there, os.W_OK | os.X_OK):
                sound = False
                yield _fail("permissions", f"{name}: {there} can't be written to", "give the node's user the folder")
            elif there == place and place.stat().st_mode & stat.S_IWOTH:
                sound = False
                yield _fail("permissions", f"{name}: anybody may write to {place}", f"chmod o-w {place}")
        if sound:
            yield _ok("permissions", "keys are their owner's only; the node's folders can be written to")

    def key(self) -> Iterator[Checked]:
        self._signer = open_signer(self._config)
        try_signer(self._signer)
        yield _ok("key", f"signs as {self._signer.address}")

    def relay_key(self) -> Iterator[Checked]:
        if self._config.relay is None:
            yield _warn(
                "relay key", "no [relay]: suspensions are signed, and somebody else must bring them on chain", "add one"
            )
            return
        relay = open_keystore(self._config, "relay", self._config.relay)
        if self._signer is not None and relay.address == self._signer.address:
            yield _fail("relay key", "it is the operator's own key", "make one that holds gas and nothing else")
        else:
            yield _ok("relay key", f"sends from {relay.address}")

    def _asked(self, check: str, chain: ChainConfig) -> tuple[Registry | None, list[Checked]]:
        """The registry by the first endpoint that is good, and what was found at each of them."""
        first: Registry | None = None
        rows: list[Checked] = []
        heads: dict[int, int] = {}
        urls = chain.urls()
        for number, url in enumerate(urls, 1):
            # Two endpoints of one provider differ in what is never shown, so each is told by its place as well.
            place = f" (endpoint {number} of {len(urls)})" if len(urls) > 1 else ""
            try:
                began = time.monotonic()
                w3 = connect(url, chain_id=chain.id, timeout=_SECONDS)
                took = time.monotonic() - began
                with chain_faults(url):
                    heads[number] = int(w3.eth.block_number)
            except _WRONG as error:
                row = _of_error(check, error)
                rows.append(replace(row, found=row.found + place, remedy=row.remedy.replace("--rpc", "[chain]")))
                continue
            first = first or Registry(w3, chain.registry)
            rows.append(_ok(check, f"{shown_url(url)} is on chain {chain.id} (answered in {took:.2f} s){place}"))
        for number, head in heads.items():
            behind = max(heads.values()) - head
            if behind > chain.max_lag_blocks:
                found = f"{shown_url(urls[number - 1])} is {behind} blocks behind (endpoint {number} of {len(urls)})"
                rows.append(
                    _warn(check, found, "it is not read from until it has caught up: look at it, or name another")
                )
        return first, rows

    def chain(self) -> Iterator[Checked]:
        self._registry, rows = self._asked("chain", self._config.chain)
        yield from rows

    def _on_chain(self, check: str) -> Iterator[Checked]:
        """What is said where the chain was not read: that this was not looked at."""
        yield Checked(check, Result.FAIL, "not looked at: the chain was not read", "see `chain`", unreachable=True)

    def registry_code(self) -> Iterator[Checked]:
        if self._registry is None:
            yield from self._on_chain("registry")
            return
        w3, address = self._registry.w3, self._registry.address
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            code = bytes(w3.eth.get_code(to_checksum_address(address)))
        if same_code("FilingRegistry", code):
            yield _ok("registry", f"{address} runs this build's FilingRegistry")
        else:
            yield _fail(
                "registry", f"{address} runs other code than this build's FilingRegistry", "check [chain] registry"
            )

    def committee(self) -> Iterator[Checked]:
        if self._registry is None or self._signer is None:
            yield from (
                self._on_chain("committee")
                if self._registry is None
                else iter((_fail("committee", "not looked at: there is no key", "see `key`"),))
            )
            return
        found = key_standing(self._registry, self._signer.address)
        many = f"{self._registry.threshold()} of {len(found.operators)}"
        if found.standing is Standing.MEMBER:
            yield _ok("committee", f"the key is one of the operators; {many} must sign")
        elif found.standing is Standing.RETAINED:
            yield _warn(
                "committee",
                f"the key was replaced; what it signed counts until {_moment(found.moment)}",
                "let the node with the new key take over",
            )
        elif found.standing is Standing.ANNOUNCED:
            yield _warn(
                "committee",
                f"the key is announced, and may be seated from {_moment(found.moment)}",
                "keep the node with the old key running until then",
            )
        else:
            yield _fail(
                "committee",
                f"{self._signer.address} is not among the operators {', '.join(found.operators)}",
                "use the operator's own key, or have it added to the committee",
            )

    def clock(self) -> Iterator[Checked]:
        if self._registry is None:
            yield from self._on_chain("clock")
            return
        w3 = self._registry.w3
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            block = w3.eth.get_block("latest")
        number, moment, now = int(block["number"]), int(block["timestamp"]), time.time()
        wrong = clock_fault(moment, now, self._config.readiness, self._config.chain.id)
        age = f"block {number} is {now - moment:.0f} s old by this machine's clock"
        yield _fail("clock", wrong, "set the clock by NTP; look at the Ethereum node") if wrong else _ok("clock", age)

    def further_chains(self) -> Iterator[Checked]:
        for chain in self._config.chains:
            try:
                yield from self._asked(f"chain {chain.id}", chain)[1]
            except _WRONG as error:
                yield _of_error(f"chain {chain.id}", error)

    def relay_funds(self) -> Iterator[Checked]:
        if self._config.relay is None:
            return
        if self._registry is None:
            yield from self._on_chain("relay funds")
            return
        address = open_keystore(self._config, "relay", self._config.relay).address
        w3 = self._registry.w3
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            balance = int(w3.eth.get_balance(to_checksum_address(address)))
            base = int(w3.eth.get_block("latest").get("baseFeePerGas", 0))
            price = 2 * base + int(w3.eth.max_priority_fee)
        needed = self._suspensions * SUSPENSION_GAS * price
        found = f"{address} holds {balance} wei; {self._suspensions} suspensions cost {needed} wei at {price} wei a gas"
        yield _ok("relay funds", found) if balance >= needed else _fail("relay funds", found, f"send wei to {address}")

    def database(self) -> Iterator[Checked]:
        url = make_url(self._config.database_url())
        shown = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite":
            path = Path(url.database or "")
            if not path.is_file():
                yield _ok("database", f"{path} is not there yet; `serve` makes it")
                return
            # Where no writer left a log, the file alone is the database, and reading it leaves no other file behind.
            quiet = "" if Path(f"{path}-wal").exists() else "&immutable=1"
            engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true{quiet}", poolclass=NullPool)
        else:
            driver = "postgresql+psycopg" if url.drivername == "postgresql" else url.drivername
            wait = {"connect_timeout": int(_SECONDS)}
            engine = create_engine(url.set(drivername=driver), poolclass=NullPool, connect_args=wait)
        try:
            with engine.connect() as connection:
                yield from self._database(connection, shown)
        finally:
            engine.dispose()

    def _database(self, connection: Connection, shown: str) -> Iterator[Checked]:
        version = version_of(connection, shown)
        if version is None:
            yield _ok("database", f"{shown} is empty; `serve` fills it")
            return
        if version != HEAD:
            older = version.isdecimal() and version < HEAD
            yield _fail(
                "database",
                f"{shown} has version {version}, this program needs {HEAD}",
                "run `filing-gate store upgrade`" if older else "use the matching version of filing-gate",
            )
            return
        stated = {str(key): str(value) for key, value in connection.execute(select(tables.meta)).all()}
        own = {"chain": str(self._config.chain.id), "registry": self._config.chain.registry}
        if self._signer is not None:
            own["operator"] = self._signer.address
        for key, value in own.items():
            if stated.get(key, value) != value:
                yield _fail("database", f"{shown} belongs to {key} {stated[key]}, not {value}", "check [store] url")
                return
        yield _ok("database", f"{shown}, version {HEAD}, this operator's")

    def evidence(self) -> Iterator[Checked]:
        place = self._config.store.evidence
        if is_address(place):
            # Nothing stored there is ever removed, so a trial would stay.
            store = open_evidence(place, base=self._config.base)
            store.holds("0" * 64)
            yield _ok("evidence", f"{store} answers; writing was not tried: nothing stored there is ever removed")
            return
        folder = self._config.path(place)
        if not folder.exists():
            yield _ok("evidence", f"{folder} is not there yet; `serve` makes it")
            return
        data = os.urandom(64)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".new-check-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if Path(name).read_bytes() != data:
                yield _fail("evidence", f"{folder} gives back other bytes than were written", "replace the disk")
                return
        finally:
            Path(name).unlink()
        yield _ok("evidence", f"{folder}: a file was written, read back and removed")

    def disk(self) -> Iterator[Checked]:
        free = {name: free_space(path) for name, path in self._config.places().items()}
        faults = disk_faults(free, self._config.readiness.min_free_bytes)
        for fault in faults:
            yield _fail("disk", fault, "make room, or lower readiness.min_free_bytes")
        if not faults:
            yield _ok("disk", ", ".join(f"{name} {(size or 0) / 1e9:.1f} GB free" for name, size in free.items()))

    def sources(self) -> Iterator[Checked]:
        for source in self._config.sources:
            name = f"source {source.name}"
            try:
                yield self._source(name, source)
            except _WRONG as error:
                yield _of_error(name, error)

    def _source(self, name: str, source: SourceConfig) -> Checked:
        if isinstance(source, ManualSourceConfig):
            folder = self._config.path(source.folder)
            found = (
                f"{folder} is {'there' if folder.is_dir() else 'not there yet'}; it reads statements of persons only"
            )
            return _ok(name, f"asked nothing: {found}")
        if isinstance(source, CsrcSourceConfig):
            return _answered(name, source.base_url.rstrip("/") + "/robots.txt", source.user_agent, root=True)
        if isinstance(source, HttpJsonSourceConfig):
            # A real question costs quota and needs the secret: that somebody answers there has to do.
            top = str(httpx2.URL(source.url.split("{")[0]).join("/").copy_with(query=None, fragment=None))
            return _answered(name, top, source.user_agent, root=True)
        if source.url is not None:
            return _answered(name, source.url, source.user_agent, root=False)
        path = self._config.path(source.path or "")
        with path.open("rb") as file:
            file.read(1)
        return _ok(name, f"{path} can be read ({path.stat().st_size:,} bytes)")

    def time_stamps(self) -> Iterator[Checked]:
        if self._config.timestamp is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            # A store of its own: a trial stamp is no evidence.
            authority = make_authority(self._config, EvidenceStore(Path(folder)))
            assert authority is not None  # noqa: S101 - configured, as looked at above
            stamp = authority.stamp(b"filing-gate check")
        drift = abs((stamp.time - datetime.now(UTC)).total_seconds())
        yield _ok("time stamps", f"{shown_url(self._config.timestamp.url)} stamped; its clock differs by {drift:.0f} s")

    def node(self) -> Iterator[Checked]:
        http = self._config.http
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104 - what to ask instead
        url = f"http://{f'[{host}]' if ':' in host else host}:{http.port}"
        try:
            answer = httpx2.get(url + "/readyz", timeout=30, trust_env=False)
        except httpx2.TransportError:
            yield _ok("node", f"nothing answers at {url}: it is not running")
            return
        if answer.status_code == 200:
            yield _ok("node", f"{url} is ready")
        elif answer.status_code == 503:
            problems = _problems(answer)
            yield _fail("node", f"{url} is running and not ready: {problems}", "see the other checks and its log")
        else:
            yield _warn("node", f"{url} answers HTTP {answer.status_code}: not a node", "check [http] port")


def _problems(answer: httpx2.Response) -> str:
    try:
        content = answer.json()
        return "; ".join(f"{key}: {value}" for key, value in content["problems"].items())[:500]
    except (ValueError, KeyError, AttributeError, TypeError):
        return "it does not say why"


def _answered(check: str, url: str, user_agent: str, *, root: bool) -> Checked:
    """One request of which the body is not read. With `root` any answer but a fault of the server will do."""
    shown = shown_url(url)
    try:
        with (
            closing(httpx2.Client(timeout=_SECONDS, trust_env=False, follow_redirects=False)) as client,
            client.stream("GET", url, headers={"User-Agent": user_agent, "Range": "bytes=0-0"}) as answer,
        ):
            status = answer.status_code
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        what = f"{shown} gave no answer ({type(error).__name__})"
        return Checked(check, Result.FAIL, what, "check address and network", unreachable=True)
    if status >= 500:
        return Checked(check, Result.FAIL, f"{shown} answers HTTP {status}", "try again later", unreachable=True)
    if not root and status >= 400:
        return _fail(check, f"{shown} answers HTTP {status}", "check the address in the configuration")
    return _ok(check, f"{shown} answers (HTTP {status})")


def _moment(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds or 0, UTC).isoformat(timespec="seconds")
