// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IFilingAdapter} from "./IFilingAdapter.sol";

/**
 * @title IGatedMinter
 * @notice Holds the minter role of an ERC-20 that exists already, and mints only what the registry lets it.
 * @dev WARNING: any other account that can mint the token goes past this gate. {minterRole} helps to find out; the
 * token's own code is what decides.
 */
interface IGatedMinter is IFilingAdapter {
    /**
     * @notice A role was to be given to nobody.
     * @param role The role.
     */
    error ZeroRoleHolder(bytes32 role);

    /**
     * @notice A batch needs as many amounts as receivers.
     * @param receivers Number of receivers given.
     * @param amounts Number of amounts given.
     */
    error BatchLengthMismatch(uint256 receivers, uint256 amounts);

    /**
     * @notice A batch has more receivers than one call serves.
     * @param receivers Number of receivers given.
     * @param maximum Largest number allowed.
     */
    error BatchTooLong(uint256 receivers, uint256 maximum);

    /**
     * @notice After the mint the receiver does not have exactly the amount more: the token takes a fee, gives more, did
     * nothing, or the receiver passed tokens on while they were minted.
     * @param account The receiver.
     * @param expected Balance that it should have.
     * @param actual Balance that the token reports.
     */
    error UnexpectedBalance(address account, uint256 expected, uint256 actual);

    /**
     * @notice After the mint the token's supply is not exactly the amount more.
     * @param expected Supply that it should have.
     * @param actual Supply that the token reports.
     */
    error UnexpectedSupply(uint256 expected, uint256 actual);

    /**
     * @notice Mints tokens to a receiver, if the registry lets the amount be issued.
     * @dev Requirements:
     *
     * - the caller has the issuer role;
     * - the registry lets this adapter issue `amount`;
     * - balance and supply grow by exactly `amount`;
     * - not called from inside a mint of this adapter.
     *
     * @param to The receiver.
     * @param amount Amount in base units of the token.
     */
    function mint(address to, uint256 amount) external;

    /**
     * @notice Mints to several receivers and draws on the registry once, for the sum.
     * @dev Requirements as for {mint}; besides, as many amounts as receivers, at most 256, and no amount is
     * zero.
     * @param to The receivers; the same one may stand there twice.
     * @param amounts Amounts in base units of the token.
     */
    function mintBatch(address[] calldata to, uint256[] calldata amounts) external;

    /**
     * @notice Who holds the token's minter role, for tokens that use OpenZeppelin's AccessControl.
     * @dev Fails if the token has no `hasRole`. Only a token with AccessControlEnumerable can count; for others read
     * its `RoleGranted` and `RoleRevoked` events. The gate is complete only while this adapter is the one member, and
     * stays so only if nobody can grant the role. Says nothing of minting by other means than the role.
     * @param role The token's minter role.
     * @return held Whether this adapter has the role.
     * @return enumerable Whether the token can count; if not, the two numbers are zero and mean nothing.
     * @return members Number of accounts that have the role.
     * @return admins Number of accounts that can grant it.
     */
    function minterRole(
        bytes32 role
    ) external view returns (bool held, bool enumerable, uint256 members, uint256 admins);
}
