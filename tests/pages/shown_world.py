"""A world that is worth looking at: filings in every state, three weeks of history on the chain, one node's pages.

Shared by the browser tests and by scripts/screenshots.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oracle.chain.deployment import DeployedToken
from oracle.chain.registry import Token
from oracle.chain.rpc import raw_call
from oracle.collector.proposal import propose_update
from oracle.domain.approval import (
    FilingApproval,
    FilingUpdate,
    OnChainStatus,
    OperatorSignature,
    Tranche,
)
from oracle.domain.dossier import Dossier
from oracle.domain.filing import FilingQuery, Observation, ObservationKind
from oracle.domain.names import filing_id, fold_number
from oracle.domain.reason import encode_reason
from oracle.errors import RefusedError
from oracle.signing.content import sign_document
from oracle.signing.eip712 import Domain
from oracle.store.api_keys import Scope
from oracle.store.database import format_time
from tests.node.running_nodes import World, running_world
from tests.pages.by_hand import enter_by_hand
from tests.samples.dossier import ENTITY_NAME, NUMBER

__all__ = ["HOSTILE", "HOSTILE_NUMBER", "ShownWorld", "Story", "shown_world"]

DAY = 86_400
HASH = "0x" + "5e" * 32
HOSTILE_NUMBER = "国合函〔2026〕6666号"
#: What a hostile dossier, site or token might say; each would leave a mark if a browser took it for more than text.
HOSTILE = (
    "<script>window.hit=1</script>",
    "\"><img src=x onerror='window.hit=1'>",
    "'-window.hit=1-'",
    "javascript:window.hit=1",
    "{{ 7*7 }}{% raw %}</title></svg><svg onload=window.hit=1>",
)

_OTHERS = (
    ("国合函〔2026〕886号", "示例能源（深圳）有限公司", 0.62),
    ("国合函〔2026〕903号", "示例高速公路资产管理（成都）股份有限公司", 0.31),
    ("国合函〔2026〕977号", "示例仓储物流（武汉）有限公司", 1.0),
    ("国合函〔2026〕1003号", "示例光伏科技（西安）有限公司", 0.08),
)


@dataclass
class ShownWorld:
    """What the pages show, and how to look at it: `url` for everybody, `key` for the operator."""

    world: World
    url: str
    key: str
    auditor: str
    issuer: str
    senior: str
    evidence: str


class Story:
    """What happens in a world, told step by step: each with its time on the chain."""

    def __init__(self, world: World, now: int) -> None:
        self.world = world
        self.now = now
        self.node = world.nodes[0].node
        self.domain = Domain(31337, world.deployment.registry)

    def at(self, moment: int) -> None:
        """The chain's clock from here on; a block of that time, since gas is estimated on the newest."""
        raw_call(self.world.w3, "evm_setNextBlockTimestamp", [hex(moment)])
        raw_call(self.world.w3, "evm_mine", [])

    def signed(self, document: FilingApproval | FilingUpdate) -> list[OperatorSignature]:
        return [
            OperatorSignature(
                operator=signer.address, signature="0x" + sign_document(signer, self.domain, document).hex()
            )
            for signer in self.world.signers[:2]
        ]

    def approve(self, number: str, tokens: Sequence[str], moment: int, dossier: Dossier, caps: Sequence[int]) -> None:
        pairs = sorted(zip(tokens, caps, strict=True), key=lambda pair: int(pair[0], 16))
        approval = FilingApproval(
            filing="0x" + filing_id(number).hex(),
            tranches=tuple(Tranche(token=token, cap=cap, decimals=6) for token, cap in pairs),
            dossier_hash="0x" + dossier.dossier_hash().hex(),
            record_hash=HASH,
            ruleset_hash=self.node.ruleset(),
            valid_after=moment - 60,
            valid_until=moment + 3 * DAY - 600,
            sequence=1,
        )
        self.at(moment)
        self.world.registry.approve(self.world.issuer, approval, self.signed(approval))

    def update(self, number: str, moment: int, status: OnChainStatus, hours: int = 0, reason: str = "") -> None:
        filing = "0x" + filing_id(number).hex()
        change = FilingUpdate(
            filing=filing,
            status=status,
            record_hash=HASH,
            valid_until=moment + hours * 3600 - 600 if status is OnChainStatus.APPROVED else 0,
            sequence=self.world.registry.filing_state(filing).sequence + 1,
            reason=encode_reason(reason),
        )
        self.at(moment)
        self.world.registry.update(self.world.issuer, change, self.signed(change))

    def mint(self, token: str, units: int, moment: int) -> None:
        self.at(moment)
        Token(self.world.w3, token).mint(self.world.issuer, self.world.issuer.address, units * 10**6)

    def hand_in(self, changes: dict[str, Any], moment: int) -> Dossier:
        dossier = self.world.dossier(changes)
        when = format_time(datetime.fromtimestamp(moment, UTC))
        for served in self.world.nodes:
            database = served.node.database
            request = database.add_request(when, "POST", "/v1/dossiers", dossier.canonical())
            database.add_dossier(request, dossier)
        return dossier


@contextmanager
def shown_world(folder: Path, *, hostile: bool = False) -> Iterator[ShownWorld]:
    """The world, with one filing that says hostile things everywhere if asked for."""
    now = int(time.time())
    symbols = [HOSTILE[0][:20] if hostile and index == 9 else f"EX{index}" for index in range(10)]
    with running_world(folder, began=now - 21 * DAY, more_tokens=symbols) as world:
        story = Story(world, now)
        more = world.deployment.tokens[2:]
        _tell(story, more, hostile=hostile)
        enter_by_hand(story.node, " ".join(HOSTILE) if hostile else "示例储能（合肥）有限公司")
        served = world.nodes[0]
        seen = served.node.database.last_sighting(FilingQuery(number=NUMBER, entity_name=ENTITY_NAME))
        evidence = next(item.sha256 for item in seen if item.sha256)
        yield ShownWorld(
            world,
            served.url,
            served.key,
            served.new_key(Scope.AUDITOR),
            served.new_key(Scope.ISSUER),
            world.deployment.token("senior").address,
            evidence,
        )


def _tell(story: Story, more: Sequence[DeployedToken], *, hostile: bool) -> None:
    now, world = story.now, story.world
    senior, junior = (token.address for token in world.deployment.tokens[:2])
    own = story.hand_in({}, now - 20 * DAY)
    others = []
    for index, (number, name, _) in enumerate(_OTHERS):
        pair = [more[2 * index].address, more[2 * index + 1].address]
        changes = {
            "filing.filingNumber": number,
            "filingEntity.nameZh": name,
            "issuePlan.tranches[0].contract": pair[0],
            "issuePlan.tranches[1].contract": pair[1],
        }
        others.append((number, pair, story.hand_in(changes, now - (18 - index) * DAY)))
    pending = {"filing.filingNumber": "国合函〔2026〕1100号", "filingEntity.nameZh": "示例冷链（青岛）有限公司"}
    story.hand_in(pending, now - 2 * DAY)
    caps = (800_000 * 10**6, 200_000 * 10**6)

    story.approve(NUMBER, (senior, junior), now - 19 * DAY, own, caps)
    story.mint(senior, 120_000, now - 19 * DAY + 9_000)
    for place, (number, pair, dossier) in enumerate(others[:2]):
        story.approve(number, pair, now - 18 * DAY + place * 4_000, dossier, caps)
    story.mint(junior, 40_000, now - 17 * DAY)
    story.update(NUMBER, now - 16 * DAY - 7_000, OnChainStatus.APPROVED, 72)
    story.update(_OTHERS[1][0], now - 16 * DAY, OnChainStatus.APPROVED, 72)
    story.mint(senior, 150_000, now - 15 * DAY)
    story.mint(others[1][1][0], 250_000, now - 14 * DAY)
    story.update(NUMBER, now - 13 * DAY - 9_000, OnChainStatus.APPROVED, 72)
    story.update(NUMBER, now - 12 * DAY, OnChainStatus.SUSPENDED, reason="publication gone")
    story.update(NUMBER, now - 10 * DAY, OnChainStatus.APPROVED, 72, "publication is back")
    story.mint(senior, 90_000, now - 9 * DAY)
    story.update(NUMBER, now - 7 * DAY - 5_000, OnChainStatus.APPROVED, 72)
    story.mint(junior, 60_000, now - 6 * DAY)
    story.update(NUMBER, now - 4 * DAY - 6_000, OnChainStatus.APPROVED, 72)
    for place, (number, pair, dossier) in enumerate(others[2:]):
        story.approve(number, pair, now - 4 * DAY + place * 4_000, dossier, caps)
    story.mint(others[2][1][0], 800_000, now - 3 * DAY)
    story.mint(others[3][1][0], 64_000, now - 3 * DAY + 500)
    story.update(_OTHERS[0][0], now - 2 * DAY, OnChainStatus.APPROVED, 71)
    story.mint(others[0][1][0], 496_000, now - 2 * DAY + 900)
    story.update(_OTHERS[2][0], now - 2 * DAY + 1_000, OnChainStatus.COMPLETED, reason="issue completed")
    story.mint(senior, 61_500, now - 2 * DAY + 2_000)
    story.update(_OTHERS[3][0], now - 2 * DAY + 3_000, OnChainStatus.SUSPENDED, reason="major risk declared")
    if hostile:
        _hostile(story, more[9], caps[0])
    # The newest renewal goes through the nodes, with all they look at and decide.
    world.publish()
    story.at(int(time.time()))
    signed = _renewed(world, own, now)
    world.registry.update(world.issuer, signed.proposal, signed.quorum.require())
    world.settle()


def _renewed(world: World, dossier: Dossier, now: int) -> Any:
    """A renewal that the first two nodes signed; tried again where a loaded machine did not read the site in time."""
    for _ in range(10):
        try:
            found = propose_update(
                world.clients()[:2],
                world.registry,
                31337,
                dossier,
                OnChainStatus.APPROVED,
                "",
                now=now,
                window_seconds=3 * DAY - 600,
            )
            found.quorum.require()
        except RefusedError:
            continue
        return found
    raise AssertionError("no quorum signed")


def _hostile(story: Story, token: DeployedToken, cap: int) -> None:
    """A filing that says hostile things wherever something from outside is shown."""
    now = story.now
    changes = {
        "filing.filingNumber": HOSTILE_NUMBER,
        "filingEntity.nameZh": " ".join(HOSTILE),
        "issuePlan.tranches[0].contract": token.address,
    }
    dossier = story.hand_in(changes, now - DAY)
    story.approve(HOSTILE_NUMBER, [token.address], now - DAY, dossier, [cap])
    story.mint(token.address, 10, now - DAY + 60)
    story.update(HOSTILE_NUMBER, now - DAY + 120, OnChainStatus.SUSPENDED, reason="<img src=x onerror=hit=1>")
    stored = story.node.evidence.put("".join(f"<p>{text}</p>" for text in HOSTILE).encode())
    seen = [
        Observation(
            source=f"source {text}"[:100],
            kind=ObservationKind.STATUS_TABLE,
            level=2,
            fetched_at=format_time(datetime.fromtimestamp(now, UTC)),
            raw_status=text,
            title=text,
            url=text,
            sha256=stored,
            parser_version="1",
            detail=text,
        )
        for text in HOSTILE
    ]
    query = FilingQuery(number=fold_number(HOSTILE_NUMBER), entity_name=dossier.filing_entity.name_zh)
    story.node.database.add_sighting(query, seen)
