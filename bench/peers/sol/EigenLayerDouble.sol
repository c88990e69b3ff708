// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAVSDirectory} from "eigenlayer-contracts/src/contracts/interfaces/IAVSDirectory.sol";
import {IDelegationManager} from "eigenlayer-contracts/src/contracts/interfaces/IDelegationManager.sol";
import {ISignatureUtils} from "eigenlayer-contracts/src/contracts/interfaces/ISignatureUtils.sol";
import {IStrategy} from "eigenlayer-contracts/src/contracts/interfaces/IStrategy.sol";

/// @dev Stands in for EigenLayer's directories, which take part in registering an operator, not in a mint.
contract EigenLayerDouble is IAVSDirectory, IDelegationManager {
    function updateAVSMetadataURI(string calldata) external {}

    function registerOperatorToAVS(address, ISignatureUtils.SignatureWithSaltAndExpiry memory) external {}

    function deregisterOperatorFromAVS(address) external {}

    function operatorShares(address, IStrategy) external pure returns (uint256) {
        return 1;
    }
}
