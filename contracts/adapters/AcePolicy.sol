// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {FilingAdapter} from "./FilingAdapter.sol";
import {IAcePolicy} from "../interfaces/adapters/IAcePolicy.sol";
import {IFilingAcePolicy} from "../interfaces/adapters/IFilingAcePolicy.sol";
import {IFilingAdapter} from "../interfaces/adapters/IFilingAdapter.sol";
import {IFilingRegistry} from "../interfaces/IFilingRegistry.sol";

/**
 * @title IAcePolicyEngine
 * @notice What is asked of the policy engine.
 */
interface IAcePolicyEngine {
    /**
     * @notice How often `setPolicyConfiguration` has called the policy, a call that is under way included.
     * @param policy The policy.
     * @return Number of calls.
     */
    function getPolicyConfigVersion(address policy) external view returns (uint256);
}

/**
 * @title AcePolicy
 * @notice The gate for a token that Chainlink ACE 1.0.0 protects: install this policy for its mint function, first in
 * the list, with the amount as its one parameter.
 * @dev The engine asks before the mint, and what it says comes from a configured extractor. The policy therefore checks
 * at every mint that the supply did not grow beyond what was drawn before: an extractor that gives smaller amounts than
 * are minted is found out at the next mint, which fails. The engine's configuration admin could make the engine call
 * {postRun} outside a mint; the engine counts such calls, and the policy refuses to serve once there was one.
 *
 * What it does NOT do: it cannot stop the engine's admin from removing it or from putting a policy before it that
 * allows a mint at once, or the token's owner from attaching another engine; then mints go past the gate and show as a
 * supply that is not accounted for. Other functions that mint need a policy, and an approval, of their own. It has no
 * owner and no configuration, and is not made by ACE's PolicyFactory.
 */
contract AcePolicy is IFilingAcePolicy, FilingAdapter, ERC165 {
    address private immutable _engine;
    bytes4 private immutable _selector;

    uint256 private _due;

    /// @dev Allows the policy engine only.
    modifier onlyEngine() {
        require(msg.sender == _engine, OnlyPolicyEngine(msg.sender));
        _;
    }

    /**
     * @dev What the token has been minted so far counts as accounted for: from here on every mint must pass.
     *
     * Requirements beside those of {FilingAdapter}: `engine` is not zero.
     *
     * @param registry_ The registry.
     * @param token_ The protected token.
     * @param engine The policy engine that it is attached to.
     * @param selector Selector of its mint function, for most tokens that of `mint(address,uint256)`.
     */
    constructor(
        IFilingRegistry registry_,
        address token_,
        address engine,
        bytes4 selector
    ) FilingAdapter(registry_, token_) {
        require(engine != address(0), ZeroPolicyEngine());
        _engine = engine;
        _selector = selector;
        _due = _supply();
    }

    /// @inheritdoc IAcePolicy
    function onInstall(bytes4 selector) external view onlyEngine {
        require(selector == _selector, WrongSelector(selector, _selector));
    }

    /// @inheritdoc IAcePolicy
    function onUninstall(bytes4 selector) external view onlyEngine {}

    /// @inheritdoc IAcePolicy
    function run(
        address,
        address subject,
        bytes4 selector,
        bytes[] calldata parameters,
        bytes calldata
    ) external view onlyEngine returns (PolicyResult) {
        _amountOf(subject, selector, parameters);
        return PolicyResult.Continue;
    }

    /// @inheritdoc IAcePolicy
    function postRun(
        address,
        address subject,
        bytes4 selector,
        bytes[] calldata parameters,
        bytes calldata
    ) external onlyEngine {
        uint256 amount = _amountOf(subject, selector, parameters);
        uint256 version = IAcePolicyEngine(_engine).getPolicyConfigVersion(address(this));
        require(version == 0, PolicyWasConfigured(version));
        uint256 supply = _supply();
        require(supply <= _due, UngatedSupply(_due, supply));
        _due = supply + amount;
        _consume(amount);
    }

    /// @inheritdoc IFilingAcePolicy
    function policyEngine() external view returns (address) {
        return _engine;
    }

    /// @inheritdoc IFilingAcePolicy
    function mintSelector() external view returns (bytes4) {
        return _selector;
    }

    /// @inheritdoc IFilingAcePolicy
    function supplyDue() external view returns (uint256) {
        return _due;
    }

    /// @inheritdoc IAcePolicy
    function typeAndVersion() external pure returns (string memory) {
        return "FilingGatePolicy 1.0.0";
    }

    /**
     * @inheritdoc ERC165
     * @param interfaceId Identifier of the interface.
     * @return Whether it is implemented.
     */
    function supportsInterface(bytes4 interfaceId) public view override(ERC165, IERC165) returns (bool) {
        return
            interfaceId == type(IAcePolicy).interfaceId ||
            interfaceId == type(IFilingAdapter).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    /// @dev The amount to be minted. Reverts unless the engine asks for the token's mint function.
    function _amountOf(
        address subject,
        bytes4 selector,
        bytes[] calldata parameters
    ) private view returns (uint256) {
        require(subject == token(), WrongSubject(subject, token()));
        require(selector == _selector, WrongSelector(selector, _selector));
        require(parameters.length == 1 && parameters[0].length == 32, AmountUnreadable(parameters.length));
        return abi.decode(parameters[0], (uint256));
    }
}
