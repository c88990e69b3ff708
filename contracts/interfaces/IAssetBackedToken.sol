// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IFilingRegistry} from "./IFilingRegistry.sol";

/**
 * @title IAssetBackedToken
 * @notice Issues one tranche of asset-backed tokens.
 */
interface IAssetBackedToken {
    /**
     * @notice What a token is made of; all of it decides about the address that a factory gives it.
     * @param name Name of the token.
     * @param symbol Symbol of the token.
     * @param decimals Decimals of the token; approvals must state the same.
     * @param trancheId Which tranche of the issuance it is: keccak256 of the tranche's id in the dossier, in UTF-8.
     * @param registry Registry that decides whether the token may be minted.
     * @param admin Account that grants and revokes roles.
     * @param issuer Account that may mint.
     * @param permissioned True: only accounts on an allow-list may hold the token. False: all may.
     */
    struct TokenConfig {
        string name;
        string symbol;
        uint8 decimals;
        bytes32 trancheId;
        IFilingRegistry registry;
        address admin;
        address issuer;
        bool permissioned;
    }

    /**
     * @notice A holder gave tokens back for what they stand for.
     * @param holder Holder whose tokens were destroyed.
     * @param amount Amount in base units.
     * @param ref What the redemption is known by off chain.
     */
    event Redeemed(address indexed holder, uint256 amount, bytes32 indexed ref);

    /**
     * @notice A role cannot be given to the zero address.
     * @param role The role.
     */
    error ZeroRoleHolder(bytes32 role);

    /**
     * @notice Issues tokens to one holder.
     * @dev Requirements:
     *
     * - the sender has the issuer role;
     * - `to` may receive;
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
     * - as many amounts as holders, at least one and at most 256, each amount more than zero;
     * - each holder may receive;
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
     * @dev Requirements:
     *
     * - the token is not paused, the sender may send, and holds `amount` unfrozen.
     *
     * Emits a {IERC20-Transfer} event to the zero address.
     *
     * @param amount Amount in base units.
     */
    function burn(uint256 amount) external;

    /**
     * @notice Destroys tokens of the sender, who is paid for them off chain. It gives back nothing of the cap.
     * @dev Requirements:
     *
     * - as for {burn}.
     *
     * Emits a {IERC20-Transfer} event to the zero address and a {Redeemed} event.
     *
     * @param amount Amount in base units.
     * @param ref What the redemption is known by off chain; kept in the event only.
     */
    function redeem(uint256 amount, bytes32 ref) external;

    /**
     * @notice Which tranche of its issuance the token is.
     * @return keccak256 of the tranche's id in the dossier, in UTF-8.
     */
    function trancheId() external view returns (bytes32);
}
