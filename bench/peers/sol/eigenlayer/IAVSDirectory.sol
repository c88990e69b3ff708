// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISignatureUtils} from "./ISignatureUtils.sol";

/// @dev The functions that Predicate's manager calls.
interface IAVSDirectory {
    function updateAVSMetadataURI(string calldata uri) external;

    function registerOperatorToAVS(
        address operator,
        ISignatureUtils.SignatureWithSaltAndExpiry memory signature
    ) external;

    function deregisterOperatorFromAVS(address operator) external;
}
