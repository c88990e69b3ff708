// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IERC1643} from "./interfaces/IERC1643.sol";

/**
 * @title TokenDocuments
 * @notice Mix-in for a token: references to the documents that belong to it, in the style of ERC-1643.
 * @dev What it does NOT do: it holds no document and cannot say whether the one at the address has the hash; that is
 * for whoever reads it to check. No rule of the token depends on a document.
 */
abstract contract TokenDocuments is IERC1643, AccessControl {
    using EnumerableSet for EnumerableSet.Bytes32Set;

    /**
     * @dev What is known of a document.
     * @param documentHash Hash of its content.
     * @param lastModified Time at which it was set last.
     * @param uri Where it can be found.
     */
    struct Document {
        bytes32 documentHash;
        uint64 lastModified;
        string uri;
    }

    /// @notice Role that may set and remove documents.
    bytes32 public constant DOCUMENTS_ROLE = keccak256("DOCUMENTS_ROLE");

    /// @dev Bounds what {getAllDocuments} returns.
    uint256 private constant MAX_DOCUMENTS = 32;

    EnumerableSet.Bytes32Set private _names;
    mapping(bytes32 name => Document) private _documents;

    /// @inheritdoc IERC1643
    function setDocument(
        bytes32 name,
        string calldata uri,
        bytes32 documentHash
    ) external onlyRole(DOCUMENTS_ROLE) {
        require(name != bytes32(0), EmptyDocumentName());
        require(documentHash != bytes32(0), EmptyDocumentHash(name));
        _names.add(name);
        require(_names.length() <= MAX_DOCUMENTS, TooManyDocuments(MAX_DOCUMENTS));
        _documents[name] = Document(documentHash, uint64(block.timestamp), uri);
        emit DocumentUpdated(name, uri, documentHash);
    }

    /// @inheritdoc IERC1643
    function removeDocument(bytes32 name) external onlyRole(DOCUMENTS_ROLE) {
        require(_names.remove(name), UnknownDocument(name));
        Document memory document = _documents[name];
        delete _documents[name];
        emit DocumentRemoved(name, document.uri, document.documentHash);
    }

    /// @inheritdoc IERC1643
    function getDocument(
        bytes32 name
    ) external view returns (string memory uri, bytes32 documentHash, uint256 lastModified) {
        Document storage document = _documents[name];
        return (document.uri, document.documentHash, document.lastModified);
    }

    /// @inheritdoc IERC1643
    function getAllDocuments() external view returns (bytes32[] memory) {
        return _names.values();
    }
}
