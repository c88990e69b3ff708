// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev Passes calls on, as a multicall or a relayer's contract does. A call that may fail is forgotten if it does.
contract CallRelay {
    error Failed(uint256 index);

    function relay(address target, bytes[] calldata calls, bool mayFail) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success, ) = target.call(calls[i]);
            require(success || mayFail, Failed(i));
        }
    }

    /// @dev Makes the calls and undoes them.
    function attempt(address target, bytes[] calldata calls) external {
        try this.relayAndRevert(target, calls) {} catch {}
    }

    function relayAndRevert(address target, bytes[] calldata calls) external {
        this.relay(target, calls, false);
        revert Failed(calls.length);
    }
}
