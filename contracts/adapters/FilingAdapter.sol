// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IFilingAdapter} from "../interfaces/adapters/IFilingAdapter.sol";
import {IFilingRegistry} from "../interfaces/IFilingRegistry.sol";

/**
 * @title FilingAdapter
 * @notice What all adapters share: one registry and one token, both for good.
 * @dev What it does NOT do: it does not stop a token from being minted past the adapter; only the token can do that. It
 * does not look at the token's decimals again when a mint passes, only when an approval does.
 */
abstract contract FilingAdapter is IFilingAdapter {
    IFilingRegistry private immutable _registry;
    address private immutable _token;
    uint8 private immutable _decimals;

    /**
     * @dev Requirements:
     *
     * - `registry_` says through ERC-165 that it is a filing registry;
     * - `token_` is a contract that tells its decimals, from 0 to 255.
     *
     * @param registry_ The registry.
     * @param token_ The token.
     */
    constructor(IFilingRegistry registry_, address token_) {
        require(
            ERC165Checker.supportsInterface(address(registry_), type(IFilingRegistry).interfaceId),
            NotAFilingRegistry(address(registry_))
        );
        _registry = registry_;
        _token = token_;
        _decimals = _decimalsOf(token_);
    }

    /// @inheritdoc IFilingAdapter
    function registry() public view returns (IFilingRegistry) {
        return _registry;
    }

    /// @inheritdoc IFilingAdapter
    function token() public view returns (address) {
        return _token;
    }

    /// @inheritdoc IFilingAdapter
    function decimals() external view returns (uint8) {
        uint8 actual = _decimalsOf(_token);
        require(actual == _decimals, DecimalsChanged(_decimals, actual));
        return actual;
    }

    /// @inheritdoc IFilingAdapter
    function filing() external view returns (bytes32) {
        return _registry.filingOf(address(this));
    }

    /// @dev Draws `amount` on the tranche that names this adapter, or fails with the registry's error.
    function _consume(uint256 amount) internal {
        _registry.consume(amount);
    }

    /// @dev The supply that the token reports now.
    function _supply() internal view returns (uint256) {
        return IERC20(_token).totalSupply();
    }

    /// @dev The token's decimals; anything else than one number from 0 to 255 is refused.
    function _decimalsOf(address token_) private view returns (uint8) {
        (bool success, bytes memory result) = token_.staticcall(abi.encodeCall(IERC20Metadata.decimals, ()));
        // An address without code answers with nothing.
        require(success && result.length == 32, IFilingRegistry.DecimalsUnreadable(token_));
        uint256 value = abi.decode(result, (uint256));
        require(value <= type(uint8).max, IFilingRegistry.DecimalsUnreadable(token_));
        return uint8(value);
    }
}
