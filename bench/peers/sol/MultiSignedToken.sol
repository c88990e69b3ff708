// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MultiSignerERC7913} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";

/// @dev A token that mints what a quorum of signers has signed, each mint with a number of its own. No cap, no window.
contract MultiSignedToken is ERC20, EIP712, MultiSignerERC7913 {
    error Refused();

    bytes32 private constant MINT_TYPEHASH = keccak256("Mint(address to,uint256 amount,uint256 number)");

    bytes32 private constant BATCH_TYPEHASH = keccak256("MintBatch(address[] to,uint256[] amounts,uint256 number)");

    mapping(uint256 number => bool) private _used;

    constructor(
        bytes[] memory signers,
        uint64 quorum
    ) ERC20("Signed", "SIGNED") EIP712("MultiSignedToken", "1") MultiSignerERC7913(signers, quorum) {}

    function mint(address to, uint256 amount, uint256 number, bytes calldata signatures) external {
        _use(number, keccak256(abi.encode(MINT_TYPEHASH, to, amount, number)), signatures);
        _mint(to, amount);
    }

    function mintBatch(
        address[] calldata to,
        uint256[] calldata amounts,
        uint256 number,
        bytes calldata signatures
    ) external {
        bytes32 toHash = keccak256(abi.encodePacked(to));
        bytes32 amountsHash = keccak256(abi.encodePacked(amounts));
        _use(number, keccak256(abi.encode(BATCH_TYPEHASH, toHash, amountsHash, number)), signatures);
        for (uint256 i = 0; i < to.length; ++i) {
            _mint(to[i], amounts[i]);
        }
    }

    function _use(uint256 number, bytes32 structHash, bytes calldata signatures) private {
        require(!_used[number], Refused());
        _used[number] = true;
        require(_rawSignatureValidation(_hashTypedDataV4(structHash), signatures), Refused());
    }
}
