// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Signers} from "./Signers.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev What a committee must be, written down a second time without seats of a fixed number and without epochs that
/// stand for time: a seat is never used again, and an announcement that has become void is deleted where it does.
abstract contract CommitteeModel is Signers {
    uint256 internal constant FOR_EVER = type(uint64).max;
    uint256 internal constant APPLY_WINDOW = 30 days;

    uint256 internal _delay;
    uint256 internal _retained;

    uint256 internal _modelThreshold;
    uint256 internal _modelCount;
    uint256 internal _modelEpoch;
    uint256 private _seats;
    mapping(address account => uint256) internal _until;
    mapping(address account => uint256) private _seat;
    mapping(uint256 seat => bool) private _open;
    mapping(address operator => mapping(address replaced => uint256)) private _readyAt;
    uint256 private _lowerTo;
    uint256 private _lowerAt;

    function _found(uint256 members, uint256 threshold, uint256 delay, uint256 retention) internal {
        (_delay, _retained, _modelThreshold) = (delay, retention, threshold);
        for (uint256 i = 0; i < members; ++i) {
            _joins(_pool[i], 0);
        }
        _modelEpoch = 1;
    }

    function _now() internal view returns (uint256) {
        // Not block.timestamp: the optimizer may take it to be the same after a warp.
        return vm.getBlockTimestamp();
    }

    function _isCurrent(address account) internal view returns (bool) {
        return _until[account] == FOR_EVER;
    }

    function _isCounting(address account) internal view returns (bool) {
        return _isCurrent(account) || (_now() < _until[account] && _open[_seat[account]]);
    }

    function _sameSeat(address one, address other) internal view returns (bool) {
        return _seat[one] == _seat[other];
    }

    function _announced(address operator, address replaced) internal view returns (uint256) {
        uint256 readyAt = _readyAt[operator][replaced];
        return _now() < readyAt + APPLY_WINDOW ? readyAt : 0;
    }

    function _announcedThreshold() internal view returns (uint256 lowerTo, uint256 readyAt) {
        return _now() < _lowerAt + APPLY_WINDOW ? (_lowerTo, _lowerAt) : (0, 0);
    }

    // What each call must lead to: the selector of an error, or zero and the change is made here too.

    function _modelAnnounce(address operator, address replaced) internal returns (bytes4) {
        if (operator == address(0)) return IOracleCommittee.ZeroOperator.selector;
        if (_isCurrent(operator)) return IOracleCommittee.DuplicateOperator.selector;
        if (replaced != address(0) && !_isCurrent(replaced)) return IOracleCommittee.NotAnOperator.selector;
        if (_announced(operator, replaced) != 0) return IOracleCommittee.AlreadyAnnounced.selector;
        _readyAt[operator][replaced] = _now() + _delay;
        return 0;
    }

    function _modelApply(address operator, address replaced) internal returns (bytes4) {
        uint256 readyAt = _announced(operator, replaced);
        if (readyAt == 0) return IOracleCommittee.NotAnnounced.selector;
        if (_now() < readyAt) return IOracleCommittee.NotReady.selector;
        if (replaced != address(0)) {
            _forget(replaced);
            _until[replaced] = _now() + _retained;
        }
        _joins(operator, replaced == address(0) ? 0 : _seat[replaced]);
        ++_modelEpoch;
        return 0;
    }

    function _modelCancel(address operator, address replaced) internal returns (bytes4) {
        if (_announced(operator, replaced) == 0) return IOracleCommittee.NotAnnounced.selector;
        _readyAt[operator][replaced] = 0;
        return 0;
    }

    function _modelRemove(address operator) internal returns (bytes4) {
        if (!_isCounting(operator)) return IOracleCommittee.NotAnOperator.selector;
        if (_isCurrent(operator)) {
            _open[_seat[operator]] = false;
            --_modelCount;
        }
        _until[operator] = 0;
        _forget(operator);
        ++_modelEpoch;
        return 0;
    }

    function _modelRaise(uint256 threshold) internal returns (bytes4) {
        if (threshold <= _modelThreshold) return IOracleCommittee.WrongDirection.selector;
        if (threshold > _modelCount) return IOracleCommittee.InvalidThreshold.selector;
        (_modelThreshold, _lowerAt) = (threshold, 0);
        ++_modelEpoch;
        return 0;
    }

    function _modelAnnounceThreshold(uint256 threshold) internal returns (bytes4) {
        if (threshold >= _modelThreshold) return IOracleCommittee.WrongDirection.selector;
        if (threshold == 0) return IOracleCommittee.InvalidThreshold.selector;
        (, uint256 readyAt) = _announcedThreshold();
        if (readyAt != 0) return IOracleCommittee.AlreadyAnnounced.selector;
        (_lowerTo, _lowerAt) = (threshold, _now() + _delay);
        return 0;
    }

    function _modelApplyThreshold() internal returns (bytes4) {
        (uint256 lowerTo, uint256 readyAt) = _announcedThreshold();
        if (readyAt == 0) return IOracleCommittee.NotAnnounced.selector;
        if (_now() < readyAt) return IOracleCommittee.NotReady.selector;
        if (lowerTo > _modelCount) return IOracleCommittee.InvalidThreshold.selector;
        (_modelThreshold, _lowerAt) = (lowerTo, 0);
        ++_modelEpoch;
        return 0;
    }

    function _modelCancelThreshold() internal returns (bytes4) {
        (uint256 lowerTo, ) = _announcedThreshold();
        if (lowerTo == 0) return IOracleCommittee.NotAnnounced.selector;
        _lowerAt = 0;
        return 0;
    }

    /// @dev What a quorum check must lead to.
    function _modelQuorum(Ballot memory ballot) internal view returns (bytes4) {
        if (ballot.list.length != _modelThreshold) return IOracleCommittee.WrongSignatureCount.selector;
        for (uint256 i = 0; i < ballot.list.length; ++i) {
            address operator = ballot.list[i].operator;
            if (i == 0 ? operator == address(0) : operator <= ballot.list[i - 1].operator) {
                return IOracleCommittee.SignaturesNotAscending.selector;
            }
            bytes4 reason = _modelSignature(operator, ballot.valid[i]);
            if (reason != 0) return reason;
            for (uint256 k = 0; k < i; ++k) {
                if (_sameSeat(operator, ballot.list[k].operator)) return IOracleCommittee.SeatCountedTwice.selector;
            }
        }
        return 0;
    }

    function _modelSignature(address operator, bool valid) internal view returns (bytes4) {
        if (!_isCounting(operator)) return IOracleCommittee.NotAnOperator.selector;
        return valid ? bytes4(0) : IOracleCommittee.InvalidOperatorSignature.selector;
    }

    /// @dev How many different seats really signed, whatever the order: rule 1, counted in another way.
    function _seatsBehind(Ballot memory ballot) internal view returns (uint256 count) {
        for (uint256 seat = 1; seat <= _seats; ++seat) {
            for (uint256 i = 0; i < ballot.list.length; ++i) {
                address operator = ballot.list[i].operator;
                if (_seat[operator] == seat && ballot.valid[i] && _isCounting(operator)) {
                    ++count;
                    break;
                }
            }
        }
    }

    function _compareCommittee(IOracleCommittee actual) internal view {
        same(actual.threshold(), _modelThreshold, "threshold");
        same(actual.epoch(), _modelEpoch, "epoch");
        same(actual.operators().length, _modelCount, "number of operators");
        (uint256 lowerTo, uint64 lowerAt) = actual.announcedThreshold();
        (uint256 expectedTo, uint256 expectedAt) = _announcedThreshold();
        same(lowerTo, expectedTo, "announced threshold");
        same(lowerAt, expectedAt, "announced threshold's time");
        for (uint256 i = 0; i < _pool.length; ++i) {
            address account = _pool[i];
            same(actual.isOperator(account), _isCurrent(account), "isOperator");
            same(actual.countsUntil(account), _isCounting(account) ? _until[account] : 0, "countsUntil");
            for (uint256 k = 0; k <= _pool.length; ++k) {
                address other = k == _pool.length ? address(0) : _pool[k];
                same(actual.operatorReadyAt(account, other), _announced(account, other), "operatorReadyAt");
            }
        }
    }

    function _joins(address account, uint256 seat) private {
        if (seat == 0) {
            seat = ++_seats;
            _open[seat] = true;
            ++_modelCount;
        }
        (_seat[account], _until[account]) = (seat, FOR_EVER);
        _forget(account);
    }

    /// @dev Who joins or leaves is no longer announced, in either place.
    function _forget(address account) private {
        _readyAt[account][address(0)] = 0;
        for (uint256 i = 0; i < _pool.length; ++i) {
            _readyAt[account][_pool[i]] = 0;
            _readyAt[_pool[i]][account] = 0;
        }
    }
}
