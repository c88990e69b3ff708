// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IFilingRegistry} from "./IFilingRegistry.sol";

/**
 * @title IFilingGated
 * @notice A token that can be minted only inside its filing.
 */
interface IFilingGated {
    /**
     * @notice The address is not a filing registry.
     * @param account Address given at deployment.
     */
    error NotAFilingRegistry(address account);

    /**
     * @notice A batch has not as many amounts as holders.
     * @param holders Number of holders.
     * @param amounts Number of amounts.
     */
    error BatchLengthMismatch(uint256 holders, uint256 amounts);

    /**
     * @notice A batch has more holders than one call may have.
     * @param holders Number of holders.
     * @param maximum Largest number allowed.
     */
    error BatchTooLong(uint256 holders, uint256 maximum);

    /**
     * @notice The registry that decides whether the token may be minted.
     * @return Address of the registry; it never changes.
     */
    function registry() external view returns (IFilingRegistry);

    /**
     * @notice The filing that the token belongs to.
     * @return Hash of the filing number, zero before the first approval that names the token.
     */
    function filing() external view returns (bytes32);
}
