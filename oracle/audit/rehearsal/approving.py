"""Approvals and updates that a quorum signed and that must not pass; what is no quorum; messages used once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle.audit.rehearsal.cast import (
    REASON,
    ROOM,
    ZERO_ADDRESS,
    GatedToken,
    Message,
    Play,
    Signed,
    filing_named,
    fresh_key,
)
from oracle.audit.rehearsal.stage import Outcome, account
from oracle.chain.registry import approval_struct
from oracle.domain.approval import ZERO_HASH, FilingApproval, OnChainStatus, Tranche
from oracle.signing.eip712 import Domain

__all__ = ["approve_what_must_not_be", "replay", "sign_what_is_no_quorum"]

_MOST = 2**96
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def approve_what_must_not_be(play: Play) -> None:
    """Every approval and update below is signed by a full quorum: only the registry's own rules stand against it."""
    stage, submit = play.stage, play.submit
    one, other = play.own[0], play.own[1]
    filing = filing_named("approvals")

    def approval(**changes: Any) -> Outcome:
        return submit(play.approval(filing, one, **changes))

    def tranche(token: str = one.address, cap: int = ROOM, decimals: int = 6) -> Tranche:
        return Tranche.model_construct(token=token, cap=cap, decimals=decimals)

    now, longest = stage.now, stage.registry.max_validity()
    # Of a block yet to come: the longest window that it allows, and one second more.
    at = now + 50

    def window(seconds: int, status: str) -> None:
        with stage.undone():
            made = play.approval(filing, one, valid_until=at + seconds)
            done = stage.send(play.relay, stage.registry.address, play.submission(made), at=at)
            if status == "control":
                stage.control("a quorum approves for the longest time", done)
            else:
                stage.attempt("APPROVE-TOO-LONG", done)

    window(longest, "control")
    window(longest + 1, "attack")
    stage.attempt("APPROVE-EMPTY-WINDOW", approval(valid_after=now + 500, valid_until=now + 500))
    stage.attempt("APPROVE-PAST", approval(valid_after=now - 500, valid_until=now))
    stage.attempt("APPROVE-NO-FILING", submit(play.approval(ZERO_HASH, one)))
    stage.attempt("APPROVE-NO-TRANCHES", approval(tranches=()))
    many = tuple(tranche(f"0x{number:040x}") for number in range(1, 34))
    stage.attempt("APPROVE-TOO-MANY-TRANCHES", approval(tranches=many))
    stage.attempt("APPROVE-TRANCHE-TWICE", approval(tranches=(tranche(), tranche(cap=ROOM + 1))))
    stage.attempt("APPROVE-NO-CAP", approval(tranches=(tranche(cap=0),)))
    stage.attempt("APPROVE-CAP-TOO-LARGE", approval(tranches=(tranche(cap=_MOST),)))
    stage.attempt("APPROVE-DECIMALS", approval(tranches=(tranche(decimals=7),)))
    stage.attempt("APPROVE-NO-TOKEN", approval(tranches=(tranche(account("nothing there")),)))
    stage.attempt("UPDATE-UNKNOWN", submit(play.change(filing, OnChainStatus.REVOKED, sequence=1)))

    play.approve(filing, one)
    stage.control("the token mints", play.mint(one, 10))
    stage.attempt("APPROVE-CAP-BELOW-ISSUED", approval(tranches=(tranche(cap=9),)))
    with stage.undone():
        stage.control("a cap of just what was issued", approval(tranches=(tranche(cap=10),)))
    taken = submit(play.approval(filing_named("thief"), one))
    stage.attempt("APPROVE-OTHERS-TOKEN", taken, "of the rehearsal")
    for real in play.tokens:
        if play.filing_of(real) is not None:
            stage.attempt("APPROVE-OTHERS-TOKEN", submit(play.approval(filing_named("thief"), real)), real.name)
    twin = filing[:18] + filing_named("twin")[18:]
    stage.attempt("APPROVE-OTHERS-KEY", submit(play.approval(twin, other, sequence=1)), "its own token")
    longer = play.change(filing, OnChainStatus.APPROVED, valid_until=stage.now + longest + 1000)
    stage.attempt("UPDATE-TOO-LONG", submit(longer))
    stage.attempt("UPDATE-TO-NONE", submit(play.change(filing, OnChainStatus.NONE)))
    ending = play.change(filing, OnChainStatus.REVOKED, valid_until=stage.now + 500)
    stage.attempt("UPDATE-END-WITH-WINDOW", submit(ending))
    with stage.undone():
        play.suspend(filing)
        stage.attempt("APPROVE-LIFTS-SUSPENSION", approval(), "of one operator")
    with stage.undone():
        play.update(filing, OnChainStatus.SUSPENDED, "suspends")
        stage.attempt("APPROVE-LIFTS-SUSPENSION", approval(), "of a quorum")
        play.update(filing, OnChainStatus.APPROVED, "resumes")
        stage.control("a quorum approves again", approval())
    for attack, status in (("APPROVE-REVOKED", OnChainStatus.REVOKED), ("APPROVE-COMPLETED", OnChainStatus.COMPLETED)):
        with stage.undone():
            play.update(filing, status, "ends the filing")
            stage.attempt(attack, approval())
            stage.attempt("UPDATE-FINAL", submit(play.change(filing, OnChainStatus.APPROVED)), status.name.lower())


def _with_high_s(raw: bytes) -> bytes:
    s = _ORDER - int.from_bytes(raw[32:64], "big")
    return raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])


def _with_bare_v(raw: bytes) -> bytes:
    return raw[:64] + bytes([raw[64] - 27])


def sign_what_is_no_quorum(play: Play) -> None:
    """Each set of signatures on an approval, a batch of approvals, and an update; and single ones on a suspension."""
    stage, token = play.stage, play.own[0]
    filing = filing_named("signatures")

    def new() -> Message:
        return play.approval(filing, token)

    def batch(message: Message, signed: Signed) -> Outcome:
        assert isinstance(message, FilingApproval)  # noqa: S101 - for the type checker; set four lines below
        return stage.on_registry(play.relay, "approveBatch", [approval_struct(message)], [signed])

    _sets(play, "approve", new, play.submit)
    _sets(play, "approveBatch", new, batch)
    play.approve(filing, token)
    _sets(play, "update", lambda: play.change(filing, OnChainStatus.REVOKED), play.submit)
    _suspensions(play, filing)


def _sets(play: Play, what: str, make: Callable[[], Message], submit: Callable[[Message, Signed], Outcome]) -> None:
    stage, committee, message = play.stage, play.committee, make()
    count = committee.threshold
    good = committee.signed(message, committee.keys)
    stranger = fresh_key("stranger")
    alien = committee.signed(message, [stranger])[0]

    def second(raw: bytes, operator: str | None = None) -> Signed:
        return [good[0], (operator or good[1][0], raw), *good[2:count]]

    places = sorted([*good[: count - 1], alien], key=lambda entry: int(entry[0], 16))
    surplus = good[: count + 1] if len(good) > count else [*good, good[-1]]
    cases: dict[str, Signed] = {
        "SIGN-NONE": [],
        "SIGN-UNDER-THRESHOLD": good[: count - 1],
        "SIGN-SURPLUS": surplus,
        "SIGN-DUPLICATE": [good[0], good[0], *good[2:count]],
        "SIGN-ABA": [good[0], good[1], good[0], *good[3:count]],
        "SIGN-UNSORTED": [good[1], good[0], *good[2:count]],
        "SIGN-ZERO-ADDRESS": [(ZERO_ADDRESS, bytes(65)), *good[: count - 1]],
        "SIGN-STRANGER": places,
        "SIGN-UNDER-A-NAME": second(alien[1]),
        "SIGN-SWAPPED": [(good[0][0], good[1][1]), (good[1][0], good[0][1]), *good[2:count]],
        "SIGN-HIGH-S": second(_with_high_s(good[1][1])),
        "SIGN-BAD-V": second(_with_bare_v(good[1][1])),
        "SIGN-EMPTY": second(b""),
    }
    for attack, signed in cases.items():
        with stage.undone():
            stage.attempt(attack, submit(message, signed), what)
    with stage.undone():
        stage.control(f"{what} with a quorum's signatures", submit(message, good[:count]))
    with stage.undone():
        _retired(play, what, make, submit)


def _retired(play: Play, what: str, make: Callable[[], Message], submit: Callable[[Message, Signed], Outcome]) -> None:
    """Signatures of an operator who is gone, or whose seat another one has."""
    message = make()
    stage, committee, owner = play.stage, play.committee, play.stage.registry.owner()
    count, leaving = committee.threshold, committee.keys[0]
    with stage.undone():
        signed = committee.signed(message, committee.keys[:count])
        stage.control("the owner removes an operator", stage.on_registry(owner, "removeOperator", leaving.address))
        stage.attempt("SIGN-REMOVED", submit(message, signed), what)
    if stage.registry.retention() < 60:
        return
    successor = fresh_key("successor")
    stage.on_registry(owner, "announceOperator", successor.address, leaving.address)
    stage.travel(stage.now + stage.registry.rotation_delay())
    done = stage.on_registry(owner, "applyOperator", successor.address, leaving.address)
    stage.control("the owner replaces an operator", done)
    # Days later: made anew, so that its window is still to come.
    message = make()
    pair = sorted([successor, leaving, *committee.keys[1 : count - 1]], key=lambda key: int(key.address, 16))
    stage.attempt("SIGN-SEAT-TWICE", submit(message, committee.signed(message, pair)), what)


def _suspensions(play: Play, filing: str) -> None:
    stage, committee = play.stage, play.committee
    operator, stranger = committee.keys[0], fresh_key("stranger")
    message = play.suspension(filing)
    good, alien = committee.signed(message, [operator])[0], committee.signed(message, [stranger])[0]
    words = bytes.fromhex(filing[2:]), bytes.fromhex(REASON[2:])
    stage.attempt("SUSPEND-STRANGER", stage.on_registry(account("stranger"), "suspend", *words))
    stage.attempt("SUSPEND-BY-SIGNATURE-STRANGER", play.submit(message, [alien]))
    stage.attempt("SUSPEND-UNDER-A-NAME", play.submit(message, [(operator.address, alien[1])]))
    stage.attempt("SUSPEND-HIGH-S", play.submit(message, [(operator.address, _with_high_s(good[1]))]))
    stage.control("an operator suspends by signature", play.submit(message, [good]))


def replay(play: Play) -> None:
    """Messages with good signatures, used for something else or once more."""
    stage, submit, committee = play.stage, play.submit, play.committee
    one, other = play.own[0], play.own[1]
    filing, another = filing_named("replays"), filing_named("other replays")
    first = play.approve(filing, one)
    second = play.approve(filing, one)
    stage.attempt("REPLAY-SEQUENCE", submit(first))
    ahead = play.approval(filing, one, sequence=second.sequence + 2)
    stage.attempt("REPLAY-FUTURE", submit(ahead))
    right = play.approval(filing, one)
    signed = committee.signed(right)

    def changed(**values: Any) -> Any:
        return right.model_copy(update=values)

    own = (Tranche(token=other.address, cap=ROOM, decimals=6),)
    elsewhere = changed(filing=another, tranches=own, sequence=1)
    over = committee.signed(changed(filing=filing, tranches=own, sequence=1))
    stage.attempt("REPLAY-OTHER-FILING", submit(elsewhere, over))
    change = play.change(filing, OnChainStatus.REVOKED)
    stage.attempt("REPLAY-OTHER-KIND", submit(change, signed))
    domain = stage.domain
    for attack, wrong in (
        ("REPLAY-OTHER-CHAIN", Domain(domain.chain_id + 1, domain.registry)),
        ("REPLAY-OTHER-CONTRACT", Domain(domain.chain_id, one.address)),
    ):
        for message in (right, change):
            kind = "approval" if isinstance(message, FilingApproval) else "update"
            stage.attempt(attack, submit(message, committee.signed(message, domain=wrong)), kind)
        suspension = play.suspension(filing)
        single = committee.signed(suspension, committee.keys[:1], domain=wrong)
        stage.attempt(attack, submit(suspension, single), "suspension")
    higher = tuple(tranche.model_copy(update={"cap": tranche.cap + 1}) for tranche in right.tranches)
    stage.attempt("REPLAY-CHANGED", submit(changed(tranches=higher), signed))
    with stage.undone():
        stage.control("the message as it was signed", submit(right, signed))
    with stage.undone():
        _old_epoch(play, filing, one)
    renewal = play.change(filing, OnChainStatus.APPROVED)
    suspension = play.suspension(filing)
    stage.control("an operator suspends by signature", submit(suspension))
    stage.attempt("REPLAY-RENEWAL", submit(renewal))
    play.update(filing, OnChainStatus.APPROVED, "resumes")
    stage.attempt("REPLAY-SUSPENSION", submit(suspension))
    stage.control("the token mints after all that", play.mint(one, 1))


def _old_epoch(play: Play, filing: str, token: GatedToken) -> None:
    """Signed by a committee all of which is replaced before the message comes, and whose retention is over."""
    stage, committee = play.stage, play.committee
    registry, owner = stage.registry, stage.registry.owner()
    heirs = [fresh_key(f"heir {number}") for number in range(len(committee.keys))]
    pairs = list(zip(heirs, committee.keys, strict=True))
    for heir, leaving in pairs:
        stage.on_registry(owner, "announceOperator", heir.address, leaving.address)
    ready = stage.now + registry.rotation_delay()
    stage.travel(ready)
    for heir, leaving in pairs:
        done = stage.on_registry(owner, "applyOperator", heir.address, leaving.address)
        stage.control("the owner replaces an operator", done)
    over = stage.now + registry.retention()
    stage.travel(over)
    message = play.approval(filing, token)
    stage.attempt("REPLAY-OLD-EPOCH", play.submit(message, committee.signed(message)))
    ordered = sorted(heirs, key=lambda key: int(key.address, 16))[: committee.threshold]
    stage.control(
        "the same with the new committee's signatures", play.submit(message, committee.signed(message, ordered))
    )
