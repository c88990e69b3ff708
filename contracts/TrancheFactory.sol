// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {AssetBackedToken} from "./AssetBackedToken.sol";
import {IAssetBackedToken} from "./interfaces/IAssetBackedToken.sol";
import {ITrancheFactory} from "./interfaces/ITrancheFactory.sol";

/**
 * @title TrancheFactory
 * @notice Deploys the tokens of an issuance at addresses that are known before the filing that names them.
 * @dev All that a token is made of stands in its creation code, and by CREATE2 its address is a hash of that: at the
 * address predicted for some values nothing else can ever be deployed, whoever deploys it.
 *
 * What it does NOT do: it has no owner and no rights in the tokens; it does not approve them, nor check that they
 * belong to one issuance.
 */
contract TrancheFactory is ITrancheFactory {
    /// @dev Bounds the loop over tranches.
    uint256 private constant MAX_TRANCHES = 32;

    /// @inheritdoc ITrancheFactory
    function deployAll(
        IAssetBackedToken.TokenConfig[] calldata configs,
        bytes32 salt
    ) external returns (address[] memory tokens) {
        uint256 count = configs.length;
        require(count != 0 && count <= MAX_TRANCHES, InvalidTrancheCount(count, MAX_TRANCHES));
        tokens = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            tokens[i] = _deploy(configs[i], salt);
        }
    }

    /// @inheritdoc ITrancheFactory
    function predict(IAssetBackedToken.TokenConfig calldata config, bytes32 salt) external view returns (address) {
        return Create2.computeAddress(salt, keccak256(_creationCode(config)));
    }

    /// @dev Deploys one token unless it is there.
    function _deploy(IAssetBackedToken.TokenConfig calldata config, bytes32 salt) private returns (address token) {
        bytes memory code = _creationCode(config);
        token = Create2.computeAddress(salt, keccak256(code));
        if (token.code.length == 0) {
            Create2.deploy(0, salt, code);
            emit TrancheDeployed(token, config.trancheId, address(config.registry), salt);
        }
    }

    function _creationCode(IAssetBackedToken.TokenConfig calldata config) private pure returns (bytes memory) {
        return abi.encodePacked(type(AssetBackedToken).creationCode, abi.encode(config));
    }
}
