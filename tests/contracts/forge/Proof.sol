// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev The cheatcodes of forge 1.7.1 that are used here, and no more.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function clearMockedCalls() external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function expectCall(address callee, bytes calldata data, uint64 count) external;
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function getBlockTimestamp() external view returns (uint256);
    function getRecordedLogs() external returns (Log[] memory);
    function label(address account, string calldata name) external;
    function mockCall(address callee, bytes calldata data, bytes calldata answer) external;
    function prank(address sender) external;
    function recordLogs() external;
    function revertToState(uint256 id) external returns (bool);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotState() external returns (uint256 id);
    function startPrank(address sender) external;
    function stopPrank() external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function warp(uint256 timestamp) external;
}

/// @dev What every test and handler here builds on: the cheatcodes, and assertions that revert and say what differs.
abstract contract Proof {
    error Differs(string what, uint256 actual, uint256 expected);
    error Broken(string rule);

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function check(bool condition, string memory rule) internal pure {
        if (!condition) revert Broken(rule);
    }

    function same(uint256 actual, uint256 expected, string memory what) internal pure {
        if (actual != expected) revert Differs(what, actual, expected);
    }

    function same(address actual, address expected, string memory what) internal pure {
        same(uint160(actual), uint160(expected), what);
    }

    function same(bytes32 actual, bytes32 expected, string memory what) internal pure {
        same(uint256(actual), uint256(expected), what);
    }

    /// @dev Selectors are shown at the right end, as forge prints small numbers.
    function sameSelector(bytes4 actual, bytes4 expected, string memory what) internal pure {
        same(uint32(actual), uint32(expected), what);
    }

    function same(bool actual, bool expected, string memory what) internal pure {
        same(actual ? 1 : 0, expected ? 1 : 0, what);
    }

    function same(string memory actual, string memory expected, string memory what) internal pure {
        same(keccak256(bytes(actual)), keccak256(bytes(expected)), what);
    }

    /// @dev `value` brought into `low` to `high`, both included.
    function within(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }

    /// @dev Selector of what a call reverted with; zero if there is none.
    function selectorOf(bytes memory answer) internal pure returns (bytes4 selector) {
        if (answer.length >= 4) {
            selector = bytes4(answer);
        }
    }
}
