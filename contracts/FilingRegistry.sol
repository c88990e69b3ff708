// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {OracleCommittee} from "./OracleCommittee.sol";
import {
    FilingKey,
    FilingWord,
    TrancheWord,
    digestTag,
    filingKey,
    packFiling,
    packTranche
} from "./PackedState.sol";
import {IFilingRegistry} from "./interfaces/IFilingRegistry.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/**
 * @title FilingRegistry
 * @notice Lets a token be minted only under a filing that a quorum of oracle operators has approved, up to a cumulative
 * cap, inside a window that always ends, and not while any one operator has it suspended.
 * @dev The rule is that silence stops minting: no value stands for "for ever", and an approval that nobody renews
 * expires. A mint is decided by one slot for its token and one for its filing, and writes the first. Hashes of what was
 * approved live in events only, from which all state can be rebuilt.
 *
 * What it does NOT do: it has no proxy, and no way to mint, move or freeze tokens. Its owner changes the committee as
 * far as `OracleCommittee` lets it and can name a successor for indexers, which does nothing here; it can neither
 * approve nor suspend. It does not know whether the operators told the truth about the filing. It does not stop
 * transfers or burns, and it holds no token to its word that it mints what it consumed (that is `FilingGated`'s part).
 */
contract FilingRegistry is IFilingRegistry, OracleCommittee, IERC5267, ERC165 {
    /**
     * @dev One slot, in a struct so that its place is worked out once a mint.
     * @param word Cap, issued and key of the filing.
     */
    struct TrancheRecord {
        TrancheWord word;
    }

    /// @dev Bounds the loops over tranches.
    uint256 private constant MAX_TRANCHES = 32;

    /// @dev Bounds the loop over approvals.
    uint256 private constant MAX_BATCH = 32;

    /// @dev Largest value of `maxValidity`; far below what 48 bits of time hold.
    uint64 private constant MAX_VALIDITY_LIMIT = 3650 days;

    string private constant NAME = "FilingRegistry";

    string private constant VERSION = "1";

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    bytes32 private constant TRANCHE_TYPEHASH = keccak256("Tranche(address token,uint256 cap,uint8 decimals)");

    bytes32 private constant APPROVAL_TYPEHASH =
        keccak256(
            "FilingApproval(bytes32 filing,Tranche[] tranches,bytes32 dossierHash,bytes32 recordHash,"
            "bytes32 rulesetHash,uint64 validAfter,uint64 validUntil,uint64 sequence)"
            "Tranche(address token,uint256 cap,uint8 decimals)"
        );

    bytes32 private constant UPDATE_TYPEHASH =
        keccak256(
            "FilingUpdate(bytes32 filing,uint8 status,bytes32 recordHash,"
            "uint64 validUntil,uint64 sequence,bytes32 reason)"
        );

    bytes32 private constant SUSPENSION_TYPEHASH =
        keccak256("Suspension(bytes32 filing,uint64 sequence,bytes32 reason)");

    uint64 private immutable _maxValidity;

    mapping(address token => TrancheRecord) private _tranches;
    mapping(FilingKey key => FilingWord) private _filings;
    mapping(FilingKey key => bytes32 filing) private _filingOfKey;
    address private _successor;

    /**
     * @dev Requirements:
     *
     * - `committee` can be one: see {OracleCommittee};
     * - `maxValidity_` is more than zero and at most 3650 days.
     *
     * @param committee Owner, operators, threshold and times of the committee.
     * @param maxValidity_ Longest time from now, in seconds, that a window may end.
     */
    constructor(
        CommitteeConfig memory committee,
        uint64 maxValidity_
    ) OracleCommittee(committee) {
        require(
            maxValidity_ != 0 && maxValidity_ <= MAX_VALIDITY_LIMIT,
            InvalidMaxValidity(maxValidity_, MAX_VALIDITY_LIMIT)
        );
        _maxValidity = maxValidity_;
    }

    /// @inheritdoc IFilingRegistry
    function approve(FilingApproval calldata approval, OperatorSignature[] calldata signatures) external {
        _approve(approval, signatures);
    }

    /// @inheritdoc IFilingRegistry
    function approveBatch(
        FilingApproval[] calldata approvals,
        OperatorSignature[][] calldata signatures
    ) external {
        uint256 count = approvals.length;
        require(count != 0 && count <= MAX_BATCH, InvalidBatchSize(count, MAX_BATCH));
        require(signatures.length == count, SignatureListsMismatch(count, signatures.length));
        for (uint256 i = 0; i < count; ++i) {
            _approve(approvals[i], signatures[i]);
        }
    }

    /// @inheritdoc IFilingRegistry
    function update(FilingUpdate calldata change, OperatorSignature[] calldata signatures) external {
        bytes32 filing = change.filing;
        (FilingKey key, FilingWord state) = _requireKnown(filing);
        bytes32 digest = updateDigest(change);
        if (_isRepeat(state, change.sequence, digest)) {
            return;
        }
        _requireNext(filing, state, change.sequence);
        FilingStatus status = state.status();
        _requireNotFinal(filing, status);
        require(
            change.status != FilingStatus.None &&
                (change.status != FilingStatus.Suspended || status == FilingStatus.Approved),
            InvalidTransition(filing, status, change.status)
        );
        uint64 validUntil = state.validUntil();
        if (change.status == FilingStatus.Approved) {
            validUntil = change.validUntil;
            _requireWindow(state.validAfter(), validUntil);
        } else {
            require(change.validUntil == 0, UnexpectedValidUntil(filing, change.validUntil));
        }
        _requireQuorum(digest, signatures);

        // The end of the window fits: checked with the window.
        _filings[key] = packFiling(
            change.status,
            state.validAfter(),
            validUntil,
            change.sequence,
            digestTag(digest)
        );
        emit FilingUpdated(
            filing,
            change.sequence,
            change.status,
            change.recordHash,
            change.validUntil,
            change.reason
        );
    }

    /// @inheritdoc IFilingRegistry
    function suspend(bytes32 filing, bytes32 reason) external {
        _requireCurrent(msg.sender);
        (FilingKey key, FilingWord state) = _requireKnown(filing);
        if (state.status() != FilingStatus.Suspended) {
            _suspend(filing, key, state, msg.sender, reason);
        }
    }

    /// @inheritdoc IFilingRegistry
    function suspendBySig(Suspension calldata s, OperatorSignature calldata signature) external {
        address operator = signature.operator;
        _requireOperatorSignature(suspensionDigest(s), 0, operator, signature.signature);
        (FilingKey key, FilingWord state) = _requireKnown(s.filing);
        if (state.status() != FilingStatus.Suspended) {
            _requireSequence(s.filing, s.sequence, state.sequence());
            _suspend(s.filing, key, state, operator, s.reason);
        }
    }

    /// @inheritdoc IFilingRegistry
    function consume(uint256 amount) external {
        TrancheRecord storage stored = _tranches[msg.sender];
        TrancheWord tranche = stored.word;
        bytes4 reason = _refusal(tranche, amount);
        if (reason != 0) {
            _refuse(reason, msg.sender, tranche, amount);
        }
        uint256 issued;
        // Cannot overflow: the sum is at most the cap.
        unchecked {
            issued = tranche.issued() + amount;
        }
        stored.word = packTranche(tranche.cap(), issued, tranche.key());
        emit Issued(msg.sender, FilingKey.unwrap(tranche.key()), amount, issued);
    }

    /// @inheritdoc IFilingRegistry
    function announceSuccessor(address newSuccessor) external onlyOwner {
        _successor = newSuccessor;
        emit SuccessorAnnounced(newSuccessor);
    }

    /// @inheritdoc IFilingRegistry
    function canIssue(address token, uint256 amount) external view returns (bool allowed, bytes4 reason) {
        reason = _refusal(_tranches[token].word, amount);
        return (reason == 0, reason);
    }

    /// @inheritdoc IFilingRegistry
    function filingOf(address token) public view returns (bytes32 filing) {
        TrancheWord tranche = _tranches[token].word;
        return tranche.cap() == 0 ? bytes32(0) : _filingOfKey[tranche.key()];
    }

    /// @inheritdoc IFilingRegistry
    function filingState(
        bytes32 filing
    ) external view returns (FilingStatus status, uint64 validAfter, uint64 validUntil, uint64 sequence) {
        FilingKey key = filingKey(filing);
        if (_filingOfKey[key] == filing) {
            FilingWord state = _filings[key];
            return (state.status(), state.validAfter(), state.validUntil(), state.sequence());
        }
    }

    /// @inheritdoc IFilingRegistry
    function trancheState(address token) external view returns (bytes32 filing, uint256 cap, uint256 issued) {
        TrancheWord tranche = _tranches[token].word;
        return (filingOf(token), tranche.cap(), tranche.issued());
    }

    /// @inheritdoc IFilingRegistry
    function successor() external view returns (address) {
        return _successor;
    }

    /// @inheritdoc IFilingRegistry
    function maxValidity() external view returns (uint64) {
        return _maxValidity;
    }

    /// @inheritdoc IFilingRegistry
    function approvalDigest(FilingApproval calldata approval) public view returns (bytes32) {
        Tranche[] calldata tranches = approval.tranches;
        bytes32[] memory hashes = new bytes32[](tranches.length);
        for (uint256 i = 0; i < tranches.length; ++i) {
            Tranche calldata tranche = tranches[i];
            hashes[i] = keccak256(abi.encode(TRANCHE_TYPEHASH, tranche.token, tranche.cap, tranche.decimals));
        }
        return
            _typedDataHash(
                keccak256(
                    abi.encode(
                        APPROVAL_TYPEHASH,
                        approval.filing,
                        keccak256(abi.encodePacked(hashes)),
                        approval.dossierHash,
                        approval.recordHash,
                        approval.rulesetHash,
                        approval.validAfter,
                        approval.validUntil,
                        approval.sequence
                    )
                )
            );
    }

    /// @inheritdoc IFilingRegistry
    function updateDigest(FilingUpdate calldata change) public view returns (bytes32) {
        return
            _typedDataHash(
                keccak256(
                    abi.encode(
                        UPDATE_TYPEHASH,
                        change.filing,
                        change.status,
                        change.recordHash,
                        change.validUntil,
                        change.sequence,
                        change.reason
                    )
                )
            );
    }

    /// @inheritdoc IFilingRegistry
    function suspensionDigest(Suspension calldata s) public view returns (bytes32) {
        return _typedDataHash(keccak256(abi.encode(SUSPENSION_TYPEHASH, s.filing, s.sequence, s.reason)));
    }

    /**
     * @inheritdoc IERC5267
     * @return fields Which of the others are used, a bit each: all but `salt` and `extensions`.
     * @return name Name of the signing domain.
     * @return version Its version.
     * @return chainId This chain, as it is now.
     * @return verifyingContract This contract.
     * @return salt Zero, not used.
     * @return extensions Empty, not used.
     */
    function eip712Domain()
        public
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", NAME, VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /**
     * @inheritdoc ERC165
     * @param interfaceId Identifier of the interface.
     * @return Whether it is implemented.
     */
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return
            interfaceId == type(IFilingRegistry).interfaceId ||
            interfaceId == type(IOracleCommittee).interfaceId ||
            interfaceId == type(IERC5267).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    /// @dev What is signed for a struct's hash, in the domain of this contract on this very chain.
    function _typedDataHash(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(NAME)),
                keccak256(bytes(VERSION)),
                block.chainid,
                address(this)
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    /// @dev Applies one approval, or does nothing if it was applied last; see {IFilingRegistry-approve}.
    function _approve(FilingApproval calldata approval, OperatorSignature[] calldata signatures) private {
        require(approval.filing != bytes32(0), ZeroFiling());
        uint256 count = approval.tranches.length;
        require(count != 0 && count <= MAX_TRANCHES, InvalidTrancheCount(count, MAX_TRANCHES));
        (FilingKey key, bool known) = _lookUp(approval.filing);
        bytes32 digest = approvalDigest(approval);
        FilingWord state = _filings[key];
        if (_isRepeat(state, approval.sequence, digest)) {
            return;
        }
        _requireNext(approval.filing, state, approval.sequence);
        _requireNotFinal(approval.filing, state.status());
        _requireNotSuspended(approval.filing, state.status());
        _requireWindow(approval.validAfter, approval.validUntil);
        _requireTranches(key, approval.tranches);
        _requireQuorum(digest, signatures);

        if (!known) {
            _filingOfKey[key] = approval.filing;
        }
        // The times fit: neither is beyond the end of the window, which was checked.
        _filings[key] = packFiling(
            FilingStatus.Approved,
            approval.validAfter,
            approval.validUntil,
            approval.sequence,
            digestTag(digest)
        );
        _writeTranches(key, approval.tranches);
        emit FilingApproved(
            approval.filing,
            approval.sequence,
            approval.dossierHash,
            approval.recordHash,
            approval.rulesetHash,
            approval.validAfter,
            approval.validUntil,
            approval.tranches
        );
    }

    /**
     * @dev Writes the suspension of a filing that is not suspended. Sequence and tag change with the status: what was
     * signed before no longer fits, and what was applied last is no repeat any more.
     */
    function _suspend(
        bytes32 filing,
        FilingKey key,
        FilingWord state,
        address operator,
        bytes32 reason
    ) private {
        _requireNotFinal(filing, state.status());
        uint64 sequence = state.sequence() + 1;
        _filings[key] = packFiling(FilingStatus.Suspended, state.validAfter(), state.validUntil(), sequence, 0);
        emit FilingSuspended(filing, sequence, operator, reason);
    }

    /// @dev Binds the tokens to the filing of `key` and sets their caps; what was issued stays.
    function _writeTranches(FilingKey key, Tranche[] calldata tranches) private {
        for (uint256 i = 0; i < tranches.length; ++i) {
            Tranche calldata tranche = tranches[i];
            TrancheRecord storage stored = _tranches[tranche.token];
            // Fits: checked with the tranches.
            stored.word = packTranche(tranche.cap, stored.word.issued(), key);
        }
    }

    /// @dev Reverts unless every tranche can be written under the filing of `key`; see {IFilingRegistry-approve}.
    function _requireTranches(FilingKey key, Tranche[] calldata tranches) private view {
        address previous = address(0);
        for (uint256 i = 0; i < tranches.length; ++i) {
            Tranche calldata tranche = tranches[i];
            address token = tranche.token;
            require(token > previous, TranchesNotAscending(i, previous, token));
            previous = token;
            uint256 cap = tranche.cap;
            require(cap != 0, ZeroCap(token));
            require(cap <= type(uint96).max, CapTooLarge(token, cap, type(uint96).max));
            TrancheWord stored = _tranches[token].word;
            // Not `require`, which would read the other filing even when there is none.
            if (stored.cap() != 0 && FilingKey.unwrap(stored.key()) != FilingKey.unwrap(key)) {
                revert TokenBoundToAnotherFiling(token, _filingOfKey[stored.key()]);
            }
            require(cap >= stored.issued(), CapBelowIssued(token, cap, stored.issued()));
            (uint8 told, uint8 actual) = (tranche.decimals, _decimalsOf(token));
            require(told == actual, DecimalsMismatch(token, told, actual));
        }
    }

    /// @dev The token's decimals; anything else than one number from 0 to 255 is refused.
    function _decimalsOf(address token) private view returns (uint8) {
        uint256 question = uint256(uint32(IERC20Metadata.decimals.selector));
        bool success;
        uint256 value;
        assembly ("memory-safe") {
            mstore(0, question)
            success := staticcall(gas(), token, 0x1c, 4, 0, 0x20)
            // An address without code answers with nothing. Of a longer answer no more is copied.
            success := and(success, eq(returndatasize(), 0x20))
            value := mload(0)
        }
        require(success && value <= type(uint8).max, DecimalsUnreadable(token));
        return uint8(value);
    }

    /// @dev Reverts unless a window may be set: it holds a second, is not over, and ends in time.
    function _requireWindow(uint64 validAfter, uint64 validUntil) private view {
        require(validAfter < validUntil, EmptyWindow(validAfter, validUntil));
        require(validUntil > block.timestamp, WindowInThePast(validUntil, block.timestamp));
        uint256 latest = block.timestamp + _maxValidity;
        require(validUntil <= latest, WindowTooLong(validUntil, latest));
    }

    /**
     * @dev The one place that decides about issuing, so that {consume} and {canIssue} cannot disagree.
     * @return Selector of the error, zero if issuing is allowed.
     */
    function _refusal(TrancheWord tranche, uint256 amount) private view returns (bytes4) {
        uint256 cap = tranche.cap();
        if (cap == 0) {
            return TokenNotApproved.selector;
        }
        if (amount == 0) {
            return ZeroAmount.selector;
        }
        FilingWord state = _filings[tranche.key()];
        if (state.status() != FilingStatus.Approved) {
            return state.status() == FilingStatus.Suspended ? FilingIsSuspended.selector : FilingIsFinal.selector;
        }
        if (block.timestamp < state.validAfter()) {
            return FilingNotStarted.selector;
        }
        if (block.timestamp >= state.validUntil()) {
            return FilingExpired.selector;
        }
        // Cannot underflow: what is issued is at most the cap.
        unchecked {
            return amount > cap - tranche.issued() ? CapExceeded.selector : bytes4(0);
        }
    }

    /// @dev Reverts with the error that {_refusal} named and the values that belong to it.
    function _refuse(bytes4 reason, address token, TrancheWord tranche, uint256 amount) private view {
        bytes32 filing = _filingOfKey[tranche.key()];
        FilingWord state = _filings[tranche.key()];
        require(reason != TokenNotApproved.selector, TokenNotApproved(token));
        require(reason != ZeroAmount.selector, ZeroAmount());
        _requireNotFinal(filing, state.status());
        _requireNotSuspended(filing, state.status());
        require(
            reason != FilingNotStarted.selector,
            FilingNotStarted(filing, state.validAfter(), block.timestamp)
        );
        require(reason != FilingExpired.selector, FilingExpired(filing, state.validUntil(), block.timestamp));
        // Cannot underflow: what is issued is at most the cap.
        unchecked {
            revert CapExceeded(token, amount, tranche.cap() - tranche.issued());
        }
    }

    /// @dev Key and state of a filing that was approved before.
    function _requireKnown(bytes32 filing) private view returns (FilingKey key, FilingWord state) {
        bool known;
        (key, known) = _lookUp(filing);
        require(known, UnknownFiling(filing));
        state = _filings[key];
    }

    /// @dev Key of a filing, and whether it was approved before. Reverts if the key is another filing's.
    function _lookUp(bytes32 filing) private view returns (FilingKey key, bool known) {
        key = filingKey(filing);
        bytes32 other = _filingOfKey[key];
        known = other != bytes32(0);
        require(!known || other == filing, FilingKeyTaken(filing, other));
    }

    /// @dev Whether the message with this digest is the one that was applied last.
    function _isRepeat(FilingWord state, uint64 sequence, bytes32 digest) private pure returns (bool) {
        return sequence == state.sequence() && digestTag(digest) == state.tag();
    }

    /// @dev Reverts unless the message is made for the filing's present state.
    function _requireNext(bytes32 filing, FilingWord state, uint64 sequence) private pure {
        _requireSequence(filing, sequence, state.sequence() + 1);
    }

    function _requireSequence(bytes32 filing, uint64 sequence, uint64 expected) private pure {
        require(sequence == expected, WrongSequence(filing, sequence, expected));
    }

    function _requireNotSuspended(bytes32 filing, FilingStatus status) private pure {
        require(status != FilingStatus.Suspended, FilingIsSuspended(filing));
    }

    function _requireNotFinal(bytes32 filing, FilingStatus status) private pure {
        require(
            status != FilingStatus.Revoked && status != FilingStatus.Completed,
            FilingIsFinal(filing, status)
        );
    }
}
