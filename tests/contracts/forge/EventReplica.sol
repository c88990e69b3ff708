// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Proof, Vm} from "./Proof.sol";
import {FilingRegistry} from "../../../contracts/FilingRegistry.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev All state of a registry, made from its events and from nothing else (rule 8).
contract EventReplica is Proof {
    struct Filing {
        IFilingRegistry.FilingStatus status;
        uint64 validAfter;
        uint64 validUntil;
        uint64 sequence;
    }

    struct Tranche {
        bytes32 filing;
        uint256 cap;
        uint256 issued;
    }

    struct Announcement {
        uint64 epoch;
        uint64 readyAt;
    }

    uint256 private constant APPLY_WINDOW = 30 days;

    mapping(bytes32 filing => Filing) public filings;
    mapping(address token => Tranche) public tranches;
    address[] public operators;
    uint256 public threshold;
    uint64 public epoch;

    mapping(address account => uint64) private _since;
    mapping(address account => uint64) private _until;
    mapping(address account => uint256) private _line;
    mapping(uint256 line => bool) private _closed;
    mapping(address operator => mapping(address replaced => Announcement)) private _announcements;
    uint256 private _lines;
    uint256 private _lowerTo;
    uint64 private _lowerAt;
    address private _newInLine;

    /// @dev Takes in the events of a transaction; the emitter's only. Returns how many there were.
    function apply_(Vm.Log[] calldata logs, address emitter) external returns (uint256 taken) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == emitter) {
                _take(logs[i].topics, logs[i].data);
                ++taken;
            }
        }
    }

    function isOperator(address account) public view returns (bool) {
        for (uint256 i = 0; i < operators.length; ++i) {
            if (operators[i] == account) return true;
        }
        return false;
    }

    /// @dev Compares with what the registry says, for these filings, tokens and accounts.
    function compareFilings(FilingRegistry actual, bytes32[] calldata ids, address[] calldata tokens) external view {
        for (uint256 i = 0; i < ids.length; ++i) {
            Filing memory filing = filings[ids[i]];
            (IFilingRegistry.FilingStatus status, uint64 validAfter, uint64 validUntil, uint64 sequence) = actual
                .filingState(ids[i]);
            same(uint256(status), uint256(filing.status), "status from events");
            same(validAfter, filing.validAfter, "validAfter from events");
            same(validUntil, filing.validUntil, "validUntil from events");
            same(sequence, filing.sequence, "sequence from events");
        }
        for (uint256 i = 0; i < tokens.length; ++i) {
            Tranche memory tranche = tranches[tokens[i]];
            (bytes32 filing, uint256 cap, uint256 issued) = actual.trancheState(tokens[i]);
            same(filing, tranche.filing, "filing from events");
            same(cap, tranche.cap, "cap from events");
            same(issued, tranche.issued, "issued from events");
        }
    }

    function compareCommittee(FilingRegistry actual, address[] calldata accounts) external view {
        same(actual.threshold(), threshold, "threshold from events");
        same(actual.epoch(), epoch, "epoch from events");
        address[] memory seated = actual.operators();
        same(seated.length, operators.length, "number of operators from events");
        for (uint256 i = 0; i < seated.length; ++i) {
            same(seated[i], operators[i], "operator from events");
        }
        bool lapsed = _now() >= _lowerAt + APPLY_WINDOW;
        (uint256 lowerTo, uint64 lowerAt) = actual.announcedThreshold();
        same(lowerTo, lapsed ? 0 : _lowerTo, "announced threshold from events");
        same(lowerAt, lapsed ? 0 : _lowerAt, "its time from events");
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            same(actual.countsUntil(account), _countsUntil(account), "countsUntil from events");
            for (uint256 k = 0; k <= accounts.length; ++k) {
                address other = k == accounts.length ? address(0) : accounts[k];
                same(actual.operatorReadyAt(account, other), _readyAt(account, other), "readyAt from events");
            }
        }
    }

    function _now() private view returns (uint256) {
        return vm.getBlockTimestamp();
    }

    function _countsUntil(address account) private view returns (uint64) {
        if (isOperator(account)) return type(uint64).max;
        return _now() < _until[account] && !_closed[_line[account]] ? _until[account] : 0;
    }

    function _readyAt(address operator, address replaced) private view returns (uint64) {
        Announcement memory made = _announcements[operator][replaced];
        bool stands = made.epoch >= _since[operator] && made.epoch >= _since[replaced];
        return stands && _now() < made.readyAt + APPLY_WINDOW ? made.readyAt : 0;
    }

    function _take(bytes32[] calldata topics, bytes calldata data) private {
        bytes32 kind = topics[0];
        if (kind == IFilingRegistry.Issued.selector) {
            (uint256 amount, uint256 issued) = abi.decode(data, (uint256, uint256));
            Tranche storage tranche = tranches[_account(topics[1])];
            tranche.issued += amount;
            same(issued, tranche.issued, "Issued: total");
            same(uint256(topics[2]), uint64(bytes8(tranche.filing)), "Issued: key");
        } else if (kind == IFilingRegistry.FilingApproved.selector) {
            _approved(topics[1], uint64(uint256(topics[2])), data);
        } else if (kind == IFilingRegistry.FilingUpdated.selector) {
            (IFilingRegistry.FilingStatus status, , uint64 validUntil, ) = abi.decode(
                data,
                (IFilingRegistry.FilingStatus, bytes32, uint64, bytes32)
            );
            Filing storage filing = filings[topics[1]];
            (filing.status, filing.sequence) = (status, uint64(uint256(topics[2])));
            if (status == IFilingRegistry.FilingStatus.Approved) filing.validUntil = validUntil;
        } else if (kind == IFilingRegistry.FilingSuspended.selector) {
            filings[topics[1]].status = IFilingRegistry.FilingStatus.Suspended;
            filings[topics[1]].sequence = uint64(uint256(topics[2]));
        } else {
            _takeCommittee(kind, topics, data);
        }
    }

    function _approved(bytes32 id, uint64 sequence, bytes calldata data) private {
        (, , , uint64 validAfter, uint64 validUntil, IFilingRegistry.Tranche[] memory list) = abi.decode(
            data,
            (bytes32, bytes32, bytes32, uint64, uint64, IFilingRegistry.Tranche[])
        );
        filings[id] = Filing(IFilingRegistry.FilingStatus.Approved, validAfter, validUntil, sequence);
        for (uint256 i = 0; i < list.length; ++i) {
            tranches[list[i].token].filing = id;
            tranches[list[i].token].cap = list[i].cap;
        }
    }

    function _takeCommittee(bytes32 kind, bytes32[] calldata topics, bytes calldata data) private {
        if (kind == IOracleCommittee.CommitteeChanged.selector) {
            (address[] memory list, uint256 newThreshold, uint64 newEpoch) = abi.decode(
                data,
                (address[], uint256, uint64)
            );
            _changed(list, newThreshold, newEpoch);
        } else if (kind == IOracleCommittee.OperatorAnnounced.selector) {
            (uint64 madeFor, uint64 readyAt) = abi.decode(data, (uint64, uint64));
            _announcements[_account(topics[1])][_account(topics[2])] = Announcement(madeFor, readyAt);
        } else if (kind == IOracleCommittee.OperatorCancelled.selector) {
            delete _announcements[_account(topics[1])][_account(topics[2])];
        } else if (kind == IOracleCommittee.OperatorRetained.selector) {
            _newInLine = _account(topics[2]);
            _until[_account(topics[1])] = abi.decode(data, (uint64));
            _line[_newInLine] = _line[_account(topics[1])];
        } else if (kind == IOracleCommittee.OperatorRemoved.selector) {
            address account = _account(topics[1]);
            if (isOperator(account)) _closed[_line[account]] = true;
            _until[account] = 0;
            _since[account] = epoch + 1;
        } else if (kind == IOracleCommittee.ThresholdAnnounced.selector) {
            (_lowerTo, _lowerAt) = abi.decode(data, (uint256, uint64));
        } else if (kind == IOracleCommittee.ThresholdCancelled.selector) {
            (_lowerTo, _lowerAt) = (0, 0);
        }
    }

    function _changed(address[] memory list, uint256 newThreshold, uint64 newEpoch) private {
        for (uint256 i = 0; i < list.length; ++i) {
            if (!isOperator(list[i])) {
                _since[list[i]] = newEpoch;
                _until[list[i]] = 0;
                if (_newInLine != list[i]) _line[list[i]] = ++_lines;
            }
        }
        for (uint256 i = 0; i < operators.length; ++i) {
            bool stays = false;
            for (uint256 k = 0; k < list.length; ++k) {
                stays = stays || list[k] == operators[i];
            }
            if (!stays) _since[operators[i]] = newEpoch;
        }
        if (newThreshold < threshold) (_lowerTo, _lowerAt) = (0, 0);
        (operators, threshold, epoch, _newInLine) = (list, newThreshold, newEpoch, address(0));
    }

    function _account(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
