"""Plays all scenes on a local chain and judges what came of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from web3 import Web3

from oracle.audit.rehearsal.approving import approve_what_must_not_be, replay, sign_what_is_no_quorum
from oracle.audit.rehearsal.as_found import call_every_entry, mint_as_found, replay_what_was_submitted
from oracle.audit.rehearsal.cast import Play, gated_tokens, own_tokens, seat_own_committee
from oracle.audit.rehearsal.minting import bypass, consume_past_the_token, mint_outside
from oracle.audit.rehearsal.rotating import change_the_committee
from oracle.audit.rehearsal.stage import PASSED, Broken, Row, Stage
from oracle.audit.rehearsal.table import ATTACKS, SCENES
from oracle.chain.deployment import Deployment
from oracle.chain.rpc import raw_call
from oracle.errors import InputError, RefusedError

__all__ = ["Rehearsal", "rehearse"]

#: Attacks that a deployment may give no occasion for.
_BY_OCCASION = {
    "FOUND-MINT-OVER-CAP": "no filing is open",
    "FOUND-MINT-EXPIRED": "no filing is open",
    "FOUND-MINT-CLOSED": "every token's filing is open",
    "FOUND-REPLAY-OLD": "no message was followed by another one",
    "FOUND-REPLAY-LAST": "no message found on the chain is a filing's newest",
    "FOUND-REPLAY-OTHER-FILING": "no approval found on the chain could still be used",
    "FOUND-REPLAY-OTHER-CONTRACT": "no approval found on the chain could still be used",
    "SIGN-SEAT-TWICE": "replaced operators are not retained",
    "COMMITTEE-BEFORE-DELAY": "there is no delay",
    "COMMITTEE-REPLACE-BEFORE-DELAY": "there is no delay",
    "COMMITTEE-THRESHOLD-BEFORE-DELAY": "there is no delay",
}


@dataclass
class Rehearsal:
    """What was tried on which chain. `notes` say what was not tried and why; `seconds` is how long it took."""

    chain_id: int
    registry: str
    block: int
    block_hash: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether every attempt was refused as expected, and everything that must work did."""
        return bool(self.rows) and all(row.ok for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """Keys schema, chainId, registry, block, blockHash, clean, seconds, rows, notes."""
        return {
            "schema": "rehearsal/v1",
            "chainId": self.chain_id,
            "registry": self.registry,
            "block": self.block,
            "blockHash": self.block_hash,
            "clean": self.clean,
            "seconds": round(self.seconds, 1),
            "rows": [row.as_json() for row in self.rows],
            "notes": self.notes,
        }


def rehearse(
    w3: Web3,
    deployment: Deployment,
    progress: Callable[[str], None] = lambda _: None,
    *,
    scenes: Collection[str] = tuple(SCENES),
) -> Rehearsal:
    """Try every attack of these scenes on a local chain (`forked`, `restored`) that can be changed at will.

    Returns every attempt; an attack that succeeds, or fails for another reason than it must, is a row, never an
    exception. InputError if `w3` is no local chain or another one than the deployment's, UnreachableError if it fails.
    """
    began = monotonic()
    if "anvil" not in str(raw_call(w3, "web3_clientVersion", [])).lower():
        raise InputError("not a local chain: only anvil is attacked", where="w3", remedy="use `forked` or `restored`")
    if int(raw_call(w3, "eth_chainId", []), 16) != deployment.chain_id:
        raise InputError("the deployment is on another chain", where="chainId", remedy="name a node of its chain")
    head = raw_call(w3, "eth_getBlockByNumber", ["latest", False])
    stage = Stage(w3, deployment)
    found = Rehearsal(deployment.chain_id, stage.registry.address, int(head["number"], 16), str(head["hash"]))
    try:
        with stage.undone():
            unbroken = _play(stage, found, scenes, progress)
    finally:
        stage.leave()
    found.rows = stage.rows
    tried = {row.id for row in found.rows}
    for attack, known in ATTACKS.items():
        if attack in tried or known.scene not in scenes:
            continue
        if attack in _BY_OCCASION and known.scene in unbroken:
            found.notes.append(f"{attack} was not tried: {_BY_OCCASION[attack]}")
        else:
            found.rows.append(Row(attack, known.attempt, known.expected, "not tried", "inconclusive"))
    found.seconds = monotonic() - began
    return found


def _play(stage: Stage, found: Rehearsal, scenes: Collection[str], progress: Callable[[str], None]) -> set[str]:
    """Play them; returns those in which all that must work did."""
    tokens = gated_tokens(stage)
    unbroken = set(scenes)

    def scene(name: str, act: Callable[[], None]) -> None:
        if name in scenes:
            progress(f"{name}: {SCENES[name]}")
            if not _judged(stage, act):
                unbroken.discard(name)

    # Nothing but a call of the factory, which anybody may make, precedes what is tried as found.
    own: list[Any] = []
    for token in tokens:
        scene("as-found", lambda token=token: mint_as_found(stage, token))  # type: ignore[misc]
    scene("as-found", lambda: replay_what_was_submitted(stage, found.notes))
    if not _judged(stage, lambda: own.extend(own_tokens(stage, 2)), keep=True):
        return unbroken & {"as-found"}
    scene("entries", lambda: call_every_entry(stage, tokens, own))
    plays: list[Play] = []
    if not scenes or set(scenes) <= {"entries", "as-found"}:
        return unbroken
    progress("seating a committee whose keys are ours, as its owner, after the delay")
    seated = _judged(stage, lambda: plays.append(Play(stage, seat_own_committee(stage), tokens, own)), keep=True)
    if not seated:
        return unbroken & {"as-found", "entries"}
    (play,) = plays
    for token in [*own[:1], *tokens]:
        scene("mint", lambda token=token: mint_outside(play, token))  # type: ignore[misc]
    scene("consume", lambda: consume_past_the_token(play))
    scene("bypass", lambda: bypass(play))
    scene("approve", lambda: approve_what_must_not_be(play))
    scene("signatures", lambda: sign_what_is_no_quorum(play))
    scene("replay", lambda: replay(play))
    scene("committee", lambda: change_the_committee(play))
    return unbroken


def _judged(stage: Stage, act: Callable[[], None], *, keep: bool = False) -> bool:
    """Play a scene and undo it. Where something did not work that must, its refusals prove nothing: inconclusive."""
    first = len(stage.rows)
    whole = True
    kept = stage.rpc("evm_snapshot")
    try:
        act()
    except Broken as broken:
        if not broken.kept:
            stage.rows.append(Row("CONTROL", "the scene can be played", PASSED, str(broken), "inconclusive"))
        whole = False
    except RefusedError as error:
        # A view of a contract that fails, such as one that is not there.
        stage.rows.append(Row("CONTROL", "the contracts answer", "an answer", error.what[:200], "inconclusive"))
        whole = False
    if not keep:
        stage.rpc("evm_revert", kept)
        stage.forget()
    if any(row.verdict == "inconclusive" for row in stage.rows[first:]):
        whole = False
        stage.rows[first:] = [
            replace(row, verdict="inconclusive") if row.verdict == "refused" else row for row in stage.rows[first:]
        ]
    return whole
