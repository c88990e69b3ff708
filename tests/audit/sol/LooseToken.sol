// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev Has decimals, and no gate: a committee that does not look at the code approves it.
contract LooseToken {
    uint8 public constant decimals = 6;

    /// @dev The same signature as ERC-20's event, with the amount indexed as ERC-721 has it.
    event Transfer(address indexed from, address indexed to, uint256 indexed value);

    function emitOdd(address to, uint256 value) external {
        emit Transfer(address(0), to, value);
    }
}
