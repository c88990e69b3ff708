"""`filing-gate audit`: reads the chain, replays it, compares with the state at the same block, names deviations."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from web3 import Web3

from oracle import __version__
from oracle.audit.chain_reader import ChainReader
from oracle.audit.checkpoint import read_checkpoint, write_checkpoint
from oracle.audit.committee_history import CommitteeHistory
from oracle.audit.evidence_audit import EvidenceAudit
from oracle.audit.findings import AuditFinding, AuditReport
from oracle.audit.history import History
from oracle.audit.log_check import Fetch
from oracle.audit.roles import RoleHistory, role_name
from oracle.audit.second_opinion import second_signer
from oracle.audit.timeline import Timeline, status_name
from oracle.audit.transfers import TransferHistory
from oracle.audit.witness import Witness
from oracle.chain.code_match import created_by, immutables, same_code
from oracle.chain.deployment import Deployment
from oracle.chain.events import Event, decode_log, log_windows
from oracle.chain.raw_rpc import Call as RpcCall
from oracle.chain.registry import Registry
from oracle.chain.rpc import chain_faults, raw_call
from oracle.domain.address import eip55
from oracle.domain.approval import ZERO_HASH
from oracle.errors import InputError
from oracle.signing.eip712 import Domain

__all__ = ["Progress", "audit_chain"]

CHECKPOINT_SCHEMA = "audit-checkpoint/v1"

#: Events whose moment nothing asks for, and those whose transaction's calls are read.
_TIMELESS = frozenset({"Transfer", "Approval", "Redeemed", "EIP712DomainChanged"})
_WITH_CALLS = frozenset({"FilingApproved", "FilingUpdated", "FilingSuspended"})


#: Tokens whose code and state are read at once.
TOKENS_AT_ONCE = 50

#: Seconds between two checkpoints.
CHECKPOINT_SECONDS = 20.0


@dataclass(frozen=True)
class Progress:
    """How far an audit is: blocks `first` to `last`, all before `block` replayed; `events` so far."""

    first: int
    last: int
    block: int
    events: int


def audit_chain(
    w3: Web3 | Sequence[Web3],
    deployment: Deployment,
    progress: Callable[[str], None] = lambda _: None,
    *,
    resume: Path | None = None,
    advanced: Callable[[Progress], None] = lambda _: None,
    witnesses: Sequence[Witness] = (),
    logs: Mapping[str, Fetch] | None = None,
    checkpoints: Mapping[str, Sequence[bytes]] | None = None,
) -> AuditReport:
    """Audit a deployment from its first block to the newest.

    w3: a node, or several, whose answers are compared with the first one's; `resume`: a file that the audit writes as
    it goes on, and continues from if it is there; `progress` takes sentences, `advanced` how far it is.

    With `witnesses` (stores of evidence, nodes) each approval and update is held against its signers' decisions, and
    those against their evidence; `logs` gives an operator's log by the operator in lower case, and `checkpoints` notes
    of it that were seen before.

    Returns the report; a deviation is a finding, never an exception. UnreachableError if the chain can't be read or was
    reorganised meanwhile, InputError if it is another chain or there is no contract at the registry's address.

        >>> report = audit_chain(connect("http://127.0.0.1:8545"), load_deployment(Path("deployments/1.json")))
        >>> [(finding.id, finding.expected, finding.found) for finding in report.findings]
        []
    """
    nodes = [w3] if isinstance(w3, Web3) else list(w3)
    report = AuditReport(deployment.chain_id, deployment.registry, deployment.block, 0)
    reader = ChainReader(nodes[0], deployment.registry, nodes[1:], partial(_differs, report))
    for node in nodes:
        with chain_faults(str(getattr(node.provider, "endpoint_uri", ""))):
            chain_id = int(raw_call(node, "eth_chainId", []), 16)
        if chain_id != deployment.chain_id:
            raise InputError(
                f"the deployment is on chain {deployment.chain_id}, the node on {chain_id}",
                where="chainId",
                remedy="name a node of the deployment's chain",
            )
    report.last_block, report.last_block_hash = reader.last, reader.last_hash
    report.last_block_time = reader.time_of(reader.last)
    registry = Registry(nodes[0], deployment.registry)
    evidence = EvidenceAudit(report, witnesses, logs, checkpoints) if witnesses else None
    return _Audit(reader, registry.address, deployment, report, progress, advanced, resume, evidence).run()


def _differs(report: AuditReport, node: str, call: RpcCall) -> None:
    method, params = call
    report.findings.append(
        AuditFinding(
            "NODES-DIFFER", "what the first node answers", f"{node} answers otherwise", f"{method} {params}"[:500]
        )
    )


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _words(held: set[bytes]) -> str:
    """What an immutable holds: one word, or all of them where its places differ."""
    return " or ".join(sorted(word.hex() for word in held))


class _Audit:
    def __init__(
        self,
        reader: ChainReader,
        registry: str,
        deployment: Deployment,
        report: AuditReport,
        progress: Callable[[str], None],
        advanced: Callable[[Progress], None],
        resume: Path | None,
        evidence: EvidenceAudit | None,
    ) -> None:
        self.evidence = evidence
        self.reader = reader
        self.registry = registry
        self.deployment = deployment
        self.progress = progress
        self.advanced = advanced
        self.resume = resume
        self.block = reader.last
        self.domain = Domain(deployment.chain_id, deployment.registry)
        self.report = report
        self.named = {token.address.lower(): token.decimals for token in deployment.tokens}
        self.timeline = Timeline()
        self.moved: dict[str, TransferHistory] = {}
        self.roles: dict[str, RoleHistory] = {}
        #: What tokens consumed that no approval named yet: token -> transaction -> base units.
        self.waiting: dict[str, dict[str, int]] = {}
        self.events = 0

    def run(self) -> AuditReport:
        """All checks, each at the reader's last block."""
        history = self._history()
        first = self._resumed(history)
        for token in self.named:
            self._know(eip55(bytes.fromhex(token[2:])))
        self.progress(f"replaying blocks {first} to {self.block}" if first <= self.block else "no block is new")
        saved = time.monotonic()
        for start, end, logs in log_windows(self._ask, first, self.block):
            with chain_faults(self.reader.rpc.urls[0]):
                self._window(history, start, end, logs)
            if self.resume is not None and (end == self.block or time.monotonic() - saved > CHECKPOINT_SECONDS):
                self._keep(self.resume, history, end)
                saved = time.monotonic()
            self.advanced(Progress(self.deployment.block, self.block, end + 1, self.events))
        history.ended()
        if self.evidence is not None:
            self.evidence.ended()
        self.progress(f"comparing {self.events} events with the state of block {self.block}")
        self._creation()
        self._registry_code()
        self._committee(history.committee)
        self._filings(history)
        self._tokens(history)
        self.report.privileged, self.report.privileged_omitted = self.timeline.privileged, self.timeline.omitted
        if len(self.reader.rpc.urls) > 1:
            self.report.counted("NODES-DIFFER")
        self.reader.require_unmoved()
        return self.report

    def _views(self, *functions: str) -> list[tuple[Any, ...] | str]:
        return self.reader.views("FilingRegistry", [(self.registry, function, ()) for function in functions])

    def _history(self) -> History:
        stated = self.deployment
        longest, delay, retention = (
            known if isinstance(found, str) else int(found[0])
            for found, known in zip(
                self._views("maxValidity", "rotationDelay", "retention"),
                (stated.max_validity_seconds, stated.rotation_delay_seconds, stated.retention_seconds),
                strict=True,
            )
        )
        committee = CommitteeHistory(delay, retention)
        return History(
            self.report,
            self.domain,
            longest,
            self.reader.calls_of,
            self.reader.time_of,
            self.reader.accepts,
            committee,
            second_signer,
            self.evidence.changed if self.evidence is not None else None,
        )

    # Events ----------------------------------------------------------------------------------------------------------

    def _know(self, token: str) -> None:
        if token not in self.moved:
            self.moved[token] = TransferHistory(self.report, token)
            self.roles[token] = RoleHistory()

    def _ask(self, start: int, end: int) -> Any:
        return self.reader.logs([self.registry, *self.moved], start, end)

    def _window(self, history: History, start: int, end: int, logs: list[dict[str, Any]]) -> None:
        """Replay the logs of blocks start to end, all of them."""
        events = self._decoded(logs)
        self.reader.prefetch(
            (event.block for event in events if event.name not in _TIMELESS),
            (event.transaction for event in events if event.name in _WITH_CALLS),
        )
        consumed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        touched = set()
        for event in events:
            if event.name not in _TIMELESS:
                self.timeline.add(event, self.reader.time_of(event.block))
            if event.address == self.registry:
                history.apply(event)
                if event.name == "Issued":
                    consumed[event.values["token"]][event.transaction] += event.values["amount"]
            else:
                touched.add(event.address)
                self._of_token(event)
        for token in consumed.keys() | touched:
            if token in self.moved:
                self.moved[token].against(consumed.pop(token, {}))
        for token, amounts in consumed.items():
            earlier = self.waiting.setdefault(token, {})
            for transaction, amount in amounts.items():
                earlier[transaction] = earlier.get(transaction, 0) + amount
        for token in [eip55(bytes.fromhex(name[2:])) for name in history.tranches if name not in self.named]:
            if token not in self.moved:
                self._catch_up(token, end)

    def _of_token(self, event: Event) -> None:
        if event.name == "Transfer":
            self.moved[event.address].replay((event,))
        else:
            self.roles[event.address].apply(event)

    def _catch_up(self, token: str, last: int) -> None:
        """Everything so far of a token that an approval named for the first time."""
        self._know(token)
        for _, _, logs in log_windows(partial(self.reader.logs, [token]), self.deployment.block, last):
            for event in self._decoded(logs):
                self._of_token(event)
        self.moved[token].against(self.waiting.pop(token, {}))

    def _decoded(self, logs: list[dict[str, Any]]) -> list[Event]:
        """The events in chain order; a log that only bears the name of one is a finding."""
        found = []
        for log in logs:
            contract = "FilingRegistry" if log["address"].lower() == self._lower else "AssetBackedToken"
            decoded = decode_log(contract, log)
            if decoded is None:
                continue
            event, fits = decoded
            if fits:
                found.append(event)
            else:
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
        self.report.counted("LOG-UNREADABLE")
        self.events += len(found)
        return sorted(found, key=lambda event: event.place)

    @cached_property
    def _lower(self) -> str:
        return self.registry.lower()

    # Going on --------------------------------------------------------------------------------------------------------

    def _keep(self, path: Path, history: History, end: int) -> None:
        if self.evidence is not None:
            self.evidence.flush()  # what the logs are still to be asked is not kept
        state = {
            "schema": CHECKPOINT_SCHEMA,
            "software": __version__,
            "evidence": self.evidence is not None,
            "deployment": self.deployment.model_dump_json(by_alias=True),
            "block": end,
            "hash": self.reader.hash_of(end),
            "checks": self.report.checks,
            "findings": self.report.findings,
            "committee": history.committee,
            "filings": history.filings,
            "tranches": history.tranches,
            "timeline": self.timeline,
            "moved": {token: moved.as_state() for token, moved in self.moved.items()},
            "roles": {token: (roles.holders, roles.ever) for token, roles in self.roles.items()},
            "waiting": self.waiting,
            "events": self.events,
        }
        write_checkpoint(path, state)

    def _resumed(self, history: History) -> int:
        """The block to begin with, after taking up what the file holds."""
        state = read_checkpoint(self.resume) if self.resume is not None else None
        if state is None:
            return self.deployment.block
        own = (
            CHECKPOINT_SCHEMA,
            __version__,
            self.deployment.model_dump_json(by_alias=True),
            self.evidence is not None,
        )
        if tuple(state.get(key) for key in ("schema", "software", "deployment", "evidence")) != own:
            raise InputError(
                "the checkpoint is of another version or another deployment, or one is with evidence and one without",
                where=str(self.resume),
                remedy="delete it, or name another file",
            )
        if state["block"] > self.block or self.reader.hash_of(state["block"]) != state["hash"]:
            self.progress(f"the chain was reorganised below block {state['block']}: beginning anew")
            return self.deployment.block
        self.report.checks, self.report.findings = state["checks"], [*state["findings"], *self.report.findings]
        history.committee, history.filings, history.tranches = (
            state[key] for key in ("committee", "filings", "tranches")
        )
        self.timeline, self.waiting, self.events = state["timeline"], state["waiting"], state["events"]
        for token, moved in state["moved"].items():
            self._know(token)
            self.moved[token].take(moved)
            self.roles[token].holders, self.roles[token].ever = state["roles"][token]
        self.progress(f"going on after block {state['block']}")
        return int(state["block"]) + 1

    # State -----------------------------------------------------------------------------------------------------------

    def _compare(self, name: str, expected: object, found: object, subject: str) -> None:
        self.report.counted(name)
        if expected != found:
            self.report.findings.append(AuditFinding(name, str(expected), str(found), subject, self.block))

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
        expected = f"{self.registry.lower()} created with this build's code in block {block}"
        self._compare("CREATION", expected, found, tx_hash)

    def _registry_code(self) -> None:
        code = self.reader.code_of(self.registry)
        own = same_code("FilingRegistry", code)
        self._compare("CODE-REGISTRY", True, own, self.registry)
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
                self.registry,
            )

    def _committee(self, known: CommitteeHistory) -> None:
        address = self.registry
        replayed = (sorted(known.operators), known.threshold, known.epoch, known.owner)
        found = self._views("operators", "threshold", "epoch", "owner")
        unread = next((item for item in found if isinstance(item, str)), None)
        state = unread or (sorted(found[0][0]), *(item[0] for item in found[1:]))
        self._compare("COMMITTEE-STATE", replayed, state, address)
        stated = (
            sorted(item.lower() for item in self.deployment.operators),
            self.deployment.threshold,
            self.deployment.owner.lower(),
        )
        self._compare("COMMITTEE-DEPLOYMENT", stated, known.first, address)
        self.report.committee = {
            "history": self.timeline.committee,
            "operators": known.operators,
            "threshold": known.threshold,
            "epoch": known.epoch,
            "owner": known.owner,
            "pending": known.pending(self.reader.time_of(self.block)),
        }

    def _filings(self, history: History) -> None:
        states = self.reader.views(
            "FilingRegistry", [(self.registry, "filingState", (filing,)) for filing in history.filings]
        )
        for (filing, known), state in zip(history.filings.items(), states, strict=True):
            subject = "0x" + filing.hex()
            expected = (known.status.name, known.valid_after, known.valid_until, known.sequence)
            if not isinstance(state, str):
                state = (status_name(state[0]), *state[1:])
            self._compare("STATE-FILING", expected, state, subject)
            self.report.filings.append(
                {
                    "filing": subject,
                    "status": known.status.name,
                    "validAfter": known.valid_after,
                    "validUntil": known.valid_until,
                    "sequence": known.sequence,
                    "changes": self.timeline.changes.get(subject, []),
                }
            )

    def _tokens(self, history: History) -> None:
        tokens = sorted(self.moved, key=str.lower)
        for start in range(0, len(tokens), TOKENS_AT_ONCE):
            some = tokens[start : start + TOKENS_AT_ONCE]
            own = ("totalSupply", "decimals", "registry")
            found = self.reader.views("AssetBackedToken", [(token, name, ()) for token in some for name in own])
            tranches = self.reader.views(
                "FilingRegistry", [(self.registry, "trancheState", (token,)) for token in some]
            )
            codes = self.reader.codes_of(some)
            for number, token in enumerate(some):
                self._token(token, history, codes[number], found[3 * number : 3 * number + 3], tranches[number])

    def _token(
        self,
        address: str,
        history: History,
        code: bytes,
        found: list[tuple[Any, ...] | str],
        tranche: tuple[Any, ...] | str,
    ) -> None:
        """Compare a token with its history; `found` is what it says of total supply, decimals and registry."""
        lower, moved = address.lower(), self.moved[address]
        supply, decimals, gate = (item if isinstance(item, str) else item[0] for item in found)
        known = history.tranches.get(lower)
        self._compare("TOKEN-UNLISTED", True, lower in self.named, address)
        self._compare("SUPPLY", moved.minted - moved.burned, supply, address)
        expected = ("0x" + known.filing.hex(), known.cap, known.issued) if known else (ZERO_HASH, 0, 0)
        if not isinstance(tranche, str):
            tranche = ("0x" + tranche[0].hex(), *tranche[1:])
        self._compare("STATE-TRANCHE", expected, tranche, address)
        stated = {self.named.get(lower), known.decimals if known else None} - {None}
        self._compare("TOKEN-DECIMALS", stated, {decimals}, address)
        own = same_code("AssetBackedToken", code)
        self._compare("CODE-TOKEN", True, own, address)
        self._compare("TOKEN-REGISTRY", self._lower, gate, address)
        if own:
            # Then each getter shows what the code uses, the registry's above all.
            split = [_words(held) for held in immutables("AssetBackedToken", code) if len(held) != 1]
            self._compare("TOKEN-IMMUTABLES", [], split, address)
        self._roles(address)
        self.report.tokens.append(
            {
                "token": address,
                "filing": expected[0],
                "cap": str(expected[1]),
                "issued": str(expected[2]),
                "minted": str(moved.minted),
                "burned": str(moved.burned),
                "holders": len(moved.balances),
                "roles": self.roles[address].as_json(),
                "mints": self.timeline.mints(address),
            }
        )

    def _roles(self, token: str) -> None:
        """Everyone who ever held a role is asked for, and holds it if the events say so."""
        roles = self.roles[token]
        ever = sorted(roles.ever)
        found = self.reader.views("AssetBackedToken", [(token, "hasRole", pair) for pair in ever])
        for (role, account), state in zip(ever, found, strict=True):
            holds = state if isinstance(state, str) else state[0]
            self._compare("ROLE-STATE", roles.holds(role, account), holds, f"{token} {role_name(role)} {account}")
