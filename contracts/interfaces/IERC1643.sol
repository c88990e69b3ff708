// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/**
 * @title IERC1643
 * @notice Documents that belong to a token: where they are found, and what they hash to.
 */
interface IERC1643 {
    /**
     * @notice A document was added, or is now another one.
     * @param name Name of the document.
     * @param uri Where it is found.
     * @param documentHash Hash of its bytes.
     */
    event DocumentUpdated(bytes32 indexed name, string uri, bytes32 documentHash);

    /**
     * @notice A document was removed.
     * @param name Name of the document.
     * @param uri Where it was found.
     * @param documentHash Hash of its bytes.
     */
    event DocumentRemoved(bytes32 indexed name, string uri, bytes32 documentHash);

    /// @notice A document has a name, and so this one cannot be set.
    error EmptyDocumentName();

    /**
     * @notice A document without a hash could be any.
     * @param name Name of the document.
     */
    error EmptyDocumentHash(bytes32 name);

    /**
     * @notice There is no document of this name.
     * @param name Name that was given.
     */
    error UnknownDocument(bytes32 name);

    /**
     * @notice There are as many documents as there may be.
     * @param maximum Largest number allowed.
     */
    error TooManyDocuments(uint256 maximum);

    /**
     * @notice Adds a document, or replaces the one of this name.
     * @dev Requirements:
     *
     * - the sender has the documents role;
     * - neither name nor hash is zero, and there are at most 32 documents.
     *
     * Emits a {DocumentUpdated} event.
     *
     * @param name Name of the document.
     * @param uri Where it is found.
     * @param documentHash Hash of its bytes.
     */
    function setDocument(bytes32 name, string calldata uri, bytes32 documentHash) external;

    /**
     * @notice Removes a document.
     * @dev Requirements:
     *
     * - the sender has the documents role;
     * - there is a document of this name.
     *
     * Emits a {DocumentRemoved} event.
     *
     * @param name Name of the document.
     */
    function removeDocument(bytes32 name) external;

    /**
     * @notice A document.
     * @param name Name of the document.
     * @return uri Where it is found, empty if there is none of this name.
     * @return documentHash Hash of its bytes, zero if there is none.
     * @return lastModified Time at which it was set, zero if there is none.
     */
    function getDocument(
        bytes32 name
    ) external view returns (string memory uri, bytes32 documentHash, uint256 lastModified);

    /**
     * @notice All documents.
     * @return Their names, in no order.
     */
    function getAllDocuments() external view returns (bytes32[] memory);
}
