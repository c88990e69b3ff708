// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IFilingGated} from "./interfaces/IFilingGated.sol";
import {IFilingRegistry} from "./interfaces/IFilingRegistry.sol";

/**
 * @title FilingGated
 * @notice Mix-in for an ERC-20: whatever the token's own code does, a mint draws on its filing or fails.
 * @dev The gate stands in `_update`, the one place where the base token creates supply, so that a mint added by a
 * derived token passes it as well. {_mintAll} draws the sum of a batch once.
 *
 * What it does NOT do: it does not decide who may mint (that is the derived token's access control) and restricts no
 * transfer and no burn. It cannot stop a derived contract that overrides `_update` without calling `super`, or that
 * names the base token's `_update` directly: review such code, and compare what was minted with what the registry says
 * was issued.
 */
abstract contract FilingGated is IFilingGated, ERC20 {
    /// @dev Bounds the loops over holders.
    uint256 private constant MAX_BATCH = 256;

    IFilingRegistry private immutable _registry;

    /**
     * @dev Binds the token to a registry for good.
     *
     * Requirements:
     *
     * - `registry_` says through ERC-165 that it is a filing registry.
     *
     * @param registry_ The registry.
     */
    constructor(IFilingRegistry registry_) {
        require(
            ERC165Checker.supportsInterface(address(registry_), type(IFilingRegistry).interfaceId),
            NotAFilingRegistry(address(registry_))
        );
        _registry = registry_;
    }

    /// @inheritdoc IFilingGated
    function registry() public view returns (IFilingRegistry) {
        return _registry;
    }

    /// @inheritdoc IFilingGated
    function filing() public view returns (bytes32) {
        return _registry.filingOf(address(this));
    }

    /**
     * @dev Draws every mint from the registry.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount in base units.
     */
    function _update(address from, address to, uint256 value) internal virtual override {
        if (from == address(0)) {
            _registry.consume(value);
        }
        super._update(from, to, value);
    }

    /**
     * @dev Mints to several holders, drawing the sum from the registry once.
     *
     * NOTE: What a derived contract adds to `_update` is not done here. One that asks more of a holder must ask it of
     * all of them before.
     *
     * Requirements:
     *
     * - as many amounts as holders, at least one and at most 256;
     * - no holder and no amount is zero;
     * - the registry lets the token issue the sum.
     *
     * Emits a {IERC20-Transfer} event for each holder.
     *
     * @param to Holders; one may appear more than once.
     * @param amounts Amounts in base units, in the order of `to`.
     */
    function _mintAll(address[] calldata to, uint256[] calldata amounts) internal {
        uint256 count = to.length;
        require(count == amounts.length, BatchLengthMismatch(count, amounts.length));
        require(count <= MAX_BATCH, BatchTooLong(count, MAX_BATCH));
        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            address holder = to[i];
            uint256 amount = amounts[i];
            require(holder != address(0), ERC20InvalidReceiver(holder));
            // The registry will be asked for the sum only.
            require(amount != 0, IFilingRegistry.ZeroAmount());
            super._update(address(0), holder, amount);
            // Cannot overflow: the base token has added it to the supply, which did not.
            unchecked {
                total += amount;
            }
        }
        _registry.consume(total);
    }
}
