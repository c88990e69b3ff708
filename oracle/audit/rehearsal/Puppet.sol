// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/**
 * @title Puppet
 * @notice What an attacker would write: makes any call, delegate calls too, calls back when it is called, passes for a token,
 * and destroys itself. It lives on local copies of a chain only.
 */
contract Puppet {
    /**
     * @param target Contract to call.
     * @param data What to call it with.
     * @param inside True: run the target's code on this contract's storage.
     */
    struct Call {
        address target;
        bytes data;
        bool inside;
    }

    /// @notice Passes for a token of six decimals.
    uint8 public constant decimals = 6;

    // Far from the slots that code run in here by a delegate call takes for its own.
    uint256[100] private _gap;
    uint256 private _times;
    Call private _planned;

    /// @notice What comes in when somebody calls anything else: the planned call, as often as planned.
    fallback() external payable {
        if (_times != 0) {
            --_times;
            _make(_planned);
        }
    }

    /// @notice Makes calls; fails with the error of the first that fails.
    /// @param calls The calls.
    function act(Call[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            _make(calls[i]);
        }
    }

    /// @notice Sets what to do when called.
    /// @param planned The call.
    /// @param times How often.
    function plan(Call calldata planned, uint256 times) external {
        _planned = planned;
        _times = times;
    }

    /// @notice Destroys this contract, as far as the chain still does that.
    function end() external {
        selfdestruct(payable(msg.sender));
    }

    function _make(Call memory one) private {
        (bool success, bytes memory answer) = one.inside ? one.target.delegatecall(one.data) : one.target.call(one.data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
