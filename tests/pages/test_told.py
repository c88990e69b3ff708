"""On a page in Chinese the sentences of the code are Chinese: each sentence here is made by the code that makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from oracle.audit.bundle_check import BUNDLE_CHECKS
from oracle.chain.durable_sender import DurableSender
from oracle.chain.fees import FeeCaps, Fees
from oracle.chain.registry import FilingState
from oracle.chain.transaction_book import TransactionState
from oracle.domain.approval import OnChainStatus
from oracle.domain.life_record import Folded, RecordedEvent, RecordKind
from oracle.domain.lifecycle import FilingLife, LifeCycle
from oracle.domain.reporting import DueReport
from oracle.node.duties import NO_RELAY, Duties, Report
from oracle.node.pages.told import meaning, meanings, sentences, told
from oracle.rules.table import RULES
from oracle.store.watch_state import Watched
from oracle.watch import look
from oracle.watch.cycle import RENEWALS_IN_STOCK, Watcher
from oracle.watch.judge import Judgement, Outcome
from tests.node.running_nodes import ServedNode, bare_node

RELAY = "0x3C3cf85A64b5389ea9F99EA4eBfABb1f2847Bf91"
NOW = int(datetime(2026, 12, 1, 4, tzinfo=UTC).timestamp())
BUNDLE = Path("tests/audit/fixtures/bundle-v1.zip")
CLIENT = httpx2.Client(trust_env=False, timeout=30)
CHINESE = re.compile("[㐀-鿿]")


def chinese(text: str) -> str:
    """The sentence on a page in Chinese; what stays English in brackets."""
    return "".join(f"[{part.text}]" if part.english else part.text for part in told(text, "zh"))


def duty_alerts(*rows: DueReport) -> list[str]:
    """Every alert of the duties of a filing that is to be stopped, of unknown status, without dossier, with reports."""
    seen = RecordedEvent(RecordKind.OBSERVED, NOW, "sources", {"status": None, "wording": "已受理'"})
    duties = SimpleNamespace(
        _record=lambda _number: [seen],
        approved_dossier=lambda _number, _state: None,
        due=lambda _number, _registry, _state: list(rows),
    )
    folded = Folded(FilingLife(state=LifeCycle.SUSPENDED))
    return [text for _, text in Duties.alerts(cast(Any, duties), "1", folded, None, None, NOW)]


def test_meanings__every_check_of_a_bundle__in_chinese_and_none_left_over() -> None:
    assert meanings().keys() == BUNDLE_CHECKS.keys()
    assert all(CHINESE.search(text) for text in meanings().values())
    assert len(set(meanings().values())) == len(BUNDLE_CHECKS)


def test_meaning__other_language_or_unknown_check__the_auditors_own_words() -> None:
    english = BUNDLE_CHECKS["STAMP"]
    assert [(part.text, part.english) for part in meaning("STAMP", english, "en")] == [(english, False)]
    assert [(part.text, part.english) for part in meaning("NEW-CHECK", "new", "zh")] == [("new", True)]


def test_told__every_alert_of_the_duties__in_chinese_with_its_values() -> None:
    day, due = date(2026, 11, 2), date(2026, 11, 9)
    texts = duty_alerts(
        DueReport("COMPLETION", "x", day, due, None),
        DueReport("MAJOR_RISK", "x", day, None, None),
        DueReport("CHANGE", "x", day, due, None, certain=False),
        DueReport("OTHER", "x", date(2027, 1, 4), None, None),
    )
    assert [chinese(text) for text in texts] == [
        "应暂停，而链上尚未暂停",
        '公布的状态 "已受理\'" 不在对照表中：备案现状无法判定',
        "本节点没有链上所批准的备案材料，无法监视其期限：请提交该材料",
        "“发行完成”报告（事件日 2026-11-02）的期限为 2026-11-09，已逾期",
        "“重大风险”报告（事件日 2026-11-02）是否逾期无法判定：超出工作日历的范围",
        "“变更”报告（事件日 2026-11-02）是否逾期无法判定：未能读取区块链",
        "“其他”报告（事件日 2027-01-04）的期限超出工作日历的范围",
    ]


@pytest.mark.parametrize(
    ("outcome", "left", "expected"),
    (
        (
            Outcome.INDETERMINATE,
            3_700,
            "自 2026-12-01 04:00 UTC 起无法判定。规则 REG-1：[no page; 403]；如不续期，1 小时 1 分后停止铸造",
        ),
        (Outcome.LAPSING, 3_700, "未续期。规则 REG-1：[no page; 403]；如不续期，1 小时 1 分后停止铸造"),
        (Outcome.NO_DOSSIER, 0, "尚未续期；窗口期已结束，铸造已停止"),
    ),
)
def test_told__what_the_watch_says_of_a_window__in_chinese(outcome: Outcome, left: int, expected: str) -> None:
    finding = SimpleNamespace(rule="REG-1", explanation="no page; 403")
    seen = look._Seen(
        Report("1", alerts=[], problems=[NO_RELAY]),
        state=FilingState(OnChainStatus.APPROVED, 0, NOW + left, 1),
        judgement=Judgement(outcome, (cast(Any, finding),)),
    )
    failed = SimpleNamespace(key="renew:0x1:1", attempt=2, failure="out of gas", failure_kind=None)
    node = SimpleNamespace(config=SimpleNamespace(watch=SimpleNamespace(renew_before_seconds=86_400)))
    watch = SimpleNamespace(failed_actions=lambda _keys: [failed])
    found = look._alerts(cast(Any, node), cast(Any, watch), "1", NOW, seen, Watched("1"))
    texts = [chinese(text) for _, _, text in found]
    assert texts[0] == "暂停已签署但尚未上链：未配置 [relay]，任何人均可用 filing-gate suspend --node 将其上链"
    assert expected in texts
    assert "续期第 2 次尝试未成功：[out of gas]" in texts


@pytest.mark.parametrize("rule", [row.id for row in RULES])
def test_told__whichever_rule_is_unclear__its_id_and_reason(rule: str) -> None:
    text = f"INDETERMINATE since 2026-12-01 04:00Z: {rule}: a; b; {look.shown_left(NOW, NOW)}"
    assert f"规则 {rule}：[a; b]；窗口期已结束" in chinese(text)


def test_told__the_relay_is_short_of_gas__in_chinese() -> None:
    kept: list[Watched] = []
    eth = SimpleNamespace(get_balance=lambda _who: 7, gas_price=10)
    node = SimpleNamespace(
        relay=SimpleNamespace(address=RELAY),
        registry=lambda: SimpleNamespace(w3=SimpleNamespace(eth=eth, provider=None)),
        duties=SimpleNamespace(tend=lambda: None),
    )
    watcher = SimpleNamespace(node=node, state=SimpleNamespace(get=Watched, looked=kept.append))
    Watcher.node_alerts(cast(Any, watcher), NOW)
    (alert,) = kept[0].alerts
    assert chinese(alert["text"]) == f"中继 {RELAY} 余额 7 wei，不足以支付 {RENEWALS_IN_STOCK} 次续期"


def test_told__what_the_relays_transactions_wait_for__in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.chain.durable_sender.refuse_early", lambda *_given: 21_000)
    taker: list[str | None] = ["0xcd", None]
    book = SimpleNamespace(at_nonce=lambda *_given: None, open=lambda *_given: None)
    sender: Any = SimpleNamespace(
        address=RELAY,
        _chain_id=1,
        _book=book,
        _caps=FeeCaps(100, 5),
        _taker=lambda _w3, _nonce: taker.pop(0),
        _moved=lambda known, _state: known,
        _push=lambda _w3, _attempt: None,
        _attempt=lambda *_given: None,
        _fees=lambda _w3: None,
    )
    counts = {"latest": 3, "pending": 4}
    eth = SimpleNamespace(
        get_transaction_count=lambda _who, tag: counts[tag],
        get_block=lambda _tag: {"baseFeePerGas": 90},
        max_priority_fee=5,
    )
    w3: Any = SimpleNamespace(eth=eth)
    attempt = SimpleNamespace(hash="0xab", fees=Fees(100, 5), number=1)
    known: Any = SimpleNamespace(nonce=3, state=TransactionState.LIVE, attempts=[attempt], mined_hash="0xab")
    said = [DurableSender._used(sender, w3, known)[1], DurableSender._used(sender, w3, known)[1]]
    taker.append(None)
    done: Any = SimpleNamespace(**{**vars(known), "state": TransactionState.DONE})
    said += [DurableSender._used(sender, w3, done)[1], DurableSender._replace(sender, w3, known, None)[1]]
    said.append(DurableSender._unblock(sender, w3, 9))
    counts["pending"] = 3
    said.append(DurableSender._unblock(sender, w3, 9))
    told_of = [chinese(str(text)) for text in said]
    assert len(set(told_of)) == 6
    assert all(CHINESE.search(text) for text in told_of), told_of


def test_told__a_free_sentence_or_english_page__as_it_is() -> None:
    assert [(part.text, part.english) for part in told("anything <b>", "zh")] == [("anything <b>", True)]
    for text in duty_alerts():
        assert [(part.text, part.english) for part in told(text, "en")] == [(text, False)]


def test_sentences__each_form__names_only_values_it_finds() -> None:
    for row in sentences():
        assert set(re.findall(r"\{(\w+)\}", row.zh)) == set(row.says.groupindex), row.zh
        assert CHINESE.search(row.zh)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    found = ServedNode(bare_node(tmp_path_factory.mktemp("node")))
    yield found
    found.stop()


@pytest.mark.parametrize("language", ("en", "zh"))
def test_verify_page__a_bundle__each_meaning_in_the_pages_language(node: ServedNode, language: str) -> None:
    answer = CLIENT.post(
        node.url + "/verify",
        headers={"Accept": "text/html", "Accept-Language": language},
        files={"bundle": ("bundle-v1.zip", BUNDLE.read_bytes())},
    )
    assert answer.status_code == 200
    shown = {name for name in BUNDLE_CHECKS if f"<code>{name}</code>" in answer.text}
    assert len(shown) > 15
    for name in shown:
        english = BUNDLE_CHECKS[name].replace("'", "&#39;")
        assert (english in answer.text) is (language == "en"), name
        assert (meanings()[name] in answer.text) is (language == "zh"), name
    assert ("只有区块链可以证明" in answer.text) is (language == "zh")
