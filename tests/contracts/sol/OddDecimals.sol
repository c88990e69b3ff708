// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev Answers every call with the bytes given at deployment, or reverts if it was told to.
contract OddDecimals {
    bytes private _answer;
    bool private _fails;

    constructor(bytes memory answer_, bool fails_) {
        _answer = answer_;
        _fails = fails_;
    }

    fallback() external {
        bytes memory answer = _answer;
        bool fails = _fails;
        assembly ("memory-safe") {
            if fails {
                revert(add(answer, 0x20), mload(answer))
            }
            return(add(answer, 0x20), mload(answer))
        }
    }
}
