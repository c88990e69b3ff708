// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Gate} from "./Gate.sol";
import {OddDecimals} from "../sol/OddDecimals.sol";
import {AssetBackedToken} from "../../../contracts/AssetBackedToken.sol";
import {FilingRegistry} from "../../../contracts/FilingRegistry.sol";
import {IFilingRegistry as R} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee as C} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev What the handlers leave out: limits, views, digests, and fuzzing of caps and windows.
contract Registry is Gate {
    AssetBackedToken private _t;

    function setUp() external {
        _openGate();
        _t = _token(false);
    }

    function test_constructor_limits() external {
        vm.expectRevert(abi.encodeWithSelector(R.InvalidMaxValidity.selector, 0, 3650 days));
        new FilingRegistry(_committee(5, 3), 0);
        vm.expectRevert(abi.encodeWithSelector(R.InvalidMaxValidity.selector, 3650 days + 1, 3650 days));
        new FilingRegistry(_committee(5, 3), 3650 days + 1);
        same(new FilingRegistry(_committee(5, 3), 3650 days).maxValidity(), 3650 days, "longest");
    }

    function test_successor_is_announced_by_the_owner_only() external {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        registry.announceSuccessor(ALICE);
        vm.prank(OWNER);
        registry.announceSuccessor(ALICE);
        same(registry.successor(), ALICE, "successor");
    }

    function test_interfaces() external view {
        check(registry.supportsInterface(type(R).interfaceId), "registry");
        check(registry.supportsInterface(type(C).interfaceId), "committee");
        check(registry.supportsInterface(type(IERC5267).interfaceId), "domain");
        check(registry.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        check(!registry.supportsInterface(0xffffffff), "nothing else");
    }

    function test_batch_limits() external {
        R.FilingApproval[] memory none = new R.FilingApproval[](0);
        vm.expectRevert(abi.encodeWithSelector(R.InvalidBatchSize.selector, 0, 32));
        registry.approveBatch(none, new C.OperatorSignature[][](0));
        vm.expectRevert(abi.encodeWithSelector(R.InvalidBatchSize.selector, 33, 32));
        registry.approveBatch(new R.FilingApproval[](33), new C.OperatorSignature[][](33));
        vm.expectRevert(abi.encodeWithSelector(R.SignatureListsMismatch.selector, 1, 2));
        registry.approveBatch(new R.FilingApproval[](1), new C.OperatorSignature[][](2));
    }

    function testFuzz_decimals_that_cannot_be_read(bytes memory answer, bool fails) external {
        vm.assume(fails || answer.length != 32 || abi.decode(answer, (uint256)) > 255);
        address odd = address(new OddDecimals(answer, fails));
        R.FilingApproval memory a = _approvalOf(FILING, odd, 1, 6, 1);
        C.OperatorSignature[] memory signatures = _signed(registry.approvalDigest(a));
        vm.expectRevert(abi.encodeWithSelector(R.DecimalsUnreadable.selector, odd));
        registry.approve(a, signatures);
    }

    function testFuzz_decimals_are_one_number_of_a_byte(uint256 said, uint8 expected) external {
        if (said % 2 == 0) said = said % 300;
        address odd = address(new OddDecimals(abi.encode(said), false));
        R.FilingApproval memory a = _approvalOf(FILING, odd, 1, expected, 1);
        C.OperatorSignature[] memory signatures = _signed(registry.approvalDigest(a));
        if (said > 255) vm.expectRevert(abi.encodeWithSelector(R.DecimalsUnreadable.selector, odd));
        else if (said != expected) {
            vm.expectRevert(abi.encodeWithSelector(R.DecimalsMismatch.selector, odd, expected, said));
        }
        registry.approve(a, signatures);
    }

    /// @dev Two mints pass exactly as far as their sum fits the cap; and `canIssue` says so before.
    function testFuzz_cap(uint96 cap, uint256 first, uint256 second) external {
        cap = uint96(within(cap, 1, type(uint96).max));
        first = first % 3 == 0 ? first : within(first, 0, uint256(cap) + 1);
        second = second % 3 == 0 ? second : within(second, 0, uint256(cap) + 1);
        _approve(FILING, address(_t), cap, 6);
        uint256 issued = _mintUpTo(first, cap, 0);
        issued = _mintUpTo(second, cap, issued);
        (, , uint256 stated) = registry.trancheState(address(_t));
        same(stated, issued, "issued");
        same(_t.totalSupply(), issued, "supply");
    }

    function _mintUpTo(uint256 amount, uint256 cap, uint256 issued) private returns (uint256) {
        bool fits = amount != 0 && amount <= cap - issued;
        (bool allowed, bytes4 reason) = registry.canIssue(address(_t), amount);
        same(allowed, fits, "canIssue");
        vm.prank(ISSUER);
        if (!fits) vm.expectPartialRevert(reason);
        _t.mint(ALICE, amount);
        return fits ? issued + amount : issued;
    }

    /// @dev A mint passes in [validAfter, validUntil) and at no other time.
    function testFuzz_window(uint64 from, uint64 to, uint64 at) external {
        uint256 start = vm.getBlockTimestamp();
        R.FilingApproval memory a = _approvalOf(FILING, address(_t), 100, 6, 1);
        a.validAfter = uint64(start + within(from, 0, 200 days) - 100 days);
        a.validUntil = uint64(start + within(to, 0, 200 days) - 100 days);
        at = uint64(start + within(at, 0, 100 days));
        bool settable = a.validAfter < a.validUntil && a.validUntil > start && a.validUntil <= start + MAX_VALIDITY;
        C.OperatorSignature[] memory signatures = _signed(registry.approvalDigest(a));
        if (!settable) vm.expectRevert();
        registry.approve(a, signatures);
        vm.warp(at);
        bool open = settable && at >= a.validAfter && at < a.validUntil;
        vm.prank(ISSUER);
        if (!open) vm.expectRevert();
        _t.mint(ALICE, 1);
        same(_t.totalSupply(), open ? 1 : 0, "supply");
    }

    function test_unknown_things_read_as_nothing() external {
        (R.FilingStatus status, , , uint64 sequence) = registry.filingState(FILING);
        same(uint256(status) + sequence, 0, "unknown filing");
        same(registry.filingOf(address(_t)), bytes32(0), "unknown token");
        _approve(FILING, address(_t), 100, 6);
        same(registry.filingOf(address(_t)), FILING, "known token");
        same(_t.filing(), FILING, "by the token");
    }

    function test_renewal_in_time_and_too_late() external {
        _approve(FILING, address(_t), 100, 6);
        vm.warp(vm.getBlockTimestamp() + 31 days);
        vm.prank(ISSUER);
        vm.expectPartialRevert(R.FilingExpired.selector);
        _t.mint(ALICE, 1);
        _update(FILING, R.FilingStatus.Approved, uint64(vm.getBlockTimestamp() + 1 days), 2);
        vm.prank(ISSUER);
        _t.mint(ALICE, 1);
    }

    function test_what_does_not_fit_the_state_is_refused() external {
        vm.expectPartialRevert(R.UnknownFiling.selector);
        vm.prank(_pool[0]);
        registry.suspend(FILING, 0);
        _approve(FILING, address(_t), 100, 6);
        vm.prank(ISSUER);
        _t.mint(ALICE, 50);
        _refuses(_approvalOf(FILING, address(_t), 49, 6, 2), R.CapBelowIssued.selector);
        _refuses(_approvalOf(FILING ^ bytes32(uint256(1)), address(_t), 100, 6, 1), R.FilingKeyTaken.selector);
        _refuses(_approvalOf(~FILING, address(_t), 100, 6, 1), R.TokenBoundToAnotherFiling.selector);

        R.FilingUpdate memory change = R.FilingUpdate(FILING, R.FilingStatus.Revoked, 0, 1, 2, 0);
        C.OperatorSignature[] memory signatures = _signed(registry.updateDigest(change));
        vm.expectPartialRevert(R.UnexpectedValidUntil.selector);
        registry.update(change, signatures);

        R.Suspension memory s = R.Suspension(FILING, 7, "reason");
        C.OperatorSignature[] memory one = _signed(registry.suspensionDigest(s));
        vm.expectPartialRevert(R.WrongSequence.selector);
        registry.suspendBySig(s, one[0]);
        s.sequence = 1;
        one = _signed(registry.suspensionDigest(s));
        registry.suspendBySig(s, one[0]);
        registry.suspendBySig(s, one[0]);
        (, , , uint64 sequence) = registry.filingState(FILING);
        same(sequence, 2, "a repeat changes nothing");
        _refuses(_approvalOf(FILING, address(_t), 100, 6, 3), R.FilingIsSuspended.selector);
        _cannotMint(R.FilingIsSuspended.selector);
        vm.prank(_pool[1]);
        registry.suspend(FILING, "again");

        _update(FILING, R.FilingStatus.Completed, 0, 3);
        _cannotMint(R.FilingIsFinal.selector);
        vm.prank(_pool[1]);
        vm.expectPartialRevert(R.FilingIsFinal.selector);
        registry.suspend(FILING, 0);
    }

    function test_not_started_and_not_approved() external {
        _cannotMint(R.TokenNotApproved.selector);
        R.FilingApproval memory a = _approvalOf(FILING, address(_t), 100, 6, 1);
        a.validAfter += 10;
        registry.approve(a, _signed(registry.approvalDigest(a)));
        registry.approve(a, _signed(registry.approvalDigest(a)));
        _cannotMint(R.FilingNotStarted.selector);
    }

    function _cannotMint(bytes4 why) private {
        vm.prank(ISSUER);
        vm.expectPartialRevert(why);
        _t.mint(ALICE, 1);
    }

    function _refuses(R.FilingApproval memory a, bytes4 why) private {
        C.OperatorSignature[] memory signatures = _signed(registry.approvalDigest(a));
        vm.expectPartialRevert(why);
        registry.approve(a, signatures);
    }

    /// @dev The digest is that of EIP-712 for the domain that the contract states, on this chain and after a fork.
    function testFuzz_digest_is_typed_data(R.FilingApproval memory a, uint64 chain) external {
        vm.chainId(within(chain, 1, type(uint64).max - 1));
        bytes32[] memory hashes = new bytes32[](a.tranches.length);
        bytes32 kind = keccak256("Tranche(address token,uint256 cap,uint8 decimals)");
        for (uint256 i = 0; i < hashes.length; ++i) {
            R.Tranche memory t = a.tranches[i];
            hashes[i] = keccak256(abi.encode(kind, t.token, t.cap, t.decimals));
        }
        bytes memory body = abi.encode(
            keccak256(
                "FilingApproval(bytes32 filing,Tranche[] tranches,bytes32 dossierHash,bytes32 recordHash,bytes32 rulesetHash,uint64 validAfter,uint64 validUntil,uint64 sequence)Tranche(address token,uint256 cap,uint8 decimals)"
            ),
            a.filing,
            keccak256(abi.encodePacked(hashes)),
            a.dossierHash,
            a.recordHash,
            a.rulesetHash
        );
        body = bytes.concat(body, abi.encode(a.validAfter, a.validUntil, a.sequence));
        same(registry.approvalDigest(a), _typed(keccak256(body)), "approval");
    }

    function testFuzz_digest_of_updates_and_suspensions(
        bytes32[3] memory words,
        uint64[2] memory numbers,
        uint8 status,
        R.Suspension memory s
    ) external view {
        R.FilingStatus to = R.FilingStatus(within(status, 0, 4));
        R.FilingUpdate memory c = R.FilingUpdate(words[0], to, words[1], numbers[0], numbers[1], words[2]);
        bytes32 kind = keccak256(
            "FilingUpdate(bytes32 filing,uint8 status,bytes32 recordHash,uint64 validUntil,uint64 sequence,bytes32 reason)"
        );
        bytes memory body = abi.encode(kind, c.filing, c.status, c.recordHash, c.validUntil, c.sequence, c.reason);
        same(registry.updateDigest(c), _typed(keccak256(body)), "update");
        kind = keccak256("Suspension(bytes32 filing,uint64 sequence,bytes32 reason)");
        body = abi.encode(kind, s.filing, s.sequence, s.reason);
        same(registry.suspensionDigest(s), _typed(keccak256(body)), "suspension");
    }

    function _typed(bytes32 hash) private view returns (bytes32) {
        (bytes1 fields, string memory name, string memory version, uint256 chain, address at, bytes32 salt, ) = registry
            .eip712Domain();
        check(fields == hex"0f" && at == address(registry) && salt == 0 && chain == block.chainid, "domain");
        bytes32 kind = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        );
        bytes memory domain = abi.encode(kind, keccak256(bytes(name)), keccak256(bytes(version)), chain, at);
        return keccak256(bytes.concat(hex"1901", keccak256(domain), hash));
    }
}
