// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev The one struct that Predicate's manager passes on.
interface ISignatureUtils {
    struct SignatureWithSaltAndExpiry {
        bytes signature;
        bytes32 salt;
        uint256 expiry;
    }
}
