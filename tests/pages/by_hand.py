"""A node's source by hand: what one person entered and another has still to confirm."""

from __future__ import annotations

from datetime import UTC, date, datetime

from oracle.domain.lifecycle import LifeCycle
from oracle.domain.personal_message import message_digest
from oracle.node.config import ManualSourceConfig
from oracle.node.service import Node
from oracle.signing.keys import KeySigner
from oracle.sources.manual import write_statement
from oracle.sources.manual_statement import ManualFile, ManualStatement, SignedAct, act_text

__all__ = ["ANNA", "BO", "enter_by_hand"]

#: Who enters and who confirms.
ANNA, BO = KeySigner(b"\x11" * 32), KeySigner(b"\x12" * 32)


def enter_by_hand(node: Node, entity: str) -> None:
    """Give a node a manual source with a statement that Anna entered and Bo has still to confirm."""
    persons = [{"name": name, "addresses": [signer.address]} for name, signer in (("Anna", ANNA), ("Bo 王", BO))]
    source = ManualSourceConfig.model_validate({"type": "manual", "persons": persons})
    node.config = node.config.model_copy(update={"sources": [*node.config.sources, source]})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    statement = ManualStatement.model_validate(
        {
            "source": "manual",
            "seenAt": now,
            "number": "国合函〔2026〕2077号",
            "entityName": entity,
            "status": LifeCycle.FILED,
            "decisionDate": date(2026, 11, 2),
            "url": "http://www.csrc.gov.cn/",
        }
    )
    signature = "0x" + ANNA.sign(message_digest(act_text(statement, "enter", now))).hex()
    entered = SignedAct(by=ANNA.address, at=now, signature=signature)
    write_statement(node.config.path(source.folder), ManualFile(statement=statement, entered=entered))
