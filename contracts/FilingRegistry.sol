// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {OracleCommittee} from "./OracleCommittee.sol";
import {IFilingRegistry} from "./interfaces/IFilingRegistry.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/// @dev First eight bytes of a filing's hash, by which storage knows it; made by `FilingRegistry` only.
type FilingKey is uint64;

/**
 * @title FilingRegistry
 * @notice Lets a token be minted only under a filing that a quorum of oracle operators has approved, up to a cumulative
 * cap, inside a window that always ends, and not while any one operator has it suspended.
 * @dev The rule is that silence stops minting: no value stands for "for ever", and an approval that nobody renews
 * expires. A mint is decided by one slot for its token and one for its filing, and writes the first; the filing's full
 * hash is read for the event. Other hashes live in events only, from which all state can be rebuilt.
 *
 * What it does NOT do: it has no owner, no proxy, and no way to mint, move or freeze tokens. It does not know whether
 * the operators told the truth about the filing. It does not stop transfers or burns, and it holds no token to its word
 * that it mints what it consumed (that is `FilingGated`'s part).
 */
contract FilingRegistry is IFilingRegistry, OracleCommittee, EIP712, ERC165 {
    /// @dev One slot. Bound to a filing if `cap` is not zero.
    struct TrancheSlot {
        uint96 cap;
        uint96 issued;
        FilingKey key;
    }

    /// @dev One slot. `tag` is the end of the digest applied last, so that a repeat is known; zero after a suspension.
    struct FilingSlot {
        FilingStatus status;
        uint48 validAfter;
        uint48 validUntil;
        uint64 sequence;
        uint88 tag;
    }

    /// @dev Bounds the loops over tranches.
    uint256 private constant MAX_TRANCHES = 32;

    /// @dev Largest value of `maxValidity`; far below what 48 bits of time hold.
    uint64 private constant MAX_VALIDITY_LIMIT = 3650 days;

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

    mapping(address token => TrancheSlot) private _tranches;
    mapping(FilingKey key => FilingSlot) private _filings;
    mapping(FilingKey key => bytes32 filing) private _filingOfKey;

    /**
     * @dev Requirements:
     *
     * - `operators_` and `threshold_` make a committee;
     * - `maxValidity_` is more than zero and at most 3650 days.
     *
     * @param operators_ The oracle operators.
     * @param threshold_ How many of them must sign.
     * @param maxValidity_ Longest time from now, in seconds, that a window may end.
     */
    constructor(
        address[] memory operators_,
        uint256 threshold_,
        uint64 maxValidity_
    ) OracleCommittee(operators_, threshold_) EIP712("FilingRegistry", "1") {
        require(
            maxValidity_ != 0 && maxValidity_ <= MAX_VALIDITY_LIMIT,
            InvalidMaxValidity(maxValidity_, MAX_VALIDITY_LIMIT)
        );
        _maxValidity = maxValidity_;
    }

    /// @inheritdoc IFilingRegistry
    function approve(FilingApproval calldata approval, OperatorSignature[] calldata signatures) external {
        require(approval.filing != bytes32(0), ZeroFiling());
        uint256 count = approval.tranches.length;
        require(count != 0 && count <= MAX_TRANCHES, InvalidTrancheCount(count, MAX_TRANCHES));
        (FilingKey key, bool known) = _lookUp(approval.filing);
        bytes32 digest = approvalDigest(approval);
        FilingSlot memory slot = _read(key);
        if (_isRepeat(slot, approval.sequence, digest)) {
            return;
        }
        _requireNext(approval.filing, slot, approval.sequence);
        _requireNotFinal(approval.filing, slot.status);
        require(slot.status != FilingStatus.Suspended, FilingIsSuspended(approval.filing));
        _requireWindow(approval.validAfter, approval.validUntil);
        _requireTranches(key, approval.tranches);
        _requireQuorum(digest, signatures);

        if (!known) {
            _filingOfKey[key] = approval.filing;
        }
        slot.status = FilingStatus.Approved;
        // The times fit: neither is beyond the end of the window, which was checked.
        slot.validAfter = uint48(approval.validAfter);
        slot.validUntil = uint48(approval.validUntil);
        slot.sequence = approval.sequence;
        slot.tag = _tag(digest);
        _write(key, slot);
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

    /// @inheritdoc IFilingRegistry
    function update(FilingUpdate calldata change, OperatorSignature[] calldata signatures) external {
        bytes32 filing = change.filing;
        (FilingKey key, FilingSlot memory slot) = _requireKnown(filing);
        bytes32 digest = updateDigest(change);
        if (_isRepeat(slot, change.sequence, digest)) {
            return;
        }
        _requireNext(filing, slot, change.sequence);
        _requireNotFinal(filing, slot.status);
        require(
            change.status != FilingStatus.None &&
                (change.status != FilingStatus.Suspended || slot.status == FilingStatus.Approved),
            InvalidTransition(filing, slot.status, change.status)
        );
        if (change.status == FilingStatus.Approved) {
            _requireWindow(slot.validAfter, change.validUntil);
            // Fits: checked with the window.
            slot.validUntil = uint48(change.validUntil);
        } else {
            require(change.validUntil == 0, UnexpectedValidUntil(filing, change.validUntil));
        }
        _requireQuorum(digest, signatures);

        slot.status = change.status;
        slot.sequence = change.sequence;
        slot.tag = _tag(digest);
        _write(key, slot);
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
        _requireOperator(msg.sender);
        (FilingKey key, FilingSlot memory slot) = _requireKnown(filing);
        if (slot.status != FilingStatus.Suspended) {
            _suspend(filing, key, slot, msg.sender, reason);
        }
    }

    /// @inheritdoc IFilingRegistry
    function suspendBySig(Suspension calldata s, OperatorSignature calldata signature) external {
        _requireOperatorSignature(suspensionDigest(s), 0, signature.operator, signature.signature);
        (FilingKey key, FilingSlot memory slot) = _requireKnown(s.filing);
        if (slot.status != FilingStatus.Suspended) {
            require(s.sequence == slot.sequence, WrongSequence(s.filing, s.sequence, slot.sequence));
            _suspend(s.filing, key, slot, signature.operator, s.reason);
        }
    }

    /// @inheritdoc IFilingRegistry
    function consume(uint256 amount) external {
        TrancheSlot storage stored = _tranches[msg.sender];
        TrancheSlot memory tranche = stored;
        bytes memory refusal = _refusal(msg.sender, tranche, amount);
        if (refusal.length != 0) {
            assembly ("memory-safe") {
                revert(add(refusal, 0x20), mload(refusal))
            }
        }
        uint256 issued;
        // Cannot overflow: the sum is at most the cap.
        unchecked {
            issued = tranche.issued + amount;
        }
        stored.issued = uint96(issued);
        emit Issued(msg.sender, _filingOfKey[tranche.key], amount, issued);
    }

    /// @inheritdoc IFilingRegistry
    function canIssue(address token, uint256 amount) external view returns (bool allowed, bytes4 reason) {
        bytes memory refusal = _refusal(token, _tranches[token], amount);
        return (refusal.length == 0, bytes4(refusal));
    }

    /// @inheritdoc IFilingRegistry
    function filingOf(address token) public view returns (bytes32 filing) {
        TrancheSlot memory tranche = _tranches[token];
        return tranche.cap == 0 ? bytes32(0) : _filingOfKey[tranche.key];
    }

    /// @inheritdoc IFilingRegistry
    function filingState(
        bytes32 filing
    ) external view returns (FilingStatus status, uint64 validAfter, uint64 validUntil, uint64 sequence) {
        FilingKey key = _key(filing);
        if (_filingOfKey[key] == filing) {
            FilingSlot memory slot = _read(key);
            return (slot.status, slot.validAfter, slot.validUntil, slot.sequence);
        }
    }

    /// @inheritdoc IFilingRegistry
    function trancheState(address token) external view returns (bytes32 filing, uint256 cap, uint256 issued) {
        TrancheSlot memory tranche = _tranches[token];
        return (filingOf(token), tranche.cap, tranche.issued);
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
            _hashTypedDataV4(
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
            _hashTypedDataV4(
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
        return _hashTypedDataV4(keccak256(abi.encode(SUSPENSION_TYPEHASH, s.filing, s.sequence, s.reason)));
    }

    /// @inheritdoc ERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return
            interfaceId == type(IFilingRegistry).interfaceId ||
            interfaceId == type(IOracleCommittee).interfaceId ||
            interfaceId == type(IERC5267).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    /**
     * @dev Writes the suspension of a filing that is not suspended. Sequence and tag change with the status: what was
     * signed before no longer fits, and what was applied last is no repeat any more.
     */
    function _suspend(
        bytes32 filing,
        FilingKey key,
        FilingSlot memory slot,
        address operator,
        bytes32 reason
    ) private {
        _requireNotFinal(filing, slot.status);
        slot.status = FilingStatus.Suspended;
        slot.sequence += 1;
        slot.tag = 0;
        _write(key, slot);
        emit FilingSuspended(filing, slot.sequence, operator, reason);
    }

    /// @dev Binds the tokens to the filing of `key` and sets their caps; what was issued stays.
    function _writeTranches(FilingKey key, Tranche[] calldata tranches) private {
        for (uint256 i = 0; i < tranches.length; ++i) {
            Tranche calldata tranche = tranches[i];
            TrancheSlot storage stored = _tranches[tranche.token];
            // Fits: checked with the tranches.
            stored.cap = uint96(tranche.cap);
            stored.key = key;
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
            TrancheSlot memory stored = _tranches[token];
            // Not `require`, which would read the other filing even when there is none.
            if (stored.cap != 0 && FilingKey.unwrap(stored.key) != FilingKey.unwrap(key)) {
                revert TokenBoundToAnotherFiling(token, _filingOfKey[stored.key]);
            }
            require(cap >= stored.issued, CapBelowIssued(token, cap, stored.issued));
            uint8 actual = _decimalsOf(token);
            require(tranche.decimals == actual, DecimalsMismatch(token, tranche.decimals, actual));
        }
    }

    /// @dev The token's decimals; anything else than one number from 0 to 255 is refused.
    function _decimalsOf(address token) private view returns (uint8) {
        (bool success, bytes memory result) = token.staticcall(abi.encodeCall(IERC20Metadata.decimals, ()));
        // An address without code answers with nothing.
        require(success && result.length == 32, DecimalsUnreadable(token));
        uint256 value = abi.decode(result, (uint256));
        require(value <= type(uint8).max, DecimalsUnreadable(token));
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
     * @return The error as revert data, empty if issuing is allowed.
     */
    function _refusal(address token, TrancheSlot memory tranche, uint256 amount) private view returns (bytes memory) {
        if (tranche.cap == 0) {
            return abi.encodeWithSelector(TokenNotApproved.selector, token);
        }
        if (amount == 0) {
            return abi.encodeWithSelector(ZeroAmount.selector);
        }
        FilingSlot memory slot = _filings[tranche.key];
        if (slot.status == FilingStatus.Suspended) {
            return abi.encodeWithSelector(FilingIsSuspended.selector, _filingOfKey[tranche.key]);
        }
        if (slot.status != FilingStatus.Approved) {
            return abi.encodeWithSelector(FilingIsFinal.selector, _filingOfKey[tranche.key], slot.status);
        }
        if (block.timestamp < slot.validAfter) {
            return
                abi.encodeWithSelector(
                    FilingNotStarted.selector,
                    _filingOfKey[tranche.key],
                    slot.validAfter,
                    block.timestamp
                );
        }
        if (block.timestamp >= slot.validUntil) {
            return
                abi.encodeWithSelector(
                    FilingExpired.selector,
                    _filingOfKey[tranche.key],
                    slot.validUntil,
                    block.timestamp
                );
        }
        // Cannot underflow: what is issued is at most the cap.
        unchecked {
            uint256 remaining = tranche.cap - tranche.issued;
            if (amount > remaining) {
                return abi.encodeWithSelector(CapExceeded.selector, token, amount, remaining);
            }
        }
        return "";
    }

    /// @dev Key and state of a filing that was approved before.
    function _requireKnown(bytes32 filing) private view returns (FilingKey key, FilingSlot memory slot) {
        bool known;
        (key, known) = _lookUp(filing);
        require(known, UnknownFiling(filing));
        slot = _read(key);
    }

    /// @dev Key of a filing, and whether it was approved before. Reverts if the key is another filing's.
    function _lookUp(bytes32 filing) private view returns (FilingKey key, bool known) {
        key = _key(filing);
        bytes32 other = _filingOfKey[key];
        known = other != bytes32(0);
        require(!known || other == filing, FilingKeyTaken(filing, other));
    }

    /// @dev The one slot of a filing, read at once.
    function _read(FilingKey key) private view returns (FilingSlot memory) {
        return _filings[key];
    }

    /// @dev The one slot of a filing, written at once.
    function _write(FilingKey key, FilingSlot memory slot) private {
        _filings[key] = slot;
    }

    /// @dev Whether the message with this digest is the one that was applied last.
    function _isRepeat(FilingSlot memory slot, uint64 sequence, bytes32 digest) private pure returns (bool) {
        return sequence == slot.sequence && _tag(digest) == slot.tag;
    }

    /// @dev Reverts unless the message is made for the filing's present state.
    function _requireNext(bytes32 filing, FilingSlot memory slot, uint64 sequence) private pure {
        uint64 expected = slot.sequence + 1;
        require(sequence == expected, WrongSequence(filing, sequence, expected));
    }

    function _requireNotFinal(bytes32 filing, FilingStatus status) private pure {
        require(
            status != FilingStatus.Revoked && status != FilingStatus.Completed,
            FilingIsFinal(filing, status)
        );
    }

    function _key(bytes32 filing) private pure returns (FilingKey) {
        return FilingKey.wrap(uint64(bytes8(filing)));
    }

    function _tag(bytes32 digest) private pure returns (uint88) {
        return uint88(uint256(digest));
    }
}
