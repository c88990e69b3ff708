"""`filing-gate audit`: reads the chain, replays it, compares with the state at the same block, names deviations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TypeVar

from eth_utils.address import to_checksum_address
from web3 import Web3

from oracle.audit.chain_reader import ChainReader
from oracle.audit.committee_history import CommitteeHistory
from oracle.audit.findings import AuditFinding, AuditReport
from oracle.audit.history import History
from oracle.audit.transfers import TransferHistory
from oracle.chain.code_match import created_by, immutables, same_code
from oracle.chain.deployment import Deployment
from oracle.chain.events import Event, read_events
from oracle.chain.registry import Registry, Token
from oracle.domain.approval import ZERO_HASH
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.signing.eip712 import Domain

__all__ = ["audit_chain"]

T = TypeVar("T")


def audit_chain(w3: Web3, deployment: Deployment, progress: Callable[[str], None] = lambda _: None) -> AuditReport:
    """Audit a deployment from its first block to the newest.

    Returns the report; a deviation is a finding, never an exception. UnreachableError if the chain can't be read or was
    reorganised meanwhile, InputError if it is another chain or there is no contract at the registry's address.
    """
    reader = ChainReader(w3, deployment.registry)
    if reader.chain_id != deployment.chain_id:
        raise InputError(
            f"the deployment is on chain {deployment.chain_id}, the node on {reader.chain_id}",
            where="chainId",
            remedy="name a node of the deployment's chain",
        )
    registry = Registry(w3, deployment.registry)
    return _Audit(reader, registry, deployment, progress).run()


def _unless_unreadable(read: Callable[[], T]) -> T | str:
    """What a contract answers, or the words for that it does not: foreign code may answer with anything."""
    try:
        return read()
    except (RefusedError, UnreachableError) as error:
        return f"unreadable: {error.what}"


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _words(held: set[bytes]) -> str:
    """What an immutable holds: one word, or all of them where its places differ."""
    return " or ".join(sorted(word.hex() for word in held))


class _Audit:
    def __init__(
        self, reader: ChainReader, registry: Registry, deployment: Deployment, progress: Callable[[str], None]
    ) -> None:
        self.reader = reader
        self.registry = registry
        self.deployment = deployment
        self.progress = progress
        self.block = reader.last
        self.domain = Domain(deployment.chain_id, deployment.registry)
        self.report = AuditReport(
            deployment.chain_id,
            deployment.registry,
            deployment.block,
            reader.last,
            last_block_hash=reader.last_hash,
        )

    def run(self) -> AuditReport:
        """All checks, each at the reader's last block."""
        first = self.deployment.block
        self.progress(f"reading events of blocks {first} to {self.block}")
        events = self._events("FilingRegistry", [self.deployment.registry])
        longest = _unless_unreadable(lambda: self.registry.max_validity(self.block))
        if isinstance(longest, str):
            longest = self.deployment.max_validity_seconds
        delay = _unless_unreadable(lambda: self.registry.rotation_delay(self.block))
        retention = _unless_unreadable(lambda: self.registry.retention(self.block))
        committee = CommitteeHistory(
            delay if isinstance(delay, int) else self.deployment.rotation_delay_seconds,
            retention if isinstance(retention, int) else self.deployment.retention_seconds,
        )
        history = History(
            self.report,
            self.domain,
            longest,
            self.reader.calls_of,
            self.reader.time_of,
            self.reader.accepts,
            committee,
        )
        self.progress(f"replaying {len(events)} events of the registry")
        history.replay(events)
        self._creation()
        self._registry_code()
        self._committee(history.committee)
        self._filings(history)
        named = {token.address.lower(): token.decimals for token in self.deployment.tokens}
        tokens = [str(to_checksum_address(token)) for token in sorted(named.keys() | history.tranches.keys())]
        self.progress(f"comparing mints and supply of {len(tokens)} tokens")
        consumed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for event in events:
            if event.name == "Issued":
                consumed[event.values["token"]][event.transaction] += event.values["amount"]
        transfers: dict[str, list[Event]] = defaultdict(list)
        for event in self._events("AssetBackedToken", tokens):
            if event.name == "Transfer":
                transfers[event.address].append(event)
        for token in tokens:
            moved = TransferHistory(self.report, token)
            moved.replay(transfers[token])
            moved.against(consumed[token])
            self._token(token, history, moved, named)
        self.reader.require_unmoved()
        return self.report

    def _compare(self, name: str, expected: object, found: object, subject: str) -> None:
        self.report.counted(name)
        if expected != found:
            self.report.findings.append(AuditFinding(name, str(expected), str(found), subject, self.block))

    def _events(self, contract: str, addresses: list[str]) -> list[Event]:
        misfits: list[Event] = []
        found = read_events(self.reader.w3, contract, addresses, self.deployment.block, self.block, misfits)
        self.report.counted("LOG-UNREADABLE")
        for event in misfits:
            self.report.findings.append(
                AuditFinding(
                    "LOG-UNREADABLE",
                    f"an event {event.name} of {contract}",
                    "values that don't fit it",
                    event.address,
                    event.block,
                    event.transaction,
                )
            )
        return found

    def _creation(self) -> None:
        """Storage set by another constructor leaves no event, so the creation code must be this build's too."""
        tx_hash, block = self.deployment.transaction, self.deployment.block
        created, transaction = self.reader.created(tx_hash), self.reader.transaction(tx_hash)
        found = "a transaction that created no contract"
        if created is not None and transaction is not None:
            address, where = created
            own = created_by("FilingRegistry", bytes.fromhex(transaction["input"][2:]))
            code = "this build's code" if own else "other code"
            found = f"{address} created with {code} in block {where}"
            if where >= block:
                block = where
        expected = f"{self.registry.address.lower()} created with this build's code in block {block}"
        self._compare("CREATION", expected, found, tx_hash)

    def _registry_code(self) -> None:
        code = self.reader.code_of(self.registry.address)
        own = same_code("FilingRegistry", code)
        self._compare("CODE-REGISTRY", True, own, self.registry.address)
        if own:
            expected = Counter(
                word.hex()
                for word in (
                    _word(self.deployment.max_validity_seconds),
                    _word(self.deployment.rotation_delay_seconds),
                    _word(self.deployment.retention_seconds),
                )
            )
            found = Counter(_words(held) for held in immutables("FilingRegistry", code))
            self._compare(
                "REGISTRY-IMMUTABLES",
                sorted((expected - found).elements()),
                sorted((found - expected).elements()),
                self.registry.address,
            )

    def _committee(self, known: CommitteeHistory) -> None:
        address = self.registry.address
        replayed = (sorted(known.operators), known.threshold, known.epoch, known.owner)
        state = _unless_unreadable(
            lambda: (
                sorted(item.lower() for item in self.registry.operators(self.block)),
                self.registry.threshold(self.block),
                self.registry.epoch(self.block),
                self.registry.owner(self.block).lower(),
            )
        )
        self._compare("COMMITTEE-STATE", replayed, state, address)
        stated = (
            sorted(item.lower() for item in self.deployment.operators),
            self.deployment.threshold,
            self.deployment.owner.lower(),
        )
        self._compare("COMMITTEE-DEPLOYMENT", stated, known.first, address)
        self.report.committee = {
            "operators": known.operators,
            "threshold": known.threshold,
            "epoch": known.epoch,
            "owner": known.owner,
            "pending": known.pending(self.reader.time_of(self.block)),
        }

    def _filings(self, history: History) -> None:
        for filing, known in history.filings.items():
            subject = "0x" + filing.hex()
            expected = (known.status.name, known.valid_after, known.valid_until, known.sequence)
            self._compare("STATE-FILING", expected, self._filing_state(subject), subject)
            self.report.filings.append(
                {
                    "filing": subject,
                    "status": known.status.name,
                    "validAfter": known.valid_after,
                    "validUntil": known.valid_until,
                    "sequence": known.sequence,
                }
            )

    def _filing_state(self, filing: str) -> tuple[str, int, int, int] | str:
        state = _unless_unreadable(lambda: self.registry.filing_state(filing, self.block))
        if isinstance(state, str):
            return state
        return state.status.name, state.valid_after, state.valid_until, state.sequence

    def _tranche_state(self, token: str) -> tuple[str, int, int] | str:
        state = _unless_unreadable(lambda: self.registry.tranche_state(token, self.block))
        return state if isinstance(state, str) else (state.filing, state.cap, state.issued)

    def _token(self, address: str, history: History, moved: TransferHistory, named: dict[str, int]) -> None:
        token, lower = Token(self.reader.w3, address), address.lower()
        known = history.tranches.get(lower)
        self._compare("TOKEN-UNLISTED", True, lower in named, address)
        supply = _unless_unreadable(lambda: token.total_supply(self.block))
        self._compare("SUPPLY", moved.minted - moved.burned, supply, address)
        expected = ("0x" + known.filing.hex(), known.cap, known.issued) if known else (ZERO_HASH, 0, 0)
        self._compare("STATE-TRANCHE", expected, self._tranche_state(address), address)
        decimals = _unless_unreadable(lambda: token.decimals(self.block))
        stated = {named.get(lower), known.decimals if known else None} - {None}
        self._compare("TOKEN-DECIMALS", stated, {decimals}, address)
        code = self.reader.code_of(address)
        own = same_code("AssetBackedToken", code)
        self._compare("CODE-TOKEN", True, own, address)
        gate = _unless_unreadable(lambda: token.registry(self.block))
        self._compare("TOKEN-REGISTRY", self.registry.address, gate, address)
        if own:
            # Then each getter shows what the code uses, the registry's above all.
            split = [_words(held) for held in immutables("AssetBackedToken", code) if len(held) != 1]
            self._compare("TOKEN-IMMUTABLES", [], split, address)
        self.report.tokens.append(
            {
                "token": address,
                "cap": str(expected[1]),
                "issued": str(expected[2]),
                "minted": str(moved.minted),
                "burned": str(moved.burned),
            }
        )
