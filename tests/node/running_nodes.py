"""A small world for tests: anvil, the stand-in of the regulator's site, nodes behind real uvicorn servers."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from web3 import Web3

from oracle.audit.bundle_check import verify_bundle
from oracle.chain.deployment import Deployment, Manifest, deploy
from oracle.chain.registry import Registry
from oracle.chain.sender import NodeAccountSender
from oracle.collector.node_client import NodeClient
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.evidence.store import EvidenceStore
from oracle.node.config import NodeConfig
from oracle.node.http_api import create_app
from oracle.node.published_log import new_log_key, open_log
from oracle.node.service import Node, make_sources
from oracle.rules.case import SHANGHAI
from oracle.signing.keys import KeySigner, Signer
from oracle.sources import Source
from oracle.store import tables
from oracle.store.api_keys import ApiKeys, Scope
from oracle.store.database import Database
from tests.anvil import AnvilProcess, start_anvil
from tests.samples.dossier import ENTITY_NAME, NUMBER, sample_dossier
from tests.standin.csrc_content import TOKEN_NOTICES, TOKEN_TABLE
from tests.standin.csrc_site import CsrcSite
from tests.store.tampering import unprotected

AMOUNT = "100000000"
UNITS = 1_000_000


class ServedNode:
    """A node behind a real HTTP server on a free port. `key` is an operator's, good for every call."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key = self.new_key(Scope.OPERATOR)
        app = create_app(node, lambda data: verify_bundle(data).as_json())
        settings = uvicorn.Config(app, port=0, log_level="error", server_header=False, proxy_headers=False)
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def new_key(self, *scopes: Scope) -> str:
        """A key with these scopes."""
        return ApiKeys(self.node.database.engine).new("test", scopes, int(time.time()))[1]

    def client(self, timeout: float = 45) -> NodeClient:
        """Calls this node with its key."""
        return NodeClient(self.url, key=self.key, timeout=timeout)

    @property
    def headers(self) -> dict[str, str]:
        """The key as a header."""
        return {"Authorization": f"Bearer {self.key}"}

    def stop(self) -> None:
        """End the server and close the database."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self.node.database.close()


def bare_node(folder: Path, **http: Any) -> Node:
    """A node without chain and sources: enough for what the entrance decides. `http` is [http] of its configuration."""
    config = NodeConfig.model_validate(
        {
            "name": "bare",
            "http": http,
            "chain": {"id": 1, "registry": "0x" + "00" * 20, "rpc_url": "http://127.0.0.1:1"},
            "key": {"keystore": "unused", "password_env": "UNUSED"},
            "sources": [{"type": "csrc", "notice_channels": [TOKEN_NOTICES]}],
        }
    ).model_copy(update={"base": folder})
    database = Database(f"sqlite:///{folder / 'node.db'}")
    return Node(config, database, [], KeySigner(b"\x01" * 32), EvidenceStore(folder / "evidence"))


def rows(node: ServedNode, query: str, *values: object) -> list[Any]:
    """What a node's database holds, read by another connection."""
    path = node.node.config.path("node.db")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def _idle(node: ServedNode) -> bool:
    """Whether every request received has been answered."""
    open_requests = "select count(*) from requests where id not in (select request_id from answers)"
    return bool(rows(node, open_requests)[0][0] == 0)


@dataclass
class World:
    """What a test works with; `fresh` puts site and chain back to their first state."""

    anvil: AnvilProcess
    site: CsrcSite
    w3: Web3
    deployment: Deployment
    nodes: list[ServedNode]
    issuer: NodeAccountSender
    _snapshot: Any = None
    signers: list[Signer] = field(default_factory=list)

    @property
    def registry(self) -> Registry:
        return Registry(self.w3, self.deployment.registry)

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    def client(self, index: int = 0) -> NodeClient:
        """Calls the node of that index with its key."""
        return self.nodes[index].client()

    def clients(self, timeout: float = 45) -> list[NodeClient]:
        """Calls every node, each with its key."""
        return [node.client(timeout) for node in self.nodes]

    def dossier(self, changes: dict[str, Any] | None = None) -> Dossier:
        """The sample dossier for this deployment, of today."""
        return parse_dossier(canonical_bytes(self.dossier_json(changes)), what="sample")

    def dossier_json(self, changes: dict[str, Any] | None = None) -> dict[str, Any]:
        """The same as JSON."""
        tokens = [token.address for token in self.deployment.tokens[:2]]
        return sample_dossier(changes, today=datetime.now(UTC).astimezone(SHANGHAI).date(), tokens=tokens)

    def publish(self, **changes: Any) -> None:
        """Publish the filing notice that fits the sample dossier."""
        issued_on = (datetime.now(UTC).astimezone(SHANGHAI).date() - timedelta(days=27)).isoformat()
        notice: dict[str, Any] = {
            "number": NUMBER,
            "company": ENTITY_NAME,
            "units": UNITS,
            "amount": AMOUNT,
            "issued_on": issued_on,
        }
        self.site.publish_notice(**{**notice, **changes})

    def fresh(self, seconds: float = 20) -> None:
        """Empty the site's publications and undo everything on the chain, and what nodes remember to have signed.

        `seconds`: as `settle`.
        """
        self.settle(seconds)
        for node in self.nodes:
            with unprotected(node.node.database, "signing_claims") as connection:
                connection.execute(tables.signing_claims.delete())
        self.site.set_state(tokenRows=[], notices=[], withdrawals=[], fault=None)
        self.w3.provider.make_request("evm_revert", [self._snapshot])  # type: ignore[arg-type]
        self._snapshot = self.w3.provider.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]

    def settle(self, seconds: float = 20) -> None:
        """Wait until every node has answered everything: a third node may still work when two have signed.

        What a killed process on the same database was asked is never answered: so long it is waited at most.
        """
        end = time.monotonic() + seconds
        while not all(_idle(node) for node in self.nodes) and time.monotonic() < end:
            time.sleep(0.05)


def _config(
    index: int,
    site: CsrcSite,
    anvil: AnvilProcess,
    registry: str,
    folder: Path,
    declarants: Sequence[dict[str, Any]],
    cache_seconds: int = 0,
) -> NodeConfig:
    return NodeConfig.model_validate(
        {
            "name": f"operator-{index}",
            "http": {
                "cache_seconds": cache_seconds,
                "limits": dict.fromkeys(("issuer", "auditor", "operator", "anonymous", "sign_in"), 0),
            },
            "chain": {"id": 31337, "registry": registry, "rpc_url": anvil.url},
            "key": {"keystore": "unused", "password_env": "UNUSED"},
            "duties": {"declarants": list(declarants)},
            "transparency": {"key": "log-key.pem"},
            "sources": [
                {
                    "type": "csrc",
                    "base_url": site.url,
                    "table_channels": [TOKEN_TABLE],
                    "notice_channels": [TOKEN_NOTICES],
                    "attempts": 1,
                    "timeout_seconds": 1.5,
                    "deadline_seconds": 2.5,
                }
            ],
        }
    ).model_copy(update={"base": folder})


def served_node(
    config: NodeConfig, signer: Signer, sources: Sequence[Source] | None, relay: NodeAccountSender | None = None
) -> ServedNode:
    """A node that runs on a new folder, its configuration's base. With `sources`, it asks those."""
    own = config.base
    own.mkdir()
    evidence = EvidenceStore(own / "evidence")
    database = Database(f"sqlite:///{own / 'node.db'}")
    asked = make_sources(config, evidence) if sources is None else sources
    new_log_key(own / "log-key.pem")
    log = open_log(config, database.engine, signer)
    return ServedNode(Node(config, database, asked, signer, evidence, relay, log=log))


@contextmanager
def running_world(
    folder: Path,
    *,
    declarants: Sequence[dict[str, Any]] = (),
    sources: Sequence[Source] | None = None,
    first: Signer | None = None,
    delays: Mapping[str, int] | None = None,
    cache_seconds: int = 0,
    began: int | None = None,
    more_tokens: Sequence[str] = (),
) -> Iterator[World]:
    """A 2-of-3 committee with its nodes running, two tokens deployed, nothing published.

    The first node has a relay; `declarants` may declare events at every node. With `sources`, nodes ask those and not
    the site. `first` signs for the first node instead of a key in memory. `delays` are the committee's, as a manifest
    names them. `cache_seconds` is [http] of every node. `began` is the time of the chain's first block, this moment if
    it is not given; `more_tokens` are symbols of further tokens.
    """
    with ExitStack() as stack:
        anvil = stack.enter_context(start_anvil(timestamp=began) if began is not None else start_anvil())
        site = stack.enter_context(CsrcSite(folder / "site.json"))
        # Lists of one page: that longer ones are read to their end is tested in tests/sources.
        site.set_state(fillersNewer=2, fillersOlder=1)
        w3 = Web3(Web3.HTTPProvider(anvil.url))
        issuer = NodeAccountSender(str(w3.eth.accounts[0]))
        signers: list[Signer] = [first or KeySigner(b"\x01" * 32), KeySigner(b"\x02" * 32), KeySigner(b"\x03" * 32)]
        roles = {"admin": issuer.address, "issuer": issuer.address}
        named = [("senior", "seni"), ("subordinated", "subo")]
        named += [(f"more-{index}", symbol) for index, symbol in enumerate(more_tokens)]
        tokens = [{"id": ident, "name": ident, "symbol": symbol, "decimals": 6, **roles} for ident, symbol in named]
        committee = {"operators": [signer.address for signer in signers], "threshold": 2, **(delays or {})}
        deployment = deploy(Manifest.model_validate({"committee": committee, "tokens": tokens}), w3, issuer)
        nodes = []
        for index, signer in enumerate(signers, start=1):
            relay = NodeAccountSender(str(w3.eth.accounts[-1])) if index == 1 else None
            config = _config(
                index, site, anvil, deployment.registry, folder / f"operator-{index}", declarants, cache_seconds
            )
            node = served_node(config, signer, sources, relay)
            stack.callback(node.stop)
            nodes.append(node)
        world = World(anvil, site, w3, deployment, nodes, issuer, signers=signers)
        world._snapshot = w3.provider.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]
        yield world
