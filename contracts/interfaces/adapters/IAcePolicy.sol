// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/**
 * @title IAcePolicy
 * @notice What the PolicyEngine of Chainlink ACE 1.0.0 calls on a policy; names and types are ACE's.
 */
interface IAcePolicy is IERC165 {
    /**
     * @notice What a policy says to an action: nothing, allowed without asking further policies, or go on to the next.
     */
    enum PolicyResult {
        None,
        Allowed,
        Continue
    }

    /**
     * @notice Name and version of the policy.
     * @return Both, separated by a space.
     */
    function typeAndVersion() external pure returns (string memory);

    /**
     * @notice The engine uses the policy for a function from now on.
     * @param selector The function's selector.
     */
    function onInstall(bytes4 selector) external;

    /**
     * @notice The engine no longer uses the policy for a function.
     * @param selector The function's selector.
     */
    function onUninstall(bytes4 selector) external;

    /**
     * @notice Decides about an action; changes nothing.
     * @param caller Who called the protected contract.
     * @param subject The protected contract.
     * @param selector The function called.
     * @param parameters What the engine extracted of the call, in the order of the policy's installation.
     * @param context Free data of the caller.
     * @return What the policy says.
     */
    function run(
        address caller,
        address subject,
        bytes4 selector,
        bytes[] calldata parameters,
        bytes calldata context
    ) external view returns (PolicyResult);

    /**
     * @notice Takes note of an action that this policy did not reject, right after {run} and before the action itself.
     * @param caller Who called the protected contract.
     * @param subject The protected contract.
     * @param selector The function called.
     * @param parameters What the engine extracted of the call.
     * @param context Free data of the caller.
     */
    function postRun(
        address caller,
        address subject,
        bytes4 selector,
        bytes[] calldata parameters,
        bytes calldata context
    ) external;
}
