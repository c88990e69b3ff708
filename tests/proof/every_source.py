"""One dossier seen by every type of source, over real HTTP and real files, and a signed decision on all of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from oracle.domain.approval import FilingApproval, OnChainStatus
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import parse_dossier
from oracle.domain.filing import Observation
from oracle.evidence.store import EvidenceStore
from oracle.node.config import NodeConfig
from oracle.node.service import make_sources, source_settings
from oracle.rules.case import SHANGHAI, query_for
from oracle.rules.decision import FilingOnChain
from oracle.rules.decision_record import Circumstances, build, decide, signed_envelope
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from oracle.signing.personal_message import decision_message, message_digest
from oracle.sources.manual import write_statement
from oracle.sources.manual_statement import ManualFile, ManualStatement, SignedAct, act_text
from oracle.sources.stated_filing import FIELDS
from tests.samples.dossier import ENTITY_NAME, NUMBER, USCC, sample_case, sample_dossier
from tests.sources.file_server import FileServer
from tests.sources.minisign_key import MinisignKey
from tests.standin.csrc_content import MARKET_BANS, PENALTIES, REQUESTS, TOKEN_NOTICES, TOKEN_TABLE
from tests.standin.csrc_site import CsrcSite

OPERATOR = KeySigner(b"\x07" * 32)
ANNA, BO = KeySigner(b"\x0b" * 32), KeySigner(b"\x0d" * 32)
COUNSEL = MinisignKey(1)
REGISTRY = "0x" + "11" * 20
_HASH = "0x" + "22" * 32
#: Another company's penalty that holds the entity's name within other words: somebody has to read it.
UNCLEAR = f"新{ENTITY_NAME}"
#: A name much like the entity's.
NEAR = f"{ENTITY_NAME[:-4]}股份{ENTITY_NAME[-4:]}"


def _fields(decided: str) -> dict[str, Any]:
    return {"number": NUMBER, "entityName": ENTITY_NAME, "uscc": USCC, "status": "已备案", "decisionDate": decided}


def _register(decided: str, form: str) -> bytes:
    if form == "json":
        return json.dumps([_fields(decided)], ensure_ascii=False).encode()
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, FIELDS)
        writer.writeheader()
        writer.writerow(_fields(decided))
        return out.getvalue().encode()
    from openpyxl import Workbook

    book = Workbook()
    book.worksheets[0].append(list(FIELDS))
    book.worksheets[0].append([_fields(decided).get(name) for name in FIELDS])
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def _statement(decided: str, now: datetime, copy: str) -> ManualFile:
    statement = ManualStatement.model_validate_json(
        json.dumps(
            {
                "source": "persons",
                "seenAt": now.isoformat(timespec="seconds"),
                "number": NUMBER,
                "entityName": ENTITY_NAME,
                "status": "FILED",
                "decisionDate": decided,
                "evidence": copy,
            }
        )
    )

    def act(kind: Any, signer: KeySigner) -> SignedAct:
        at = now.isoformat(timespec="seconds")
        signature = signer.sign(message_digest(act_text(statement, kind, at)))
        return SignedAct(by=signer.address, at=at, signature="0x" + signature.hex())

    return ManualFile(statement=statement, entered=act("enter", ANNA), confirmed=act("confirm", BO))


@dataclass
class EverySource:
    """The world: its configuration, its store, the site, and what is published."""

    folder: Path
    config: NodeConfig
    store: EvidenceStore
    site: CsrcSite
    dossier: dict[str, Any]

    def observe(self) -> tuple[Observation, ...]:
        """What all sources say now."""
        query = query_for(parse_dossier(canonical_bytes(self.dossier), what="sample"))
        return tuple(seen for source in make_sources(self.config, self.store) for seen in source.observe(query))

    def decide(self, observations: tuple[Observation, ...], earlier: tuple[Observation, ...] = ()) -> bytes:
        """The signed decision on an approval, kept in the store with its dossier, as a node keeps it."""
        dossier = parse_dossier(canonical_bytes(self.dossier), what="sample")
        now = int(datetime.now(UTC).timestamp())
        case = sample_case(dossier=dossier, now=now, observations=observations, earlier=earlier)
        proposed = FilingApproval.model_validate(
            {
                "filing": _HASH,
                "tranches": [{"token": REGISTRY, "cap": 5, "decimals": 6}],
                "dossier_hash": "0x" + dossier.dossier_hash().hex(),
                "record_hash": _HASH,
                "ruleset_hash": _HASH,
                "valid_after": now,
                "valid_until": now + 60,
                "sequence": 1,
            }
        )
        about = Circumstances(
            "approval",
            OPERATOR.address,
            31337,
            REGISTRY,
            FilingOnChain(OnChainStatus.NONE, 0, 0, 0, 86400),
            proposed,
            "0x" + approval_digest(Domain(31337, REGISTRY), proposed).hex(),
            "filing-gate/0.1.0",
            source_settings(self.config),
        )
        document = build(case, about, decide(case, about))
        sha256 = hashlib.sha256(canonical_bytes(document)).hexdigest()
        signature = OPERATOR.sign(message_digest(decision_message(sha256)))
        data = canonical_bytes(signed_envelope(document, OPERATOR.address, signature))
        self.store.put(dossier.canonical())
        self.store.put(data)
        return data


def _sources(site: CsrcSite, api: FileServer) -> list[dict[str, Any]]:
    return [
        {
            "type": "csrc",
            "base_url": site.url,
            "table_channels": [TOKEN_TABLE],
            "notice_channels": [TOKEN_NOTICES],
            "supplement_channels": [REQUESTS],
            "penalty_channels": [PENALTIES],
            "market_ban_channels": [MARKET_BANS],
            "attempts": 1,
            # Lists of several pages.
            "page_size": 2,
        },
        *(
            {
                "type": "registry-file",
                "name": f"counsel-{form}",
                "path": f"register.{form}",
                "format": form,
                "minisign_keys": [COUNSEL.public],
            }
            for form in ("json", "csv", "xlsx")
        ),
        {
            "type": "http-json",
            "name": "vendor",
            "url": api.url + "/filings?number={number}",
            "items": "/data",
            "fields": {name: f"/{name}" for name in ("number", "entityName", "status", "decisionDate")},
            "vocabulary": {"已备案": "FILED"},
        },
        {
            "type": "manual",
            "name": "persons",
            "folder": "manual",
            "persons": [
                {"name": "Anna", "addresses": [ANNA.address]},
                {"name": "Bo", "addresses": [BO.address]},
            ],
        },
        {
            "type": "screening",
            "name": "debtors",
            "adverse": "DISHONEST",
            "path": "debtors.json",
            "format": "json",
            "version": "2026-47",
            "as_of": datetime.now(SHANGHAI).date().isoformat(),
        },
        {
            "type": "screening",
            "name": "sanctions",
            "adverse": "SANCTION",
            "path": "sanctions.json",
            "format": "json",
            "minisign_keys": [COUNSEL.public],
        },
    ]


@contextmanager
def every_source(folder: Path, store: EvidenceStore | None = None) -> Iterator[EverySource]:
    """Everything published and entered: a notice, a request in a docx, a penalty, registers, an API, a statement."""
    today = datetime.now(SHANGHAI).date()
    decided = (today - timedelta(days=27)).isoformat()
    now = datetime.now(UTC)
    with ExitStack() as stack:
        site = stack.enter_context(CsrcSite(folder / "site.json"))
        api = stack.enter_context(FileServer())
        site.set_state(
            fillersNewer=2,
            fillersOlder=1,
            requests=[
                {"from": "2026年3月2日", "to": "2026年3月6日", "lines": [f"一、{ENTITY_NAME}"], "docx": True},
                {"from": "2026年3月9日", "to": "2026年3月13日", "lines": [f"二、{ENTITY_NAME}"]},
            ],
            penalties=[{"party": ENTITY_NAME}, {"party": UNCLEAR}],
        )
        site.publish_notice(number=NUMBER, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=decided)
        site.set_row_status(NEAR, "已接收")
        api.put("/filings", json.dumps({"data": [_fields(decided)]}, ensure_ascii=False).encode())
        comment = f"timestamp:{int(now.timestamp())}"
        signed = {f"register.{form}": _register(decided, form) for form in ("json", "csv", "xlsx")}
        signed["sanctions.json"] = json.dumps([{"name": "另一家有限公司", "uscc": None}], ensure_ascii=False).encode()
        for name, data in signed.items():
            (folder / name).write_bytes(data)
            (folder / f"{name}.minisig").write_bytes(COUNSEL.sign(data, comment=comment))
        (folder / "debtors.json").write_text(json.dumps([{"name": ENTITY_NAME, "since": "2026-03-01"}]))
        store = store or EvidenceStore(folder / "evidence")
        write_statement(folder / "manual", _statement(decided, now, store.put(b"a photograph of the notice")))
        config = NodeConfig.model_validate(
            {
                "name": "operator",
                "chain": {"id": 31337, "registry": REGISTRY, "rpc_url": "http://127.0.0.1:1"},
                "key": {"keystore": "unused", "password_env": "UNUSED"},
                "sources": _sources(site, api),
            }
        ).model_copy(update={"base": folder})
        yield EverySource(folder, config, store, site, sample_dossier(today=today))
