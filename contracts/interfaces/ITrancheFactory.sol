// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAssetBackedToken} from "./IAssetBackedToken.sol";

/**
 * @title ITrancheFactory
 * @notice Deploys the tokens of an issuance at addresses that are known before the filing that names them.
 */
interface ITrancheFactory {
    /**
     * @notice A token was deployed.
     * @param token Address of the token.
     * @param trancheId Which tranche of its issuance it is.
     * @param registry Registry that decides whether it may be minted.
     * @param salt Salt that its address was made with.
     */
    event TrancheDeployed(
        address indexed token,
        bytes32 indexed trancheId,
        address indexed registry,
        bytes32 salt
    );

    /**
     * @notice An issuance has at least one tranche and no more than the maximum.
     * @param given Number of tranches given.
     * @param maximum Largest number allowed.
     */
    error InvalidTrancheCount(uint256 given, uint256 maximum);

    /**
     * @notice Deploys all tokens of an issuance. Anybody may.
     * @dev A token that is there already is passed over: its address says that it was made of the very same values, so
     * that being overtaken by another deployer harms nobody.
     *
     * Requirements:
     *
     * - 1 to 32 tokens;
     * - each can be deployed: see {AssetBackedToken}.
     *
     * Emits a {TrancheDeployed} event for each token deployed.
     *
     * @param configs What the tokens are made of.
     * @param salt Any value, such as the hash of the dossier.
     * @return tokens Addresses of the tokens, in the order of `configs`.
     */
    function deployAll(
        IAssetBackedToken.TokenConfig[] calldata configs,
        bytes32 salt
    ) external returns (address[] memory tokens);

    /**
     * @notice The address that {deployAll} gives a token on this chain.
     * @dev It depends on this factory, the salt, every value in `config`, and the token's code.
     * @param config What the token is made of.
     * @param salt The salt.
     * @return Address of the token, deployed or not.
     */
    function predict(IAssetBackedToken.TokenConfig calldata config, bytes32 salt) external view returns (address);
}
