// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @notice What a contract does to whom one document of a dossier is shown.
contract EvidenceProof {
    bytes private constant KEY = '"evidenceRoot":"0x';

    /// @notice Whether a document of this SHA-256 is under the root.
    function shown(bytes32 root, bytes32 name, bytes32 content, bytes32 salt, bytes32[] calldata proof)
        public
        pure
        returns (bool)
    {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(name, content, salt))));
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }

    /// @notice Whether `dossier`, the canonical JSON of `dossierHash`, states this root at `offset`.
    /// @dev A quotation mark within a JSON string is escaped, so the key's own bytes stand nowhere else.
    function states(bytes32 dossierHash, bytes calldata dossier, uint256 offset, bytes32 root)
        external
        pure
        returns (bool)
    {
        if (keccak256(dossier) != dossierHash || offset + KEY.length + 64 > dossier.length) return false;
        if (keccak256(dossier[offset:offset + KEY.length]) != keccak256(KEY)) return false;
        bytes16 digits = "0123456789abcdef";
        for (uint256 i = 0; i < 32; ++i) {
            uint256 at = offset + KEY.length + 2 * i;
            if (dossier[at] != digits[uint8(root[i]) >> 4] || dossier[at + 1] != digits[uint8(root[i]) & 15]) return false;
        }
        return true;
    }
}
