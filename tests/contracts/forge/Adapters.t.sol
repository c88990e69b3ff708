// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Gate} from "./Gate.sol";
import {OddDecimals} from "../sol/OddDecimals.sol";
import {CmtatDouble} from "../adapters/sol/CmtatDouble.sol";
import {MintableToken, UncountedToken} from "../adapters/sol/MintableToken.sol";
import {OddToken} from "../adapters/sol/OddToken.sol";
import {AcePolicy} from "../../../contracts/adapters/AcePolicy.sol";
import {CmtatRule} from "../../../contracts/adapters/CmtatRule.sol";
import {GatedMinter} from "../../../contracts/adapters/GatedMinter.sol";
import {TrexComplianceModule} from "../../../contracts/adapters/TrexComplianceModule.sol";
import {IAcePolicy} from "../../../contracts/interfaces/adapters/IAcePolicy.sol";
import {ICmtatRule} from "../../../contracts/interfaces/adapters/ICmtatRule.sol";
import {IFilingAcePolicy} from "../../../contracts/interfaces/adapters/IFilingAcePolicy.sol";
import {IFilingAdapter} from "../../../contracts/interfaces/adapters/IFilingAdapter.sol";
import {IFilingCmtatRule} from "../../../contracts/interfaces/adapters/IFilingCmtatRule.sol";
import {IGatedMinter} from "../../../contracts/interfaces/adapters/IGatedMinter.sol";
import {ITrexComplianceModule as T} from "../../../contracts/interfaces/adapters/ITrexComplianceModule.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";

/// @dev A T-REX token and its compliance contract in one, as far as the module asks: mints and tells.
contract TrexDouble is OddToken {
    address public compliance = address(this);

    function setCompliance(address compliance_) external {
        compliance = compliance_;
    }

    function getTokenBound() external view returns (address) {
        return address(this);
    }

    function act(T module, bytes calldata call) external {
        (bool success, bytes memory answer) = address(module).call(call);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function mintTelling(T module, address to, uint256 amount) external {
        _mint(to, amount);
        module.moduleMintAction(to, amount);
    }

    function burnTelling(T module, address from, uint256 amount, bool really) external {
        if (really) _burn(from, amount);
        module.moduleBurnAction(from, amount);
    }
}

/// @dev A policy engine as far as the policy asks: how often it was configured.
contract AceEngineDouble {
    uint256 public getPolicyConfigVersion_;

    function configure() external {
        ++getPolicyConfigVersion_;
    }

    function getPolicyConfigVersion(address) external view returns (uint256) {
        return getPolicyConfigVersion_;
    }

    function mint(AcePolicy policy, OddToken token, bytes4 selector, bytes[] calldata parameters, uint256 amount) external {
        check(policy, address(token), selector, parameters);
        token.mint(address(0xB1), amount);
    }

    function check(AcePolicy policy, address subject, bytes4 selector, bytes[] calldata parameters) public {
        require(
            policy.run(msg.sender, subject, selector, parameters, "") == IAcePolicy.PolicyResult.Continue,
            "refused"
        );
        policy.postRun(msg.sender, subject, selector, parameters, "");
    }

    function install(AcePolicy policy, bytes4 selector) external {
        policy.onInstall(selector);
    }

    function uninstall(AcePolicy policy, bytes4 selector) external {
        policy.onUninstall(selector);
    }
}

/// @dev Each adapter at its limits, and fuzzed: what the token was minted is what was drawn, never more than the cap.
contract Adapters is Gate {
    uint256 private constant CAP = 1e12;

    TrexDouble private _odd;

    function setUp() external {
        _openGate();
        _odd = new TrexDouble();
    }

    // ------------------------------------------------------------ what all share

    function test_construction_and_decimals() external {
        vm.expectPartialRevert(IFilingAdapter.NotAFilingRegistry.selector);
        new GatedMinter(IFilingRegistry(address(_odd)), address(_odd), OWNER, ISSUER);
        vm.expectPartialRevert(IFilingRegistry.DecimalsUnreadable.selector);
        new GatedMinter(registry, address(0xDEAD), OWNER, ISSUER);
        address large = address(new OddDecimals(abi.encode(256), false));
        vm.expectPartialRevert(IFilingRegistry.DecimalsUnreadable.selector);
        new GatedMinter(registry, large, OWNER, ISSUER);

        GatedMinter minter = _minter();
        same(address(minter.registry()), address(registry), "registry");
        same(minter.token(), address(_odd), "token");
        same(minter.filing(), FILING, "filing");
        same(minter.decimals(), 6, "decimals");
        _odd.setDecimals(7);
        vm.expectRevert(abi.encodeWithSelector(IFilingAdapter.DecimalsChanged.selector, 6, 7));
        minter.decimals();
    }

    // ------------------------------------------------------------ GatedMinter

    function test_minter_needs_admin_and_issuer() external {
        vm.expectPartialRevert(IGatedMinter.ZeroRoleHolder.selector);
        new GatedMinter(registry, address(_odd), address(0), ISSUER);
        vm.expectPartialRevert(IGatedMinter.ZeroRoleHolder.selector);
        new GatedMinter(registry, address(_odd), OWNER, address(0));
        GatedMinter minter = _minter();
        check(minter.supportsInterface(type(IGatedMinter).interfaceId), "minter");
        check(minter.supportsInterface(type(IFilingAdapter).interfaceId), "adapter");
        check(minter.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        check(!minter.supportsInterface(0xffffffff), "nothing else");
    }

    function testFuzz_minter_draws_what_it_mints(uint256 first, uint256 second, uint8 way) external {
        GatedMinter minter = _minter();
        (first, second) = (within(first, 0, CAP), within(second, 0, CAP));
        OddToken.Way how = OddToken.Way(within(way, 0, 4));
        _odd.setWay(how);
        vm.startPrank(ISSUER);
        // A fee of a hundredth is nothing for less than a hundred.
        bool honest = how == OddToken.Way.Honest || (how == OddToken.Way.TakesFee && first < 100);
        bool minted = first != 0 && honest;
        if (!minted) vm.expectRevert();
        minter.mint(ALICE, first);
        _odd.setWay(OddToken.Way.Honest);
        uint256 issued = minted ? first : 0;
        bool fits = second != 0 && issued + second <= CAP;
        if (!fits) vm.expectRevert();
        minter.mintBatch(_list(BOB), _list(second));
        vm.stopPrank();
        if (fits) issued += second;
        (, , uint256 stated) = registry.trancheState(address(minter));
        same(stated, issued, "issued");
        same(_odd.totalSupply(), issued, "supply");
    }

    function test_minter_refusals() external {
        GatedMinter minter = _minter();
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        minter.mint(ALICE, 1);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        minter.mintBatch(_list(ALICE), _list(1));
        vm.startPrank(ISSUER);
        vm.expectRevert(abi.encodeWithSelector(IGatedMinter.BatchLengthMismatch.selector, 1, 0));
        minter.mintBatch(_list(ALICE), new uint256[](0));
        vm.expectRevert(IFilingRegistry.ZeroAmount.selector);
        minter.mintBatch(_list(ALICE), _list(0));
        _odd.setWay(OddToken.Way.MintsBeside);
        vm.expectPartialRevert(IGatedMinter.UnexpectedSupply.selector);
        minter.mint(ALICE, 1);
        _odd.setWay(OddToken.Way.DoesNothing);
        vm.expectPartialRevert(IGatedMinter.UnexpectedBalance.selector);
        minter.mint(ALICE, 1);
        vm.stopPrank();
    }

    function test_minter_tells_who_else_can_mint() external {
        MintableToken counted = new MintableToken(6, address(this));
        GatedMinter minter = new GatedMinter(registry, address(counted), OWNER, ISSUER);
        bytes32 role = counted.MINTER_ROLE();
        counted.grantRole(role, address(minter));
        (bool held, bool enumerable, uint256 members, uint256 admins) = minter.minterRole(role);
        check(held && enumerable && members == 1 && admins == 1, "counted");
        UncountedToken uncounted = new UncountedToken(address(1));
        minter = new GatedMinter(registry, address(uncounted), OWNER, ISSUER);
        (held, enumerable, members, admins) = minter.minterRole(role);
        check(!held && !enumerable && members == 0 && admins == 0, "uncounted");
    }

    // ------------------------------------------------------------ CMTAT

    function test_cmtat_construction_and_views() external {
        CmtatDouble token = new CmtatDouble(2);
        vm.expectRevert(IFilingCmtatRule.ZeroEngine.selector);
        new CmtatRule(registry, address(token), address(0), 2);
        vm.expectRevert(abi.encodeWithSelector(IFilingCmtatRule.InvalidCallsPerMint.selector, 0, 2));
        new CmtatRule(registry, address(token), address(token), 0);
        vm.expectRevert(abi.encodeWithSelector(IFilingCmtatRule.InvalidCallsPerMint.selector, 3, 2));
        new CmtatRule(registry, address(token), address(token), 3);

        CmtatRule rule = _rule(token, 2);
        same(rule.engine(), address(token), "engine");
        same(rule.callsPerMint(), 2, "calls");
        check(rule.supportsInterface(rule.RULE_INTERFACE_ID()), "rule");
        check(rule.supportsInterface(rule.RULE_ENGINE_INTERFACE_ID()), "engine");
        check(rule.supportsInterface(rule.ERC1404_EXTENSION_INTERFACE_ID()), "ERC-1404");
        check(rule.supportsInterface(type(IFilingAdapter).interfaceId), "adapter");
        check(rule.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        check(!rule.supportsInterface(0xffffffff), "nothing else");
        uint8 code = rule.CODE_NOT_ISSUABLE();
        check(rule.canReturnTransferRestrictionCode(code) && !rule.canReturnTransferRestrictionCode(0), "codes");
        check(bytes(rule.messageForTransferRestriction(code)).length > 20, "message");
        same(rule.messageForTransferRestriction(0), "No restriction", "message");
        same(rule.messageForTransferRestriction(1), "Unknown code", "message");
        check(rule.canTransfer(address(0), ALICE, CAP) && !rule.canTransfer(address(0), ALICE, CAP + 1), "mint");
        check(rule.canTransferFrom(BOB, ALICE, BOB, CAP + 1), "transfer");
        check(rule.canTransfer(address(0), ALICE, 0), "nothing");
        same(rule.detectTransferRestriction(address(0), ALICE, CAP + 1), code, "code");
        same(rule.detectTransferRestrictionFrom(BOB, address(0), ALICE, CAP), 0, "code");
    }

    function testFuzz_cmtat_one_mint_draws_once(uint256 first, uint256 second, uint8 calls, bool operator) external {
        calls = uint8(within(calls, 1, 2));
        CmtatDouble token = new CmtatDouble(calls);
        CmtatRule rule = _rule(token, calls);
        first = within(first, 0, CAP);
        second = within(second, 0, CAP + 1);
        if (operator) token.mintNamingOperator(ALICE, first);
        else token.mint(ALICE, first);
        bool fits = first + second <= CAP;
        if (!fits) vm.expectPartialRevert(IFilingRegistry.CapExceeded.selector);
        token.mint(BOB, second);
        (, , uint256 issued) = registry.trancheState(address(rule));
        same(issued, token.totalSupply(), "issued is the supply");
        (uint256 due, , uint8 left) = rule.pending();
        same(left, 0, "nothing is awaited");
        same(due, token.totalSupply(), "due");
    }

    function test_cmtat_refusals() external {
        CmtatDouble token = new CmtatDouble(2);
        CmtatRule rule = _rule(token, 2);
        vm.expectRevert(abi.encodeWithSelector(IFilingCmtatRule.OnlyEngine.selector, address(this)));
        rule.transferred(address(0), ALICE, 1);
        rule.transferred(ALICE, BOB, 1);
        rule.transferred(address(this), address(0), BOB, 0);

        token.setCalls(1);
        token.mint(ALICE, 5);
        vm.expectPartialRevert(IFilingCmtatRule.AnnouncementMissing.selector);
        token.mint(ALICE, 5);
        vm.expectPartialRevert(IFilingCmtatRule.AnnouncementMissing.selector);
        token.mint(ALICE, 6);

        CmtatDouble other = new CmtatDouble(1);
        _rule(other, 1);
        other.setCalls(0);
        other.mint(ALICE, 5);
        other.setCalls(1);
        vm.expectRevert(abi.encodeWithSelector(IFilingAdapter.UngatedSupply.selector, 0, 5));
        other.mint(ALICE, 5);
    }

    // ------------------------------------------------------------ ERC-3643

    function test_trex_binding() external {
        T module = _module();
        TrexDouble elsewhere = new TrexDouble();
        vm.expectPartialRevert(T.NotTheTokensCompliance.selector);
        new TrexComplianceModule(registry, address(_odd), address(elsewhere));
        elsewhere.setCompliance(address(_odd));
        vm.expectPartialRevert(T.NotTheTokensCompliance.selector);
        new TrexComplianceModule(registry, address(elsewhere), address(_odd));

        vm.expectPartialRevert(T.OnlyCompliance.selector);
        module.bindCompliance(address(_odd));
        vm.expectPartialRevert(T.OnlyCompliance.selector);
        module.moduleMintAction(ALICE, 1);
        vm.expectPartialRevert(T.WrongCompliance.selector);
        _odd.act(module, abi.encodeCall(T.bindCompliance, (ALICE)));
        vm.expectPartialRevert(T.NotBound.selector);
        _odd.act(module, abi.encodeCall(T.unbindCompliance, (address(_odd))));
        vm.expectPartialRevert(T.NotBound.selector);
        _odd.act(module, abi.encodeCall(T.moduleMintAction, (ALICE, 1)));
        check(module.canComplianceBind(address(_odd)) && !module.canComplianceBind(ALICE), "can bind");
        check(!module.isComplianceBound(address(_odd)), "not yet");
        _bind(module);
        check(module.isComplianceBound(address(_odd)) && !module.isComplianceBound(ALICE), "bound");
        vm.expectPartialRevert(T.AlreadyBound.selector);
        _bind(module);
        _odd.act(module, abi.encodeCall(T.unbindCompliance, (address(_odd))));
        _odd.mint(ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(IFilingAdapter.UngatedSupply.selector, 0, 1));
        _bind(module);
        _odd.setCompliance(ALICE);
        check(!module.canComplianceBind(address(_odd)), "another compliance");
        same(module.name(), "FilingGateModule", "name");
        same(module.compliance(), address(_odd), "compliance");
        check(!module.isPlugAndPlay() && module.moduleCheck(ALICE, BOB, 1, address(_odd)), "constants");
        module.moduleTransferAction(ALICE, BOB, 1);
    }

    function testFuzz_trex_draws_what_grew(uint256 first, uint256 burned, uint256 second, bool really) external {
        T module = _module();
        _bind(module);
        (first, second) = (within(first, 1, CAP), within(second, 1, CAP));
        burned = within(burned, 0, first);
        _odd.mintTelling(module, ALICE, first);
        _odd.burnTelling(module, ALICE, burned, really);
        uint256 supply = _odd.totalSupply();
        same(module.supplySeen(), supply, "seen");
        bool fits = first + second <= CAP;
        if (!fits) vm.expectPartialRevert(IFilingRegistry.CapExceeded.selector);
        _odd.mintTelling(module, ALICE, second);
        (, , uint256 issued) = registry.trancheState(address(module));
        same(issued, fits ? first + second : first, "issued");
    }

    function testFuzz_trex_a_mint_that_was_none_draws_nothing(uint256 told, uint256 minted) external {
        T module = _module();
        _bind(module);
        (told, minted) = (within(told, 0, 5), within(minted, 0, 5));
        _odd.mint(ALICE, minted);
        bool true_ = told != 0 && told == minted;
        if (!true_) vm.expectRevert(abi.encodeWithSelector(T.MintNotSeen.selector, told, 0, minted));
        _odd.act(module, abi.encodeCall(T.moduleMintAction, (ALICE, told)));
        (, , uint256 issued) = registry.trancheState(address(module));
        same(issued, true_ ? told : 0, "issued");
    }

    // ------------------------------------------------------------ ACE

    function testFuzz_ace_draws_what_was_extracted(uint256 first, uint256 second) external {
        (AcePolicy policy, AceEngineDouble engine) = _policy();
        (first, second) = (within(first, 1, CAP), within(second, 1, CAP));
        engine.mint(policy, _odd, 0x40c10f19, _parameters(first), first);
        same(policy.supplyDue(), first, "due");
        bool fits = first + second <= CAP;
        if (!fits) vm.expectPartialRevert(IFilingRegistry.CapExceeded.selector);
        engine.mint(policy, _odd, 0x40c10f19, _parameters(second), second);
        (, , uint256 issued) = registry.trancheState(address(policy));
        same(issued, _odd.totalSupply(), "issued");
    }

    function test_ace_refusals() external {
        (AcePolicy policy, AceEngineDouble engine) = _policy();
        vm.expectRevert(IFilingAcePolicy.ZeroPolicyEngine.selector);
        new AcePolicy(registry, address(_odd), address(0), 0x40c10f19);
        bytes[] memory good = _parameters(5);
        vm.expectPartialRevert(IFilingAcePolicy.OnlyPolicyEngine.selector);
        policy.run(ALICE, address(_odd), 0x40c10f19, good, "");
        vm.expectPartialRevert(IFilingAcePolicy.OnlyPolicyEngine.selector);
        policy.postRun(ALICE, address(_odd), 0x40c10f19, good, "");
        vm.expectPartialRevert(IFilingAcePolicy.OnlyPolicyEngine.selector);
        policy.onInstall(0x40c10f19);
        engine.install(policy, 0x40c10f19);
        engine.uninstall(policy, 0x40c10f19);
        vm.expectPartialRevert(IFilingAcePolicy.WrongSelector.selector);
        engine.install(policy, 0x12345678);
        vm.expectPartialRevert(IFilingAcePolicy.WrongSubject.selector);
        engine.check(policy, ALICE, 0x40c10f19, good);
        vm.expectPartialRevert(IFilingAcePolicy.WrongSelector.selector);
        engine.check(policy, address(_odd), 0x12345678, good);
        vm.expectRevert(abi.encodeWithSelector(IFilingAcePolicy.AmountUnreadable.selector, 0));
        engine.check(policy, address(_odd), 0x40c10f19, new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(IFilingAcePolicy.AmountUnreadable.selector, 1));
        engine.check(policy, address(_odd), 0x40c10f19, new bytes[](1));
        // Less is told than is minted: found out at the next mint.
        engine.mint(policy, _odd, 0x40c10f19, good, 50);
        vm.expectRevert(abi.encodeWithSelector(IFilingAdapter.UngatedSupply.selector, 5, 50));
        engine.mint(policy, _odd, 0x40c10f19, good, 5);
        engine.configure();
        vm.expectRevert(abi.encodeWithSelector(IFilingAcePolicy.PolicyWasConfigured.selector, 1));
        engine.mint(policy, _odd, 0x40c10f19, good, 5);
    }

    function test_ace_views() external {
        (AcePolicy policy, AceEngineDouble engine) = _policy();
        same(policy.policyEngine(), address(engine), "engine");
        sameSelector(policy.mintSelector(), 0x40c10f19, "selector");
        same(policy.typeAndVersion(), "FilingGatePolicy 1.0.0", "version");
        check(policy.supportsInterface(type(IAcePolicy).interfaceId), "policy");
        check(policy.supportsInterface(type(IFilingAdapter).interfaceId), "adapter");
        check(policy.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        check(!policy.supportsInterface(0xffffffff), "nothing else");
    }

    // ------------------------------------------------------------

    function _minter() private returns (GatedMinter made) {
        made = new GatedMinter(registry, address(_odd), OWNER, ISSUER);
        _approve(FILING, address(made), CAP, 6);
    }

    function _rule(CmtatDouble token, uint8 calls) private returns (CmtatRule made) {
        made = new CmtatRule(registry, address(token), address(token), calls);
        token.setRuleEngine(ICmtatRule(address(made)));
        _approve(keccak256(abi.encode(made)), address(made), CAP, 6);
    }

    function _module() private returns (T made) {
        made = new TrexComplianceModule(registry, address(_odd), address(_odd));
        _approve(FILING, address(made), CAP, 6);
    }

    function _bind(T module) private {
        _odd.act(module, abi.encodeCall(T.bindCompliance, (address(_odd))));
    }

    function _policy() private returns (AcePolicy made, AceEngineDouble engine) {
        engine = new AceEngineDouble();
        made = new AcePolicy(registry, address(_odd), address(engine), 0x40c10f19);
        _approve(FILING, address(made), CAP, 6);
    }

    function _parameters(uint256 amount) private pure returns (bytes[] memory made) {
        made = new bytes[](1);
        made[0] = abi.encode(amount);
    }
}
