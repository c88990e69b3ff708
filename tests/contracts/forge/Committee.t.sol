// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Gate} from "./Gate.sol";
import {OddWallet} from "../sol/OddWallet.sol";
import {FilingRegistry} from "../../../contracts/FilingRegistry.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee as C} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev The committee at its limits, and what fuzzing finds of signatures.
contract Committee is Gate {
    function setUp() external {
        _openGate();
    }

    // ------------------------------------------------------------ deployment

    function test_constructor_limits() external {
        C.CommitteeConfig memory config = _committee(5, 3);
        config.operators = new address[](33);
        vm.expectRevert(abi.encodeWithSelector(C.TooManyOperators.selector, 33, 32));
        new FilingRegistry(config, MAX_VALIDITY);

        config = _committee(5, 3);
        config.rotationDelay = 365 days + 1;
        vm.expectRevert(abi.encodeWithSelector(C.DelayTooLong.selector, 365 days + 1, 365 days));
        new FilingRegistry(config, MAX_VALIDITY);

        config = _committee(5, 3);
        config.retention = 90 days + 1;
        vm.expectRevert(abi.encodeWithSelector(C.DelayTooLong.selector, 90 days + 1, 90 days));
        new FilingRegistry(config, MAX_VALIDITY);

        config = _committee(5, 3);
        config.operators[4] = config.operators[0];
        vm.expectRevert(abi.encodeWithSelector(C.DuplicateOperator.selector, config.operators[0]));
        new FilingRegistry(config, MAX_VALIDITY);

        config.operators[4] = address(0);
        vm.expectPartialRevert(C.ZeroOperator.selector);
        new FilingRegistry(config, MAX_VALIDITY);

        config = _committee(5, 3);
        config.owner = address(0);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new FilingRegistry(config, MAX_VALIDITY);
    }

    function testFuzz_constructor_threshold_is_reachable(uint8 operators, uint256 threshold) external {
        operators = uint8(within(operators, 0, 9));
        C.CommitteeConfig memory config = _committee(operators, threshold);
        if (threshold == 0 || threshold > operators) {
            vm.expectRevert(abi.encodeWithSelector(C.InvalidThreshold.selector, threshold, operators));
            new FilingRegistry(config, MAX_VALIDITY);
        } else {
            FilingRegistry made = new FilingRegistry(config, MAX_VALIDITY);
            same(made.threshold(), threshold, "threshold");
            same(made.operators().length, operators, "operators");
        }
    }

    // ------------------------------------------------------------ changes

    function test_owner_is_never_nobody() external {
        vm.prank(OWNER);
        vm.expectPartialRevert(C.OwnershipNotRenounceable.selector);
        registry.renounceOwnership();

        vm.prank(OWNER);
        registry.transferOwnership(ALICE);
        same(registry.owner(), OWNER, "still the old owner");
        vm.prank(ALICE);
        registry.acceptOwnership();
        same(registry.owner(), ALICE, "the new owner");
    }

    function test_thirty_third_operator_is_refused() external {
        C.CommitteeConfig memory config = _committee(5, 1);
        config.operators = new address[](32);
        for (uint160 i = 0; i < 32; ++i) {
            config.operators[i] = address(0x1000 + i);
        }
        FilingRegistry full = new FilingRegistry(config, MAX_VALIDITY);
        vm.startPrank(OWNER);
        full.announceOperator(ALICE, address(0));
        vm.warp(vm.getBlockTimestamp() + DELAY);
        vm.expectRevert(abi.encodeWithSelector(C.TooManyOperators.selector, 33, 32));
        full.applyOperator(ALICE, address(0));
        full.removeOperator(config.operators[7]);
        full.applyOperator(ALICE, address(0));
        vm.stopPrank();
        same(full.operators()[7], ALICE, "takes the free seat");
        same(full.operators().length, 32, "operators");
    }

    function test_lowering_to_more_than_are_left_is_refused() external {
        vm.startPrank(OWNER);
        registry.announceThreshold(2);
        for (uint256 i = 0; i < 4; ++i) {
            registry.removeOperator(_pool[i]);
        }
        vm.warp(vm.getBlockTimestamp() + DELAY);
        vm.expectRevert(abi.encodeWithSelector(C.InvalidThreshold.selector, 2, 1));
        registry.applyThreshold();
        vm.stopPrank();
        same(registry.threshold(), 3, "threshold");
    }

    function testFuzz_a_change_waits_and_lapses(uint256 wait) external {
        wait = within(wait, 0, 60 days);
        vm.startPrank(OWNER);
        registry.announceOperator(_pool[6], address(0));
        registry.announceThreshold(2);
        vm.warp(vm.getBlockTimestamp() + wait);
        bool ready = wait >= DELAY && wait < DELAY + 30 days;
        bytes4 why = wait < DELAY ? C.NotReady.selector : C.NotAnnounced.selector;
        if (!ready) vm.expectPartialRevert(why);
        registry.applyOperator(_pool[6], address(0));
        if (!ready) vm.expectPartialRevert(why);
        registry.applyThreshold();
        vm.stopPrank();
        same(registry.isOperator(_pool[6]), ready, "operator");
        same(registry.threshold(), ready ? 2 : 3, "threshold");
    }

    function test_the_same_is_announced_once() external {
        vm.startPrank(OWNER);
        registry.announceOperator(_pool[6], address(0));
        vm.expectPartialRevert(C.AlreadyAnnounced.selector);
        registry.announceOperator(_pool[6], address(0));
        registry.cancelOperator(_pool[6], address(0));
        registry.announceOperator(_pool[6], address(0));
        vm.stopPrank();
    }

    function test_raising_calls_off_a_lowering() external {
        vm.startPrank(OWNER);
        registry.announceThreshold(1);
        registry.raiseThreshold(4);
        vm.expectPartialRevert(C.NotAnnounced.selector);
        registry.cancelThreshold();
        vm.stopPrank();
    }

    function test_retained_and_successor_hold_one_seat() external {
        vm.startPrank(OWNER);
        registry.announceOperator(_pool[5], _pool[0]);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        registry.applyOperator(_pool[5], _pool[0]);
        vm.stopPrank();
        same(registry.rotationDelay(), DELAY, "delay");
        same(registry.retention(), RETENTION, "retention");
        same(registry.countsUntil(_pool[0]), vm.getBlockTimestamp() + RETENTION, "retained");

        IFilingRegistry.FilingApproval memory a = _approvalOf(FILING, address(_token(false)), 1, 6, 1);
        address[] memory by = _resized(_pool, 3);
        by[2] = _pool[5];
        Ballot memory both = _ballot(by, registry.approvalDigest(a));
        vm.expectRevert(abi.encodeWithSelector(C.SeatCountedTwice.selector, 2, _pool[5]));
        registry.approve(a, both.list);

        vm.prank(OWNER);
        registry.removeOperator(_pool[5]);
        same(registry.countsUntil(_pool[0]), 0, "a closed seat retains nobody");
    }

    // ------------------------------------------------------------ signatures

    /// @dev However a signature of a quorum is changed, the approval is refused and nothing is written.
    function testFuzz_a_changed_signature_is_refused(uint256 which, bytes memory instead) external {
        IFilingRegistry.FilingApproval memory a = _approvalOf(FILING, address(_token(false)), 100, 6, 1);
        C.OperatorSignature[] memory list = _signed(registry.approvalDigest(a));
        which = within(which, 0, 2);
        vm.assume(keccak256(instead) != keccak256(list[which].signature));
        list[which].signature = instead;
        vm.expectRevert(
            abi.encodeWithSelector(C.InvalidOperatorSignature.selector, which, list[which].operator)
        );
        registry.approve(a, list);
        (, , , uint64 sequence) = registry.filingState(FILING);
        same(sequence, 0, "nothing is written");
    }

    /// @dev Of all ballots of up to five claimed signers, only three different operators in order pass.
    function testFuzz_only_a_quorum_in_order_passes(uint8[5] memory picks, uint8 count) external {
        IFilingRegistry.FilingApproval memory a = _approvalOf(FILING, address(_token(false)), 100, 6, 1);
        address[] memory by = new address[](within(count, 0, 5));
        bool good = by.length == 3;
        for (uint256 i = 0; i < by.length; ++i) {
            uint256 pick = picks[i] % 9;
            by[i] = _pool[pick];
            good = good && pick < 5 && (i == 0 || by[i] > by[i - 1]);
        }
        Ballot memory ballot = _ballot(by, registry.approvalDigest(a));
        if (!good) vm.expectRevert();
        registry.approve(a, ballot.list);
        (, , , uint64 sequence) = registry.filingState(FILING);
        same(sequence, good ? 1 : 0, "sequence");
    }

    /// @dev A contract signer counts only if it is honest.
    function testFuzz_contract_signers(uint8 manner) external {
        OddWallet.Manner odd = OddWallet.Manner(within(manner, 0, uint256(type(OddWallet.Manner).max)));
        uint256 key = _keyOf[_pool[0]];
        address wallet = address(new OddWallet(vm.addr(key), odd));
        _keyOf[wallet] = key;
        FilingRegistry one = new FilingRegistry(
            C.CommitteeConfig(OWNER, _list(wallet), 1, DELAY, RETENTION),
            MAX_VALIDITY
        );
        registry = one;
        IFilingRegistry.FilingApproval memory a = _approvalOf(FILING, address(_token(false)), 100, 6, 1);
        Ballot memory ballot = _ballot(_list(wallet), one.approvalDigest(a));
        if (odd != OddWallet.Manner.Honest) {
            vm.expectRevert(abi.encodeWithSelector(C.InvalidOperatorSignature.selector, 0, wallet));
        }
        one.approve(a, ballot.list);
    }
}
