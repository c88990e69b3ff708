// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7943Fungible} from "./IERC7943.sol";

/**
 * @title ITransferControl
 * @notice Who may hold and move the token: an allow-list or none, frozen amounts, a pause, forced transfers.
 */
interface ITransferControl is IERC7943Fungible {
    /**
     * @notice An account was put on the allow-list or taken off it.
     * @param account The account.
     * @param allowed Whether it stands on the list now.
     */
    event AllowedChanged(address indexed account, bool allowed);

    /// @notice The token has no allow-list.
    error NoAllowList();

    /**
     * @notice A list is longer than one call may take.
     * @param given Number of accounts given.
     * @param maximum Largest number allowed.
     */
    error TooManyAccounts(uint256 given, uint256 maximum);

    /**
     * @notice A forced transfer leads back to where it came from, which would change nothing but the frozen amount.
     * @param account The account.
     */
    error ForcedTransferToSelf(address account);

    /**
     * @notice Puts accounts on the allow-list or takes them off it.
     * @dev Requirements:
     *
     * - the sender has the allow-list role;
     * - the token has an allow-list;
     * - at most 256 accounts.
     *
     * Emits an {AllowedChanged} event for each account.
     *
     * @param accounts The accounts.
     * @param allowed Whether they shall stand on the list.
     */
    function setAllowed(address[] calldata accounts, bool allowed) external;

    /**
     * @notice Stops transfers and burns by holders. Minting is stopped by suspending the filing.
     * @dev Requirements:
     *
     * - the sender has the pauser role;
     * - the token is not paused.
     *
     * Emits a {Pausable-Paused} event.
     */
    function pause() external;

    /**
     * @notice Lets transfers and burns go on.
     * @dev Requirements:
     *
     * - the sender has the pauser role;
     * - the token is paused.
     *
     * Emits a {Pausable-Unpaused} event.
     */
    function unpause() external;

    /**
     * @notice Whether only accounts on the allow-list may send and receive.
     * @return True for a permissioned token; chosen at deployment for good.
     */
    function permissioned() external view returns (bool);
}
