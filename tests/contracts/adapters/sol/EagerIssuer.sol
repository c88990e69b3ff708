// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGatedMinter} from "../../../../contracts/interfaces/adapters/IGatedMinter.sol";
import {IMintReceiver, OddToken} from "./OddToken.sol";

/// @dev An issuer that receives its own mint and, while it does, tries something.
contract EagerIssuer is IMintReceiver {
    enum Trick {
        MintAgain,
        BatchAgain,
        PassOn,
        MintBesideTheGate
    }

    IGatedMinter private immutable _minter;
    Trick private _trick;
    bool private _busy;

    constructor(IGatedMinter minter) {
        _minter = minter;
    }

    function start(Trick trick, uint256 amount) external {
        _trick = trick;
        _minter.mint(address(this), amount);
    }

    function onMint(uint256 amount) external {
        if (_busy) {
            return;
        }
        _busy = true;
        if (_trick == Trick.MintAgain) {
            _minter.mint(address(this), amount);
        } else if (_trick == Trick.BatchAgain) {
            address[] memory to = new address[](1);
            uint256[] memory amounts = new uint256[](1);
            (to[0], amounts[0]) = (address(this), amount);
            _minter.mintBatch(to, amounts);
        } else if (_trick == Trick.PassOn) {
            IERC20(_minter.token()).transfer(address(1), 1);
        } else {
            OddToken(_minter.token()).mint(address(this), amount);
        }
        _busy = false;
    }
}
