// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/**
 * @title IOracleCommittee
 * @notice A set of oracle operators, of whom a fixed number must sign before anything is believed.
 * @dev Operators sign EIP-712 digests off chain and do not talk to each other; anybody may carry their signatures to
 * the chain.
 */
interface IOracleCommittee {
    /**
     * @notice One operator's signature over a digest.
     * @param operator Address that the signature is claimed to come from; it must be the recovered one.
     * @param signature ECDSA signature, 65 bytes (r, s, v) or 64 bytes (EIP-2098), s in the lower half of the order.
     */
    struct OperatorSignature {
        address operator;
        bytes signature;
    }

    /**
     * @notice The committee is now this one.
     * @param operators Every operator of the new set, in its stored order.
     * @param threshold How many operators must sign.
     * @param epoch Number of this committee; 1 at deployment, one more at each change.
     */
    event CommitteeChanged(address[] operators, uint256 threshold, uint64 epoch);

    /**
     * @notice More operators were given than a committee may have.
     * @param given Number of operators given.
     * @param maximum Largest number allowed.
     */
    error TooManyOperators(uint256 given, uint256 maximum);

    /**
     * @notice The zero address cannot be an operator.
     * @param index Position of the zero address in the given list.
     */
    error ZeroOperator(uint256 index);

    /**
     * @notice The same operator was given twice.
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
     * @notice The account is not an operator now.
     * @param account Sender, or claimed signer.
     */
    error NotAnOperator(address account);

    /**
     * @notice The signature is malformed, or was not made by that operator over that digest.
     * @param index Position of the signature.
     * @param operator Operator it is claimed to come from.
     */
    error InvalidOperatorSignature(uint256 index, address operator);

    /**
     * @notice All current operators.
     * @return Their addresses, in the order in which they were set.
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
     * @notice Whether an account may sign and suspend now.
     * @param account Account asked about.
     * @return True for a current operator.
     */
    function isOperator(address account) external view returns (bool);
}
