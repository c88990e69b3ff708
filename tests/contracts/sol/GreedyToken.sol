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

    function mintParts(address[] calldata to, uint256[] calldata parts) external {
        _mintAll(to, parts);
    }
}
