"""When a node counts as able to decide."""

from __future__ import annotations

import threading
import time

import pytest

from oracle.chain.key_standing import KeyStanding, Standing
from oracle.errors import UnreachableError
from oracle.node.condition import SourceMoments
from oracle.node.config import ReadinessConfig
from oracle.node.metrics import Metrics, endpoint_of
from oracle.node.readiness import Freshness, clock_fault, disk_faults, freshness, key_fault, sources_fault
from oracle.node.refreshed import Refreshed
from oracle.rules.policy import Policy

FRESH, FAILING, IDLE, STARTING = Freshness.FRESH, Freshness.FAILING, Freshness.IDLE, Freshness.STARTING


@pytest.mark.parametrize(
    ("success", "failure", "began", "expected"),
    (
        (950.0, None, 0.0, FRESH),
        (950.0, 990.0, 0.0, FRESH),
        (900.0, 990.0, 0.0, FRESH),
        (899.0, 990.0, 0.0, FAILING),
        (None, 990.0, 0.0, FAILING),
        (None, 899.0, 0.0, IDLE),
        (None, None, 950.0, STARTING),
        (100.0, None, 0.0, IDLE),
    ),
)
def test_freshness(success: float | None, failure: float | None, began: float, expected: Freshness) -> None:
    assert freshness(SourceMoments(success, failure), 1000.0, began, 100) is expected


def policy(*levels: dict[str, object], one_origin: tuple[tuple[str, ...], ...] = ()) -> Policy:
    return Policy.model_validate({"agreement": {"levels": list(levels), "one_origin": [list(x) for x in one_origin]}})


@pytest.mark.parametrize(
    ("agreed", "states", "able"),
    (
        (policy(), {"a": FRESH, "b": IDLE, "c": STARTING}, True),
        (policy(), {"a": FRESH, "b": FAILING}, False),
        (policy({"level": 3, "need": 1, "of": ["a", "b"]}), {"a": FRESH, "b": FAILING}, True),
        (policy({"level": 3, "need": 2, "of": ["a", "b"]}), {"a": FRESH, "b": FAILING}, False),
        (policy({"level": 3, "need": "all", "of": ["a"]}), {"a": FRESH, "b": FAILING}, True),
        (policy({"level": 3, "need": "all", "of": []}), {"a": FRESH, "b": FAILING}, False),
        # A level below the one that counts helps nobody.
        (policy({"level": 2, "need": 1}, {"level": 3, "need": 2}), {"a": FRESH, "b": FAILING}, False),
        (policy({"level": 3, "need": 2}, {"level": 4, "need": 1}), {"a": FRESH, "b": FAILING}, True),
        # Two of one origin are one.
        (
            policy({"level": 3, "need": 2}, one_origin=(("a", "b"),)),
            {"a": FRESH, "b": FRESH, "c": FAILING},
            False,
        ),
    ),
)
def test_sources__failing_ones_left_out__a_quorum_remains_or_not(
    agreed: Policy, states: dict[str, Freshness], able: bool
) -> None:
    assert (sources_fault(agreed, states) is None) is able


@pytest.mark.parametrize(
    ("block", "chain", "words"),
    ((1031, 1, "31 s behind"), (1030, 1, None), (100, 1, None), (99, 1, "901 s old"), (99, 31337, None)),
)
def test_clock__against_the_newest_block(block: int, chain: int, words: str | None) -> None:
    found = clock_fault(block, 1000.0, ReadinessConfig(), chain)
    assert (found is None) if words is None else (found is not None and words in found)


@pytest.mark.parametrize("standing", list(Standing))
def test_key__only_one_unknown_to_the_committee__is_a_fault(standing: Standing) -> None:
    assert (key_fault("0xA", KeyStanding(standing, ("0xB",))) is None) is (standing is not Standing.NONE)


def test_disk__under_the_floor_or_unreadable__is_a_fault() -> None:
    assert disk_faults({"state": 100}, 100) == []
    assert disk_faults({"state": 99, "evidence": None}, 100) == [
        "evidence: free space can't be read",
        "state: 99 bytes free, 100 needed",
    ]


def test_refreshed__reading_hangs__the_asker_waits_no_longer_than_it_wants() -> None:
    go = threading.Event()
    count: list[int] = []

    def read() -> int:
        count.append(1)
        go.wait(10)
        return len(count)

    value = Refreshed("test", read)
    began = time.monotonic()
    assert value.newest(max_age=0, wait=0.05).late
    assert value.newest(max_age=0, wait=0.05).value is None
    assert time.monotonic() - began < 9
    assert len(count) == 1, "one reading at a time"
    go.set()
    assert value.newest(max_age=0, wait=5).value == 1


def test_refreshed__reading_fails__the_old_value_stays_with_the_error() -> None:
    answers: list[int | Exception] = [7, UnreachableError("gone"), OSError("x")]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = Refreshed("test", read)
    assert (value.newest(max_age=0, wait=5).value, value.newest(max_age=60, wait=5).error) == (7, None)
    seen = value.newest(max_age=0, wait=5)
    assert (seen.value, seen.error, seen.late) == (7, "gone", False)
    assert value.newest(max_age=0, wait=5).error == "OSError"


def test_metrics__label_without_bound__ends_in_other() -> None:
    metrics = Metrics()
    for number in range(200):
        metrics.ended_request("BREW", f"/x/{number}", 200, 0.1)
        metrics.rpc(f"http://user:secret{number}@h{number}.example/key?x=key", False, 0.1)
        metrics.decided("approval", False, [f"R-{number}"])
    text = metrics.exposition().decode()
    assert text.count("filing_gate_http_requests_total{") == 61
    assert text.count("filing_gate_rpc_requests_total{") == 41
    assert text.count("filing_gate_rules_not_passed_total{") == 101
    assert 'method="other"' in text
    assert "secret" not in text
    assert "key" not in text


def test_endpoint__of_a_url__is_its_host_alone() -> None:
    assert endpoint_of("https://u:p@rpc.example.org:8545/key?k=v") == "rpc.example.org:8545"
    assert endpoint_of("https://[broken") == "other"
