"""The node as a process: what it shows and prints while things go wrong, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from oracle.chain.registry import Registry
from oracle.chain.sender import NodeAccountSender
from oracle.collector.node_client import NodeClient
from oracle.collector.proposal import propose_approval
from oracle.domain.dossier import parse_dossier
from tests.node.served_process import PASSWORD, ROOT, Ground, Served, ground
from tests.samples.dossier import ENTITY_NAME, NUMBER

pytestmark = pytest.mark.slow

RPC_KEY = "rpckey0123456789abcdef"
SOURCE_KEY = "source-key-abcdef-987"
AWS_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE"
API_KEY = "fgk_0a1b2c3d4e5f60718293a4b5"
PLANTED = (RPC_KEY, SOURCE_KEY, AWS_KEY, API_KEY, PASSWORD, "db-pass-4711")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("ground")) as made:
        yield made


def approve(place: Ground, served: Served, *, submit: bool) -> None:
    """An approval of the sample filing, published and signed."""
    dossier = parse_dossier(place.dossier(), what="sample")
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 27 * 86400))
    place.site.publish_notice(number=NUMBER, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=day)
    registry = Registry(place.w3, place.deployment.registry)
    client = NodeClient(served.url, timeout=30)
    proposed = propose_approval([client], registry, 31337, dossier, now=int(time.time()), window_seconds=86400)
    if submit:
        account = NodeAccountSender(str(place.w3.eth.accounts[0]))
        registry.approve(account, proposed.proposal, proposed.quorum.require())


def series(text: str) -> dict[str, set[str]]:
    """Name of every series in a scrape, with the labels it has."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        match = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ", line)
        if match and not line.startswith("#"):
            found.setdefault(match[1], set()).update(re.findall(r"(\w+)=\"", match[2] or ""))
    return found


#: What Prometheus itself adds.
TARGET_LABELS = {"instance", "job"}


def faults_of(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What an expression asks for that no node shows."""
    faults = []
    labels: set[str] = set(TARGET_LABELS)
    names = re.findall(r"\b((?:filing_gate_|up\b)\w*)(?:\{([^}]*)\})?", expression)
    for name, matchers in names:
        if name == "up":
            continue
        if name not in known:
            faults.append(f"no metric {name}")
            continue
        labels |= known[name]
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        faults += [f"{name} has no label {label}" for label in asked - known[name] - TARGET_LABELS]
    for group in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        asked = {label.strip() for label in group.split(",")}
        faults += [f"nothing here has a label {label}" for label in asked - labels]
    return faults if names else ["no metric at all"]


def test_alerts_and_dashboard__after_a_real_run__ask_for_nothing_a_node_does_not_show(place: Ground) -> None:
    served = place.serve(place.config("shown"))
    approve(place, served, submit=True)
    place.site.set_state(fault="500")
    served.get(f"/v1/filings/{NUMBER}")
    place.site.set_state(fault=None)
    end = time.monotonic() + 30
    known: dict[str, set[str]] = {}
    wanted = {
        "filing_gate_alerts",
        "filing_gate_approval_expiry_timestamp_seconds",
        "filing_gate_rules_not_passed_total",
        "filing_gate_job_lag_seconds",
    }
    # A refused decision shows the rules that did not pass; the filing is recorded by the next sweep.
    approval = {"approval": {"filing": "0x00"}}
    served.get("/v1/nothing")
    httpx2.post(served.url + "/v1/approvals", json=approval, trust_env=False)
    place.site.set_state(notices=[])
    client = NodeClient(served.url, timeout=30)
    dossier = parse_dossier(place.dossier(), what="sample")
    registry = Registry(place.w3, place.deployment.registry)
    propose_approval([client], registry, 31337, dossier, now=int(time.time()), window_seconds=86400)
    text = ""
    while time.monotonic() < end and not wanted <= known.keys():
        text = served.get("/metrics").text
        known = series(text)
        time.sleep(0.5)
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            assert faults_of(rule["expr"], known) == [], rule["alert"]
            named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
            offered = set().union(*(known.get(name, set()) for name in re.findall(r"filing_gate_\w+", rule["expr"])))
            assert named <= offered | TARGET_LABELS, rule["alert"]
    board = json.loads((ROOT / "deploy/grafana/filing-gate.json").read_text("utf-8"))
    targets = [(panel["title"], item) for panel in board["panels"] for item in panel["targets"]]
    assert len(targets) > 30
    for title, item in targets:
        assert faults_of(item["expr"], known) == [], title
        offered = set().union(*(known.get(name, set()) for name in re.findall(r"filing_gate_\w+", item["expr"])))
        assert set(re.findall(r"\{\{(\w+)\}\}", item["legendFormat"])) <= offered | TARGET_LABELS, title
    assert all(name.startswith(("filing_gate_",)) for name in known)
    assert 'filing_gate_filings{status="APPROVED"} 1.0' in text
    assert 'filing_gate_decisions_total{kind="approval",outcome="approved"} 1.0' in text
    assert 'filing_gate_decisions_total{kind="approval",outcome="refused"} 1.0' in text
    assert 'filing_gate_rules_not_passed_total{rule="FILE-1"} 1.0' in text
    assert 'filing_gate_signatures_total{kind="approval"} 1.0' in text
    assert 'filing_gate_operator_standing{standing="member"} 1.0' in text
    assert "filing_gate_relay_balance_wei 1e+18" in text
    assert 'route="unmatched"' in text
    answered = r'filing_gate_http_requests_total\{method="GET",route="/v1/filings/\{number\}",status="200"\} [1-9]'
    assert re.search(answered, text)
    stop_with_requests_in_flight(place, served)


def stop_with_requests_in_flight(place: Ground, served: Served) -> None:
    """SIGTERM while the node waits for the site: what it has accepted it answers, and it exits 0."""
    place.site.set_state(fault="slow")
    answers: list[Any] = []

    def ask() -> None:
        answers.append(served.get(f"/v1/filings/{NUMBER}").status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    in_flight = re.compile(r"filing_gate_http_requests_in_progress [3-9]")
    end = time.monotonic() + 10
    while not in_flight.search(served.get("/metrics").text) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)  # the others are accepted by then
    assert served.stop() == 0
    for thread in threads:
        thread.join(30)
    place.site.set_state(fault=None)
    assert answers == [200] * 4


def test_expression_checker__wrong_metric_or_label__is_found() -> None:
    known = {"filing_gate_ready": {"check"}}
    assert faults_of("filing_gate_ready == 0", known) == []
    assert faults_of("filing_gate_raedy == 0", known) == ["no metric filing_gate_raedy"]
    assert faults_of('filing_gate_ready{kind="x"}', known) == ["filing_gate_ready has no label kind"]
    assert faults_of("sum by (rule) (filing_gate_ready)", known) == ["nothing here has a label rule"]


def test_logs__secrets_everywhere_and_every_subsystem_failing__none_is_printed(place: Ground, tmp_path: Path) -> None:
    more = f"""
[logging]
format = "json"
level = "debug"
[[sources]]
type = "http-json"
name = "vendor"
url = "{place.site.url}/nothing/{{number}}?token={SOURCE_KEY}"
fields = {{ number = "/n", entityName = "/e", status = "/s", decisionDate = "/d" }}
auth_env = "VENDOR_KEY"
attempts = 1
"""
    config = place.config("leaks", rpc='rpc_url_env = "THE_RPC"', more=more)
    secrets = {
        "THE_RPC": place.anvil.url.replace("http://", f"http://user:{RPC_KEY}@") + f"/v3/{RPC_KEY}?apikey={RPC_KEY}",
        "VENDOR_KEY": SOURCE_KEY,
        "AWS_SECRET_ACCESS_KEY": AWS_KEY,
        "DATABASE_PASSWORD": "db-pass-4711",
    }
    served = place.serve(config, **secrets)
    headers = {"Authorization": f"Bearer {API_KEY}", "X-Api-Key": API_KEY, "Cookie": f"session={API_KEY}"}
    forged = "%0a%7b%22level%22:%22critical%22,%22event%22:%22forged%22%7d%E2%80%AE%1b[31m"
    served.get(f"/v1/filings/{NUMBER}{forged}", headers=headers)
    served.get(f"/v1/{API_KEY}?key={API_KEY}", headers=headers)
    httpx2.post(served.url + "/v1/dossiers", content=API_KEY.encode(), headers=headers, trust_env=False)
    served.get(f"/v1/filings/{NUMBER}", headers=headers)
    # The chain goes silent, and a table of the database is gone.
    place.anvil._process.send_signal(19)
    try:
        with closing(sqlite3.connect(place.folder / "leaks.db")) as database:
            database.execute("ALTER TABLE answers RENAME TO gone")
            assert served.get("/v1/dossiers/0x00", headers=headers).status_code == 503
            database.execute("ALTER TABLE gone RENAME TO answers")
    finally:
        place.anvil._process.send_signal(18)
    assert served.stop() == 0
    text = served.text()
    for secret in PLANTED:
        assert secret not in text, secret
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    events = {line["event"] for line in lines}
    assert {"answered", "source not read"} <= events
    assert "forged" not in events
    assert any(line.get("status") == 503 for line in lines), "the failure of the database"
    assert any(line["logger"].startswith("uvicorn") for line in lines)
    assert all(line["operator"] == "leaks" for line in lines)
    answered = [line for line in lines if line["event"] == "answered"]
    assert all(line["request_id"] for line in answered)
    assert any(line.get("filing", "").startswith(NUMBER) for line in answered)
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.soak
def test_rolling__two_replicas_restarted_one_after_the_other__no_request_fails(place: Ground) -> None:
    database = f"sqlite:///{place.folder / 'shared.db'}"
    configs = [place.config(f"replica-{letter}", database=database) for letter in "ab"]
    replicas = [place.serve(config) for config in configs]
    stop = threading.Event()
    outcome: list[int | str] = []
    retried: list[str] = []

    def client() -> None:
        turn = 0
        while not stop.is_set():
            for _ in range(6):
                turn += 1
                try:
                    status = replicas[turn % 2].get("/v1/dossiers/0x00").status_code
                    outcome.append(status)
                    break
                except httpx2.TransportError as error:
                    # Refused, or reset before an answer began: the other replica is asked.
                    retried.append(type(error).__name__)
            else:
                outcome.append("no replica answered")

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    for index in (0, 1):
        time.sleep(0.5)
        assert replicas[index].stop() == 0
        # A log of its own: the address of the first run stands in the old one.
        configs[index].with_suffix(".log").unlink()
        replicas[index] = place.serve(configs[index])
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert set(outcome) == {404}
    assert len(outcome) > 50
    assert retried, "the client met no replica that was down: nothing was tried"


def test_serve__two_workers__share_the_port_and_the_database_and_end_together(place: Ground) -> None:
    served = place.serve(place.config("workers", more="[watch]\nenabled = false\n"), "--workers", "2")
    children = children_of(served.process.pid)
    assert len(children) == 1
    replies = [served.get("/v1/operator") for _ in range(10)]
    assert {reply.status_code for reply in replies} == {200}
    assert served.stop() == 0
    assert not Path(f"/proc/{children[0]}").exists()


def test_serve__a_worker_dies__the_node_ends_so_that_it_is_started_anew(place: Ground) -> None:
    served = place.serve(place.config("dying", more="[watch]\nenabled = false\n"), "--workers", "2")
    os.kill(children_of(served.process.pid)[0], signal.SIGKILL)
    served.wait()
    assert "a worker ended" in served.text()


def test_serve__killed__its_workers_end_too(place: Ground) -> None:
    served = place.serve(place.config("killed", more="[watch]\nenabled = false\n"), "--workers", "2")
    child = children_of(served.process.pid)[0]
    served.process.kill()
    served.process.wait()
    end = time.monotonic() + 40
    while _runs(child) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _runs(child)


def children_of(process: int) -> list[int]:
    end = time.monotonic() + 40
    while time.monotonic() < end:
        found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if found:
            return [int(item) for item in found]
        time.sleep(0.1)
    return []


def _runs(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
