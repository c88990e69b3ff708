// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Gate} from "./Gate.sol";
import {AssetBackedToken} from "../../../contracts/AssetBackedToken.sol";
import {TrancheFactory} from "../../../contracts/TrancheFactory.sol";
import {IAssetBackedToken} from "../../../contracts/interfaces/IAssetBackedToken.sol";
import {IERC1643} from "../../../contracts/interfaces/IERC1643.sol";
import {IERC7943Fungible as F} from "../../../contracts/interfaces/IERC7943.sol";
import {IFilingGated} from "../../../contracts/interfaces/IFilingGated.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {ITrancheFactory} from "../../../contracts/interfaces/ITrancheFactory.sol";
import {ITransferControl} from "../../../contracts/interfaces/ITransferControl.sol";

/// @dev The ready-made token and its factory: roles, transfer rules, documents, addresses.
contract Token is Gate {
    AssetBackedToken private _free;
    AssetBackedToken private _listed;

    function setUp() external {
        _openGate();
        (_free, _listed) = (_token(false), _token(true));
        _approve(FILING, address(_free), 1e12, 6);
        _approve(~FILING, address(_listed), 1e12, 6);
        _grantAll(_free);
        _grantAll(_listed);
    }

    // ------------------------------------------------------------ deployment

    function test_constructor_refuses_what_cannot_work() external {
        IAssetBackedToken.TokenConfig memory config = _config(6, false);
        config.admin = address(0);
        vm.expectPartialRevert(IAssetBackedToken.ZeroRoleHolder.selector);
        new AssetBackedToken(config);
        config = _config(6, false);
        config.issuer = address(0);
        vm.expectPartialRevert(IAssetBackedToken.ZeroRoleHolder.selector);
        new AssetBackedToken(config);
        config = _config(6, false);
        config.registry = IFilingRegistry(address(_free));
        vm.expectPartialRevert(IFilingGated.NotAFilingRegistry.selector);
        new AssetBackedToken(config);
    }

    function test_views() external view {
        same(_free.trancheId(), keccak256("tranche"), "trancheId");
        same(address(_free.registry()), address(registry), "registry");
        same(_free.filing(), FILING, "filing");
        check(!_free.permissioned() && _listed.permissioned(), "permissioned");
        bytes4[9] memory ids = [
            type(IERC20).interfaceId,
            type(IERC20Metadata).interfaceId,
            type(IERC20Permit).interfaceId,
            type(IERC5267).interfaceId,
            type(F).interfaceId,
            type(IERC1643).interfaceId,
            type(IFilingGated).interfaceId,
            type(IAssetBackedToken).interfaceId,
            type(IAccessControl).interfaceId
        ];
        for (uint256 i = 0; i < ids.length; ++i) {
            check(_free.supportsInterface(ids[i]), "interface");
        }
        check(!_free.supportsInterface(0xffffffff), "no other interface");
        check(type(F).interfaceId == 0x3edbb4c4, "final id of ERC-7943");
    }

    // ------------------------------------------------------------ minting and burning

    function testFuzz_batch_draws_its_sum_once(uint96[] memory amounts) external {
        uint256 count = amounts.length > 20 ? 20 : amounts.length;
        address[] memory to = new address[](count);
        uint256[] memory parts = new uint256[](count);
        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            (to[i], parts[i]) = (address(uint160(0xC0 + i)), within(amounts[i], 1, 1e9));
            total += parts[i];
        }
        vm.prank(ISSUER);
        if (count == 0) vm.expectRevert(IFilingRegistry.ZeroAmount.selector);
        else vm.expectCall(address(registry), abi.encodeCall(IFilingRegistry.consume, (total)), 1);
        _free.mintBatch(to, parts);
        (, , uint256 issued) = registry.trancheState(address(_free));
        same(issued, total, "issued");
        same(_free.totalSupply(), total, "supply");
    }

    function test_a_batch_asks_the_list() external {
        vm.prank(ISSUER);
        vm.expectRevert(abi.encodeWithSelector(F.ERC7943CannotReceive.selector, ALICE));
        _listed.mintBatch(_list(ALICE), _list(1));
        _allow(ALICE, true);
        vm.prank(ISSUER);
        _listed.mintBatch(_list(ALICE), _list(1));
        same(_listed.balanceOf(ALICE), 1, "minted");
    }

    /// @dev Minting, burning, minting again never gives back anything of the cap.
    function testFuzz_burning_gives_nothing_back(uint256 minted, uint256 burned) external {
        minted = within(minted, 1, 1e12);
        burned = within(burned, 0, minted);
        vm.prank(ISSUER);
        _free.mint(ALICE, minted);
        vm.prank(ALICE);
        _free.redeem(burned, keccak256("ref"));
        vm.prank(ALICE);
        _free.burn(minted - burned);
        (bool allowed, ) = registry.canIssue(address(_free), 1e12 - minted + 1);
        check(!allowed, "cap");
        same(_free.totalSupply(), 0, "supply");
    }

    // ------------------------------------------------------------ transfer rules

    function test_list_keeping() external {
        vm.expectRevert(ITransferControl.NoAllowList.selector);
        vm.prank(OWNER);
        _free.setAllowed(_list(ALICE), true);
        vm.prank(OWNER);
        vm.expectPartialRevert(ITransferControl.TooManyAccounts.selector);
        _listed.setAllowed(new address[](257), true);
        _allow(ALICE, true);
        check(_listed.canSend(ALICE) && _listed.canReceive(ALICE), "allowed");
        _allow(ALICE, false);
        check(!_listed.canSend(ALICE), "no longer");
        check(!_free.canSend(address(0)) && !_listed.canSend(address(0)), "zero never");
    }

    function test_list_holds_for_every_movement() external {
        _allow(ALICE, true);
        vm.startPrank(ISSUER);
        vm.expectRevert(abi.encodeWithSelector(F.ERC7943CannotReceive.selector, BOB));
        _listed.mint(BOB, 1);
        _listed.mint(ALICE, 10);
        vm.stopPrank();
        check(!_listed.canTransfer(ALICE, BOB, 1), "asked");
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(F.ERC7943CannotReceive.selector, BOB));
        _listed.transfer(BOB, 1);
        _listed.burn(1);
        vm.stopPrank();
        _allow(ALICE, false);
        check(!_listed.canTransfer(ALICE, ALICE, 1), "asked");
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(F.ERC7943CannotSend.selector, ALICE));
        _listed.burn(1);
    }

    function test_pause() external {
        vm.prank(ISSUER);
        _free.mint(ALICE, 10);
        vm.prank(OWNER);
        _free.pause();
        check(!_free.canTransfer(ALICE, BOB, 1), "asked");
        vm.prank(ALICE);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        _free.transfer(BOB, 1);
        vm.prank(ISSUER);
        _free.mint(ALICE, 1);
        vm.prank(OWNER);
        _free.forcedTransfer(ALICE, BOB, 1);
        vm.prank(OWNER);
        _free.unpause();
        vm.prank(ALICE);
        _free.transfer(BOB, 1);
        same(_free.balanceOf(BOB), 2, "received");
    }

    /// @dev A transfer passes exactly if `canTransfer` says so and the balance is there.
    function testFuzz_frozen_amounts(uint256 held, uint256 frozen, uint256 amount) external {
        held = within(held, 1, 1e12);
        frozen = within(frozen, 0, 2e12);
        amount = within(amount, 0, 2e12);
        vm.prank(ISSUER);
        _free.mint(ALICE, held);
        vm.prank(OWNER);
        check(_free.setFrozenTokens(ALICE, frozen), "set");
        same(_free.getFrozenTokens(ALICE), frozen, "frozen");
        uint256 unfrozen = frozen < held ? held - frozen : 0;
        bool asked = _free.canTransfer(ALICE, BOB, amount);
        same(asked, frozen == 0 || amount <= unfrozen, "asked");
        vm.prank(ALICE);
        if (amount > held) vm.expectPartialRevert(IERC20Errors.ERC20InsufficientBalance.selector);
        else if (amount > unfrozen) vm.expectPartialRevert(F.ERC7943InsufficientUnfrozenBalance.selector);
        _free.transfer(BOB, amount);
    }

    /// @dev Forced transfers take the unfrozen first, move nothing they should not, and create nothing.
    function testFuzz_forced_transfer(uint256 held, uint256 frozen, uint256 amount) external {
        held = within(held, 1, 1e12);
        frozen = within(frozen, 0, 2e12);
        amount = within(amount, 0, 2e12);
        vm.prank(ISSUER);
        _free.mint(ALICE, held);
        vm.startPrank(OWNER);
        _free.setFrozenTokens(ALICE, frozen);
        if (amount > held) vm.expectPartialRevert(IERC20Errors.ERC20InsufficientBalance.selector);
        _free.forcedTransfer(ALICE, BOB, amount);
        vm.stopPrank();
        uint256 moved = amount > held ? 0 : amount;
        same(_free.balanceOf(BOB), moved, "moved");
        same(_free.totalSupply(), held, "supply");
        uint256 unfrozen = frozen < held ? held - frozen : 0;
        same(_free.getFrozenTokens(ALICE), moved > unfrozen ? frozen - (moved - unfrozen) : frozen, "frozen");
    }

    function test_forced_transfer_refusals() external {
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidSender.selector, address(0)));
        _free.forcedTransfer(address(0), BOB, 1);
        vm.expectRevert(abi.encodeWithSelector(ITransferControl.ForcedTransferToSelf.selector, ALICE));
        _free.forcedTransfer(ALICE, ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(F.ERC7943CannotReceive.selector, address(0)));
        _free.forcedTransfer(ALICE, address(0), 1);
        vm.stopPrank();
    }

    /// @dev Whoever has no role can do none of what roles are for.
    function testFuzz_roles(address nobody) external {
        vm.assume(nobody != OWNER && nobody != ISSUER);
        bytes[9] memory calls = [
            abi.encodeCall(_free.mint, (ALICE, 1)),
            abi.encodeCall(_free.mintBatch, (_list(ALICE), _list(1))),
            abi.encodeCall(_free.setAllowed, (_list(ALICE), true)),
            abi.encodeCall(_free.pause, ()),
            abi.encodeCall(_free.unpause, ()),
            abi.encodeCall(_free.setFrozenTokens, (ALICE, 1)),
            abi.encodeCall(_free.forcedTransfer, (ALICE, BOB, 1)),
            abi.encodeCall(_free.setDocument, ("name", "", "hash")),
            abi.encodeCall(_free.removeDocument, ("name"))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(nobody);
            (bool success, bytes memory answer) = address(_free).call(calls[i]);
            check(!success, "refused");
            sameSelector(
                selectorOf(answer),
                IAccessControl.AccessControlUnauthorizedAccount.selector,
                "for want of a role"
            );
        }
    }

    // ------------------------------------------------------------ documents

    function test_documents() external {
        vm.startPrank(OWNER);
        vm.expectRevert(IERC1643.EmptyDocumentName.selector);
        _free.setDocument(0, "", "hash");
        vm.expectRevert(abi.encodeWithSelector(IERC1643.EmptyDocumentHash.selector, bytes32("a")));
        _free.setDocument("a", "", 0);
        for (uint256 i = 1; i <= 32; ++i) {
            _free.setDocument(bytes32(i), "uri", "hash");
        }
        vm.expectRevert(abi.encodeWithSelector(IERC1643.TooManyDocuments.selector, 32));
        _free.setDocument(bytes32(uint256(33)), "uri", "hash");
        _free.setDocument(bytes32(uint256(1)), "new", "hash");
        same(_free.getAllDocuments().length, 32, "documents");
        (string memory uri, bytes32 hash, uint256 at) = _free.getDocument(bytes32(uint256(1)));
        same(uri, "new", "uri");
        same(hash, "hash", "hash");
        same(at, vm.getBlockTimestamp(), "time");
        _free.removeDocument(bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(IERC1643.UnknownDocument.selector, bytes32(uint256(1))));
        _free.removeDocument(bytes32(uint256(1)));
        vm.stopPrank();
        same(_free.getAllDocuments().length, 31, "documents left");
    }

    // ------------------------------------------------------------ factory

    function testFuzz_factory_deploys_where_it_said(uint8 decimals, bool permissioned, bytes32 salt) external {
        TrancheFactory factory = new TrancheFactory();
        IAssetBackedToken.TokenConfig[] memory configs = new IAssetBackedToken.TokenConfig[](2);
        (configs[0], configs[1]) = (_config(decimals, permissioned), _config(decimals, !permissioned));
        address expected = factory.predict(configs[0], salt);
        address[] memory made = factory.deployAll(configs, salt);
        same(made[0], expected, "predicted");
        check(made[1] != made[0] && made[1].code.length != 0, "another token elsewhere");
        same(AssetBackedToken(made[0]).decimals(), decimals, "decimals");
        same(factory.deployAll(configs, salt)[1], made[1], "again: there already");
    }

    function test_factory_limits() external {
        TrancheFactory factory = new TrancheFactory();
        vm.expectRevert(abi.encodeWithSelector(ITrancheFactory.InvalidTrancheCount.selector, 0, 32));
        factory.deployAll(new IAssetBackedToken.TokenConfig[](0), 0);
        vm.expectRevert(abi.encodeWithSelector(ITrancheFactory.InvalidTrancheCount.selector, 33, 32));
        factory.deployAll(new IAssetBackedToken.TokenConfig[](33), 0);
    }

    function _allow(address account, bool allowed) private {
        vm.prank(OWNER);
        _listed.setAllowed(_list(account), allowed);
    }

    function _grantAll(AssetBackedToken token) private {
        bytes32[5] memory roles = [
            token.PAUSER_ROLE(),
            token.ALLOWLIST_ROLE(),
            token.FREEZER_ROLE(),
            token.ENFORCER_ROLE(),
            token.DOCUMENTS_ROLE()
        ];
        vm.startPrank(OWNER);
        for (uint256 i = 0; i < roles.length; ++i) {
            token.grantRole(roles[i], OWNER);
        }
        vm.stopPrank();
    }
}
