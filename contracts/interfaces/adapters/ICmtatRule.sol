// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/**
 * @title ICmtatRule
 * @notice What CMTAT's RuleEngine 3 calls on a rule, and CMTAT 3 on its rule engine; names and types are theirs.
 */
interface ICmtatRule is IERC165 {
    /**
     * @notice Tokens move, or are about to.
     * @param spender Who moves them, zero if not known.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount.
     */
    function transferred(address spender, address from, address to, uint256 value) external;

    /**
     * @notice Tokens move, or are about to.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount.
     */
    function transferred(address from, address to, uint256 value) external;

    /**
     * @notice Whether tokens may move.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount.
     * @return True if they may.
     */
    function canTransfer(address from, address to, uint256 value) external view returns (bool);

    /**
     * @notice Whether tokens may be moved by somebody.
     * @param spender Who would move them.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount.
     * @return True if they may.
     */
    function canTransferFrom(
        address spender,
        address from,
        address to,
        uint256 value
    ) external view returns (bool);

    /**
     * @notice Why tokens may not move.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount.
     * @return Zero if they may, otherwise a code.
     */
    function detectTransferRestriction(address from, address to, uint256 value) external view returns (uint8);

    /**
     * @notice Why tokens may not be moved by somebody.
     * @param spender Who would move them.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount.
     * @return Zero if they may, otherwise a code.
     */
    function detectTransferRestrictionFrom(
        address spender,
        address from,
        address to,
        uint256 value
    ) external view returns (uint8);

    /**
     * @notice Whether a code is one of this rule's.
     * @param restrictionCode The code.
     * @return True if it is.
     */
    function canReturnTransferRestrictionCode(uint8 restrictionCode) external view returns (bool);

    /**
     * @notice What a code means.
     * @param restrictionCode The code.
     * @return Text for people.
     */
    function messageForTransferRestriction(uint8 restrictionCode) external view returns (string memory);
}
