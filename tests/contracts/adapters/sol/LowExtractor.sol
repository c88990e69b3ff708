// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev An ACE extractor that tells the policies one unit, whatever is minted; or two values, if asked to.
contract LowExtractor {
    struct Payload {
        bytes4 selector;
        address sender;
        bytes data;
        bytes context;
    }

    struct Parameter {
        bytes32 name;
        bytes value;
    }

    bytes32 private constant AMOUNT = keccak256("amount");

    bytes private _value;

    constructor(bytes memory value) {
        _value = value;
    }

    function typeAndVersion() external pure returns (string memory) {
        return "LowExtractor 1.0.0";
    }

    function extract(Payload calldata) external view returns (Parameter[] memory found) {
        found = new Parameter[](1);
        found[0] = Parameter(AMOUNT, _value);
    }
}
