// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IFilingAdapter} from "./IFilingAdapter.sol";

/**
 * @title ITrexComplianceModule
 * @notice A module of T-REX's ModularCompliance (ERC-3643) that lets the token be minted only inside its filing.
 * @dev Events and functions with underscored parameters are those that T-REX 4.1.6 expects of a module; their names and
 * types are T-REX's. Refusals of a mint come from {moduleMintAction} with the registry's own error; {moduleCheck},
 * which could only answer no, says yes to everything. To ask beforehand, ask the registry: `canIssue(module, amount)`.
 */
interface ITrexComplianceModule is IFilingAdapter {
    /**
     * @notice The compliance contract uses this module from now on.
     * @param _compliance Address of the compliance contract.
     */
    event ComplianceBound(address indexed _compliance);

    /**
     * @notice The compliance contract no longer uses this module.
     * @param _compliance Address of the compliance contract.
     */
    event ComplianceUnbound(address indexed _compliance);

    /**
     * @notice Token and compliance contract do not name each other.
     * @param token The token.
     * @param compliance The compliance contract.
     */
    error NotTheTokensCompliance(address token, address compliance);

    /**
     * @notice The module serves one compliance contract only.
     * @param given Address that was to be served.
     * @param only Address that is served.
     */
    error WrongCompliance(address given, address only);

    /**
     * @notice Only the compliance contract may call this.
     * @param caller Who called.
     */
    error OnlyCompliance(address caller);

    /**
     * @notice The module is bound already.
     * @param compliance The compliance contract.
     */
    error AlreadyBound(address compliance);

    /**
     * @notice The module is not bound.
     * @param compliance The compliance contract.
     */
    error NotBound(address compliance);

    /**
     * @notice The compliance contract reports a mint of an amount by which the token's supply did not grow.
     * @param amount Amount reported.
     * @param before Supply accounted for so far.
     * @param supply Supply that the token reports.
     */
    error MintNotSeen(uint256 amount, uint256 before, uint256 supply);

    /**
     * @notice Binds the module; called by the compliance contract when its owner adds the module.
     * @dev Requirements: the caller is the compliance contract and names itself; the module is not bound; nothing was
     * minted since deployment, or since it was last bound, without passing the module.
     *
     * Emits a {ComplianceBound} event.
     *
     * @param _compliance The compliance contract.
     */
    function bindCompliance(address _compliance) external;

    /**
     * @notice Unbinds the module; called by the compliance contract when its owner removes the module.
     * @dev Requirements: the caller is the compliance contract and names itself; the module is bound.
     *
     * Emits a {ComplianceUnbound} event.
     *
     * @param _compliance The compliance contract.
     */
    function unbindCompliance(address _compliance) external;

    /**
     * @notice A transfer took place. Does nothing.
     * @param _from Holder who gave.
     * @param _to Holder who received.
     * @param _value Amount.
     */
    function moduleTransferAction(address _from, address _to, uint256 _value) external;

    /**
     * @notice A mint took place: draws its amount on the registry, or fails and undoes the mint.
     * @dev Requirements: the caller is the bound compliance contract; the token's supply has grown by exactly `_value`
     * since the last mint or burn; the registry lets the module issue `_value`.
     * @param _to Holder who received.
     * @param _value Amount.
     */
    function moduleMintAction(address _to, uint256 _value) external;

    /**
     * @notice A burn took place: takes note of the smaller supply; refuses nothing.
     * @dev Requirements: the caller is the bound compliance contract.
     * @param _from Holder whose tokens were burnt.
     * @param _value Amount.
     */
    function moduleBurnAction(address _from, uint256 _value) external;

    /**
     * @notice Whether a transfer, mint or burn would be allowed; mints are decided in {moduleMintAction}.
     * @param _from Holder who gives, zero for a mint.
     * @param _to Holder who receives, zero for a burn.
     * @param _value Amount.
     * @param _compliance The compliance contract that asks.
     * @return Always true.
     */
    function moduleCheck(
        address _from,
        address _to,
        uint256 _value,
        address _compliance
    ) external view returns (bool);

    /**
     * @notice Whether the module is bound to this compliance contract.
     * @param _compliance A compliance contract.
     * @return True if it is.
     */
    function isComplianceBound(address _compliance) external view returns (bool);

    /**
     * @notice Whether the module can be bound to this compliance contract.
     * @param _compliance A compliance contract.
     * @return True for the one that it was deployed for, while that one and the token name each other.
     */
    function canComplianceBind(address _compliance) external view returns (bool);

    /**
     * @notice Whether the module fits any compliance contract.
     * @return Always false: it serves one.
     */
    function isPlugAndPlay() external pure returns (bool);

    /**
     * @notice Name of the module.
     * @return _name The name.
     */
    function name() external pure returns (string memory _name);

    /**
     * @notice The one compliance contract that the module serves.
     * @return Its address; it never changes.
     */
    function compliance() external view returns (address);

    /**
     * @notice The token's supply as far as the module has seen it come about.
     * @return Amount in base units.
     */
    function supplySeen() external view returns (uint256);
}
