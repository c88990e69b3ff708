"""The database goes away while a node serves: 503 and nothing lost, and it goes on when the database is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from oracle.evidence.store import EvidenceStore
from oracle.node.config import NodeConfig
from oracle.node.service import Node
from oracle.signing.keys import KeySigner
from oracle.store.database import Database
from tests.node.running_nodes import ServedNode
from tests.samples.dossier import REGISTRY, sample_bytes

pytestmark = pytest.mark.slow


def test_serve__database_gone_and_back__503_then_as_before(
    postgres_server: Any, postgres_url: str, tmp_path: Path
) -> None:
    config = NodeConfig.model_validate(
        {
            "name": "operator-1",
            "chain": {"id": 31337, "registry": REGISTRY, "rpc_url": "http://127.0.0.1:1"},
            "key": {"keystore": "unused", "password_env": "UNUSED"},
            "sources": [{"type": "csrc", "base_url": "http://127.0.0.1:1", "table_channels": ["c1"]}],
        }
    )
    database = Database(postgres_url)
    node = ServedNode(Node(config, database, [], KeySigner(b"\x01" * 32), EvidenceStore(tmp_path)))
    name = make_url(postgres_url).database
    try:
        client = node.client()
        assert client.post("/v1/dossiers", sample_bytes()).status == 201
        with psycopg.connect(postgres_server.get_uri(), autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            gone = client.post("/v1/dossiers", sample_bytes())
            assert gone.status == 503
            assert "the database can't be used" in gone.content["title"]
            assert not database.ready()
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        again = client.post("/v1/dossiers", sample_bytes())
        assert (again.status, again.content["new"]) == (200, False)
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM answers")).scalar() == 2
    finally:
        node.stop()
