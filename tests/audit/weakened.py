"""Contracts with one weakness each, made of the real sources at test time, and what `rehearse` must find in them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cache

from scripts.compile import ROOT, collect_sources, compile_sources

REGISTRY = "contracts/FilingRegistry.sol"
COMMITTEE = "contracts/OracleCommittee.sol"
TOKEN = "contracts/AssetBackedToken.sol"
GATE = "contracts/FilingGated.sol"
TRANSFERS = "contracts/TransferControl.sol"

#: What is deployed, and the source of its own that each of its parts is written in.
_PARTS = {"FilingRegistry": (REGISTRY, COMMITTEE), "AssetBackedToken": (TOKEN, GATE, TRANSFERS)}

_RELATIVE = re.compile(r'(from\s+|import\s+)"(\.[^"]*)"')


@dataclass(frozen=True)
class Weakness:
    """Replacements (source, old text, new text), each of which stands there once; the scenes to play; their finds."""

    contract: str
    changes: tuple[tuple[str, str, str], ...]
    found: tuple[str, ...]
    scenes: tuple[str, ...]

    def sources(self, name: str) -> dict[str, str]:
        """Source name to text; what is not changed is imported from where it is."""
        own = {source: f"weakened/{name}/{posixpath.basename(source)}" for source in _PARTS[self.contract]}
        texts = {source: (ROOT / source).read_text(encoding="utf-8") for source in own}
        for source, old, new in self.changes:
            assert texts[source].count(old) == 1, f"{name}: {old!r} stands {texts[source].count(old)} times in {source}"
            texts[source] = texts[source].replace(old, new)
        made = {}
        for source, text in texts.items():

            def absolute(match: re.Match[str], source: str = source) -> str:
                target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match.group(2)))
                return f'{match.group(1)}"{own.get(target, target)}"'

            made[own[source]] = _RELATIVE.sub(absolute, text)
        return made


def _registry(*changes: tuple[str, str], found: tuple[str, ...], scenes: tuple[str, ...]) -> Weakness:
    return Weakness("FilingRegistry", tuple((REGISTRY, *change) for change in changes), found, scenes)


def _committee(*changes: tuple[str, str], found: tuple[str, ...], scenes: tuple[str, ...]) -> Weakness:
    return Weakness("FilingRegistry", tuple((COMMITTEE, *change) for change in changes), found, scenes)


def _token(*changes: tuple[str, str, str], found: tuple[str, ...], scenes: tuple[str, ...]) -> Weakness:
    return Weakness("AssetBackedToken", changes, found, scenes)


_CAP = "return amount > cap - tranche.issued() ? CapExceeded.selector : bytes4(0);"
_SEAT = "require(counted & seat == 0, SeatCountedTwice(i, operator));"
_ASCENDING = "require(operator > previous, SignaturesNotAscending(i, previous, operator));"
_COUNTING = "require(_counts(seat, until, since), NotAnOperator(account));"

WEAKENED: dict[str, Weakness] = {
    "no cap": _registry(
        (_CAP, "return bytes4(0);"),
        found=(
            *("FOUND-MINT-OVER-CAP", "MINT-OVER-CAP", "MINT-OVER-CAP-BATCH", "MINT-OVER-CAP-ONE-BLOCK"),
            *("MINT-AFTER-BURN", "CONSUME-OTHER-CAP", "BYPASS-SECOND-MINTER", "BYPASS-REENTER-HOOK"),
            "BYPASS-SELF-DESTRUCT",
        ),
        scenes=("as-found", "mint", "consume", "bypass"),
    ),
    "cap off by one": _registry(
        (_CAP, _CAP.replace("amount >", "amount > 1 +")), found=("MINT-OVER-CAP",), scenes=("mint",)
    ),
    "no window": _registry(
        ("if (block.timestamp < state.validAfter()) {", "if (false) {"),
        ("if (block.timestamp >= state.validUntil()) {", "if (block.timestamp > state.validUntil()) {"),
        ("if (amount == 0) {", "if (false) {"),
        found=("MINT-BEFORE-WINDOW", "MINT-AFTER-WINDOW", "MINT-NOTHING", "FOUND-MINT-EXPIRED"),
        scenes=("as-found", "mint"),
    ),
    "no status": _registry(
        ("if (state.status() != FilingStatus.Approved) {", "if (false) {"),
        found=("MINT-SUSPENDED", "MINT-REVOKED", "MINT-COMPLETED", "CONSUME-OTHER-FILING"),
        scenes=("mint", "consume"),
    ),
    "draws for anybody": _registry(
        ("return TokenNotApproved.selector;", "return bytes4(0);"),
        found=(
            *("CONSUME-STRANGER", "CONSUME-OPERATOR", "MINT-WITHOUT-APPROVAL", "BYPASS-DELEGATE-MINT"),
            *("BYPASS-DELEGATE-CONSUME", "ENTRY-REGISTRY"),
        ),
        scenes=("entries", "mint", "consume", "bypass"),
    ),
    "calls back before it counts": _registry(
        (
            "        stored.word = packTranche(tranche.cap(), issued, tranche.key());",
            "        (bool told, ) = msg.sender.call(hex'01');\n        told;\n"
            "        stored.word = packTranche(tranche.cap(), issued, tranche.key());",
        ),
        found=("BYPASS-REENTER-CONSUME",),
        scenes=("bypass",),
    ),
    "approves whatever a quorum signs": _registry(
        ("        _requireNotSuspended(approval.filing, state.status());\n", ""),
        ("        _requireNotFinal(approval.filing, state.status());\n", ""),
        ("        _requireWindow(approval.validAfter, approval.validUntil);\n", ""),
        ("require(count != 0 && count <= MAX_TRANCHES, InvalidTrancheCount(count, MAX_TRANCHES));", ""),
        ("require(approval.filing != bytes32(0), ZeroFiling());", ""),
        ("require(token > previous, TranchesNotAscending(i, previous, token));", ""),
        ("require(cap != 0, ZeroCap(token));", ""),
        ("require(cap <= type(uint96).max, CapTooLarge(token, cap, type(uint96).max));", ""),
        ("if (stored.cap() != 0 && FilingKey.unwrap(stored.key()) != FilingKey.unwrap(key)) {", "if (false) {"),
        ("require(cap >= stored.issued(), CapBelowIssued(token, cap, stored.issued()));", ""),
        ("require(told == actual, DecimalsMismatch(token, told, actual));", ""),
        ("require(success && value <= type(uint8).max, DecimalsUnreadable(token));", ""),
        ("require(!known || other == filing, FilingKeyTaken(filing, other));", ""),
        found=(
            *("APPROVE-LIFTS-SUSPENSION", "APPROVE-REVOKED", "APPROVE-COMPLETED", "APPROVE-CAP-BELOW-ISSUED"),
            *("APPROVE-NO-CAP", "APPROVE-CAP-TOO-LARGE", "APPROVE-NO-TRANCHES", "APPROVE-TOO-MANY-TRANCHES"),
            *("APPROVE-TRANCHE-TWICE", "APPROVE-OTHERS-TOKEN", "APPROVE-OTHERS-KEY", "APPROVE-NO-FILING"),
            *("APPROVE-TOO-LONG", "APPROVE-EMPTY-WINDOW", "APPROVE-PAST", "APPROVE-DECIMALS", "APPROVE-NO-TOKEN"),
        ),
        scenes=("approve",),
    ),
    "no longest window": _registry(
        ("require(validUntil <= latest, WindowTooLong(validUntil, latest));", ""),
        found=("APPROVE-TOO-LONG", "UPDATE-TOO-LONG"),
        scenes=("approve",),
    ),
    "updates whatever a quorum signs": _registry(
        ("        _requireNotFinal(filing, status);\n        require(", "        require("),
        ("change.status != FilingStatus.None &&", "true &&"),
        ("require(change.validUntil == 0, UnexpectedValidUntil(filing, change.validUntil));", ""),
        ("require(known, UnknownFiling(filing));", ""),
        found=("UPDATE-FINAL", "UPDATE-UNKNOWN", "UPDATE-TO-NONE", "UPDATE-END-WITH-WINDOW"),
        scenes=("approve",),
    ),
    "no sequence": _registry(
        ("require(sequence == expected, WrongSequence(filing, sequence, expected));", ""),
        found=("REPLAY-SEQUENCE", "REPLAY-FUTURE", "REPLAY-RENEWAL", "REPLAY-SUSPENSION", "FOUND-REPLAY-OLD"),
        scenes=("as-found", "replay"),
    ),
    "no repeat": _registry(
        ("return sequence == state.sequence() && digestTag(digest) == state.tag();", "return false;"),
        found=("FOUND-REPLAY-LAST",),
        scenes=("as-found",),
    ),
    "a way in that no list names": _registry(
        (
            "    /// @inheritdoc IFilingRegistry\n    function announceSuccessor(",
            "    function initialize(address owner_) external {\n        _transferOwnership(owner_);\n    }\n\n"
            "    /// @inheritdoc IFilingRegistry\n    function announceSuccessor(",
        ),
        found=("ENTRY-UNLISTED", "BYPASS-INITIALISE"),
        scenes=("entries", "bypass"),
    ),
    "threshold or more": _committee(
        ("require(signatures.length == required,", "require(signatures.length >= required,"),
        found=("SIGN-SURPLUS",),
        scenes=("signatures",),
    ),
    "any number of signatures": _committee(
        ("require(signatures.length == required, WrongSignatureCount(signatures.length, required));", ""),
        (
            "for (uint256 i = 0; i < required; ++i) {",
            "required;\n        for (uint256 i = 0; i < signatures.length; ++i) {",
        ),
        found=("SIGN-NONE", "SIGN-UNDER-THRESHOLD", "ENTRY-REGISTRY"),
        scenes=("entries", "signatures"),
    ),
    "no order": _committee(
        (_ASCENDING, ""),
        (_SEAT, ""),
        found=("SIGN-DUPLICATE", "SIGN-ABA", "SIGN-UNSORTED", "SIGN-SEAT-TWICE"),
        scenes=("signatures",),
    ),
    "neighbours only": _committee(
        (_ASCENDING, _ASCENDING.replace(">", "!=")), (_SEAT, ""), found=("SIGN-ABA",), scenes=("signatures",)
    ),
    "seats uncounted": _committee((_SEAT, ""), found=("SIGN-SEAT-TWICE",), scenes=("signatures",)),
    "recovers by hand": _committee(
        (
            "(address recovered, , ) = ECDSA.tryRecover(digest, v, r, s);",
            "address recovered = ecrecover(digest, v < 27 ? v + 27 : v, r, s);",
        ),
        found=("SIGN-HIGH-S", "SIGN-BAD-V", "SUSPEND-HIGH-S"),
        scenes=("signatures",),
    ),
    "nobody is a stranger": _committee(
        (_COUNTING, ""),
        (_ASCENDING, _ASCENDING.replace(">", ">=")),
        ("require(isOperator(account), NotAnOperator(account));", ""),
        found=(
            *("SIGN-STRANGER", "SIGN-ZERO-ADDRESS", "SIGN-REMOVED", "SUSPEND-STRANGER", "REPLAY-OLD-EPOCH"),
            *("SUSPEND-BY-SIGNATURE-STRANGER", "COMMITTEE-SUSPEND-REMOVED"),
        ),
        scenes=("signatures", "replay", "committee"),
    ),
    "signatures unread": _committee(
        (
            "recovered == operator || _acceptedByContract(digest, operator, signature),",
            "recovered == operator || true,",
        ),
        found=(
            *("SIGN-UNDER-A-NAME", "SIGN-SWAPPED", "SIGN-EMPTY", "SUSPEND-UNDER-A-NAME", "REPLAY-OTHER-FILING"),
            *("REPLAY-OTHER-KIND", "REPLAY-OTHER-CHAIN", "REPLAY-OTHER-CONTRACT", "REPLAY-CHANGED"),
            "FOUND-REPLAY-OTHER-CONTRACT",
        ),
        scenes=("as-found", "signatures", "replay"),
    ),
    "no delay": _committee(
        ("require(block.timestamp >= readyAt, NotReady(readyAt, block.timestamp));", ""),
        found=("COMMITTEE-BEFORE-DELAY", "COMMITTEE-REPLACE-BEFORE-DELAY", "COMMITTEE-THRESHOLD-BEFORE-DELAY"),
        scenes=("committee",),
    ),
    "no announcement": _committee(
        ("require(readyAt != 0, NotAnnounced());", ""),
        found=("COMMITTEE-UNANNOUNCED", "COMMITTEE-LAPSED", "COMMITTEE-VOID"),
        scenes=("committee",),
    ),
    "anybody's committee": _committee(
        (
            "function announceOperator(address operator, address replaced) external onlyOwner {",
            "function announceOperator(address operator, address replaced) external {",
        ),
        (
            "function applyOperator(address operator, address replaced) external onlyOwner {",
            "function applyOperator(address operator, address replaced) external {",
        ),
        ("require(account != address(0), ZeroOperator());", ""),
        ("require(!isOperator(account), DuplicateOperator(account));", ""),
        ("require(newThreshold != 0, InvalidThreshold(0, _count));", ""),
        (
            "function renounceOwnership() public pure override {\n        revert OwnershipNotRenounceable();\n    }",
            "function renounceOwnership() public override {\n        _transferOwnership(address(0));\n    }\n\n"
            "    function acceptOwnership() public override {\n        _transferOwnership(msg.sender);\n    }",
        ),
        found=(
            *("ENTRY-REGISTRY", "COMMITTEE-STRANGER-ANNOUNCES", "COMMITTEE-STRANGER-APPLIES", "COMMITTEE-TWICE"),
            *("COMMITTEE-OPERATOR-ANNOUNCES", "COMMITTEE-ZERO", "COMMITTEE-NO-THRESHOLD", "COMMITTEE-RENOUNCE"),
            "COMMITTEE-TAKE-OWNERSHIP",
        ),
        scenes=("entries", "committee"),
    ),
    "mints without drawing": _token(
        (GATE, "            _registry.consume(value);\n", ""),
        (GATE, "        _registry.consume(total);\n", "        total;\n"),
        found=("MINT-OVER-CAP", "MINT-OVER-CAP-BATCH", "MINT-SUSPENDED", "MINT-AFTER-WINDOW", "MINT-BEFORE-WINDOW"),
        scenes=("mint",),
    ),
    "a batch draws nothing": _token(
        (GATE, "        _registry.consume(total);\n", "        total;\n"),
        found=("MINT-OVER-CAP-BATCH",),
        scenes=("mint",),
    ),
    "open roles": _token(
        (
            TOKEN,
            "function mint(address to, uint256 amount) external onlyRole(ISSUER_ROLE) {",
            "function mint(address to, uint256 amount) external {",
        ),
        (TRANSFERS, "function pause() external onlyRole(PAUSER_ROLE) {", "function pause() external {"),
        (
            TOKEN,
            "    /// @inheritdoc IAssetBackedToken\n    function trancheId()",
            "    function permit(address owner, address spender, uint256 value, uint256, uint8, bytes32, bytes32)\n"
            "        public override { _approve(owner, spender, value); }\n\n"
            "    /// @inheritdoc IAssetBackedToken\n    function trancheId()",
        ),
        found=("ENTRY-TOKEN", "MINT-BY-STRANGER", "BYPASS-ADMIN", "BYPASS-PERMIT"),
        scenes=("entries", "mint", "bypass"),
    ),
    "moves in spite of all": _token(
        (TRANSFERS, "            _requireNotPaused();\n", ""),
        (TRANSFERS, "value <= unfrozen || value > balance,", "true || unfrozen > balance,"),
        (TRANSFERS, "        require(from != address(0), ERC20InvalidSender(from));\n", ""),
        (TRANSFERS, "        require(amount <= balance, ERC20InsufficientBalance(from, balance, amount));\n", ""),
        (TRANSFERS, "        if (amount > unfrozen) {\n", "        if (from != address(0) && amount > unfrozen) {\n"),
        found=("TRANSFER-PAUSED", "BURN-PAUSED", "TRANSFER-FROZEN", "MINT-BY-FORCED-TRANSFER"),
        scenes=("mint",),
    ),
}


@cache
def weakened_code() -> dict[str, str]:
    """Name of the weakness to creation code, 0x-hex; all of them compiled in one go."""
    texts: dict[str, str] = {}
    wanted = {}
    for name, weakness in WEAKENED.items():
        folder = name.replace(" ", "-").replace("'", "")
        texts |= weakness.sources(folder)
        wanted[name] = f"weakened/{folder}/{weakness.contract}.sol"
    made = compile_sources(collect_sources([], texts), wanted=sorted(wanted.values()), quickly=True)
    return {
        name: "0x" + made[source][WEAKENED[name].contract]["evm"]["bytecode"]["object"]
        for name, source in wanted.items()
    }
