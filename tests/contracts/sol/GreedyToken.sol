// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {FilingGated} from "../../../contracts/FilingGated.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";

/// @dev A gated token that lets anybody mint, and that tries what a careless or dishonest issuer might write.
contract GreedyToken is FilingGated {
    constructor(IFilingRegistry registry_) ERC20("Greedy", "GREED") FilingGated(registry_) {}

    function mintAnyway(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function updateAnyway(address to, uint256 amount) external {
        _update(address(0), to, amount);
    }

    /// @dev Draws `total` and mints the parts, whatever they add up to.
    function mintParts(address to, uint256 total, uint256[] calldata parts) public drawnAtOnce(total) {
        for (uint256 i = 0; i < parts.length; ++i) {
            _mint(to, parts[i]);
        }
    }

    function mintNested(address to, uint256 total, uint256[] calldata parts) external drawnAtOnce(total) {
        mintParts(to, total, parts);
    }

    /// @dev A batch, and a mint after it in the same transaction.
    function mintPartsAndMore(address to, uint256 total, uint256[] calldata parts, uint256 more) external {
        mintParts(to, total, parts);
        _mint(to, more);
    }
}
