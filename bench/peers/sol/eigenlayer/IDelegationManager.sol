// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStrategy} from "./IStrategy.sol";

/// @dev The function that Predicate's manager calls.
interface IDelegationManager {
    function operatorShares(address operator, IStrategy strategy) external view returns (uint256);
}
