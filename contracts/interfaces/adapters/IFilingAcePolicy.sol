// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAcePolicy} from "./IAcePolicy.sol";
import {IFilingAdapter} from "./IFilingAdapter.sol";

/**
 * @title IFilingAcePolicy
 * @notice A policy of Chainlink ACE that lets a protected token be minted only inside its filing.
 * @dev `run` looks at the form of the call only; `postRun` draws on the registry and fails with the registry's own
 * error, which the engine wraps in its `PolicyPostRunError`. To ask beforehand, ask the registry: `canIssue(policy,
 * amount)`.
 */
interface IFilingAcePolicy is IFilingAdapter, IAcePolicy {
    /// @notice The policy needs an engine.
    error ZeroPolicyEngine();

    /**
     * @notice Only the policy engine may call this.
     * @param caller Who called.
     */
    error OnlyPolicyEngine(address caller);

    /**
     * @notice The policy serves one token only.
     * @param subject Contract that the engine asks for.
     * @param only The token.
     */
    error WrongSubject(address subject, address only);

    /**
     * @notice The policy serves one function only.
     * @param given Selector that the engine asks for.
     * @param only Selector of the mint function.
     */
    error WrongSelector(bytes4 given, bytes4 only);

    /**
     * @notice The engine must hand over exactly one parameter of 32 bytes: the amount.
     * @param count Number of parameters handed over.
     */
    error AmountUnreadable(uint256 count);

    /**
     * @notice The engine's configuration admin has called the policy through `setPolicyConfiguration`. There is nothing
     * to configure, and such a call could not be told from a mint.
     * @param version How often it did.
     */
    error PolicyWasConfigured(uint256 version);

    /**
     * @notice The engine that the policy obeys.
     * @return Its address; it never changes.
     */
    function policyEngine() external view returns (address);

    /**
     * @notice The token's mint function.
     * @return Its selector; it never changes.
     */
    function mintSelector() external view returns (bytes4);

    /**
     * @notice Largest supply that the mints which passed the policy account for.
     * @return Amount in base units.
     */
    function supplyDue() external view returns (uint256);
}
