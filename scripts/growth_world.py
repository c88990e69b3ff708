"""A world with many approved filings, made quickly: chain, stand-in of the regulator's site, one operator's node.

What is real: registry, committee and the first filing's two tokens are deployed, every approval is signed by two
operators and sent (in batches), every notice is published by the stand-in, every dossier goes through the node's own
store. What is cut short: the other filings' tokens are copies of the two deployed ones (`anvil_setCode`), as
deploying 20,000 contracts tests nothing here, and dossiers are handed to the store without HTTP.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import Web3

from oracle.chain.deployment import Deployment, Manifest, deploy
from oracle.chain.raw_rpc import RawRpc
from oracle.chain.registry import Registry
from oracle.chain.rpc import raw_call
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import FilingApproval, OperatorSignature, Tranche
from oracle.domain.canonical import canonical_bytes, keccak256
from oracle.domain.dossier import Dossier, parse_dossier
from oracle.domain.names import filing_id
from oracle.node.config import load_config
from oracle.rules.case import SHANGHAI
from oracle.rules.table import ruleset_hash
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner, new_keystore
from oracle.store.database import Database, format_time
from tests.anvil import start_anvil
from tests.samples.dossier import sample_dossier, sample_record
from tests.standin.csrc_content import TOKEN_NOTICES
from tests.standin.csrc_site import CsrcSite

__all__ = ["PASSWORD", "PASSWORD_ENV", "Filing", "GrowthWorld", "growth_world"]

PASSWORD, PASSWORD_ENV = "growth", "GROWTH_PASSWORD"
AMOUNT, UNITS = "100000000", 1_000_000
WINDOW = 86_400
#: Approvals in one transaction; the registry takes no more, and a block must hold them.
BATCH = 32
PAGE_SIZE = 100


@dataclass(frozen=True)
class Filing:
    """One filing of the world."""

    index: int

    @property
    def number(self) -> str:
        """Its number."""
        return f"国合函〔2026〕{10_000 + self.index}号"

    @property
    def company(self) -> str:
        """Its company."""
        return f"示例{self.index:05}（上海）充电科技有限公司"

    @property
    def ident(self) -> str:
        """Its id on chain, 0x-hex."""
        return "0x" + filing_id(self.number).hex()


@dataclass
class GrowthWorld:
    """What runs: `url` is the chain's, `config` the node's file, `seconds` what each part of the set-up took."""

    filings: list[Filing]
    deployment: Deployment
    registry: Registry
    w3: Web3
    url: str
    anvil_pid: int
    site: CsrcSite
    config: Path
    seconds: dict[str, float]

    def tokens(self, filing: Filing) -> list[str]:
        """The filing's two tokens."""
        return _tokens(self.deployment, filing)


def today() -> date:
    """The regulator's day."""
    return datetime.now(UTC).astimezone(SHANGHAI).date()


def _tokens(deployment: Deployment, filing: Filing) -> list[str]:
    own = [token.address for token in deployment.tokens[:2]]
    if filing.index == 0:
        return own
    return [
        to_checksum_address(keccak256(f"growth token {filing.index} {rank}".encode())[12:]) for rank in range(len(own))
    ]


@contextmanager
def growth_world(folder: Path, count: int, *, interval: int, sweep: int = 1, concurrency: int = 2, port: int = 0
                 ) -> Iterator[GrowthWorld]:  # fmt: skip
    """Everything but the node's process, which is the caller's: `filing-gate serve --config` with PASSWORD in its
    environment."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    filings = [Filing(index) for index in range(count)]
    with ExitStack() as stack:
        anvil = stack.enter_context(start_anvil())
        site = stack.enter_context(CsrcSite(folder / "site.json", process=True))
        w3 = Web3(Web3.HTTPProvider(anvil.url, request_kwargs={"timeout": 120}))
        issuer = str(w3.eth.accounts[0])
        with _timed(seconds, "deploy"):
            signers = [
                new_keystore(folder / "key.json", PASSWORD, light=True),
                KeySigner(keccak256(b"growth operator 2")),
                KeySigner(keccak256(b"growth operator 3")),
            ]
            roles = {"admin": issuer, "issuer": issuer, "decimals": 6, "symbol": "GROW"}
            manifest = Manifest.model_validate(
                {
                    "committee": {"operators": [item.address for item in signers], "threshold": 2},
                    "tokens": [{"id": rank, "name": rank, **roles} for rank in ("senior", "junior")],
                }
            )
            deployment = deploy(manifest, w3, NodeAccountSender(issuer))
            listed = [
                {**token.model_dump(), "id": f"{token.id}-{filing.index}", "address": address}
                for filing in filings
                for token, address in zip(deployment.tokens[:2], _tokens(deployment, filing), strict=True)
            ]
            whole = type(deployment).model_validate({**deployment.model_dump(), "tokens": listed})
            (folder / "deployment.json").write_text(whole.model_dump_json(by_alias=True), encoding="utf-8")
        rpc = RawRpc([anvil.url], timeout=300)
        with _timed(seconds, "tokens"):
            codes = [rpc.call("eth_getCode", [token.address, "latest"]) for token in deployment.tokens[:2]]
            rpc.batch([("anvil_setCode", [address, code]) for filing in filings[1:]
                       for address, code in zip(_tokens(deployment, filing), codes, strict=True)])  # fmt: skip
        with _timed(seconds, "publish"):
            site.set_state(notices=[_notice(item) for item in filings], etags=True, fillersNewer=0, fillersOlder=0)
        relay = new_keystore(folder / "relay.json", PASSWORD, light=True)
        raw_call(w3, "anvil_setBalance", [relay.address, hex(10**20)])
        config = folder / "node.toml"
        config.write_text(
            _config(deployment.registry, anvil.url, site.url, count, interval, sweep, concurrency, port),
            encoding="utf-8",
        )
        with _timed(seconds, "dossiers"):
            dossiers = [_dossier(deployment, item) for item in filings]
            _keep(config, dossiers)
        with _timed(seconds, "approve"):
            _approve(w3, rpc, deployment, filings, dossiers, signers[:2], config)
        yield GrowthWorld(
            filings, deployment, Registry(w3, deployment.registry), w3, anvil.url, anvil.pid, site, config, seconds
        )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 2)
    print(f"growth: {name}: {seconds[name]} s", file=sys.stderr, flush=True)


def _notice(filing: Filing) -> dict[str, Any]:
    return {
        "manuscriptId": str(7_800_000 + filing.index),
        "number": filing.number,
        "company": filing.company,
        "issuedOn": (today() - timedelta(days=27)).isoformat(),
        "units": UNITS,
        "amount": AMOUNT,
        "withdrawn": False,
    }


def _dossier(deployment: Deployment, filing: Filing) -> Dossier:
    changes = {"filing.filingNumber": filing.number, "filingEntity.nameZh": filing.company}
    made = sample_dossier(changes, today=today(), tokens=_tokens(deployment, filing))
    return parse_dossier(canonical_bytes(made), what="growth")


def _keep(config: Path, dossiers: list[Dossier]) -> None:
    """Into the node's store as a request would bring them; several threads, so that they share commits."""
    database = Database(load_config(config).database_url())
    try:
        when = format_time(datetime.now(UTC))

        def keep(dossier: Dossier) -> None:
            request = database.add_request(when, "POST", "/v1/dossiers", dossier.canonical())
            database.add_dossier(request, dossier)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(keep, dossiers))
    finally:
        database.close()


def _approve(
    w3: Web3,
    rpc: RawRpc,
    deployment: Deployment,
    filings: list[Filing],
    dossiers: list[Dossier],
    signers: list[KeySigner],
    config: Path,
) -> None:
    """All approvals, by the committee's keys, in batches."""
    registry, domain = Registry(w3, deployment.registry), Domain(31337, deployment.registry)
    ruleset = "0x" + ruleset_hash(load_config(config).policy).hex()
    now, sender = int(w3.eth.get_block("latest")["timestamp"]), str(w3.eth.accounts[0])
    pairs = []
    for filing, dossier in zip(filings, dossiers, strict=True):
        plan = dossier.issue_plan
        record = sample_record(today=today(), number=filing.number, name=filing.company)
        approval = FilingApproval(
            filing=filing.ident,
            tranches=tuple(
                Tranche(token=item.contract, cap=plan.base_units(item.max_units), decimals=plan.decimals)
                for item in sorted(plan.tranches, key=lambda item: int(item.contract, 16))
            ),
            dossier_hash="0x" + dossier.dossier_hash().hex(),
            record_hash="0x" + record.record_hash().hex(),
            ruleset_hash=ruleset,
            valid_after=now - 60,
            valid_until=now + WINDOW,
            sequence=1,
        )
        digest = approval_digest(domain, approval)
        given = [OperatorSignature(operator=item.address, signature="0x" + item.sign(digest).hex()) for item in signers]
        pairs.append((approval, given))
    sent = []
    for begin in range(0, len(pairs), BATCH):
        data = registry.approve_batch_data(pairs[begin : begin + BATCH])
        call = {"from": sender, "to": registry.address, "data": "0x" + data.hex(), "gas": hex(20_000_000)}
        sent.append(rpc.call("eth_sendTransaction", [call]))
    end = time.monotonic() + 120
    while True:
        receipts = rpc.batch([("eth_getTransactionReceipt", [name]) for name in sent])
        if all(item is not None for item in receipts):
            break
        if time.monotonic() > end:
            raise RuntimeError("the approvals are not in a block")
        time.sleep(0.05)
    if any(item["status"] != "0x1" for item in receipts):
        raise RuntimeError("the registry refused approvals")


def _config(
    registry: str, chain: str, site: str, count: int, interval: int, sweep: int, concurrency: int, port: int
) -> str:
    return f'''name = "operator-1"
[http]
port = {port or 8701}
auth = "none"
[http.limits]
operator = 0
[chain]
id = 31337
registry = "{registry}"
rpc_url = "{chain}"
[key]
keystore = "key.json"
password_env = "{PASSWORD_ENV}"
[relay]
keystore = "relay.json"
password_env = "{PASSWORD_ENV}"
wait_seconds = 30
[duties]
sweep_seconds = {sweep}
[watch]
interval_seconds = {interval}
retry_seconds = 5
concurrency = {concurrency}
[[sources]]
type = "csrc"
base_url = "{site}"
notice_channels = ["{TOKEN_NOTICES}"]
page_size = {PAGE_SIZE}
max_pages = {max(60, count // PAGE_SIZE + 10)}
attempts = 1
timeout_seconds = 10
deadline_seconds = 60
'''
