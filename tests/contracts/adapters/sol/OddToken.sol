// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev What a receiver is told while it receives.
interface IMintReceiver {
    function onMint(uint256 amount) external;
}

/// @dev A token that anybody can mint, and that does not do what it was asked.
contract OddToken is ERC20 {
    enum Way {
        Honest,
        TakesFee,
        DoesNothing,
        GivesMore,
        MintsBeside,
        TellsReceiver
    }

    Way public way;
    address public beside = address(0xBE51DE);
    uint8 private _decimals = 6;

    constructor() ERC20("Odd", "ODD") {}

    function setWay(Way way_) external {
        way = way_;
    }

    function setDecimals(uint8 decimals_) external {
        _decimals = decimals_;
    }

    /// @dev Answers with a value, as some tokens do.
    function mint(address to, uint256 amount) external returns (bool) {
        if (way == Way.DoesNothing) {
            return false;
        }
        if (way == Way.TakesFee) {
            _mint(to, amount - amount / 100);
            _mint(beside, amount / 100);
        } else if (way == Way.GivesMore) {
            _mint(to, amount + 1);
        } else {
            _mint(to, amount);
        }
        if (way == Way.MintsBeside) {
            _mint(beside, amount);
        }
        if (way == Way.TellsReceiver) {
            IMintReceiver(to).onMint(amount);
        }
        return true;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
