"""Attacks that need no committee of ours: on the deployment exactly as it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from oracle.audit.rehearsal.cast import ROOM, GatedToken, filing_named, fresh_key
from oracle.audit.rehearsal.entry_points import (
    GUARDED,
    PUBLIC,
    entries_in_code,
    entry_signatures,
    selectors,
    unlisted,
)
from oracle.audit.rehearsal.stage import Stage, account, signature_of
from oracle.chain.artifacts import abi, artifact
from oracle.chain.events import Event, decode_call, read_events
from oracle.chain.registry import FilingState, Token
from oracle.domain.approval import ZERO_HASH, OnChainStatus
from oracle.domain.canonical import keccak256

__all__ = ["call_every_entry", "mint_as_found", "replay_what_was_submitted"]

_FAR = 2**64 - 1


def _sample(kind: dict[str, Any]) -> Any:
    """Some value of an ABI type: what a stranger would put there."""
    name = str(kind["type"])
    if name.endswith("[]"):
        return [_sample(kind | {"type": name[:-2]})]
    if name == "tuple":
        return tuple(_sample(item) for item in kind["components"])
    if name == "address":
        return account("victim")
    if name == "bool":
        return True
    if name == "string":
        return "rehearsal"
    if name == "bytes":
        return b"\1" * 65
    if name.startswith("bytes"):
        return keccak256(b"rehearsal")[: int(name[5:])]
    return 1


def call_every_entry(stage: Stage, tokens: Sequence[GatedToken], own: Sequence[GatedToken]) -> None:
    """Every function that changes state, of every contract, called by a stranger."""
    deployment = stage.deployment
    places = [("ENTRY-REGISTRY", "FilingRegistry", "registry", stage.registry.address)]
    places += [("ENTRY-TOKEN", "AssetBackedToken", token.name, token.address) for token in tokens]
    places.append(("ENTRY-FACTORY", "TrancheFactory", "factory", deployment.factory))
    embedded = selectors("AssetBackedToken")
    for attack, contract, name, address in places:
        for function in unlisted(contract):
            stage.attempt("ENTRY-UNLISTED", f"{function} stands in neither list", f"{name} {function}")
        known = selectors(contract) | (embedded if contract == "TrancheFactory" else set())
        code = bytes.fromhex(stage.rpc("eth_getCode", address, "latest")[2:])
        strange = sorted(entries_in_code(code) - known)
        for selector in strange:
            got = f"0x{selector.hex()} is no function of this build"
            stage.attempt("ENTRY-UNLISTED", got, f"{name}, function 0x{selector.hex()}")
        if not strange:
            stage.attempt("ENTRY-UNLISTED", "none", name)
        for function in entry_signatures(contract):
            expected = GUARDED[contract].get(function) or PUBLIC[contract].get(function)
            if expected is None:
                continue
            arguments = _arguments(stage, contract, function, own)
            if expected == "(moving)":
                expected = _moving_error(stage, address)
            with stage.undone():
                done = stage.send(account("stranger"), address, stage.data(contract, function, *arguments))
            stage.attempt(attack, done, f"{name} {function.split('(')[0]}", expected)
    _entries_work(stage, tokens)


def _arguments(stage: Stage, contract: str, function: str, own: Sequence[GatedToken]) -> list[Any]:
    """What a stranger calls a function with: good enough that nothing but the missing right stops it."""
    entry = next(item for item in abi(contract) if item["type"] == "function" and signature_of(item) == function)
    sample = [_sample(item) for item in entry["inputs"]]
    name = function.split("(")[0]
    if contract == "FilingRegistry" and name in ("approve", "approveBatch"):
        now, token = stage.now, own[0]
        hashes = [keccak256(b"rehearsal")] * 3
        window = (now, now + stage.registry.max_validity() // 2)
        approval = (bytes.fromhex(filing_named("stranger")[2:]), [(token.address, ROOM, 6)], *hashes, *window, 1)
        return [approval, []] if name == "approve" else [[approval], [[]]]
    if name == "permit":
        # A good signature, but a stranger's and over something else.
        raw = fresh_key("stranger").sign(keccak256(b"rehearsal"))
        return [account("victim"), account("stranger"), 1, _FAR, raw[64], raw[:32], raw[32:64]]
    if name == "deployAll":
        role = account("stranger")
        trancheid = keccak256(b"rehearsal")
        return [[("Stranger's", "STR", 6, trancheid, stage.registry.address, role, role, False)], trancheid]
    return sample


def _paused(stage: Stage, token: str) -> bool:
    answer = stage.rpc("eth_call", {"to": token, "data": "0x" + keccak256(b"paused()")[:4].hex()}, "latest")
    return int(answer, 16) == 1


def _moving_error(stage: Stage, token: str) -> str:
    if _paused(stage, token):
        return "EnforcedPause"
    return "ERC7943CannotSend" if Token(stage.w3, token).permissioned() else "ERC20InsufficientBalance"


def _entries_work(stage: Stage, tokens: Sequence[GatedToken]) -> None:
    """The same calls by who may: so it is the stranger that was refused, not everybody."""
    with stage.undone():
        owner = stage.registry.owner()
        done = stage.on_registry(owner, "announceSuccessor", account("successor"))
        stage.control("the registry's owner calls it", done)
        operators = stage.registry.operators()
        filing = next((state for token in tokens if (state := _open_filing(stage, token))), None)
        if operators and filing is not None:
            done = stage.on_registry(operators[0], "suspend", bytes.fromhex(filing[2:]), bytes(32))
            stage.control("an operator suspends", done)
        for token in tokens:
            if token.admin is None:
                stage.control(f"{token.name}: its admin calls it", "no account with the admin's role was found")
                continue
            done = stage.on_token(token.address, token.admin, "grantRole", bytes(32), account("admin"))
            stage.control(f"{token.name}: its admin calls it", done)


def _open_filing(stage: Stage, token: GatedToken) -> str | None:
    filing = stage.registry.tranche_state(token.address).filing
    if filing == ZERO_HASH or stage.registry.filing_state(filing).status is not OnChainStatus.APPROVED:
        return None
    return filing


def _refusal_now(state: FilingState, now: int) -> str | None:
    """The error that a mint must meet in a filing's state at a time, None if it is open."""
    if state.status is OnChainStatus.SUSPENDED:
        return "FilingIsSuspended"
    if state.status is not OnChainStatus.APPROVED:
        return "FilingIsFinal"
    if now < state.valid_after:
        return "FilingNotStarted"
    return "FilingExpired" if now >= state.valid_until else None


def mint_as_found(stage: Stage, token: GatedToken) -> None:
    """Mints of a real token by its real issuer, in the filing as it stands."""
    if token.issuer is None:
        stage.control(f"{token.name}: its issuer mints", "no account with the issuer's role was found")
        return
    tranche = stage.registry.tranche_state(token.address)
    state = stage.registry.filing_state(tranche.filing)
    left = tranche.cap - tranche.issued
    issuer, holder = token.issuer, account("holder")

    def mint(amount: int, at: int | None = None) -> Any:
        return stage.on_token(token.address, issuer, "mint", holder, amount, at=at)

    closed = "TokenNotApproved" if tranche.filing == ZERO_HASH else _refusal_now(state, stage.now + 1)
    if closed is not None:
        stage.attempt("FOUND-MINT-CLOSED", mint(1), token.name, closed)
        return
    if token.permissioned:
        # Who may hold is the token's own affair; to try the filing's, the holder is let in by its admin.
        if token.admin is None:
            stage.control(f"{token.name}: its admin lets a holder in", "no account with the admin's role was found")
            return
        stage.on_token(token.address, token.admin, "grantRole", keccak256(b"ALLOWLIST_ROLE"), token.admin)
        stage.on_token(token.address, token.admin, "setAllowed", [holder], True)
    if left:
        with stage.undone():
            stage.control(f"{token.name}: its issuer mints what is left", mint(left))
    stage.attempt("FOUND-MINT-OVER-CAP", mint(left + 1), token.name)
    stage.attempt("FOUND-MINT-EXPIRED", mint(1, at=state.valid_until), token.name)


def replay_what_was_submitted(stage: Stage, notes: list[str]) -> None:
    """The approvals and updates that are on the chain, with the signatures of the real operators."""
    newest = int(stage.rpc("eth_blockNumber"), 16)
    registry = stage.registry.address
    events = [
        event
        for event in read_events(stage.w3, "FilingRegistry", [registry], stage.deployment.block, newest, [])
        if event.name in ("FilingApproved", "FilingUpdated")
    ]
    calls = [(event, call) for event in events if (call := _call_of(stage, event)) is not None]
    if not calls:
        notes.append("no message of the real operators was found on the chain: only our own are used again")
        return
    last = {event.values["filing"]: event.values["sequence"] for event, _ in calls}
    for event, (function, (struct, signatures)) in calls[-_MOST_REPLAYED:]:
        sequence = event.values["sequence"]
        what = f"{function}, sequence {sequence}"
        state = stage.registry.filing_state("0x" + event.values["filing"].hex())
        again = _sender(stage, function, signatures)
        with stage.undone():
            done = again(struct)
        if last[event.values["filing"]] == sequence == state.sequence and state.status is not OnChainStatus.SUSPENDED:
            changed = done.error or ("an event" if done.receipt["logs"] else "no change")
            stage.attempt("FOUND-REPLAY-LAST", changed, what)
        else:
            stage.attempt("FOUND-REPLAY-OLD", done, what)
        with stage.undone():
            _replay_elsewhere(stage, function, struct, signatures, what, notes)


#: The newest messages of each deployment are enough: each is tried in four ways.
_MOST_REPLAYED = 8


def _sender(stage: Stage, function: str, signatures: Any) -> Callable[[tuple[Any, ...]], Any]:
    return lambda struct: stage.on_registry(account("stranger"), function, struct, signatures)


def _call_of(stage: Stage, event: Event) -> tuple[str, tuple[Any, ...]] | None:
    transaction = stage.rpc("eth_getTransactionByHash", event.transaction)
    if not isinstance(transaction, dict) or (transaction.get("to") or "").lower() != stage.registry.address.lower():
        return None
    called = decode_call("FilingRegistry", bytes.fromhex(transaction["input"][2:]))
    return called if called is not None and called[0] in ("approve", "update") else None


def _replay_elsewhere(
    stage: Stage, function: str, struct: tuple[Any, ...], signatures: Any, what: str, notes: list[str]
) -> None:
    """The same signatures where all else fits: for another filing, and at another registry of the same operators."""
    if function != "approve":
        return
    if struct[6] <= stage.now + 60:
        note = "windows of older approvals are over: their signatures were not tried elsewhere"
        notes.extend([note] if note not in notes else [])
        return
    if len(signatures) != stage.registry.threshold() or any(
        not stage.registry.counts_until(operator) for operator, _ in signatures
    ):
        note = "the committee changed since older approvals: their signatures were not tried elsewhere"
        notes.extend([note] if note not in notes else [])
        return
    deployment = stage.deployment
    twin_settings = (
        (account("twin's owner"), stage.registry.operators(), stage.registry.threshold(), 0, 0),
        deployment.max_validity_seconds,
    )
    factory = stage.w3.eth.contract(abi=abi("FilingRegistry"), bytecode=artifact("FilingRegistry")["bytecode"])
    creation = bytes.fromhex(str(factory.constructor(*twin_settings).data_in_transaction)[2:])
    made = stage.send(account("stranger"), None, creation)
    stage.control("a second registry of the same operators is made", made)
    twin = made.receipt["contractAddress"]
    # Made by this build's constructor, it runs the deployed code: what is tried is that.
    stage.rpc("anvil_setCode", twin, stage.rpc("eth_getCode", stage.registry.address, "latest"))
    # There the filing is new: sequence 1, which the message has to say to come as far as the signatures.
    first = (*struct[:7], 1)
    data = stage.data("FilingRegistry", "approve", first, signatures)
    stage.attempt("FOUND-REPLAY-OTHER-CONTRACT", stage.send(account("stranger"), twin, data), what)
    other = (bytes.fromhex(filing_named("another")[2:]), *struct[1:7], 1)
    data = stage.data("FilingRegistry", "approve", other, signatures)
    outcome = stage.send(account("stranger"), stage.registry.address, data)
    bound = [stage.registry.tranche_state(token).filing for token, _, _ in struct[1]]
    expected = "TokenBoundToAnotherFiling" if any(filing != ZERO_HASH for filing in bound) else None
    stage.attempt("FOUND-REPLAY-OTHER-FILING", outcome, what, expected)
