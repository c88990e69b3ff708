"""Changes of the committee that nobody may make, or not yet."""

from __future__ import annotations

from oracle.audit.rehearsal.cast import DAY, REASON, ZERO_ADDRESS, Play, filing_named, fresh_key
from oracle.audit.rehearsal.stage import account

__all__ = ["change_the_committee"]

#: How long after the delay a change may be applied (`APPLY_WINDOW` of the contract).
_APPLY_WINDOW = 30 * DAY


def change_the_committee(play: Play) -> None:
    """Too early, unannounced, lapsed, void, by others than the owner."""
    stage, registry = play.stage, play.stage.registry
    owner, stranger = registry.owner(), account("stranger")
    operators = play.committee.keys
    new = fresh_key("newcomer").address

    stage.attempt("COMMITTEE-UNANNOUNCED", stage.on_registry(owner, "applyOperator", new, ZERO_ADDRESS))
    stage.attempt("COMMITTEE-STRANGER-ANNOUNCES", stage.on_registry(stranger, "announceOperator", new, ZERO_ADDRESS))
    by_operator = stage.on_registry(operators[0].address, "announceOperator", new, ZERO_ADDRESS)
    stage.attempt("COMMITTEE-OPERATOR-ANNOUNCES", by_operator)
    twice = stage.on_registry(owner, "announceOperator", operators[0].address, ZERO_ADDRESS)
    stage.attempt("COMMITTEE-TWICE", twice)
    stage.attempt("COMMITTEE-ZERO", stage.on_registry(owner, "announceOperator", ZERO_ADDRESS, ZERO_ADDRESS))
    stage.attempt("COMMITTEE-NO-THRESHOLD", stage.on_registry(owner, "announceThreshold", 0))
    stage.attempt("COMMITTEE-TAKE-OWNERSHIP", stage.on_registry(stranger, "acceptOwnership"))
    stage.attempt("COMMITTEE-RENOUNCE", stage.on_registry(owner, "renounceOwnership"))
    _operator(play, "COMMITTEE-BEFORE-DELAY", new, ZERO_ADDRESS)
    _operator(play, "COMMITTEE-REPLACE-BEFORE-DELAY", new, operators[0].address)
    _threshold(play)
    with stage.undone():
        announced = stage.on_registry(owner, "announceOperator", new, operators[0].address)
        stage.control("the owner announces a replacement", announced)
        stage.control(
            "the owner removes the operator", stage.on_registry(owner, "removeOperator", operators[0].address)
        )
        stage.travel(stage.now + registry.rotation_delay())
        stage.attempt("COMMITTEE-VOID", stage.on_registry(owner, "applyOperator", new, operators[0].address))
    with stage.undone():
        filing = filing_named("removed operator")
        play.approve(filing, play.own[0])
        words = bytes.fromhex(filing[2:]), bytes.fromhex(REASON[2:])
        with stage.undone():
            done = stage.on_registry(operators[0].address, "suspend", *words)
            stage.control("an operator suspends", done)
        stage.control("the owner removes it", stage.on_registry(owner, "removeOperator", operators[0].address))
        stage.attempt("COMMITTEE-SUSPEND-REMOVED", stage.on_registry(operators[0].address, "suspend", *words))


def _operator(play: Play, attack: str, new: str, replaced: str) -> None:
    stage, registry, owner = play.stage, play.stage.registry, play.stage.registry.owner()
    with stage.undone():
        done = stage.on_registry(owner, "announceOperator", new, replaced)
        stage.control("the owner announces an operator", done)
        ready = stage.now + registry.rotation_delay()
        if registry.rotation_delay() > 1:
            early = stage.on_registry(owner, "applyOperator", new, replaced, at=ready - 1)
            stage.attempt(attack, early)
        with stage.undone():
            stranger = stage.on_registry(
                account("stranger"), "applyOperator", new, replaced, at=max(ready, stage.now + 1)
            )
            stage.attempt("COMMITTEE-STRANGER-APPLIES", stranger)
        with stage.undone():
            done = stage.on_registry(owner, "applyOperator", new, replaced, at=max(ready, stage.now + 1))
            stage.control("the owner seats it when the delay is over", done)
        late = stage.on_registry(owner, "applyOperator", new, replaced, at=ready + _APPLY_WINDOW)
        stage.attempt("COMMITTEE-LAPSED", late)


def _threshold(play: Play) -> None:
    stage, registry, owner = play.stage, play.stage.registry, play.stage.registry.owner()
    lower = play.committee.threshold - 1
    with stage.undone():
        stage.control("the owner announces a lower threshold", stage.on_registry(owner, "announceThreshold", lower))
        ready = stage.now + registry.rotation_delay()
        if registry.rotation_delay() > 1:
            early = stage.on_registry(owner, "applyThreshold", at=ready - 1)
            stage.attempt("COMMITTEE-THRESHOLD-BEFORE-DELAY", early)
        done = stage.on_registry(owner, "applyThreshold", at=max(ready, stage.now + 1))
        stage.control("the owner lowers it when the delay is over", done)
