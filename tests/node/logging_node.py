"""A node without a chain, that keeps a log and serves it; and what one can do who owns its database and its keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import delete, select

from oracle.cli.options import NODE_KEY_ENV
from oracle.domain.filing import FilingQuery
from oracle.evidence.log_leaf import LogLeaf, read_leaf
from oracle.evidence.store import EvidenceStore
from oracle.node.config import NodeConfig
from oracle.node.published_log import PublishedLog, new_log_key, open_log
from oracle.node.service import Node
from oracle.signing.keys import KeySigner
from oracle.store import tables
from oracle.store.database import Database
from oracle.store.log import append_leaf
from tests.node.running_nodes import ServedNode
from tests.samples.dossier import ENTITY_NAME, NUMBER, sample_observation
from tests.store.tampering import unprotected

SIGNER = KeySigner(b"\x07" * 32)
REGISTRY = "0x" + "12" * 20
WHEN = "2026-11-22T00:00:00.000+00:00"


def config_of(folder: Path) -> NodeConfig:
    return NodeConfig.model_validate(
        {
            "name": "operator-7",
            "chain": {"id": 31337, "registry": REGISTRY, "rpc_url": "http://127.0.0.1:9"},
            "key": {"keystore": "unused", "password_env": "UNUSED"},
            "transparency": {"key": "log-key.pem"},
            "sources": [{"type": "csrc", "base_url": "https://example.org", "table_channels": ["c1"]}],
        }
    ).model_copy(update={"base": folder})


class LoggingNode:
    """`serve` starts it, also again after its database was put back or rewritten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "log-key.pem").exists():
            new_log_key(folder / "log-key.pem")
        self.config = config_of(folder)
        self.database = Database(self.config.database_url())
        self.database.bind_to({"operator": SIGNER.address, "chain": "31337", "registry": REGISTRY})
        self.log: PublishedLog
        self.url = ""

    @contextmanager
    def serve(self) -> Iterator[LoggingNode]:
        log = open_log(self.config, self.database.engine, SIGNER)
        assert log is not None
        self.log = log
        evidence = EvidenceStore(self.folder / "evidence")
        served = ServedNode(Node(self.config, self.database, [], SIGNER, evidence, log=log))
        self.url = served.url
        os.environ[NODE_KEY_ENV] = served.key
        try:
            yield self
        finally:
            served.stop()
            os.environ.pop(NODE_KEY_ENV, None)

    def decide(self, count: int = 1) -> None:
        """Keep that many sightings with one observation, decisions and signatures: three leaves each."""
        for _ in range(count):
            request = self.database.add_request(WHEN, "POST", "/v1/approvals", b"{}")
            self.database.add_sighting(FilingQuery(number=NUMBER, entity_name=ENTITY_NAME), [sample_observation()])
            record = b'{"decision":{"number":%d}}' % request
            decision = self.database.add_decision(request, "approval", "0x00", 1, False, record)
            signature = "0x" + f"{request:0130x}"
            self.database.add_signature(decision, "0xf", 1, digest_of(request), signature, WHEN)

    def fill(self, count: int) -> None:
        """Append that many leaves of nothing."""
        with self.database.engine.begin() as connection:
            append_leaf(connection, *(LogLeaf("decision", f"x{number}", f"{number:064x}") for number in range(count)))

    def rewrite(self, change: Callable[[list[LogLeaf]], Sequence[LogLeaf]], *, forget: bool = True) -> None:
        """Another history in place of the log's, as a dishonest operator makes it; `forget` what was signed, too."""
        with unprotected(self.database) as connection:
            column = tables.log_leaves.c.leaf
            rows = connection.execute(select(column).order_by(tables.log_leaves.c.index)).scalars()
            leaves = [read_leaf(bytes(row)) for row in rows]
            gone = [tables.log_leaves, tables.log_nodes, tables.log_head]
            for table in (*gone, *([tables.log_checkpoints] if forget else [])):
                connection.execute(delete(table))
            append_leaf(connection, *change(leaves))
        if forget:
            self.forget()

    def forget(self) -> None:
        """Remove what the node remembers outside its database."""
        for file in (self.folder / "state" / "log").glob("*"):
            file.unlink()


def digest_of(number: int) -> str:
    """The digest that decision `number` of `LoggingNode.decide` signed."""
    return f"0x{number:064x}"
