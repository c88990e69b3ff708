// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Proof} from "./Proof.sol";
import {RegistryHandler} from "./RegistryHandler.sol";
import {IERC7943Fungible} from "../../../contracts/interfaces/IERC7943.sol";
import {IFilingGated} from "../../../contracts/interfaces/IFilingGated.sol";
import {IFilingRegistry as R} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee as C} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev Drives handlers at random, the same way each time.
abstract contract Walk is Proof {
    bytes4[] internal actions = [
        RegistryHandler.approve.selector,
        RegistryHandler.approve.selector,
        RegistryHandler.approve.selector,
        RegistryHandler.approveBatch.selector,
        RegistryHandler.update.selector,
        RegistryHandler.update.selector,
        RegistryHandler.suspend.selector,
        RegistryHandler.suspendBySig.selector,
        RegistryHandler.sendAgain.selector,
        RegistryHandler.mint.selector,
        RegistryHandler.mint.selector,
        RegistryHandler.mintBatch.selector,
        RegistryHandler.burn.selector,
        RegistryHandler.transfer.selector,
        RegistryHandler.consumeAsAnother.selector,
        RegistryHandler.passTime.selector,
        RegistryHandler.announceOperator.selector,
        RegistryHandler.announceOperator.selector,
        RegistryHandler.applyOperator.selector,
        RegistryHandler.applyOperator.selector,
        RegistryHandler.cancelOperator.selector,
        RegistryHandler.removeOperator.selector,
        RegistryHandler.raiseThreshold.selector,
        RegistryHandler.announceThreshold.selector,
        RegistryHandler.applyThreshold.selector,
        RegistryHandler.cancelThreshold.selector
    ];

    /// @dev Whether all of the steps passed the handler's comparisons; if not, with what it reverted.
    function walk(RegistryHandler handler, uint256 seed, uint256 steps) internal returns (bool held, bytes memory why) {
        for (uint256 i = 0; i < steps; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            bytes4 action = actions[dice % actions.length];
            (held, why) = address(handler).call(abi.encodeWithSelector(action, dice));
            if (!held) return (held, why);
        }
    }
}

/// @dev That the invariants are not vacuous: the handler reaches each success and each refusal named here.
contract RegistryReach is Walk {
    struct Missed {
        string action;
        bytes4 outcome;
    }

    error NotReached(Missed[] missed);

    uint256 private constant WALKS = 8;
    uint256 private constant STEPS = 400;

    RegistryHandler[] private _handlers;
    bytes4 private _action;
    string private _name;
    Missed[] private _missed;

    function test_everyKindOfSuccessAndOfRefusalIsReached() external {
        for (uint256 i = 0; i < WALKS; ++i) {
            _handlers.push(new RegistryHandler(3 days, i % 3 == 0 ? 0 : 7 days));
            (bool held, bytes memory why) = walk(_handlers[i], i, STEPS);
            if (!held) {
                assembly ("memory-safe") {
                    revert(add(why, 0x20), mload(why))
                }
            }
        }
        _approvals();
        _updates();
        _tokens();
        _committee();
        if (_missed.length != 0) revert NotReached(_missed);
    }

    function _approvals() private {
        _of("approve", RegistryHandler.approve.selector);
        _changed();
        _quorum();
        _is(R.ZeroFiling.selector);
        _is(R.InvalidTrancheCount.selector);
        _is(R.FilingKeyTaken.selector);
        _is(R.WrongSequence.selector);
        _is(R.FilingIsFinal.selector);
        _is(R.FilingIsSuspended.selector);
        _is(R.EmptyWindow.selector);
        _is(R.WindowInThePast.selector);
        _is(R.WindowTooLong.selector);
        _is(R.TranchesNotAscending.selector);
        _is(R.ZeroCap.selector);
        _is(R.CapTooLarge.selector);
        _is(R.TokenBoundToAnotherFiling.selector);
        _is(R.CapBelowIssued.selector);
        _is(R.DecimalsUnreadable.selector);
        _is(R.DecimalsMismatch.selector);
        _of("approveBatch", RegistryHandler.approveBatch.selector);
        _changed();
        _is(R.WrongSequence.selector);
    }

    function _updates() private {
        _of("update", RegistryHandler.update.selector);
        _changed();
        _quorum();
        _is(R.FilingKeyTaken.selector);
        _is(R.UnknownFiling.selector);
        _is(R.WrongSequence.selector);
        _is(R.FilingIsFinal.selector);
        _is(R.InvalidTransition.selector);
        _is(R.EmptyWindow.selector);
        _is(R.WindowInThePast.selector);
        _is(R.WindowTooLong.selector);
        _is(R.UnexpectedValidUntil.selector);
        _of("suspend", RegistryHandler.suspend.selector);
        _changed();
        _harmless();
        _is(C.NotAnOperator.selector);
        _is(R.UnknownFiling.selector);
        _is(R.FilingIsFinal.selector);
        _of("suspendBySig", RegistryHandler.suspendBySig.selector);
        _changed();
        _harmless();
        _is(C.NotAnOperator.selector);
        _is(C.InvalidOperatorSignature.selector);
        _is(R.UnknownFiling.selector);
        _is(R.WrongSequence.selector);
        _is(R.FilingIsFinal.selector);
        _of("sendAgain", RegistryHandler.sendAgain.selector);
        _harmless();
        _is(R.WrongSequence.selector);
        _is(C.NotAnOperator.selector);
    }

    function _tokens() private {
        _of("mint", RegistryHandler.mint.selector);
        _changed();
        _consumption();
        _is(IAccessControl.AccessControlUnauthorizedAccount.selector);
        _is(IERC20Errors.ERC20InvalidReceiver.selector);
        _is(IERC7943Fungible.ERC7943CannotReceive.selector);
        _of("mintBatch", RegistryHandler.mintBatch.selector);
        _changed();
        _consumption();
        _is(IFilingGated.BatchLengthMismatch.selector);
        _is(IFilingGated.BatchTooLong.selector);
        _is(IERC20Errors.ERC20InvalidReceiver.selector);
        _is(IERC7943Fungible.ERC7943CannotReceive.selector);
        _of("burn", RegistryHandler.burn.selector);
        _changed();
        _is(IERC20Errors.ERC20InsufficientBalance.selector);
        _is(IERC7943Fungible.ERC7943CannotSend.selector);
        _of("transfer", RegistryHandler.transfer.selector);
        _changed();
        _is(IERC7943Fungible.ERC7943CannotSend.selector);
        _is(IERC7943Fungible.ERC7943CannotReceive.selector);
        _of("consumeAsAnother", RegistryHandler.consumeAsAnother.selector);
        _is(R.TokenNotApproved.selector);
    }

    function _committee() private {
        bytes4 notOwner = Ownable.OwnableUnauthorizedAccount.selector;
        _of("announceOperator", RegistryHandler.announceOperator.selector);
        _changed();
        _is(notOwner);
        _is(C.ZeroOperator.selector);
        _is(C.DuplicateOperator.selector);
        _is(C.NotAnOperator.selector);
        _is(C.AlreadyAnnounced.selector);
        _of("applyOperator", RegistryHandler.applyOperator.selector);
        _changed();
        _is(notOwner);
        _is(C.NotAnnounced.selector);
        _is(C.NotReady.selector);
        _of("cancelOperator", RegistryHandler.cancelOperator.selector);
        _changed();
        _is(notOwner);
        _is(C.NotAnnounced.selector);
        _of("removeOperator", RegistryHandler.removeOperator.selector);
        _changed();
        _is(notOwner);
        _is(C.NotAnOperator.selector);
        _of("raiseThreshold", RegistryHandler.raiseThreshold.selector);
        _changed();
        _is(notOwner);
        _is(C.WrongDirection.selector);
        _is(C.InvalidThreshold.selector);
        _of("announceThreshold", RegistryHandler.announceThreshold.selector);
        _changed();
        _is(notOwner);
        _is(C.WrongDirection.selector);
        _is(C.InvalidThreshold.selector);
        _is(C.AlreadyAnnounced.selector);
        _of("applyThreshold", RegistryHandler.applyThreshold.selector);
        _changed();
        _is(notOwner);
        _is(C.NotAnnounced.selector);
        _is(C.NotReady.selector);
        _of("cancelThreshold", RegistryHandler.cancelThreshold.selector);
        _changed();
        _is(notOwner);
        _is(C.NotAnnounced.selector);
    }

    function _consumption() private {
        _is(R.TokenNotApproved.selector);
        _is(R.ZeroAmount.selector);
        _is(R.FilingIsSuspended.selector);
        _is(R.FilingIsFinal.selector);
        _is(R.FilingNotStarted.selector);
        _is(R.FilingExpired.selector);
        _is(R.CapExceeded.selector);
    }

    /// @dev SeatCountedTwice is rare at random; Committee.t.sol makes it happen.
    function _quorum() private {
        _is(C.WrongSignatureCount.selector);
        _is(C.SignaturesNotAscending.selector);
        _is(C.NotAnOperator.selector);
        _is(C.InvalidOperatorSignature.selector);
    }

    function _of(string memory name, bytes4 action) private {
        (_name, _action) = (name, action);
    }

    function _changed() private {
        _is(_handlers[0].CHANGED());
    }

    function _harmless() private {
        _is(_handlers[0].NOTHING());
    }

    function _is(bytes4 outcome) private {
        for (uint256 i = 0; i < WALKS; ++i) {
            if (_handlers[i].reached(_action, outcome) != 0) return;
        }
        _missed.push(Missed(_name, outcome));
    }
}

/// @dev That the checks can fail: with a fault planted, the same walks break the rule they must.
contract PlantedFaults is Walk {
    RegistryHandler private _handler;

    function setUp() external {
        _handler = new RegistryHandler(3 days, 7 days);
    }

    function test_without_a_fault_the_walk_holds() external {
        (bool held, ) = walk(_handler, 1, 150);
        check(held, "the walk holds");
    }

    /// @dev The registry lets every amount be issued and keeps no account of it.
    function test_a_registry_that_lets_everything_pass_is_found_out() external {
        vm.mockCall(address(_handler.registry()), abi.encodeWithSelector(R.consume.selector), "");
        _breaks();
    }

    /// @dev The registry says that something may be issued when it may not.
    function test_an_untrue_answer_to_canIssue_is_found_out() external {
        vm.mockCall(
            address(_handler.registry()),
            abi.encodeWithSelector(R.canIssue.selector),
            abi.encode(true, bytes4(0))
        );
        _breaks();
    }

    /// @dev An approval is accepted and changes nothing.
    function test_an_approval_that_does_nothing_is_found_out() external {
        vm.mockCall(address(_handler.registry()), abi.encodeWithSelector(R.approve.selector), "");
        _breaks();
    }

    /// @dev A suspension is accepted and changes nothing.
    function test_a_suspension_that_does_nothing_is_found_out() external {
        vm.mockCall(address(_handler.registry()), abi.encodeWithSelector(R.suspend.selector), "");
        _breaks();
    }

    /// @dev Somebody is an operator whom nobody announced.
    function test_an_operator_from_nowhere_is_found_out() external {
        vm.mockCall(address(_handler.registry()), abi.encodeWithSelector(C.isOperator.selector), abi.encode(true));
        _breaks();
    }

    /// @dev The threshold is lower than it was set.
    function test_a_lower_threshold_is_found_out() external {
        vm.mockCall(address(_handler.registry()), abi.encodeCall(C.threshold, ()), abi.encode(1));
        _breaks();
    }

    function _breaks() private {
        (bool held, bytes memory why) = walk(_handler, 1, 150);
        check(!held, "a planted fault must be found out");
        bytes4 said = selectorOf(why);
        check(said == Differs.selector || said == Broken.selector, "and by a comparison");
    }
}
