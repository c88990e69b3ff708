// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {CommitteeModel} from "./CommitteeModel.sol";
import {EventReplica} from "./EventReplica.sol";
import {Vm} from "./Proof.sol";
import {GreedyToken} from "../sol/GreedyToken.sol";
import {AssetBackedToken} from "../../../contracts/AssetBackedToken.sol";
import {FilingRegistry} from "../../../contracts/FilingRegistry.sol";
import {TrancheFactory} from "../../../contracts/TrancheFactory.sol";
import {IAssetBackedToken} from "../../../contracts/interfaces/IAssetBackedToken.sol";
import {IERC7943Fungible} from "../../../contracts/interfaces/IERC7943.sol";
import {IFilingGated} from "../../../contracts/interfaces/IFilingGated.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";

/**
 * @dev Does to a registry and its tokens what anybody may try, knows what each call must lead to, and compares after
 * each: what the call did with what the model says, the registry's state with the model's and with the one made from
 * events, and the step from the state before with the rules that no change may break. It reverts where they differ.
 */
contract RegistryHandler is CommitteeModel {
    struct Filing {
        IFilingRegistry.FilingStatus status;
        uint64 validAfter;
        uint64 validUntil;
        uint64 sequence;
        bytes32 last;
    }

    struct Tranche {
        bytes32 filing;
        uint256 cap;
        uint256 issued;
        uint256 minted;
        uint256 burned;
    }

    /// @dev A message that was applied, to be sent again.
    struct Sent {
        bytes4 kind;
        bytes32 filing;
        bytes32 digest;
        uint64 sequence;
        bytes call;
        address signer;
    }

    /// @dev Outcome of a call that succeeds and changes nothing.
    bytes4 public constant NOTHING = "none";
    /// @dev Outcome of a call that succeeds and changes something.
    bytes4 public constant CHANGED = "done";

    uint64 private constant MAX_VALIDITY = 90 days;
    uint256 private constant START = 1_800_000_000;
    uint256 private constant POOL = 9;

    FilingRegistry public immutable registry;
    EventReplica public immutable replica;
    address public immutable owner = address(0xA0);
    address public immutable issuer = address(0xA1);
    address public immutable stranger = address(0xA2);

    mapping(bytes4 action => mapping(bytes4 outcome => uint256)) public reached;
    uint256 public calls;
    uint256 public changes;

    bytes32[] private _ids;
    address[] private _tokens;
    address[] private _holders;
    mapping(bytes32 id => Filing) private _filings;
    mapping(address token => Tranche) private _tranches;
    mapping(bytes32 id => Filing) private _before;
    mapping(address token => Tranche) private _trancheBefore;
    mapping(address operator => mapping(address replaced => uint256)) private _announcedAt;
    address private _leaving;
    uint256 private _thresholdBefore;
    uint256 private _lowerSaidAt;
    mapping(address account => bool) private _wasOperator;
    Sent[] private _sent;

    constructor(uint64 rotationDelay, uint64 retention) {
        vm.warp(START);
        _makePool(POOL);
        _found(5, 3, rotationDelay, retention);
        IOracleCommittee.CommitteeConfig memory config = IOracleCommittee.CommitteeConfig(
            owner,
            _resized(_pool, 5),
            3,
            rotationDelay,
            retention
        );
        replica = new EventReplica();
        vm.recordLogs();
        registry = new FilingRegistry(config, MAX_VALIDITY);
        replica.apply_(vm.getRecordedLogs(), address(registry));
        for (uint256 i = 1; i < 6; ++i) {
            _ids.push(keccak256(abi.encode("filing", i)));
        }
        // Same first eight bytes as the first one: what storage knows a filing by.
        _ids.push(_ids[0] ^ bytes32(uint256(1)));
        for (uint256 i = 1; i < 5; ++i) {
            _holders.push(address(uint160(0xB0 + i)));
        }
        _makeTokens();
        for (uint256 i = 0; i < _pool.length; ++i) {
            _wasOperator[_pool[i]] = i < 5;
        }
        _thresholdBefore = 3;
    }

    // ------------------------------------------------------------ filings

    function approve(uint256 seed) external {
        _begin(seed);
        (IFilingRegistry.FilingApproval memory approval, Ballot memory ballot) = _approval(_pickFiling(), 0);
        bytes4 expected = _modelApprove(approval, ballot);
        bytes memory call = abi.encodeCall(IFilingRegistry.approve, (approval, ballot.list));
        _do(_anybody(), address(registry), call, expected);
        if (expected == CHANGED) {
            _keep(IFilingRegistry.approve.selector, approval.filing, approval.sequence, call);
        }
    }

    function approveBatch(uint256 seed) external {
        _begin(seed);
        bytes32 id = _pickFiling();
        IFilingRegistry.FilingApproval[] memory list = new IFilingRegistry.FilingApproval[](2);
        IOracleCommittee.OperatorSignature[][] memory signatures = new IOracleCommittee.OperatorSignature[][](2);
        // Both for one filing, the second as if the first had been applied; or for two.
        bool chained = _rand(2) == 0;
        Ballot memory first;
        Ballot memory second;
        (list[0], first) = _approval(id, 0);
        (list[1], second) = _approval(chained ? id : _pickFiling(), chained ? 1 : 0);
        (signatures[0], signatures[1]) = (first.list, second.list);
        uint256 undo = vm.snapshotState();
        bytes4 expected = _modelApprove(list[0], first);
        if (expected == CHANGED || expected == NOTHING) {
            bytes4 then = _modelApprove(list[1], second);
            expected = then == NOTHING ? expected : then;
        }
        if (expected != CHANGED && expected != NOTHING) {
            // The model took the first one in; the call must not.
            vm.revertToState(undo);
        }
        _do(_anybody(), address(registry), abi.encodeCall(IFilingRegistry.approveBatch, (list, signatures)), expected);
    }

    function update(uint256 seed) external {
        _begin(seed);
        bytes32 id = _pickFiling();
        Filing memory filing = _filings[id];
        IFilingRegistry.FilingUpdate memory change;
        change.filing = id;
        uint256 dice = _rand(20);
        if (dice < 13) {
            change.status = IFilingRegistry.FilingStatus.Approved;
            change.validUntil = uint64(_now() + 1 + _rand(MAX_VALIDITY));
            if (dice == 0) change.validUntil = uint64(_now() + MAX_VALIDITY + 1);
            if (dice == 1) change.validUntil = uint64(_now());
            if (dice == 2) change.validUntil = filing.validAfter;
        } else {
            change.status = IFilingRegistry.FilingStatus([2, 2, 2, 3, 4, 0, 2][dice - 13]);
            change.validUntil = dice == 19 ? 1 : 0;
        }
        change.sequence = filing.sequence + 1;
        if (_rand(12) == 0) change.sequence = uint64(_rand(4));
        change.recordHash = bytes32(seed);
        bytes32 digest = registry.updateDigest(change);
        Ballot memory ballot = _cast(digest);
        bytes4 expected = _modelUpdate(change, digest, ballot);
        bytes memory call = abi.encodeCall(IFilingRegistry.update, (change, ballot.list));
        _do(_anybody(), address(registry), call, expected);
        if (expected == CHANGED) _keep(IFilingRegistry.update.selector, id, change.sequence, call);
    }

    function suspend(uint256 seed) external {
        _begin(seed);
        bytes32 id = _pickFiling();
        address sender = _rand(6) == 0 ? stranger : _pool[_rand(_pool.length)];
        bytes4 expected = _isCurrent(sender)
            ? _modelSuspend(id, _filings[id].sequence)
            : IOracleCommittee.NotAnOperator.selector;
        _do(sender, address(registry), abi.encodeCall(IFilingRegistry.suspend, (id, bytes32(seed))), expected);
    }

    function suspendBySig(uint256 seed) external {
        _begin(seed);
        bytes32 id = _pickFiling();
        IFilingRegistry.Suspension memory s = IFilingRegistry.Suspension(id, _filings[id].sequence, bytes32(seed));
        if (_rand(4) == 0) s.sequence += uint64(1 + _rand(2));
        address signer = _pool[_rand(_pool.length)];
        bytes32 digest = registry.suspensionDigest(s);
        bool valid = _rand(6) != 0;
        IOracleCommittee.OperatorSignature memory signature = IOracleCommittee.OperatorSignature(
            signer,
            valid ? _signature(signer, digest, _rand(2) == 0) : _badSignature(signer, digest, _rand(7))
        );
        bytes4 expected = _modelSignature(signer, valid);
        if (expected == 0) expected = _modelSuspend(id, s.sequence);
        bytes memory call = abi.encodeCall(IFilingRegistry.suspendBySig, (s, signature));
        _do(_anybody(), address(registry), call, expected);
        if (expected == CHANGED) {
            _keep(IFilingRegistry.suspendBySig.selector, id, s.sequence, call);
            _sent[_sent.length - 1].signer = signer;
        }
    }

    /// @dev Sends again what was applied once, the latest or any.
    function sendAgain(uint256 seed) external {
        _begin(seed);
        if (_sent.length == 0) return;
        uint256 at = _rand(2) == 0 ? _sent.length - 1 : _rand(_sent.length);
        bool oneSigner = _rand(2) == 0;
        for (uint256 i = 0; oneSigner && i < _sent.length && _sent[at].signer == address(0); ++i) {
            at = (at + 1) % _sent.length;
        }
        Sent memory sent = _sent[at];
        Filing memory filing = _filings[sent.filing];
        bytes4 expected = IFilingRegistry.WrongSequence.selector;
        if (sent.kind == IFilingRegistry.suspendBySig.selector) {
            if (!_isCounting(sent.signer)) expected = IOracleCommittee.NotAnOperator.selector;
            else if (filing.status == IFilingRegistry.FilingStatus.Suspended) expected = NOTHING;
        } else if (filing.last == sent.digest) {
            expected = NOTHING;
        }
        _do(stranger, address(registry), sent.call, expected);
    }

    // ------------------------------------------------------------ tokens

    function mint(uint256 seed) external {
        _begin(seed);
        (address token, bool greedy) = _pickToken();
        uint256 amount = _amount(token);
        address to = _rand(12) == 0 ? address(0) : _holders[_rand(_holders.length)];
        address sender = _rand(10) == 0 ? stranger : issuer;
        bytes4 expected = CHANGED;
        if (sender != issuer && !greedy) expected = IAccessControl.AccessControlUnauthorizedAccount.selector;
        else if (to == address(0)) expected = IERC20Errors.ERC20InvalidReceiver.selector;
        else if (!_mayReceive(token, to)) expected = IERC7943Fungible.ERC7943CannotReceive.selector;
        else expected = _modelConsume(token, amount);
        bytes memory call = greedy
            ? abi.encodeCall(GreedyToken.mintAnyway, (to, amount))
            : abi.encodeCall(IAssetBackedToken.mint, (to, amount));
        _do(sender, token, call, expected);
    }

    function mintBatch(uint256 seed) external {
        _begin(seed);
        (address token, bool greedy) = _pickToken();
        uint256 count = _rand(8) == 0 ? 257 : _rand(5);
        uint256 dice = _rand(12);
        address[] memory to = new address[](count);
        uint256[] memory amounts = new uint256[](dice == 0 ? count + 1 : count);
        bytes4 expected = 0;
        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            to[i] = _holders[_rand(_holders.length - 1)];
            amounts[i] = 1 + _rand(1 + _left(token) / 2);
            total += amounts[i];
        }
        if (count != 0 && dice == 1) {
            (to[count - 1], expected) = (address(0), IERC20Errors.ERC20InvalidReceiver.selector);
            if (!_mayReceive(token, address(0))) expected = IERC7943Fungible.ERC7943CannotReceive.selector;
        }
        if (count != 0 && dice == 2) (amounts[0], expected) = (0, IFilingRegistry.ZeroAmount.selector);
        if (count != 0 && dice == 3 && !_mayReceive(token, _holders[3])) {
            (to[0], expected) = (_holders[3], IERC7943Fungible.ERC7943CannotReceive.selector);
        }
        if (count > 256 && expected != IERC7943Fungible.ERC7943CannotReceive.selector) {
            expected = IFilingGated.BatchTooLong.selector;
        }
        if (amounts.length != count) expected = IFilingGated.BatchLengthMismatch.selector;
        if (expected == 0) expected = _modelConsume(token, total);
        bytes memory call = greedy
            ? abi.encodeCall(GreedyToken.mintParts, (to, amounts))
            : abi.encodeCall(IAssetBackedToken.mintBatch, (to, amounts));
        _do(issuer, token, call, expected);
    }

    function burn(uint256 seed) external {
        _begin(seed);
        AssetBackedToken token = AssetBackedToken(_tokens[_rand(_tokens.length - 1)]);
        address holder = _holders[_rand(_holders.length)];
        uint256 balance = token.balanceOf(holder);
        uint256 amount = _rand(5) == 0 ? balance + 1 : _rand(balance + 1);
        bytes4 expected = CHANGED;
        if (!_mayReceive(address(token), holder)) expected = IERC7943Fungible.ERC7943CannotSend.selector;
        else if (amount > balance) expected = IERC20Errors.ERC20InsufficientBalance.selector;
        else _tranches[address(token)].burned += amount;
        bytes memory call = _rand(2) == 0
            ? abi.encodeCall(IAssetBackedToken.burn, (amount))
            : abi.encodeCall(IAssetBackedToken.redeem, (amount, bytes32(seed)));
        _do(holder, address(token), call, expected);
    }

    function transfer(uint256 seed) external {
        _begin(seed);
        AssetBackedToken token = AssetBackedToken(_tokens[_rand(_tokens.length - 1)]);
        address from = _holders[_rand(_holders.length)];
        address to = _holders[_rand(_holders.length)];
        uint256 amount = _rand(token.balanceOf(from) + 1);
        bytes4 expected = CHANGED;
        if (!_mayReceive(address(token), from)) expected = IERC7943Fungible.ERC7943CannotSend.selector;
        else if (!_mayReceive(address(token), to)) expected = IERC7943Fungible.ERC7943CannotReceive.selector;
        _do(from, address(token), abi.encodeCall(token.transfer, (to, amount)), expected);
    }

    /// @dev Only a token of an approved filing consumes, and for itself.
    function consumeAsAnother(uint256 seed) external {
        _begin(seed);
        _do(
            _rand(2) == 0 ? stranger : _pool[_rand(_pool.length)],
            address(registry),
            abi.encodeCall(IFilingRegistry.consume, (1 + _rand(1e6))),
            IFilingRegistry.TokenNotApproved.selector
        );
    }

    // ------------------------------------------------------------ time

    function passTime(uint256 seed) external {
        _begin(seed);
        uint256 dice = _rand(8);
        uint256 to = _now() + 1 + _rand(dice < 3 ? 1 hours : dice < 5 ? 3 days : dice == 5 ? 40 days : 1);
        // Just before, at and after the moments at which something changes.
        if (dice == 6) to = _moment() + _rand(3);
        if (dice == 6 && to != 0) --to;
        if (to > _now()) vm.warp(to);
        _compare(true);
    }

    // ------------------------------------------------------------ committee

    function announceOperator(uint256 seed) external {
        _begin(seed);
        address operator = _rand(15) == 0 ? address(0) : _pool[_rand(_pool.length)];
        address replaced = _rand(2) == 0 ? address(0) : _pool[_rand(_pool.length)];
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed
            ? _modelAnnounce(operator, replaced)
            : Ownable.OwnableUnauthorizedAccount.selector;
        if (expected == 0) _announcedAt[operator][replaced] = _now();
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.announceOperator, (operator, replaced)), expected);
    }

    function applyOperator(uint256 seed) external {
        _begin(seed);
        (address operator, address replaced) = _pickAnnounced();
        _leaving = replaced;
        uint256 readyAt = _announced(operator, replaced);
        if (readyAt > _now() && _rand(2) == 0) vm.warp(readyAt - (_rand(4) == 0 ? 1 : 0));
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed ? _modelApply(operator, replaced) : Ownable.OwnableUnauthorizedAccount.selector;
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.applyOperator, (operator, replaced)), expected);
    }

    function cancelOperator(uint256 seed) external {
        _begin(seed);
        (address operator, address replaced) = _pickAnnounced();
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed ? _modelCancel(operator, replaced) : Ownable.OwnableUnauthorizedAccount.selector;
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.cancelOperator, (operator, replaced)), expected);
    }

    function removeOperator(uint256 seed) external {
        _begin(seed);
        address operator = _pool[_rand(_pool.length)];
        // A committee below its threshold can do nothing for a while: not too often.
        if (_isCurrent(operator) && _modelCount <= _modelThreshold && _rand(4) != 0) operator = stranger;
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed ? _modelRemove(operator) : Ownable.OwnableUnauthorizedAccount.selector;
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.removeOperator, (operator)), expected);
    }

    function raiseThreshold(uint256 seed) external {
        _begin(seed);
        uint256 threshold = _modelThreshold + _rand(3);
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed ? _modelRaise(threshold) : Ownable.OwnableUnauthorizedAccount.selector;
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.raiseThreshold, (threshold)), expected);
    }

    function announceThreshold(uint256 seed) external {
        _begin(seed);
        uint256 threshold = _rand(_modelThreshold + 1);
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed
            ? _modelAnnounceThreshold(threshold)
            : Ownable.OwnableUnauthorizedAccount.selector;
        if (expected == 0) _lowerSaidAt = _now();
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.announceThreshold, (threshold)), expected);
    }

    function applyThreshold(uint256 seed) external {
        _begin(seed);
        (, uint256 readyAt) = _announcedThreshold();
        if (readyAt > _now() && _rand(2) == 0) vm.warp(readyAt - (_rand(4) == 0 ? 1 : 0));
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed ? _modelApplyThreshold() : Ownable.OwnableUnauthorizedAccount.selector;
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.applyThreshold, ()), expected);
    }

    function cancelThreshold(uint256 seed) external {
        _begin(seed);
        (address sender, bool allowed) = _pickOwner();
        bytes4 expected = allowed ? _modelCancelThreshold() : Ownable.OwnableUnauthorizedAccount.selector;
        _doCommittee(sender, abi.encodeCall(IOracleCommittee.cancelThreshold, ()), expected);
    }

    // ------------------------------------------------------------ the model of filings and tranches

    function _modelApprove(
        IFilingRegistry.FilingApproval memory a,
        Ballot memory ballot
    ) private returns (bytes4) {
        if (a.filing == 0) return IFilingRegistry.ZeroFiling.selector;
        uint256 count = a.tranches.length;
        if (count == 0 || count > 32) return IFilingRegistry.InvalidTrancheCount.selector;
        if (_keyTaken(a.filing)) return IFilingRegistry.FilingKeyTaken.selector;
        Filing storage filing = _filings[a.filing];
        bytes32 digest = registry.approvalDigest(a);
        if (filing.last == digest) return NOTHING;
        if (a.sequence != filing.sequence + 1) return IFilingRegistry.WrongSequence.selector;
        if (_isFinal(filing.status)) return IFilingRegistry.FilingIsFinal.selector;
        if (filing.status == IFilingRegistry.FilingStatus.Suspended) return IFilingRegistry.FilingIsSuspended.selector;
        bytes4 reason = _modelWindow(a.validAfter, a.validUntil);
        if (reason == 0) reason = _modelTranches(a);
        if (reason == 0) reason = _modelQuorum(ballot);
        if (reason != 0) return reason;
        check(_seatsBehind(ballot) == _modelThreshold, "1: a quorum stands behind an approval");
        filing.status = IFilingRegistry.FilingStatus.Approved;
        (filing.validAfter, filing.validUntil) = (a.validAfter, a.validUntil);
        (filing.sequence, filing.last) = (a.sequence, digest);
        for (uint256 i = 0; i < count; ++i) {
            _tranches[a.tranches[i].token].filing = a.filing;
            _tranches[a.tranches[i].token].cap = a.tranches[i].cap;
        }
        return CHANGED;
    }

    function _modelTranches(IFilingRegistry.FilingApproval memory a) private view returns (bytes4) {
        for (uint256 i = 0; i < a.tranches.length; ++i) {
            IFilingRegistry.Tranche memory t = a.tranches[i];
            Tranche memory known = _tranches[t.token];
            if (i == 0 ? t.token == address(0) : t.token <= a.tranches[i - 1].token) {
                return IFilingRegistry.TranchesNotAscending.selector;
            }
            if (t.cap == 0) return IFilingRegistry.ZeroCap.selector;
            if (t.cap >= 2 ** 96) return IFilingRegistry.CapTooLarge.selector;
            if (known.filing != 0 && known.filing != a.filing) {
                return IFilingRegistry.TokenBoundToAnotherFiling.selector;
            }
            if (t.cap < known.issued) return IFilingRegistry.CapBelowIssued.selector;
            if (t.token.code.length == 0) return IFilingRegistry.DecimalsUnreadable.selector;
            if (t.decimals != AssetBackedToken(t.token).decimals()) return IFilingRegistry.DecimalsMismatch.selector;
        }
        return 0;
    }

    function _modelWindow(uint256 validAfter, uint256 validUntil) private view returns (bytes4) {
        if (validAfter >= validUntil) return IFilingRegistry.EmptyWindow.selector;
        if (validUntil <= _now()) return IFilingRegistry.WindowInThePast.selector;
        return validUntil > _now() + MAX_VALIDITY ? IFilingRegistry.WindowTooLong.selector : bytes4(0);
    }

    function _modelUpdate(
        IFilingRegistry.FilingUpdate memory change,
        bytes32 digest,
        Ballot memory ballot
    ) private returns (bytes4) {
        Filing storage filing = _filings[change.filing];
        if (_keyTaken(change.filing)) return IFilingRegistry.FilingKeyTaken.selector;
        if (filing.sequence == 0) return IFilingRegistry.UnknownFiling.selector;
        if (filing.last == digest) return NOTHING;
        if (change.sequence != filing.sequence + 1) return IFilingRegistry.WrongSequence.selector;
        if (_isFinal(filing.status)) return IFilingRegistry.FilingIsFinal.selector;
        bool again = change.status == IFilingRegistry.FilingStatus.Suspended && change.status == filing.status;
        if (again || change.status == IFilingRegistry.FilingStatus.None) {
            return IFilingRegistry.InvalidTransition.selector;
        }
        bool approved = change.status == IFilingRegistry.FilingStatus.Approved;
        bytes4 reason = 0;
        if (approved) reason = _modelWindow(filing.validAfter, change.validUntil);
        else if (change.validUntil != 0) reason = IFilingRegistry.UnexpectedValidUntil.selector;
        if (reason == 0) reason = _modelQuorum(ballot);
        if (reason != 0) return reason;
        check(_seatsBehind(ballot) == _modelThreshold, "1: a quorum stands behind an update");
        if (approved) filing.validUntil = change.validUntil;
        (filing.status, filing.sequence, filing.last) = (change.status, change.sequence, digest);
        return CHANGED;
    }

    function _modelSuspend(bytes32 id, uint64 sequence) private returns (bytes4) {
        Filing storage filing = _filings[id];
        if (_keyTaken(id)) return IFilingRegistry.FilingKeyTaken.selector;
        if (filing.sequence == 0) return IFilingRegistry.UnknownFiling.selector;
        if (filing.status == IFilingRegistry.FilingStatus.Suspended) return NOTHING;
        if (sequence != filing.sequence) return IFilingRegistry.WrongSequence.selector;
        if (_isFinal(filing.status)) return IFilingRegistry.FilingIsFinal.selector;
        filing.status = IFilingRegistry.FilingStatus.Suspended;
        filing.last = 0;
        ++filing.sequence;
        return CHANGED;
    }

    function _refusal(address token, uint256 amount) private view returns (bytes4) {
        Tranche memory tranche = _tranches[token];
        if (tranche.filing == 0) return IFilingRegistry.TokenNotApproved.selector;
        if (amount == 0) return IFilingRegistry.ZeroAmount.selector;
        Filing memory filing = _filings[tranche.filing];
        if (filing.status == IFilingRegistry.FilingStatus.Suspended) return IFilingRegistry.FilingIsSuspended.selector;
        if (_isFinal(filing.status)) return IFilingRegistry.FilingIsFinal.selector;
        if (_now() < filing.validAfter) return IFilingRegistry.FilingNotStarted.selector;
        if (_now() >= filing.validUntil) return IFilingRegistry.FilingExpired.selector;
        // The caps end at 96 bits, so that the sum cannot overflow where it decides.
        bool huge = amount >= 2 ** 96;
        return huge || tranche.issued + amount > tranche.cap ? IFilingRegistry.CapExceeded.selector : bytes4(0);
    }

    function _modelConsume(address token, uint256 amount) private returns (bytes4 reason) {
        reason = _refusal(token, amount);
        (bool allowed, bytes4 said) = registry.canIssue(token, amount);
        sameSelector(said, reason, "canIssue: reason");
        same(allowed, reason == 0, "canIssue: allowed");
        if (reason != 0) return reason;
        _tranches[token].issued += amount;
        _tranches[token].minted += amount;
        return CHANGED;
    }

    function _isFinal(IFilingRegistry.FilingStatus status) private pure returns (bool) {
        return status == IFilingRegistry.FilingStatus.Revoked || status == IFilingRegistry.FilingStatus.Completed;
    }

    function _keyTaken(bytes32 id) private view returns (bool) {
        bytes32 twin = id == _ids[0] ? _ids[5] : _ids[0];
        return (id == _ids[0] || id == _ids[5]) && _filings[twin].sequence != 0;
    }

    // ------------------------------------------------------------ choices

    function _begin(uint256 seed) private {
        _seed(seed);
        ++calls;
    }

    function _anybody() private returns (address) {
        return _rand(2) == 0 ? stranger : _pool[_rand(_pool.length)];
    }

    function _pickOwner() private returns (address sender, bool allowed) {
        allowed = _rand(12) != 0;
        sender = allowed ? owner : _pool[_rand(_pool.length)];
    }

    function _pickFiling() private returns (bytes32) {
        uint256 dice = _rand(12);
        return dice == 11 ? _ids[5] : _ids[dice % 5];
    }

    function _pickToken() private returns (address token, bool greedy) {
        uint256 i = _rand(_tokens.length);
        return (_tokens[i], i + 1 == _tokens.length);
    }

    function _left(address token) private view returns (uint256) {
        return _tranches[token].cap - _tranches[token].issued;
    }

    function _amount(address token) private returns (uint256) {
        uint256 dice = _rand(10);
        uint256 left = _left(token);
        if (dice == 0) return 0;
        if (dice == 1) return left + 1;
        if (dice == 2) return left;
        if (dice == 3) return type(uint256).max - _rand(2);
        return 1 + _rand(1 + left / 3);
    }

    /// @dev The third token has an allow-list, on which the last holder is not.
    function _mayReceive(address token, address account) private view returns (bool) {
        return token != _tokens[2] || (account != address(0) && account != _holders[3]);
    }

    function _pickAnnounced() private returns (address operator, address replaced) {
        uint256 from = _rand(_pool.length * (_pool.length + 1));
        for (uint256 i = 0; i < 90; ++i) {
            uint256 at = (from + i) % 90;
            operator = _pool[at / 10];
            replaced = at % 10 == 9 ? address(0) : _pool[at % 10];
            if (_announced(operator, replaced) != 0) return (operator, replaced);
        }
    }

    function _moment() private returns (uint256) {
        uint256 dice = _rand(5);
        (address operator, address replaced) = _pickAnnounced();
        if (dice == 0) return _announced(operator, replaced) + (_rand(2) == 0 ? APPLY_WINDOW : 0);
        (, uint256 lowerAt) = _announcedThreshold();
        if (dice == 1) return lowerAt + (_rand(2) == 0 ? APPLY_WINDOW : 0);
        Filing memory filing = _filings[_ids[_rand(5)]];
        if (dice == 2) return filing.validAfter;
        if (dice == 3) return filing.validUntil;
        uint256 until = _until[_pool[_rand(_pool.length)]];
        return until == FOR_EVER ? 0 : until;
    }

    /// @dev An approval, right or wrong, as if `ahead` others of the same filing had been applied before.
    function _approval(
        bytes32 id,
        uint64 ahead
    ) private returns (IFilingRegistry.FilingApproval memory a, Ballot memory ballot) {
        a.filing = id;
        a.dossierHash = keccak256(abi.encode("dossier", _rand(1 << 128)));
        a.sequence = _filings[id].sequence + 1 + ahead;
        a.validAfter = uint64(_rand(4) == 0 ? _now() + _rand(2 days) : _now() - _rand(1 days));
        a.validUntil = uint64(_now() + 2 days + _rand(60 days));
        a.tranches = _someTranches(id);
        uint256 fault = _rand(42);
        if (fault == 0) a.filing = 0;
        if (fault == 1) a.tranches = new IFilingRegistry.Tranche[](0);
        if (fault == 2) a.tranches = new IFilingRegistry.Tranche[](33);
        if (fault == 3) a.sequence += uint64(_rand(2) + 1);
        if (fault == 4) a.sequence -= 1;
        if (fault == 5) a.validUntil = a.validAfter;
        if (fault == 6) (a.validAfter, a.validUntil) = (uint64(_now() - 2), uint64(_now()));
        if (fault == 7) a.validUntil = uint64(_now() + MAX_VALIDITY + 1);
        if (fault == 8) a.validUntil = uint64(_now() + MAX_VALIDITY);
        if (fault == 9) a.validUntil = type(uint64).max;
        if (a.tranches.length != 0 && a.tranches.length < 33) {
            IFilingRegistry.Tranche memory t = a.tranches[_rand(a.tranches.length)];
            uint256 issued = _tranches[t.token].issued;
            if (fault == 10) t.cap = 0;
            if (fault == 11) t.cap = 2 ** 96 + _rand(2);
            if (fault == 12) t.cap = type(uint96).max;
            if (fault >= 13 && fault < 16 && issued != 0) t.cap = issued - 1;
            if (fault == 16) t.decimals += 1;
            if (fault == 17) t.token = address(uint160(a.tranches[a.tranches.length - 1].token) + 1);
            if (fault == 18) t.token = a.tranches[0].token;
            if (fault == 19) t.token = address(0);
        }
        ballot = _cast(registry.approvalDigest(a));
    }

    /// @dev Tokens that are the filing's or nobody's, ascending; sometimes another one's.
    function _someTranches(bytes32 id) private returns (IFilingRegistry.Tranche[] memory made) {
        address[] memory chosen = new address[](_tokens.length);
        uint256 count = 0;
        for (uint256 i = 0; i < _tokens.length; ++i) {
            bytes32 bound = _tranches[_tokens[i]].filing;
            bool mine = bound == id || (bound == 0 && _rand(4) == 0);
            if (mine || _rand(30) == 0) chosen[count++] = _tokens[i];
        }
        if (count == 0) chosen[count++] = _tokens[_rand(_tokens.length)];
        chosen = _sort(_resized(chosen, count));
        made = new IFilingRegistry.Tranche[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 cap = _tranches[chosen[i]].issued + 1 + _rand(1e9);
            made[i] = IFilingRegistry.Tranche(chosen[i], cap, AssetBackedToken(chosen[i]).decimals());
        }
    }

    /// @dev Signatures over the digest: mostly a quorum's, else all that can be wrong with them.
    function _cast(bytes32 digest) private returns (Ballot memory ballot) {
        address[] memory chosen = _quorum();
        uint256 fault = _rand(32);
        if (chosen.length != 0) {
            if (fault == 0) chosen = _resized(chosen, chosen.length - 1);
            if (fault == 2) chosen[_rand(chosen.length)] = _pool[_rand(_pool.length)];
            if (fault == 3) chosen[_rand(chosen.length)] = _nobody();
            if (fault == 4 || fault > 28) chosen = _withTwoOnASeat(chosen);
        }
        if (fault == 1) {
            chosen = _resized(chosen, chosen.length + 1);
            chosen[chosen.length - 1] = _pool[_rand(_pool.length)];
        }
        chosen = _sort(chosen);
        if (chosen.length > 1) {
            if (fault == 5) (chosen[0], chosen[1]) = (chosen[1], chosen[0]);
            if (fault == 6) chosen[1] = chosen[0];
            if (fault == 7) chosen[chosen.length - 1] = chosen[0];
        }
        if (fault == 8 && chosen.length != 0) chosen[0] = address(0);
        ballot = _ballot(chosen, digest);
        if (fault >= 9 && fault < 13 && chosen.length != 0) {
            uint256 i = _rand(chosen.length);
            ballot.list[i].signature = _badSignature(chosen[i], digest, _rand(7));
            ballot.valid[i] = false;
        }
    }

    /// @dev An account that is no operator, with a key.
    function _nobody() private returns (address) {
        uint256 from = _rand(_pool.length);
        for (uint256 i = 0; i < _pool.length; ++i) {
            address account = _pool[(from + i) % _pool.length];
            if (!_isCounting(account)) return account;
        }
        return stranger;
    }

    /// @dev As many as the threshold, each on a seat of its own, chosen at random; fewer if there are fewer.
    function _quorum() private returns (address[] memory chosen) {
        chosen = new address[](_modelThreshold);
        uint256 from = _rand(_pool.length);
        uint256 count = 0;
        for (uint256 i = 0; i < _pool.length && count < chosen.length; ++i) {
            address account = _pool[(from + i * 2) % _pool.length];
            bool taken = !_isCounting(account);
            for (uint256 k = 0; k < count; ++k) {
                taken = taken || _sameSeat(account, chosen[k]);
            }
            if (!taken) chosen[count++] = account;
        }
        chosen = _resized(chosen, count);
    }

    /// @dev An operator and one whom it replaced, both, if there are such.
    function _withTwoOnASeat(address[] memory chosen) private view returns (address[] memory) {
        for (uint256 i = 0; i < _pool.length && chosen.length > 1; ++i) {
            for (uint256 k = 0; k < i; ++k) {
                if (_isCounting(_pool[i]) && _isCounting(_pool[k]) && _sameSeat(_pool[i], _pool[k])) {
                    // In the place of two, so that nobody is named twice.
                    for (uint256 j = 0; j < chosen.length; ++j) {
                        if (chosen[j] == _pool[i]) (chosen[j], chosen[0]) = (chosen[0], chosen[j]);
                    }
                    chosen[0] = _pool[i];
                    for (uint256 j = 1; j < chosen.length; ++j) {
                        if (chosen[j] == _pool[k]) (chosen[j], chosen[1]) = (chosen[1], chosen[j]);
                    }
                    chosen[1] = _pool[k];
                    return chosen;
                }
            }
        }
        return chosen;
    }

    // ------------------------------------------------------------ doing and comparing

    function _doCommittee(address sender, bytes memory call, bytes4 expected) private {
        _do(sender, address(registry), call, expected == 0 ? CHANGED : expected);
        _compare(true);
    }

    function _do(address sender, address target, bytes memory call, bytes4 expected) private {
        bool succeeds = expected == CHANGED || expected == NOTHING;
        vm.recordLogs();
        vm.prank(sender);
        (bool success, bytes memory answer) = target.call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        // What a call that failed had said before is recorded, but never happened.
        uint256 events = success ? replica.apply_(logs, address(registry)) : 0;
        if (!success) sameSelector(selectorOf(answer), succeeds ? bytes4(0) : expected, "error");
        same(success, succeeds, "success");
        if (target == address(registry)) same(events != 0, expected == CHANGED, "whether there are events");
        ++reached[msg.sig][expected];
        if (expected == CHANGED) ++changes;
        _compare(false);
    }

    function _keep(bytes4 kind, bytes32 id, uint64 sequence, bytes memory call) private {
        _sent.push(Sent(kind, id, _filings[id].last, sequence, call, address(0)));
    }

    function _compare(bool committee) private {
        replica.compareFilings(registry, _ids, _tokens);
        for (uint256 i = 0; i < _ids.length; ++i) {
            _compareFiling(_ids[i]);
        }
        for (uint256 i = 0; i < _tokens.length; ++i) {
            _compareTranche(_tokens[i]);
        }
        if (committee) {
            _compareCommittee(registry);
            replica.compareCommittee(registry, _pool);
            _compareDelays();
        }
    }

    function _compareFiling(bytes32 id) private {
        Filing memory model = _filings[id];
        Filing memory old = _before[id];
        Filing memory current;
        (current.status, current.validAfter, current.validUntil, current.sequence) = registry.filingState(id);
        same(uint256(current.status), uint256(model.status), "status");
        same(current.validAfter, model.validAfter, "validAfter");
        same(current.validUntil, model.validUntil, "validUntil");
        same(current.sequence, model.sequence, "sequence");
        bool changed = current.status != old.status ||
            current.validAfter != old.validAfter ||
            current.validUntil != old.validUntil;
        check(changed ? current.sequence > old.sequence : current.sequence >= old.sequence, "2: sequence grows");
        check(!_isFinal(old.status) || (!changed && current.sequence == old.sequence), "7: what is final stays");
        check(
            old.status == IFilingRegistry.FilingStatus.None || current.status != IFilingRegistry.FilingStatus.None,
            "7: a filing never becomes unknown"
        );
        if (changed && current.status == IFilingRegistry.FilingStatus.Approved) {
            check(current.validAfter < current.validUntil, "2: the window holds a second");
            check(current.validUntil <= _now() + MAX_VALIDITY, "2: nothing is for ever");
            check(
                old.status != IFilingRegistry.FilingStatus.Suspended || msg.sig == this.update.selector,
                "7: only an update lifts a suspension"
            );
        }
        if (current.sequence != old.sequence) _before[id] = current;
    }

    function _compareTranche(address token) private {
        Tranche memory model = _tranches[token];
        (bytes32 id, uint256 cap, uint256 issued) = registry.trancheState(token);
        same(id, model.filing, "filing of a token");
        same(cap, model.cap, "cap");
        same(issued, model.issued, "issued");
        same(issued, model.minted, "3: sum of the mints");
        check(issued <= cap, "3: issued is at most the cap");
        same(AssetBackedToken(token).totalSupply(), model.minted - model.burned, "3: supply");
        Tranche memory old = _trancheBefore[token];
        check(old.filing == 0 || old.filing == id, "5: a token belongs to one filing for ever");
        check(issued >= old.issued, "3: what is issued stays issued");
        if (issued != old.issued) {
            (IFilingRegistry.FilingStatus status, uint64 validAfter, uint64 validUntil, ) = registry.filingState(id);
            bool open = status == IFilingRegistry.FilingStatus.Approved &&
                _now() >= validAfter &&
                _now() < validUntil;
            check(open, "4: no mint outside the window or the status");
        }
        (_trancheBefore[token].filing, _trancheBefore[token].issued) = (id, issued);
    }

    /// @dev Rule 6, from the times of the announcements alone.
    function _compareDelays() private {
        for (uint256 i = 0; i < _pool.length; ++i) {
            bool current = registry.isOperator(_pool[i]);
            if (current && !_wasOperator[_pool[i]]) {
                uint256 announcedAt = _announcedAt[_pool[i]][_leaving];
                check(announcedAt != 0, "6: nobody joins unannounced");
                check(_now() >= announcedAt + _delay, "6: nobody joins before the delay");
            }
            _wasOperator[_pool[i]] = current;
        }
        uint256 threshold = registry.threshold();
        if (threshold < _thresholdBefore) {
            check(_now() >= _lowerSaidAt + _delay, "6: the threshold falls only after the delay");
        }
        check(threshold != 0, "1: the threshold is at least one");
        _thresholdBefore = threshold;
    }

    function _makeTokens() private {
        TrancheFactory factory = new TrancheFactory();
        IAssetBackedToken.TokenConfig[] memory configs = new IAssetBackedToken.TokenConfig[](4);
        for (uint256 i = 0; i < 4; ++i) {
            configs[i] = IAssetBackedToken.TokenConfig({
                name: "Tranche",
                symbol: "T",
                decimals: uint8(i * 6),
                admin: owner,
                issuer: issuer,
                permissioned: i == 2,
                registry: registry,
                trancheId: bytes32(i + 1)
            });
        }
        _tokens = factory.deployAll(configs, 0);
        _tokens.push(address(new GreedyToken(registry)));
        AssetBackedToken listed = AssetBackedToken(_tokens[2]);
        bytes32 role = listed.ALLOWLIST_ROLE();
        vm.startPrank(owner);
        listed.grantRole(role, owner);
        address[] memory allowed = new address[](3);
        (allowed[0], allowed[1], allowed[2]) = (_holders[0], _holders[1], _holders[2]);
        listed.setAllowed(allowed, true);
        vm.stopPrank();
    }
}
