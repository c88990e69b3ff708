// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {PredicateClient} from "@predicate/contracts/src/mixins/PredicateClient.sol";
import {PredicateMessage} from "@predicate/contracts/src/interfaces/IPredicateClient.sol";

/// @dev A token that its owner mints with a message of Predicate's operators for that very call. No cap.
contract PredicateGatedToken is ERC20, Ownable, PredicateClient {
    error Refused();

    constructor(
        address manager,
        string memory policy,
        address issuer
    ) ERC20("Predicated", "PRED") Ownable(issuer) {
        _initPredicateClient(manager, policy);
    }

    function mint(address to, uint256 amount, PredicateMessage calldata message) external onlyOwner {
        bytes memory call = abi.encodeWithSignature("_mint(address,uint256)", to, amount);
        require(_authorizeTransaction(message, call, msg.sender, 0), Refused());
        _mint(to, amount);
    }

    function mintBatch(
        address[] calldata to,
        uint256[] calldata amounts,
        PredicateMessage calldata message
    ) external onlyOwner {
        bytes memory call = abi.encodeWithSignature("_mintBatch(address[],uint256[])", to, amounts);
        require(_authorizeTransaction(message, call, msg.sender, 0), Refused());
        for (uint256 i = 0; i < to.length; ++i) {
            _mint(to[i], amounts[i]);
        }
    }

    function setPolicy(string memory policy) external onlyOwner {
        _setPolicy(policy);
    }

    function setPredicateManager(address manager) external onlyOwner {
        _setPredicateManager(manager);
    }
}
