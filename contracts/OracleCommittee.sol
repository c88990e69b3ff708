// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/**
 * @title OracleCommittee
 * @notice Who may sign, how many must, and how the set changes.
 * @dev Base of a contract that acts on what a quorum of operators has signed. Signatures are counted by seat and
 * nothing is keyed on signature bytes, so that the 64-byte and the 65-byte form of a signature are worth the same.
 *
 * An announcement remembers the number of the committee it was made for, an account the number of the committee with
 * which it joined or left last. If the second is greater, the announcement is void: no list of announcements has to be
 * walked, and a removal cannot be undone by what was announced before it.
 *
 * What it does NOT do: it does not know what was signed, nor guard against replay (the digest must carry domain,
 * subject and sequence). It cannot tell that two operators are contract accounts with one key behind them, nor that two
 * addresses belong to one party. The owner cannot sign in an operator's place, but after the delay can seat whom it
 * likes: the delay is what others have to act upon.
 */
abstract contract OracleCommittee is IOracleCommittee, Ownable2Step {
    /**
     * @dev One slot.
     * @param operator Who sits there, zero if nobody does.
     * @param opened Epoch since which somebody does.
     */
    struct Seat {
        address operator;
        uint64 opened;
    }

    /**
     * @dev One slot.
     * @param seat Number of its seat.
     * @param until `CURRENT` for an operator; otherwise the first second in which its signatures no longer count.
     * @param since Epoch with which it joined or left last.
     */
    struct Member {
        uint8 seat;
        uint64 until;
        uint64 since;
    }

    /**
     * @dev One slot.
     * @param epoch Number of the committee for which it was announced.
     * @param readyAt First second in which it can be applied, zero if nothing is announced.
     */
    struct Announcement {
        uint64 epoch;
        uint64 readyAt;
    }

    /// @dev Bounds every loop here; a set of seats fits one word.
    uint256 private constant MAX_OPERATORS = 32;

    uint64 private constant MAX_ROTATION_DELAY = 365 days;

    uint64 private constant MAX_RETENTION = 90 days;

    /// @dev How long a change that is ready may be applied.
    uint64 private constant APPLY_WINDOW = 30 days;

    /// @dev Enough for a Safe of many owners or a passkey; 32 such calls still fit a block.
    uint256 private constant ERC1271_GAS = 300_000;

    uint64 private constant CURRENT = type(uint64).max;

    uint64 private immutable _rotationDelay;
    uint64 private immutable _retention;

    uint8 private _threshold;
    uint8 private _count;
    uint64 private _epoch;
    uint8 private _nextThreshold;
    uint64 private _nextThresholdReadyAt;

    Seat[MAX_OPERATORS] private _seats;
    mapping(address account => Member) private _members;
    mapping(address operator => mapping(address replaced => Announcement)) private _announcements;

    /**
     * @dev Sets the first committee.
     *
     * Requirements:
     *
     * - the owner is not zero;
     * - at most 32 operators, none of them zero, none twice;
     * - the threshold is at least one and at most the number of operators;
     * - `rotationDelay` is at most 365 days, `retention` at most 90 days.
     *
     * Emits a {CommitteeChanged} event with the whole set.
     *
     * @param config Owner, operators, threshold and times.
     */
    constructor(CommitteeConfig memory config) Ownable(config.owner) {
        uint256 count = config.operators.length;
        require(count <= MAX_OPERATORS, TooManyOperators(count, MAX_OPERATORS));
        require(
            config.rotationDelay <= MAX_ROTATION_DELAY,
            DelayTooLong(config.rotationDelay, MAX_ROTATION_DELAY)
        );
        require(config.retention <= MAX_RETENTION, DelayTooLong(config.retention, MAX_RETENTION));
        _rotationDelay = config.rotationDelay;
        _retention = config.retention;
        for (uint256 i = 0; i < count; ++i) {
            _requireNewcomer(config.operators[i]);
            _sit(config.operators[i], i, 1, 1);
        }
        // At most MAX_OPERATORS, checked above.
        _count = uint8(count);
        _setThreshold(config.threshold);
        _changed();
    }

    /// @inheritdoc IOracleCommittee
    function announceOperator(address operator, address replaced) external onlyOwner {
        _requireNewcomer(operator);
        if (replaced != address(0)) {
            _requireCurrent(replaced);
        }
        uint64 readyAt = operatorReadyAt(operator, replaced);
        require(readyAt == 0, AlreadyAnnounced(readyAt));
        readyAt = _after(_rotationDelay);
        uint64 current = _epoch;
        Announcement storage announced = _announcements[operator][replaced];
        announced.epoch = current;
        announced.readyAt = readyAt;
        emit OperatorAnnounced(operator, replaced, current, readyAt);
    }

    /// @inheritdoc IOracleCommittee
    function applyOperator(address operator, address replaced) external onlyOwner {
        _requireReady(operatorReadyAt(operator, replaced));
        delete _announcements[operator][replaced];
        uint64 next = _epoch + 1;
        uint256 seat = 0;
        if (replaced == address(0)) {
            uint256 count = _count;
            require(count < MAX_OPERATORS, TooManyOperators(count + 1, MAX_OPERATORS));
            while (_seats[seat].operator != address(0)) {
                ++seat;
            }
            _count = uint8(count + 1);
            _sit(operator, seat, next, next);
        } else {
            // A current operator: it was one when this was announced, and has not left since.
            Member storage leaving = _members[replaced];
            seat = leaving.seat;
            uint64 until = _after(_retention);
            leaving.until = until;
            leaving.since = next;
            _sit(operator, seat, _seats[seat].opened, next);
            if (_retention != 0) {
                emit OperatorRetained(replaced, operator, until);
            }
        }
        _changed();
    }

    /// @inheritdoc IOracleCommittee
    function cancelOperator(address operator, address replaced) external onlyOwner {
        require(operatorReadyAt(operator, replaced) != 0, NotAnnounced());
        delete _announcements[operator][replaced];
        emit OperatorCancelled(operator, replaced);
    }

    /// @inheritdoc IOracleCommittee
    function removeOperator(address operator) external onlyOwner {
        uint256 seat = _requireCounting(operator);
        if (_seats[seat].operator == operator) {
            delete _seats[seat];
            --_count;
        }
        Member storage member = _members[operator];
        member.until = 0;
        member.since = _epoch + 1;
        emit OperatorRemoved(operator);
        _changed();
    }

    /// @inheritdoc IOracleCommittee
    function raiseThreshold(uint256 newThreshold) external onlyOwner {
        require(newThreshold > _threshold, WrongDirection(newThreshold, _threshold));
        (uint256 announced, ) = announcedThreshold();
        if (announced != 0) {
            emit ThresholdCancelled(announced);
        }
        _nextThresholdReadyAt = 0;
        _setThreshold(newThreshold);
        _changed();
    }

    /// @inheritdoc IOracleCommittee
    function announceThreshold(uint256 newThreshold) external onlyOwner {
        require(newThreshold < _threshold, WrongDirection(newThreshold, _threshold));
        require(newThreshold != 0, InvalidThreshold(0, _count));
        (, uint64 readyAt) = announcedThreshold();
        require(readyAt == 0, AlreadyAnnounced(readyAt));
        readyAt = _after(_rotationDelay);
        // Fits: less than the threshold.
        _nextThreshold = uint8(newThreshold);
        _nextThresholdReadyAt = readyAt;
        emit ThresholdAnnounced(newThreshold, readyAt);
    }

    /// @inheritdoc IOracleCommittee
    function applyThreshold() external onlyOwner {
        (uint256 newThreshold, uint64 readyAt) = announcedThreshold();
        _requireReady(readyAt);
        _nextThresholdReadyAt = 0;
        _setThreshold(newThreshold);
        _changed();
    }

    /// @inheritdoc IOracleCommittee
    function cancelThreshold() external onlyOwner {
        (uint256 newThreshold, ) = announcedThreshold();
        require(newThreshold != 0, NotAnnounced());
        _nextThresholdReadyAt = 0;
        emit ThresholdCancelled(newThreshold);
    }

    /// @inheritdoc IOracleCommittee
    function operators() public view returns (address[] memory) {
        address[] memory found = new address[](_count);
        uint256 seat = 0;
        for (uint256 i = 0; i < found.length; ++seat) {
            address operator = _seats[seat].operator;
            if (operator != address(0)) {
                found[i++] = operator;
            }
        }
        return found;
    }

    /// @inheritdoc IOracleCommittee
    function threshold() external view returns (uint256) {
        return _threshold;
    }

    /// @inheritdoc IOracleCommittee
    function epoch() external view returns (uint64) {
        return _epoch;
    }

    /// @inheritdoc IOracleCommittee
    function isOperator(address account) public view returns (bool) {
        return _members[account].until == CURRENT;
    }

    /// @inheritdoc IOracleCommittee
    function countsUntil(address account) external view returns (uint64) {
        Member storage member = _members[account];
        return _counts(member.seat, member.until, member.since) ? member.until : 0;
    }

    /// @inheritdoc IOracleCommittee
    function rotationDelay() external view returns (uint64) {
        return _rotationDelay;
    }

    /// @inheritdoc IOracleCommittee
    function retention() external view returns (uint64) {
        return _retention;
    }

    /// @inheritdoc IOracleCommittee
    function operatorReadyAt(address operator, address replaced) public view returns (uint64) {
        Announcement storage announced = _announcements[operator][replaced];
        bool stands = announced.epoch >= _members[operator].since && announced.epoch >= _members[replaced].since;
        return stands ? _unlessLapsed(announced.readyAt) : 0;
    }

    /// @inheritdoc IOracleCommittee
    function announcedThreshold() public view returns (uint256 newThreshold, uint64 readyAt) {
        readyAt = _unlessLapsed(_nextThresholdReadyAt);
        return (readyAt == 0 ? 0 : _nextThreshold, readyAt);
    }

    /// @notice Refused: without an owner no operator could be removed any more.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /**
     * @dev Reverts unless a quorum has signed.
     *
     * Requirements:
     *
     * - exactly {threshold} signatures;
     * - their operators strictly ascend, so that none can count twice wherever it stands;
     * - each operator is a current or a retained one and has signed `digest`;
     * - no two of them hold one seat.
     *
     * @param digest What must have been signed.
     * @param signatures The quorum's signatures.
     */
    function _requireQuorum(bytes32 digest, OperatorSignature[] calldata signatures) internal view {
        uint256 required = _threshold;
        require(signatures.length == required, WrongSignatureCount(signatures.length, required));
        address previous = address(0);
        uint256 counted = 0;
        for (uint256 i = 0; i < required; ++i) {
            OperatorSignature calldata entry = signatures[i];
            address operator = entry.operator;
            require(operator > previous, SignaturesNotAscending(i, previous, operator));
            uint256 seat = 1 << _requireOperatorSignature(digest, i, operator, entry.signature);
            require(counted & seat == 0, SeatCountedTwice(i, operator));
            counted |= seat;
            previous = operator;
        }
    }

    /**
     * @dev Reverts unless one operator has signed.
     *
     * Requirements:
     *
     * - the operator is a current or a retained one;
     * - the signature is 64 or 65 bytes long, its s is in the lower half, and it recovers to that very operator; or the
     *   operator is a contract that accepts it by ERC-1271.
     *
     * @param digest What must have been signed.
     * @param index Position of the signature, for the error only.
     * @param operator Who is claimed to have signed.
     * @param signature The signature.
     * @return seat Number of the operator's seat.
     */
    function _requireOperatorSignature(
        bytes32 digest,
        uint256 index,
        address operator,
        bytes calldata signature
    ) internal view returns (uint256 seat) {
        seat = _requireCounting(operator);
        // A length other than 64 or 65 parses to zeros, which recover to nobody. Recovery comes first: asking every
        // operator for its code would cost more than the recovery does.
        (uint8 v, bytes32 r, bytes32 s) = ECDSA.parseCalldata(signature);
        (address recovered, , ) = ECDSA.tryRecover(digest, v, r, s);
        // An operator is never zero, so the zero of a failed recovery cannot pass.
        require(
            recovered == operator || _acceptedByContract(digest, operator, signature),
            InvalidOperatorSignature(index, operator)
        );
    }

    /**
     * @dev Reverts unless `account` is a current operator.
     * @param account Sender or operator named.
     */
    function _requireCurrent(address account) internal view {
        require(isOperator(account), NotAnOperator(account));
    }

    /// @dev Seats an operator who joins with the committee numbered `since`, on a seat that is open since `opened`.
    function _sit(address operator, uint256 seat, uint64 opened, uint64 since) private {
        // Field by field: a whole struct would go through memory.
        Seat storage taken = _seats[seat];
        taken.operator = operator;
        taken.opened = opened;
        Member storage member = _members[operator];
        // A seat's number is less than MAX_OPERATORS.
        member.seat = uint8(seat);
        member.until = CURRENT;
        member.since = since;
    }

    /// @dev Sets a threshold that the operators can reach.
    function _setThreshold(uint256 newThreshold) private {
        require(
            newThreshold != 0 && newThreshold <= _count,
            InvalidThreshold(newThreshold, _count)
        );
        // At most MAX_OPERATORS.
        _threshold = uint8(newThreshold);
    }

    /// @dev Numbers the new committee and tells of it.
    function _changed() private {
        uint64 next = _epoch + 1;
        _epoch = next;
        emit CommitteeChanged(operators(), _threshold, next);
    }

    /**
     * @dev Whether a contract accepts the signature by ERC-1271. It gets no more gas than `ERC1271_GAS`, cannot change
     * state, and of its answer one word is looked at, however long it is.
     */
    function _acceptedByContract(
        bytes32 digest,
        address operator,
        bytes calldata signature
    ) private view returns (bool accepted) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 expected = bytes32(IERC1271.isValidSignature.selector);
        assembly ("memory-safe") {
            mstore(0, 0)
            accepted := staticcall(ERC1271_GAS, operator, add(question, 0x20), mload(question), 0, 0x20)
            // An account without code accepts every call and answers with nothing.
            accepted := and(accepted, and(eq(returndatasize(), 0x20), eq(mload(0), expected)))
        }
    }

    /// @dev The seat of an operator whose signature counts now.
    function _requireCounting(address account) private view returns (uint256) {
        Member storage member = _members[account];
        // Together, so that the slot is read once.
        (uint256 seat, uint64 until, uint64 since) = (member.seat, member.until, member.since);
        require(_counts(seat, until, since), NotAnOperator(account));
        return seat;
    }

    /// @dev Whether signatures count now: of a current operator, or of one retained on a seat that was not closed.
    function _counts(uint256 number, uint64 until, uint64 since) private view returns (bool) {
        if (until == CURRENT) {
            return true;
        }
        if (block.timestamp >= until) {
            return false;
        }
        Seat storage seat = _seats[number];
        return seat.operator != address(0) && seat.opened < since;
    }

    /// @dev Reverts unless `account` can become an operator.
    function _requireNewcomer(address account) private view {
        require(account != address(0), ZeroOperator());
        require(!isOperator(account), DuplicateOperator(account));
    }

    /// @dev Reverts unless something announced can be applied.
    function _requireReady(uint64 readyAt) private view {
        require(readyAt != 0, NotAnnounced());
        require(block.timestamp >= readyAt, NotReady(readyAt, block.timestamp));
    }

    /// @dev Zero if the time to apply is over.
    function _unlessLapsed(uint64 readyAt) private view returns (uint64) {
        // Cannot overflow: 64 bits and a month in 256 bits.
        unchecked {
            return block.timestamp < uint256(readyAt) + APPLY_WINDOW ? readyAt : 0;
        }
    }

    /// @dev The time in so many seconds; 64 bits hold it, as a year is the most.
    function _after(uint64 delay) private view returns (uint64) {
        // Cannot overflow for 500 billion years.
        unchecked {
            return uint64(block.timestamp) + delay;
        }
    }
}
