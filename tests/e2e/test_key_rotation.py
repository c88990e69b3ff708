"""An operator goes from one key to the next on a real chain, and a filing whose window is short never lacks a window.

A third node is down from the first renewal on, so every renewal needs the seat whose key changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oracle.audit.chain_audit import audit_chain
from oracle.chain.deployment import save_deployment
from oracle.chain.events import decode_call
from oracle.chain.registry import Token
from oracle.collector.proposal import propose_approval
from oracle.domain.approval import FilingUpdate, OnChainStatus, OperatorSignature
from oracle.domain.names import filing_id
from oracle.errors import InputError, RefusedError
from oracle.evidence.store import EvidenceStore
from oracle.node.config import ReadinessConfig
from oracle.node.startup import check_start
from oracle.proof.database_proof import prove_database
from oracle.signing.keys import KeySigner
from oracle.store.rows import stored_rows
from oracle.store.succession import take_over
from oracle.watch.cycle import Watcher
from tests.cli.command_line import Answer, gate
from tests.node.running_nodes import ServedNode, World, running_world, served_node
from tests.node.test_duties import PAGE
from tests.watch.relays import relay, updates

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(300)]

DELAY, RETENTION, STEP = 850, 700, 300
#: A window outlasts no more than three steps: whoever misses renewals leaves a gap.
WATCH: dict[str, Any] = {
    "validity_seconds": 1000,
    "renew_before_seconds": 900,
    "grid_seconds": 60,
    "interval_seconds": 60,
    "jitter": 0.0,
}
NUMBER = "国合函〔2026〕5001号"
FILING = "0x" + filing_id(NUMBER).hex()
OLD, SECOND, THIRD, NEW = range(4)
NEW_KEY = KeySigner(b"\x0a" * 32)


@dataclass
class Drill:
    """The world, and the command line's view of it. Nodes by number: old key, second, third, new key."""

    world: World
    file: Path

    @property
    def now(self) -> int:
        """Time of the newest block."""
        return self.world.registry.block_time()

    def address(self, *indices: int) -> set[str]:
        """The operators' addresses."""
        return {self.world.nodes[index].node.address for index in indices}

    def owner(self, *arguments: str) -> Answer:
        """A command of the owner."""
        sender = ("--from", self.world.issuer.address) if arguments[0] != "show" else ()
        at = ("--rpc", self.world.anvil.url, "--deployment", str(self.file))
        return gate("committee", *arguments, *at, *sender, "--json")

    def shown(self) -> tuple[list[str], list[str], list[str]]:
        """Operators by seat, announced and retained addresses, as `committee show` gives them."""
        found = self.owner("show").json
        return tuple([row["operator"] for row in found[key]] for key in ("operators", "announced", "retained"))  # type: ignore[return-value]

    def pass_time(self, seconds: int = STEP) -> None:
        """Let time pass on the chain; the filing's window must outlast it."""
        self.world.w3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
        self.world.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        self.covered()

    def covered(self) -> None:
        """There is no gap: the window holds the chain's present."""
        state = self.world.registry.filing_state(FILING)
        assert state.status is OnChainStatus.APPROVED
        assert state.valid_after <= self.now < state.valid_until

    def relay(self, index: int) -> Watcher:
        """The watch of a node as a relay that asks all the others; its time is the chain's."""
        return Watcher(relay(self.world, index, **WATCH).node, lambda: self.now)

    def renewed(self, *by: int) -> set[str]:
        """Time passes and these relays run their cycles: one renewal lands. Returns who signed it, as on chain."""
        self.pass_time()
        before = self.world.registry.filing_state(FILING)
        for index in by:
            reports = self.relay(index).cycle(self.now, [NUMBER])
            assert [report.problems for report in reports] == [[]]
        after = self.world.registry.filing_state(FILING)
        assert (after.sequence, after.valid_until > before.valid_until) == (before.sequence + 1, True)
        self.covered()
        return self.signers()

    def signers(self) -> set[str]:
        """Who signed the newest renewal on chain."""
        event = updates(self.world, FILING)[-1]
        call = decode_call("FilingRegistry", bytes(self.world.w3.eth.get_transaction(event.transaction)["input"]))
        assert call is not None
        return {self.world.w3.to_checksum_address(operator) for operator, _ in call[1][1]}

    def signed(self, index: int, change: FilingUpdate) -> OperatorSignature:
        """A node's signature over an update."""
        node = self.world.nodes[index]
        state = self.world.registry.filing_state(FILING)
        dossier = node.node.duties.approved_dossier(NUMBER, state)
        assert dossier is not None
        document = change.model_dump(mode="json", by_alias=True)
        body = {"dossierHash": "0x" + dossier.dossier_hash().hex(), "update": document}
        answer = node.client().post("/v1/updates", json.dumps(body).encode())
        assert answer.status == 200, answer.content
        return OperatorSignature.model_validate({key: answer.content[key] for key in ("operator", "signature")})

    def proposal(self, index: int) -> Any:
        """What a relay proposes now, as it keeps it."""
        return self.relay(index).actions.propose(NUMBER, self.world.registry.filing_state(FILING).sequence)["update"]


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    monkeypatch.setattr("oracle.domain.working_days.is_workday", lambda day: day.weekday() < 5)
    delays = {"rotation_delay_seconds": DELAY, "retention_seconds": RETENTION}
    with running_world(tmp_path, sources=[PAGE], delays=delays) as world:
        save_deployment(world.deployment, tmp_path / "deployment.json")
        bind(world.nodes[OLD])
        PAGE.publish(NUMBER)
        dossier = world.dossier({"filing.filingNumber": NUMBER})
        drill = Drill(world, tmp_path / "deployment.json")
        asked = propose_approval(
            world.clients(), world.registry, 31337, dossier, now=drill.now, window_seconds=WATCH["validity_seconds"]
        )
        world.registry.approve(world.issuer, asked.proposal, asked.quorum.require())
        for node in world.clients():
            node.post("/v1/dossiers", dossier.canonical())
        world.settle()
        world.nodes[THIRD]._server.should_exit = True
        world.nodes[THIRD]._thread.join(timeout=10)
        yield drill
        if len(world.nodes) > NEW:
            world.nodes[NEW].stop()


def bind(served: ServedNode) -> None:
    """As `open_node` does it."""
    node = served.node
    registry = node.config.chain.registry
    node.database.bind_to({"operator": node.address, "chain": "31337", "registry": registry})


def new_node(drill: Drill, folder: Path) -> ServedNode:
    """The node of the new key beside the old one: own folder, own database, the same configuration."""
    config = drill.world.nodes[OLD].node.config
    # The chain's time is ahead of this machine's here.
    ready = ReadinessConfig(clock_seconds=3600)
    config = config.model_copy(update={"name": "operator-1-new", "base": folder, "readiness": ready})
    made = served_node(config, NEW_KEY, [PAGE])
    bind(made)
    return made


def in_time(drill: Drill, node: ServedNode) -> Any:
    """What /readyz says."""
    answer = node.client().get("/readyz")
    return answer.status, answer.content["key"]["standing"]


def test_rotation__announced_waited_applied_retired__every_renewal_lands(drill: Drill, tmp_path: Path) -> None:
    world, registry = drill.world, drill.world.registry
    first = [signer.address for signer in world.signers]
    old_address = first[OLD]
    assert drill.shown() == (first, [], [])
    assert drill.renewed(OLD) == drill.address(OLD, SECOND)

    # The new node takes over, starts before it is a member, and is warned.
    world.nodes.append(new_node(drill, tmp_path / "operator-1-new"))
    world.signers.append(NEW_KEY)
    new, old = world.nodes[NEW], world.nodes[OLD]
    with pytest.raises(InputError, match="not among the registry's operators"):
        check_start(new.node)
    assert drill.owner("announce", NEW_KEY.address, "--replace", old_address).code == 0
    announced_at = drill.now
    taken = take_over(old.node.database.engine, new.node.database, drill.now)
    assert (taken.dossiers, taken.statements) == (1, 0)
    assert taken.events > 0
    assert "is not an operator yet" in check_start(new.node)[0]
    assert f"is to be replaced by {NEW_KEY.address}" in check_start(old.node)[0]
    assert drill.shown() == (first, [NEW_KEY.address], [])
    assert in_time(drill, new) == (200, "announced")

    # The delay: three relays work, each asks all four nodes; what the new key signs counts for nothing yet.
    assert drill.owner("apply", NEW_KEY.address, "--replace", old_address).json["error"].startswith("NotReady(")
    for by in ((NEW, OLD), (SECOND, NEW)):
        assert drill.renewed(*by) == drill.address(OLD, SECOND)

    # Applied while a renewal is collected and not sent: what the old key signed still counts.
    drill.pass_time()
    second = drill.relay(SECOND)
    in_flight = second.actions.collect(NUMBER, drill.proposal(SECOND))
    assert drill.now >= announced_at + DELAY
    applied = drill.owner("apply", NEW_KEY.address, "--replace", old_address)
    assert applied.code == 0
    assert drill.shown() == ([NEW_KEY.address, *first[1:]], [], [old_address])
    until = applied.json["committee"]["retained"][0]["until"]
    assert in_time(drill, new) == (200, "member")  # at once, and without a restart
    assert in_time(drill, old)[1] == "retained"
    assert check_start(new.node) == []
    assert "transaction" in second.actions.send_update(in_flight["update"], in_flight["signatures"])
    assert drill.signers() == drill.address(OLD, SECOND)

    # Both sign for one sequence; the registry takes one of the two for their seat, and the collector gives it one.
    drill.pass_time()
    change = FilingUpdate.model_validate(drill.proposal(SECOND))
    both = [drill.signed(index, change) for index in (OLD, NEW)]
    with pytest.raises(RefusedError, match="SeatCountedTwice"):
        registry.update(world.issuer, change, both)
    assert [report.problems for report in drill.relay(SECOND).cycle(drill.now, [NUMBER])] == [[]]
    assert len(drill.signers() & drill.address(OLD, NEW)) == 1
    assert drill.address(SECOND) < drill.signers()

    # Near the end of the retention the old key and the second operator sign a renewal that nobody sends.
    drill.pass_time()
    lost = FilingUpdate.model_validate(drill.proposal(OLD))
    for index in (OLD, SECOND):
        drill.signed(index, lost)
    with pytest.raises(RefusedError, match="NotAnnounced"):
        registry.change_committee(world.issuer, "applyOperator", NEW_KEY.address, old_address)
    taken = take_over(old.node.database.engine, new.node.database, drill.now)
    assert (taken.dossiers, taken.claims) == (0, 1)
    old._server.should_exit = True
    old._thread.join(timeout=10)
    drill.pass_time(until - drill.now)
    assert drill.shown() == ([NEW_KEY.address, *first[1:]], [], [])
    assert not registry.counts(old_address)

    # The new node does not insist on another one: it signs what its predecessor signed, and the quorum stands.
    assert [report.problems for report in drill.relay(NEW).cycle(drill.now, [NUMBER])] == [[]]
    assert registry.filing_state(FILING).valid_until == lost.valid_until
    assert drill.signers() == drill.address(NEW, SECOND)
    assert drill.renewed(NEW, SECOND) == drill.address(NEW, SECOND)
    Token(world.w3, world.deployment.token("senior").address).mint(world.issuer, "0x" + "b0" * 20, 10**6)

    assert audit_chain(world.w3, world.deployment).findings == []
    with stored_rows(new.node.database.engine) as rows:
        proof = prove_database(rows, EvidenceStore(new.node.config.base / "evidence"))
    # The page of these tests leaves no evidence of its own.
    assert [(item.id, item.problem) for item in proof.findings if item.id != "EVIDENCE"] == []
