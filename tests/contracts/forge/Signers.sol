// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Proof} from "./Proof.sol";
import {OddWallet} from "../sol/OddWallet.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev Accounts that can be operators, with their keys, and ballots in all forms, good and bad.
abstract contract Signers is Proof {
    /// @dev Signatures and, for each, whether it is one over the digest by the operator it names.
    struct Ballot {
        IOracleCommittee.OperatorSignature[] list;
        bool[] valid;
    }

    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    address[] internal _pool;
    mapping(address account => uint256) internal _keyOf;
    uint256 private _state;

    /// @dev So many accounts with keys, ascending by address; the last one made is a contract wallet.
    function _makePool(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            uint256 key = uint256(keccak256(abi.encode("operator", i))) % ORDER;
            address account = vm.addr(key);
            if (i + 1 == count) {
                account = address(new OddWallet(account, OddWallet.Manner.Honest));
            }
            _keyOf[account] = key;
            _pool.push(account);
            for (uint256 k = _pool.length - 1; k != 0 && _pool[k - 1] > _pool[k]; --k) {
                (_pool[k - 1], _pool[k]) = (_pool[k], _pool[k - 1]);
            }
        }
    }

    function _seed(uint256 seed) internal {
        _state = seed;
    }

    /// @dev The next number of the sequence that the seed began, less than `below`.
    function _rand(uint256 below) internal returns (uint256) {
        _state = uint256(keccak256(abi.encode(_state)));
        return _state % below;
    }

    function _signature(address operator, bytes32 digest, bool compact) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf[operator], digest);
        return compact ? abi.encodePacked(r, s | bytes32(uint256(v - 27) << 255)) : abi.encodePacked(r, s, v);
    }

    /// @dev Something that is no signature over `digest` by `operator`.
    function _badSignature(address operator, bytes32 digest, uint256 kind) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf[operator], digest);
        if (kind == 0) return _signature(operator, ~digest, false);
        if (kind == 1) return abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        if (kind == 2) return abi.encodePacked(r, s, uint8(29));
        if (kind == 3) return abi.encodePacked(r, s, v, uint8(0));
        if (kind == 4) return "";
        if (kind == 5) return abi.encodePacked(bytes32(0), bytes32(0), uint8(27));
        (v, r, s) = vm.sign(uint256(keccak256("nobody")) % ORDER, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev A ballot of good signatures by these accounts, in this order.
    function _ballot(address[] memory by, bytes32 digest) internal view returns (Ballot memory made) {
        made.list = new IOracleCommittee.OperatorSignature[](by.length);
        made.valid = new bool[](by.length);
        for (uint256 i = 0; i < by.length; ++i) {
            bool compact = _keyOf[by[i]] % 2 == uint256(digest) % 2;
            made.valid[i] = _keyOf[by[i]] != 0;
            made.list[i] = IOracleCommittee.OperatorSignature(
                by[i],
                made.valid[i] ? _signature(by[i], digest, compact) : _badSignature(_pool[0], digest, 6)
            );
        }
    }

    function _sort(address[] memory list) internal pure returns (address[] memory) {
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 k = i; k != 0 && list[k - 1] > list[k]; --k) {
                (list[k - 1], list[k]) = (list[k], list[k - 1]);
            }
        }
        return list;
    }

    function _resized(address[] memory list, uint256 length) internal pure returns (address[] memory made) {
        made = new address[](length);
        for (uint256 i = 0; i < length && i < list.length; ++i) {
            made[i] = list[i];
        }
    }
}
