"""A process that dies between fetching and deciding loses nothing it has seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oracle.audit.evidence_check import prove_store
from oracle.evidence.store import EvidenceStore
from tests.standin.csrc_site import CsrcSite

NUMBER = "国合函〔2026〕886号"
COMPANY = "苏州恒信供应链管理有限公司"

#: A visit whose parser never returns: it says so, and waits for its end.
CHILD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from oracle.domain.filing import FilingQuery
from oracle.evidence.store import EvidenceStore
from oracle.sources import csrc

folder, url, step, number, name = sys.argv[1:]

def stop(*_):
    print("fetched, nothing parsed yet", flush=True)
    time.sleep(60)

setattr(csrc, step, stop)
config = csrc.CsrcConfig(base_url=url, table_channels=["c900001"], notice_channels=["c900002"])
source = csrc.CsrcSource(config, EvidenceStore(Path(folder)), lambda: datetime.now(UTC))
source.observe(FilingQuery(number=number, entity_name=name))
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ("parse_channel", "parse_list", "parse_notice", "parse_table"))
def test_visit__killed_before_it_parses__every_exchange_is_there(site: CsrcSite, tmp_path: Path, step: str) -> None:
    site.publish_notice(number=NUMBER, company=COMPANY, units=10, amount="100", issued_on="2026-11-20")
    site.set_row_status(COMPANY, "补充材料")
    folder = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), site.url, step, NUMBER, COMPANY], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    with child.stdout:
        assert child.stdout.readline() == "fetched, nothing parsed yet\n"
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(timeout=10) == -signal.SIGKILL
    store = EvidenceStore(folder)
    exchanges = [store.exchange(name) for name in store.hashes()]
    assert site.site
    assert sorted(item.url.removeprefix(site.url) for item in exchanges) == sorted(site.site.requests)
    assert all(item.body and item.status for item in exchanges if not item.url.endswith("robots.txt"))
    assert {warc for _, warc in store.index_entries()} == set(store.hashes())


NODE = """
name = "operator"
[chain]
id = 31337
registry = "0x1111111111111111111111111111111111111111"
rpc_url = "http://127.0.0.1:1"
[key]
keystore = "unused"
password_env = "UNUSED"
[[sources]]
type = "csrc"
base_url = "{url}"
table_channels = ["c900001"]
notice_channels = ["c900002"]
timeout_seconds = 60
deadline_seconds = 60
"""


@pytest.mark.slow
def test_observe__process_killed_before_it_concludes__every_body_in_the_store_and_provable(
    site: CsrcSite, tmp_path: Path
) -> None:
    """The program itself: the site holds back the last answer, all others are fetched and nothing is decided."""
    assert site.site
    site.publish_notice(number=NUMBER, company=COMPANY, units=10, amount="100", issued_on="2026-11-20")
    site.set_row_status(COMPANY, "补充材料")
    site.set_state(fault={"kind": "slow", "path": ".xlsx"}, slowSeconds=60)
    (tmp_path / "node.toml").write_text(NODE.format(url=site.url))
    command = [sys.executable, "-m", "oracle", "observe", "--config", str(tmp_path / "node.toml")]
    child = subprocess.Popen([*command, "--number", NUMBER, "--entity", COMPANY], stdout=subprocess.PIPE)
    assert child.stdout
    with child.stdout:
        end = time.monotonic() + 30
        while not site.site.struck and time.monotonic() < end and child.poll() is None:
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(timeout=10) == -signal.SIGKILL
        assert child.stdout.read() == b""
    store = EvidenceStore(tmp_path / "evidence")
    # The one that was never answered is the last one asked for, and nobody has its body.
    *answered, held_back = site.site.requests
    assert held_back.endswith(".xlsx")
    captured = [store.exchange(warc) for _, warc in store.index_entries()]
    assert sorted(item.url.removeprefix(site.url) for item in captured) == sorted(answered)
    assert any(NUMBER.encode() in item.body for item in captured)
    proof = prove_store(store)
    assert proof.check.findings == []
    assert proof.check.counts["captures.lookedThrough"] == len(answered) - 1
    assert proof.check.counts["captures.robots"] == 1
