"""Every attack by its id: what is tried, and the one error that it must meet. Ids never change their meaning."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ATTACKS", "SCENES", "Attack"]


@dataclass(frozen=True)
class Attack:
    """What is tried, in which scene, and the name of the error expected (`accepted` where it must do no harm)."""

    scene: str
    attempt: str
    expected: str


#: Scenes in the order of their playing, and what each is about.
SCENES = {
    "entries": "every function that changes state, called by a stranger",
    "as-found": "the deployment as it stands, no key and no change of the committee",
    "mint": "mints outside their filing, and what is no mint",
    "consume": "drawing on a cap without minting",
    "bypass": "other ways to new tokens",
    "approve": "approvals and updates that a quorum signed and that still must not pass",
    "signatures": "what is no quorum",
    "replay": "messages used for something else or once more",
    "committee": "changes of the committee",
}

_ROLE = "AccessControlUnauthorizedAccount"
_OWNER = "OwnableUnauthorizedAccount"
_BAD = "InvalidOperatorSignature"
_ORDER = "SignaturesNotAscending"
_COUNT = "WrongSignatureCount"

ATTACKS = {
    # What the entries' errors are stands in entry_points.py, one by one.
    "ENTRY-REGISTRY": Attack("entries", "a stranger calls the registry", "as listed"),
    "ENTRY-TOKEN": Attack("entries", "a stranger calls a token", "as listed"),
    "ENTRY-FACTORY": Attack("entries", "a stranger calls the factory", "as listed"),
    "ENTRY-UNLISTED": Attack("entries", "an entry of the code that no list names", "none"),
    "FOUND-MINT-OVER-CAP": Attack("as-found", "mint one unit more than is left now", "CapExceeded"),
    "FOUND-MINT-CLOSED": Attack("as-found", "mint while the filing is not open", "as the state says"),
    "FOUND-MINT-EXPIRED": Attack("as-found", "mint at the second in which the window ends", "FilingExpired"),
    "FOUND-REPLAY-OLD": Attack("as-found", "submit an approval of before again", "WrongSequence"),
    "FOUND-REPLAY-LAST": Attack("as-found", "submit the message applied last again: it changes nothing", "no change"),
    "FOUND-REPLAY-OTHER-FILING": Attack("as-found", "submit real signatures for another filing", _BAD),
    "FOUND-REPLAY-OTHER-CONTRACT": Attack("as-found", "submit a real approval to another registry", _BAD),
    "MINT-WITHOUT-APPROVAL": Attack("mint", "mint a token that no approval names", "TokenNotApproved"),
    "MINT-BEFORE-WINDOW": Attack("mint", "mint one second before the window", "FilingNotStarted"),
    "MINT-AFTER-WINDOW": Attack("mint", "mint at the second in which the window ends", "FilingExpired"),
    "MINT-NOTHING": Attack("mint", "mint zero", "ZeroAmount"),
    "MINT-OVER-CAP": Attack("mint", "mint one unit more than is left", "CapExceeded"),
    "MINT-OVER-CAP-BATCH": Attack("mint", "mint one unit more than is left, in a batch", "CapExceeded"),
    "MINT-OVER-CAP-ONE-BLOCK": Attack("mint", "two mints in one block, together over the cap", "CapExceeded"),
    "MINT-AFTER-BURN": Attack("mint", "mint what was burned", "CapExceeded"),
    "MINT-SUSPENDED": Attack("mint", "mint while suspended", "FilingIsSuspended"),
    "MINT-REVOKED": Attack("mint", "mint after the revocation", "FilingIsFinal"),
    "MINT-COMPLETED": Attack("mint", "mint after the completion", "FilingIsFinal"),
    "MINT-BY-STRANGER": Attack("mint", "mint without the role", _ROLE),
    "MINT-BY-FORCED-TRANSFER": Attack("mint", "force a transfer out of nothing", "ERC20InvalidSender"),
    "TRANSFER-PAUSED": Attack("mint", "transfer while the token is paused", "EnforcedPause"),
    "BURN-PAUSED": Attack("mint", "burn while the token is paused", "EnforcedPause"),
    "TRANSFER-FROZEN": Attack("mint", "transfer frozen tokens", "ERC7943InsufficientUnfrozenBalance"),
    "CONSUME-STRANGER": Attack("consume", "draw without being a token", "TokenNotApproved"),
    "CONSUME-OPERATOR": Attack("consume", "draw as an operator", "TokenNotApproved"),
    "CONSUME-OTHER-CAP": Attack(
        "consume", "a token draws more than its own cap, where another has room", "CapExceeded"
    ),
    "CONSUME-OTHER-FILING": Attack(
        "consume", "a token of a suspended filing draws while another's is open", "FilingIsSuspended"
    ),
    "BYPASS-SECOND-MINTER": Attack("bypass", "a second minter, over the cap", "CapExceeded"),
    "BYPASS-ADMIN": Attack("bypass", "the admin of the roles mints without the role", _ROLE),
    "BYPASS-DELEGATE-MINT": Attack("bypass", "run the token's mint on another contract's storage", "TokenNotApproved"),
    "BYPASS-DELEGATE-CONSUME": Attack(
        "bypass", "run the registry's code on another contract's storage", "TokenNotApproved"
    ),
    "BYPASS-REENTER-HOOK": Attack("bypass", "mint again out of a token's hook, together over the cap", "CapExceeded"),
    "BYPASS-REENTER-CONSUME": Attack("bypass", "call back out of the registry's draw: it counts once", "counted once"),
    "BYPASS-SELF-DESTRUCT": Attack("bypass", "draw again after the drawing contract destroyed itself", "CapExceeded"),
    "BYPASS-INITIALISE": Attack("bypass", "set it up once more", "no reason"),
    "BYPASS-PERMIT": Attack("bypass", "a permit that its owner did not sign", "ERC2612InvalidSigner"),
    "APPROVE-LIFTS-SUSPENSION": Attack("approve", "approve a suspended filing", "FilingIsSuspended"),
    "APPROVE-REVOKED": Attack("approve", "approve a revoked filing", "FilingIsFinal"),
    "APPROVE-COMPLETED": Attack("approve", "approve a completed filing", "FilingIsFinal"),
    "APPROVE-CAP-BELOW-ISSUED": Attack("approve", "a cap below what was issued", "CapBelowIssued"),
    "APPROVE-NO-CAP": Attack("approve", "a cap of zero", "ZeroCap"),
    "APPROVE-CAP-TOO-LARGE": Attack("approve", "a cap of 2**96", "CapTooLarge"),
    "APPROVE-NO-TRANCHES": Attack("approve", "no tranches", "InvalidTrancheCount"),
    "APPROVE-TOO-MANY-TRANCHES": Attack("approve", "33 tranches", "InvalidTrancheCount"),
    "APPROVE-TRANCHE-TWICE": Attack("approve", "one token twice", "TranchesNotAscending"),
    "APPROVE-OTHERS-TOKEN": Attack("approve", "a token of another filing", "TokenBoundToAnotherFiling"),
    "APPROVE-OTHERS-KEY": Attack("approve", "a filing whose key another one has", "FilingKeyTaken"),
    "APPROVE-NO-FILING": Attack("approve", "a filing of zero", "ZeroFiling"),
    "APPROVE-TOO-LONG": Attack("approve", "a window one second longer than the longest", "WindowTooLong"),
    "APPROVE-EMPTY-WINDOW": Attack("approve", "a window that holds no second", "EmptyWindow"),
    "APPROVE-PAST": Attack("approve", "a window that is over", "WindowInThePast"),
    "APPROVE-DECIMALS": Attack("approve", "a cap in another unit", "DecimalsMismatch"),
    "APPROVE-NO-TOKEN": Attack("approve", "an address without a contract", "DecimalsUnreadable"),
    "UPDATE-TOO-LONG": Attack("approve", "renew by one second more than the longest", "WindowTooLong"),
    "UPDATE-FINAL": Attack("approve", "resume a revoked filing", "FilingIsFinal"),
    "UPDATE-UNKNOWN": Attack("approve", "update a filing that was never approved", "UnknownFiling"),
    "UPDATE-TO-NONE": Attack("approve", "update a filing to no status", "InvalidTransition"),
    "UPDATE-END-WITH-WINDOW": Attack("approve", "revoke with a window", "UnexpectedValidUntil"),
    "SIGN-NONE": Attack("signatures", "no signature", _COUNT),
    "SIGN-UNDER-THRESHOLD": Attack("signatures", "one signature too few", _COUNT),
    "SIGN-SURPLUS": Attack("signatures", "one signature too many", _COUNT),
    "SIGN-DUPLICATE": Attack("signatures", "one signature twice", _ORDER),
    "SIGN-ABA": Attack("signatures", "A, B, A", _ORDER),
    "SIGN-UNSORTED": Attack("signatures", "not in the order of the operators", _ORDER),
    "SIGN-ZERO-ADDRESS": Attack("signatures", "the zero address, which a failed recovery gives", _ORDER),
    "SIGN-STRANGER": Attack("signatures", "a stranger among the operators", "NotAnOperator"),
    "SIGN-UNDER-A-NAME": Attack("signatures", "a stranger under an operator's name", _BAD),
    "SIGN-SWAPPED": Attack("signatures", "operators under each other's names", _BAD),
    "SIGN-HIGH-S": Attack("signatures", "the other signature of the same key, s in the upper half", _BAD),
    "SIGN-BAD-V": Attack("signatures", "v of 0 or 1", _BAD),
    "SIGN-EMPTY": Attack("signatures", "a signature of no bytes", _BAD),
    "SIGN-REMOVED": Attack("signatures", "a removed operator", "NotAnOperator"),
    "SIGN-SEAT-TWICE": Attack("signatures", "an operator and the one whose seat it took", "SeatCountedTwice"),
    "SUSPEND-STRANGER": Attack("signatures", "a stranger suspends", "NotAnOperator"),
    "SUSPEND-BY-SIGNATURE-STRANGER": Attack("signatures", "a stranger signs a suspension", "NotAnOperator"),
    "SUSPEND-UNDER-A-NAME": Attack("signatures", "a stranger signs a suspension in an operator's name", _BAD),
    "SUSPEND-HIGH-S": Attack("signatures", "a suspension with s in the upper half", _BAD),
    "REPLAY-SEQUENCE": Attack("replay", "an approval of an older sequence", "WrongSequence"),
    "REPLAY-FUTURE": Attack("replay", "an approval that leaves out a sequence", "WrongSequence"),
    "REPLAY-OTHER-FILING": Attack("replay", "signatures over another filing", _BAD),
    "REPLAY-OTHER-KIND": Attack("replay", "signatures over an approval on an update", _BAD),
    "REPLAY-OTHER-CHAIN": Attack("replay", "signatures for another chain", _BAD),
    "REPLAY-OTHER-CONTRACT": Attack("replay", "signatures for another registry", _BAD),
    "REPLAY-CHANGED": Attack("replay", "a cap raised after the signing", _BAD),
    "REPLAY-OLD-EPOCH": Attack("replay", "signatures of a committee that was replaced since", "NotAnOperator"),
    "REPLAY-RENEWAL": Attack("replay", "a renewal signed before a suspension, after it", "WrongSequence"),
    "REPLAY-SUSPENSION": Attack("replay", "a suspension used again after the resumption", "WrongSequence"),
    "COMMITTEE-BEFORE-DELAY": Attack("committee", "seat an operator one second before the delay is over", "NotReady"),
    "COMMITTEE-REPLACE-BEFORE-DELAY": Attack("committee", "replace an operator one second too early", "NotReady"),
    "COMMITTEE-THRESHOLD-BEFORE-DELAY": Attack("committee", "lower the threshold one second too early", "NotReady"),
    "COMMITTEE-UNANNOUNCED": Attack("committee", "seat an operator who was not announced", "NotAnnounced"),
    "COMMITTEE-LAPSED": Attack("committee", "seat an operator 30 days after it could be", "NotAnnounced"),
    "COMMITTEE-VOID": Attack("committee", "undo a removal by what was announced before it", "NotAnnounced"),
    "COMMITTEE-STRANGER-ANNOUNCES": Attack("committee", "a stranger announces an operator", _OWNER),
    "COMMITTEE-STRANGER-APPLIES": Attack("committee", "a stranger seats an announced operator", _OWNER),
    "COMMITTEE-OPERATOR-ANNOUNCES": Attack("committee", "an operator announces an operator", _OWNER),
    "COMMITTEE-TWICE": Attack("committee", "an operator on two seats", "DuplicateOperator"),
    "COMMITTEE-ZERO": Attack("committee", "the zero address as an operator", "ZeroOperator"),
    "COMMITTEE-NO-THRESHOLD": Attack("committee", "a threshold of zero", "InvalidThreshold"),
    "COMMITTEE-TAKE-OWNERSHIP": Attack("committee", "accept an ownership that was not offered", _OWNER),
    "COMMITTEE-RENOUNCE": Attack("committee", "leave the registry without an owner", "OwnershipNotRenounceable"),
    "COMMITTEE-SUSPEND-REMOVED": Attack("committee", "a removed operator suspends", "NotAnOperator"),
}
