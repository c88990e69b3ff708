// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/**
 * @title IOracleCommittee
 * @notice A set of oracle operators, of whom a fixed number must sign before anything is believed.
 * @dev Operators sign EIP-712 digests off chain and do not talk to each other; anybody may carry their signatures to
 * the chain.
 *
 * An owner changes the set. What widens trust is announced and waits: adding an operator, replacing one, lowering the
 * threshold. What narrows it is done at once: removing an operator, raising the threshold. An announcement is void as
 * soon as one of its operators joins or leaves the committee in another way, and when nobody applied it in 30 days
 * after it was ready.
 *
 * Each operator holds a seat. Replacing hands the seat on; for the retention time, signatures of the operator replaced
 * count beside its successor's, but a seat counts once. Removing an operator closes its seat, and with it the retention
 * of all who held it before.
 */
interface IOracleCommittee {
    /**
     * @notice One operator's signature over a digest.
     * @param operator Address that the signature is claimed to come from.
     * @param signature ECDSA signature, 65 bytes (r, s, v) or 64 bytes (EIP-2098), s in the lower half of the order,
     * which recovers to `operator`; or whatever `operator` accepts as a contract by ERC-1271.
     */
    struct OperatorSignature {
        address operator;
        bytes signature;
    }

    /**
     * @notice What a committee starts with.
     * @param owner Who changes the committee later; meant to be a Safe or a TimelockController.
     * @param operators The operators, in any order.
     * @param threshold How many of them must sign.
     * @param rotationDelay Seconds that an announced change waits, at most 365 days.
     * @param retention Seconds for which signatures of a replaced operator still count, at most 90 days; zero: none.
     */
    struct CommitteeConfig {
        address owner;
        address[] operators;
        uint256 threshold;
        uint64 rotationDelay;
        uint64 retention;
    }

    /**
     * @notice The committee is now this one.
     * @param operators Every operator of the new set, in the order of their seats.
     * @param threshold How many operators must sign.
     * @param epoch Number of this committee; 1 at deployment, one more at each change.
     */
    event CommitteeChanged(address[] operators, uint256 threshold, uint64 epoch);

    /**
     * @notice An operator will be added, or will replace another one.
     * @param operator Operator who will join.
     * @param replaced Operator whose seat it will take, zero for one more seat.
     * @param epoch Number of the committee for which this was announced.
     * @param readyAt First second in which it can be applied.
     */
    event OperatorAnnounced(
        address indexed operator,
        address indexed replaced,
        uint64 epoch,
        uint64 readyAt
    );

    /**
     * @notice An announced addition or replacement was called off.
     * @param operator Operator who would have joined.
     * @param replaced Operator whose seat it would have taken, zero for one more seat.
     */
    event OperatorCancelled(address indexed operator, address indexed replaced);

    /**
     * @notice An operator was replaced, and its signatures count for some time yet.
     * @dev They end sooner if it is removed, or if its seat is closed by the removal of who holds it then. A replaced
     * operator without this event does not count from the block of the replacement on.
     * @param operator Operator who was replaced.
     * @param successor Operator who has the seat now.
     * @param until First second in which its signatures no longer count.
     */
    event OperatorRetained(address indexed operator, address indexed successor, uint64 until);

    /**
     * @notice An operator was removed, and its signatures count no longer. The {CommitteeChanged} after it has the set.
     * @dev If it was a current one, its seat is closed: no operator retained on it counts any longer.
     * @param operator Operator who was removed.
     */
    event OperatorRemoved(address indexed operator);

    /**
     * @notice The threshold will be lowered.
     * @param threshold Threshold that will hold.
     * @param readyAt First second in which it can be applied.
     */
    event ThresholdAnnounced(uint256 threshold, uint64 readyAt);

    /**
     * @notice The announced lowering of the threshold was called off, by the owner or by raising the threshold.
     * @param threshold Threshold that would have held.
     */
    event ThresholdCancelled(uint256 threshold);

    /**
     * @notice More operators were given than a committee may have.
     * @param given Number of operators given.
     * @param maximum Largest number allowed.
     */
    error TooManyOperators(uint256 given, uint256 maximum);

    /// @notice The zero address cannot be an operator.
    error ZeroOperator();

    /**
     * @notice The account is an operator already.
     * @param operator Address that appears more than once.
     */
    error DuplicateOperator(address operator);

    /**
     * @notice The threshold must be at least one and at most the number of operators.
     * @param threshold Threshold given.
     * @param operators Number of operators it was given for.
     */
    error InvalidThreshold(uint256 threshold, uint256 operators);

    /**
     * @notice A threshold is raised by raising it and lowered by announcing it, and this is not that.
     * @param threshold Threshold given.
     * @param current Threshold that holds.
     */
    error WrongDirection(uint256 threshold, uint256 current);

    /**
     * @notice A time set at deployment is too long.
     * @param given Seconds given.
     * @param limit Largest number allowed.
     */
    error DelayTooLong(uint64 given, uint64 limit);

    /**
     * @notice The very change is announced already.
     * @param readyAt First second in which it can be applied.
     */
    error AlreadyAnnounced(uint64 readyAt);

    /// @notice The change is not announced, or its announcement is void.
    error NotAnnounced();

    /**
     * @notice The announced change has not waited long enough.
     * @param readyAt First second in which it can be applied.
     * @param timestamp Time of the block.
     */
    error NotReady(uint64 readyAt, uint256 timestamp);

    /// @notice The committee is never left without an owner.
    error OwnershipNotRenounceable();

    /**
     * @notice The number of signatures is not the threshold.
     * @param given Number of signatures given.
     * @param required Number that is required: no fewer, no more.
     */
    error WrongSignatureCount(uint256 given, uint256 required);

    /**
     * @notice Signatures must come in strictly ascending order of their operators.
     * @param index Position of the first signature out of order.
     * @param previous Operator of the signature before it, zero for the first one.
     * @param operator Operator of the signature at `index`.
     */
    error SignaturesNotAscending(uint256 index, address previous, address operator);

    /**
     * @notice The account's signature does not count now.
     * @param account Sender, or claimed signer.
     */
    error NotAnOperator(address account);

    /**
     * @notice An operator and one whom it replaced have both signed; they hold one seat, which counts once.
     * @param index Position of the second of them.
     * @param operator Operator of the signature at `index`.
     */
    error SeatCountedTwice(uint256 index, address operator);

    /**
     * @notice The signature is malformed, or was not made by that operator over that digest; or the operator is a
     * contract that refused it, reverted, returned anything but the one right word, or used up the gas it was given.
     * @param index Position of the signature.
     * @param operator Operator it is claimed to come from.
     */
    error InvalidOperatorSignature(uint256 index, address operator);

    /**
     * @notice Announces that an operator will be added, or will replace another one.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - `operator` is neither zero nor a current operator; `replaced` is zero or a current one;
     * - the same is not announced already.
     *
     * Emits an {OperatorAnnounced} event.
     *
     * @param operator Operator who will join.
     * @param replaced Operator whose seat it will take, zero for one more seat.
     */
    function announceOperator(address operator, address replaced) external;

    /**
     * @notice Does what was announced.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - it is announced, the announcement is not void, and {rotationDelay} has passed;
     * - for one more seat: there are fewer than 32 operators.
     *
     * Emits an {OperatorRetained} event if an operator is replaced and {retention} is not zero, and a
     * {CommitteeChanged} event.
     *
     * @param operator Operator who joins.
     * @param replaced Operator whose seat it takes, zero for one more seat.
     */
    function applyOperator(address operator, address replaced) external;

    /**
     * @notice Calls off what was announced.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - it is announced and the announcement is not void.
     *
     * Emits an {OperatorCancelled} event.
     *
     * @param operator Operator who would have joined.
     * @param replaced Operator whose seat it would have taken, zero for one more seat.
     */
    function cancelOperator(address operator, address replaced) external;

    /**
     * @notice Removes an operator at once, or ends the retention of a replaced one.
     * @dev Always possible, even if fewer operators than the threshold are left: then nothing can be approved until an
     * addition lands.
     *
     * Requirements:
     *
     * - the sender is the owner;
     * - signatures of `operator` count now.
     *
     * Emits an {OperatorRemoved} and a {CommitteeChanged} event.
     *
     * @param operator Operator to remove.
     */
    function removeOperator(address operator) external;

    /**
     * @notice Raises the threshold at once and calls off an announced lowering.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - `newThreshold` is more than the threshold and at most the number of operators.
     *
     * Emits a {CommitteeChanged} event, and a {ThresholdCancelled} event if a lowering was announced.
     *
     * @param newThreshold Threshold that holds from now on.
     */
    function raiseThreshold(uint256 newThreshold) external;

    /**
     * @notice Announces that the threshold will be lowered.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - `newThreshold` is at least one and less than the threshold;
     * - no lowering is announced already.
     *
     * Emits a {ThresholdAnnounced} event.
     *
     * @param newThreshold Threshold that will hold.
     */
    function announceThreshold(uint256 newThreshold) external;

    /**
     * @notice Lowers the threshold as announced.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - a lowering is announced, the announcement is not void, and {rotationDelay} has passed;
     * - the threshold announced is at most the number of operators now.
     *
     * Emits a {CommitteeChanged} event.
     */
    function applyThreshold() external;

    /**
     * @notice Calls off the announced lowering of the threshold.
     * @dev Requirements:
     *
     * - the sender is the owner;
     * - a lowering is announced and the announcement is not void.
     *
     * Emits a {ThresholdCancelled} event.
     */
    function cancelThreshold() external;

    /**
     * @notice All current operators.
     * @return Their addresses, in the order of their seats.
     */
    function operators() external view returns (address[] memory);

    /**
     * @notice How many operators must sign.
     * @return Exact number of signatures that a quorum consists of.
     */
    function threshold() external view returns (uint256);

    /**
     * @notice Number of the current committee.
     * @return 1 for the committee set at deployment.
     */
    function epoch() external view returns (uint64);

    /**
     * @notice Whether an account is an operator of the current committee, who may sign and suspend.
     * @param account Account asked about.
     * @return True for a current operator, false for one that is only retained.
     */
    function isOperator(address account) external view returns (bool);

    /**
     * @notice Until when an account's signatures count, as things stand.
     * @param account Account asked about.
     * @return First second in which they no longer count; the largest number for a current operator, zero if they do
     * not count now.
     */
    function countsUntil(address account) external view returns (uint64);

    /**
     * @notice Seconds that an announced change waits.
     * @return Set at deployment.
     */
    function rotationDelay() external view returns (uint64);

    /**
     * @notice Seconds for which signatures of a replaced operator still count.
     * @return Set at deployment.
     */
    function retention() external view returns (uint64);

    /**
     * @notice When an announced addition or replacement can be applied.
     * @param operator Operator who will join.
     * @param replaced Operator whose seat it will take, zero for one more seat.
     * @return First second, zero if it is not announced or the announcement is void.
     */
    function operatorReadyAt(address operator, address replaced) external view returns (uint64);

    /**
     * @notice The announced lowering of the threshold.
     * @return newThreshold Threshold that will hold, zero if none is announced or the announcement is void.
     * @return readyAt First second in which it can be applied, zero if none is.
     */
    function announcedThreshold() external view returns (uint256 newThreshold, uint64 readyAt);
}
