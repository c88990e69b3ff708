"""Mints outside their filing, draws without a mint, and other ways to new tokens."""

from __future__ import annotations

from oracle.audit.rehearsal.cast import ROOM, GatedToken, Play, filing_named, fresh_key, roles
from oracle.audit.rehearsal.puppet import Pull, Puppet
from oracle.audit.rehearsal.stage import PASSED, Broken, account
from oracle.chain.events import read_events
from oracle.domain.approval import OnChainStatus
from oracle.domain.canonical import keccak256

__all__ = ["bypass", "consume_past_the_token", "mint_outside"]

ZERO = "0x" + "0" * 40
_FAR = 2**64 - 1


def mint_outside(play: Play, token: GatedToken) -> None:
    """Every mint of one token that its filing does not cover, with a mint that it does cover beside each."""
    stage, name = play.stage, token.name
    filing = play.filing_of(token)
    play.let_hold(token)
    if filing is None:
        stage.attempt("MINT-WITHOUT-APPROVAL", play.mint(token, 1), name)
        filing = filing_named(token.address)
    else:
        status = stage.registry.filing_state(filing).status
        if status in (OnChainStatus.REVOKED, OnChainStatus.COMPLETED):
            attack = "MINT-REVOKED" if status is OnChainStatus.REVOKED else "MINT-COMPLETED"
            stage.attempt(attack, play.mint(token, 1), name)
            return
        if status is OnChainStatus.SUSPENDED:
            stage.attempt("MINT-SUSPENDED", play.mint(token, 1), name)
            play.update(filing, OnChainStatus.APPROVED, "resumes")
    start = stage.now + 100
    play.approve(filing, token, valid_after=start, valid_until=start + 10_000)
    stage.attempt("MINT-BEFORE-WINDOW", play.mint(token, 1, at=start - 1), name)
    stage.control(f"{name}: mint at the first second of the window", play.mint(token, 1, at=start))
    stage.attempt("MINT-NOTHING", play.mint(token, 0), name)
    stage.attempt("MINT-BY-STRANGER", play.mint(token, 1, by=account("stranger")), name)
    _over_cap(play, token, ROOM - 1)
    _moving(play, token)
    _stopped(play, token, filing)


def _over_cap(play: Play, token: GatedToken, left: int) -> None:
    """From `left` units under the cap down to 100."""
    stage, name, issuer = play.stage, token.name, play.issuer_of(token)
    stage.attempt("MINT-OVER-CAP", play.mint(token, left + 1), name)
    holders = [play.holder, play.holder]
    over = stage.on_token(token.address, issuer, "mintBatch", holders, [left, 1])
    stage.attempt("MINT-OVER-CAP-BATCH", over, name)
    with stage.undone():
        stage.control(f"{name}: mint all that is left", play.mint(token, left))
    batch = stage.on_token(token.address, issuer, "mintBatch", holders, [1, 1])
    stage.control(f"{name}: mint a batch", batch)
    left -= 2
    one = stage.data("AssetBackedToken", "mint", play.holder, left - 100)
    first, second = stage.send_together(issuer, token.address, [one, one])
    stage.control(f"{name}: the first of two mints in a block", first)
    stage.attempt("MINT-OVER-CAP-ONE-BLOCK", second, name)
    burned = stage.on_token(token.address, play.holder, "burn", 50)
    stage.control(f"{name}: a holder burns", burned)
    stage.attempt("MINT-AFTER-BURN", play.mint(token, 101), name)
    stage.control(f"{name}: mint what was left before the burn, but for ten", play.mint(token, 90))


def _moving(play: Play, token: GatedToken) -> None:
    """The token's own stops, which are no stop of minting; and a transfer that would be a mint."""
    stage, name, holder = play.stage, token.name, play.holder
    receiver = account("receiver")

    def transfer() -> bytes:
        return stage.data("AssetBackedToken", "transfer", receiver, 5)

    with stage.undone():
        stage.control(f"{name}: a holder transfers", stage.send(holder, token.address, transfer()))
        for role in ("PAUSER", "FREEZER", "ENFORCER"):
            play.grant(token, role, play.relay)
        balance = int(stage.rpc("eth_call", {"to": token.address, "data": _balance_of(play, holder)}, "latest"), 16)
        frozen = stage.on_token(token.address, play.relay, "setFrozenTokens", holder, balance)
        stage.control(f"{name}: freeze a holder's tokens", frozen)
        stage.attempt("TRANSFER-FROZEN", stage.send(holder, token.address, transfer()), name)
        stage.control(f"{name}: unfreeze", stage.on_token(token.address, play.relay, "setFrozenTokens", holder, 0))
        forced = stage.on_token(token.address, play.relay, "forcedTransfer", ZERO, holder, 1)
        stage.attempt("MINT-BY-FORCED-TRANSFER", forced, name)
        stage.control(f"{name}: pause", stage.on_token(token.address, play.relay, "pause"))
        stage.attempt("TRANSFER-PAUSED", stage.send(holder, token.address, transfer()), name)
        stage.attempt("BURN-PAUSED", stage.on_token(token.address, holder, "burn", 1), name)


def _balance_of(play: Play, holder: str) -> str:
    return "0x" + play.stage.data("AssetBackedToken", "balanceOf", holder).hex()


def _stopped(play: Play, token: GatedToken, filing: str) -> None:
    """Suspended, expired, revoked, completed. Ten units are left under the cap."""
    stage, name = play.stage, token.name
    play.suspend(filing)
    stage.attempt("MINT-SUSPENDED", play.mint(token, 1), name)
    play.update(filing, OnChainStatus.APPROVED, "resumes")
    stage.control(f"{name}: mint after the resumption", play.mint(token, 1))
    for attack, status in (("MINT-REVOKED", OnChainStatus.REVOKED), ("MINT-COMPLETED", OnChainStatus.COMPLETED)):
        with stage.undone():
            play.update(filing, status, "ends the filing")
            stage.attempt(attack, play.mint(token, 1), name)
    until = stage.registry.filing_state(filing).valid_until
    stage.control(f"{name}: mint in the last second of the window", play.mint(token, 1, at=until - 1))
    stage.attempt("MINT-AFTER-WINDOW", play.mint(token, 1, at=until), name)


def consume_past_the_token(play: Play) -> None:
    """Drawing on a cap without being the token, and on another's."""
    stage = play.stage
    one, other = play.own[0], play.own[1]
    first, second = filing_named("first"), filing_named("second")
    play.approve(first, one)
    play.approve(second, other, room=10 * ROOM)
    stage.attempt("CONSUME-STRANGER", stage.on_registry(account("stranger"), "consume", 1), "a stranger")
    stage.attempt("CONSUME-STRANGER", stage.on_registry(play.issuer_of(one), "consume", 1), "the issuer")
    stage.attempt("CONSUME-STRANGER", stage.on_registry(stage.registry.owner(), "consume", 1), "the owner")
    operator = play.committee.keys[0].address
    stage.attempt("CONSUME-OPERATOR", stage.on_registry(operator, "consume", 1))
    stage.attempt("CONSUME-OTHER-CAP", stage.on_registry(one.address, "consume", ROOM + 1))
    play.suspend(first)
    stage.attempt("CONSUME-OTHER-FILING", stage.on_registry(one.address, "consume", 1))
    stage.control("the token of the open filing mints", play.mint(other, 1))


def bypass(play: Play) -> None:
    """New tokens by other ways than the issuer's mint."""
    for token in (play.own[0], *play.tokens):
        for of_token in (_second_minter, _delegate_calls, _permit):
            with play.stage.undone():
                of_token(play, token)
    for act in (_reentrancy, _self_destruct, _initialise):
        with play.stage.undone():
            act(play)


def _second_minter(play: Play, token: GatedToken) -> None:
    stage = play.stage
    if not play.opened(token):
        return
    play.let_hold(token)
    minter, admin = account("second minter"), account("second admin")
    play.grant(token, "ISSUER", minter)
    play.grant(token, "ADMIN", admin)
    stage.control("a second minter mints", play.mint(token, 1, by=minter))
    stage.attempt("BYPASS-SECOND-MINTER", play.mint(token, ROOM, by=minter), token.name)
    stage.attempt("BYPASS-ADMIN", play.mint(token, 1, by=admin), token.name)


def _delegate_calls(play: Play, token: GatedToken) -> None:
    stage, master = play.stage, account("attacker")
    if not play.opened(token):
        return
    play.let_hold(token)
    stage.control("the token itself mints", play.mint(token, 1))
    puppet = Puppet(stage, master)
    # The role is the attacker's to give where it owns the storage: only the gate is left to stop it.
    slot = keccak256(bytes(12) + bytes.fromhex(master[2:]) + keccak256(roles()["ISSUER"] + (5).to_bytes(32, "big")))
    stage.rpc("anvil_setStorageAt", puppet.address, "0x" + slot.hex(), "0x" + (1).to_bytes(32, "big").hex())
    mint = stage.data("AssetBackedToken", "mint", master, 1)
    stage.attempt("BYPASS-DELEGATE-MINT", puppet.act(Pull(token.address, mint, inside=True)), token.name)
    consume = stage.data("FilingRegistry", "consume", 1)
    stage.attempt("BYPASS-DELEGATE-CONSUME", puppet.act(Pull(stage.registry.address, consume, inside=True)))


def _approved_puppet(play: Play, name: str, cap: int) -> Puppet:
    puppet = Puppet(play.stage, account("attacker"))
    play.approve(filing_named(name), GatedToken(name, puppet.address, 6, False, None, None), room=cap)
    return puppet


def _reentrancy(play: Play) -> None:
    stage, registry = play.stage, play.stage.registry.address
    token = _approved_puppet(play, "hook", ROOM)
    receiver = Puppet(stage, account("attacker"))

    def draw(amount: int) -> Pull:
        return Pull(registry, stage.data("FilingRegistry", "consume", amount))

    def hooked(amount: int) -> None:
        receiver.plan(Pull(token.address, token.acting([draw(amount)])), 1)

    ring = Pull(receiver.address, b"\1")
    with stage.undone():
        hooked(ROOM // 2)
        stage.control("a token's hook mints again inside the cap", token.act(draw(ROOM // 2), ring))
    hooked(ROOM // 2 + 1)
    stage.attempt("BYPASS-REENTER-HOOK", token.act(draw(ROOM // 2), ring))
    # And should the registry itself ever call its caller before it has counted:
    token.plan(draw(ROOM), 1)
    done = token.act(draw(ROOM))
    if done.error is None:
        block = int(done.receipt["blockNumber"], 16)
        events = read_events(stage.w3, "FilingRegistry", [registry], block, block, [])
        drawn = sum(event.values["amount"] for event in events if event.name == "Issued")
        stage.attempt("BYPASS-REENTER-CONSUME", "counted once" if drawn == ROOM else PASSED)
    else:
        stage.attempt("BYPASS-REENTER-CONSUME", done)


def _self_destruct(play: Play) -> None:
    stage = play.stage
    puppet = _approved_puppet(play, "destroyed", ROOM)
    draw = stage.data("FilingRegistry", "consume", ROOM)
    stage.control("the contract draws its cap", puppet.act(Pull(stage.registry.address, draw)))
    stage.control("the contract destroys itself", puppet.end())
    # Whether or not the code is gone: the address draws once more.
    stage.attempt("BYPASS-SELF-DESTRUCT", stage.on_registry(puppet.address, "consume", 1))


def _initialise(play: Play) -> None:
    stage, me = play.stage, account("attacker")
    victim = bytes(12) + bytes.fromhex(me[2:])
    for name, address in (
        ("registry", stage.registry.address),
        ("factory", stage.deployment.factory),
        *((token.name, token.address) for token in play.tokens),
    ):
        for call in ("initialize()", "initialize(address)", "init(address)", "upgradeTo(address)", "setOwner(address)"):
            data = keccak256(call.encode())[:4] + (victim if "address" in call else b"")
            stage.attempt("BYPASS-INITIALISE", stage.send(me, address, data), f"{name} {call}")


def _permit(play: Play, token: GatedToken) -> None:
    stage, owner, spender = play.stage, fresh_key("permit owner"), account("stranger")
    separator = bytes.fromhex(
        stage.rpc("eth_call", {"to": token.address, "data": "0x3644e515"}, "latest")[2:]  # DOMAIN_SEPARATOR()
    )
    kind = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
    words = (int(owner.address, 16), int(spender, 16), 7, 0, _FAR)
    struct = keccak256(kind + b"".join(word.to_bytes(32, "big") for word in words))
    digest = keccak256(b"\x19\x01" + separator + struct)

    def permit(raw: bytes) -> tuple[object, ...]:
        return owner.address, spender, 7, _FAR, raw[64], raw[:32], raw[32:64]

    forged, good = fresh_key("stranger").sign(digest), owner.sign(digest)
    if len(separator) != 32:
        raise Broken("the token has no domain")
    stage.attempt("BYPASS-PERMIT", stage.on_token(token.address, spender, "permit", *permit(forged)), token.name)
    stage.control("the owner's own permit", stage.on_token(token.address, spender, "permit", *permit(good)))
