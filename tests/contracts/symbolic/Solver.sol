// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev What the checks use of the calls by which a test chain in Solidity steers its world.
interface World {
    /// @dev Goes on only where `condition` holds.
    function assume(bool condition) external pure;

    /// @dev Sends the next call as `sender`.
    function prank(address sender) external;

    /// @dev Sets the time of the block.
    function warp(uint256 timestamp) external;

    /// @dev One word of a contract's storage.
    function load(address target, bytes32 slot) external view returns (bytes32);
}

/// @dev What the checks use of the calls of halmos.
interface Symbols {
    /// @dev Any byte string of `length`.
    function createBytes(uint256 length, string calldata name) external pure returns (bytes memory);

    /// @dev From here on the contract's storage holds anything.
    function enableSymbolicStorage(address target) external;

    /// @dev A digest of a contract's storage as it is now.
    function snapshotStorage(address target) external returns (uint256);
}

/// @dev Base of all checks. A check is a function `check_…`: its arguments are any values, and no `assert` in it may
/// fail on any path.
abstract contract Solver {
    World internal constant WORLD = World(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    Symbols internal constant SYMBOLS = Symbols(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
}
