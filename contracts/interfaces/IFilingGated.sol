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
     * @notice A batch mints more than it drew from the registry.
     * @param amount Amount of the mint that goes too far.
     * @param remaining Amount left of what the batch drew.
     */
    error MintExceedsBatch(uint256 amount, uint256 remaining);

    /**
     * @notice A batch ended with less minted than it drew from the registry.
     * @param remaining Amount drawn and not minted.
     */
    error BatchNotMinted(uint256 remaining);

    /// @notice A batch was begun inside another one.
    error BatchInProgress();

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
