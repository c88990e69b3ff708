// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Gate} from "./Gate.sol";
import {IFilingRegistry as R} from "../../../contracts/interfaces/IFilingRegistry.sol";

/// @dev Rules that a single changed term would break and that no other test would notice; found by mutation testing.
contract Edges is Gate {
    function setUp() external {
        _openGate();
    }

    /// @dev A seat that was closed and opened again stays closed to who was retained on it, whoever sits there later.
    function test_replacing_on_a_reopened_seat_brings_nobody_back() external {
        vm.startPrank(OWNER);
        registry.announceOperator(_pool[5], _pool[0]);
        registry.announceOperator(_pool[6], address(0));
        uint256 start = vm.getBlockTimestamp();
        vm.warp(start + DELAY);
        registry.applyOperator(_pool[5], _pool[0]);
        same(registry.countsUntil(_pool[0]), start + DELAY + RETENTION, "retained");
        registry.removeOperator(_pool[5]);
        registry.applyOperator(_pool[6], address(0));
        registry.announceOperator(_pool[7], _pool[6]);
        same(registry.countsUntil(_pool[0]), 0, "not with the seat reopened");
        vm.warp(start + 2 * DELAY);
        registry.applyOperator(_pool[7], _pool[6]);
        vm.stopPrank();
        check(2 * DELAY < DELAY + RETENTION, "the retention has not ended by itself");
        same(registry.countsUntil(_pool[0]), 0, "not after a replacement there");
        same(registry.countsUntil(_pool[6]), start + 2 * DELAY + RETENTION, "who was replaced last is retained");
    }

    /// @dev Whether someone retained counts depends on the own seat and on no other.
    function test_who_is_retained_depends_on_the_own_seat() external {
        vm.startPrank(OWNER);
        registry.announceOperator(_pool[5], _pool[2]);
        registry.announceOperator(_pool[6], _pool[3]);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        registry.applyOperator(_pool[5], _pool[2]);
        registry.applyOperator(_pool[6], _pool[3]);
        registry.removeOperator(_pool[0]);
        uint256 until = vm.getBlockTimestamp() + RETENTION;
        same(registry.countsUntil(_pool[2]), until, "another seat was closed");
        registry.removeOperator(_pool[5]);
        vm.stopPrank();
        same(registry.countsUntil(_pool[2]), 0, "the own seat was closed");
        same(registry.countsUntil(_pool[3]), until, "the own seat is open");
        same(registry.countsUntil(_pool[1]), type(uint64).max, "a current operator");
    }

    /// @dev A mint that is refused says of which filing, and with which values.
    function test_a_refused_mint_names_the_filing_and_its_values() external {
        address token = address(this);
        uint64 start = uint64(vm.getBlockTimestamp());
        R.FilingApproval memory a = _approvalOf(FILING, token, 100, 6, 1);
        a.validAfter = start + 10;
        registry.approve(a, _signed(registry.approvalDigest(a)));
        vm.expectRevert(abi.encodeWithSelector(R.FilingNotStarted.selector, FILING, start + 10, start));
        registry.consume(1);
        vm.warp(a.validUntil);
        vm.expectRevert(abi.encodeWithSelector(R.FilingExpired.selector, FILING, a.validUntil, a.validUntil));
        registry.consume(1);
        vm.warp(start + 10);
        registry.consume(60);
        vm.expectRevert(abi.encodeWithSelector(R.CapExceeded.selector, token, 41, 40));
        registry.consume(41);
        vm.prank(_pool[0]);
        registry.suspend(FILING, "reason");
        vm.expectRevert(abi.encodeWithSelector(R.FilingIsSuspended.selector, FILING));
        registry.consume(1);
        _update(FILING, R.FilingStatus.Revoked, 0, 3);
        vm.expectRevert(abi.encodeWithSelector(R.FilingIsFinal.selector, FILING, R.FilingStatus.Revoked));
        registry.consume(1);
    }

    /// @dev The test itself stands for the token.
    function decimals() external pure returns (uint8) {
        return 6;
    }
}
