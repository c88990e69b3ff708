// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev A contract account of one key, and the ways in which such a wallet may misbehave.
contract OddWallet {
    enum Manner {
        Honest,
        Reverts,
        RevertsWithTheMagicValue,
        Garbage,
        Zero,
        True,
        Empty,
        FourBytes,
        SixtyFourBytes,
        DirtyWord,
        BurnsAllGas,
        Megabyte,
        WritesState
    }

    address private immutable _key;
    Manner private immutable _manner;

    constructor(address key, Manner manner) {
        _key = key;
        _manner = manner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external returns (bytes4) {
        Manner manner = _manner;
        if (manner == Manner.Honest) {
            (uint8 v, bytes32 r, bytes32 s) = ECDSA.parseCalldata(signature);
            (address signer, ECDSA.RecoverError error, ) = ECDSA.tryRecover(hash, v, r, s);
            return
                error == ECDSA.RecoverError.NoError && signer == _key
                    ? IERC1271.isValidSignature.selector
                    : bytes4(0xffffffff);
        }
        require(manner != Manner.Reverts, "never");
        bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
        assembly ("memory-safe") {
            mstore(0, magic)
            switch manner
            case 2 {
                revert(0, 0x20)
            }
            case 3 {
                mstore(0, hash)
                return(0, 0x20)
            }
            case 4 {
                mstore(0, 0)
                return(0, 0x20)
            }
            case 5 {
                mstore(0, 1)
                return(0, 0x20)
            }
            case 6 {
                return(0, 0)
            }
            case 7 {
                return(0, 4)
            }
            case 8 {
                return(0, 0x40)
            }
            case 9 {
                mstore8(0x1f, 1)
                return(0, 0x20)
            }
            case 10 {
                invalid()
            }
            case 11 {
                return(0, 1000000)
            }
        }
        // Called statically, this fails.
        assembly ("memory-safe") {
            sstore(0, 1)
            return(0, 0x20)
        }
    }
}
