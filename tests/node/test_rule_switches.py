"""Configuration: which rules an operator may leave out, and further chains."""

from __future__ import annotations

import pytest

from oracle.errors import InputError
from oracle.node.config import parse_config
from oracle.rules.table import RULES, ruleset_hash
from oracle.rules.verdict import Basis

BASE = """
name = "operator-1"
[chain]
id = 31337
registry = "0x4444444444444444444444444444444444444444"
rpc_url = "http://127.0.0.1:8545"
[key]
keystore = "k.json"
password_env = "PASSWORD"
[policy]
{policy}
{chains}
[[sources]]
type = "csrc"
base_url = "https://www.csrc.gov.cn"
table_channels = ["c101935"]
notice_channels = ["c106402"]
"""


def config(policy: str = "", chains: str = ""):
    return parse_config(BASE.format(policy=policy, chains=chains), where="node.toml")


def chain(number: int) -> str:
    return f'[[chains]]\nid = {number}\nregistry = "0x{"44" * 20}"\nrpc_url_env = "RPC_{number}"\n'


@pytest.mark.parametrize("rule", ("BAR-1", "SCOPE-3", "BAR-6.NL-2", "PROC-SECTOR", "POST-1"))
def test_switched_off__rule_of_a_text_in_force__is_refused_by_name(rule: str) -> None:
    with pytest.raises(InputError) as caught:
        config(f'switched_off = ["FILE-4", "{rule}"]')
    assert "policy.switched_off" in str(caught.value)
    assert rule in str(caught.value)
    assert "can't be switched off" in str(caught.value)
    assert "FILE-4" not in str(caught.value)


def test_switched_off__unknown_rule__is_refused_by_name() -> None:
    with pytest.raises(InputError, match="there is no rule GOV-9"):
        config('switched_off = ["GOV-9"]')


def test_switched_off__policy_and_analogy__are_taken() -> None:
    assert config('switched_off = ["GOV-1", "FILE-4"]').policy.switched_off == ["FILE-4", "GOV-1"]


def test_terms__by_code__are_taken__and_checked() -> None:
    taken = config("procedure_validity_months = { NDRC_ODI = 36 }").policy.procedure_validity_months
    assert {code.value: months for code, months in taken.items()} == {"NDRC_ODI": 36}
    for wrong, words in (("{ NDRC = 36 }", "NDRC"), ("{ NDRC_ODI = 0 }", "0 is not a number of months")):
        with pytest.raises(InputError, match=words):
            config(f"procedure_validity_months = {wrong}")


def test_chains__further_ones__are_read_and_none_twice() -> None:
    assert [item.id for item in config(chains=chain(1) + chain(10)).chains] == [1, 10]
    for twice in (chain(31337), chain(1) + chain(1)):
        with pytest.raises(InputError, match="stands twice"):
            config(chains=twice)


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_switched_off__every_rule_of_the_table__by_its_basis(rule: str) -> None:
    basis = next(item.basis for item in RULES if item.id == rule)
    text = f'switched_off = ["{rule}"]'
    if basis in (Basis.POLICY, Basis.ANALOGY):
        assert ruleset_hash(config(text).policy) != ruleset_hash(config().policy)
    else:
        with pytest.raises(InputError, match="can't be switched off"):
            config(text)
