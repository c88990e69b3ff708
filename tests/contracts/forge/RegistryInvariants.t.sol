// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Proof} from "./Proof.sol";
import {RegistryHandler} from "./RegistryHandler.sol";

/**
 * @dev The rules that no change may break, over sequences of calls. The handler compares after each call and reverts
 * where something differs, which `fail_on_revert` makes a failure.
 */
abstract contract RegistryInvariants is Proof {
    RegistryHandler internal handler;

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Every call changed something or was refused or was harmless, and was counted as one of these.
    function invariant_everyRuleHolds() external view {
        check(handler.changes() <= handler.calls(), "no call changes more than it does");
    }
}

contract RegistryWithRetention is RegistryInvariants {
    function setUp() external {
        handler = new RegistryHandler(3 days, 7 days);
    }
}

contract RegistryWithoutRetention is RegistryInvariants {
    function setUp() external {
        handler = new RegistryHandler(1 days, 0);
    }
}
