"""The API holds to its own description: schemathesis tries every call, with what it allows and with what it forbids.

`FILING_GATE_API_EXAMPLES=500` runs the long profile; the usual one is small and always the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig

from oracle.node.http_api import create_app
from tests.node.running_nodes import World, bare_node

EXAMPLES = int(os.environ.get("FILING_GATE_API_EXAMPLES", "4"))
LONG = "FILING_GATE_API_EXAMPLES" in os.environ

CONFIG = {
    "seed": 20261122,
    "generation": {"mode": "all", "max-examples": EXAMPLES, "deterministic": True, "database": "none"},
    # Every bound of every key takes minutes: here it is tried of one proposal and one statement, in the long profile of
    # all bodies.
    "operations": []
    if LONG
    else [{"include-name": ["POST /v1/dossiers", "POST /v1/updates"], "phases": {"coverage": {"enabled": False}}}],
    "checks": {
        "enabled": True,
        # A document can fit its JSON Schema and be wrong: check digits, references between its parts, dates that have
        # not come. That is answered with 422 like everything else that is wrong in a body.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "415", "422", "503"]},
        "negative_data_rejection": {"expected-statuses": ["400", "401", "404", "405", "413", "414", "415", "422"]},
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]},
    },
}


def description() -> dict[str, Any]:
    """What a node says of its API; it is the same for every node."""
    with TemporaryDirectory() as folder:
        node = bare_node(Path(folder))
        with closing(node.database):
            return create_app(node).openapi()


api = schemathesis.openapi.from_dict(description(), config=SchemathesisConfig.from_dict(CONFIG))


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keeps its connections."""
    with requests.Session() as found:
        found.trust_env = False
        yield found


@pytest.mark.slow
@api.parametrize()
def test_api__everything_described__is_as_described(case: Any, shared_world: World, session: requests.Session) -> None:
    node = shared_world.nodes[0]
    case.call_and_validate(base_url=node.url, headers=node.headers, session=session, timeout=20)
