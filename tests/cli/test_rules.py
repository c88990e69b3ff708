"""`filing-gate rules`: the table, one rule in words, what a configuration switches off."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.rules.policy import Policy
from oracle.rules.table import RULES, RULESET_VERSION, ruleset_hash
from tests.cli.command_line import gate

CONFIG = """
name = "operator-1"
[chain]
id = 31337
registry = "0x4444444444444444444444444444444444444444"
rpc_url = "http://127.0.0.1:8545"
[key]
keystore = "k.json"
password_env = "PASSWORD"
[policy]
switched_off = ["{off}"]
[[sources]]
type = "csrc"
base_url = "https://www.csrc.gov.cn"
table_channels = ["c101935"]
notice_channels = ["c106402"]
"""


def test_rules__as_text__one_line_a_rule() -> None:
    answer = gate("rules")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines()[1:-1]] == [rule.id for rule in RULES]
    assert RULESET_VERSION in answer.out.splitlines()[-1]


def test_rules__as_json__id_basis_cite_title() -> None:
    content = gate("rules", "--json").json
    assert content["rulesetHash"] == "0x" + ruleset_hash(Policy()).hex()
    for row, rule in zip(content["rules"], RULES, strict=True):
        assert (row["id"], row["basis"], row["cite"]) == (rule.id, rule.basis.value, rule.cite)
        assert row["title"]
        assert row["applied"]


def test_rules__configuration__shows_what_it_switches_off(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(CONFIG.format(off="GOV-1"), encoding="utf-8")
    content = gate("rules", "--config", path, "--json").json
    assert [row["id"] for row in content["rules"] if not row["applied"]] == ["GOV-1"]
    assert content["rulesetHash"] == "0x" + ruleset_hash(Policy(switched_off=["GOV-1"])).hex()
    assert "switched off: GOV-1" in gate("rules", "--config", path).out
    path.write_text(CONFIG.format(off="BAR-1"), encoding="utf-8")
    refused = gate("rules", "--config", path)
    assert refused.code == 2
    assert "BAR-1 rests on GUIDELINES" in refused.line


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_explain__every_rule__both_languages(rule: str) -> None:
    english, chinese = gate("rules", "explain", rule), gate("rules", "explain", rule, "--lang", "zh")
    assert english.code == chinese.code == 0
    assert english.out.startswith(rule)
    for outcome in ("PASS", "FAIL", "INDETERMINATE"):
        assert f"\n{outcome} " in english.out
        assert f"\n{outcome} " in chinese.out
    content = gate("rules", "explain", rule, "--json").json
    assert content["en"]["text"] in english.out
    assert content["zh"]["text"] in chinese.out


def test_explain__unknown_rule__one_clear_line() -> None:
    answer = gate("rules", "explain", "BAR-7")
    assert answer.code == 2
    assert "no rule 'BAR-7'" in answer.line
