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
 * derived token passes it as well. A batch draws its sum once and the mints inside it use that up: see {drawnAtOnce}.
 *
 * What it does NOT do: it does not decide who may mint (that is the derived token's access control) and restricts no
 * transfer and no burn. It cannot stop a derived contract that overrides `_update` without calling `super`, or that
 * names the base token's `_update` directly: review such code, and compare what was minted with what the registry says
 * was issued.
 */
abstract contract FilingGated is IFilingGated, ERC20 {
    IFilingRegistry private immutable _registry;

    /// @dev Inside a batch one more than what is left of it, otherwise zero.
    uint256 private transient _batch;

    /**
     * @dev Draws `total` from the registry once, for all mints in the function's body.
     *
     * Requirements:
     *
     * - not inside another batch;
     * - the registry lets the token issue `total`;
     * - the body mints exactly `total`.
     *
     * @param total Sum of what the body mints.
     */
    modifier drawnAtOnce(uint256 total) {
        _beginBatch(total);
        _;
        _endBatch();
    }

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
     * @dev Draws every mint from the registry, or from the batch that is under way.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount in base units.
     */
    function _update(address from, address to, uint256 value) internal virtual override {
        if (from == address(0)) {
            _draw(value);
        }
        super._update(from, to, value);
    }

    /// @dev Takes `amount` from the batch under way, or from the registry if there is none.
    function _draw(uint256 amount) private {
        uint256 batch = _batch;
        if (batch == 0) {
            _registry.consume(amount);
            return;
        }
        // The registry refuses a mint of zero; inside a batch it is not asked.
        require(amount != 0, IFilingRegistry.ZeroAmount());
        // Cannot underflow: batch is at least one here, and amount is less in the second line.
        unchecked {
            require(amount < batch, MintExceedsBatch(amount, batch - 1));
            _batch = batch - amount;
        }
    }

    function _beginBatch(uint256 total) private {
        require(_batch == 0, BatchInProgress());
        _registry.consume(total);
        _batch = total + 1;
    }

    function _endBatch() private {
        uint256 batch = _batch;
        require(batch == 1, BatchNotMinted(batch - 1));
        _batch = 0;
    }
}
