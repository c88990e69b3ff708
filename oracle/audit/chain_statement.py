"""`chain.json` of a bundle: one approval or update as the chain has it, with the committee in force at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from oracle.audit.chain_reader import ChainReader, single_calls
from oracle.audit.committee_history import CHECKS, CommitteeHistory
from oracle.audit.decision_check import UNFIT, Change
from oracle.audit.history import Signatures, approval_of, concerns, update_of
from oracle.chain.events import Event, decode_call, decode_log, log_windows
from oracle.domain.approval import FilingApproval
from oracle.domain.canonical import canonical_bytes
from oracle.domain.fields import H256, Address, Frozen
from oracle.errors import InputError, UnreachableError
from oracle.signing.eip712 import Domain, approval_digest, update_digest

__all__ = ["ChainStatement", "Submitted", "UnfitStatement", "read_statement"]

Number = Annotated[int, Field(ge=0, lt=2**53)]
Data = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-f]{2})*$", max_length=2_000_000)]

_CHANGES = {"FilingApproved": "approve", "FilingUpdated": "update"}


class UnfitStatement(ValueError):
    """A statement that contradicts itself; the message says how."""


class StatedBlock(Frozen):
    number: Number
    hash: H256
    time: Number


class StatedTransaction(Frozen):
    hash: H256
    sender: Address
    to: Address | None
    input: Data


class StatedEvent(Frozen):
    log_index: Number
    topics: list[H256] = Field(min_length=1, max_length=4)
    data: Data


class StatedSignature(Frozen):
    operator: Address
    signature: Data


class Retained(Frozen):
    """A replaced operator whose signature still counts: for which seat, until when (the first second it does not)."""

    operator: Address
    seat: Address
    until: Number


class StatedCommittee(Frozen):
    epoch: int = Field(gt=0, lt=2**53)
    threshold: int = Field(gt=0, le=1_000)
    operators: list[Address] = Field(min_length=1, max_length=1_000)
    retained: list[Retained] = Field(max_length=1_000)

    def seat_of(self, account: str) -> str | None:
        """The seat that an account may sign for; None if its signature does not count."""
        if account in self.operators:
            return account
        return next((item.seat for item in self.retained if item.operator == account), None)


@dataclass(frozen=True)
class Submitted:
    """What a statement tells, read from its own event: the change, its event, its signatures."""

    change: Change
    event: Event
    signatures: Signatures


class ChainStatement(Frozen):
    """`chain.json`. Numbers are plain, bytes 0x-hex in lower case, times seconds since 1970."""

    schema_: Literal["bundle-chain/v1"] = Field(default="bundle-chain/v1", alias="schema")
    chain_id: int = Field(gt=0, lt=2**53)
    registry: Address
    #: The block from which the committee's events were read: at or before the registry's creation.
    first_block: Number
    block: StatedBlock
    transaction: StatedTransaction
    event: StatedEvent
    digest: H256
    signatures: list[StatedSignature] = Field(max_length=1_000)
    committee: StatedCommittee

    @property
    def domain(self) -> Domain:
        """What the signatures are for."""
        return Domain(self.chain_id, self.registry)

    def as_bytes(self) -> bytes:
        """The file: canonical JSON."""
        return canonical_bytes(self.model_dump(mode="json", by_alias=True))

    def submitted(self) -> Submitted:
        """The change that the event tells. UnfitStatement if it tells none."""
        log = {
            "address": self.registry,
            "topics": self.event.topics,
            "data": self.event.data,
            "blockNumber": hex(self.block.number),
            "transactionHash": self.transaction.hash,
            "transactionIndex": "0x0",
            "logIndex": hex(self.event.log_index),
        }
        try:
            decoded = decode_log("FilingRegistry", log)
        except UNFIT:
            decoded = None
        if decoded is None or not decoded[1] or decoded[0].name not in _CHANGES:
            raise UnfitStatement("the event is no FilingApproved or FilingUpdated")
        event = decoded[0]
        try:
            message = approval_of(event.values) if event.name == "FilingApproved" else update_of(event.values)
        except ValidationError as error:
            raise UnfitStatement(f"the event tells no well-formed change: {error.errors()[0]['msg'][:200]}") from None
        if isinstance(message, FilingApproval):
            digest = approval_digest(self.domain, message)
        else:
            digest = update_digest(self.domain, message)
        signatures = tuple((item.operator, bytes.fromhex(item.signature[2:])) for item in self.signatures)
        return Submitted(Change(message, digest), event, signatures)

    def call_fault(self, submitted: Submitted) -> str | None:
        """What is wrong if the transaction did not submit the event's values with these signatures.

        UnfitStatement if the transaction went to another contract: then only a trace of it can tell.
        """
        if self.transaction.to != self.registry:
            raise UnfitStatement("the transaction went through another contract")
        wanted = _CHANGES[submitted.event.name]
        try:
            decoded = decode_call("FilingRegistry", bytes.fromhex(self.transaction.input[2:]))
            calls = list(single_calls(self.transaction.sender, *decoded)) if decoded else []
        except UNFIT:
            calls = []
        own = [call for call in calls if call[1] == wanted and concerns(call, submitted.event)]
        if not own:
            return f"it is no call of {wanted} for this filing and sequence"
        struct, signatures = own[0][2]
        made = _message_of(wanted, struct)
        if made != submitted.change.message:
            return "it submitted other values than the event tells"
        given = [(operator.lower(), bytes(signature)) for operator, signature in signatures]
        if given != [(operator.lower(), signature) for operator, signature in submitted.signatures]:
            return "it submitted other signatures"
        return None


_APPROVAL = ("filing", "tranches", "dossierHash", "recordHash", "rulesetHash", "validAfter", "validUntil", "sequence")
_UPDATE = ("filing", "status", "recordHash", "validUntil", "sequence", "reason")


def _message_of(name: str, struct: tuple[Any, ...]) -> Any:
    try:
        if name == "approve":
            return approval_of(dict(zip(_APPROVAL, struct, strict=True)))
        return update_of(dict(zip(_UPDATE, struct, strict=True)))
    except ValidationError:
        return None


def _committee_until(reader: ChainReader, registry: str, first: int, event: Event) -> CommitteeHistory:
    """The committee when the event happened, replayed from its own events alone."""
    known = CommitteeHistory()
    for item in _events(reader, registry, first, event.block):
        if item.name in CHECKS and item.place < event.place:
            deviations = known.apply(item.name, item.values, reader.time_of(item.block))
            if any(name == "COMMITTEE-EPOCH" for name, _, _ in deviations):
                break
    else:
        if known.epoch:
            return known
    raise InputError(
        "the committee's events do not begin there, or leave one out",
        where=f"block {first}",
        remedy="begin at the block of the registry's creation",
    )


def _events(reader: ChainReader, registry: str, first: int, last: int) -> Iterator[Event]:
    for _, _, logs in log_windows(lambda start, end: reader.logs([registry], start, end), first, last):
        for log in sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16))):
            decoded = decode_log("FilingRegistry", log)
            if decoded is not None and decoded[1]:
                yield decoded[0]


def read_statement(
    reader: ChainReader, registry: str, first_block: int, filing: str, sequence: int | None = None
) -> ChainStatement:
    """The newest approval or update of a filing (0x-hex), or the one of that sequence, as the chain has it.

    InputError if there is none. UnreachableError if the node can't give its transaction, or its calls.
    """
    found: Event | None = None
    for event in _events(reader, registry, first_block, reader.last):
        own = event.name in _CHANGES and "0x" + event.values["filing"].hex() == filing
        if own and sequence in (None, event.values["sequence"]):
            found = event
    if found is None:
        raise InputError(
            "the chain has no such approval or update",
            where=filing + (f" sequence {sequence}" if sequence is not None else ""),
            remedy="check number and sequence with `filing-gate status`; a suspension has no bundle",
        )
    return _stated(reader, registry, first_block, found)


def _stated(reader: ChainReader, registry: str, first_block: int, event: Event) -> ChainStatement:
    transaction = reader.transaction(event.transaction)
    calls = [call for call in reader.calls_of(event) if call[1] == _CHANGES[event.name] and concerns(call, event)]
    logs = reader.logs([registry], event.block, event.block)
    log = next((item for item in logs if int(item["logIndex"], 16) == event.log_index), None)
    if transaction is None or not calls or log is None:
        raise UnreachableError(
            "the node can't give the transaction and its calls",
            where=event.transaction,
            remedy="ask an archive node; for a call through another contract one that traces (debug_traceTransaction)",
        )
    committee = _committee_until(reader, registry, first_block, event)
    now = reader.time_of(event.block)
    statement = ChainStatement.model_construct(
        chain_id=reader.chain_id,
        registry=registry,
        first_block=first_block,
        block=StatedBlock(number=event.block, hash=reader.hash_of(event.block), time=now),
        transaction=StatedTransaction(
            hash=event.transaction,
            sender=transaction["from"],
            to=transaction.get("to"),
            input=transaction["input"].lower(),
        ),
        event=StatedEvent(log_index=event.log_index, topics=log["topics"], data=log["data"].lower()),
        digest="0x" + "00" * 32,
        signatures=[
            StatedSignature(operator=operator, signature="0x" + bytes(signature).hex())
            for operator, signature in calls[0][2][1]
        ],
        committee=StatedCommittee(
            epoch=committee.epoch,
            threshold=committee.threshold,
            operators=committee.operators,
            retained=[Retained(operator=one, seat=seat, until=end) for one, seat, end in committee.retained(now)],
        ),
    )
    digest = "0x" + statement.submitted().change.digest.hex()
    return ChainStatement.model_validate_json(statement.model_copy(update={"digest": digest}).as_bytes())
