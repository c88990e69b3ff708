"""One filing's life over real nodes, with SQLite and with PostgreSQL and two replicas an operator: the same end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from oracle.chain.registry import Token
from oracle.collector.proposal import propose_approval
from oracle.domain.approval import OnChainStatus
from oracle.errors import FilingGateError
from tests.cli.command_line import gate
from tests.e2e.two_databases import FILING, PASSWORD, Committee
from tests.samples.dossier import NUMBER
from tests.store.postgres import fresh_database, remove_database

HOUR = 3600


@pytest.fixture
def committee(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Committee]:
    """Everything made and nothing started."""
    monkeypatch.setenv("FILING_GATE_PASSWORD", PASSWORD)
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield Committee(stack, tmp_path, lambda number: f"sqlite:///{tmp_path}/operator-{number}/node.db", 1)
            return
        server = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("migrated_template")
        urls = {number: fresh_database(server, template) for number in (1, 2, 3)}
        for url in urls.values():
            stack.callback(remove_database, server, url)
        yield Committee(stack, tmp_path, urls.__getitem__, 2)


def mint(committee: Committee, units: int) -> None:
    """Mint whole units of the senior token; FilingGateError if the chain refuses."""
    token = Token(committee.w3, committee.deployment.token("senior").address)
    committee.issuer.send(committee.w3, token.address, token.mint_data(committee.issuer.address, units * 10**6))


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("committee", ("sqlite", "postgresql"), indirect=True)
def test_filing__approved_minted_renewed_and_stopped_by_the_watch__every_record_holds(
    committee: Committee, tmp_path: Path
) -> None:
    committee.publish()
    committee.start()
    clients = [operator.client() for operator in committee.operators]
    proposed = propose_approval(
        clients, committee.registry, 31337, committee.dossier(), now=int(time.time()), window_seconds=5 * HOUR
    )
    assert proposed.quorum.reached, proposed.quorum.answers
    for client in clients:
        assert client.post("/v1/dossiers", committee.dossier().canonical()).status in (200, 201)
    committee.registry.approve(committee.issuer, proposed.proposal, proposed.quorum.require())
    first_end = committee.state().valid_until
    mint(committee, 1_000)

    # Less than `renew_before_seconds` are left: the watch renews, and no further than once.
    committee.wait(lambda: committee.state().sequence >= 2, "renewed by the watch")
    renewed = committee.state()
    assert (renewed.status, renewed.sequence) == (OnChainStatus.APPROVED, 2)
    assert renewed.valid_until > first_end
    mint(committee, 500)

    # The regulator's page turns: every operator's watch may suspend, and the filing is suspended.
    committee.site.withdraw_notice(NUMBER)
    committee.wait(lambda: committee.state().status is OnChainStatus.SUSPENDED, "suspended by the watch")
    with pytest.raises(FilingGateError, match="FilingIsSuspended"):
        mint(committee, 1)
    assert committee.registry.tranche_state(committee.deployment.token("senior").address).issued == 1_500 * 10**6

    for number, operator in enumerate(committee.operators, start=1):
        state = tmp_path / f"log-{number}.state"
        log = ("log", "check", "--node", operator.url, "--operator", operator.address, "--state", state, "--entries")
        for _ in range(2):  # the second one verifies that the log goes on from what the first one saw
            checked = gate(*log, "--json")
            assert (checked.code, checked.json["findings"]) == (0, []), checked.out + checked.err
        assert checked.json["size"] > 0
    assert committee.end() == [0] * sum(len(operator.configs) for operator in committee.operators)
    sent = 0
    for operator in committee.operators:
        proof = gate("store", "fsck", "--config", operator.configs[0], "--json")
        assert (proof.code, proof.json["findings"]) == (0, []), proof.out + proof.err
        assert proof.json["checked"]["signatures"] >= 1
        sent += proof.json["checked"].get("transactions", 0)
    assert sent >= 2, "a renewal and a suspension, each kept"
    audit = gate(
        *("audit", "--rpc", committee.anvil.url, "--deployment", tmp_path / "deployment.json", "--json"),
    )
    assert (audit.code, audit.json["findings"]) == (0, []), audit.out + audit.err
    assert committee.state().sequence == 3, f"{FILING}: one suspension takes effect, whoever sent it"
