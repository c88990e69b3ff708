// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/**
 * @title IAssetBackedToken
 * @notice Issues one tranche of asset-backed tokens.
 */
interface IAssetBackedToken {
    /**
     * @notice A role cannot be given to the zero address.
     * @param role The role.
     */
    error ZeroRoleHolder(bytes32 role);

    /**
     * @notice A batch has not as many amounts as holders.
     * @param holders Number of holders.
     * @param amounts Number of amounts.
     */
    error BatchLengthMismatch(uint256 holders, uint256 amounts);

    /**
     * @notice Issues tokens to one holder.
     * @dev Requirements:
     *
     * - the sender has the issuer role;
     * - the registry lets the token issue `amount`.
     *
     * Emits a {IERC20-Transfer} event from the zero address.
     *
     * @param to Holder.
     * @param amount Amount in base units, more than zero.
     */
    function mint(address to, uint256 amount) external;

    /**
     * @notice Issues tokens to several holders, drawing their sum from the registry once.
     * @dev Requirements:
     *
     * - the sender has the issuer role;
     * - as many amounts as holders, at least one, each amount more than zero;
     * - the registry lets the token issue the sum.
     *
     * Emits a {IERC20-Transfer} event from the zero address for each holder.
     *
     * @param to Holders; one may appear more than once.
     * @param amounts Amounts in base units, in the order of `to`.
     */
    function mintBatch(address[] calldata to, uint256[] calldata amounts) external;

    /**
     * @notice Destroys tokens of the sender. It gives back nothing of the cap.
     * @dev Emits a {IERC20-Transfer} event to the zero address.
     * @param amount Amount in base units.
     */
    function burn(uint256 amount) external;
}
