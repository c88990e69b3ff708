"""Times that follow from filing, operator and configuration alone."""

from __future__ import annotations

import pytest

from oracle.errors import InputError
from oracle.node.config import WatchConfig, parse_config
from oracle.watch.schedule import next_regular, pause_after, phase, renewal_end, renewal_time

FILINGS = [f"0x{index:064x}" for index in range(200)]


def test_phase__same_for_the_same_pair__spread_over_the_interval__none_without_jitter() -> None:
    config = WatchConfig(interval_seconds=600)
    phases = [phase(filing, "0xA", config) for filing in FILINGS]
    assert phases == [phase(filing, "0xA", config) for filing in FILINGS]
    assert phases != [phase(filing, "0xB", config) for filing in FILINGS]
    assert 0 <= min(phases) < 60 < 540 < max(phases) < 600
    assert {phase(filing, "0xA", WatchConfig(jitter=0.0)) for filing in FILINGS} == {0}


def test_next_regular__always_ahead_and_an_interval_at_most__then_steady() -> None:
    config = WatchConfig(interval_seconds=600)
    for filing in FILINGS[:20]:
        first = next_regular(filing, "0xA", config, 1_800_000_000)
        assert 1_800_000_000 < first <= 1_800_000_600
        assert next_regular(filing, "0xA", config, first) == first + 600


def test_pause_after__doubles_up_to_the_interval() -> None:
    config = WatchConfig(interval_seconds=300, retry_seconds=20)
    assert [pause_after(looks, config) for looks in (1, 2, 3, 4, 5, 6, 1000)] == [20, 40, 80, 160, 300, 300, 300]


def test_renewal__begins_in_time__and_ends_on_the_grid_for_every_relay() -> None:
    config = WatchConfig()
    now = 1_800_000_000 // 3600 * 3600
    assert {renewal_end(config, now + late, 10**9, 2**40) for late in (0, 1, 3599)} == {now + 86_400}
    assert renewal_end(config, now + 3600, 10**9, 2**40) == now + 90_000
    assert renewal_end(config, now, 7200, 2**40) == now + 7200
    assert renewal_end(config, now, 10**9, now + 5) == now + 5
    for filing in FILINGS[:20]:
        assert now - 21_600 <= renewal_time(filing, "0xA", config, now) < now - 21_000


@pytest.mark.parametrize(
    ("text", "words"),
    (
        ("[watch]\nvalidity_seconds = 24000", "validity_seconds must be at least"),
        ("[watch]\ninterval_seconds = 30000", "interval_seconds must not exceed"),
        ('[[watch.nodes]]\nurl = "http://127.0.0.1:1"', "only a node with [relay]"),
        ('[[watch.nodes]]\nurl = "http://user:secret@host"', "not a node's http(s) address"),
        ('[[watch.nodes]]\nurl = "http://host"\nkey_env = "A"\nkey_file = "B"', "at most one of key_env and key_file"),
        ('[watch]\ndatabase_url = "sqlite:///a"\ndatabase_url_env = "B"', "at most one of database_url"),
    ),
)
def test_config__spans_that_could_let_a_window_end_unseen__are_refused_by_name(text: str, words: str) -> None:
    rest = (
        'name = "a"\n[chain]\nid = 1\nregistry = "0x5FbDB2315678afecb367f032d93F642f64180aa3"\nrpc_url = "http://x"\n'
        '[key]\nkeystore = "k"\npassword_env = "P"\n[[sources]]\ntype = "csrc"\nbase_url = "https://x"\n'
        'notice_channels = ["c1"]\n'
    )
    with pytest.raises(InputError) as caught:
        parse_config(rest + text, where="node.toml")
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
