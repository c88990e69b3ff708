// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FilingRegistry} from "../../../contracts/FilingRegistry.sol";
import {FilingKey, FilingWord, TrancheWord, filingKey} from "../../../contracts/PackedState.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";
import {Solver} from "./Solver.sol";

/// @dev A token as the registry sees it when it approves.
contract Decimals {
    function decimals() external pure returns (uint8) {
        return 6;
    }
}

/**
 * @dev One call from any state. The registry is deployed with one operator and the threshold one; then its storage
 * holds anything, except for what the deployment wrote: any tokens, any filings, any further accounts as operators.
 * What is asserted of one call from any state holds of any number of calls one after another.
 *
 * Any answer is possible to the question whether a key recovers from a signature, and whether a contract accepts one.
 */
contract FilingRegistryCheck is Solver {
    uint64 private constant MAX_VALIDITY = 90 days;

    /// @dev From the committed storage layout; that they are right is asserted with the views.
    uint256 private constant MEMBERS_SLOT = 35;
    uint256 private constant TRANCHES_SLOT = 37;
    uint256 private constant FILINGS_SLOT = 38;
    uint256 private constant NAMES_SLOT = 39;

    address private constant OWNER = address(0xA11CE);
    address private constant OPERATOR = address(0xB0B);

    FilingRegistry private _registry;
    address private _token;

    function setUp() public {
        address[] memory operators = new address[](1);
        operators[0] = OPERATOR;
        _registry = new FilingRegistry(
            IOracleCommittee.CommitteeConfig(OWNER, operators, 1, 1 days, 0),
            MAX_VALIDITY
        );
        _token = address(new Decimals());
        SYMBOLS.enableSymbolicStorage(address(_registry));
    }

    // ------------------------------------------------------------ consume

    function check_consume_neverExceedsTheCap(address sender, uint256 amount, uint40 timestamp) external {
        TrancheWord before = _anyTranche(sender, timestamp);
        if (_consume(sender, amount)) {
            TrancheWord then = _tranche(sender);
            assert(then.issued() == before.issued() + amount);
            assert(then.issued() <= then.cap());
            assert(then.cap() == before.cap());
            assert(FilingKey.unwrap(then.key()) == FilingKey.unwrap(before.key()));
        } else {
            assert(TrancheWord.unwrap(_tranche(sender)) == TrancheWord.unwrap(before));
        }
    }

    function check_consume_onlyInsideTheWindow(address sender, uint256 amount, uint40 timestamp) external {
        TrancheWord tranche = _anyTranche(sender, timestamp);
        FilingWord state = _filing(tranche.key());
        if (_consume(sender, amount)) {
            assert(timestamp >= state.validAfter());
            assert(timestamp < state.validUntil());
        }
    }

    function check_consume_onlyWhileApproved(address sender, uint256 amount, uint40 timestamp) external {
        TrancheWord tranche = _anyTranche(sender, timestamp);
        FilingWord state = _filing(tranche.key());
        if (_consume(sender, amount)) {
            assert(tranche.cap() != 0);
            // Not suspended, not revoked, not completed.
            assert(state.status() == IFilingRegistry.FilingStatus.Approved);
        }
    }

    function check_consume_agreesWithCanIssue(address sender, uint256 amount, uint40 timestamp) external {
        TrancheWord tranche = _anyTranche(sender, timestamp);
        // A token has a cap since its filing was approved, and no filing goes back to None. Without this both still
        // refuse, but by different errors.
        WORLD.assume(
            tranche.cap() == 0 || _filing(tranche.key()).status() != IFilingRegistry.FilingStatus.None
        );
        (bool allowed, bytes4 reason) = _registry.canIssue(sender, amount);
        WORLD.prank(sender);
        (bool done, bytes memory answer) = address(_registry).call(abi.encodeCall(_registry.consume, (amount)));
        assert(done == allowed);
        assert(done || bytes4(answer) == reason);
    }

    function check_consume_leavesTheRestAlone(
        address sender,
        uint256 amount,
        uint40 timestamp,
        address other,
        uint64 key
    ) external {
        _anyTranche(sender, timestamp);
        WORLD.assume(other != sender);
        uint256 tranche = TrancheWord.unwrap(_tranche(other));
        uint256 filing = FilingWord.unwrap(_filing(FilingKey.wrap(key)));
        _consume(sender, amount);
        assert(TrancheWord.unwrap(_tranche(other)) == tranche);
        assert(FilingWord.unwrap(_filing(FilingKey.wrap(key))) == filing);
    }

    // ------------------------------------------------------------ filings

    function check_update_sequenceGrowsByOne(
        address sender,
        IFilingRegistry.FilingUpdate calldata change,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(change.filing, timestamp);
        bool done = _update(sender, change, OPERATOR);
        FilingWord then = _filing(filingKey(change.filing));
        if (FilingWord.unwrap(then) != FilingWord.unwrap(before)) {
            assert(done);
            assert(then.sequence() == change.sequence);
            assert(uint256(then.sequence()) == uint256(before.sequence()) + 1);
        }
    }

    function check_update_neverLeavesAFinalState(
        address sender,
        IFilingRegistry.FilingUpdate calldata change,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(change.filing, timestamp);
        _update(sender, change, OPERATOR);
        if (_final(before)) {
            assert(FilingWord.unwrap(_filing(filingKey(change.filing))) == FilingWord.unwrap(before));
        }
    }

    function check_update_windowEndsInTime(
        address sender,
        IFilingRegistry.FilingUpdate calldata change,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(change.filing, timestamp);
        _update(sender, change, OPERATOR);
        FilingWord then = _filing(filingKey(change.filing));
        if (then.validUntil() != before.validUntil()) {
            assert(then.validUntil() > timestamp);
            assert(then.validUntil() <= uint256(timestamp) + MAX_VALIDITY);
            assert(then.validAfter() == before.validAfter());
        }
    }

    function check_update_strangersSignatureIsWorthNothing(
        address sender,
        IFilingRegistry.FilingUpdate calldata change,
        address operator,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(change.filing, timestamp);
        WORLD.assume(_countsUntil(operator) == 0);
        _update(sender, change, operator);
        assert(FilingWord.unwrap(_filing(filingKey(change.filing))) == FilingWord.unwrap(before));
    }

    function check_suspend_closesAtOnceAndOnlyForOperators(
        address sender,
        bytes32 filing,
        bytes32 reason,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(filing, timestamp);
        bool operator = _registry.isOperator(sender);
        WORLD.prank(sender);
        (bool done, ) = address(_registry).call(abi.encodeCall(_registry.suspend, (filing, reason)));
        FilingWord then = _filing(filingKey(filing));
        if (done) {
            assert(operator);
            assert(then.status() == IFilingRegistry.FilingStatus.Suspended);
        }
        if (FilingWord.unwrap(then) != FilingWord.unwrap(before)) {
            assert(done);
            assert(uint256(then.sequence()) == uint256(before.sequence()) + 1);
            assert(then.validUntil() == before.validUntil());
            assert(!_final(before));
        }
    }

    function check_suspendBySig_closesAtOnceAndOnlyForOperators(
        address sender,
        IFilingRegistry.Suspension calldata suspension,
        address operator,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(suspension.filing, timestamp);
        uint64 until = _countsUntil(operator);
        WORLD.assume(until == 0 || until == type(uint64).max);
        IOracleCommittee.OperatorSignature memory signature = IOracleCommittee.OperatorSignature(
            operator,
            SYMBOLS.createBytes(65, "signature")
        );
        WORLD.prank(sender);
        (bool done, ) = address(_registry).call(
            abi.encodeCall(_registry.suspendBySig, (suspension, signature))
        );
        FilingWord then = _filing(filingKey(suspension.filing));
        if (done) {
            assert(until != 0);
            assert(then.status() == IFilingRegistry.FilingStatus.Suspended);
        }
        if (FilingWord.unwrap(then) != FilingWord.unwrap(before)) {
            assert(done);
            assert(before.sequence() == suspension.sequence);
            assert(uint256(then.sequence()) == uint256(before.sequence()) + 1);
            assert(!_final(before));
        }
    }

    // ------------------------------------------------------------ approve

    function check_approve_neverCapsBelowWhatIsIssued(
        address sender,
        IFilingRegistry.FilingApproval memory approval,
        uint256 cap,
        uint40 timestamp
    ) external {
        TrancheWord before = _anyTranche(_token, timestamp);
        _anyFiling(approval.filing, timestamp);
        bool done = _approve(sender, approval, cap);
        TrancheWord then = _tranche(_token);
        assert(then.issued() == before.issued());
        assert(then.issued() <= then.cap());
        if (done && TrancheWord.unwrap(then) != TrancheWord.unwrap(before)) {
            assert(then.cap() == cap);
            assert(FilingKey.unwrap(then.key()) == FilingKey.unwrap(filingKey(approval.filing)));
        }
        if (before.cap() != 0) {
            assert(FilingKey.unwrap(then.key()) == FilingKey.unwrap(before.key()));
        }
    }

    function check_approve_neverLiftsASuspensionOrAnEnd(
        address sender,
        IFilingRegistry.FilingApproval memory approval,
        uint256 cap,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(approval.filing, timestamp);
        _anyTranche(_token, timestamp);
        _approve(sender, approval, cap);
        if (_final(before) || before.status() == IFilingRegistry.FilingStatus.Suspended) {
            assert(FilingWord.unwrap(_filing(filingKey(approval.filing))) == FilingWord.unwrap(before));
        }
    }

    function check_approve_sequenceGrowsByOne(
        address sender,
        IFilingRegistry.FilingApproval memory approval,
        uint256 cap,
        uint40 timestamp
    ) external {
        FilingWord before = _anyFiling(approval.filing, timestamp);
        _anyTranche(_token, timestamp);
        _approve(sender, approval, cap);
        FilingWord then = _filing(filingKey(approval.filing));
        if (FilingWord.unwrap(then) != FilingWord.unwrap(before)) {
            assert(uint256(then.sequence()) == uint256(before.sequence()) + 1);
            assert(then.status() == IFilingRegistry.FilingStatus.Approved);
            assert(then.validAfter() < then.validUntil());
            assert(then.validUntil() <= uint256(timestamp) + MAX_VALIDITY);
        }
    }

    // ------------------------------------------------------------ owner

    function check_owner_isTheOnlyOneForItsCalls(address sender, address one, address two, uint8 call_) external {
        WORLD.assume(sender != OWNER && sender != address(0));
        bytes[12] memory calls = [
            abi.encodeCall(_registry.announceOperator, (one, two)),
            abi.encodeCall(_registry.applyOperator, (one, two)),
            abi.encodeCall(_registry.cancelOperator, (one, two)),
            abi.encodeCall(_registry.removeOperator, (one)),
            abi.encodeCall(_registry.raiseThreshold, (uint160(one))),
            abi.encodeCall(_registry.announceThreshold, (uint160(one))),
            abi.encodeCall(_registry.applyThreshold, ()),
            abi.encodeCall(_registry.cancelThreshold, ()),
            abi.encodeCall(_registry.announceSuccessor, (one)),
            abi.encodeCall(_registry.transferOwnership, (one)),
            abi.encodeCall(_registry.acceptOwnership, ()),
            abi.encodeCall(_registry.renounceOwnership, ())
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            if (call_ == i) {
                uint256 before = SYMBOLS.snapshotStorage(address(_registry));
                WORLD.prank(sender);
                (bool done, ) = address(_registry).call(calls[i]);
                assert(!done);
                assert(SYMBOLS.snapshotStorage(address(_registry)) == before);
            }
        }
    }

    // ------------------------------------------------------------

    function _consume(address sender, uint256 amount) private returns (bool done) {
        WORLD.prank(sender);
        (done, ) = address(_registry).call(abi.encodeCall(_registry.consume, (amount)));
    }

    function _update(
        address sender,
        IFilingRegistry.FilingUpdate calldata change,
        address operator
    ) private returns (bool done) {
        IOracleCommittee.OperatorSignature[] memory signatures = _signatures(operator);
        WORLD.prank(sender);
        (done, ) = address(_registry).call(abi.encodeCall(_registry.update, (change, signatures)));
    }

    function _approve(
        address sender,
        IFilingRegistry.FilingApproval memory approval,
        uint256 cap
    ) private returns (bool done) {
        approval.tranches = new IFilingRegistry.Tranche[](1);
        approval.tranches[0] = IFilingRegistry.Tranche(_token, cap, 6);
        IOracleCommittee.OperatorSignature[] memory signatures = _signatures(OPERATOR);
        WORLD.prank(sender);
        (done, ) = address(_registry).call(abi.encodeCall(_registry.approve, (approval, signatures)));
    }

    function _signatures(address operator) private pure returns (IOracleCommittee.OperatorSignature[] memory made) {
        made = new IOracleCommittee.OperatorSignature[](1);
        made[0] = IOracleCommittee.OperatorSignature(operator, SYMBOLS.createBytes(65, "signature"));
    }

    /// @dev A tranche of which no more is issued than its cap, under a filing that has some status, at some time.
    function _anyTranche(address token, uint40 timestamp) private returns (TrancheWord tranche) {
        WORLD.warp(timestamp);
        tranche = _tranche(token);
        WORLD.assume(tranche.issued() <= tranche.cap());
        WORLD.assume(uint8(FilingWord.unwrap(_filing(tranche.key()))) <= 4);
        (, uint256 cap, uint256 issued) = _registry.trancheState(token);
        assert(cap == tranche.cap() && issued == tranche.issued());
    }

    /// @dev A filing that is known, in any state, at some time.
    function _anyFiling(bytes32 filing, uint40 timestamp) private returns (FilingWord state) {
        WORLD.warp(timestamp);
        state = _filing(filingKey(filing));
        WORLD.assume(uint8(FilingWord.unwrap(state)) <= 4);
        if (WORLD.load(address(_registry), keccak256(abi.encode(filingKey(filing), NAMES_SLOT))) == filing) {
            (, , uint64 validUntil, uint64 sequence) = _registry.filingState(filing);
            assert(validUntil == state.validUntil() && sequence == state.sequence());
        }
    }

    function _tranche(address token) private view returns (TrancheWord) {
        return TrancheWord.wrap(uint256(WORLD.load(address(_registry), keccak256(abi.encode(token, TRANCHES_SLOT)))));
    }

    function _filing(FilingKey key) private view returns (FilingWord) {
        return FilingWord.wrap(uint256(WORLD.load(address(_registry), keccak256(abi.encode(key, FILINGS_SLOT)))));
    }

    function _countsUntil(address account) private view returns (uint64) {
        return uint64(uint256(WORLD.load(address(_registry), keccak256(abi.encode(account, MEMBERS_SLOT)))) >> 8);
    }

    function _final(FilingWord state) private pure returns (bool) {
        IFilingRegistry.FilingStatus status = state.status();
        return status == IFilingRegistry.FilingStatus.Revoked || status == IFilingRegistry.FilingStatus.Completed;
    }
}
