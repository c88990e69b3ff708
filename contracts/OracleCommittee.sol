// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/**
 * @title OracleCommittee
 * @notice Who may sign, and how many must.
 * @dev Base of a contract that acts on what a quorum of operators has signed. Signatures are counted by signer and
 * nothing is keyed on signature bytes, so that the 64-byte and the 65-byte form of a signature are worth the same.
 *
 * What it does NOT do: it has no owner; it does not change the set or the threshold after deployment; it does not
 * know what was signed, nor guard against replay (the digest must carry domain, subject and sequence); it does not
 * accept signatures of contract accounts.
 */
abstract contract OracleCommittee is IOracleCommittee {
    /// @dev Bounds the one loop over signatures.
    uint256 private constant MAX_OPERATORS = 32;

    address[] private _operators;
    mapping(address account => bool) private _isOperator;
    uint8 private _threshold;
    uint64 private _epoch;

    /**
     * @dev Sets the committee for good.
     *
     * Requirements:
     *
     * - at most 32 operators, none of them zero, none twice;
     * - `threshold_` is at least one and at most the number of operators.
     *
     * Emits a {CommitteeChanged} event with the whole set.
     *
     * @param operators_ The operators, in any order.
     * @param threshold_ How many of them must sign.
     */
    constructor(address[] memory operators_, uint256 threshold_) {
        require(operators_.length <= MAX_OPERATORS, TooManyOperators(operators_.length, MAX_OPERATORS));
        require(
            threshold_ != 0 && threshold_ <= operators_.length,
            InvalidThreshold(threshold_, operators_.length)
        );
        for (uint256 i = 0; i < operators_.length; ++i) {
            address operator = operators_[i];
            require(operator != address(0), ZeroOperator(i));
            require(!_isOperator[operator], DuplicateOperator(operator));
            _isOperator[operator] = true;
        }
        _operators = operators_;
        // At most MAX_OPERATORS, checked above.
        _threshold = uint8(threshold_);
        _epoch = 1;
        emit CommitteeChanged(operators_, threshold_, 1);
    }

    /// @inheritdoc IOracleCommittee
    function operators() public view returns (address[] memory) {
        return _operators;
    }

    /// @inheritdoc IOracleCommittee
    function threshold() public view returns (uint256) {
        return _threshold;
    }

    /// @inheritdoc IOracleCommittee
    function epoch() public view returns (uint64) {
        return _epoch;
    }

    /// @inheritdoc IOracleCommittee
    function isOperator(address account) public view returns (bool) {
        return _isOperator[account];
    }

    /**
     * @dev Reverts unless a quorum has signed.
     *
     * Requirements:
     *
     * - exactly {threshold} signatures;
     * - their operators strictly ascend, so that none can count twice wherever it stands;
     * - each operator is a current one and has signed `digest`.
     *
     * @param digest What must have been signed.
     * @param signatures The quorum's signatures.
     */
    function _requireQuorum(bytes32 digest, OperatorSignature[] calldata signatures) internal view {
        uint256 required = _threshold;
        require(signatures.length == required, WrongSignatureCount(signatures.length, required));
        address previous = address(0);
        for (uint256 i = 0; i < required; ++i) {
            OperatorSignature calldata entry = signatures[i];
            address operator = entry.operator;
            require(operator > previous, SignaturesNotAscending(i, previous, operator));
            _requireOperatorSignature(digest, i, operator, entry.signature);
            previous = operator;
        }
    }

    /**
     * @dev Reverts unless one operator has signed.
     *
     * Requirements:
     *
     * - the operator is a current one;
     * - the signature is 64 or 65 bytes long, its s is in the lower half, and it recovers to that very operator.
     *
     * @param digest What must have been signed.
     * @param index Position of the signature, for the error only.
     * @param operator Who is claimed to have signed.
     * @param signature The signature.
     */
    function _requireOperatorSignature(
        bytes32 digest,
        uint256 index,
        address operator,
        bytes calldata signature
    ) internal view {
        _requireOperator(operator);
        // A length other than 64 or 65 parses to zeros, which recover to nobody.
        (uint8 v, bytes32 r, bytes32 s) = ECDSA.parseCalldata(signature);
        (address recovered, , ) = ECDSA.tryRecover(digest, v, r, s);
        // An operator is never zero, so the zero of a failed recovery cannot pass.
        require(recovered == operator, InvalidOperatorSignature(index, operator));
    }

    /**
     * @dev Reverts unless `account` is a current operator.
     * @param account Sender or claimed signer.
     */
    function _requireOperator(address account) internal view {
        require(_isOperator[account], NotAnOperator(account));
    }
}
