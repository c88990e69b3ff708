// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FilingAdapter} from "./FilingAdapter.sol";
import {ITrexComplianceModule} from "../interfaces/adapters/ITrexComplianceModule.sol";
import {IFilingRegistry} from "../interfaces/IFilingRegistry.sol";

/**
 * @title ITrexToken
 * @notice What is asked of a T-REX token.
 */
interface ITrexToken {
    /**
     * @notice The token's compliance contract.
     * @return Its address.
     */
    function compliance() external view returns (address);
}

/**
 * @title ITrexModularCompliance
 * @notice What is asked of a ModularCompliance.
 */
interface ITrexModularCompliance {
    /**
     * @notice The token that the compliance contract serves.
     * @return Its address.
     */
    function getTokenBound() external view returns (address);
}

/**
 * @title TrexComplianceModule
 * @notice The gate for a T-REX 4.1.6 token (ERC-3643): add this module to its ModularCompliance.
 * @dev T-REX mints first and then tells the compliance contract, which tells its modules. The compliance owner can make
 * that contract call any function of a module (`callModuleFunction`), so the call alone proves no mint: the module
 * keeps account of the supply, and draws on the registry only for an amount by which the supply has really grown.
 *
 * What it does NOT do: it cannot stop the compliance owner from removing it, or the token's owner from changing the
 * compliance contract; then mints go past the gate. They show as a supply that is not accounted for, and the module
 * refuses to be bound again. A token that burns without telling its compliance contract (none in 4.1.6) stops mints
 * until it burns with telling. The module is not upgradeable and has no owner.
 */
contract TrexComplianceModule is ITrexComplianceModule, FilingAdapter {
    address private immutable _compliance;

    /// @dev One slot: read and written once a mint.
    bool private _bound;
    uint248 private _seen;

    /// @dev Allows the one compliance contract, while it has the module bound.
    modifier onlyBoundCompliance() {
        require(msg.sender == _compliance, OnlyCompliance(msg.sender));
        require(_bound, NotBound(_compliance));
        _;
    }

    /**
     * @dev What the token has been minted so far counts as accounted for: from here on every mint must pass.
     *
     * Requirements beside those of {FilingAdapter}: token and compliance contract name each other.
     *
     * @param registry_ The registry.
     * @param token_ The T-REX token.
     * @param compliance_ Its ModularCompliance.
     */
    constructor(
        IFilingRegistry registry_,
        address token_,
        address compliance_
    ) FilingAdapter(registry_, token_) {
        require(_belongTogether(token_, compliance_), NotTheTokensCompliance(token_, compliance_));
        _compliance = compliance_;
        _seen = SafeCast.toUint248(_supply());
    }

    /// @inheritdoc ITrexComplianceModule
    function bindCompliance(address compliance_) external {
        _requireItself(compliance_);
        require(!_bound, AlreadyBound(compliance_));
        uint256 supply = _supply();
        require(supply <= _seen, UngatedSupply(_seen, supply));
        _bound = true;
        // Fits: it is no more than before.
        _seen = uint248(supply);
        emit ComplianceBound(compliance_);
    }

    /// @inheritdoc ITrexComplianceModule
    function unbindCompliance(address compliance_) external {
        _requireItself(compliance_);
        require(_bound, NotBound(compliance_));
        _bound = false;
        emit ComplianceUnbound(compliance_);
    }

    /// @inheritdoc ITrexComplianceModule
    function moduleTransferAction(address, address, uint256) external pure {}

    /// @inheritdoc ITrexComplianceModule
    function moduleMintAction(address, uint256 value) external onlyBoundCompliance {
        uint256 before = _seen;
        uint256 supply = _supply();
        require(value != 0 && supply > before && supply - before == value, MintNotSeen(value, before, supply));
        _seen = SafeCast.toUint248(supply);
        _consume(value);
    }

    /// @inheritdoc ITrexComplianceModule
    function moduleBurnAction(address, uint256) external onlyBoundCompliance {
        uint256 supply = _supply();
        if (supply < _seen) {
            // Fits: it is less than before.
            _seen = uint248(supply);
        }
    }

    /// @inheritdoc ITrexComplianceModule
    function moduleCheck(address, address, uint256, address) external pure returns (bool) {
        return true;
    }

    /// @inheritdoc ITrexComplianceModule
    function isComplianceBound(address compliance_) external view returns (bool) {
        return _bound && compliance_ == _compliance;
    }

    /// @inheritdoc ITrexComplianceModule
    function canComplianceBind(address compliance_) external view returns (bool) {
        return compliance_ == _compliance && _belongTogether(token(), compliance_);
    }

    /// @inheritdoc ITrexComplianceModule
    function isPlugAndPlay() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc ITrexComplianceModule
    function name() external pure returns (string memory) {
        return "FilingGateModule";
    }

    /// @inheritdoc ITrexComplianceModule
    function compliance() external view returns (address) {
        return _compliance;
    }

    /// @inheritdoc ITrexComplianceModule
    function supplySeen() external view returns (uint256) {
        return _seen;
    }

    /// @dev Reverts unless the one compliance contract calls and speaks of itself.
    function _requireItself(address compliance_) private view {
        require(msg.sender == _compliance, OnlyCompliance(msg.sender));
        require(compliance_ == _compliance, WrongCompliance(compliance_, _compliance));
    }

    /// @dev Whether token and compliance contract name each other.
    function _belongTogether(address token_, address compliance_) private view returns (bool) {
        return
            ITrexToken(token_).compliance() == compliance_ &&
            ITrexModularCompliance(compliance_).getTokenBound() == token_;
    }
}
