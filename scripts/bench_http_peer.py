"""The peers of `scripts/bench_http.py`, served by uvicorn with one worker: what the parts alone would cost.

`app`: a bare FastAPI endpoint that has pydantic validate the same proposal, eth-account sign it, and one commit to
SQLite keep it (WAL, synchronous=FULL), each by itself. `hello`: uvicorn and an application that does nothing.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from fastapi import FastAPI

from oracle.node.api_models import ApprovalRequest
from oracle.signing.eip712 import Domain
from oracle.signing.typed_data import typed_data

__all__ = ["app", "hello"]

_DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
_SECRET = b"\x01" * 32

app = FastAPI()
_database = sqlite3.connect(os.environ.get("BENCH_PEER_DATABASE", ":memory:"), isolation_level=None)
_database.execute("PRAGMA journal_mode=WAL")
_database.execute("PRAGMA synchronous=FULL")
_database.execute("CREATE TABLE IF NOT EXISTS approvals (id INTEGER PRIMARY KEY, body TEXT, signature TEXT)")


@app.post("/v1/approvals")
async def approve(proposal: ApprovalRequest) -> dict[str, Any]:
    """Validate, sign, keep."""
    message = encode_typed_data(full_message=typed_data(_DOMAIN, proposal.approval))
    signature = "0x" + Account.sign_message(message, _SECRET).signature.hex().removeprefix("0x")
    _database.execute(
        "INSERT INTO approvals (body, signature) VALUES (?, ?)", (proposal.model_dump_json(by_alias=True), signature)
    )
    return {"signature": signature}


async def hello(scope: Any, _receive: Any, send: Any) -> None:
    """ASGI: an empty 200 for every request."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
