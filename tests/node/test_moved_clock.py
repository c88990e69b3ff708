"""This machine's clock and the chain's apart: nothing is signed that the chain would refuse, and readiness says so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from oracle.chain.rpc import raw_call
from oracle.node.service import CHAIN_SECONDS
from scripts.load import Place
from tests.node.served_process import Ground, ground

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(300)]

NUMBER = "国合函〔2026〕7200号"
LONGEST = 72 * 3600
#: The chain of these tests makes blocks all the time, so its newest one is held to a real chain's limit.
WATCHED = ("[readiness]", "[readiness]\nhead_seconds = 900")


class Clocks(Place):
    """A node whose approvals are asked for with windows of the test's choice."""

    def __init__(self, base: Ground, name: str) -> None:
        super().__init__(base, name, filings=0, replaced=WATCHED)
        self.operator = str(self.command("api-key", "new", "--name", "test", "--scope", "operator")["key"])
        self.publish(NUMBER)

    def ask(self, window: int) -> tuple[int, dict[str, Any]]:
        """An approval until `window` seconds from this machine's now."""
        reply = self.post("/v1/approvals", self.proposed(NUMBER, window))
        return reply.status, reply.content

    def refused(self, window: int, words: str) -> None:
        """Asked for it, the node signs nothing and says why."""
        before = signatures(self)
        status, content = self.ask(window)
        assert (status, content["type"]) == (503, "urn:filing-gate:problem:unreachable"), content
        assert words in content["title"], content
        assert signatures(self) == before

    def clock_problem(self) -> str:
        return str(self.served.get("/readyz").json())


def signatures(place: Clocks) -> int:
    page = place.served.get("/metrics", headers={"Authorization": f"Bearer {place.operator}"}).text
    lines = [line for line in page.splitlines() if line.startswith('filing_gate_signatures_total{kind="approval"}')]
    return int(float(lines[0].split()[1])) if lines else 0


def set_back(w3: Web3, seconds: int) -> None:
    """The chain's clock goes forward: this machine's is behind it by so much."""
    raw_call(w3, "evm_increaseTime", [hex(seconds)])
    raw_call(w3, "evm_mine", [])
    time.sleep(CHAIN_SECONDS)  # so long a node may answer by what it read of the chain before


def test_clock_behind_the_chain__nothing_is_signed(tmp_path: Path) -> None:
    with ground(tmp_path, block_time=1) as base:
        place = Clocks(base, "behind")
        assert "behind the newest block" not in place.clock_problem()
        set_back(base.w3, 200)
        # Within what clocks may differ; but a window that is over by the chain's is none.
        place.refused(150, "the window ends at")
        assert "behind the newest block" in place.clock_problem()
        set_back(base.w3, 400)
        place.refused(86_400, "behind the newest block")
        assert place.served.stop() == 0


def test_clock_ahead_of_the_chain__nothing_is_signed_that_the_chain_would_refuse(tmp_path: Path) -> None:
    with ground(tmp_path, block_time=1, timestamp=int(time.time()) - 600) as base:
        place = Clocks(base, "ahead")
        # 10 minutes: the longest window that this machine would give is longer than the registry takes.
        place.refused(LONGEST, "too far ahead of the newest block")
        status, content = place.ask(86_400)
        assert status == 200, content
        assert place.served.stop() == 0
    other = tmp_path / "hours"
    other.mkdir()
    with ground(other, block_time=1, timestamp=int(time.time()) - 7200) as base:
        place = Clocks(base, "hours")
        place.refused(86_400, "this machine's clock is ahead")
        assert "this machine's clock is ahead" in place.clock_problem()
        assert place.served.stop() == 0
