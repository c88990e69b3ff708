// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IFilingRegistry} from "./interfaces/IFilingRegistry.sol";

/// @dev First eight bytes of a filing's hash, by which storage knows it.
type FilingKey is uint64;

/// @dev A token's cap (bits 0 to 95), what it issued (96 to 191) and its filing's key (192 to 255). Bound if the cap is
/// not zero.
type TrancheWord is uint256;

/// @dev A filing's status (bits 0 to 7), window (8 to 55 and 56 to 103), sequence (104 to 167), and the end of the
/// digest applied last (168 to 255), by which a repeat is known; zero after a suspension.
type FilingWord is uint256;

using TrancheFields for TrancheWord global;
using FilingFields for FilingWord global;

/// @dev The key of a filing.
function filingKey(bytes32 filing) pure returns (FilingKey) {
    return FilingKey.wrap(uint64(bytes8(filing)));
}

/// @dev The tag of a digest.
function digestTag(bytes32 digest) pure returns (uint88) {
    return uint88(uint256(digest));
}

/// @dev A tranche; cap and issued must fit 96 bits.
function packTranche(uint256 cap, uint256 issued, FilingKey key) pure returns (TrancheWord) {
    return TrancheWord.wrap(cap | (issued << 96) | (uint256(FilingKey.unwrap(key)) << 192));
}

/// @dev A filing; the times must fit 48 bits.
function packFiling(
    IFilingRegistry.FilingStatus status,
    uint64 validAfter,
    uint64 validUntil,
    uint64 sequence,
    uint88 tag
) pure returns (FilingWord) {
    return
        FilingWord.wrap(
            uint256(status) |
                (uint256(validAfter) << 8) |
                (uint256(validUntil) << 56) |
                (uint256(sequence) << 104) |
                (uint256(tag) << 168)
        );
}

/**
 * @title TrancheFields
 * @notice Reads what a tranche is packed of.
 */
library TrancheFields {
    /// @dev Most that may ever be issued.
    function cap(TrancheWord word) internal pure returns (uint256) {
        return uint96(TrancheWord.unwrap(word));
    }

    /// @dev Amount issued so far.
    function issued(TrancheWord word) internal pure returns (uint256) {
        return uint96(TrancheWord.unwrap(word) >> 96);
    }

    /// @dev Key of the filing.
    function key(TrancheWord word) internal pure returns (FilingKey) {
        return FilingKey.wrap(uint64(TrancheWord.unwrap(word) >> 192));
    }
}

/**
 * @title FilingFields
 * @notice Reads what a filing is packed of.
 */
library FilingFields {
    /// @dev Where the filing stands. The byte was made from a status, so that the conversion cannot fail.
    function status(FilingWord word) internal pure returns (IFilingRegistry.FilingStatus) {
        return IFilingRegistry.FilingStatus(uint8(FilingWord.unwrap(word)));
    }

    /// @dev First second in which issuing is allowed.
    function validAfter(FilingWord word) internal pure returns (uint64) {
        return uint48(FilingWord.unwrap(word) >> 8);
    }

    /// @dev First second in which it no longer is.
    function validUntil(FilingWord word) internal pure returns (uint64) {
        return uint48(FilingWord.unwrap(word) >> 56);
    }

    /// @dev The filing's sequence.
    function sequence(FilingWord word) internal pure returns (uint64) {
        return uint64(FilingWord.unwrap(word) >> 104);
    }

    /// @dev The tag of the digest applied last.
    function tag(FilingWord word) internal pure returns (uint88) {
        return uint88(FilingWord.unwrap(word) >> 168);
    }
}
